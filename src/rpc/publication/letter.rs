//! `RenderLetter`: gathers what a caller may see of an edition, and has it laid out.

use std::collections::BTreeMap;

use tonic::Status;

use super::{layout, published};
use crate::{
    judgement::{
        Addressee, AssessmentId, Framework, Kind, OrganisationId, Position, Signature, Written,
    },
    ledger::{AssessmentRead, Ledger, Shown},
    letter::{self, Judged, Piece, Printed, Source, Words},
    pb::{self, text::State},
    rpc::{
        asked::Asked,
        caller::Identity,
        reads,
        show::{self, Detail, Scope},
        sight::{Recipient, Sight},
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

/// A published edition as the letter. (Spec §5, `RenderLetter`)
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
    let (name, (format, recipient)) = asked.settle(name.zip(format.zip(recipient)))?;
    let own = Sight::of(who);
    let sight = if request.recipient.is_empty() {
        own.clone()
    } else {
        recipient.must_be_of(who)?;
        Sight::Published(recipient)
    };

    reads::reach(ledger, request.min_position).await?;
    let read = published(ledger, &name, request.edition, (&own, &sight)).await?;
    may_have_letter(&read, &sight)?;
    let edition = read.assessment.published.last().ok_or_else(status::defect)?;
    let latest = read.known.in_force().map_or(0, |current| current.number);
    let superseded_by = if latest > edition.number { latest } else { 0 };
    let text = Box::pin(text(ledger, &read, (&sight, superseded_by), format)).await?;
    Ok(pb::RenderLetterResponse {
        name: name.to_string(),
        edition: edition.number,
        format: format.message().into(),
        media_type: format.media_type().to_owned(),
        text,
        letter_date: Some(show::date(edition.letter_date)),
        position: edition.item.at.get(),
        superseded_by,
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
async fn text(
    ledger: &Ledger,
    read: &AssessmentRead,
    (sight, superseded_by): (&Sight, u32),
    format: Format,
) -> Result<String, Status> {
    let layout = layout(read)?;
    let framework = read.framework.framework.as_ref();
    let scope = Scope { detail: Detail::Full, sight: sight.clone(), as_stated: false };
    let shown = reads::shown(ledger, read, &scope, Vec::new()).await?;
    let subject = ledger.subject(read.assessment.id.subject(), read.moment).await;
    let subject = subject.map_err(|error| status::of_read(&error))?;
    let edition = read.assessment.published.last().ok_or_else(status::defect)?;
    let source = Source {
        framework,
        layout: &layout,
        notices: notices(read, edition.number, superseded_by),
        subject: subject
            .map_or_else(String::new, |it| it.name_on(Some(edition.letter_date)).to_owned()),
        addressee: shown.addressee.as_ref().map(addressee),
        date: edition.letter_date,
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
    for at in printed(read, framework, sight) {
        let record = ledger.record(at).await.map_err(|error| status::of_read(&error))?;
        let content = show::wording(&record).map_err(|error| status::of_read(&error))?;
        let (Some(printed), Some(text)) = (Printed::of(&content.kind), &content.text) else {
            continue;
        };
        let words = shown_words(text);
        bytes = bytes.saturating_add(words.print().len());
        if bytes > LETTER_BYTES_MAX {
            return Err(too_large());
        }
        let (section, area) = (content.section.clone(), content.area.clone());
        pieces.push(Piece { printed, section, area, words });
    }
    Ok(pieces)
}

/// The records of the entries that are printed and in sight.
fn printed(read: &AssessmentRead, framework: &Framework, sight: &Sight) -> Vec<Position> {
    let subject = read.assessment.id.subject();
    let in_sight = |it: &Written| framework.shows(it, |area| sight.takes_in(area, subject));
    let entries = read.assessment.entries_in_letter_order(framework).into_iter();
    let printed = entries.filter(|(_, it)| is_printed(it.kind) && in_sight(it));
    printed.map(|(_, it)| it.item.at).collect()
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
        Shown::Erased => Words::Erased,
        Shown::Missing => Words::Missing,
    }
}

fn words(text: &pb::Text) -> Words {
    match &text.state {
        Some(State::Present(text)) => Words::Said(text.clone()),
        Some(State::Redacted(_)) => Words::Erased,
        Some(State::Withheld(_) | State::Missing(_)) | None => Words::Missing,
    }
}
