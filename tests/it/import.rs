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
    let files = TempDir::new().unwrap();
    let (file, token) = (files.path().join("steps.jsonl"), files.path().join("inspector"));
    fs::write(&file, text).unwrap();
    fs::write(&token, served.token("inspector")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_judgement-ledger"));
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
