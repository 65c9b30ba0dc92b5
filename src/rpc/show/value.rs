//! Single values: texts, days, times and the members of closed sets.

use jiff::{Timestamp, civil::Date};

use crate::{
    judgement::{
        Basis, ChangeKind, Decimal, FollowUpStatus, Kind, LetterPart, NonGrade, PartialDate, Role,
    },
    ledger::{Erasure, Moment, Shown},
    pb::{self, google::r#type as google, text::State},
    record::Numbered,
};

const NANOS_PER_SECOND: i32 = 1_000_000_000;

/// A text in whichever state it is. (Spec §5.1)
pub(crate) fn text(shown: &Shown) -> pb::Text {
    given_text(shown.clone())
}

/// As [`text`], of a text that nobody needs any more.
pub(crate) fn given_text(shown: Shown) -> pb::Text {
    let state = match shown {
        Shown::Present(text) => State::Present(text.into_string()),
        Shown::Erased(erasure) => State::Redacted(redacted(&erasure)),
        Shown::Missing => State::Missing(pb::text::Missing {}),
    };
    pb::Text { state: Some(state) }
}

/// What is known of an erased text.
fn redacted(erasure: &Erasure) -> pb::text::Erased {
    let replacement = erasure.replacement.as_ref().map(|text| text.as_str().to_owned());
    pb::text::Erased {
        basis: erasure.basis.number(),
        time: Some(timestamp(erasure.recorded_at)),
        replacement: replacement.unwrap_or_default(),
        position: erasure.position.get(),
    }
}

/// A text that may not have been given.
pub(crate) fn optional_text(shown: Option<&Shown>) -> Option<pb::Text> {
    shown.map(text)
}

/// A day.
pub(crate) fn date(day: Date) -> google::Date {
    google::Date {
        year: i32::from(day.year()),
        month: i32::from(day.month()),
        day: i32::from(day.day()),
    }
}

/// A date of which parts may not be stated: those are 0.
pub(crate) fn partial_date(day: PartialDate) -> google::Date {
    google::Date {
        year: i32::from(day.year()),
        month: day.month().map_or(0, i32::from),
        day: day.day().map_or(0, i32::from),
    }
}

/// A time. Protobuf counts nanoseconds forwards, before 1970 too.
pub(crate) fn timestamp(time: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = (time.as_second(), time.subsec_nanosecond());
    if nanos < 0 {
        let nanos = nanos.saturating_add(NANOS_PER_SECOND);
        return prost_types::Timestamp { seconds: seconds.saturating_sub(1), nanos };
    }
    prost_types::Timestamp { seconds, nanos }
}

/// A moment, as a token that repeats an answer.
pub(crate) fn moment(moment: Moment) -> pb::ReadToken {
    pb::ReadToken {
        position: moment.position.get(),
        recorded_at: Some(timestamp(moment.recorded_at)),
    }
}

/// A number, as written.
pub(crate) fn decimal(number: &Decimal) -> google::Decimal {
    google::Decimal { value: number.as_str().to_owned() }
}

/// An id or a name that may be absent: then empty, as proto3 has it.
pub(crate) fn optional_name<T: ToString>(name: Option<&T>) -> String {
    name.map_or_else(String::new, ToString::to_string)
}

pub(crate) fn role(role: Role) -> i32 {
    i32::from(match role {
        Role::Inspector => pb::Role::Inspector,
        Role::LeadInspector => pb::Role::LeadInspector,
        Role::Moderator => pb::Role::Moderator,
        Role::Signatory => pb::Role::Signatory,
        Role::Publisher => pb::Role::Publisher,
        Role::RecordsOfficer => pb::Role::RecordsOfficer,
        Role::FrameworkAdmin => pb::Role::FrameworkAdmin,
        Role::Auditor => pb::Role::Auditor,
        Role::Consumer => pb::Role::Consumer,
        Role::Service => pb::Role::Service,
    })
}

pub(crate) fn basis(basis: Basis) -> i32 {
    i32::from(match basis {
        Basis::NewEvidence => pb::Basis::NewEvidence,
        Basis::SameEvidence => pb::Basis::SameEvidence,
        Basis::DataCorrected => pb::Basis::DataCorrected,
        Basis::Framework => pb::Basis::Framework,
        Basis::Error => pb::Basis::Error,
    })
}

pub(crate) fn change(change: ChangeKind) -> i32 {
    i32::from(match change {
        ChangeKind::Awarded => pb::ChangeKind::Awarded,
        ChangeKind::Raised => pb::ChangeKind::Raised,
        ChangeKind::Lowered => pb::ChangeKind::Lowered,
        ChangeKind::Reaffirmed => pb::ChangeKind::Reaffirmed,
        ChangeKind::Vacated => pb::ChangeKind::Vacated,
    })
}

pub(crate) fn non_grade(value: NonGrade) -> i32 {
    i32::from(match value {
        NonGrade::NotJudged => pb::NonGrade::NotJudged,
        NonGrade::NotApplicable => pb::NonGrade::NotApplicable,
        NonGrade::SubjectToReview => pb::NonGrade::SubjectToReview,
    })
}

pub(crate) fn kind(kind: Kind) -> i32 {
    i32::from(match kind {
        Kind::Narrative => pb::EntryKind::Narrative,
        Kind::Strength => pb::EntryKind::Strength,
        Kind::AreaForImprovement => pb::EntryKind::AreaForImprovement,
        Kind::AspectForFocus => pb::EntryKind::AspectForFocus,
        Kind::Evidence => pb::EntryKind::Evidence,
        Kind::FollowUp => pb::EntryKind::FollowUp,
        Kind::LetterPart => pb::EntryKind::LetterPart,
        Kind::TranscriptionNote => pb::EntryKind::TranscriptionNote,
        Kind::Tension => pb::EntryKind::Tension,
    })
}

pub(crate) fn letter_part(part: LetterPart) -> i32 {
    i32::from(match part {
        LetterPart::Letterhead => pb::LetterPart::Letterhead,
        LetterPart::Title => pb::LetterPart::Title,
        LetterPart::Salutation => pb::LetterPart::Salutation,
        LetterPart::Opening => pb::LetterPart::Opening,
        LetterPart::Heading => pb::LetterPart::Heading,
        LetterPart::LeadIn => pb::LetterPart::LeadIn,
        LetterPart::Footnote => pb::LetterPart::Footnote,
        LetterPart::Confirmation => pb::LetterPart::Confirmation,
        LetterPart::Valediction => pb::LetterPart::Valediction,
    })
}

pub(crate) fn status(status: FollowUpStatus) -> i32 {
    i32::from(match status {
        FollowUpStatus::Resolved => pb::FollowUpStatus::Resolved,
        FollowUpStatus::Improved => pb::FollowUpStatus::Improved,
        FollowUpStatus::Maintained => pb::FollowUpStatus::Maintained,
        FollowUpStatus::Remains => pb::FollowUpStatus::Remains,
        FollowUpStatus::NotReported => pb::FollowUpStatus::NotReported,
    })
}

#[cfg(test)]
mod tests {
    use super::{super::fixture, *};
    use crate::judgement::Text;

    #[test]
    fn a_text_says_what_became_of_it() {
        let present = text(&Shown::Present(Text::parse("good").unwrap()));
        assert_eq!(present.state, Some(State::Present("good".to_owned())));
        let redacted = pb::text::Erased {
            basis: i32::from(pb::LegalBasis::ErasureRequest),
            time: Some(timestamp(fixture::recorded_at(9))),
            replacement: "a child".to_owned(),
            position: 9,
        };
        assert_eq!(text(&fixture::erased()).state, Some(State::Redacted(redacted)));
        let missing = text(&Shown::Missing);
        assert_eq!(missing.state, Some(State::Missing(pb::text::Missing {})));
    }

    #[test]
    fn nanoseconds_count_forwards_before_1970_too() {
        for (written, seconds, nanos) in [
            ("2006-11-01T09:30:00.25Z", 1_162_373_400, 250_000_000),
            ("1970-01-01T00:00:00Z", 0, 0),
            ("1969-12-31T23:59:59.75Z", -1, 750_000_000),
        ] {
            let shown = timestamp(written.parse().unwrap());
            assert_eq!(shown, prost_types::Timestamp { seconds, nanos }, "{written}");
        }
    }

    #[test]
    fn what_a_date_does_not_state_is_0() {
        let shown = partial_date(PartialDate::new(2008, 3, 0).unwrap());
        assert_eq!(shown, google::Date { year: 2008, month: 3, day: 0 });
    }
}
