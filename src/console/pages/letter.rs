//! An edition, or a draft as it was shown, as the letter.

use askama::Template;
use axum::{
    extract::Path,
    response::{IntoResponse as _, Response},
};
use http::header;
use serde::Deserialize;

use super::{Frame, Shown, assessment_at, page_of, query, shown};
use crate::{
    console::{
        asked::Query,
        fault::Fault,
        moment::{self, Moment},
        visitor::Visitor,
    },
    pb::{self, render_letter_request::KnownAt},
    wording::{date, rows::stream},
};

/// The letter is a page of its own: it has its style in it, and no script ever runs in it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'";

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Asked {
    edition: u32,
    draft: u32,
    known_at: String,
}

#[derive(Template)]
#[template(path = "letter.html", config = "src/console/askama.toml")]
struct Page {
    frame: Frame,
    here: String,
    short: String,
    title: String,
    position: u64,
    said: Vec<String>,
    document: String,
}

async fn letter(
    visitor: &Visitor,
    name: &str,
    asked: &Asked,
) -> Result<pb::RenderLetterResponse, Fault> {
    let at = moment::Asked { known_at: asked.known_at.clone(), ..moment::Asked::default() };
    let asked_at = Moment::read(&at)?;
    let request = pb::RenderLetterRequest {
        name: name.to_owned(),
        edition: asked.edition,
        draft: asked.draft,
        format: pb::LetterFormat::Html.into(),
        known_at: asked_at.known_at(KnownAt::KnownAtPosition, KnownAt::KnownAtTime),
        ..pb::RenderLetterRequest::default()
    };
    Ok(visitor.assessments().render_letter(request).await?.into_inner())
}

/// What is known of it, around it.
pub(in crate::console) async fn page(
    visitor: Visitor,
    Path((of, named)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Shown {
    let name = assessment_at(&of, &named)?;
    let letter = letter(&visitor, &name, &asked).await?;
    let title = match letter.draft {
        0 => format!("Letter, edition {}", letter.edition),
        draft => format!("Draft {draft}, as it was shown"),
    };
    let dated = date(letter.letter_date.as_ref()).map(|day| format!("Dated {day}."));
    let newer = (letter.superseded_by != 0)
        .then(|| format!("Edition {} has taken its place.", letter.superseded_by));
    let [edition, draft] = [asked.edition, asked.draft].map(|it| match it {
        0 => String::new(),
        it => it.to_string(),
    });
    let pairs = [("edition", &*edition), ("draft", &draft), ("known_at", &asked.known_at)];
    shown(&Page {
        frame: Frame::new(format!("{title} – {}", stream(&name)), Some(&visitor)),
        document: format!("{}/letter/document{}", page_of(&name), query(&pairs)),
        here: page_of(&name),
        short: stream(&name),
        position: letter.position,
        title,
        said: [dated, newer].into_iter().flatten().collect(),
    })
}

/// The letter itself.
pub(in crate::console) async fn document(
    visitor: Visitor,
    Path((of, named)): Path<(String, String)>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let letter = letter(&visitor, &assessment_at(&of, &named)?, &asked).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
    ];
    Ok((headers, letter.text).into_response())
}
