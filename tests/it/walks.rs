//! Random walks through the states of an edition: the rules, the table of steps and a model that
//! knows neither must agree at every step. (Spec §4.1)

use std::collections::BTreeSet;

use judgement_ledger::judgement::{
    AssessmentOrder, Event, ExpectedRevision, LockAssessment, PublishAssessment, RefuseSignOff,
    ReopenAssessment, SignOff, State, Step, TRANSITIONS, Text, WithdrawAssessment,
};

use crate::rules::{
    Past, act, command, explained, framework, given, graded, opened, organisation, person,
    signature, text, word,
};

const SIGNERS: [&str; 2] = ["csci", "ofsted"];

/// What somebody tries.
#[derive(Debug, Clone, Copy)]
enum Try {
    Lock,
    Sign(&'static str),
    Refuse(&'static str),
    Reopen,
    Publish,
    Withdraw(u32),
}

/// What the letter of the specification says, without the code's words: who has signed the working
/// edition, if it is closed, and which editions are out.
#[derive(Debug, Default)]
struct Model {
    /// The number of the working edition; none after a publication.
    working: Option<u32>,
    /// The signers under it, if it is closed.
    closed: Option<BTreeSet<&'static str>>,
    /// Each edition that came out, and whether it was taken back.
    out: Vec<bool>,
}

impl Model {
    /// Whether this may be done; if so, it is.
    fn does(&mut self, tried: Try) -> bool {
        match tried {
            Try::Lock if self.working.is_some() && self.closed.is_none() => {
                self.closed = Some(BTreeSet::new());
                true
            }
            Try::Sign(who) => self.closed.as_mut().is_some_and(|signed| signed.insert(who)),
            Try::Refuse(who) if self.closed.as_ref().is_some_and(|it| !it.contains(who)) => {
                self.closed = None;
                true
            }
            Try::Reopen if self.closed.is_some() || self.working.is_none() => {
                let next = u32::try_from(self.out.len() + 1).unwrap();
                (self.working, self.closed) = (Some(next), None);
                true
            }
            Try::Publish if self.closed.as_ref().is_some_and(|it| it.len() == SIGNERS.len()) => {
                (self.working, self.closed) = (None, None);
                self.out.push(false);
                true
            }
            Try::Withdraw(number) => {
                let is_last = usize::try_from(number) == Ok(self.out.len());
                let in_force = is_last && self.out.last() == Some(&false);
                if in_force {
                    *self.out.last_mut().unwrap() = true;
                }
                in_force
            }
            Try::Lock | Try::Refuse(_) | Try::Reopen | Try::Publish => false,
        }
    }

    fn state(&self) -> State {
        match (&self.closed, self.working) {
            (Some(signed), _) if signed.len() == SIGNERS.len() => State::Signed,
            (Some(_), _) => State::Locked,
            (None, Some(_)) => State::Open,
            (None, None) if self.out.last() == Some(&true) => State::Withdrawn,
            (None, None) => State::Published,
        }
    }
}

/// A small generator: the walk is told by its seed.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }

    fn tried(&mut self, out: usize) -> Try {
        let signer = SIGNERS[usize::try_from(self.throw(2)).unwrap()];
        match self.throw(9) {
            0 | 1 => Try::Lock,
            2..=4 => Try::Sign(signer),
            5 => Try::Refuse(signer),
            6 => Try::Reopen,
            7 => Try::Publish,
            _ => Try::Withdraw(u32::try_from(self.throw(3)).unwrap() + u32::try_from(out).unwrap()),
        }
    }
}

fn order(past: &Past, tried: Try) -> AssessmentOrder<Text> {
    let expected = Some(ExpectedRevision::Any);
    let (edition, digest) = (past.assessment.as_ref().unwrap().edition, past.digest());
    match tried {
        Try::Lock => AssessmentOrder::Lock(LockAssessment { digest, expected }),
        Try::Sign(signer) => AssessmentOrder::SignOff(SignOff {
            organisation: organisation(signer),
            edition,
            digest,
            signature: signature(),
            expected,
        }),
        Try::Refuse(signer) => AssessmentOrder::RefuseSignOff(RefuseSignOff {
            organisation: organisation(signer),
            edition,
            digest,
            objection: text("no"),
            expected,
        }),
        Try::Reopen => AssessmentOrder::Reopen(ReopenAssessment {
            authority: text("the chief inspector"),
            reference: None,
            expected,
        }),
        Try::Publish => AssessmentOrder::Publish(PublishAssessment {
            edition,
            letter_date: jiff::civil::date(2006, 11, 1),
            expected,
        }),
        Try::Withdraw(edition) => {
            AssessmentOrder::Withdraw(WithdrawAssessment { edition, fallback: None, expected })
        }
    }
}

/// The step that an event is.
fn step(event: &Event<Text>, after: State) -> Step {
    match event {
        Event::AssessmentLocked(_) => Step::Lock,
        Event::SignedOff(_) if after == State::Signed => Step::LastSignOff,
        Event::SignedOff(_) => Step::SignOff,
        Event::SignOffRefused(_) => Step::RefuseSignOff,
        Event::AssessmentReopened(_) => Step::Reopen,
        Event::AssessmentPublished(_) => Step::Publish,
        Event::AssessmentWithdrawn(_) => Step::Withdraw,
        other => panic!("{} is no step", other.name()),
    }
}

fn walk(seed: u64, taken: &mut BTreeSet<(State, Step, State)>) {
    let framework = framework();
    let mut dice = Dice(seed);
    let mut model = Model { working: Some(1), ..Model::default() };
    let mut past = given(&[opened(), graded("staying-safe", word("good"))]);
    for number in 0..60 {
        let tried = dice.tried(model.out.len().saturating_sub(1));
        let before = model.state();
        let mut command = command(explained(9), order(&past, tried));
        if let Try::Sign(signer) | Try::Refuse(signer) = tried {
            command.caller.organisation = organisation(signer);
        }
        let decided = past.decide(&command);
        let at = format!("seed {seed}, step {number}: {tried:?} of {model:?} gives {decided:?}");
        assert_eq!(decided.is_ok(), model.does(tried), "{at}");
        if let Ok(event) = decided {
            past.tell(&event, &act(9), person(1));
            let found = (before, step(&event, model.state()), model.state());
            assert!(TRANSITIONS.contains(&found), "{at}: {found:?}");
            taken.insert(found);
        }
        let assessment = past.assessment.as_ref().unwrap();
        assert_eq!(assessment.state(&framework), model.state(), "{at}");
        assert_eq!(assessment.in_force().is_some(), model.out.last() == Some(&false), "{at}");
        if let Some(working) = model.working {
            assert_eq!(assessment.edition, working, "{at}");
        }
    }
}

#[test]
fn every_walk_keeps_to_the_diagram_and_together_they_take_every_step_of_it() {
    let seed = uuid::Uuid::new_v4().as_u64_pair().0 | 1;
    println!("seed {seed}");
    let mut taken = BTreeSet::new();
    for walked in 0..400 {
        walk(seed.wrapping_add(walked * 2), &mut taken);
    }
    let all: BTreeSet<_> = TRANSITIONS.into_iter().collect();
    assert_eq!(taken, all);
}
