//! Two moments of an assessment, side by side.

use askama::Template;
use axum::extract::Path;
use serde::Deserialize;

use super::{
    Frame, PAGE_MAX, Read, Shown, assessment::lines_of, assessment_at, is_hidden, page_of, shown,
    subject, subject_of,
};
use crate::{
    console::{
        asked::Query,
        moment::{self, Moment},
        visitor::Visitor,
    },
    pb::{self, compared_state::KnownAt},
    wording::{award, label, rows::stream, words},
};

/// The two sides, as states of it and what was known.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Asked {
    before: String,
    before_known_at: String,
    after: String,
    after_known_at: String,
}

#[derive(Template)]
#[template(path = "compare.html", config = "src/console/askama.toml")]
struct Page {
    frame: Frame,
    here: String,
    short: String,
    title: String,
    asked: Asked,
    states: Vec<String>,
    read_before: Read,
    read_after: Read,
    areas: Vec<Area>,
    entries: Vec<Entry>,
    more: bool,
}

struct Area {
    name: String,
    before: String,
    after: String,
    how: String,
    class: &'static str,
}

struct Entry {
    id: String,
    how: String,
    texts: Vec<(String, Vec<Piece>)>,
    before: Vec<String>,
    after: Vec<String>,
}

/// A piece of a text, and on which side it is.
struct Piece {
    side: pb::text_piece::Side,
    text: String,
}

impl Piece {
    fn is_deleted(&self) -> bool {
        self.side == pb::text_piece::Side::Deleted
    }

    fn is_inserted(&self) -> bool {
        self.side == pb::text_piece::Side::Inserted
    }
}

/// Compares them.
pub(in crate::console) async fn page(
    visitor: Visitor,
    Path((of, named)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Shown {
    let name = assessment_at(&of, &named)?;
    let side = |state: &str, known_at: &str| {
        let at = moment::Asked { known_at: known_at.to_owned(), ..moment::Asked::default() };
        Moment::read(&at).map(|moment| pb::ComparedState {
            assessment: name.clone(),
            state: state.to_owned(),
            known_at: moment.known_at(KnownAt::KnownAtPosition, KnownAt::KnownAtTime),
            ..pb::ComparedState::default()
        })
    };
    let request = pb::CompareAssessmentsRequest {
        before: Some(side(&asked.before, &asked.before_known_at)?),
        after: Some(side(&asked.after, &asked.after_known_at)?),
        page_size: PAGE_MAX,
        ..pb::CompareAssessmentsRequest::default()
    };
    let compared = visitor.reports().compare_assessments(request).await?.into_inner();
    let of_it = pb::GetAssessmentRequest {
        name: name.clone(),
        content: pb::AssessmentContent::Full.into(),
        page_size: 1,
        ..pb::GetAssessmentRequest::default()
    };
    let assessment = match visitor.assessments().get_assessment(of_it.clone()).await {
        Err(refusal) if is_hidden(&refusal) => {
            let view = pb::AssessmentView::Published.into();
            let published = pb::GetAssessmentRequest { view, ..of_it };
            visitor.assessments().get_assessment(published).await?
        }
        assessment => assessment?,
    };
    let assessment = assessment.into_inner();
    let read = Read::of(compared.read_after.as_ref());
    let subject = subject(&visitor, subject_of(&name), &read).await?;
    shown(&Page {
        frame: Frame::new(format!("{} – two moments", subject.display_name), Some(&visitor)),
        here: page_of(&name),
        short: stream(&name),
        title: subject.display_name,
        states: states(&assessment),
        asked,
        read_before: Read::of(compared.read_before.as_ref()),
        read_after: read,
        areas: compared.areas.iter().map(area).collect(),
        entries: compared.entries.iter().map(entry).collect(),
        more: !compared.next_page_token.is_empty(),
    })
}

/// The states that there are: the working one, editions, drafts.
fn states(assessment: &pb::Assessment) -> Vec<String> {
    let editions = assessment.editions.iter().map(|it| format!("edition-{}", it.edition));
    let drafts = assessment.drafts.iter().map(|it| format!("draft-{}", it.number));
    let always = ["working", "published"].map(str::to_owned);
    always.into_iter().chain(editions).chain(drafts).collect()
}

fn area(it: &pb::AreaComparison) -> Area {
    let class = match it.comparison() {
        pb::Comparison::Raised => "raised",
        pb::Comparison::Lowered => "lowered",
        pb::Comparison::Dropped => "vacated",
        pb::Comparison::Unspecified
        | pb::Comparison::Same
        | pb::Comparison::New
        | pb::Comparison::NotComparable => "",
    };
    Area {
        name: label(&it.area_label),
        before: award(it.before.as_ref()),
        after: award(it.after.as_ref()),
        how: words(it.comparison().as_str_name(), "COMPARISON_"),
        class,
    }
}

fn entry(compared: &pb::EntryComparison) -> Entry {
    let said = |entry: &Option<pb::Entry>| {
        let content = entry.as_ref().and_then(|it| it.content.as_ref());
        content.map(lines_of).unwrap_or_default()
    };
    let piece = |it: &pb::TextPiece| Piece { side: it.side(), text: it.text.clone() };
    let pieces = |of: &pb::TextDifference| of.pieces.iter().map(piece).collect();
    Entry {
        id: compared.entry_id.clone(),
        how: words(compared.difference().as_str_name(), "ENTRY_DIFFERENCE_"),
        texts: compared.texts.iter().map(|of| (of.field.clone(), pieces(of))).collect(),
        before: said(&compared.before),
        after: said(&compared.after),
    }
}
