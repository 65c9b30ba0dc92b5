//! Answers to draw in tests, and how they look. The earlier grade is invented test data.

use crate::{cli::json, pb};

/// Reads a message that a test writes down.
fn read<M: json::InJson>(json: &str) -> M {
    json::read(json).unwrap()
}

/// An award in a word.
pub(in crate::cli) fn worded(word: &str) -> pb::Award {
    pb::Award { scale: "apa-words".to_owned(), word: word.to_owned(), ..pb::Award::default() }
}

pub(in crate::cli) fn framework() -> pb::Framework {
    read(
        r#"{
        "name": "frameworks/apa/versions/2006",
        "title": "2006 annual performance assessment",
        "scales": [
            {"id": "apa-1-4", "kind": "KIND_ORDERED", "levels": [
                {"code": "1", "rank": 1}, {"code": "2", "rank": 2},
                {"code": "3", "rank": 3}, {"code": "4", "rank": 4}]},
            {"id": "apa-words", "kind": "KIND_ORDERED", "levels": [
                {"code": "good", "rank": 3, "words": ["good"]},
                {"code": "adequate", "rank": 2, "words": ["adequate"]}]}],
        "areas": [
            {"id": "childrens-services", "scales": ["apa-1-4"], "visibleTo": ["audit-commission"],
             "label": "The contribution of *the local authority's children's services* in improving"},
            {"id": "enjoying-and-achieving", "label": "Enjoying and achieving",
             "scales": ["apa-words"]},
            {"id": "achieving-economic-well-being", "label": "Achieving economic well-being",
             "scales": ["apa-words"]},
            {"id": "management", "label": "Management"}],
        "sections": [{"id": "being-healthy", "heading": "Being healthy"},
                     {"id": "staying-safe", "heading": "Staying safe"}],
        "reasons": [{"code": "INITIAL"}, {"code": "MODERATION", "moderation": true}],
        "signedBy": ["ofsted", "csci"]}"#,
    )
}

/// A score that corrects another.
pub(in crate::cli) fn score() -> pb::FeedUpdate {
    read(
        r#"{"position": "82", "items": [{
            "kind": "KIND_SCORE", "scheme": "CPA", "block": "children",
            "subject": "subjects/leicester-city",
            "assessment": "subjects/leicester-city/assessments/apa-2006", "edition": 2,
            "award": {"scale": "apa-1-4", "level": "4"}, "position": "77",
            "corrects": {
                "assessment": "subjects/leicester-city/assessments/apa-2006", "edition": 1,
                "kind": "KIND_SCORE", "award": {"scale": "apa-1-4", "level": "3"}}}]}"#,
    )
}

pub(in crate::cli) fn assessment() -> pb::Assessment {
    read(
        r#"{
        "name": "subjects/leicester-city/assessments/apa-2006",
        "framework": "frameworks/apa/versions/2006", "cycle": "2006",
        "state": "ASSESSMENT_STATE_PUBLISHED", "edition": 1, "revision": "36",
        "judgements": [
            {"area": "childrens-services", "position": "10",
             "areaLabel": "The contribution of *the local authority's children's services* in improving",
             "award": {"scale": "apa-1-4", "level": "3"},
             "description": "A service that consistently delivers above minimum requirements for users",
             "effectiveOn": {"year": 2006, "month": 10, "day": 10}},
            {"area": "enjoying-and-achieving", "areaLabel": "Enjoying and achieving",
             "award": {"scale": "apa-words", "word": "adequate"}, "position": "31",
             "effectiveOn": {"year": 2006, "month": 10, "day": 12}},
            {"area": "achieving-economic-well-being", "areaLabel": "Achieving economic well-being",
             "award": {"scale": "apa-words", "word": "adequate",
                       "qualifier": {"present": "with an overall improving trend"}},
             "position": "14", "effectiveOn": {"year": 2006, "month": 10, "day": 10}}],
        "entries": [
            {"entryId": "str-bh-1", "position": "17", "content": {
                "kind": "ENTRY_KIND_STRENGTH", "section": "being-healthy",
                "text": {"present": "Schools promote healthy lives, and many more of them have joined the programme than was asked."}}},
            {"entryId": "ev-12", "position": "18", "content": {
                "kind": "ENTRY_KIND_EVIDENCE", "section": "being-healthy",
                "figures": [{"measure": {"present": "schools with the standard"},
                    "unit": {"present": "%"},
                    "comparators": [{"kind": "target", "relation": {"present": "on track"},
                        "value": {"decimal": {"value": "50"}}, "unit": {"present": "%"},
                        "due": {"year": 2006, "month": 12}}]}]}},
            {"entryId": "fu-3", "position": "19", "content": {
                "kind": "ENTRY_KIND_FOLLOW_UP", "section": "staying-safe",
                "followUp": {"label": {"present": "last year's APA"},
                    "citedKind": {"present": "weakness"},
                    "words": {"present": "early years advice, guidance and support"},
                    "status": "FOLLOW_UP_STATUS_REMAINS", "carriedTo": "afi-ss-1"}}}],
        "signatures": [{"organisation": "csci", "position": "40"},
                       {"organisation": "ofsted", "position": "41"}],
        "editions": [{"edition": 1, "position": "42",
                      "letterDate": {"year": 2006, "month": 11, "day": 1}}],
        "read": {"position": "42", "recordedAt": "2006-11-01T09:00:00Z"}}"#,
    )
}

/// Enjoying and achieving: good, lowered two days later.
pub(in crate::cli) fn moderated() -> Vec<pb::AuditRow> {
    let area = r#""area": "enjoying-and-achieving", "areaLabel": "Enjoying and achieving""#;
    let awarded = format!(
        r#"{{"stream": "subjects/leicester-city/assessments/apa-2006", "event": "GradeSet",
        "position": "13", "recordedAt": "2006-10-10T09:00:00Z",
        "grade": {{{area}, "change": "CHANGE_KIND_AWARDED", "after": {{"word": "good"}}}},
        "recordedBy": {{"name": {{"present": "a.inspector@ofsted"}}}},
        "recorderRole": "ROLE_INSPECTOR", "recorderOrganisation": "ofsted",
        "decidedBy": {{"person": {{"name": {{"present": "a.inspector@ofsted"}}}},
                      "role": "ROLE_INSPECTOR", "organisation": "ofsted"}},
        "effectiveOn": {{"year": 2006, "month": 10, "day": 10}}, "reason": "INITIAL"}}"#
    );
    let lowered = format!(
        r#"{{"stream": "subjects/leicester-city/assessments/apa-2006", "event": "GradeSet",
        "position": "31", "recordedAt": "2006-10-12T14:00:00Z",
        "grade": {{{area}, "change": "CHANGE_KIND_LOWERED",
                  "before": {{"word": "good"}}, "after": {{"word": "adequate"}}}},
        "recordedBy": {{"name": {{"present": "m.moderator@ofsted"}}}},
        "recorderRole": "ROLE_MODERATOR", "recorderOrganisation": "ofsted",
        "decidedBy": {{"panel": {{"name": {{"present": "APA moderation panel"}},
                "members": [{{"name": {{"present": "m.moderator@ofsted"}}}},
                            {{"name": {{"present": "n.moderator@csci"}}}}],
                "meeting": {{"year": 2006, "month": 10, "day": 12}},
                "minutes": {{"present": "MP-7"}}}},
            "role": "ROLE_MODERATOR", "organisation": "ofsted"}},
        "decidedOn": {{"year": 2006, "month": 10, "day": 12}},
        "effectiveOn": {{"year": 2006, "month": 10, "day": 12}},
        "basis": "BASIS_SAME_EVIDENCE", "reason": "MODERATION",
        "rationale": {{"present": "Standards stay below those of similar councils, however steadily they have risen."}},
        "evidence": [{{"entry": "ev-33", "position": "21"}}]}}"#
    );
    vec![read(&awarded), read(&lowered)]
}

/// A grade, an entry and a publication.
pub(in crate::cli) fn trail() -> Vec<pb::AuditRow> {
    let mut entry = moderated().remove(0);
    entry.grade = None;
    entry.event = "EntryRecorded".to_owned();
    entry.entry_id = "ev-33".to_owned();
    let mut published = entry.clone();
    published.event = "AssessmentPublished".to_owned();
    published.entry_id = String::new();
    vec![moderated().remove(1), entry, published]
}

pub(in crate::cli) fn streamed() -> pb::StreamRecordsResponse {
    read(
        r#"{"record": {
        "record": {"stream": "subjects/leicester-city/assessments/apa-2006", "position": "31",
            "recordedAt": "2006-10-12T14:00:00Z", "reason": "MODERATION",
            "recordedBy": {"role": "ROLE_MODERATOR", "organisation": "ofsted"},
            "gradeSet": {"area": "enjoying-and-achieving", "change": "CHANGE_KIND_LOWERED",
                         "standing": {"scale": "apa-words", "level": "adequate", "word": "adequate"}}},
        "texts": [{"field": "rationale", "text": {"present": "Read against similar councils."}}]}}"#,
    )
}
