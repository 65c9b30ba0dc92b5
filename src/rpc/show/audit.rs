//! Records as auditors read them: who, when, why, on whose decision.

use bytes::Bytes;

use super::{
    Names,
    assessment::award,
    correction::{Righted, stated},
    custody, marks,
    person::{decider, person},
    redaction,
    value::{basis, change, date, optional_name, optional_text, role, text, timestamp},
};
use crate::{
    judgement::{
        Assessment, Event, EvidenceRef, Fallback, Framework, GradeSet, HoldPlaced, HoldReleased,
        Origin,
    },
    ledger::{AssessmentRead, ReadRecord, Shown},
    pb,
};

/// One record as an auditor reads it: as corrected, with what was there by mistake. `within` is the
/// record's assessment as it is known, with its framework: that labels the area of a grade, and says
/// what became of what was recorded. `corrections` are the records that correct it, oldest first.
pub(crate) fn audit_row(
    read: &ReadRecord,
    within: Option<&AssessmentRead>,
    corrections: &[ReadRecord],
    names: Names<'_>,
) -> pb::AuditRow {
    let record = &read.record;
    let known = within.map(|it| it.known.as_ref());
    let mut righted = Righted::of(read);
    let mut shown = Vec::with_capacity(corrections.len());
    for by in corrections {
        if let Event::RecordCorrected(corrected) = &by.event {
            shown.push(righted.put_right(by, corrected, names));
        }
    }
    let decided_by = righted.decider(names);
    let act = righted.act;
    let lapsed = known.and_then(|it| it.lapsed_by(record.position));
    pb::AuditRow {
        stream: record.stream.to_string(),
        position: record.position.get(),
        revision: record.revision.get(),
        record_id: record.id.to_string(),
        event: read.event.name().to_owned(),
        recorded_at: Some(timestamp(record.recorded_at)),
        recorded_by: Some(person(record.recorded_by.person, names)),
        recorder_role: role(record.recorded_by.role),
        recorder_organisation: record.recorded_by.organisation.to_string(),
        decided_by,
        decided_on: act.decided_on.map(date),
        effective_on: Some(date(act.effective_on.unwrap_or(record.recorded_on))),
        basis: act.basis.map_or(0, basis),
        instructed_by: act.instructed_by.as_ref().map(|stated| decider(stated, names)),
        reason: optional_name(act.reason.as_ref()),
        rationale: optional_text(act.rationale.as_ref()),
        evidence: act.evidence.iter().map(evidence).collect(),
        transcribed_from: transcribed_from(&act.origin),
        lapsed_by: lapsed.map_or(0, |by| by.at.get()),
        challenges: known.map_or_else(Vec::new, |it| challenges(read, it)),
        corrections: shown,
        ..about(read, within, names)
    }
}

/// The challenges to a grade.
fn challenges(read: &ReadRecord, known: &Assessment) -> Vec<pb::Challenge> {
    let Event::GradeSet(_) = &read.event else { return Vec::new() };
    marks::against(known, read.record.position)
}

/// What an event says beside who, when and why: the fields of a row that are its own.
fn about(read: &ReadRecord, within: Option<&AssessmentRead>, names: Names<'_>) -> pb::AuditRow {
    let (record, row) = (&read.record, pb::AuditRow::default());
    let framework = within.map(|it| it.framework.framework.as_ref());
    match &read.event {
        Event::GradeSet(set) => pb::AuditRow { grade: Some(grade_change(set, framework)), ..row },
        Event::EntryRecorded(it) => pb::AuditRow { entry_id: it.entry.to_string(), ..row },
        Event::EntryRevised(it) => {
            pb::AuditRow { entry_id: it.entry.to_string(), struck: it.content.is_none(), ..row }
        }
        Event::SignedOff(_)
        | Event::SignOffRefused(_)
        | Event::AssessmentReopened(_)
        | Event::AssessmentWithdrawn(_) => about_edition(&read.event),
        Event::HoldPlaced(HoldPlaced { hold, .. }) | Event::HoldReleased(HoldReleased { hold }) => {
            let held = within.and_then(|it| it.known.holds.get(hold));
            pb::AuditRow { hold: held.map(|it| marks::hold(hold, it)), ..row }
        }
        Event::ChallengeReceived(it) => {
            pb::AuditRow { challenge: Some(marks::received(record, it)), ..row }
        }
        Event::ChallengeDecided(it) => {
            pb::AuditRow { challenge: Some(marks::decided(record, it)), ..row }
        }
        Event::DraftShared(it) => {
            pb::AuditRow { draft: Some(marks::shared_draft(record, it)), ..row }
        }
        Event::RecordCorrected(it) => {
            pb::AuditRow { correction: Some(stated(read, it, names)), ..row }
        }
        Event::SubjectRenamed(it) => pb::AuditRow { display_name: it.name.to_string(), ..row },
        Event::RedactionRequested(_)
        | Event::TextRedacted(_)
        | Event::RedactionRefused(_)
        | Event::RedactionCompleted(_) => {
            pb::AuditRow { redaction: redaction::stated(&read.event), ..row }
        }
        Event::KeyRotated(it) => pb::AuditRow { key: Some(custody::key(it)), ..row },
        Event::AccessRecorded(it) => pb::AuditRow { access: Some(custody::access(it)), ..row },
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::SubjectRegistered(_)
        | Event::AssessmentOpened(_)
        | Event::AddresseeSet(_)
        | Event::AssessmentLocked(_)
        | Event::AssessmentPublished(_) => row,
    }
}

/// What is signed, objected to, opened again or withdrawn.
fn about_edition(event: &Event<Shown>) -> pb::AuditRow {
    let row = pb::AuditRow::default();
    match event {
        Event::SignedOff(it) => pb::AuditRow { signed_for: it.organisation.to_string(), ..row },
        Event::SignOffRefused(it) => pb::AuditRow {
            signed_for: it.organisation.to_string(),
            edition: it.edition,
            objection: Some(text(&it.objection)),
            ..row
        },
        Event::AssessmentReopened(it) => pb::AuditRow {
            edition: it.edition,
            authority: Some(text(&it.authority)),
            reference: optional_text(it.reference.as_ref()),
            ..row
        },
        Event::AssessmentWithdrawn(it) => pb::AuditRow {
            edition: it.edition,
            fallback: match &it.fallback {
                Fallback::Assessment(assessment) => assessment.to_string(),
                Fallback::NotRated => String::new(),
            },
            ..row
        },
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::SubjectRegistered(_)
        | Event::SubjectRenamed(_)
        | Event::RedactionRequested(_)
        | Event::TextRedacted(_)
        | Event::RedactionRefused(_)
        | Event::RedactionCompleted(_)
        | Event::KeyRotated(_)
        | Event::AccessRecorded(_)
        | Event::AssessmentOpened(_)
        | Event::AddresseeSet(_)
        | Event::GradeSet(_)
        | Event::EntryRecorded(_)
        | Event::EntryRevised(_)
        | Event::AssessmentLocked(_)
        | Event::AssessmentPublished(_)
        | Event::HoldPlaced(_)
        | Event::HoldReleased(_)
        | Event::ChallengeReceived(_)
        | Event::ChallengeDecided(_)
        | Event::DraftShared(_)
        | Event::RecordCorrected(_) => row,
    }
}

fn grade_change(set: &GradeSet<Shown>, framework: Option<&Framework>) -> pb::GradeChange {
    let area = framework.and_then(|framework| framework.area(&set.area));
    pb::GradeChange {
        area: set.area.to_string(),
        area_label: area.map_or_else(String::new, |area| area.label.clone()),
        change: change(set.change),
        // The words that bent what stood before are in the record that set it.
        before: set.before.as_ref().map(|standing| award(standing, None)),
        after: Some(award(&set.award.standing, set.award.qualifier.as_ref())),
    }
}

fn evidence(cited: &EvidenceRef) -> pb::EvidenceCited {
    pb::EvidenceCited { entry: cited.entry.to_string(), position: cited.at.get() }
}

fn transcribed_from(origin: &Origin<Shown>) -> Option<pb::TranscribedFrom> {
    match origin {
        Origin::Witnessed => None,
        Origin::Transcribed { source, sha256 } => {
            let source_sha256 = sha256.map_or_else(Bytes::new, |sum| Bytes::copy_from_slice(&sum));
            Some(pb::TranscribedFrom { source: Some(text(source)), source_sha256 })
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::super::fixture::{
        self, ASSESSMENT, act, content, day, entry, framework, names, record, record_of, said,
        shown,
    };
    use super::*;
    use crate::judgement::{
        AreaId, AssessmentLocked, AssessmentOpened, Award, Basis, ChangeKind, Cycle, Decider,
        Deciding, EntryKind, EntryRecorded, Label, LevelCode, OrganisationId, Panel, Position,
        ReasonCode, Role, ScaleId, SignOffRefused, Signature, SignedOff, Standing,
    };
    use crate::merkle::Hash;

    fn worded(level: &str, word: &str) -> Standing {
        Standing::Level {
            scale: ScaleId::parse("words").unwrap(),
            level: LevelCode::parse(level).unwrap(),
            word: Label::parse(word).ok(),
        }
    }

    fn moderated() -> ReadRecord {
        let panel = Panel {
            name: said("moderation panel"),
            members: vec![fixture::person(2), fixture::person(3)],
            meeting: Some(Date::constant(2006, 10, 12)),
            minutes: None,
        };
        let organisation = OrganisationId::parse("csci").unwrap();
        let stated = crate::judgement::Act {
            decided_by: Some(Decider {
                who: Deciding::Panel(panel),
                role: Some(Role::Moderator),
                organisation: organisation.clone(),
            }),
            decided_on: Some(Date::constant(2006, 10, 12)),
            effective_on: Some(Date::constant(2006, 10, 1)),
            basis: Some(Basis::SameEvidence),
            instructed_by: Some(Decider {
                who: Deciding::Person(fixture::person(2)),
                role: None,
                organisation,
            }),
            reason: ReasonCode::parse("MODERATION").ok(),
            rationale: Some(said("the panel read it differently")),
            evidence: vec![EvidenceRef { entry: entry("ev-1"), at: Position::new(4) }],
            origin: Origin::Transcribed { source: said("minutes"), sha256: Some([9; 32]) },
            ..act()
        };
        let event = Event::GradeSet(GradeSet {
            area: AreaId::parse("enjoying").unwrap(),
            award: Award { standing: worded("a", "adequate"), qualifier: Some(said("just")) },
            change: ChangeKind::Lowered,
            before: Some(worded("g", "good")),
        });
        record_of(5, ASSESSMENT, stated, event)
    }

    fn person_shown(number: u128, name: Option<pb::Text>) -> pb::Person {
        pb::Person { person_id: fixture::person(number).to_string(), name }
    }

    fn moderated_shown() -> pb::AuditRow {
        let award = |level: &str, word: &str, qualifier| pb::Award {
            scale: "words".to_owned(),
            level: level.to_owned(),
            word: word.to_owned(),
            qualifier,
            not_graded: 0,
        };
        let moderator = person_shown(2, shown("moderator-b"));
        let panel = pb::Panel {
            name: shown("moderation panel"),
            members: vec![moderator.clone(), person_shown(3, Some(text(&Shown::Erased)))],
            meeting: day(2006, 10, 12),
            minutes: None,
        };
        pb::AuditRow {
            stream: ASSESSMENT.to_owned(),
            position: 5,
            revision: 5,
            record_id: "00000000-0000-0000-0000-000000000005".to_owned(),
            event: "GradeSet".to_owned(),
            grade: Some(pb::GradeChange {
                area: "enjoying".to_owned(),
                area_label: "*enjoying*".to_owned(),
                change: i32::from(pb::ChangeKind::Lowered),
                before: Some(award("g", "good", None)),
                after: Some(award("a", "adequate", shown("just"))),
            }),
            entry_id: String::new(),
            recorded_at: Some(timestamp(fixture::recorded_at(5))),
            recorded_by: Some(person_shown(1, shown("inspector-a"))),
            recorder_role: i32::from(pb::Role::Inspector),
            recorder_organisation: "ofsted".to_owned(),
            decided_by: Some(pb::Decider {
                who: Some(pb::decider::Who::Panel(panel)),
                role: i32::from(pb::Role::Moderator),
                organisation: "csci".to_owned(),
            }),
            decided_on: day(2006, 10, 12),
            effective_on: day(2006, 10, 1),
            basis: i32::from(pb::Basis::SameEvidence),
            instructed_by: Some(pb::Decider {
                who: Some(pb::decider::Who::Person(moderator)),
                role: 0,
                organisation: "csci".to_owned(),
            }),
            reason: "MODERATION".to_owned(),
            rationale: shown("the panel read it differently"),
            evidence: vec![pb::EvidenceCited { entry: "ev-1".to_owned(), position: 4 }],
            transcribed_from: Some(pb::TranscribedFrom {
                source: shown("minutes"),
                source_sha256: Bytes::from_static(&[9; 32]),
            }),
            ..pb::AuditRow::default()
        }
    }

    fn opened() -> ReadRecord {
        record(
            1,
            Event::AssessmentOpened(AssessmentOpened {
                framework: framework().framework.id.clone(),
                cycle: Cycle::parse("2006").unwrap(),
                periods: Vec::new(),
                addressee: None,
                earlier: Vec::new(),
            }),
        )
    }

    #[test]
    fn a_signature_that_lapsed_says_by_which_record() {
        let digest = Hash::new([7; 32]);
        let ofsted = OrganisationId::parse("ofsted").unwrap();
        let signature =
            Signature { name: said("a name"), role: None, organisation: None, transcribed: None };
        let signed = SignedOff { organisation: ofsted, edition: 1, digest, signature };
        let refused = SignOffRefused {
            organisation: OrganisationId::parse("csci").unwrap(),
            edition: 1,
            digest,
            objection: said("social care is not 3"),
        };
        let records = [
            opened(),
            record(2, Event::AssessmentLocked(AssessmentLocked { edition: 1, digest })),
            record(3, Event::SignedOff(signed)),
            record(4, Event::SignOffRefused(refused)),
        ];
        let (within, _) = fixture::read(&records);
        let rows = records.iter().map(|it| audit_row(it, Some(&within), &[], &names));
        let lapsed: Vec<_> = rows.clone().map(|row| row.lapsed_by).collect();
        assert_eq!(lapsed, [0, 0, 4, 0]);
        let row = rows.last().unwrap();
        assert_eq!((row.signed_for.as_str(), row.edition), ("csci", 1));
        assert_eq!(row.objection, shown("social care is not 3"));
    }

    #[test]
    fn a_row_says_who_decided_and_who_recorded_when_why_and_on_what() {
        let (within, _) = fixture::read(&[opened(), moderated()]);
        let row = audit_row(&moderated(), Some(&within), &[], &names);
        assert_eq!(row, moderated_shown());
    }

    #[test]
    fn where_nobody_else_is_stated_the_recorder_decided_on_the_day_of_recording() {
        let content = content(EntryKind::Narrative, "summary", 1, "so it is");
        let event = Event::EntryRecorded(EntryRecorded { entry: entry("p-1"), content });
        let row = audit_row(&record(2, event), None, &[], &names);
        let recorder = person_shown(1, shown("inspector-a"));
        let expected = pb::AuditRow {
            stream: ASSESSMENT.to_owned(),
            position: 2,
            revision: 2,
            record_id: "00000000-0000-0000-0000-000000000002".to_owned(),
            event: "EntryRecorded".to_owned(),
            entry_id: "p-1".to_owned(),
            recorded_at: Some(timestamp(fixture::recorded_at(2))),
            recorded_by: Some(recorder.clone()),
            recorder_role: i32::from(pb::Role::Inspector),
            recorder_organisation: "ofsted".to_owned(),
            decided_by: Some(pb::Decider {
                who: Some(pb::decider::Who::Person(recorder)),
                role: i32::from(pb::Role::Inspector),
                organisation: "ofsted".to_owned(),
            }),
            effective_on: day(2006, 11, 1),
            ..Default::default()
        };
        assert_eq!(row, expected);
    }
}
