//! Rules for what begins: frameworks, subjects, assessments.

use super::{
    Known, Situation, check_dates, check_last, check_no_evidence, check_reason, check_stated,
};
use crate::{
    judgement::{
        Act, AssessmentId, AssessmentOpened, Caller, Event, FrameworkRegistered, Refusal,
        RegisterFramework, RegisterSubject, RenameSubject, StreamId, SubjectRegistered,
        SubjectRenamed, Text,
    },
    merkle::sha256,
};

pub(super) fn framework(
    situation: &Situation<'_>,
    act: &Act<Text>,
    order: &RegisterFramework,
) -> Result<Event<Text>, Refusal> {
    let framework = order.framework.id.clone();
    check_no_evidence(act)?;
    Refusal::Exists { name: framework.to_string() }.when(is_taken(situation))?;
    let document = *sha256(&[&order.document]).as_bytes();
    Ok(Event::FrameworkRegistered(FrameworkRegistered { framework, document }))
}

pub(super) fn subject(
    situation: &Situation<'_>,
    act: &Act<Text>,
    order: &RegisterSubject,
) -> Result<Event<Text>, Refusal> {
    let RegisterSubject { subject, name, kind } = order.clone();
    let stream = StreamId::Subject(subject.clone());
    check_no_evidence(act)?;
    Refusal::Exists { name: stream.to_string() }.when(is_taken(situation))?;
    Ok(Event::SubjectRegistered(SubjectRegistered { subject, name, kind }))
}

pub(super) fn rename(
    situation: &Situation<'_>,
    act: &Act<Text>,
    order: &RenameSubject,
) -> Result<Event<Text>, Refusal> {
    let RenameSubject { subject, name, expected } = order.clone();
    let last = match situation.known {
        Known::Subject { last } => last,
        Known::Name { .. } | Known::Opening { .. } | Known::Assessment(_) | Known::Redaction(_) => {
            None
        }
    };

    Refusal::UnknownSubject { subject: subject.clone() }.when(last.is_none())?;
    check_no_evidence(act)?;
    check_dates(situation, act)?;
    check_stated(last, expected)?;
    check_last(situation, || format!("subjects/{subject}"), last, expected)?;
    Ok(Event::SubjectRenamed(SubjectRenamed { subject, name }))
}

fn is_taken(situation: &Situation<'_>) -> bool {
    match situation.known {
        Known::Name { taken } | Known::Opening { taken, .. } => taken,
        Known::Subject { last } => last.is_some(),
        Known::Assessment(found) => found.is_some(),
        Known::Redaction(_) => false,
    }
}

pub(super) fn open(
    situation: &Situation<'_>,
    (caller, act): (&Caller, &Act<Text>),
    id: &AssessmentId,
    order: &AssessmentOpened<Text>,
) -> Result<Event<Text>, Refusal> {
    let (framework, subject, taken, same_cycle) = match situation.known {
        Known::Opening { framework, subject, taken, same_cycle } => {
            (framework, subject, taken, same_cycle)
        }
        Known::Name { .. } | Known::Subject { .. } | Known::Assessment(_) | Known::Redaction(_) => {
            (None, false, is_taken(situation), None)
        }
    };
    let Some(framework) = framework else {
        return Err(Refusal::UnknownFramework { framework: order.framework.clone() });
    };
    let not_judging = Refusal::NotJudging {
        caller: caller.organisation.clone(),
        framework: framework.id.clone(),
        signers: framework.signed_by.iter().cloned().collect(),
    };
    let unknown_subject = Refusal::UnknownSubject { subject: id.subject().clone() };
    let reversed = order.periods.iter().any(|period| period.to < period.from);

    not_judging.when(!framework.signed_by.contains(&caller.organisation))?;
    unknown_subject.when(!subject)?;
    Refusal::PeriodReversed.when(reversed)?;
    check_reason(framework, act)?;
    check_no_evidence(act)?;
    check_dates(situation, act)?;
    Refusal::Exists { name: id.to_string() }.when(taken)?;
    match same_cycle {
        Some(other) => Err(Refusal::Exists { name: other.to_string() }),
        None => Ok(Event::AssessmentOpened(order.clone())),
    }
}
