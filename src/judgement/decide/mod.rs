//! The rules: what a command does to what stands, or why it is refused.
//!
//! Each rule is one line, in a fixed precedence: who may, what exists, whether the order makes
//! sense under the framework, whether it says what it must, whether the state allows it, whether
//! somebody else was first. `tests/tables/precedence.txt` has a row for each. `decide` changes
//! nothing; what it answers is folded in by [`Assessment::evolve`].

mod corrections;
mod editions;
mod entries;
mod grades;
mod marks;
mod redactions;
mod registration;

use jiff::civil::Date;

pub use corrections::Correctable;
pub use redactions::{Asked, Holder, Redactable, Stage};

use super::{
    Act, Assessment, AssessmentId, AssessmentOrder, AudienceId, Caller, Command, Dangling, Event,
    EvidenceRef, Expected, ExpectedRevision, Framework, FrameworkId, Item, Lack, NamedBy, Order,
    Phase, Place, Position, ReasonCode, Redact, Refusal, Role, Text,
};
use crate::merkle::sha256;

/// What a command is decided against: all that the ledger knows and the rules need.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// Today, in the ledger's time zone.
    pub today: Date,
    /// The first position of the batch that the command belongs to.
    pub batch_from: Position,
    /// Fresh randomness, for salts.
    pub seed: [u8; 32],
    /// What is there already.
    pub known: Known<'a>,
}

/// What is there already.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// For orders that register something: whether that name is taken.
    Name {
        /// Whether it is.
        taken: bool,
    },
    /// For an order that renames a subject: its last record, if it is registered.
    Subject {
        /// That record.
        last: Option<Item>,
    },
    /// For an order that opens an assessment.
    Opening {
        /// The framework asked for, if it is registered.
        framework: Option<&'a Framework>,
        /// Whether the subject is registered.
        subject: bool,
        /// Whether an assessment of that name exists.
        taken: bool,
        /// An assessment of the same subject under the same framework in the same cycle.
        same_cycle: Option<&'a AssessmentId>,
    },
    /// For every other order on an assessment: what it is about, if it was opened.
    Assessment(Option<Opened<'a>>),
    /// For an order that erases a text: what it is about.
    Redaction(Redactable<'a>),
}

/// An assessment that was opened, and what its rules are asked against beside it.
#[derive(Debug, Clone, Copy)]
pub struct Opened<'a> {
    /// What stands.
    pub assessment: &'a Assessment,
    /// Its framework.
    pub framework: &'a Framework,
    /// The hash of the framework's document.
    pub document: &'a [u8; 32],
    /// Earlier wordings of its entries: all that the command cites and that there are.
    pub wordings: &'a [EvidenceRef],
    /// For a withdrawal: the subject's other assessments that are in force, latest first.
    pub peers: &'a [Peer],
    /// For a correction: the record to be corrected, if it is one of the assessment's.
    pub corrected: Option<&'a Correctable>,
    /// For a draft: the assessment as it was shown, if it was there then.
    pub draft: Option<&'a Assessment>,
}

/// Another assessment of the same subject that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Which one.
    pub assessment: AssessmentId,
    /// The framework that it is pinned to.
    pub framework: FrameworkId,
}

/// What the rules make of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What happens.
    pub event: Event<Text>,
    /// The role that allowed it.
    pub role: Role,
}

/// Decides one command: the event that it causes, or the first rule that it breaks.
///
/// # Errors
/// The [`Refusal`]; then nothing happens.
pub fn decide(situation: &Situation<'_>, command: &Command<Text>) -> Result<Decision, Refusal> {
    let Command { caller, act, order } = command;
    let role = permit(caller, act, may_cause(situation, act, order))?;
    let event = match order {
        Order::RotateKey(rotated) => Event::KeyRotated(rotated.clone()),
        Order::RegisterFramework(order) => registration::framework(situation, act, order)?,
        Order::RegisterSubject(order) => registration::subject(situation, act, order)?,
        Order::RenameSubject(order) => registration::rename(situation, act, order)?,
        Order::RecordAccess(order) => Event::AccessRecorded(order.clone()),
        Order::Redact(_, order) => redactions::redact(situation, (caller, act), order)?,
        Order::Assess(id, AssessmentOrder::Open(order)) => {
            registration::open(situation, act, id, order)?
        }
        Order::Assess(id, order) => {
            let Known::Assessment(Some(opened)) = situation.known else {
                return Err(Refusal::UnknownAssessment { assessment: id.clone() });
            };
            let Opened { assessment, framework, document, wordings, peers, corrected, draft } =
                opened;
            let case = Case {
                situation,
                caller,
                act,
                assessment,
                framework,
                document,
                wordings,
                peers,
                corrected,
                draft,
            };
            match order {
                // Decided above: an assessment that is being opened is not known yet.
                AssessmentOrder::Open(_) => {
                    return Err(Refusal::Exists { name: id.to_string() });
                }
                AssessmentOrder::SetGrade(order) => grades::set(&case, order)?,
                AssessmentOrder::RecordEntry(order) => entries::record(&case, order)?,
                AssessmentOrder::ReviseEntry(order) => entries::revise(&case, order)?,
                AssessmentOrder::SetAddressee(order) => entries::set_addressee(&case, order)?,
                AssessmentOrder::Lock(order) => editions::lock(&case, order)?,
                AssessmentOrder::SignOff(order) => editions::sign_off(&case, order)?,
                AssessmentOrder::Publish(order) => editions::publish(&case, order)?,
                AssessmentOrder::RefuseSignOff(order) => editions::refuse(&case, order)?,
                AssessmentOrder::Reopen(order) => editions::reopen(&case, order)?,
                AssessmentOrder::Withdraw(order) => editions::withdraw(&case, order)?,
                AssessmentOrder::PlaceHold(order) => marks::place_hold(&case, order)?,
                AssessmentOrder::ReleaseHold(order) => marks::release_hold(&case, order)?,
                AssessmentOrder::ReceiveChallenge(order) => marks::receive(&case, order)?,
                AssessmentOrder::DecideChallenge(order) => marks::decide(&case, order)?,
                AssessmentOrder::ShareDraft(order) => marks::share(&case, order)?,
                AssessmentOrder::Correct(order) => corrections::correct(&case, order)?,
            }
        }
    };
    // Past this line nothing may refuse.
    Ok(Decision { event, role })
}

/// An order on an assessment that was opened, with all that it is decided against.
#[derive(Debug, Clone, Copy)]
struct Case<'a> {
    situation: &'a Situation<'a>,
    caller: &'a Caller,
    act: &'a Act<Text>,
    assessment: &'a Assessment,
    framework: &'a Framework,
    document: &'a [u8; 32],
    wordings: &'a [EvidenceRef],
    peers: &'a [Peer],
    corrected: Option<&'a Correctable>,
    draft: Option<&'a Assessment>,
}

/// The roles that may cause an order's event. (Spec §4, second column)
fn may_cause(situation: &Situation<'_>, act: &Act<Text>, order: &Order<Text>) -> &'static [Role] {
    if act.origin.is_transcribed() && !matches!(order, Order::RotateKey(_)) {
        return &[Role::RecordsOfficer]; // §4.9
    }
    match order {
        Order::RotateKey(_) => &[Role::Service],
        Order::RegisterFramework(_) | Order::RegisterSubject(_) => {
            &[Role::FrameworkAdmin, Role::Service]
        }
        Order::RenameSubject(_) => &[Role::FrameworkAdmin],
        Order::RecordAccess(_) => MAY_TAKE_OUT,
        Order::Redact(_, order) => match order {
            Redact::Request(_) | Redact::Approve(_) | Redact::Refuse(_) => &[Role::RecordsOfficer],
            Redact::Complete(_) => &[Role::Service],
        },
        Order::Assess(_, order) => match order {
            AssessmentOrder::Open(_)
            | AssessmentOrder::SetAddressee(_)
            | AssessmentOrder::Lock(_)
            | AssessmentOrder::ShareDraft(_) => &[Role::LeadInspector],
            AssessmentOrder::SetGrade(_) => may_grade(situation, act),
            AssessmentOrder::RecordEntry(_) | AssessmentOrder::ReviseEntry(_) => &[Role::Inspector],
            AssessmentOrder::SignOff(_) | AssessmentOrder::RefuseSignOff(_) => &[Role::Signatory],
            AssessmentOrder::Reopen(_) => may_reopen(situation),
            AssessmentOrder::ReceiveChallenge(_) | AssessmentOrder::DecideChallenge(_) => {
                may_handle_challenges(situation)
            }
            AssessmentOrder::PlaceHold(_) | AssessmentOrder::ReleaseHold(_) => {
                &[Role::Publisher, Role::RecordsOfficer]
            }
            AssessmentOrder::Correct(_) => &[Role::RecordsOfficer],
            AssessmentOrder::Publish(_) | AssessmentOrder::Withdraw(_) => &[Role::Publisher],
        },
    }
}

/// Who may take something out: the auditor, who writes nothing else, and everybody who writes. What
/// each may take is for the face to say. (Spec §5.3)
const MAY_TAKE_OUT: &[Role] = &[
    Role::Auditor,
    Role::RecordsOfficer,
    Role::Inspector,
    Role::LeadInspector,
    Role::Moderator,
    Role::Signatory,
    Role::Publisher,
    Role::FrameworkAdmin,
];

/// Who may grade: an inspector, or for reasons of moderation a moderator. Which reasons those are
/// stands in the framework: of an assessment that was never opened either may hear that.
fn may_grade(situation: &Situation<'_>, act: &Act<Text>) -> &'static [Role] {
    let unknown = match situation.known {
        Known::Assessment(found) => found.is_none(),
        Known::Name { .. }
        | Known::Subject { .. }
        | Known::Opening { .. }
        | Known::Redaction(_) => false,
    };
    if unknown && act.reason.is_some() {
        &[Role::Inspector, Role::Moderator]
    } else if moderates(situation, act) {
        &[Role::Moderator]
    } else {
        &[Role::Inspector]
    }
}

/// Who may open again: what is published the publisher, what is not the lead inspector. Of an
/// assessment that was never opened either may hear that.
fn may_reopen(situation: &Situation<'_>) -> &'static [Role] {
    match situation.known {
        Known::Assessment(Some(opened)) => match opened.assessment.phase {
            Phase::Published => &[Role::Publisher],
            Phase::Open | Phase::Locked { .. } => &[Role::LeadInspector],
        },
        Known::Assessment(None)
        | Known::Name { .. }
        | Known::Subject { .. }
        | Known::Opening { .. }
        | Known::Redaction(_) => &[Role::LeadInspector, Role::Publisher],
    }
}

/// Who notes and decides challenges: the lead inspector, after publication the publisher. While
/// another edition is being worked on, a challenge may be to either.
fn may_handle_challenges(situation: &Situation<'_>) -> &'static [Role] {
    match situation.known {
        Known::Assessment(Some(opened)) if opened.assessment.published.is_empty() => {
            &[Role::LeadInspector]
        }
        Known::Assessment(Some(opened)) if opened.assessment.phase == Phase::Published => {
            &[Role::Publisher]
        }
        Known::Assessment(_)
        | Known::Name { .. }
        | Known::Subject { .. }
        | Known::Opening { .. }
        | Known::Redaction(_) => &[Role::LeadInspector, Role::Publisher],
    }
}

/// The first of the caller's roles that allows the order.
fn permit(caller: &Caller, act: &Act<Text>, needs: &'static [Role]) -> Result<Role, Refusal> {
    debug_assert!(!act.origin.is_transcribed() || needs == [Role::RecordsOfficer]);
    needs.iter().copied().find(|role| caller.is(*role)).ok_or(Refusal::NotPermitted { needs })
}

/// Whether the reason given is one of moderation under the assessment's framework.
fn moderates(situation: &Situation<'_>, act: &Act<Text>) -> bool {
    match (situation.known, &act.reason) {
        (Known::Assessment(Some(opened)), Some(reason)) => {
            opened.framework.reason(reason).is_some_and(|reason| reason.moderation)
        }
        (
            Known::Assessment(_)
            | Known::Name { .. }
            | Known::Subject { .. }
            | Known::Opening { .. }
            | Known::Redaction(_),
            _,
        ) => false,
    }
}

/// The rules about dates that every command keeps. (Spec §4.5, §4.9)
fn check_dates(situation: &Situation<'_>, act: &Act<Text>) -> Result<(), Refusal> {
    let future = |date: Option<Date>| date.is_some_and(|date| date > situation.today);
    let past = |date: Option<Date>| date.is_some_and(|date| date < situation.today);
    let transcribed = act.origin.is_transcribed();
    let backdating = "a rationale: effective_on lies before today";

    Refusal::DateInFuture { field: "decided_on" }.when(future(act.decided_on))?;
    Refusal::DateInFuture { field: "effective_on" }.when(future(act.effective_on))?;
    Refusal::TranscriptionUndated.when(transcribed && act.decided_on.is_none())?;
    Refusal::RationaleRequired { needs: backdating }
        .when(past(act.effective_on) && act.rationale.is_none() && !transcribed)
}

/// What changes something existing says what it believes to be there. (Spec §4.2)
fn check_stated(last: Option<Item>, expected: Option<Expected>) -> Result<(), Refusal> {
    Refusal::ExpectationRequired { last: last.map(|it| it.at) }
        .when(last.is_some() && expected.is_none())
}

/// The last record of an item is the one that is expected. (Spec §4.2)
fn check_last(
    situation: &Situation<'_>,
    item: impl FnOnce() -> String,
    last: Option<Item>,
    expected: Option<Expected>,
) -> Result<(), Refusal> {
    let at = last.map(|it| it.at);
    let holds = match expected {
        None | Some(Expected::NoneYet) => at.is_none(),
        Some(Expected::At(position)) => at == Some(position),
        Some(Expected::PreviousInBatch) => at.is_some_and(|at| at >= situation.batch_from),
        Some(Expected::Any) => true,
    };
    if holds {
        return Ok(());
    }
    let record = last.map(|it| it.record);
    Err(Refusal::StaleExpectation { item: item(), last: at, record })
}

/// A salt for what an audience sees: fresh for each command, and another for each audience.
fn salt(situation: &Situation<'_>, audience: &AudienceId) -> [u8; 32] {
    *sha256(&[&situation.seed, audience.as_str().as_bytes()]).as_bytes()
}

/// The reason, if given, is one of the framework's.
fn check_reason(framework: &Framework, act: &Act<Text>) -> Result<(), Refusal> {
    act.reason.as_ref().map_or(Ok(()), |reason| check_is_reason(framework, reason))
}

/// A reason is one of the framework's.
fn check_is_reason(framework: &Framework, reason: &ReasonCode) -> Result<(), Refusal> {
    let reasons = || framework.reasons.iter().map(|it| it.code.clone()).collect();
    match framework.reason(reason) {
        Some(_) => Ok(()),
        None => Err(Refusal::ReasonNotInFramework { reason: reason.clone(), reasons: reasons() }),
    }
}

/// What is there before any entry rests on none.
fn check_no_evidence(act: &Act<Text>) -> Result<(), Refusal> {
    let nowhere = act.evidence.iter().enumerate().map(|(index, evidence)| Dangling {
        place: Place::Evidence(index),
        entry: evidence.entry.clone(),
        lack: Lack::Entry,
    });
    check_references(nowhere.collect())
}

/// No reference leads nowhere.
fn check_references(references: Vec<Dangling>) -> Result<(), Refusal> {
    let dangling = !references.is_empty();
    Refusal::DanglingReference { references }.when(dangling)
}

impl Case<'_> {
    /// The rules about its circumstances that every order on an assessment keeps.
    fn check_act(&self) -> Result<(), Refusal> {
        check_reason(self.framework, self.act)?;
        self.check_evidence()?;
        check_dates(self.situation, self.act)
    }

    /// The evidence referred to is there: each is an entry at one of its own wordings.
    fn check_evidence(&self) -> Result<(), Refusal> {
        let cited = self.act.evidence.iter().enumerate();
        let dangling = cited.filter_map(|(index, it)| {
            let (place, entry) = (Place::Evidence(index), it.entry.clone());
            Some(Dangling { place, entry, lack: self.lack_of(it)? })
        });
        check_references(dangling.collect())
    }

    /// Why evidence leads nowhere, if it does. An entry that was struck has no wording any more;
    /// what it said can still be cited by the record that said it.
    fn lack_of(&self, cited: &EvidenceRef) -> Option<Lack> {
        let Some(written) = self.assessment.entries.get(&cited.entry) else {
            return Some(Lack::Entry);
        };
        let last = written.item.at;
        if cited.is_of_last() || cited.at == last {
            return written.struck.then_some(Lack::Struck);
        }
        let is_there = self.wordings.contains(cited);
        (!is_there).then_some(Lack::Wording { at: cited.at, last })
    }

    /// Grades and entries change in an open edition only. (Spec §4.1)
    fn check_open(&self) -> Result<(), Refusal> {
        let open = match self.assessment.phase {
            Phase::Open => true,
            Phase::Locked { .. } | Phase::Published => false,
        };
        let phase = self.assessment.phase.as_str();
        Refusal::NotOpen { edition: self.assessment.edition, phase }.when(!open)
    }

    /// Nobody else was first. (Spec §4.2)
    fn check_expected(
        &self,
        item: impl FnOnce() -> String,
        last: Option<Item>,
        expected: Option<Expected>,
    ) -> Result<(), Refusal> {
        check_last(self.situation, item, last, expected)
    }

    /// Who changes a whole assessment knows its revision. (Spec §4.2)
    fn check_revision(&self, expected: Option<ExpectedRevision>) -> Result<(), Refusal> {
        let revision = self.assessment.revision;
        match expected {
            None => Err(Refusal::RevisionRequired { revision }),
            Some(expected) => self.check_revision_is(expected),
        }
    }

    /// The assessment has the revision that is expected.
    fn check_revision_is(&self, expected: ExpectedRevision) -> Result<(), Refusal> {
        let (revision, last) = (self.assessment.revision, self.assessment.last.at);
        let stale = match expected {
            ExpectedRevision::Any => false,
            ExpectedRevision::At(known) => known != revision,
        };
        Refusal::StaleRevision { revision, last }.when(stale)
    }

    /// The area of the order is one of the framework's.
    fn area(&self, id: &super::AreaId, named_by: NamedBy) -> Result<&super::Area, Refusal> {
        self.framework.area(id).ok_or_else(|| Refusal::AreaNotInFramework {
            area: id.clone(),
            framework: self.framework.id.clone(),
            areas: self.framework.areas.iter().map(|area| area.id.clone()).collect(),
            named_by,
        })
    }
}
