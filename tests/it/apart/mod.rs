//! Organisations do not learn of each other's work: two ledgers that differ only in what another
//! organisation did privately give the same answers to every question, and look the same around them.
//! (Spec §5.3)
//!
//! What is left out of the comparison stands in `tests/tables/volume.txt`, with the reason: positions,
//! tokens, sizes and proofs tell how much was recorded, which is no secret.

mod around;
mod plain;
mod private;
mod questions;
mod world;

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, stream};
use judgement_ledger::judgement::Role;
use prost_types::method_options::IdempotencyLevel;
use serde_json::{Value, json};

use crate::{
    calls::{PROTO, call},
    served::SUBJECT,
    sim_disk::Seeded,
};
use private::{EVERYTHING, Kind, LAST, Step, step};
use questions::{Question, Told, of_all, of_one};
use world::{THEM, US, WRITING, World, token};

/// How many rounds a pair of worlds lasts: what is asked grows with what was recorded, and the next
/// pair takes other turns.
const ROUNDS_OF_A_PAIR: usize = 3;

/// How many pairs are tried where nothing is said.
const PAIRS: u64 = 2;

/// How many are there at once.
const PAIRS_AT_ONCE: usize = 4;

/// What says nothing to an insider, because it is the auditor's, a consumer's, or about the other
/// organisation: all else says something.
const NOTHING_TO_INSIDERS: [&str; 10] = [
    "ExportEvidence all",
    "GetEntryBundle one",
    "GetFeed all",
    "QueryAudit actor is nobody",
    "QueryAudit actor is one of theirs",
    "QueryAudit decider is one of theirs",
    "QueryAudit of their organisation",
    "QueryAudit recorded by them",
    "StreamRecords theirs",
    "SummarizeGrades theirs",
];

/// What tells the auditor of the other organisation's work, by each kind of question: were it not for
/// the filters, it would tell everybody.
const TELLS_OF_THEM: [&str; 34] = [
    "CompareAssessments inside of theirs",
    "ExportCase court of theirs",
    "ExportCase court of theirs in public",
    "ExportEvidence all",
    "GetAssessment inside of theirs",
    "GetAssessment inside of theirs in public",
    "GetAssessment edition of theirs",
    "GetGradeHistory all of theirs",
    "GetGradeHistory all of theirs in public",
    "GetRecipients all of theirs",
    "GetRecipients all of theirs in public",
    "GetSubjectTimeline one",
    "GetTrail all of theirs",
    "GetTrail all of theirs in public",
    "ListAssessments all",
    "ListAssessments two of a subject",
    "QueryAudit actor is none of theirs",
    "QueryAudit actor is one of theirs",
    "QueryAudit after drafts",
    "QueryAudit all",
    "QueryAudit decider is one of theirs",
    "QueryAudit no grades",
    "QueryAudit of erasures",
    "QueryAudit of their framework",
    "QueryAudit of their organisation",
    "QueryAudit oldest",
    "QueryAudit recorded by them",
    "QueryAudit two",
    "RenderLetter draft of theirs",
    "RenderLetter draft of theirs in public",
    "StreamRecords all",
    "StreamRecords events",
    "StreamRecords theirs",
    "SummarizeGrades theirs",
];

/// What is not private, of what is recorded, and why: with everything else the other organisation does
/// its work here.
const NOT_PRIVATE: [(&str, &str); 8] = [
    ("ExportEvidence", "of the whole ledger, by the auditor: all who judge are told so"),
    ("GetEntryBundle", "of the whole ledger, by the auditor: all who judge are told so"),
    ("PublishAssessment", "it is public from then on"),
    ("PublishAssessments", "it is public from then on"),
    ("RegisterFramework", "frameworks are everybody's"),
    ("RegisterSubject", "subjects are everybody's"),
    ("RenameSubject", "subjects are everybody's"),
    ("WithdrawAssessment", "it takes back what is public"),
];

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|it| it.parse().unwrap())
}

/// What is asked after a round: of an assessment of each, drawn or else the one with which everything
/// was done, of one that was never opened, and of those that are published.
fn questions(beside: &World, mut random: Option<&mut Seeded>) -> Vec<Question> {
    let mut one_of = |whose: &str| {
        let names = beside.private(whose);
        let last = names.len() - 1;
        let at = random.as_mut().map_or(last, |random| {
            usize::try_from(random.below(u64::try_from(names.len()).unwrap())).unwrap()
        });
        names[at].clone()
    };
    let mut all = of_all();
    for (whose, name) in [
        ("ours", one_of(US)),
        ("theirs", one_of(THEM)),
        ("theirs in public", beside.public()),
        ("nobody's", format!("{SUBJECT}/assessments/never")),
        ("everybody's", beside.published.clone()),
    ] {
        all.extend(of_one(whose, &name));
    }
    all
}

/// Two tellings are the same to whom both are told; what they said is noted.
fn compare((one, other): (&Told, &Told), to: &str, said: &mut BTreeSet<String>) {
    assert_eq!(one.len(), other.len());
    for ((label, one), other) in one.iter().zip(other.values()) {
        plain::same(one, other, &format!("{label}, to the {to}"));
        if plain::says_something(&one["answers"]) {
            said.insert(label.clone());
        }
    }
}

/// As many pairs of worlds as `JUDGEMENT_LEDGER_WORLDS` says, the first of which is drawn by
/// `JUDGEMENT_LEDGER_WORLDS_SEED`, the next by the number after it, and so on: one alone is drawn again
/// by its own seed, which is printed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_organisation_does_privately_changes_no_answer() {
    let pairs = setting("JUDGEMENT_LEDGER_WORLDS").unwrap_or(PAIRS);
    let seed = setting("JUDGEMENT_LEDGER_WORLDS_SEED").unwrap_or_else(|| std::process::id().into());
    println!("JUDGEMENT_LEDGER_WORLDS_SEED={seed}, {pairs} pairs");
    // Most of the time a pair waits until something is signed.
    let pairs = stream::iter(0..pairs).map(|at| pair(seed.wrapping_add(at)));
    let told: Vec<BTreeSet<String>> = pairs.buffer_unordered(PAIRS_AT_ONCE).collect().await;
    let said: BTreeSet<String> = told.into_iter().flatten().collect();
    let asked: BTreeSet<String> = of_all().into_iter().map(|it| it.label).collect();
    // Whether anything is changed after it was signed is drawn.
    let drawn = "QueryAudit after signatures";
    let silent = asked.difference(&said).map(String::as_str).filter(|it| *it != drawn);
    let silent: Vec<_> = silent.collect();
    assert_eq!(silent, NOTHING_TO_INSIDERS, "all else says something");
    for label in of_one("ours", "").into_iter().map(|it| it.label) {
        let outside = ["outside", "edition", "published", "one"];
        let outside = label.split(' ').nth(1).is_some_and(|word| outside.contains(&word));
        let refused = label.contains(" dry ") || outside;
        assert_eq!(said.contains(&label), !refused, "{label}");
    }
    for label in [
        "GetDisclosure one of everybody's",
        "GetAssessment edition of everybody's",
        "GetAssessment outside of theirs in public",
        "RenderLetter published of theirs in public",
    ] {
        assert!(said.contains(label), "{label}");
    }
}

/// What an organisation does in a round: its part of everything, which must succeed, and between that
/// whatever is drawn.
fn turns(random: &mut Seeded, round: usize) -> Vec<Step> {
    let part = |round| EVERYTHING.len() * round / ROUNDS_OF_A_PAIR;
    let mut turns = Vec::new();
    for kind in &EVERYTHING[part(round)..part(round + 1)] {
        turns.push(Step { kind: *kind, assessment: None, number: random.next() });
        if random.below(2) == 0 {
            turns.push(step(random));
        }
    }
    turns
}

/// Two worlds that differ in what others did privately; what said something to the insider.
async fn pair(seed: u64) -> BTreeSet<String> {
    println!("a pair of JUDGEMENT_LEDGER_WORLDS_SEED={seed}");
    let mut random = Seeded(seed);
    let (mut alone, mut beside) = tokio::join!(World::new(), World::new());
    let (mut last, mut said) = (Vec::new(), BTreeSet::new());
    for round in 0..ROUNDS_OF_A_PAIR {
        let (ours, theirs) = (turns(&mut random, round), turns(&mut random, round));
        if round == 0 {
            beside.amend(random.next()).await;
        }
        // The steps of each stand in their order, and those of both anywhere between each other.
        let mixed = async {
            let (mut ours, mut theirs) = (ours.iter().peekable(), theirs.iter().peekable());
            while ours.peek().is_some() || theirs.peek().is_some() {
                let (whose, steps) =
                    if random.below(2) == 0 { (US, &mut ours) } else { (THEM, &mut theirs) };
                if let Some(step) = steps.next() {
                    beside.take_turn(whose, *step).await;
                }
            }
        };
        let unmixed = async {
            for step in &ours {
                alone.take_turn(US, *step).await;
            }
        };
        tokio::join!(unmixed, mixed);
        last = questions(&beside, (round + 1 < ROUNDS_OF_A_PAIR).then_some(&mut random));
        ask_both((&alone, &beside), &last, &format!("round {round} of {seed}"), &mut said).await;
    }
    around::compare(&alone.served, &beside.served).await;
    for (world, whose) in [(&alone, US), (&beside, US), (&beside, THEM)] {
        let succeeded = &world.done[whose];
        let dead: Vec<_> = EVERYTHING.iter().filter(|it| !succeeded.contains(it)).collect();
        assert!(dead.is_empty(), "{whose} never did {dead:?}");
    }
    assert_eq!(alone.done.get(THEM), None, "there is nothing of theirs but what is public");
    tell_apart((alone, beside), &last).await;
    said
}

/// Asks both worlds as an insider and as an outsider, who hear the same of both.
async fn ask_both(
    (alone, beside): (&World, &World),
    asked: &[Question],
    when: &str,
    said: &mut BTreeSet<String>,
) {
    let insider = token("somebody", US, &WRITING);
    let outsider = token("somebody", "audit-commission", &[Role::Consumer]);
    let mut to_outsiders = BTreeSet::new();
    for (who, login, said) in
        [("insider", &insider, said), ("outsider", &outsider, &mut to_outsiders)]
    {
        let told = tokio::join!(alone.told(login, asked), beside.told(login, asked));
        compare((&told.0, &told.1), &format!("{who}, {when}"), said);
    }
    for label in ["GetAssessment outside of everybody's", "GetFeed all"] {
        assert!(to_outsiders.contains(label), "{label}: {to_outsiders:?}");
    }
    let private = |it: &String| it.ends_with("of ours") || it.ends_with("of theirs");
    assert!(!to_outsiders.iter().any(private), "{to_outsiders:?}");
}

/// The negative control: to who sees all, each kind of question tells the two apart. At last the
/// stream that went on all the while is compared.
async fn tell_apart((mut alone, mut beside): (World, World), last: &[Question]) {
    let newest = Step { kind: Kind::Open, assessment: Some(0), number: 1 };
    for world in [&mut alone, &mut beside] {
        world.take(US, newest).await.unwrap();
    }
    for kind in [Kind::Open, Kind::Narrate] {
        beside.take(THEM, Step { kind, assessment: Some(LAST), number: 2 }).await.unwrap();
    }
    let auditor = token("auditor", "audit-office", &[Role::Auditor]);
    let told = tokio::join!(alone.told(&auditor, last), beside.told(&auditor, last));
    let differs = |label: &&str| {
        let told = [&told.0, &told.1].map(|told| told.get(*label).map(plain::numbered));
        assert!(told[0].is_some(), "{label} is asked");
        told[0] != told[1]
    };
    let blind: Vec<_> = TELLS_OF_THEM.iter().filter(|label| !differs(label)).collect();
    assert!(blind.is_empty(), "these questions would not have shown a leak: {blind:?}");
    let ((alone, one), (beside, other)) = tokio::join!(alone.told_live(), beside.told_live());
    assert!(one.len() > 1, "{one:?}");
    plain::same(&Value::from(one), &Value::from(other), "a stream that went on");
    alone.stop().await;
    beside.stop().await;
}

/// Every call that records something is done by the other organisation, or is not private.
#[test]
fn every_call_that_records_is_done_by_others_or_is_not_private() {
    let done: BTreeSet<&str> = EVERYTHING.iter().map(|kind| kind.method()).collect();
    let all: BTreeSet<Kind> = EVERYTHING.into_iter().chain([Kind::LockUnseen]).collect();
    assert_eq!(all, BTreeSet::from(Kind::ALL), "everything is everything that may succeed");
    let open: BTreeSet<&str> = NOT_PRIVATE.into_iter().map(|(call, _)| call).collect();
    let both: Vec<_> = done.intersection(&open).collect();
    assert!(both.is_empty(), "{both:?}");
    let methods = PROTO.services().flat_map(|service| service.methods().collect::<Vec<_>>());
    let records = methods.filter(|method| {
        let options = method.method_descriptor_proto().options.clone().unwrap_or_default();
        options.idempotency_level() != IdempotencyLevel::NoSideEffects
    });
    let records: BTreeSet<String> = records.map(|method| method.name().to_owned()).collect();
    let neither: Vec<_> = records
        .iter()
        .filter(|name| !done.contains(name.as_str()) && !open.contains(name.as_str()))
        .collect();
    assert!(neither.is_empty(), "are these private? {neither:?}");
    let gone: Vec<_> = open.iter().filter(|name| !records.contains(**name)).collect();
    assert!(gone.is_empty(), "{gone:?}");
}

/// A list ends with the last that its reader may see, and so do numbers.
#[tokio::test]
async fn no_list_goes_on_with_what_is_not_to_be_seen() {
    let world = World::new().await;
    let framework = "frameworks/sif/versions/2013";
    // More than one look takes in, however small the page is; two are published to everybody.
    for cycle in 2_000..2_030 {
        let name = format!("sif-{cycle}");
        world.served.open_under(&name, framework, &cycle.to_string()).await;
    }
    let numbers = json!({"framework": framework, "published": true, "pageSize": 2});
    for (method, message) in [
        ("ListAssessments", json!({"pageSize": 2})),
        ("ListAssessments", json!({"parent": SUBJECT, "pageSize": 2})),
        ("SummarizeGrades", numbers),
    ] {
        for login in ["consumer", "csci-inspector"] {
            let token = world.served.token(login);
            let told = call(&world.served.channel, &token, method, &message).await.unwrap();
            assert_eq!(told[0]["nextPageToken"], Value::Null, "{method}, to {login}");
        }
        let token = world.served.token("auditor");
        let told = call(&world.served.channel, &token, method, &message).await.unwrap();
        assert!(told[0]["nextPageToken"].is_string(), "{method}, to who sees all");
    }
    let (served, _) = world.told_live().await;
    served.stop().await;
}
