//! Current and as-of reads: assessments, frameworks, subjects.
//!
//! Each function is one call of the API: it authorises, takes what is asked for (all that is wrong
//! with it at once), waits for the position that the caller has seen, reads, and shows.

mod kept;
mod listing;
mod question;
mod subject;

use prost::Message as _;
use tonic::Status;

use super::{
    asked::Asked,
    caller::Identity,
    page_token::{Page, Paging},
    served::{Answer, AssessmentAnswer},
    show::{self, Detail, Records, Scope},
    sight::{Reach, Sight},
    status::{self, Problem, Reason},
};
use crate::{
    judgement::{AssessmentId, CorrectedField, Draft, EntryId, FrameworkId, PersonId, Position},
    ledger::{AsOf, AssessmentRead, Holds, KnownAt, Ledger, Moment, ReadError, ReadRecord, View},
    pb,
};
use question::Question;

pub(crate) use kept::KeptGrades;
pub(crate) use listing::{
    LOOK, LOOKS_MAX, list_assessments, list_frameworks, list_subjects, listed,
};
pub(crate) use question::known_at;
pub(crate) use subject::get_subject;

/// What is said of an assessment that cannot be found.
const NOT_OPENED: &str = "was not opened, or not published, at the moment read";

/// What stands in an assessment. (Spec §5, `GetAssessment`)
///
/// # Errors
/// `NOT_PERMITTED`, `BadRequest`, `ASSESSMENT_NOT_FOUND`, `EDITION_NOT_FOUND`, or why the ledger
/// cannot be read.
pub(crate) async fn get_assessment(
    (ledger, grades): (&Ledger, &KeptGrades),
    who: &Identity,
    request: pb::GetAssessmentRequest,
) -> Result<AssessmentAnswer, Status> {
    let reach = Reach::of(who);
    let mut asked = Asked::default();
    let mut question = Question::take(&mut asked, &request);
    if question.as_of.view == View::Working {
        reach.must_go_inside("working views")?;
    }
    dates_are_for_insiders(question.as_of, &reach)?;
    let name = asked.required("name", AssessmentId::parse(&request.name));
    let paging = match question.detail {
        Detail::Full => entry_paging(&mut asked, &request).map(Some),
        Detail::Grades => {
            no_paging(&mut asked, &request);
            Some(None)
        }
    };
    let (name, paging) = asked.settle(name.zip(paging))?;
    if let Some(paging) = &paging {
        question.as_of.known = paging.known(question.as_of.known);
    }

    reached(ledger, request.min_position).await?;
    moment(ledger, question.as_of.known).await?;
    let Some((read, sight)) = seen(ledger, &name, question.as_of, &reach).await? else {
        return Err(Box::pin(absent(ledger, &name, question.as_of, &reach)).await);
    };
    let read = if is_public(&sight) && was_withdrawn(&read, question.as_of.view) {
        read.withdrawn()
    } else {
        read
    };
    let as_stated = question.as_of.stated.is_some();
    let scope = Scope { detail: question.detail, sight, as_stated };
    let Some(paging) = paging else {
        let folded_whole =
            question.as_of.effective.is_none() && !as_stated && read.holds == Holds::AsAsked;
        return graded(ledger, folded_whole.then_some(grades), &read, &scope).await;
    };
    Box::pin(full(ledger, &read, &scope, &paging)).await.map(Into::into)
}

/// Refuses readings by the days of records to who sees only what is published: they show, of an
/// edition too, what stood before it was published.
pub(crate) fn dates_are_for_insiders(as_of: AsOf, reach: &Reach) -> Result<(), Status> {
    match (as_of.effective, as_of.stated) {
        (None, None) => Ok(()),
        (Some(_), _) | (_, Some(_)) => {
            reach.must_go_inside("readings by effective_at and stated_at")
        }
    }
}

/// Whether a reading shows what stands inside.
const fn is_inside(as_of: AsOf) -> bool {
    match as_of.view {
        View::Working => true,
        View::Published | View::Edition(_) => as_of.effective.is_some() || as_of.stated.is_some(),
    }
}

/// Whether only what is published is seen.
pub(crate) fn is_public(sight: &Sight) -> bool {
    match sight {
        Sight::All => false,
        Sight::Published(_) => true,
    }
}

/// Whether an edition that was asked for by its number has been withdrawn.
pub(crate) fn was_withdrawn(read: &AssessmentRead, view: View) -> bool {
    match view {
        View::Edition(number) => {
            let mut editions = read.known.published.iter();
            editions.any(|it| it.number == number && it.withdrawn.is_some())
        }
        View::Working | View::Published => false,
    }
}

/// All that is in scope, with a page of the entries.
async fn full(
    ledger: &Ledger,
    read: &AssessmentRead,
    scope: &Scope,
    paging: &Paging,
) -> Result<pb::Assessment, Status> {
    let mut assessment = shown(ledger, read, scope, Vec::new()).await?;
    let page = entries(ledger, read, scope, (paging, assessment.encoded_len())).await;
    let page = page.map_err(|error| status::of_read(&error))?;
    assessment.entries = page.rows;
    assessment.next_page_token = paging.next(page.next, read.moment.position);
    Ok(assessment)
}

/// The grades in scope, from `kept` if they are there. A fold of some of the records only is not
/// told by its revision, and so is never kept.
async fn graded(
    ledger: &Ledger,
    kept: Option<&KeptGrades>,
    read: &AssessmentRead,
    scope: &Scope,
) -> Result<AssessmentAnswer, Status> {
    if let Some(begin) = kept.and_then(|kept| kept.get(read, &scope.sight)) {
        // Of what grades are shown with, no field that is set comes between or behind these.
        let (editions, read) = (editions(ledger, read, scope), Some(show::moment(read.moment)));
        return Ok(Answer { begin, rest: pb::Assessment { editions, read, ..Default::default() } });
    }
    let answer = Box::pin(shown(ledger, read, scope, Vec::new())).await?;
    if let Some(kept) = kept.filter(|_| scope.needs(read).is_empty()) {
        kept.keep(read, &scope.sight, &answer);
    }
    Ok(answer.into())
}

/// Grades come at once: a request for them asks for no page.
fn no_paging(asked: &mut Asked, request: &pb::GetAssessmentRequest) {
    for (field, given) in
        [("page_size", request.page_size != 0), ("page_token", !request.page_token.is_empty())]
    {
        if given {
            asked.note(field, "is of entries, which come with content FULL");
        }
    }
}

/// The page of entries that a request asks for. The places in a page token are those of entries in
/// the letter, from 1: at one moment they do not change.
fn entry_paging(asked: &mut Asked, request: &pb::GetAssessmentRequest) -> Option<Paging> {
    let listed = pb::GetAssessmentRequest {
        page_size: 0,
        page_token: String::new(),
        min_position: 0,
        ..request.clone()
    };
    // A letter has some dozens of entries: who does not ask for less gets them at once.
    let size = if request.page_size == 0 { i32::MAX } else { request.page_size };
    Paging::take(asked, "GetAssessment", &listed, size, &request.page_token)
}

/// A page of the entries in scope, beside `taken` bytes of other things. Each is read only when
/// there may be room for it.
async fn entries(
    ledger: &Ledger,
    read: &AssessmentRead,
    scope: &Scope,
    (paging, taken): (&Paging, usize),
) -> Result<Page<pb::Entry>, ReadError> {
    let entries = scope.entries(read);
    let place = |index: usize| Position::new(u64::try_from(index).unwrap_or(u64::MAX));
    let from = paging.from().map_or(0, |from| usize::try_from(from.get()).unwrap_or(usize::MAX));
    let until = from.saturating_add(paging.limit);
    let mut page = Page::beside(taken, (until < entries.len()).then(|| place(until)));
    for (index, (id, at)) in (1..).zip(entries).skip(from).take(paging.limit) {
        let entry = entry(ledger, read, (id, at), &scope.sight).await?;
        if page.take(place(index), entry).is_break() {
            break;
        }
    }
    Ok(page)
}

/// An entry by the record that words it, as corrected in the state that is read. What it said before
/// that was never published, and is for those who see all.
pub(crate) async fn entry(
    ledger: &Ledger,
    read: &AssessmentRead,
    (id, at): (&EntryId, Position),
    sight: &Sight,
) -> Result<pb::Entry, ReadError> {
    let record = ledger.record(at).await?;
    let corrected = read.assessment.entries.get(id).and_then(|written| written.corrected);
    let corrected = match corrected {
        Some(item) => Some(Box::pin(ledger.record(item.at)).await?),
        None => None,
    };
    let shown = show::entry(id, &record, corrected.as_ref())?;
    // An edition stays as it was; that it was corrected since is told.
    let last = read.known.last_correction(at, CorrectedField::Transcription);
    let former = shown.former.filter(|_| !is_public(sight));
    Ok(pb::Entry { corrected_at: last.map_or(0, |item| item.at.get()), former, ..shown })
}

/// A framework as it was registered. Registered reference data is for everybody to see.
///
/// # Errors
/// `BadRequest` or `FRAMEWORK_NOT_FOUND`.
pub(crate) fn get_framework(
    ledger: &Ledger,
    _who: &Identity,
    request: &pb::GetFrameworkRequest,
) -> Result<pb::Framework, Status> {
    let mut asked = Asked::default();
    let name = asked.required("name", FrameworkId::parse(&request.name));
    let name = asked.settle(name)?;
    let registered = ledger.framework(&name).ok_or_else(|| {
        unknown(Reason::FrameworkNotFound, "framework", &name, "is not registered")
    })?;
    show::framework(&registered).map_err(|error| status::of_read(&error))
}

/// Waits until readers see the position that the caller has seen; 0 asks for nothing.
/// (Spec §5.2)
pub(crate) async fn reached(ledger: &Ledger, min_position: u64) -> Result<(), Status> {
    let reached = ledger.reached(Position::new(min_position)).await;
    reached.map_err(|error| status::of_read(&error))
}

/// The moment that is meant. One that is given by its position is waited for: an answer as of a
/// position not yet reached could not be repeated.
pub(crate) async fn moment(ledger: &Ledger, known: KnownAt) -> Result<Moment, Status> {
    let moment = async {
        match known {
            KnownAt::Position(position) => ledger.reached(position).await?,
            KnownAt::Now | KnownAt::Time(_) => {}
        }
        ledger.moment(known).await
    };
    moment.await.map_err(|error| status::of_read(&error))
}

/// An assessment with all that was recorded, as known at a moment; or that it was not opened, which
/// those are told, too, who may not see that.
pub(crate) async fn assessment(
    ledger: &Ledger,
    name: &AssessmentId,
    known: Moment,
    reach: &Reach,
) -> Result<AssessmentRead, Status> {
    let known = KnownAt::Position(known.position);
    let as_of = AsOf { view: View::Working, known, effective: None, stated: None };
    let read = seen(ledger, name, as_of, reach).await?.map(|(read, _)| read);
    read.ok_or_else(|| unknown(Reason::AssessmentNotFound, "assessment", name, NOT_OPENED))
}

/// The draft that was shared for the `number`th time, as known at a moment.
pub(crate) async fn draft(
    ledger: &Ledger,
    name: &AssessmentId,
    number: u32,
    (known, reach): (Moment, &Reach),
) -> Result<Draft, Status> {
    let read = assessment(ledger, name, known, reach).await?;
    let place = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
    let draft = place.and_then(|place| read.known.drafts.get(place));
    draft.cloned().ok_or_else(|| no_draft(name, number))
}

fn no_draft(name: &AssessmentId, number: u32) -> Status {
    let message = format!("{name} had no draft {number} shared at the moment read");
    let problem = Problem::new(Reason::EditionNotFound, message);
    problem.with("assessment", name).with("edition", format!("draft-{number}")).status()
}

/// An assessment as it is asked for; `None` if it was not opened by then, or has no such edition.
pub(crate) async fn opened(
    ledger: &Ledger,
    name: &AssessmentId,
    as_of: AsOf,
) -> Result<Option<AssessmentRead>, Status> {
    ledger.assessment(name, as_of).await.map_err(|error| status::of_read(&error))
}

/// An assessment as it is asked for, and what is seen of it; `None` if it was not opened by then, has
/// no such edition, or is not to be seen so.
pub(crate) async fn seen(
    ledger: &Ledger,
    name: &AssessmentId,
    as_of: AsOf,
    reach: &Reach,
) -> Result<Option<(AssessmentRead, Sight)>, Status> {
    let read = opened(ledger, name, as_of).await?;
    Ok(read.and_then(|read| {
        let sight = reach.on(&read.framework.framework);
        let hidden = is_inside(as_of) && is_public(&sight);
        (!hidden).then_some((read, sight))
    }))
}

/// Whether an assessment is there, and all of it is to be seen.
pub(crate) async fn is_seen_inside(
    ledger: &Ledger,
    name: &AssessmentId,
    reach: &Reach,
) -> Result<bool, Status> {
    let as_of = AsOf { view: View::Working, known: KnownAt::Now, effective: None, stated: None };
    Ok(seen(ledger, name, as_of, reach).await?.is_some())
}

/// Why an assessment cannot be shown as it is asked for. Only who may see working views learns
/// that it is there and has no such edition: what is not published does not exist for the public.
pub(crate) async fn absent(
    ledger: &Ledger,
    name: &AssessmentId,
    asked: AsOf,
    reach: &Reach,
) -> Status {
    let unopened = || unknown(Reason::AssessmentNotFound, "assessment", name, NOT_OPENED);
    match asked.view {
        View::Edition(number) => {
            let working = AsOf { view: View::Working, ..asked };
            match seen(ledger, name, working, reach).await {
                Ok(Some(_)) => no_edition(name, number),
                Ok(None) => unopened(),
                Err(status) => status,
            }
        }
        View::Working | View::Published => unopened(),
    }
}

fn no_edition(name: &AssessmentId, number: u32) -> Status {
    let message = format!("{name} had no edition {number} published at the moment read");
    let problem = Problem::new(Reason::EditionNotFound, message);
    problem.with("assessment", name).with("edition", number).status()
}

/// Reads what is in scope of an assessment, but for the records in hand, and shows it without its
/// entries.
pub(crate) async fn shown(
    ledger: &Ledger,
    read: &AssessmentRead,
    scope: &Scope,
    in_hand: Vec<ReadRecord>,
) -> Result<pb::Assessment, Status> {
    let shown = async {
        let by_position = |record: ReadRecord| (record.record.position, record);
        let mut records: Records = in_hand.into_iter().map(by_position).collect();
        let mut needs = scope.needs(read);
        needs.retain(|position| !records.contains_key(position));
        let needs: Vec<Position> = needs.into_iter().collect();
        records.extend(ledger.records_at(&needs).await?.into_iter().map(by_position));
        let shown = scope.show(read, &records)?;
        Ok(pb::Assessment { editions: editions(ledger, read, scope), ..shown })
    };
    shown.await.map_err(|error: ReadError| status::of_read(&error))
}

/// The editions published so far, with the names of who withdrew them where they may be seen.
fn editions(ledger: &Ledger, read: &AssessmentRead, scope: &Scope) -> Vec<pb::PublishedEdition> {
    let mut editions = show::editions(read, &scope.sight);
    let withdrawn = editions.iter_mut().filter_map(|edition| edition.withdrawn.as_mut());
    for person in withdrawn.filter_map(|withdrawn| withdrawn.recorded_by.as_mut()) {
        let known = PersonId::parse(&person.person_id).ok();
        person.name = known.map(|id| show::text(&ledger.name(id)));
    }
    editions
}

/// `NOT_FOUND`: `key` is the kind of thing, as the metadata names it.
pub(crate) fn unknown(
    reason: Reason,
    key: &'static str,
    name: &impl ToString,
    what: &str,
) -> Status {
    let name = name.to_string();
    Problem::new(reason, format!("{name} {what}")).with(key, name).status()
}
