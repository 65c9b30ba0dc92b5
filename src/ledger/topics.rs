//! What auditors find a record by that it does not say itself: the areas it speaks of, with their
//! concepts, the framework of its assessment, and what that had passed before.

use std::collections::BTreeSet;

use super::staging::Catalogue;
use crate::{
    judgement::{About, AreaId, Assessment, ChallengeId, Challenged, EntryId, Event},
    views::{Topic, Topics},
};

/// What an event speaks of without naming an area: what that is about stands in records before it.
enum Unnamed<'a> {
    Nothing,
    Entry(&'a EntryId),
    Entries(Vec<&'a EntryId>),
    Point(&'a ChallengeId, u32),
}

impl<'a> Unnamed<'a> {
    /// The entry that `event` strikes, revises or corrects, and the points that it raises or decides.
    fn of<T>(event: &'a Event<T>) -> Self {
        match event {
            Event::EntryRevised(event) => Self::Entry(&event.entry),
            Event::RecordCorrected(event) => match &event.about {
                About::Entry(entry) => Self::Entry(entry),
                About::Area(_) | About::Neither => Self::Nothing,
            },
            Event::ChallengeReceived(event) => {
                let entries = event.points.iter().filter_map(|point| match &point.about {
                    Challenged::Entry(entry) => Some(entry),
                    Challenged::Area(_) => None,
                });
                Self::Entries(entries.collect())
            }
            Event::ChallengeDecided(event) => Self::Point(&event.challenge, event.point),
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
            | Event::RedactionRequested(_)
            | Event::TextRedacted(_)
            | Event::RedactionRefused(_)
            | Event::RedactionCompleted(_)
            | Event::KeyRotated(_)
            | Event::AccessRecorded(_)
            | Event::SignOffRefused(_)
            | Event::AssessmentReopened(_)
            | Event::AssessmentWithdrawn(_) => Self::Nothing,
        }
    }
}

/// The areas that `event` speaks of without naming them, by what was known before it.
pub(super) fn meant<T>(event: &Event<T>, before: Option<&Assessment>) -> Vec<AreaId> {
    let Some(before) = before else { return Vec::new() };
    let of_entry = |entry: &EntryId| before.entries.get(entry)?.area.clone();
    match Unnamed::of(event) {
        Unnamed::Nothing => Vec::new(),
        Unnamed::Entry(entry) => of_entry(entry).into_iter().collect(),
        Unnamed::Entries(entries) => entries.into_iter().filter_map(of_entry).collect(),
        Unnamed::Point(challenge, number) => {
            let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
            let raised = before.challenges.get(challenge).zip(index);
            let point = raised.and_then(|(raised_in, at)| raised_in.points.get(at));
            let area = point.and_then(|point| match &point.about {
                Challenged::Area(area) => Some(area.clone()),
                Challenged::Entry(entry) => of_entry(entry),
            });
            area.into_iter().collect()
        }
    }
}

/// Whether an event may speak of areas without naming them.
pub(super) fn may_mean_more<T>(event: &Event<T>) -> bool {
    match Unnamed::of(event) {
        Unnamed::Nothing => false,
        Unnamed::Entry(_) | Unnamed::Point(..) => true,
        Unnamed::Entries(entries) => !entries.is_empty(),
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
        | Event::RedactionRequested(_)
        | Event::TextRedacted(_)
        | Event::RedactionRefused(_)
        | Event::RedactionCompleted(_)
        | Event::KeyRotated(_)
        | Event::AccessRecorded(_)
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
