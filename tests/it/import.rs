//! Import files through the real binary: what is mended is recorded, what was recorded is not
//! recorded again.

use std::{
    fs,
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::served::Served;

/// Imports `text` as the inspector; the exit code and what was counted.
async fn import(served: &Served, text: &str, flags: &[&str]) -> (Option<i32>, String) {
    import_as(served, "inspector", text, flags).await
}

async fn import_as(
    served: &Served,
    login: &str,
    text: &str,
    flags: &[&str],
) -> (Option<i32>, String) {
    let files = TempDir::new().unwrap();
    let (file, token) = (files.path().join("steps.jsonl"), files.path().join(login));
    fs::write(&file, text).unwrap();
    fs::write(&token, served.token(login)).unwrap();
    let mut command = Command::new(crate::binary::program());
    command.arg("import").arg(file).arg("--token-file").arg(token).args(flags);
    command.args(["--server", &format!("http://{}", served.address)]);
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let Output { status, stdout, .. } = run.await.unwrap();
    let said = String::from_utf8(stdout).unwrap();
    (status.code(), said.split(';').next().unwrap().trim().to_owned())
}

fn grade(assessment: &str, area: &str, word: &str) -> String {
    format!(
        r#"{{"command": {{"setGrade": {{"assessment": "{assessment}", "area": "{area}", "grade": {{"word": "{word}"}}}}}}}}"#
    )
}

fn steps(assessment: &str, first: &str) -> String {
    [("staying-safe", first), ("being-healthy", "good"), ("enjoying-and-achieving", "adequate")]
        .map(|(area, word)| grade(assessment, area, word))
        .join("\n")
}

#[tokio::test]
async fn an_import_that_goes_on_is_mended_under_its_name_and_records_nothing_twice() {
    let served = Served::start().await;
    let assessment = served.open("apa-2006").await;
    let (wrong, mended) = (steps(&assessment, "satisfactory"), steps(&assessment, "good"));
    let named = ["--keep-going", "--name", "grades"];
    let counted = |said: &str| (Some(i32::from(said.ends_with("1 refused"))), said.to_owned());
    assert_eq!(import(&served, &wrong, &named).await, counted("2 recorded, 0 replayed, 1 refused"));
    assert_eq!(
        import(&served, &mended, &named).await,
        counted("1 recorded, 2 replayed, 0 refused")
    );
    // Without a name nobody may go on: what follows the mended step would be other commands.
    assert_eq!(import(&served, &mended, &["--keep-going"]).await, (Some(2), String::new()));
    // The negative control: under another name they are commands of their own.
    let other = import(&served, &mended, &["--keep-going", "--name", "others"]).await;
    assert_eq!(other, (Some(1), "0 recorded, 0 replayed, 3 refused".to_owned()));
    served.stop().await;
}

#[tokio::test]
async fn an_import_stops_at_what_is_refused_and_goes_on_there_once_it_is_mended() {
    let served = Served::start().await;
    let assessment = served.open("apa-2006").await;
    let (right, wrong) = (grade(&assessment, "being-healthy", "good"), "satisfactory");
    let whole = |word| [right.clone(), steps(&assessment, word)].join("\n");
    let first = import(&served, &whole(wrong), &[]).await;
    assert_eq!(first, (Some(1), "1 recorded, 0 replayed, 1 refused".to_owned()));
    let mended = [right.clone(), grade(&assessment, "staying-safe", "good")].join("\n");
    let second = import(&served, &mended, &[]).await;
    assert_eq!(second, (Some(0), "1 recorded, 1 replayed, 0 refused".to_owned()));
    served.stop().await;
}

/// Imports commands of one login on an assessment, twice: recorded, then known again.
async fn imported(served: &Served, login: &str, commands: &[String]) {
    let text = commands.join("\n");
    let counted = |recorded: usize, replayed: usize| {
        (Some(0), format!("{recorded} recorded, {replayed} replayed, 0 refused"))
    };
    let first = import_as(served, login, &text, &[]).await;
    assert_eq!(first, counted(commands.len(), 0), "{login}: {text}");
    assert_eq!(import_as(served, login, &text, &[]).await, counted(0, commands.len()));
}

fn command(order: &str, assessment: &str, rest: &str) -> String {
    format!(r#"{{"command": {{"{order}": {{"assessment": "{assessment}", {rest}}}}}}}"#)
}

const WHY: &str = r#""act": {"reason": "COURT_ORDER", "rationale": "as ordered"}"#;

#[tokio::test]
async fn every_command_has_a_place_in_the_import_format() {
    let served = Served::start().await;
    let editing = crate::editions::Editing::graded(&served).await;
    let name = editing.name.as_str();
    let position = served.history(name, "social-care").await[0].position;
    let any = r#""expected": {"any": true}"#;
    let with = |order: &str, rest: &str| command(order, name, &format!("{WHY}, {rest}"));
    let point = r#""points": [{"area": "social-care", "text": "it is better"}]"#;
    let lead = [
        with(
            "receiveChallenge",
            &format!(
                r#""challengeId": "c-1", "receivedFrom": "the council", "kind": "CHALLENGE_KIND_ACCURACY", {point}"#
            ),
        ),
        with(
            "decideChallenge",
            r#""challengeId": "c-1", "point": 1, "outcome": "POINT_OUTCOME_REFUSED", "why": "no""#,
        ),
        with("shareDraft", r#""recipient": "the director", "audience": "addressee""#),
    ];
    imported(&served, "lead", &lead).await;
    let hold = r#""holdId": "h-1", "kind": "HOLD_KIND_COURT", "stops": "HOLD_STOPS_BOTH""#;
    let to = r#""to": {"decidedOn": {"year": 2006, "month": 9, "day": 30}}"#;
    let officer = [
        with("placeHold", hold),
        with("releaseHold", &format!(r#""holdId": "h-1", {any}"#)),
        with("correctRecord", &format!(r#""position": "{position}", {to}"#)),
    ];
    imported(&served, "officer", &officer).await;
    // The digests are left to the importer.
    imported(&served, "lead", &[with("lockAssessment", any)]).await;
    let refused = r#""organisation": "csci", "edition": 1, "objection": "social care is not 3""#;
    let refuse = with("refuseSignOff", refused);
    let first = import_as(&served, "csci", &refuse, &[]).await;
    assert_eq!(first, (Some(0), "1 recorded, 0 replayed, 0 refused".to_owned()));
    editing.published(1, crate::served::date(2006, 11, 1)).await;
    let publisher = [
        with("withdrawAssessment", &format!(r#""edition": 1, "notRated": true, {any}"#)),
        with("reopenAssessment", &format!(r#""authority": "the chief inspector", {any}"#)),
    ];
    imported(&served, "publisher", &publisher).await;
    let rename = format!(
        r#"{{"renameSubject": {{"subject": "{}", "displayName": "Leicester", {any}}}}}"#,
        crate::served::SUBJECT
    );
    imported(&served, "admin", &[rename]).await;
    served.stop().await;
}

#[tokio::test]
async fn a_publication_day_is_one_step_of_which_all_is_recorded_or_nothing() {
    let served = Served::start().await;
    let first = crate::editions::Editing::graded(&served).await;
    let second = crate::editions::Editing::of_2005(&served).await;
    let publication = |name: &str| {
        format!(
            r#"{{"assessment": "{name}", "edition": 1, "expected": {{"any": true}},
                "letterDate": {{"year": 2006, "month": 11, "day": 1}}}}"#
        )
    };
    let day = [publication(&first.name), publication(&second.name)].join(", ");
    let day = format!(r#"{{"publishAssessments": {{"publications": [{day}]}}}}"#);
    served.at("2006-11-01T09:00:00Z");
    first.signed(1).await;
    let refused = import_as(&served, "publisher", &day, &[]).await;
    assert_eq!(refused, (Some(1), "0 recorded, 0 replayed, 1 refused".to_owned()));
    second.signed(1).await;
    let published = import_as(&served, "publisher", &day, &[]).await;
    assert_eq!(published, (Some(0), "2 recorded, 0 replayed, 0 refused".to_owned()));
    let again = import_as(&served, "publisher", &day, &[]).await;
    assert_eq!(again, (Some(0), "0 recorded, 2 replayed, 0 refused".to_owned()));
    served.stop().await;
}
