//! Subjects and their assessments.

use askama::Template;
use serde::Deserialize;

use super::{Frame, PAGE_MAX, Shown, page_of, query, shown};
use crate::{
    console::{asked::Query, visitor::Visitor},
    pb,
    wording::{rows::stream, words},
};

/// How many subjects a page lists: each is asked for its assessments.
const LISTED: i32 = 50;

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
    let request = pb::ListSubjectsRequest { page_size: LISTED, page_token: asked.page_token };
    let listed = visitor.frameworks().list_subjects(request).await?.into_inner();
    let of_frameworks = pb::ListFrameworksRequest { page_size: PAGE_MAX, ..Default::default() };
    let frameworks =
        visitor.frameworks().list_frameworks(of_frameworks).await?.into_inner().frameworks;
    let mut subjects = Vec::with_capacity(listed.subjects.len());
    for subject in listed.subjects {
        let of_it = pb::ListAssessmentsRequest {
            parent: subject.name.clone(),
            page_size: PAGE_MAX,
            ..pb::ListAssessmentsRequest::default()
        };
        let assessments = visitor.assessments().list_assessments(of_it).await?.into_inner();
        subjects.push(Subject {
            page: page_of(&subject.name),
            name: subject.display_name,
            kind: subject.kind,
            assessments: assessments.assessments.iter().map(Listed::of).collect(),
        });
    }
    let frameworks =
        frameworks.into_iter().map(|it| (page_of(&it.name), stream(&it.name), it.title));
    let next = (!listed.next_page_token.is_empty())
        .then(|| query(&[("page_token", &listed.next_page_token)]));
    shown(&Page {
        frame: Frame::new("Subjects", Some(&visitor)),
        subjects,
        frameworks: frameworks.collect(),
        next,
    })
}
