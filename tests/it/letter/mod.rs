//! Scenario 1 of the specification (§8): the whole letter, recorded, signed, published, read.

mod data;
mod rendered;
mod steps;

use std::{
    collections::{HashMap, HashSet},
    fs,
    process::{Command, Output},
};

use judgement_ledger::{
    pb::{self, EntryKind, FollowUpStatus, LetterPart, command::Order, import_step::Step},
    record::to_json,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::served::{Served, act, assessment, date, grade, present, text};
use data::Letter;
use steps::{EDITION, name, signature, steps};

#[tokio::test]
async fn scenario_1_the_whole_letter_is_published_as_it_was_written() {
    let Some((letter, data)) = data::read() else { return };
    let served = Served::start().await;
    served.at("2006-11-01T09:00:00Z");
    let steps = steps(&letter, act);
    send(&served, &steps).await;

    let published = published(&served).await;
    check_state(&published, &letter);
    check_grades(&published, &letter);
    check_counts(&published, &data["expected_counts"]);
    check_follow_ups(&published);
    check_letter_parts(&published, &letter);
    check_contents(&published, &steps);
    check_texts(&published, &data);
    served.stop().await;
}

#[tokio::test]
async fn the_whole_letter_is_imported_once_however_often_it_is_sent() {
    let Some((letter, _)) = data::read() else { return };
    let served = Served::start().await;
    served.at("2006-11-01T09:00:00Z");
    let steps = steps(&letter, pb::Act::default);
    let files = TempDir::new().unwrap();
    let count = steps.len();

    // Steps that leave ids and digests to the importer.
    let json = to_json("judgement.ledger.v1.ImportFile", &pb::ImportFile { steps: steps.clone() });
    fs::write(files.path().join("letter.json"), json.unwrap()).unwrap();
    for login in LOGINS {
        fs::write(files.path().join(login), served.token(login)).unwrap();
    }
    assert_eq!(import(&served, &files).await, format!("{count} recorded, 0 replayed, 0 refused"));
    let head = served.head().await;
    let first = published(&served).await;
    check_contents(&first, &steps);
    assert_eq!(import(&served, &files).await, format!("0 recorded, {count} replayed, 0 refused"));
    assert_eq!(served.head().await, head, "nothing is recorded twice");
    assert_eq!(published(&served).await, first);
    served.stop().await;
}

const LOGINS: [&str; 5] = ["lead", "inspector", "ofsted", "csci", "publisher"];

/// Imports the letter with the real binary; what it counted.
async fn import(served: &Served, files: &TempDir) -> String {
    let mut command = Command::new(crate::binary::program());
    command.arg("import").arg(files.path().join("letter.json"));
    command.args(["--server", &format!("http://{}", served.address)]);
    for login in LOGINS {
        let file = files.path().join(login);
        command.args(["--token-file", &format!("{login}={}", file.display())]);
    }
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let Output { status, stdout, stderr } = run.await.unwrap();
    assert!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
    let said = String::from_utf8(stdout).unwrap();
    said.split(';').next().unwrap().trim().to_owned()
}

/// Sends the steps of each login in a batch.
async fn send(served: &Served, steps: &[pb::ImportStep]) {
    for steps in steps.chunk_by(|one, next| one.credential == next.credential) {
        let mut commands = Vec::new();
        for step in steps {
            let Some(Step::Command(command)) = step.step.clone() else { unreachable!() };
            commands.push(with_digest(served, command).await);
        }
        let count = commands.len();
        let login = &steps[0].credential;
        let request = pb::ApplyBatchRequest { commands, validate_only: false };
        let response = served.assessments(login).apply_batch(request).await.unwrap();
        assert_eq!(response.into_inner().receipts.len(), count, "{login}");
    }
}

/// Locks and signs what was seen.
async fn with_digest(served: &Served, mut command: pb::Command) -> pb::Command {
    let digest = match command.order.as_mut().unwrap() {
        Order::LockAssessment(it) => &mut it.digest,
        Order::SignOffAssessment(it) => &mut it.digest,
        _ => return command,
    };
    *digest = served.get(full(pb::AssessmentView::Working)).await.digest;
    assert_eq!(digest.len(), 32);
    command
}

fn full(view: pb::AssessmentView) -> pb::GetAssessmentRequest {
    pb::GetAssessmentRequest {
        view: view.into(),
        content: pb::AssessmentContent::Full.into(),
        ..assessment(&name())
    }
}

async fn published(served: &Served) -> pb::Assessment {
    served.get(full(pb::AssessmentView::Published)).await
}

fn of_kind(read: &pb::Assessment, kind: EntryKind) -> Vec<(&str, &pb::EntryContent)> {
    let entries = read.entries.iter();
    let contents = entries.map(|it| (it.entry_id.as_str(), it.content.as_ref().unwrap()));
    contents.filter(|(_, content)| content.kind() == kind).collect()
}

fn check_state(read: &pb::Assessment, letter: &Letter) {
    assert_eq!(read.name, name());
    assert_eq!(read.state(), pb::AssessmentState::Published);
    assert_eq!(read.edition, EDITION);
    let [edition] = read.editions.as_slice() else { panic!("{:?}", read.editions) };
    assert_eq!((edition.edition, &edition.letter_date), (EDITION, &Some(date(2006, 11, 1))));
    assert_eq!(edition.digest, read.digest, "published is what was signed");

    // Answers promise no order of signatures.
    let signed: HashMap<_, _> = read
        .signatures
        .iter()
        .map(|it| (it.organisation.as_str(), it.signature.as_ref().unwrap()))
        .collect();
    assert_eq!((signed.len(), read.signatures.len()), (2, 2));
    for signatory in &letter.signatories {
        assert_eq!(signed[signatory.organisation.as_str()], &signature(signatory));
    }
    let printed = |by: &str| (text(&signed[by].name), text(&signed[by].transcribed));
    assert_eq!(printed("ofsted"), ("FLO HADLEY", "F.Hadny"));
    assert_eq!(printed("csci"), ("JONATHAN PHILLIPS", "200"));

    let addressee = read.addressee.as_ref().unwrap();
    assert_eq!(text(&addressee.name), letter.addressee.name);
    assert_eq!(text(&addressee.role), letter.addressee.role);
    assert_eq!(text(&addressee.organisation), letter.addressee.organisation);
    let lines: Vec<_> = letter.addressee.address.iter().map(|line| present(line)).collect();
    assert_eq!(addressee.lines, lines);
}

fn check_grades(read: &pb::Assessment, letter: &Letter) {
    let expected = [
        ("childrens-services", "3", ""),
        ("capacity-to-improve", "3", ""),
        ("social-care", "3", ""),
        ("being-healthy", "good", ""),
        ("staying-safe", "good", ""),
        ("enjoying-and-achieving", "adequate", ""),
        ("making-a-positive-contribution", "good", ""),
        ("achieving-economic-well-being", "adequate", "with an overall improving trend"),
    ];
    let awarded = |it: &pb::Judgement| {
        let award = it.award.clone().unwrap();
        let qualifier = award.qualifier.is_some().then(|| text(&award.qualifier).to_owned());
        (it.area.clone(), grade(read, &it.area), qualifier.unwrap_or_default())
    };
    let found: Vec<_> = read.judgements.iter().map(awarded).collect();
    let expected = expected
        .map(|(area, grade, qualifier)| (area.to_owned(), grade.to_owned(), qualifier.to_owned()));
    assert_eq!(found, expected, "these, in the framework's order, and none for management");
    for (read, table) in read.judgements.iter().zip(&letter.table_judgements) {
        assert_eq!(read.area_label.replace('*', ""), table.text);
        assert_eq!(read.description, table.descriptor);
        assert_eq!(read.award.as_ref().unwrap().word, "", "{}: a number, no word", read.area);
    }
}

fn check_counts(read: &pb::Assessment, expected: &Value) {
    let count = |kind| u64::try_from(of_kind(read, kind).len()).unwrap();
    let counts = [
        (EntryKind::Strength, 13, "strengths"),
        (EntryKind::AreaForImprovement, 10, "areas_for_improvement"),
        (EntryKind::AspectForFocus, 2, "aspects_for_focus"),
        (EntryKind::FollowUp, 4, "prior_year_followups"),
        (EntryKind::Evidence, 87, "evidence"),
        (EntryKind::Narrative, 51, "narrative_paragraphs"),
    ];
    for (kind, wanted, key) in counts {
        assert_eq!((count(kind), &expected[key]), (wanted, &Value::from(wanted)), "{key}");
    }
    assert_eq!(count(EntryKind::TranscriptionNote), 20);
    assert_eq!(count(EntryKind::Tension), 4);

    let mut sections: HashMap<&str, u64> = HashMap::new();
    for (_, content) in of_kind(read, EntryKind::Narrative) {
        let found = sections.entry(&content.section).or_default();
        *found += 1;
        assert_eq!(u64::from(content.order), *found, "{} is in order", content.section);
    }
    assert_eq!(serde_json::to_value(&sections).unwrap(), expected["narrative_paragraphs_by_area"]);

    let evidence = of_kind(read, EntryKind::Evidence);
    let valueless = evidence.iter().filter(|(_, content)| {
        let [figure] = content.figures.as_slice() else { panic!("{:?}", content.figures) };
        figure.value.is_none()
    });
    assert_eq!(valueless.count(), 46);
    let context: Vec<_> = evidence.iter().filter(|(_, it)| it.section == "context").collect();
    assert!(context.len() == 6 && context.iter().all(|(_, it)| it.area.is_empty()));

    let relates = of_kind(read, EntryKind::AspectForFocus);
    assert_eq!(relates[0].1.relates_to, ["afi-ea-1", "afi-ea-2", "afi-ea-3", "afi-ea-4"]);
    assert_eq!(relates[1].1.relates_to, ["afi-ew-1", "afi-mg-1"]);
}

fn check_follow_ups(read: &pb::Assessment) {
    let mut found: Vec<_> = of_kind(read, EntryKind::FollowUp)
        .into_iter()
        .map(|(id, content)| {
            let it = content.follow_up.as_ref().unwrap();
            assert!(it.assessment.is_empty() && it.item.is_empty(), "{id} is only cited");
            (id, text(&it.label), text(&it.cited_kind), it.status(), it.carried_to.as_str())
        })
        .collect();
    found.sort_unstable();
    let improvement = "area_for_improvement";
    let expected = [
        ("fu1", "2005 annual performance assessment", improvement, FollowUpStatus::Improved, ""),
        ("fu2", "2004-05 APA", improvement, FollowUpStatus::Resolved, ""),
        ("fu3", "last year's APA", "weakness", FollowUpStatus::Remains, "afi-ss-1"),
        ("fu4", "last year", "observation", FollowUpStatus::Maintained, ""),
    ];
    assert_eq!(found, expected);
}

fn check_letter_parts(read: &pb::Assessment, letter: &Letter) {
    let parts = of_kind(read, EntryKind::LetterPart);
    let found: Vec<_> =
        parts.iter().map(|(_, content)| (content.letter_part(), text(&content.text))).collect();
    let expected = [
        (LetterPart::Title, letter.title.as_str()),
        (LetterPart::Salutation, &letter.salutation),
        (LetterPart::Opening, &letter.opening[0]),
        (LetterPart::Opening, &letter.opening[1]),
        (LetterPart::Confirmation, &letter.publication_rule.quote),
        (LetterPart::Valediction, &letter.closing),
    ];
    assert_eq!(found, expected);
}

/// Every entry is, whole, what was sent.
fn check_contents(read: &pb::Assessment, steps: &[pb::ImportStep]) {
    let orders = steps.iter().filter_map(|step| match step.step.as_ref()? {
        Step::Command(command) => command.order.as_ref(),
        other => panic!("{other:?} is no command"),
    });
    let sent: HashMap<_, _> = orders
        .filter_map(|order| match order {
            Order::RecordEntry(it) => Some((it.entry_id.as_str(), it.content.as_ref())),
            _ => None,
        })
        .collect();
    assert_eq!(read.entries.len(), sent.len());
    for entry in &read.entries {
        assert_eq!(entry.content.as_ref(), sent[entry.entry_id.as_str()], "{}", entry.entry_id);
    }
}

/// Every text and quote of the data file is read back, whole; where the data quotes a paragraph,
/// in that paragraph.
fn check_texts(read: &pb::Assessment, data: &Value) {
    let read_json = to_json("judgement.ledger.v1.Assessment", read).unwrap();
    let mut whole = HashSet::new();
    strings(&serde_json::from_str(&read_json).unwrap(), &mut |_, said| {
        whole.insert(said.to_owned());
    });
    let paragraphs = of_kind(read, EntryKind::Narrative);
    let mut seen = 0;
    for (part, value) in data.as_object().unwrap() {
        let quotes_paragraphs = matches!(
            part.as_str(),
            "overall_statement" | "worded_judgements" | "other_worded_statements"
        );
        // Checked as dates, labels and lines of an address.
        if matches!(part.as_str(), "letter_date" | "table_judgements" | "addressee") {
            continue;
        }
        strings(value, &mut |key, said| {
            if !matches!(key, "text" | "quote" | "status_quote" | "prior_item" | "what") {
                return;
            }
            let found = match key {
                "what" if part == "oddities" => whole.iter().any(|it| it.ends_with(said)),
                _ if quotes_paragraphs => {
                    paragraphs.iter().any(|(_, it)| text(&it.text).contains(said))
                }
                _ => whole.contains(said),
            };
            assert!(found, "{part}.{key}: {said}");
            seen += 1;
        });
    }
    assert!(seen > 51 + 13 + 10 + 2 + 87 + 20, "{seen} texts were looked for");
}

/// Every string below `value` that stands under a key, with its key.
fn strings(value: &Value, found: &mut impl FnMut(&str, &str)) {
    fn walk(key: &str, value: &Value, found: &mut impl FnMut(&str, &str)) {
        match value {
            Value::String(said) => found(key, said),
            Value::Array(values) => values.iter().for_each(|value| walk(key, value, found)),
            Value::Object(fields) => fields.iter().for_each(|(key, value)| walk(key, value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    walk("", value, found);
}
