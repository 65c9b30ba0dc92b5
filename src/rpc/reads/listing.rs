//! Lists: assessments, subjects and frameworks, in the order in which they began.

use tonic::Status;

use super::{moment, seen, shown, subject::current};
use crate::{
    judgement::{Event, Position, StreamId, SubjectId},
    ledger::{
        AsOf, AssessmentRead, Condition, Found, KnownAt, Ledger, Moment, Order, ReadRecord, Test,
        View,
    },
    pb,
    rpc::{
        asked::Asked,
        caller::Identity,
        page_token::{Page, Paging},
        show::{self, Detail, Scope},
        sight::{Reach, Sight},
        status,
    },
};

/// The assessments of a subject, or of all. (Spec §5, `ListAssessments`)
///
/// Who may not see working views gets the published ones instead, and of these only the areas
/// shown to the caller's organisation; an assessment without a published edition is absent.
/// (Spec §5.3)
///
/// # Errors
/// `BadRequest`, or why the ledger cannot be read.
pub(crate) async fn list_assessments(
    ledger: &Ledger,
    who: &Identity,
    request: pb::ListAssessmentsRequest,
) -> Result<pb::ListAssessmentsResponse, Status> {
    let mut asked = Asked::default();
    let subject = asked.optional("parent", &request.parent, SubjectId::parse_name);
    let listed = pb::ListAssessmentsRequest { parent: request.parent, ..Default::default() };
    let (size, token) = (request.page_size, request.page_token.as_str());
    let paging = Paging::take(&mut asked, "ListAssessments", &listed, size, token);
    let paging = asked.settle(paging)?;

    let reach = Reach::of(who);
    let tests = [Some(Test::Event("AssessmentOpened")), subject.clone().map(Test::Subject)];
    let condition = Condition::All(tests.into_iter().flatten().map(Condition::Test).collect());
    let moment = moment(ledger, paging.known(KnownAt::Now)).await?;
    let _turn = ledger.turn().await;
    let page = listed_page(ledger, &condition, &reach, (&paging, moment)).await?;
    let next_page_token = paging.next(page.next, moment.position);
    let current = match &subject {
        Some(subject) => Box::pin(current(ledger, &reach, subject, moment)).await?,
        None => Vec::new(),
    };
    Ok(pb::ListAssessmentsResponse { assessments: page.rows, next_page_token, current })
}

/// How often one page looks further where what it found is not for its caller.
pub(crate) const LOOKS_MAX: usize = 20;

/// How many assessments each further look takes in at least, however small the page is.
pub(crate) const LOOK: usize = 100;

/// A page of the assessments that a caller may see, which names a next one only where that has one
/// more. What lies between them and is not to be seen makes no page shorter and no list longer, unless
/// there is very much of it.
async fn listed_page(
    ledger: &Ledger,
    condition: &Condition,
    reach: &Reach,
    (paging, moment): (&Paging, Moment),
) -> Result<Page<pb::Assessment>, Status> {
    let (mut from, mut page) = (paging.from(), Page::new(None));
    let mut last = None;
    for look in 0..LOOKS_MAX {
        let left = paging.limit.saturating_sub(page.rows.len());
        let sought = if look == 0 { left } else { left.max(LOOK) };
        let found = ledger.find(condition, Order::OldestFirst, moment, from, sought).await;
        let found = found.map_err(|error| status::of_read(&error))?;
        page.next = found.next;
        for opening in found.records {
            let at = opening.record.position;
            if page.rows.len() >= paging.limit {
                if listed(ledger, &opening, reach, moment).await?.is_some() {
                    page.next = last;
                    return Ok(page);
                }
                continue;
            }
            if let Some(assessment) = listed_assessment(ledger, opening, reach, moment).await? {
                if page.take(at, assessment).is_break() {
                    return Ok(page);
                }
                last = Some(at);
            }
        }
        from = page.next;
        if from.is_none() {
            break;
        }
    }
    Ok(page)
}

/// The assessment that a record opened, as the caller may see it at a moment; `None` if not at
/// all.
async fn listed_assessment(
    ledger: &Ledger,
    opening: ReadRecord,
    reach: &Reach,
    moment: Moment,
) -> Result<Option<pb::Assessment>, Status> {
    match listed(ledger, &opening, reach, moment).await? {
        Some((read, sight)) => {
            let scope = Scope { detail: Detail::Grades, sight, as_stated: false };
            shown(ledger, &read, &scope, vec![opening]).await.map(Some)
        }
        None => Ok(None),
    }
}

/// The assessment that a record opened, as it is listed for a caller: as it stands for who sees all
/// of it, else as it is published.
pub(crate) async fn listed(
    ledger: &Ledger,
    opening: &ReadRecord,
    reach: &Reach,
    moment: Moment,
) -> Result<Option<(AssessmentRead, Sight)>, Status> {
    let (StreamId::Assessment(id), Event::AssessmentOpened(event)) =
        (&opening.record.stream, &opening.event)
    else {
        return Ok(None);
    };
    let framework = ledger.framework(&event.framework).ok_or_else(status::defect)?;
    let view = match reach.on(&framework.framework) {
        Sight::All => View::Working,
        Sight::Published(_) => View::Published,
    };
    let known = KnownAt::Position(moment.position);
    let as_of = AsOf { view, known, effective: None, stated: None };
    seen(ledger, id, as_of, reach).await
}

/// All subjects.
///
/// # Errors
/// `BadRequest`, or why the ledger cannot be read.
pub(crate) async fn list_subjects(
    ledger: &Ledger,
    _who: &Identity,
    request: pb::ListSubjectsRequest,
) -> Result<pb::ListSubjectsResponse, Status> {
    let mut asked = Asked::default();
    let listed = pb::ListSubjectsRequest::default();
    let (size, token) = (request.page_size, request.page_token.as_str());
    let paging = Paging::take(&mut asked, "ListSubjects", &listed, size, token);
    let paging = asked.settle(paging)?;

    let condition = Condition::Test(Test::Event("SubjectRegistered"));
    let (found, moment) = find(ledger, &condition, &paging).await?;
    let mut subjects = Vec::with_capacity(found.records.len());
    for registered in &found.records {
        let StreamId::Subject(id) = &registered.record.stream else { continue };
        let read = ledger.subject(id, moment).await.map_err(|error| status::of_read(&error))?;
        subjects.extend(read.map(|read| show::subject(&read, None)));
    }
    let next_page_token = paging.next(found.next, moment.position);
    Ok(pb::ListSubjectsResponse { subjects, next_page_token })
}

/// All frameworks.
///
/// # Errors
/// `BadRequest`, or why the ledger cannot be read.
pub(crate) async fn list_frameworks(
    ledger: &Ledger,
    _who: &Identity,
    request: pb::ListFrameworksRequest,
) -> Result<pb::ListFrameworksResponse, Status> {
    let mut asked = Asked::default();
    let listed = pb::ListFrameworksRequest::default();
    let (size, token) = (request.page_size, request.page_token.as_str());
    let paging = Paging::take(&mut asked, "ListFrameworks", &listed, size, token);
    let paging = asked.settle(paging)?;

    let moment = moment(ledger, paging.known(KnownAt::Now)).await?;
    let begin = paging.from().unwrap_or(Position::START);
    let mut registered = ledger.frameworks();
    registered.retain(|it| it.item.at > begin && it.item.at <= moment.position);
    let more = registered.len() > paging.limit;
    registered.truncate(paging.limit);
    let last = registered.last().map(|it| it.item.at);
    let mut page = Page::new(last.filter(|_| more));
    for it in registered {
        let framework = show::framework(&it).map_err(|error| status::of_read(&error))?;
        if page.take(it.item.at, framework).is_break() {
            break;
        }
    }
    let next_page_token = paging.next(page.next, moment.position);
    Ok(pb::ListFrameworksResponse { frameworks: page.rows, next_page_token })
}

/// The records of a page that begin what is listed, and the moment of the list.
async fn find(
    ledger: &Ledger,
    condition: &Condition,
    paging: &Paging,
) -> Result<(Found, Moment), Status> {
    let moment = moment(ledger, paging.known(KnownAt::Now)).await?;
    let (from, limit) = (paging.from(), paging.limit);
    let found = ledger.find(condition, Order::OldestFirst, moment, from, limit).await;
    Ok((found.map_err(|error| status::of_read(&error))?, moment))
}
