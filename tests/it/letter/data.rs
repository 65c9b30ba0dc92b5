//! The letter to Leicester of 2006, as its data file says it.

use std::{fs, io};

use serde::Deserialize;
use serde_json::Value;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/leicester-2006.json");

/// What of the letter is recorded. `derived_grade` is a remark of the data and has no place here.
#[derive(Deserialize)]
pub struct Letter {
    pub addressee: Addressee,
    pub title: String,
    pub salutation: String,
    pub opening: Vec<String>,
    pub closing: String,
    pub publication_rule: Quoted,
    pub signatories: Vec<Signatory>,
    pub table_judgements: Vec<TableJudgement>,
    pub worded_judgements: Vec<WordedJudgement>,
    pub narrative: Vec<Item>,
    pub strengths: Vec<Item>,
    pub areas_for_improvement: Vec<Item>,
    pub aspects_for_focus: Vec<Aspect>,
    pub prior_year_followups: Vec<FollowUp>,
    pub evidence: Vec<Evidence>,
    pub oddities: Vec<Oddity>,
    pub tensions: Vec<Tension>,
}

#[derive(Deserialize)]
pub struct Addressee {
    pub name: String,
    pub role: String,
    pub organisation: String,
    pub address: Vec<String>,
}

#[derive(Deserialize)]
pub struct Quoted {
    pub quote: String,
}

#[derive(Deserialize)]
pub struct Signatory {
    pub organisation: String,
    pub name_printed: String,
    pub signature_as_transcribed: String,
    pub role: String,
    pub organisation_printed: String,
}

#[derive(Deserialize)]
pub struct TableJudgement {
    pub area: String,
    pub grade: String,
    pub descriptor: String,
    pub text: String,
}

#[derive(Deserialize)]
pub struct WordedJudgement {
    pub area: String,
    pub word: Option<String>,
    pub qualifier: Option<String>,
    pub quote: String,
}

#[derive(Deserialize)]
pub struct Item {
    pub id: String,
    pub area: String,
    pub text: String,
}

#[derive(Deserialize)]
pub struct Aspect {
    pub id: String,
    pub text: String,
    pub relates_to: Vec<String>,
}

#[derive(Deserialize)]
pub struct FollowUp {
    pub id: String,
    pub cited_as: String,
    pub area: String,
    pub prior_kind: String,
    pub prior_item: String,
    pub status: String,
    pub status_quote: String,
    pub carried_forward_to: Option<String>,
}

#[derive(Deserialize)]
pub struct Evidence {
    pub id: String,
    pub area: String,
    pub measure: String,
    pub group: Option<String>,
    pub value: Option<String>,
    pub unit: Option<String>,
    pub qualifier: Option<String>,
    pub period: Option<String>,
    pub trend: Option<String>,
    pub comparators: Vec<Comparator>,
    pub quote: String,
    pub paragraph: String,
}

#[derive(Deserialize)]
pub struct Comparator {
    pub kind: String,
    pub relation: Option<String>,
    pub value: Option<String>,
    pub name: Option<String>,
    pub subjects: Option<String>,
    pub unit: Option<String>,
    pub period: Option<String>,
    pub due: Option<String>,
}

#[derive(Deserialize)]
pub struct Oddity {
    pub kind: String,
    pub what: String,
    pub quote: Option<String>,
}

#[derive(Deserialize)]
pub struct Tension {
    pub id: String,
    pub what: String,
    pub evidence: Option<Vec<String>>,
}

/// The letter, and the same as plain JSON. None, said aloud, where the file is not at hand.
pub fn read() -> Option<(Letter, Value)> {
    let json = match fs::read_to_string(FILE) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            println!("SKIPPED: {FILE} is not there, so no letter was recorded or checked");
            return None;
        }
        Err(error) => panic!("{FILE}: {error}"),
    };
    Some((serde_json::from_str(&json).unwrap(), serde_json::from_str(&json).unwrap()))
}
