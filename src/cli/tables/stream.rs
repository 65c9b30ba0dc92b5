//! Records as they come, a line each.

use crate::{
    pb::{self, record::Event, stream_records_response::Message},
    wording::{date, rows, text, time, words},
};

/// What comes: data for stdout, or news of the stream itself for whoever watches.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Line {
    /// A record.
    Data(String),
    /// The stream has caught up, or says where to go on.
    News(String),
}

/// One message of the stream as a line; nothing for an empty one.
pub(in crate::cli) fn message(message: &pb::StreamRecordsResponse) -> Option<Line> {
    Some(match message.message.as_ref()? {
        Message::Record(streamed) => Line::Data(record(streamed)),
        Message::CaughtUp(at) => Line::News(format!("caught up at record {}", at.position)),
        Message::Checkpoint(at) => {
            Line::News(format!("nothing up to record {} is missing", at.position))
        }
    })
}

fn record(streamed: &pb::StreamedRecord) -> String {
    let Some(record) = &streamed.record else {
        return format!(
            "a record of a newer version, {} bytes: update this program to read it",
            streamed.newer_record.len()
        );
    };
    let rationale = streamed.texts.iter().find(|it| it.field == "rationale");
    let rationale = rationale.and_then(|it| text(it.text.as_ref()));
    let reason = Some(record.reason.clone()).filter(|it| !it.is_empty());
    let why: Vec<_> = reason.into_iter().chain(rationale).collect();
    let why = if why.is_empty() { String::new() } else { format!("  {}", why.join(": ")) };
    format!(
        "{:>6}  {}  {}  {}{}{why}",
        record.position,
        time(record.recorded_at.as_ref()),
        rows::stream(&record.stream),
        event(record.event.as_ref()),
        by(record),
    )
}

fn by(record: &pb::Record) -> String {
    let Some(recorder) = &record.recorded_by else { return String::new() };
    let role = words(recorder.role().as_str_name(), "ROLE_");
    match recorder.organisation.as_str() {
        "" => format!("  by {role}"),
        organisation => format!("  by {role} of {organisation}"),
    }
}

/// What happened, in a few words.
fn event(event: Option<&Event>) -> String {
    let Some(event) = event else { return "an event of a newer version".to_owned() };
    match event {
        Event::PersonRegistered(_) => "PersonRegistered".to_owned(),
        Event::FrameworkRegistered(it) => format!("FrameworkRegistered {}", it.framework),
        Event::SubjectRegistered(it) => format!("SubjectRegistered {}", it.display_name),
        Event::AssessmentOpened(it) => format!("AssessmentOpened under {}", it.framework),
        Event::AddresseeSet(_) => "AddresseeSet".to_owned(),
        Event::GradeSet(it) => {
            let change = crate::wording::change(it.change());
            format!("GradeSet {} {change} {}", it.area, standing(it.standing.as_ref()))
        }
        Event::EntryRecorded(it) => format!("EntryRecorded {}", it.entry),
        Event::EntryRevised(it) if it.content.is_none() => {
            format!("EntryRevised {}, struck", it.entry)
        }
        Event::EntryRevised(it) => format!("EntryRevised {}", it.entry),
        Event::AssessmentLocked(it) => format!("AssessmentLocked edition {}", it.edition),
        Event::SignedOff(it) => format!("SignedOff {} edition {}", it.organisation, it.edition),
        Event::AssessmentPublished(it) => {
            let dated = date(it.letter_date.as_ref()).unwrap_or_default();
            format!("AssessmentPublished edition {} of {dated}", it.edition)
        }
        Event::SignOffRefused(it) => {
            format!("SignOffRefused {} edition {}", it.organisation, it.edition)
        }
        Event::AssessmentReopened(it) => format!("AssessmentReopened edition {}", it.edition),
        Event::AssessmentWithdrawn(it) => {
            let instead = rows::fallback(&it.fallback);
            format!("AssessmentWithdrawn edition {}, {instead}", it.edition)
        }
        Event::HoldPlaced(it) => format!("HoldPlaced {}", it.hold),
        Event::HoldReleased(it) => format!("HoldReleased {}", it.hold),
        Event::ChallengeReceived(it) => format!("ChallengeReceived {}", it.challenge),
        Event::ChallengeDecided(it) => {
            let outcome = words(it.outcome().as_str_name(), "POINT_OUTCOME_");
            format!("ChallengeDecided {} point {}: {outcome}", it.challenge, it.point)
        }
        Event::DraftShared(it) => format!("DraftShared as known at record {}", it.position),
        Event::RecordCorrected(it) => format!("RecordCorrected record {}", it.position),
        Event::SubjectRenamed(it) => format!("SubjectRenamed {}", it.display_name),
        Event::RedactionRequested(it) => {
            let basis = words(it.legal_basis().as_str_name(), "LEGAL_BASIS_");
            format!("RedactionRequested {} of record {} ({basis})", it.field, it.position)
        }
        Event::TextRedacted(it) => {
            let basis = words(it.legal_basis().as_str_name(), "LEGAL_BASIS_");
            format!("TextRedacted {} of record {} ({basis})", it.field, it.position)
        }
        Event::RedactionRefused(it) => {
            format!("RedactionRefused {} of record {}", it.field, it.position)
        }
        Event::RedactionCompleted(it) => {
            format!("RedactionCompleted {} of record {}", it.field, it.position)
        }
        Event::KeyRotated(it) => {
            let change = words(it.change().as_str_name(), "KEY_CHANGE_");
            format!("KeyRotated {}: {change}", it.vkey)
        }
        Event::AccessRecorded(it) => {
            let of = Some(&it.of).filter(|of| !of.is_empty());
            let of = of.map(|of| format!(" of {}", rows::stream(of))).unwrap_or_default();
            format!("AccessRecorded {}{of}", words(it.access_kind().as_str_name(), "ACCESS_KIND_"))
        }
    }
}

fn standing(standing: Option<&pb::Standing>) -> String {
    let Some(standing) = standing else { return String::new() };
    match standing.not_graded() {
        pb::NonGrade::Unspecified if standing.word.is_empty() => standing.level.clone(),
        pb::NonGrade::Unspecified => standing.word.clone(),
        value @ (pb::NonGrade::NotJudged
        | pb::NonGrade::NotApplicable
        | pb::NonGrade::SubjectToReview) => words(value.as_str_name(), "NON_GRADE_"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::tables::sample;

    #[test]
    fn a_streamed_record_is_one_line() {
        assert_eq!(
            message(&sample::streamed()),
            Some(Line::Data(
                "    31  2006-10-12 14:00:00  leicester-city/apa-2006  \
                 GradeSet enjoying-and-achieving LOWERED adequate  by moderator of ofsted  \
                 MODERATION: Read against similar councils."
                    .to_owned()
            ))
        );
    }

    #[test]
    fn news_of_the_stream_is_no_data() {
        let caught_up = Message::CaughtUp(pb::CaughtUp { position: 42 });
        let caught_up = pb::StreamRecordsResponse { message: Some(caught_up) };
        assert_eq!(message(&caught_up), Some(Line::News("caught up at record 42".to_owned())));
    }
}
