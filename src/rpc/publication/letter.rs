//! `RenderLetter`: gathers what a caller may see of an edition, and has it laid out.

use std::collections::BTreeMap;

use jiff::civil::Date;
use tonic::Status;

use super::{SeenBy, layout, published};
use crate::{
    judgement::{
        Addressee, AssessmentId, CorrectedField, Correction, Event, Framework, Kind,
        OrganisationId, Origin, Position, Signature, Wording, Written,
    },
    ledger::{AsOf, AssessmentRead, KnownAt, Ledger, Moment, ReadError, Shown, View},
    letter::{self, Judged, Piece, Printed, Source, Words},
    pb::{self, render_letter_request, text::State},
    rpc::{
        asked::Asked,
        caller::Identity,
        reads::{self, known_at},
        show::{self, Detail, Scope},
        sight::{Reach, Recipient, Sight},
        status::{self, Problem, Reason},
    },
};

/// The largest letter, in bytes: clients take messages of 4 MiB unless told otherwise.
const LETTER_BYTES_MAX: usize = 3 * 1024 * 1024;

/// As what a letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Markdown,
    Html,
}

/// Which letter is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    /// The edition published under this number; 0 means the one in force.
    Edition(u32),
    /// The draft shared for this time, from 1.
    Draft(u32),
}

/// What is laid out: an edition, or a draft.
struct Issue {
    read: AssessmentRead,
    /// As whom it is seen.
    sight: Sight,
    /// The edition, or the one that the draft was to become.
    edition: u32,
    /// 0 for an edition.
    draft: u32,
    /// The date on it.
    date: Option<Date>,
    /// The day by whose name the body judged is called.
    named_on: Date,
    /// The record that published or shared it.
    position: Position,
    superseded_by: u32,
    /// What a reader has to know who takes it for the last word.
    notices: Vec<String>,
}

/// A published edition, or a draft that was shared, as the letter. (Spec §5, `RenderLetter`)
///
/// # Errors
/// `NOT_PERMITTED`, `BadRequest`, `ASSESSMENT_NOT_FOUND`, `EDITION_NOT_FOUND`,
/// `MESSAGE_TOO_LARGE`, or why the ledger cannot be read.
pub(in crate::rpc) async fn render_letter(
    ledger: &Ledger,
    who: &Identity,
    request: pb::RenderLetterRequest,
) -> Result<pb::RenderLetterResponse, Status> {
    let mut asked = Asked::default();
    let name = asked.required("name", AssessmentId::parse(&request.name));
    let format = format(&mut asked, request.format);
    let recipient = Recipient::take(&mut asked, who, &request.recipient);
    let which = which(&mut asked, &request);
    let (position, time) = match &request.known_at {
        None => (None, None),
        Some(render_letter_request::KnownAt::KnownAtPosition(at)) => (Some(*at), None),
        Some(render_letter_request::KnownAt::KnownAtTime(time)) => (None, Some(time)),
    };
    let known = known_at(&mut asked, position, time);
    let (name, (format, recipient)) = asked.settle(name.zip(format.zip(recipient)))?;
    let reach = Reach::of(who);
    let named = !request.recipient.is_empty();
    let seen_by = named.then(|| SeenBy::asked(recipient, who)).transpose()?;
    if let Which::Draft(_) = which {
        reach.must_go_inside("drafts")?;
    }

    reads::reached(ledger, request.min_position).await?;
    let moment = reads::moment(ledger, known).await?;
    let _turn = ledger.turn().await;
    let issue = match which {
        Which::Edition(edition) => {
            let at = (edition, KnownAt::Position(moment.position));
            Box::pin(edition_of(ledger, &name, at, (&reach, seen_by))).await?
        }
        Which::Draft(number) => Box::pin(draft_of(ledger, &name, number, (moment, &reach))).await?,
    };
    let text = Box::pin(text(ledger, &issue, format)).await?;
    Ok(pb::RenderLetterResponse {
        name: name.to_string(),
        edition: issue.edition,
        draft: issue.draft,
        format: format.message().into(),
        media_type: format.media_type().to_owned(),
        text,
        letter_date: issue.date.map(show::date),
        position: issue.position.get(),
        superseded_by: issue.superseded_by,
        read: Some(show::moment(moment)),
    })
}

fn which(asked: &mut Asked, request: &pb::RenderLetterRequest) -> Which {
    if request.draft == 0 {
        return Which::Edition(request.edition);
    }
    if request.edition > 0 {
        asked.note("draft", "is not to be given together with edition");
    }
    if !request.recipient.is_empty() {
        asked.note("recipient", "is not to be given together with draft, which has one");
    }
    Which::Draft(request.draft)
}

/// An edition as it was published.
async fn edition_of(
    ledger: &Ledger,
    name: &AssessmentId,
    at: (u32, KnownAt),
    by: (&Reach, Option<SeenBy>),
) -> Result<Issue, Status> {
    let (read, sight) = published(ledger, name, at, by).await?;
    may_have_letter(&read, &sight)?;
    let edition = read.assessment.published.last().ok_or_else(status::defect)?;
    let latest = read.known.in_force().map_or(0, |current| current.number);
    let superseded_by = if latest > edition.number { latest } else { 0 };
    Ok(Issue {
        edition: edition.number,
        draft: 0,
        date: Some(edition.letter_date),
        named_on: edition.letter_date,
        position: edition.item.at,
        superseded_by,
        notices: notices(&read, edition.number, superseded_by),
        sight,
        read,
    })
}

/// A draft as its recipient was shown it: what its audience saw of the assessment as known then.
async fn draft_of(
    ledger: &Ledger,
    name: &AssessmentId,
    number: u32,
    (moment, reach): (Moment, &Reach),
) -> Result<Issue, Status> {
    let draft = reads::draft(ledger, name, number, (moment, reach)).await?;
    let shared = ledger.record(draft.item.at).await.map_err(|error| status::of_read(&error))?;
    let Event::DraftShared(event) = &shared.event else { return Err(status::defect()) };
    let known = KnownAt::Position(draft.position);
    let as_of = AsOf { view: View::Working, known, effective: None, stated: None };
    let then = reads::opened(ledger, name, as_of).await?.ok_or_else(status::defect)?;
    let now = reads::assessment(ledger, name, moment, reach).await?;
    let recipient = Recipient::of_audience(&draft.audience).ok_or_else(status::defect)?;
    let (to, on) = (shown_words(&event.recipient).print(), shared.record.recorded_on);
    // Of history entered later, the day that its source states.
    let stated = shared.act.decided_on.filter(|_| shared.act.origin != Origin::Witnessed);
    let shared_on = stated.unwrap_or(on);
    let notice = format!("This is draft {number}, as it was shared with {to} on {shared_on}.");
    Ok(Issue {
        edition: then.assessment.edition,
        draft: number,
        date: None,
        named_on: on,
        position: draft.item.at,
        superseded_by: 0,
        notices: vec![format!("{notice} It was not published.")],
        sight: Sight::Published(recipient),
        // What has become of it since is known now.
        read: AssessmentRead { known: now.known, ..then },
    })
}

fn format(asked: &mut Asked, given: i32) -> Option<Format> {
    match pb::LetterFormat::try_from(given) {
        Ok(pb::LetterFormat::Unspecified | pb::LetterFormat::Markdown) => Some(Format::Markdown),
        Ok(pb::LetterFormat::Html) => Some(Format::Html),
        Err(_) => asked.violation("format", "is no format"),
    }
}

impl Format {
    const fn message(self) -> pb::LetterFormat {
        match self {
            Self::Markdown => pb::LetterFormat::Markdown,
            Self::Html => pb::LetterFormat::Html,
        }
    }

    const fn media_type(self) -> &'static str {
        match self {
            Self::Markdown => "text/markdown; charset=utf-8; variant=GFM",
            Self::Html => "text/html; charset=utf-8",
        }
    }
}

/// Who sees grades alone gets no letter, not even an empty one. (Spec §5.3)
fn may_have_letter(read: &AssessmentRead, sight: &Sight) -> Result<(), Status> {
    let framework = read.framework.framework.as_ref();
    let id = &read.assessment.id;
    if sight.takes_in_letter(framework, id.subject()) {
        return Ok(());
    }
    let to: Vec<_> = framework.letter_to.iter().collect();
    let message = format!("the letter of {id} goes to others: GetDisclosure says what you may see");
    Err(Problem::new(Reason::NotPermitted, message).with_list("letter_to", &to).status())
}

/// The letter as it is written.
async fn text(ledger: &Ledger, issue: &Issue, format: Format) -> Result<String, Status> {
    let Issue { read, sight, .. } = issue;
    let layout = layout(read)?;
    let framework = read.framework.framework.as_ref();
    let scope = Scope { detail: Detail::Full, sight: sight.clone(), as_stated: false };
    let shown = reads::shown(ledger, read, &scope, Vec::new()).await?;
    let subject = ledger.subject(read.assessment.id.subject(), read.moment).await;
    let subject = subject.map_err(|error| status::of_read(&error))?;
    let named_on = Some(issue.named_on);
    let source = Source {
        framework,
        layout: &layout,
        notices: issue.notices.clone(),
        subject: subject.map_or_else(String::new, |it| it.name_on(named_on).to_owned()),
        addressee: shown.addressee.as_ref().map(addressee),
        date: issue.date,
        judgements: judgements(read, &shown),
        pieces: pieces(ledger, read, sight).await?,
        signatures: signatures(&shown),
    };
    let letter = letter::compose(&source);
    let text = match format {
        Format::Markdown => letter::to_markdown(&letter),
        Format::Html => letter::to_html(&letter).map_err(|_| status::defect())?,
    };
    if text.len() > LETTER_BYTES_MAX { Err(too_large()) } else { Ok(text) }
}

/// What a reader has to know who takes an edition for the last word.
fn notices(read: &AssessmentRead, edition: u32, superseded_by: u32) -> Vec<String> {
    let was = format!("This is edition {edition} of the letter, as it was published.");
    let mut editions = read.known.published.iter();
    let withdrawn = editions.any(|it| it.number == edition && it.withdrawn.is_some());
    let withdrawn = withdrawn.then(|| format!("{was} It has been withdrawn."));
    let superseded =
        (superseded_by > 0).then(|| format!("{was} Edition {superseded_by} has taken its place."));
    withdrawn.into_iter().chain(superseded).collect()
}

fn too_large() -> Status {
    let message = format!(
        "the letter has more than {LETTER_BYTES_MAX} bytes: read it with GetAssessment, page by page"
    );
    Problem::new(Reason::MessageTooLarge, message).status()
}

/// The judgements in sight.
fn judgements(
    read: &AssessmentRead,
    shown: &pb::Assessment,
) -> BTreeMap<crate::judgement::AreaId, Judged> {
    let judged = |it: &pb::Judgement| {
        let areas = &read.assessment.judgements;
        let (area, judgement) = areas.iter().find(|(area, _)| area.as_str() == it.area)?;
        let qualifier = it.award.as_ref().and_then(|award| award.qualifier.as_ref());
        let standing = judgement.standing.clone();
        Some((area.clone(), Judged { standing, qualifier: qualifier.map(words) }))
    };
    shown.judgements.iter().filter_map(judged).collect()
}

/// The entries that are printed, in the letter's order. Each is read only while there is room.
async fn pieces(
    ledger: &Ledger,
    read: &AssessmentRead,
    sight: &Sight,
) -> Result<Vec<Piece>, Status> {
    let framework = read.framework.framework.as_ref();
    let mut pieces = Vec::new();
    let mut bytes = 0_usize;
    for written in printed(read, framework, sight) {
        let piece = Box::pin(piece(ledger, read, written)).await;
        let Some(piece) = piece.map_err(|error| status::of_read(&error))? else { continue };
        bytes = bytes.saturating_add(piece.print().len());
        if bytes > LETTER_BYTES_MAX {
            return Err(too_large());
        }
        pieces.push(piece);
    }
    Ok(pieces)
}

/// An entry as the state that is read words it, and whether that has been put right since.
async fn piece(
    ledger: &Ledger,
    read: &AssessmentRead,
    written: &Written,
) -> Result<Option<Piece>, ReadError> {
    let at = written.item.at;
    let record = ledger.record(at).await?;
    let content = show::wording(&record)?;
    let corrected = match written.corrected {
        Some(item) => Some(ledger.record(item.at).await?),
        None => None,
    };
    let text = match corrected.as_ref().and_then(|by| reworded(&by.event)) {
        Some(wording) => &wording.text,
        None => &content.text,
    };
    let (Some(printed), Some(text)) = (Printed::of(&content.kind), text) else { return Ok(None) };
    let last = read.known.last_correction(at, CorrectedField::Transcription);
    Ok(Some(Piece {
        printed,
        section: content.section.clone(),
        area: content.area.clone(),
        words: shown_words(text),
        corrected_by: last.filter(|last| Some(*last) != written.corrected).map(|item| item.at),
    }))
}

/// What a correction says instead of the words of an entry.
fn reworded(event: &Event<Shown>) -> Option<&Wording<Shown>> {
    let Event::RecordCorrected(event) = event else { return None };
    if let Correction::Transcription(wording) = &event.to { Some(wording) } else { None }
}

/// The entries that are printed and in sight. Who gets no letter sees none.
fn printed<'a>(read: &'a AssessmentRead, framework: &Framework, sight: &Sight) -> Vec<&'a Written> {
    let subject = read.assessment.id.subject();
    if !sight.takes_in_letter(framework, subject) {
        return Vec::new();
    }
    let in_sight = |it: &Written| framework.shows(it, |area| sight.takes_in(area, subject));
    let entries = read.assessment.entries_in_letter_order(framework).into_iter();
    let printed = entries.filter(|(_, it)| is_printed(it.kind) && in_sight(it));
    printed.map(|(_, it)| it).collect()
}

const fn is_printed(kind: Kind) -> bool {
    match kind {
        Kind::Narrative
        | Kind::Strength
        | Kind::AreaForImprovement
        | Kind::AspectForFocus
        | Kind::LetterPart => true,
        Kind::Evidence | Kind::FollowUp | Kind::TranscriptionNote | Kind::Tension => false,
    }
}

fn signatures(shown: &pb::Assessment) -> BTreeMap<OrganisationId, Signature<Words>> {
    let signed = shown.signatures.iter().filter_map(|it| {
        let by = OrganisationId::parse(&it.organisation).ok()?;
        let signature = it.signature.as_ref()?;
        let printed = Signature {
            name: signature.name.as_ref().map_or(Words::Missing, words),
            role: signature.role.as_ref().map(words),
            organisation: signature.organisation.as_ref().map(words),
            transcribed: signature.transcribed.as_ref().map(words),
        };
        Some((by, printed))
    });
    signed.collect()
}

fn addressee(shown: &pb::Addressee) -> Addressee<Words> {
    Addressee {
        name: shown.name.as_ref().map_or(Words::Missing, words),
        role: shown.role.as_ref().map(words),
        organisation: shown.organisation.as_ref().map(words),
        lines: shown.lines.iter().map(words).collect(),
    }
}

fn shown_words(text: &Shown) -> Words {
    match text {
        Shown::Present(text) => Words::Said(text.as_str().to_owned()),
        Shown::Erased(erasure) => {
            Words::Erased(erasure.replacement.as_ref().map(|it| it.as_str().to_owned()))
        }
        Shown::Missing => Words::Missing,
    }
}

fn words(text: &pb::Text) -> Words {
    match &text.state {
        Some(State::Present(text)) => Words::Said(text.clone()),
        Some(State::Redacted(redacted)) => {
            let replacement = Some(redacted.replacement.clone());
            Words::Erased(replacement.filter(|it| !it.is_empty()))
        }
        Some(State::Withheld(_) | State::Missing(_)) | None => Words::Missing,
    }
}
