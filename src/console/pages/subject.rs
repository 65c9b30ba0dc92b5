//! A subject over the years.

use askama::Template;
use axum::extract::Path;

use super::{Frame, Read, Shown, home::Listed, page_of, shown, subject};
use crate::{
    console::{
        asked::Query,
        fault::Fault,
        moment::{self, Moment},
        visitor::Visitor,
    },
    judgement::SubjectId,
    pb::{self, get_subject_timeline_request::KnownAt, subject_timeline::Current},
    wording::{award, label, rows::stream, text, words},
};

#[derive(Template)]
#[template(path = "subject.html", config = "src/console/askama.toml")]
struct Page {
    frame: Frame,
    name: String,
    kind: String,
    names: Vec<String>,
    current: Option<(String, String)>,
    known_at: String,
    read: Read,
    years: Vec<Year>,
    gaps: Vec<i32>,
    areas: Vec<(String, Vec<String>)>,
    items: Vec<Item>,
}

/// An assessment among the years.
struct Year {
    listed: Listed,
    standing: &'static str,
}

/// An item that assessments follow up.
struct Item {
    said: String,
    steps: Vec<(String, String)>,
}

/// Shows it.
pub(in crate::console) async fn page(
    visitor: Visitor,
    Path(id): Path<String>,
    Query(asked): Query<moment::Asked>,
) -> Shown {
    let id = SubjectId::parse(&id).map_err(|error| Fault::Asked(error.to_string()))?;
    let name = format!("subjects/{id}");
    let moment = Moment::read(&asked)?;
    let request = pb::GetSubjectTimelineRequest {
        subject: name.clone(),
        known_at: moment.known_at(KnownAt::KnownAtPosition, KnownAt::KnownAtTime),
        ..pb::GetSubjectTimelineRequest::default()
    };
    let timeline = visitor.reports().get_subject_timeline(request).await?.into_inner();
    let read = Read::of(timeline.read.as_ref());
    let subject = subject(&visitor, &name, &read).await?;
    let current = timeline.current.as_ref().and_then(|it| match it {
        Current::CurrentAssessment(holds) => Some((page_of(holds), stream(holds))),
        Current::NotRated(_) => None,
    });
    shown(&Page {
        frame: Frame::new(subject.display_name.clone(), Some(&visitor)),
        names: subject.names.iter().map(|it| it.display_name.clone()).collect(),
        name: subject.display_name,
        kind: subject.kind,
        current,
        known_at: asked.known_at,
        read,
        years: timeline.assessments.iter().map(year).collect(),
        gaps: timeline.gap_years.clone(),
        areas: areas(&timeline.assessments),
        items: timeline.items.iter().map(item).collect(),
    })
}

fn year(it: &pb::TimelineAssessment) -> Year {
    let standing = match (it.in_force, it.withdrawn) {
        (true, _) => "in force",
        (false, true) => "withdrawn",
        (false, false) => "not published",
    };
    Year { listed: Listed::of(&it.assessment.clone().unwrap_or_default()), standing }
}

/// Each area with its grade in each assessment.
fn areas(assessments: &[pb::TimelineAssessment]) -> Vec<(String, Vec<String>)> {
    let all = || assessments.iter().filter_map(|it| it.assessment.as_ref());
    let mut areas: Vec<(String, String)> = Vec::new();
    for judgement in all().flat_map(|it| it.judgements.iter()) {
        if !areas.iter().any(|(id, _)| *id == judgement.area) {
            areas.push((judgement.area.clone(), label(&judgement.area_label)));
        }
    }
    let grade = |of: &pb::Assessment, area: &str| {
        let judged = of.judgements.iter().find(|it| it.area == area);
        award(judged.and_then(|it| it.award.as_ref()))
    };
    areas.into_iter().map(|(id, label)| (label, all().map(|it| grade(it, &id)).collect())).collect()
}

fn item(it: &pb::FollowedItem) -> Item {
    let words_of = text(it.words.as_ref()).unwrap_or_else(|| it.entry_id.clone());
    let step = |step: &pb::FollowedStep| {
        (stream(&step.assessment), words(step.status().as_str_name(), "FOLLOW_UP_STATUS_"))
    };
    Item { said: words_of, steps: it.steps.iter().map(step).collect() }
}
