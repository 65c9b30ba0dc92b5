//! A server under test, with all its layers, around a service that only echoes.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::atomic::{AtomicI64, Ordering},
};

use futures_util::StreamExt;
use jiff::Timestamp;
use prost::Message;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_stream::Stream;
use tonic::{
    Request, Response, Status, Streaming,
    client::Grpc,
    codec::Codec,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;

use super::super::*;
use crate::{
    judgement::{OrganisationId, Role, Text},
    pb::{self, framework_service_client::FrameworkServiceClient},
    rpc::{
        Credentials, Identity, Limits, Now, Tls,
        served::{AssessmentAnswer, AssessmentService, FrameworkService},
    },
};

pub(super) const GET: &str = "/judgement.ledger.v1.FrameworkService/GetFramework";
pub(super) const APPLY: &str = "/judgement.ledger.v1.AssessmentService/ApplyStream";

/// Answers with the caller's login; does as badly as it is told to.
struct Echo;

macro_rules! unasked {
    ($($name:ident($request:ident) -> $answer:ident;)+) => {
        $(
            fn $name<'s, 'f>(
                &'s self,
                _: Request<pb::$request>,
            ) -> Pin<Box<dyn Future<Output = Result<Response<pb::$answer>, Status>> + Send + 'f>>
            where
                's: 'f,
                Self: 'f,
            {
                Box::pin(async { Err(Status::internal("unasked")) })
            }
        )+
    };
}

#[tonic::async_trait]
impl FrameworkService for Echo {
    async fn get_framework(
        &self,
        request: Request<pb::GetFrameworkRequest>,
    ) -> Result<Response<pb::Framework>, Status> {
        let identity = Identity::of(&request)?;
        match request.get_ref().name.as_str() {
            "slow" => std::future::pending().await,
            "panic" => panic!("as told"),
            "speak" => tracing::info!("spoken"),
            _ => {}
        }
        let title = identity.login.as_str().to_owned();
        Ok(Response::new(pb::Framework { title, ..pb::Framework::default() }))
    }

    unasked! {
        register_framework(RegisterFrameworkRequest) -> Receipt;
        register_subject(RegisterSubjectRequest) -> Receipt;
        rename_subject(RenameSubjectRequest) -> Receipt;
        list_frameworks(ListFrameworksRequest) -> ListFrameworksResponse;
        get_subject(GetSubjectRequest) -> Subject;
        list_subjects(ListSubjectsRequest) -> ListSubjectsResponse;
    }
}

type Outcomes = Result<pb::ApplyStreamResponse, Status>;

#[tonic::async_trait]
impl AssessmentService for Echo {
    type ApplyStreamStream = Pin<Box<dyn Stream<Item = Outcomes> + Send>>;

    async fn apply_stream(
        &self,
        request: Request<Streaming<pb::ApplyStreamRequest>>,
    ) -> Result<Response<Self::ApplyStreamStream>, Status> {
        let answers =
            request.into_inner().map(|command| command.map(|_| pb::ApplyStreamResponse::default()));
        Ok(Response::new(Box::pin(answers)))
    }

    type GetFeedStream = Pin<Box<dyn Stream<Item = Result<pb::GetFeedResponse, Status>> + Send>>;

    async fn get_feed(
        &self,
        _request: Request<pb::GetFeedRequest>,
    ) -> Result<Response<Self::GetFeedStream>, Status> {
        Err(Status::unimplemented("nobody asks for it here"))
    }

    async fn get_assessment(
        &self,
        _: Request<pb::GetAssessmentRequest>,
    ) -> Result<Response<AssessmentAnswer>, Status> {
        Err(Status::internal("unasked"))
    }

    unasked! {
        open_assessment(OpenAssessmentRequest) -> Receipt;
        set_addressee(SetAddresseeRequest) -> Receipt;
        set_grade(SetGradeRequest) -> Receipt;
        record_entry(RecordEntryRequest) -> Receipt;
        revise_entry(ReviseEntryRequest) -> Receipt;
        lock_assessment(LockAssessmentRequest) -> Receipt;
        sign_off_assessment(SignOffAssessmentRequest) -> Receipt;
        publish_assessment(PublishAssessmentRequest) -> Receipt;
        publish_assessments(PublishAssessmentsRequest) -> PublishAssessmentsResponse;
        request_redaction(RequestRedactionRequest) -> Receipt;
        approve_redaction(ApproveRedactionRequest) -> Receipt;
        refuse_redaction(RefuseRedactionRequest) -> Receipt;
        refuse_sign_off(RefuseSignOffRequest) -> Receipt;
        reopen_assessment(ReopenAssessmentRequest) -> Receipt;
        withdraw_assessment(WithdrawAssessmentRequest) -> Receipt;
        place_hold(PlaceHoldRequest) -> Receipt;
        release_hold(ReleaseHoldRequest) -> Receipt;
        receive_challenge(ReceiveChallengeRequest) -> Receipt;
        decide_challenge(DecideChallengeRequest) -> Receipt;
        share_draft(ShareDraftRequest) -> Receipt;
        correct_record(CorrectRecordRequest) -> Receipt;
        apply_batch(ApplyBatchRequest) -> ApplyBatchResponse;
        list_assessments(ListAssessmentsRequest) -> ListAssessmentsResponse;
        render_letter(RenderLetterRequest) -> RenderLetterResponse;
        get_disclosure(GetDisclosureRequest) -> Disclosure;
    }
}

/// Under which its credentials are made.
pub(super) const SEED: [u8; 32] = [7; 32];

/// When it is when a server begins, in seconds since 1970: 1 December 2006.
pub(super) const BEGAN: i64 = 1_164_931_200;

/// The same, as a time.
pub(super) fn began() -> Timestamp {
    Timestamp::from_second(BEGAN).unwrap()
}

/// A server under test.
pub(super) struct Running {
    /// Its clock, which stands still until it is turned.
    pub(super) clock: Arc<AtomicI64>,
    pub(super) address: SocketAddr,
    pub(super) channel: Channel,
    pub(super) token: String,
    pub(super) ledger_stopped: CancellationToken,
    pub(super) reads: watch::Sender<Reads>,
    pub(super) read_only: watch::Sender<Option<ReadOnly>>,
    pub(super) shutdown: CancellationToken,
    pub(super) ended: JoinHandle<Result<WentDown, ServeError>>,
    pub(super) metrics: Arc<Metrics>,
}

pub(super) const LIMITS: Limits = Limits {
    connections_max: 1_000,
    caller_calls_per_second: None,
    calls_max: 8,
    streams_max: 2,
    reader_patience: Duration::from_secs(30),
    unary_max: Duration::from_secs(5),
    drain_delay: Duration::ZERO,
    drain_max: Duration::from_secs(20),
};

/// Who calls it.
pub(super) fn caller() -> Identity {
    Identity {
        login: Text::parse("j.smith").unwrap(),
        organisation: OrganisationId::parse("ofsted").unwrap(),
        roles: vec![Role::Inspector],
    }
}

/// Starts one in plain text.
pub(super) async fn running(limits: Limits) -> Running {
    running_over(limits, None).await
}

/// Starts one. Its channel speaks plain text.
pub(super) async fn running_over(limits: Limits, tls: Option<Arc<Tls>>) -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let credentials = Credentials::new(&SEED).unwrap();
    let clock = Arc::new(AtomicI64::new(BEGAN));
    let shown = Arc::clone(&clock);
    let now: Now = Arc::new(move || Timestamp::from_second(shown.load(Ordering::SeqCst)).unwrap());
    let token = credentials.mint(&caller(), began(), Duration::from_mins(1)).unwrap();
    let ledger_stopped = CancellationToken::new();
    let stopped = ledger_stopped.clone();
    let (reads, told) = watch::channel(Reads::Answered);
    let (read_only, writes_told) = watch::channel(None);
    let metrics = Metrics::new(0).unwrap();
    let (counted, turned_away) = (Arc::clone(&metrics), Arc::clone(&metrics));
    let options = ServeOptions {
        origins: vec![HeaderValue::from_static("https://page.example")],
        reflection: Reflection::Offered,
        limits,
        ..ServeOptions::new(Arc::new(credentials), Arc::clone(&now))
    };
    let routes = Routes::new(
        compressed!(FrameworkServiceServer::new(Echo)).max_decoding_message_size(1_024),
    )
    .add_service(compressed!(AssessmentServiceServer::new(Echo)).max_decoding_message_size(1_024));
    let shutdown = CancellationToken::new();
    let until = shutdown.clone().cancelled_owned();
    let ended = tokio::spawn(async move {
        let serving = Serving {
            options,
            draining: CancellationToken::new(),
            ledger_stopped: stopped,
            reads: told,
            writes: Writes {
                read_only: writes_told,
                disk_full: counted.disk_full.follow(),
                unreachable: counted.journal_unreachable.follow(),
            },
            services: &[FrameworkServiceServer::<Echo>::NAME],
            find: Arc::new(|_| None),
            metrics: counted,
        };
        let tls = tls.map(|tls| (tls, now));
        let incoming = Doorway::open(listener.into(), tls, limits.connections_max, turned_away);
        serving.run(incoming, routes, until).await
    });
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
    Running {
        clock,
        address,
        channel,
        token,
        ledger_stopped,
        reads,
        read_only,
        shutdown,
        ended,
        metrics,
    }
}

impl Running {
    /// Lets it be so many seconds after the beginning.
    pub(super) fn turn(&self, seconds: i64) {
        self.clock.store(BEGAN.saturating_add(seconds), Ordering::SeqCst);
    }

    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let bearer = format!("Bearer {}", self.token).parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
        request
    }

    pub(super) async fn get(&self, name: &str) -> Result<String, Status> {
        let asked = pb::GetFrameworkRequest { name: name.to_owned() };
        let answer = FrameworkServiceClient::new(self.channel.clone())
            .get_framework(self.request(asked))
            .await;
        answer.map(|answer| answer.into_inner().title)
    }

    /// Sends any message to any method, as a client that does not know better.
    pub(super) async fn send<M>(&self, path: &'static str, message: M) -> Result<(), Status>
    where
        M: Message + Send + Sync + 'static,
    {
        let codec = ProstCodec::<M, pb::Framework>::default();
        self.send_as(path, message, codec).await
    }

    pub(super) async fn send_as<M, C>(
        &self,
        path: &'static str,
        message: M,
        codec: C,
    ) -> Result<(), Status>
    where
        M: Send + Sync + 'static,
        C: Codec<Encode = M> + Send + Sync + 'static,
        C::Decode: Send + Sync + 'static,
    {
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let path = http::uri::PathAndQuery::from_static(path);
        client.unary(self.request(message), path, codec).await.map(drop)
    }

    /// Sends messages over a stream and answers how it ended.
    pub(super) async fn stream<M>(
        &self,
        path: &'static str,
        messages: Vec<M>,
    ) -> Result<usize, Status>
    where
        M: Message + Send + Sync + 'static,
    {
        let codec = ProstCodec::<M, pb::ApplyStreamResponse>::default();
        let mut client = Grpc::new(self.channel.clone());
        client.ready().await.unwrap();
        let path = http::uri::PathAndQuery::from_static(path);
        let request = self.request(tokio_stream::iter(messages));
        let mut answers = client.streaming(request, path, codec).await?.into_inner();
        let mut count = 0_usize;
        while answers.message().await?.is_some() {
            count = count.saturating_add(1);
        }
        Ok(count)
    }
}
