//! What auditors find a record by that it does not say itself: the areas it speaks of, with their
//! concepts, the framework of its assessment, and what that had passed before.

use super::staging::Catalogue;
use crate::{
    judgement::{About, AreaId, Assessment, Challenged, Event},
    views::{Topic, Topics},
};

/// The area that an entry spoke of before `event` struck or revised it.
pub(super) fn left<T>(event: &Event<T>, before: Option<&Assessment>) -> Option<AreaId> {
    match event {
        Event::EntryRevised(event) => before?.entries.get(&event.entry)?.area.clone(),
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
        | Event::ChallengeReceived(_)
        | Event::ChallengeDecided(_)
        | Event::DraftShared(_)
        | Event::RecordCorrected(_)
        | Event::SubjectRenamed(_)
        | Event::SignOffRefused(_)
        | Event::AssessmentReopened(_)
        | Event::AssessmentWithdrawn(_) => None,
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
    left: Option<&AreaId>,
    assessment: Option<&Assessment>,
    catalogue: &Catalogue,
) -> Topics {
    let framework = assessment.and_then(|it| catalogue.get(&it.framework));
    let topic = |area: &AreaId| {
        let known = framework.and_then(|registered| registered.framework.area(area));
        Topic { area: area.clone(), concept: known.and_then(|it| it.concept.clone()) }
    };
    let now = said(event);
    let left = left.filter(|left| !now.contains(left));
    Topics {
        areas: now.iter().copied().chain(left).map(topic).collect(),
        framework: assessment.map(|it| it.framework.clone()),
        passed: assessment.map(|it| it.passed.iter().copied().collect()).unwrap_or_default(),
    }
}
