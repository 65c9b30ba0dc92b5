//! What a caller learns of a rule that a command breaks. (Spec §4, third column)

use std::collections::BTreeSet;

use super::{Problem, Reason};
use crate::judgement::{Dangling, Grade, Lack, NamedBy, Place, Position, Refusal, Role};

/// The answer to a refusal: its reason, and in metadata all that varies in its message.
pub(super) fn problem_of(refusal: &Refusal) -> Problem {
    detailed(Problem::new(reason_of(refusal), refusal.to_string()), refusal)
}

/// The reason for each rule.
///
/// Some share one, because the specification has one word for them (§4, §4.2). Expectations are
/// told apart by their metadata, since only what concerns a whole assessment has a `revision`;
/// levels, words and scales by the field that is at fault.
pub(super) const fn reason_of(refusal: &Refusal) -> Reason {
    match refusal {
        Refusal::NotPermitted { .. } => Reason::NotPermitted,
        Refusal::WrongOrganisation { .. } | Refusal::NotJudging { .. } => Reason::WrongOrganisation,
        Refusal::UnknownFramework { .. } => Reason::FrameworkNotFound,
        Refusal::UnknownSubject { .. } => Reason::SubjectNotFound,
        Refusal::UnknownAssessment { .. } => Reason::AssessmentNotFound,
        Refusal::UnknownEntry { .. } => Reason::EntryNotFound,
        Refusal::Exists { .. } => Reason::Exists,
        Refusal::AreaNotInFramework { .. } => Reason::AreaNotInFramework,
        Refusal::AreaNotGradable { .. } => Reason::AreaNotGradable,
        Refusal::LevelNotOnScale { .. }
        | Refusal::LevelInWords { .. }
        | Refusal::ScaleNotOfArea { .. } => Reason::LevelNotOnScale,
        Refusal::ReasonNotInFramework { .. } => Reason::ReasonNotInFramework,
        Refusal::KindNotAllowed { .. } => Reason::KindNotAllowed,
        Refusal::KindChanged { .. } => Reason::KindChanged,
        Refusal::SectionNotInFramework { .. } => Reason::SectionNotInFramework,
        Refusal::EntryEmpty { .. } => Reason::EntryEmpty,
        Refusal::DanglingReference { .. } => Reason::DanglingReference,
        Refusal::RationaleRequired { .. } => Reason::RationaleRequired,
        Refusal::DateInFuture { .. } => Reason::DateInFuture,
        Refusal::PeriodReversed => Reason::PeriodReversed,
        Refusal::TranscriptionUndated => Reason::TranscriptionUndated,
        Refusal::ExpectationRequired { .. } | Refusal::RevisionRequired { .. } => {
            Reason::ExpectationRequired
        }
        Refusal::NotOpen { .. } => Reason::NotOpen,
        Refusal::NotLocked { .. } => Reason::NotLocked,
        Refusal::OtherEdition { .. } => Reason::OtherEdition,
        Refusal::EntryStruck { .. } => Reason::EntryStruck,
        Refusal::StaleExpectation { .. } | Refusal::StaleRevision { .. } => {
            Reason::StaleExpectation
        }
        Refusal::OtherDigest { .. } => Reason::OtherDigest,
        Refusal::SelfModeration { .. } => Reason::SelfModeration,
        Refusal::Incomplete { .. } => Reason::Incomplete,
        Refusal::AlreadySigned { .. } => Reason::AlreadySigned,
        Refusal::Unsigned { .. } => Reason::Unsigned,
        Refusal::AlreadyOpen { .. } => Reason::AlreadyOpen,
        Refusal::NotPublished { .. } => Reason::NotPublished,
        Refusal::FallbackNotPublished { .. } => Reason::FallbackNotPublished,
        Refusal::UnknownHold { .. } => Reason::HoldNotFound,
        Refusal::HoldReleased { .. } => Reason::HoldReleased,
        Refusal::OnHold { .. } => Reason::OnHold,
        Refusal::UnknownChallenge { .. } => Reason::ChallengeNotFound,
        Refusal::UnknownPoint { .. } => Reason::PointNotFound,
        Refusal::AudienceNotInFramework { .. } => Reason::AudienceNotInFramework,
        Refusal::NotThereAt { .. } => Reason::PositionOutsideAssessment,
        Refusal::UnknownRecord { .. } | Refusal::NoRecord { .. } => Reason::RecordNotFound,
        Refusal::NotCorrectable { .. } => Reason::NotCorrectable,
        Refusal::NotErasable { .. } => Reason::NotErasable,
        Refusal::RedactionPending { .. } => Reason::RedactionPending,
        Refusal::AlreadyRedacted { .. } => Reason::AlreadyRedacted,
        Refusal::UnknownRedaction { .. } => Reason::RedactionNotFound,
        Refusal::RedactionDecided { .. } => Reason::RedactionDecided,
        Refusal::SelfApproval { .. } => Reason::SelfApproval,
        Refusal::KeyReused { .. } => Reason::KeyReused,
    }
}

/// Adds what programs may need, and the field that the caller can mend where there is only one.
/// Fields are named as in the command.
#[expect(clippy::too_many_lines, reason = "a table: an arm for each refusal")]
fn detailed(problem: Problem, refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::NotPermitted { needs } => {
            // Nobody comes as the service.
            let logins = needs.iter().copied().filter(|role| *role != Role::Service);
            let roles: Vec<_> = logins.map(Role::as_str).collect();
            problem.with_list("roles", &roles)
        }
        Refusal::WrongOrganisation { caller, organisation, signers } => problem
            .with("caller", caller)
            .with("organisation", organisation)
            .with_list("signers", signers),
        Refusal::NotJudging { caller, framework, signers } => problem
            .with("caller", caller)
            .with("framework", framework)
            .with_list("signers", signers),
        Refusal::UnknownFramework { framework } => problem.with("framework", framework),
        Refusal::UnknownSubject { subject } => {
            problem.with("subject", format_args!("subjects/{subject}"))
        }
        Refusal::UnknownAssessment { assessment } => problem.with("assessment", assessment),
        Refusal::UnknownEntry { entry } => problem.with("entry", entry),
        Refusal::Exists { name } => problem.with("name", name),
        Refusal::AreaNotInFramework { area, framework, areas, named_by } => {
            problem.with("area", area).with("framework", framework).with_list("areas", areas).at(
                match named_by {
                    NamedBy::Grade => "area".to_owned(),
                    NamedBy::Entry => "content.area".to_owned(),
                    NamedBy::Point(index) => format!("points[{index}].area"),
                },
            )
        }
        Refusal::AreaNotGradable { area } => problem.with("area", area).at("area"),
        Refusal::LevelNotOnScale { area, given, valid } => problem
            .with("area", area)
            .with("given", given.as_str())
            .with_list("valid", valid)
            .at(stated_in(given)),
        Refusal::LevelInWords { area, level, words } => problem
            .with("area", area)
            .with("given", level)
            .with_list("valid", words)
            .at("grade.level"),
        Refusal::ScaleNotOfArea { area, scale, scales } => problem
            .with("area", area)
            .with("given", scale)
            .with_list("valid", scales)
            .at("grade.scale"),
        Refusal::ReasonNotInFramework { reason, reasons } => {
            problem.with("reason", reason).with_list("reasons", reasons).at("act.reason")
        }
        Refusal::KindNotAllowed { kind } => problem.with("kind", kind.as_str()).at("content.kind"),
        Refusal::KindChanged { entry, was } => {
            problem.with("entry", entry).with("kind", was.as_str()).at("content.kind")
        }
        Refusal::SectionNotInFramework { section, sections } => {
            problem.with("section", section).with_list("sections", sections).at("content.section")
        }
        Refusal::EntryEmpty { kind, needs } => {
            problem.with("kind", kind.as_str()).with("needs", needs).at("content")
        }
        Refusal::DanglingReference { references } => {
            let entries: BTreeSet<_> = references.iter().map(|it| &it.entry).collect();
            let entries: Vec<_> = entries.into_iter().collect();
            let problem = problem.with_list("entries", &entries);
            references.iter().fold(problem, |all, it| all.violated(field_of(it), it))
        }
        Refusal::RationaleRequired { needs } => problem.with("needs", needs).at("act"),
        Refusal::DateInFuture { field } => {
            // What is corrected is no circumstance of the correction.
            let corrected = field.starts_with("to.");
            let path = if corrected { (*field).to_owned() } else { format!("act.{field}") };
            problem.with("field", field).at(path)
        }
        Refusal::PeriodReversed => problem.at("periods"),
        Refusal::TranscriptionUndated => problem.at("act.decided_on"),
        Refusal::ExpectationRequired { last } => {
            problem.with("position", number(*last)).at("expected")
        }
        Refusal::RevisionRequired { revision } => problem.with("revision", revision).at("expected"),
        Refusal::NotOpen { edition, phase } | Refusal::NotLocked { edition, phase } => {
            let brought_about = format!("edition {edition} is {phase}");
            problem.with("edition", edition).with("state", phase).unless("state", brought_about)
        }
        Refusal::OtherEdition { given, working } => problem
            .with("given", given)
            .with("working", working)
            .unless("edition", format!("the working edition is {working}")),
        Refusal::EntryStruck { entry } => {
            problem.with("entry", entry).unless(entry, "it is struck already")
        }
        Refusal::StaleExpectation { item, last, record } => {
            let stale = problem.with("item", item).with("position", number(*last));
            match record {
                Some(record) => stale.with("record_id", record),
                None => stale,
            }
        }
        Refusal::StaleRevision { revision, last } => {
            problem.with("revision", revision).with("position", last)
        }
        Refusal::OtherDigest { digest } => problem.with("digest", digest),
        Refusal::SelfModeration { area } => problem.with("area", area),
        Refusal::Incomplete { missing } => missing
            .iter()
            .fold(problem.with_list("missing", missing), |all, it| all.unless("edition", it)),
        Refusal::AlreadySigned { organisation, edition } => {
            problem.with("organisation", organisation).with("edition", edition)
        }
        Refusal::Unsigned { missing } => {
            missing.iter().fold(problem.with_list("missing", missing), |all, it| {
                all.unless(it, "has not signed")
            })
        }
        Refusal::AlreadyOpen { edition } => {
            problem.with("edition", edition).unless("state", format!("edition {edition} is open"))
        }
        Refusal::NotPublished { edition, state } => problem
            .with("edition", edition)
            .with("state", state)
            .unless("edition", format!("edition {edition}: {state}")),
        Refusal::FallbackNotPublished { fallback } => {
            problem.with("fallback", fallback).unless(fallback, "it is not in force")
        }
        Refusal::UnknownHold { hold } => problem.with("hold", hold),
        Refusal::HoldReleased { hold } => {
            problem.with("hold", hold).unless(hold, "it is released already")
        }
        Refusal::OnHold { holds, .. } => {
            holds.iter().fold(problem.with_list("holds", holds), |all, it| {
                all.unless(it, "it is not released")
            })
        }
        Refusal::UnknownChallenge { challenge } => problem.with("challenge", challenge),
        Refusal::UnknownPoint { challenge, point, points } => {
            problem.with("challenge", challenge).with("point", point).with("points", points)
        }
        Refusal::AudienceNotInFramework { audience, audiences } => {
            problem.with("audience", audience).with_list("audiences", audiences).at("audience")
        }
        Refusal::NotThereAt { position, opened } => problem
            .with("position", number(*position))
            .with("opened", opened)
            .at("known_at_position"),
        Refusal::NotCorrectable { field, event } => {
            problem.with("field", field.as_str()).with("event", event).at("to")
        }
        Refusal::NotErasable { field, event, fields } => problem
            .with("field", field)
            .with("event", event)
            .with_list("fields", fields)
            .at("field"),
        Refusal::RedactionPending { request } => problem
            .with("request_position", request)
            .unless("redaction", format!("record {request} is not decided yet")),
        Refusal::AlreadyRedacted { position } => problem
            .with("position", position)
            .unless("redaction", format!("record {position} says that it is erased")),
        Refusal::RedactionDecided { request, last } => problem
            .with("request_position", request)
            .with("position", last)
            .unless("redaction", format!("record {last} has decided it")),
        Refusal::SelfApproval { request } => problem.with("request_position", request),
        Refusal::UnknownRecord { position }
        | Refusal::NoRecord { position }
        | Refusal::UnknownRedaction { position }
        | Refusal::KeyReused { position } => problem.with("position", position),
    }
}

/// The field of a command that refers to an entry.
fn field_of(dangling: &Dangling) -> String {
    match dangling.place {
        Place::Evidence(index) => match dangling.lack {
            Lack::Wording { .. } => format!("act.evidence[{index}].position"),
            Lack::Entry | Lack::Itself | Lack::Struck | Lack::Narrative => {
                format!("act.evidence[{index}].entry")
            }
        },
        Place::Point(index) => format!("points[{index}].entry"),
        Place::RelatesTo(index) => format!("content.relates_to[{index}]"),
        Place::Paragraph => "content.paragraph".to_owned(),
        Place::CarriedTo => "content.follow_up.carried_to".to_owned(),
        Place::Item => "content.follow_up.item".to_owned(),
    }
}

/// The field of a command in which a grade of this sort is stated.
const fn stated_in(grade: &Grade) -> &'static str {
    match grade {
        Grade::Level(..) => "grade.level",
        Grade::Word(_) => "grade.word",
        Grade::NotGraded(_) => "grade.not_graded",
    }
}

/// A position as metadata has it: 0 where there is no record yet.
fn number(last: Option<Position>) -> Position {
    last.unwrap_or(Position::START)
}
