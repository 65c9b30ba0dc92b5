//! The audit service: who changed which grade, when, why, on whose decision.
//!
//! Every call needs the auditor's role, or a role in an organisation that judges: such a caller is told
//! of the assessments that it judges, and of frameworks and subjects. (Spec §5.3)

mod events;
mod expression;
mod feed;
mod filter;
mod pump;
mod readout;
mod rows;
mod wanted;
mod within;

use std::{future::Future, sync::Arc, time::Duration};

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use super::{
    accesses,
    asked::Asked,
    caller::Identity,
    lasting::Lasting,
    page_token::Paging,
    reads::{self, known_at},
    served::AuditService,
    show,
    sight::Reach,
    status::{self, Problem, Reason},
};
use crate::{
    journal::Page,
    judgement::{AreaId, AssessmentId, Framework, Position},
    ledger::{Condition, Ledger, Order, PassedOn, ReadError, Streamed, Test},
    pb::{
        self, get_grade_history_request::KnownAt as HistoryKnownAt,
        query_audit_request::KnownAt as QueryKnownAt,
    },
};
use expression::Asker;
use pump::{Outlet, Pump, QUEUE};
use rows::Rows;
use within::Within;

pub(super) use feed::Feed;
pub(super) use pump::Until;
pub(super) use readout::Readout;
pub(super) use wanted::Wanted;

/// Answers auditors.
pub(super) struct AuditApi {
    /// What it answers from.
    pub(super) ledger: Ledger,
    /// Cancelled when the server goes down: streams end and tell where to go on.
    pub(super) cancel: CancellationToken,
    /// How long a stream's reader may take nothing.
    pub(super) patience: Duration,
}

/// A reader that a stream is begun for.
pub(super) struct Reader {
    /// Where it stands and what it wants.
    pub(super) feed: Feed,
    /// How long the stream goes on.
    pub(super) until: Until,
    /// When the stream ends otherwise.
    pub(super) ends: Ends,
}

/// When a stream ends before its reader has all it wants.
pub(super) struct Ends {
    /// How long the reader may take nothing.
    pub(super) patience: Duration,
    /// Cancelled when the server goes down.
    pub(super) cancel: CancellationToken,
    /// How long the reader is who it is.
    pub(super) lasting: Lasting,
}

/// Begins a stream: a task that reads pages by `read`, and what it fills, from which the transport
/// takes.
pub(super) fn begin<R, F>(ledger: &Ledger, reader: Reader, read: R) -> Readout
where
    R: Fn(Position, Page) -> F + Send + 'static,
    F: Future<Output = Result<Vec<Streamed>, ReadError>> + Send + 'static,
{
    let Reader { feed, until, ends } = reader;
    let (bundles, queue) = mpsc::channel(QUEUE);
    let (end, ended) = oneshot::channel();
    let after = feed.after();
    let counted = ledger.metrics().readers.begin(after.get());
    let outlet = Outlet::new(bundles, ends, after, counted);
    let pump = Pump { feed, heads: ledger.follow(), outlet, until };
    let opener = ledger.clone();
    let readout = Readout::new(queue, ended);
    // The task belongs to the readout: when the transport drops that, the queue is closed and the
    // task ends.
    let filling = async move {
        let open = |of: &PassedOn| opener.texts(of);
        let outcome = pump.run(read, &open).await;
        // Where nobody is left to hear it, the outcome does not matter.
        drop(end.send(outcome));
    };
    tokio::spawn(filling.in_current_span());
    readout
}

#[tonic::async_trait]
impl AuditService for AuditApi {
    async fn get_grade_history(
        &self,
        request: Request<pb::GetGradeHistoryRequest>,
    ) -> Result<Response<pb::GetGradeHistoryResponse>, Status> {
        let who = Identity::of(&request)?;
        let reach = Reach::of(&who);
        reach.must_go_inside("grade histories")?;
        grade_history(&self.ledger, &reach, request.into_inner()).await.map(Response::new)
    }

    async fn query_audit(
        &self,
        request: Request<pb::QueryAuditRequest>,
    ) -> Result<Response<pb::QueryAuditResponse>, Status> {
        let who = Identity::of(&request)?;
        let reach = Reach::of(&who);
        reach.must_go_inside("audit queries")?;
        query(&self.ledger, &reach, request.into_inner()).await.map(Response::new)
    }

    type StreamRecordsStream = Readout;

    async fn stream_records(
        &self,
        request: Request<pb::StreamRecordsRequest>,
    ) -> Result<Response<Readout>, Status> {
        let who = Identity::of(&request)?;
        let reach = Reach::of(&who);
        reach.must_go_inside("record streams")?;
        let ends = Ends {
            patience: self.patience,
            cancel: self.cancel.clone(),
            lasting: Lasting::of(&request),
        };
        let request = request.into_inner();
        let mut asked = Asked::default();
        let named = within::named(&self.ledger, &reach);
        let wanted = Wanted::take(&mut asked, &request, &named);
        let wanted = asked.settle(Some(wanted))?;

        // A reader that is ahead has read another ledger, or another replica of this one.
        reads::reached(&self.ledger, request.after_position).await?;
        let begin_after = Position::new(request.after_position);
        let reading = Arc::new(accesses::Reading::begin(&self.ledger, who, begin_after).await);
        let within = Within::of(&self.ledger, &reach).map(Arc::new);
        let feed = Feed::new(wanted, begin_after).within(within.clone());
        let until = if request.catch_up_only { Until::CaughtUp } else { Until::Cancelled };
        let ledger = self.ledger.clone();
        let read = move |after, page| {
            let (ledger, within) = (ledger.clone(), within.clone());
            let reading = Arc::clone(&reading);
            async move {
                let page = ledger.records(after, page).await?;
                if !page.is_empty() {
                    reading.goes_on(after).await;
                }
                if let Some(within) = within {
                    within.learn(&page).await?;
                }
                Ok(page)
            }
        };
        let reader = Reader { feed, until, ends };
        Ok(Response::new(begin(&self.ledger, reader, read)))
    }
}

/// Every change of one area's grade, or of all. (Spec §5, `GetGradeHistory`)
async fn grade_history(
    ledger: &Ledger,
    reach: &Reach,
    request: pb::GetGradeHistoryRequest,
) -> Result<pb::GetGradeHistoryResponse, Status> {
    let mut asked = Asked::default();
    let name = asked.required("assessment", AssessmentId::parse(&request.assessment));
    let area = asked.optional("area", &request.area, AreaId::parse);
    let (position, time) = match &request.known_at {
        None => (None, None),
        Some(HistoryKnownAt::KnownAtPosition(at)) => (Some(*at), None),
        Some(HistoryKnownAt::KnownAtTime(time)) => (None, Some(time)),
    };
    let known = known_at(&mut asked, position, time);
    let (size, token) = (request.page_size, request.page_token.as_str());
    let listed = pb::GetGradeHistoryRequest {
        page_size: 0,
        page_token: String::new(),
        min_position: 0,
        ..request.clone()
    };
    let paging = Paging::take(&mut asked, "GetGradeHistory", &listed, size, token);
    let (name, paging) = asked.settle(name.zip(paging))?;

    reads::reached(ledger, request.min_position).await?;
    let moment = reads::moment(ledger, paging.known(known)).await?;
    let read = reads::assessment(ledger, &name, moment, reach).await?;
    if let Some(area) = &area {
        check_area(area, &read.framework.framework)?;
    }

    let tests = [Some(Test::Event("GradeSet")), Some(Test::Assessment(name)), area.map(Test::Area)];
    let condition = Condition::All(tests.into_iter().flatten().map(Condition::Test).collect());
    let (from, order) = (paging.from(), Order::OldestFirst);
    let _turn = ledger.turn().await;
    let found = ledger.find(&condition, order, moment, from, paging.limit).await;
    let found = found.map_err(|error| status::of_read(&error))?;
    let mut rows = Rows::new(ledger, moment);
    rows.know(read);
    let page = rows.page(found).await?;
    Ok(pb::GetGradeHistoryResponse {
        rows: page.rows,
        next_page_token: paging.next(page.next, moment.position),
        read: Some(show::moment(moment)),
    })
}

/// A history of an area that the framework does not have would be empty without saying why.
fn check_area(area: &AreaId, framework: &Framework) -> Result<(), Status> {
    if framework.area(area).is_some() {
        return Ok(());
    }
    let areas: Vec<_> = framework.areas.iter().map(|known| &known.id).collect();
    let message = format!("{} has no area {area}", framework.id);
    let problem = Problem::new(Reason::AreaNotInFramework, message).at("area");
    let problem = problem.with("area", area).with("framework", &framework.id);
    Err(problem.with_list("areas", &areas).status())
}

/// Records across assessments, filtered. (Spec §5, `QueryAudit`)
async fn query(
    ledger: &Ledger,
    reach: &Reach,
    request: pb::QueryAuditRequest,
) -> Result<pb::QueryAuditResponse, Status> {
    let mut asked = Asked::default();
    let named = within::named(ledger, reach);
    let stated = request.filter.clone().unwrap_or_default();
    let stated = filter::take(&mut asked, &stated, &named);
    let expressed = expression::take(&mut asked, &request.expression, Asker::Query, &named);
    let order = match pb::AuditOrder::try_from(request.order) {
        Ok(pb::AuditOrder::Unspecified | pb::AuditOrder::NewestFirst) => Some(Order::NewestFirst),
        Ok(pb::AuditOrder::OldestFirst) => Some(Order::OldestFirst),
        Err(_) => asked.violation("order", "is no order"),
    };
    let (position, time) = match &request.known_at {
        None => (None, None),
        Some(QueryKnownAt::KnownAtPosition(at)) => (Some(*at), None),
        Some(QueryKnownAt::KnownAtTime(time)) => (None, Some(time)),
    };
    let known = known_at(&mut asked, position, time);
    let (size, token) = (request.page_size, request.page_token.as_str());
    let listed = pb::QueryAuditRequest {
        page_size: 0,
        page_token: String::new(),
        min_position: 0,
        ..request.clone()
    };
    let paging = Paging::take(&mut asked, "QueryAudit", &listed, size, token);
    let ((order, paging), expressed) = asked.settle(order.zip(paging).zip(expressed))?;
    // One condition, however it was stated: both must be met.
    let mut condition = vec![stated, expressed];
    condition.extend(within::reached(ledger, reach));
    let condition = Condition::All(condition);

    reads::reached(ledger, request.min_position).await?;
    let moment = reads::moment(ledger, paging.known(known)).await?;
    let _turn = ledger.turn().await;
    let found = ledger.find(&condition, order, moment, paging.from(), paging.limit).await;
    let found = found.map_err(|error| status::of_read(&error))?;
    let page = Rows::new(ledger, moment).page(found).await?;
    Ok(pb::QueryAuditResponse {
        rows: page.rows,
        next_page_token: paging.next(page.next, moment.position),
        read: Some(show::moment(moment)),
    })
}

/// See [`crate::fuzzing::filter`].
pub(crate) fn fuzzed_filter(filter: &pb::AuditFilter) -> bool {
    let mut asked = Asked::default();
    let taken = filter::take(&mut asked, filter, &|_| None);
    asked.settle(Some(taken)).is_ok()
}

/// See [`crate::fuzzing::expression`].
pub(crate) fn fuzzed_expression(text: &str) -> bool {
    let mut asked = Asked::default();
    let taken = expression::take(&mut asked, text, Asker::Query, &|_| None);
    asked.settle(taken).is_ok()
}
