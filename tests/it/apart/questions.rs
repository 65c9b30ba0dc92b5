//! Everything that somebody may ask, of what is there and of what may be.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use judgement_ledger::pb;
use prost_reflect::{DynamicMessage, prost::Message as _};
use serde_json::{Value, json};

use super::{
    around, plain,
    private::{NO_DIGEST, act},
    world::{OURS, THEIRS, THEM, US, World},
};
use crate::{
    calls::{Whole, call, method},
    served::SUBJECT,
};

/// A question: what it is called, the call and what is asked.
pub struct Question {
    pub label: String,
    method: &'static str,
    message: Value,
}

/// What was told, by the questions.
pub type Told = BTreeMap<String, Value>;

/// The questions about no assessment in particular.
pub fn of_all() -> Vec<Question> {
    let expression = |it: String| json!({"expression": it});
    let named = |at: &str, whom: &str| expression(format!("{at} = \"somebody@{whom}\""));
    let streamed =
        |it: String| json!({"catchUpOnly": true, "expression": it, "streams": [], "events": []});
    let events = json!({"catchUpOnly": true, "events": ["EntryRecorded", "GradeSet"]});
    let oldest = json!({"filter": {"event": "GradeSet"}, "order": "AUDIT_ORDER_OLDEST_FIRST",
        "pageSize": 1000});
    let recorded_by = |whom: &str| json!({"filter": {"recordedBy": format!("somebody@{whom}")}});
    let rows: Vec<(&str, &'static str, Value)> = vec![
        ("all", "ListAssessments", json!({})),
        ("two of a subject", "ListAssessments", json!({"parent": SUBJECT, "pageSize": 2})),
        ("all", "ListSubjects", json!({})),
        ("all", "ListFrameworks", json!({})),
        ("one", "GetSubject", json!({"name": SUBJECT})),
        ("one", "GetFramework", json!({"name": THEIRS})),
        ("one", "GetSubjectTimeline", json!({"subject": SUBJECT})),
        ("ours", "SummarizeGrades", json!({"framework": OURS})),
        ("theirs", "SummarizeGrades", json!({"framework": THEIRS})),
        ("theirs in public", "SummarizeGrades", json!({"framework": THEIRS, "published": true})),
        (
            "one of theirs in public",
            "SummarizeGrades",
            json!({"framework": THEIRS, "published": true, "pageSize": 1}),
        ),
        ("all", "QueryAudit", json!({"pageSize": 1000})),
        ("two", "QueryAudit", json!({"pageSize": 2})),
        ("oldest", "QueryAudit", oldest),
        ("recorded by us", "QueryAudit", recorded_by(US)),
        ("recorded by them", "QueryAudit", recorded_by(THEM)),
        ("of their framework", "QueryAudit", expression(format!("framework = \"{THEIRS}\""))),
        ("of their organisation", "QueryAudit", expression(format!("organisation = {THEM}"))),
        ("after drafts", "QueryAudit", expression("after_draft = true".to_owned())),
        ("after signatures", "QueryAudit", expression("after_signature = true".to_owned())),
        ("of erasures", "QueryAudit", expression("event = RedactionRequested".to_owned())),
        ("no grades", "QueryAudit", expression("NOT event = GradeSet".to_owned())),
        ("actor is one of ours", "QueryAudit", named("actor", US)),
        ("actor is one of theirs", "QueryAudit", named("actor", THEM)),
        ("decider is one of theirs", "QueryAudit", named("decider", THEM)),
        ("actor is nobody", "QueryAudit", named("actor", "nowhere")),
        (
            "actor is none of theirs",
            "QueryAudit",
            expression(format!("NOT actor = \"somebody@{THEM}\"")),
        ),
        ("all", "StreamRecords", json!({"catchUpOnly": true})),
        ("events", "StreamRecords", events),
        ("ours", "StreamRecords", streamed(format!("actor = \"somebody@{US}\""))),
        ("theirs", "StreamRecords", streamed(format!("actor = \"somebody@{THEM}\""))),
        ("all", "GetFeed", json!({"scheme": "CPA", "catchUpOnly": true})),
        ("one", "GetEntryBundle", json!({"width": 1})),
        ("all", "ExportEvidence", json!({"purpose": "a look"})),
    ];
    let question = |(label, method, message): (&str, &'static str, Value)| {
        let label = format!("{method} {label}");
        Question { label, method, message }
    };
    rows.into_iter().map(question).collect()
}

/// The questions about one assessment.
pub fn of_one(whose: &str, name: &str) -> Vec<Question> {
    let side = json!({"assessment": name});
    let shown = json!({"assessment": name, "state": "published"});
    let rows: Vec<(&str, &'static str, Value)> = vec![
        ("inside", "GetAssessment", json!({"name": name, "content": "ASSESSMENT_CONTENT_FULL"})),
        ("outside", "GetAssessment", json!({"name": name, "view": "ASSESSMENT_VIEW_PUBLISHED"})),
        ("edition", "GetAssessment", json!({"name": name, "edition": 1})),
        ("all", "GetGradeHistory", json!({"assessment": name})),
        ("all", "GetTrail", json!({"assessment": name})),
        ("all", "GetRecipients", json!({"assessment": name})),
        ("one", "GetDisclosure", json!({"name": name})),
        ("published", "RenderLetter", json!({"name": name})),
        ("draft", "RenderLetter", json!({"name": name, "draft": 1})),
        ("inside", "CompareAssessments", json!({"before": side, "after": side})),
        ("outside", "CompareAssessments", json!({"before": shown, "after": shown})),
        (
            "court",
            "ExportCase",
            json!({"assessment": name, "caseKind": "CASE_KIND_COURT", "purpose": "a"}),
        ),
        (
            "dry",
            "SetGrade",
            json!({"assessment": name, "area": "adoption", "act": act(),
                "grade": {"word": "good"}, "expected": {"position": "1"}, "validateOnly": true}),
        ),
        (
            "dry",
            "LockAssessment",
            json!({"assessment": name, "act": act(), "validateOnly": true, "digest": NO_DIGEST,
                "expected": {"any": true}}),
        ),
    ];
    let question = |(label, method, message): (&str, &'static str, Value)| {
        let label = format!("{method} {label} of {whose}");
        Question { label, method, message }
    };
    rows.into_iter().map(question).collect()
}

impl World {
    /// What all of this tells somebody.
    pub async fn told(&self, login: &str, questions: &[Question]) -> Told {
        // Trails go as far as is signed.
        let covered = json!({"minSize": self.served.head().await.to_string()});
        call(&self.served.channel, login, "GetCheckpoint", &covered).await.unwrap();
        let mut told = Told::new();
        let ask = async |Question { label, method, message }: &Question| {
            let answer = around::heard(&self.served, login, method, message).await;
            (label.clone(), said(method, &answer))
        };
        let (exports, others): (Vec<_>, Vec<_>) =
            questions.iter().partition(|it| it.method.starts_with("Export"));
        for question in others {
            told.extend([ask(question).await]);
        }
        // Each waits until it is signed, and is told of no other.
        told.extend(join_all(exports.into_iter().map(ask)).await);
        told
    }
}

/// What a call said, and around it.
fn said(name: &str, of: &Whole) -> Value {
    let answers: Value = if name.starts_with("Export") {
        let parts = of.answers.iter().map(|it| pb::ExportedFile::decode(it.as_slice()).unwrap());
        plain::folder(&parts.collect::<Vec<_>>())
    } else {
        let output = method(name).output();
        let decoded = of.answers.iter().map(|bytes| {
            plain::message(&DynamicMessage::decode(output.clone(), bytes.as_slice()).unwrap())
        });
        // Signs of life and of where a reader stands.
        decoded.filter(|it| it.as_object().is_none_or(|fields| !fields.is_empty())).collect()
    };
    let end = of.end.as_ref().err().map(plain::status);
    json!({"answers": answers, "end": end, "around": of.around})
}
