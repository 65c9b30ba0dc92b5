//! What auditors find a record by that it does not say itself: the areas it speaks of, with their
//! concepts, the framework of its assessment, and what that had passed before.

use std::collections::BTreeSet;

use super::staging::Catalogue;
use crate::{
    judgement::{About, AreaId, Assessment, Challenged, EntryId, Event},
    views::{Topic, Topics},
};

/// The areas that `event` speaks of without saying so: of the entry that it strikes, revises or
/// corrects, and of the points that it raises or decides.
pub(super) fn meant<T>(event: &Event<T>, before: Option<&Assessment>) -> Vec<AreaId> {
    let Some(before) = before else { return Vec::new() };
    let of_entry =
        |entry: &EntryId| before.entries.get(entry).and_then(|written| written.area.clone());
    let of_point = |about: &Challenged| match about {
        Challenged::Area(area) => Some(area.clone()),
        Challenged::Entry(entry) => of_entry(entry),
    };
    match event {
        Event::EntryRevised(event) => of_entry(&event.entry).into_iter().collect(),
        Event::RecordCorrected(event) => match &event.about {
            About::Entry(entry) => of_entry(entry).into_iter().collect(),
            About::Area(_) | About::Neither => Vec::new(),
        },
        Event::ChallengeReceived(event) => {
            event.points.iter().filter_map(|point| of_point(&point.about)).collect()
        }
        Event::ChallengeDecided(event) => {
            let index = usize::try_from(event.point).ok().and_then(|point| point.checked_sub(1));
            let challenge = before.challenges.get(&event.challenge);
            let point = challenge.zip(index).and_then(|(it, index)| it.points.get(index));
            point.and_then(|point| of_point(&point.about)).into_iter().collect()
        }
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::SubjectRegistered(_)
        | Event::AssessmentOpened(_)
        | Event::AddresseeSet(_)
        | Event::GradeSet(_)
        | Event::EntryRecorded(_)
        | Event::AssessmentLocked(_)
        | Event::SignedOff(_)
        | Event::AssessmentPublished(_)
        | Event::HoldPlaced(_)
        | Event::HoldReleased(_)
        | Event::DraftShared(_)
        | Event::SubjectRenamed(_)
        | Event::SignOffRefused(_)
        | Event::AssessmentReopened(_)
        | Event::AssessmentWithdrawn(_) => Vec::new(),
    }
}

/// Whether an event may speak of areas without saying so.
pub(super) fn may_mean_more<T>(event: &Event<T>) -> bool {
    let of_entry = |about: &Challenged| matches!(about, Challenged::Entry(_));
    match event {
        Event::EntryRevised(_) | Event::ChallengeDecided(_) => true,
        Event::RecordCorrected(event) => matches!(event.about, About::Entry(_)),
        Event::ChallengeReceived(event) => event.points.iter().any(|it| of_entry(&it.about)),
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::SubjectRegistered(_)
        | Event::AssessmentOpened(_)
        | Event::AddresseeSet(_)
        | Event::GradeSet(_)
        | Event::EntryRecorded(_)
        | Event::AssessmentLocked(_)
        | Event::SignedOff(_)
        | Event::AssessmentPublished(_)
        | Event::HoldPlaced(_)
        | Event::HoldReleased(_)
        | Event::DraftShared(_)
        | Event::SubjectRenamed(_)
        | Event::SignOffRefused(_)
        | Event::AssessmentReopened(_)
        | Event::AssessmentWithdrawn(_) => false,
    }
}

/// The areas that an event says it speaks of.
pub(super) fn said<T>(event: &Event<T>) -> Vec<&AreaId> {
    match event {
        Event::GradeSet(event) => vec![&event.area],
        Event::EntryRecorded(event) => event.content.area.iter().collect(),
        Event::EntryRevised(event) => {
            event.content.iter().filter_map(|it| it.area.as_ref()).collect()
        }
        Event::ChallengeReceived(event) => {
            let areas = event.points.iter().filter_map(|point| match &point.about {
                Challenged::Area(area) => Some(area),
                Challenged::Entry(_) => None,
            });
            areas.collect()
        }
        Event::RecordCorrected(event) => match &event.about {
            About::Area(area) => vec![area],
            About::Entry(_) | About::Neither => Vec::new(),
        },
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::SubjectRegistered(_)
        | Event::SubjectRenamed(_)
        | Event::AssessmentOpened(_)
        | Event::AddresseeSet(_)
        | Event::AssessmentLocked(_)
        | Event::SignedOff(_)
        | Event::AssessmentPublished(_)
        | Event::SignOffRefused(_)
        | Event::AssessmentReopened(_)
        | Event::AssessmentWithdrawn(_)
        | Event::HoldPlaced(_)
        | Event::HoldReleased(_)
        | Event::ChallengeDecided(_)
        | Event::DraftShared(_) => Vec::new(),
    }
}

/// Both areas, with the concepts that the framework of `assessment` files them under; and what
/// `assessment`, as the event leaves it, says beside.
pub(super) fn of<T>(
    event: &Event<T>,
    meant: &[AreaId],
    assessment: Option<&Assessment>,
    catalogue: &Catalogue,
) -> Topics {
    let framework = assessment.and_then(|it| catalogue.get(&it.framework));
    let topic = |area: &AreaId| {
        let known = framework.and_then(|registered| registered.framework.area(area));
        Topic { area: area.clone(), concept: known.and_then(|it| it.concept.clone()) }
    };
    let now = said(event);
    let meant = meant.iter().filter(|area| !now.contains(area));
    let areas: BTreeSet<&AreaId> = now.iter().copied().chain(meant).collect();
    Topics {
        areas: areas.into_iter().map(topic).collect(),
        framework: assessment.map(|it| it.framework.clone()),
        passed: assessment.map(|it| it.passed.iter().copied().collect()).unwrap_or_default(),
    }
}
