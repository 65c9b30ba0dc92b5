//! Subjects and their assessments.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::Query;
use serde::Deserialize;

use super::{Frame, PAGE_MAX, Shown, page_of, query, shown, subject_of};
use crate::{
    console::visitor::Visitor,
    pb,
    wording::{rows::stream, words},
};

/// How many assessments a page lists.
const LISTED: i32 = 200;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Asked {
    page_token: String,
}

#[derive(Template)]
#[template(path = "home.html", config = "src/console/askama.toml")]
struct Page {
    frame: Frame,
    subjects: Vec<Subject>,
    frameworks: Vec<(String, String, String)>,
    next: Option<String>,
}

struct Subject {
    page: String,
    name: String,
    kind: String,
    assessments: Vec<Listed>,
}

/// An assessment in a list.
pub(super) struct Listed {
    pub(super) page: String,
    pub(super) name: String,
    pub(super) framework: String,
    pub(super) cycle: String,
    pub(super) state: String,
    pub(super) edition: u32,
    pub(super) graded: usize,
    pub(super) mark: String,
}

impl Listed {
    pub(super) fn of(assessment: &pb::Assessment) -> Self {
        let withdrawn = assessment.editions.last().and_then(|it| it.withdrawn.as_ref());
        Self {
            page: page_of(&assessment.name),
            name: stream(&assessment.name),
            framework: stream(&assessment.framework),
            cycle: assessment.cycle.clone(),
            state: words(assessment.state().as_str_name(), "ASSESSMENT_STATE_"),
            edition: assessment.edition,
            graded: assessment.judgements.len(),
            mark: withdrawn
                .map_or_else(String::new, |it| format!("withdrawn by record {}", it.position)),
        }
    }
}

/// Lists them.
pub(in crate::console) async fn page(visitor: Visitor, Query(asked): Query<Asked>) -> Shown {
    let request = pb::ListAssessmentsRequest {
        page_size: LISTED,
        page_token: asked.page_token,
        ..pb::ListAssessmentsRequest::default()
    };
    let listed = visitor.assessments().list_assessments(request).await?.into_inner();
    let of_subjects = pb::ListSubjectsRequest { page_size: PAGE_MAX, ..Default::default() };
    let subjects = visitor.frameworks().list_subjects(of_subjects).await?.into_inner().subjects;
    let of_frameworks = pb::ListFrameworksRequest { page_size: PAGE_MAX, ..Default::default() };
    let frameworks =
        visitor.frameworks().list_frameworks(of_frameworks).await?.into_inner().frameworks;

    let mut of: BTreeMap<&str, Vec<Listed>> = BTreeMap::new();
    for assessment in &listed.assessments {
        of.entry(subject_of(&assessment.name)).or_default().push(Listed::of(assessment));
    }
    let subjects = subjects.into_iter().map(|it| Subject {
        assessments: of.remove(it.name.as_str()).unwrap_or_default(),
        page: page_of(&it.name),
        name: it.display_name,
        kind: it.kind,
    });
    let frameworks =
        frameworks.into_iter().map(|it| (page_of(&it.name), stream(&it.name), it.title));
    let next = (!listed.next_page_token.is_empty())
        .then(|| query(&[("page_token", &listed.next_page_token)]));
    shown(&Page {
        frame: Frame::new("Subjects", Some(&visitor)),
        subjects: subjects.collect(),
        frameworks: frameworks.collect(),
        next,
    })
}
