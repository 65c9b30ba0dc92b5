//! An assessment: as it stands, as it was known at a moment, as it was in force, as sources state it.

use askama::Template;
use axum::extract::Path;
use serde::Deserialize;

use super::{
    Frame, GATHERED_MAX, PAGE_MAX, Read, Shown, assessment_at, framework, happened, is_hidden,
    page_of, query, rows::record_page, shown, subject, subject_of, titled, too_long,
};
use crate::{
    console::{
        asked::Query,
        fault::Fault,
        moment::{self, Moment},
        visitor::Visitor,
    },
    pb::{self, get_assessment_request::KnownAt},
    wording::{
        award, corrected, date, figure, follow_up, label, mark, person,
        rows::{fallback, stream, what},
        text, time, words,
    },
};

/// Which state is asked for: `working`, `published`, or an edition by its number.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::console) struct Asked {
    view: String,
    known_at: String,
    effective_at: String,
    stated_at: String,
}

impl Asked {
    fn is_working(&self) -> bool {
        matches!(self.view.as_str(), "" | "working")
    }

    fn moment(&self) -> moment::Asked {
        moment::Asked {
            known_at: self.known_at.clone(),
            effective_at: self.effective_at.clone(),
            stated_at: self.stated_at.clone(),
        }
    }
}

#[derive(Template)]
#[template(path = "assessment.html", config = "src/console/askama.toml")]
struct Page {
    frame: Frame,
    here: String,
    short: String,
    title: String,
    subject_at: String,
    framework: (String, String),
    state: String,
    edition: u32,
    revision: u64,
    as_stated: bool,
    asked: Asked,
    is_now: bool,
    read: Read,
    published_alone: bool,
    /// The moment, for links to other pages.
    then: String,
    views: Vec<(String, String)>,
    moments: Vec<Instant>,
    grades: Vec<Grade>,
    signatures: Vec<String>,
    editions: Vec<(u32, String, String)>,
    drafts: Vec<(u32, String, String, u64)>,
    noted: Vec<(u64, String)>,
    sections: Vec<(String, Vec<Written>)>,
}

/// A moment at which something happened.
struct Instant {
    position: u64,
    at: String,
    what: String,
}

/// A line of the table of grades.
struct Grade {
    area: String,
    page: String,
    said: String,
    descriptor: String,
    since: String,
    recorded: String,
    position: u64,
    record: String,
}

/// An entry.
struct Written {
    id: String,
    kind: String,
    lines: Vec<String>,
    position: u64,
    record: String,
}

/// Shows it.
pub(in crate::console) async fn page(
    visitor: Visitor,
    Path((of, named)): Path<(String, String)>,
    Query(mut asked): Query<Asked>,
) -> Shown {
    let name = assessment_at(&of, &named)?;
    let moment = Moment::read(&asked.moment())?;
    let (assessment, shown_as) = whole(&visitor, request(&name, &asked, &moment)?).await?;
    let published_alone = shown_as == ShownAs::Published;
    if published_alone {
        "published".clone_into(&mut asked.view);
    }
    let framework = framework(&visitor, &assessment.framework).await?;
    let read = Read::of(assessment.read.as_ref());
    let subject = subject(&visitor, subject_of(&name), &read).await?;
    let events = match happened(&visitor, &name, &Moment::default()).await {
        // Who may not see what was recorded gets the page without it.
        Err(Fault::Refused(status)) if is_hidden(&status) => Vec::new(),
        events => events?,
    };
    let title = titled(&subject, &assessment);
    shown(&Page {
        frame: Frame::new(title.clone(), Some(&visitor)),
        here: page_of(&name),
        short: stream(&name),
        title,
        subject_at: page_of(subject_of(&name)),
        framework: (page_of(&framework.name), stream(&framework.name)),
        state: words(assessment.state().as_str_name(), "ASSESSMENT_STATE_"),
        edition: assessment.edition,
        revision: assessment.revision,
        as_stated: assessment.as_stated,
        is_now: moment.is_now() && (published_alone || asked.is_working()),
        read,
        published_alone,
        then: query(&[("known_at", &asked.known_at)]),
        views: views(&assessment),
        moments: events.iter().map(instant).collect(),
        grades: grades(&assessment, &framework, (&page_of(&name), &asked)),
        signatures: assessment.signatures.iter().map(signature).collect(),
        editions: assessment.editions.iter().map(edition).collect(),
        drafts: assessment.drafts.iter().map(draft).collect(),
        noted: noted(&assessment),
        sections: sections(&assessment, &framework),
        asked,
    })
}

fn request(name: &str, asked: &Asked, moment: &Moment) -> Result<pb::GetAssessmentRequest, Fault> {
    let (view, edition) = match asked.view.as_str() {
        "" | "working" => (pb::AssessmentView::Working, 0),
        "published" => (pb::AssessmentView::Published, 0),
        number => {
            let edition = number.strip_prefix("edition-").and_then(|it| it.parse().ok());
            let none = || {
                Fault::Asked(format!("{number} is no view: say working, published or edition-1"))
            };
            (pb::AssessmentView::Unspecified, edition.ok_or_else(none)?)
        }
    };
    Ok(pb::GetAssessmentRequest {
        name: name.to_owned(),
        view: view.into(),
        edition,
        known_at: moment.known_at(KnownAt::KnownAtPosition, KnownAt::KnownAtTime),
        effective_at: moment.effective_at(),
        stated_at: moment.stated_at(),
        content: pb::AssessmentContent::Full.into(),
        page_size: PAGE_MAX,
        ..pb::GetAssessmentRequest::default()
    })
}

/// Whether what was asked for is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShownAs {
    Asked,
    /// What is published instead: more is not for this visitor.
    Published,
}

/// All of it: its entries come in pages. Who sees no working view gets what is published.
async fn whole(
    visitor: &Visitor,
    mut request: pb::GetAssessmentRequest,
) -> Result<(pb::Assessment, ShownAs), Fault> {
    let mut shown_as = ShownAs::Asked;
    let mut entries = Vec::new();
    for _ in 0..GATHERED_MAX {
        let answer = visitor.assessments().get_assessment(request.clone()).await;
        let mut assessment = match answer {
            Ok(answer) => answer.into_inner(),
            Err(refusal)
                if is_hidden(&refusal) && request.view() == pb::AssessmentView::Working =>
            {
                shown_as = ShownAs::Published;
                request.view = pb::AssessmentView::Published.into();
                visitor.assessments().get_assessment(request.clone()).await?.into_inner()
            }
            Err(refusal) => return Err(refusal.into()),
        };
        entries.append(&mut assessment.entries);
        request.page_token = std::mem::take(&mut assessment.next_page_token);
        if request.page_token.is_empty() {
            return Ok((pb::Assessment { entries, ..assessment }, shown_as));
        }
    }
    Err(too_long("judgement-ledger assessment"))
}

fn views(assessment: &pb::Assessment) -> Vec<(String, String)> {
    let named = |value: &str, said: &str| (value.to_owned(), said.to_owned());
    let mut views = vec![named("working", "the working edition")];
    if !assessment.editions.is_empty() {
        views.push(named("published", "what is in force"));
    }
    let edition = |it: &pb::PublishedEdition| {
        (format!("edition-{}", it.edition), format!("edition {}", it.edition))
    };
    views.extend(assessment.editions.iter().map(edition));
    views
}

fn instant(row: &pb::AuditRow) -> Instant {
    Instant {
        position: row.position,
        at: time(row.recorded_at.as_ref()),
        what: what(row).replace('\n', ": "),
    }
}

/// Every area: with its grade, or that it has none.
fn grades(
    assessment: &pb::Assessment,
    framework: &pb::Framework,
    (page, asked): (&str, &Asked),
) -> Vec<Grade> {
    let history = |area: &str| {
        let at = [("area", area), ("known_at", &asked.known_at)];
        format!("{page}/history{}", query(&at))
    };
    let graded = |it: &pb::Judgement| Grade {
        area: label(&it.area_label),
        page: history(&it.area),
        said: format!("{}{}", award(it.award.as_ref()), mark(it.transcribed)),
        descriptor: it.description.clone(),
        since: date(it.effective_on.as_ref()).unwrap_or_default(),
        recorded: time(it.recorded_at.as_ref()),
        position: it.position,
        record: record_page(it.position),
    };
    let ungraded = |it: &pb::Area| Grade {
        area: label(&it.label),
        page: String::new(),
        said: if it.scales.is_empty() { "takes no grade" } else { "no grade" }.to_owned(),
        descriptor: String::new(),
        since: String::new(),
        recorded: String::new(),
        position: 0,
        record: String::new(),
    };
    let of = |area: &pb::Area| assessment.judgements.iter().find(|it| it.area == area.id);
    let areas = framework.areas.iter();
    // Of what is published, an area without a grade may as well be hidden.
    let all = asked.is_working();
    let shown = areas.filter(|area| of(area).is_some() || all || area.scales.is_empty());
    shown.map(|area| of(area).map_or_else(|| ungraded(area), graded)).collect()
}

fn signature(signed: &pb::SignedSignature) -> String {
    let printed = signed.signature.clone().unwrap_or_default();
    let stated = [printed.name.as_ref(), printed.role.as_ref()].into_iter().filter_map(text);
    let stated = stated.collect::<Vec<_>>().join(", ");
    let mark = mark(signed.transcribed);
    let at = time(signed.recorded_at.as_ref());
    format!("{}: {stated}{mark}, record {}, {at} UTC", signed.organisation, signed.position)
}

fn edition(it: &pb::PublishedEdition) -> (u32, String, String) {
    let dated = date(it.letter_date.as_ref()).unwrap_or_default();
    let withdrawn = it.withdrawn.as_ref().map(|gone| {
        let by = person(gone.recorded_by.as_ref());
        let (at, instead) = (time(gone.recorded_at.as_ref()), fallback(&gone.fallback));
        format!("withdrawn at {at} UTC by {by}, {}; {instead}", gone.reason)
    });
    (
        it.edition,
        format!("letter of {dated}, record {}", it.position),
        withdrawn.unwrap_or_default(),
    )
}

fn draft(it: &pb::Draft) -> (u32, String, String, u64) {
    let to = text(it.recipient.as_ref()).unwrap_or_default();
    let shown = format!("shown to {to} as {}, {} UTC", it.audience, time(it.recorded_at.as_ref()));
    (it.number, shown, it.known_at_position.to_string(), it.position)
}

/// Holds and challenges.
fn noted(assessment: &pb::Assessment) -> Vec<(u64, String)> {
    let holds = assessment.holds.iter().map(|it| {
        let kind = words(it.kind().as_str_name(), "HOLD_KIND_");
        let stops = words(it.stops().as_str_name(), "HOLD_STOPS_");
        let released =
            (it.released_at != 0).then(|| format!(", released by record {}", it.released_at));
        let said =
            format!("hold {} ({kind}) stops {stops}{}", it.hold_id, released.unwrap_or_default());
        (it.position, said)
    });
    let challenges = assessment.challenges.iter().flat_map(|it| {
        let kind = words(it.kind().as_str_name(), "CHALLENGE_KIND_");
        let from = text(it.received_from.as_ref()).unwrap_or_default();
        it.points.iter().map(move |point| {
            let about = if point.area.is_empty() { &point.entry } else { &point.area };
            let said = text(point.text.as_ref()).unwrap_or_default();
            let outcome = match point.outcome() {
                pb::PointOutcome::Unspecified => "not decided".to_owned(),
                outcome @ (pb::PointOutcome::Upheld
                | pb::PointOutcome::Partly
                | pb::PointOutcome::Refused) => words(outcome.as_str_name(), "POINT_OUTCOME_"),
            };
            (
                it.position,
                format!("{kind} from {from}, point {} ({about}): {said} – {outcome}", point.number),
            )
        })
    });
    holds.chain(challenges).collect()
}

/// What was written, under the headings of the letter.
fn sections(assessment: &pb::Assessment, framework: &pb::Framework) -> Vec<(String, Vec<Written>)> {
    let mut sections: Vec<(String, Vec<Written>)> = Vec::new();
    for entry in &assessment.entries {
        let content = entry.content.clone().unwrap_or_default();
        let named = framework.sections.iter().find(|it| it.id == content.section);
        let heading = named.map(|it| it.heading.clone()).filter(|it| !it.is_empty());
        let heading = heading.unwrap_or_else(|| content.section.clone());
        let written = written(entry, &content);
        match sections.last_mut() {
            Some((last, all)) if *last == heading => all.push(written),
            Some(_) | None => sections.push((heading, vec![written])),
        }
    }
    sections
}

/// What an entry says, a line for each thing.
pub(super) fn lines_of(content: &pb::EntryContent) -> Vec<String> {
    let mut lines: Vec<_> = text(content.text.as_ref()).into_iter().collect();
    lines.extend(content.figures.iter().map(figure));
    lines.extend(content.follow_up.iter().map(follow_up));
    lines.extend(text(content.quote.as_ref()).map(|it| format!("“{it}”")));
    lines
}

fn written(entry: &pb::Entry, content: &pb::EntryContent) -> Written {
    let mut lines = lines_of(content);
    let former = entry.former.as_ref().and_then(|it| text(it.text.as_ref()));
    lines.extend(former.map(|it| format!("before it was corrected: {it}")));
    Written {
        id: entry.entry_id.clone(),
        kind: format!(
            "{}{}{}",
            words(content.kind().as_str_name(), "ENTRY_KIND_"),
            mark(entry.transcribed),
            corrected(entry.corrected_at)
        ),
        lines,
        position: entry.position,
        record: record_page(entry.position),
    }
}
