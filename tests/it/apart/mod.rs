//! Organisations do not learn of each other's work: two ledgers that differ only in what another
//! organisation did privately give the same answers to every question, and look the same around them.
//! (Spec §5.3)
//!
//! What is left out of the comparison stands in `tests/tables/volume.txt`, with the reason: positions,
//! tokens, sizes and proofs tell how much was recorded, which is no secret.

mod around;
mod plain;
mod questions;
mod world;

use std::collections::BTreeSet;

use judgement_ledger::judgement::Role;
use serde_json::{Value, json};

use crate::{calls::call, served::SUBJECT, sim_disk::Seeded};
use questions::{Question, Told, of_all, of_one};
use world::{OURS, THEIRS, THEM, US, WRITING, World, step, token};

/// How many rounds a pair of worlds lasts: what is asked grows with what was recorded, and the next
/// pair takes other turns.
const ROUNDS_OF_A_PAIR: usize = 6;

/// How many rounds are tried where nothing is said.
const ROUNDS: usize = 12;

/// What says nothing to an insider, because it is the auditor's, a consumer's, or about the other
/// organisation: all else says something.
const NOTHING_TO_INSIDERS: [&str; 12] = [
    "ExportEvidence all",
    "GetEntryBundle one",
    "GetFeed all",
    "QueryAudit actor is nobody",
    "QueryAudit actor is one of theirs",
    "QueryAudit decider is one of theirs",
    "QueryAudit of their organisation",
    "QueryAudit recorded by them",
    "StreamRecords theirs",
    "SummarizeGrades one of theirs in public",
    "SummarizeGrades theirs",
    "SummarizeGrades theirs in public",
];

/// What tells the auditor of the other organisation's work, by each kind of question: were it not for
/// the filters, it would tell everybody.
const TELLS_OF_THEM: [&str; 26] = [
    "CompareAssessments inside of theirs",
    "ExportCase court of theirs",
    "ExportEvidence all",
    "GetAssessment inside of theirs",
    "GetAssessment edition of theirs",
    "GetGradeHistory all of theirs",
    "GetRecipients all of theirs",
    "GetSubjectTimeline one",
    "GetTrail all of theirs",
    "ListAssessments all",
    "ListAssessments two of a subject",
    "QueryAudit actor is none of theirs",
    "QueryAudit actor is one of theirs",
    "QueryAudit all",
    "QueryAudit decider is one of theirs",
    "QueryAudit no grades",
    "QueryAudit of their framework",
    "QueryAudit of their organisation",
    "QueryAudit oldest",
    "QueryAudit recorded by them",
    "QueryAudit two",
    "RenderLetter draft of theirs",
    "StreamRecords all",
    "StreamRecords events",
    "StreamRecords theirs",
    "SummarizeGrades theirs",
];

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|it| it.parse().unwrap())
}

/// What is asked after a round: of the newest assessments of each, of one that was never opened, and of
/// one that is published.
fn questions(beside: &World) -> Vec<Question> {
    let newest = |of: &str| beside.opened.get(of).and_then(|all| all.last()).cloned();
    let named = [
        ("ours", newest(US)),
        ("theirs", newest(THEM)),
        ("nobody's", Some(format!("{SUBJECT}/assessments/never"))),
        ("everybody's", Some(beside.published.clone())),
    ];
    let mut all = of_all();
    for (whose, name) in named {
        all.extend(name.into_iter().flat_map(|name| of_one(whose, &name)));
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

/// As many rounds as `JUDGEMENT_LEDGER_WORLDS` says, begun with `JUDGEMENT_LEDGER_WORLDS_SEED`. A round
/// costs the same however many there are: they are taken in pairs of worlds of a few rounds each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_organisation_does_privately_changes_no_answer() {
    let rounds = setting("JUDGEMENT_LEDGER_WORLDS");
    let rounds = rounds.map_or(ROUNDS, |it| usize::try_from(it).unwrap());
    let seed = setting("JUDGEMENT_LEDGER_WORLDS_SEED").unwrap_or_else(|| std::process::id().into());
    println!("JUDGEMENT_LEDGER_WORLDS_SEED={seed}");
    let mut random = Seeded(seed);
    let (mut left, mut said) = (rounds, BTreeSet::new());
    while left > 0 {
        let now = left.min(ROUNDS_OF_A_PAIR);
        pair(&mut random, now, &mut said).await;
        left -= now;
    }
    let asked: BTreeSet<String> = of_all().into_iter().map(|it| it.label).collect();
    let silent: Vec<_> = asked.difference(&said).map(String::as_str).collect();
    assert_eq!(silent, NOTHING_TO_INSIDERS, "all else says something");
    for label in of_one("ours", "").into_iter().map(|it| it.label) {
        let outside = ["outside", "edition", "published", "draft", "one"];
        let outside = label.split(' ').nth(1).is_some_and(|word| outside.contains(&word));
        let refused = label.contains(" dry ") || outside;
        assert_eq!(said.contains(&label), !refused, "{label}");
    }
    for label in ["GetDisclosure one of everybody's", "GetAssessment edition of everybody's"] {
        assert!(said.contains(label), "{label}");
    }
}

/// Two worlds for some rounds; notes what said something to the insider.
async fn pair(random: &mut Seeded, rounds: usize, said: &mut BTreeSet<String>) {
    let (mut alone, mut beside) = (World::new().await, World::new().await);
    let insider = token("somebody", US, &WRITING);
    let outsider = token("somebody", "audit-commission", &[Role::Consumer]);
    let auditor = token("auditor", "audit-office", &[Role::Auditor]);
    let mut last = Vec::new();
    for round in 0..rounds {
        for turn in 0..6 {
            let begin = round == 0 && turn == 0;
            let ours = if begin { world::Step::Open(random.next()) } else { step(random) };
            alone.take(US, OURS, &ours).await;
            beside.take(US, OURS, &ours).await;
            let theirs = if begin { world::Step::Open(random.next()) } else { step(random) };
            beside.take(THEM, THEIRS, &theirs).await;
        }
        last = questions(&beside);
        let mut to_outsiders = BTreeSet::new();
        for (who, login, said) in
            [("insider", &insider, &mut *said), ("outsider", &outsider, &mut to_outsiders)]
        {
            let told = tokio::join!(alone.told(login, &last), beside.told(login, &last));
            compare((&told.0, &told.1), who, said);
        }
        for label in ["GetAssessment outside of everybody's", "GetFeed all"] {
            assert!(to_outsiders.contains(label), "{label}: {to_outsiders:?}");
        }
        assert!(!to_outsiders.iter().any(|it| it.ends_with("of ours")), "{to_outsiders:?}");
    }
    around::compare(&alone.served, &beside.served).await;
    // The negative control: to who sees all, each kind of question tells the two apart.
    for world in [&mut alone, &mut beside] {
        world.take(US, OURS, &world::Step::Open(1)).await;
    }
    for theirs in control() {
        beside.take(THEM, THEIRS, &theirs).await;
    }
    let told = tokio::join!(alone.told(&auditor, &last), beside.told(&auditor, &last));
    let differs = |label: &&str| {
        let told = [&told.0, &told.1].map(|told| told.get(*label).map(plain::numbered));
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

/// What the other organisation does at the end, whatever the turns were: of each kind one.
fn control() -> [world::Step; 4] {
    use world::Step::{Grade, Look, Narrate, Open};
    let assessment = 0;
    [
        Open(2),
        Grade { assessment, area: "adoption", word: "good" },
        Narrate { assessment, number: 3 },
        Look { assessment },
    ]
}

/// A list ends with the last that its reader may see, and so do numbers.
#[tokio::test]
async fn no_list_goes_on_with_what_is_not_to_be_seen() {
    let world = World::new().await;
    let framework = "frameworks/sif/versions/2013";
    // More than one look takes in, however small the page is.
    for cycle in 2_000..2_030 {
        let name = format!("sif-{cycle}");
        world.served.open_under(&name, framework, &cycle.to_string()).await;
    }
    let numbers = json!({"framework": framework, "published": true, "pageSize": 1});
    for (method, message) in [
        ("ListAssessments", json!({"pageSize": 1})),
        ("ListAssessments", json!({"parent": SUBJECT, "pageSize": 1})),
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
