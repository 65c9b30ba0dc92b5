//! Framework files, as the real binary checks them without a server.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

const SOUND: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/frameworks/apa-2006.json"));

fn judgement_ledger(args: &[&str]) -> Output {
    Command::new(crate::binary::program()).args(args).output().unwrap()
}

fn check(file: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let args = [&["framework", "check", file.to_str().unwrap()], more].concat();
    let Output { status, stdout, stderr } = judgement_ledger(&args);
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A folder with a file in it that says `text`.
fn file(text: &str) -> (TempDir, std::path::PathBuf) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("framework.json");
    fs::write(&file, text).unwrap();
    (folder, file)
}

#[test]
fn a_sound_file_is_said_to_be_sound() {
    let (_folder, sound) = file(SOUND);
    let (code, said, complaints) = check(&sound, &[]);
    assert_eq!((code, complaints.as_str()), (Some(0), ""));
    assert!(
        said.starts_with("frameworks/apa/versions/2006 is sound: 9 areas, 12 sections"),
        "{said}"
    );
    let (code, said, _) = check(&sound, &["--format", "json"]);
    assert_eq!((code, said.trim()), (Some(0), "{\"framework\":\"frameworks/apa/versions/2006\"}"));
}

#[test]
fn every_fault_of_a_file_is_told_with_its_place_and_the_next_step() {
    let spoilt = SOUND
        .replace("\"letterTo\": [\"addressee\"]", "\"letterTo\": [\"everybody\"]")
        .replace("\"label\": \"Being healthy\"", "\"label\": \"Being *healthy\"");
    let line = |said: &str| spoilt.lines().position(|line| line.contains(said)).unwrap() + 1;
    let (healthy, letter_to) = (line("Being *healthy"), line("everybody"));
    let (_folder, spoilt) = file(&spoilt);
    let origin = spoilt.display();
    let (code, said, complaints) = check(&spoilt, &[]);
    assert_eq!(code, Some(1));
    assert_eq!(
        said,
        format!(
            "{origin}, line {healthy}: areas[3].label: emphasises without beginning or end
  next: put `*` before and after what is emphasised
{origin}, line {letter_to}: letterTo[0]: names the audience \"everybody\", which there is not
  next: name one of addressee, audit-commission, csci, or declare it
"
        )
    );
    let expected = format!("error: {origin} has 2 faults: mend them, then check it again\n");
    assert_eq!(complaints, expected);

    let (code, said, _) = check(&spoilt, &["--format", "json"]);
    let first: serde_json::Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!((code, said.lines().count()), (Some(1), 2));
    assert_eq!((&first["path"], &first["line"]), (&"areas[3].label".into(), &healthy.into()));
}

#[test]
fn what_is_no_framework_is_told_with_its_line() {
    for (text, expected) in [
        ("{\n\"nam\": \"x\"}", "line 2: unrecognized field name 'nam'"),
        ("{\n", "line 2: EOF while parsing"),
        ("{\n\n\"scales\": [{\"kind\": \"KIND_BEST\"}]}", "line 3: "),
    ] {
        let (_folder, file) = file(text);
        let (code, said, complaints) = check(&file, &[]);
        assert_eq!((code, said.as_str()), (Some(1), ""));
        assert!(complaints.contains(expected), "{complaints}");
        assert!(complaints.contains("judgement-ledger framework schema"), "{complaints}");
    }
    let (code, _, complaints) = check(Path::new("no-such-file.json"), &[]);
    assert_eq!(code, Some(1));
    assert!(complaints.starts_with("error: cannot read no-such-file.json\n"), "{complaints}");
}

#[test]
fn the_schema_is_printed() {
    let Output { status, stdout, stderr } = judgement_ledger(&["framework", "schema"]);
    assert_eq!((status.code(), stderr.as_slice()), (Some(0), [].as_slice()));
    let schema: serde_json::Value = serde_json::from_slice(&stdout).unwrap();
    let sound = serde_json::from_str(SOUND).unwrap();
    assert!(jsonschema::is_valid(&schema, &sound));
    assert!(!jsonschema::is_valid(&schema, &serde_json::json!({})));
}
