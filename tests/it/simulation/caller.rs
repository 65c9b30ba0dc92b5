//! How clients call: with a deadline, over a channel that is made anew when something went wrong,
//! and with care about what an answer means.

use std::time::Duration;

use jiff::Timestamp;
use judgement_ledger::{
    judgement::{OrganisationId, Role, Text},
    pb::{
        assessment_service_client::AssessmentServiceClient,
        audit_service_client::AuditServiceClient, framework_service_client::FrameworkServiceClient,
    },
    rpc::{Credentials, Identity},
};
use tokio::time::{sleep, timeout};
use tonic::{Response, Status, service::interceptor::InterceptedService, transport::Channel};
use tonic_types::StatusExt;

use super::{
    machine::{BEGIN, KEY},
    network,
    told::Notebook,
};
use crate::{served::Bearer, sim_disk::Seeded};

type Authorised = InterceptedService<Channel, Bearer>;
type Assessments = AssessmentServiceClient<Authorised>;
type Audits = AuditServiceClient<Authorised>;
type Frameworks = FrameworkServiceClient<Authorised>;

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// A client on a machine of its own.
pub(super) struct Caller {
    pub(super) name: String,
    pub(super) seeded: Seeded,
    pub(super) notebook: Notebook,
    bearer: Bearer,
    channel: Channel,
}

/// What a client knows after a call.
#[derive(Debug)]
pub(super) enum Answer<T> {
    /// It was done.
    Done(T),
    /// A rule forbids it: surely not recorded.
    Refused(Refusal),
    /// Not now: surely not recorded.
    NotNow(String),
    /// Nobody knows.
    Unknown(String),
}

/// Why a rule forbids something.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) reason: String,
    /// The record that was first, where that is why; 0 for none.
    pub(super) winner: Option<u64>,
}

impl Caller {
    pub(super) fn new(name: &str, roles: &[Role], seed: u64, notebook: Notebook) -> Self {
        let token = token(name, roles, validity(40));
        let (bearer, channel) = (Bearer::new(&token), network::channel());
        Self { name: name.to_owned(), seeded: Seeded(seed), notebook, bearer, channel }
    }

    pub(super) fn assessments(&self) -> Assessments {
        AssessmentServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
    }

    pub(super) fn audits(&self) -> Audits {
        AuditServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
    }

    pub(super) fn frameworks(&self) -> Frameworks {
        FrameworkServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
    }

    /// The same client with a credential that expired before the ledger was begun.
    pub(super) fn assessments_expired(&self) -> Assessments {
        let long_ago = token(&self.name, &[Role::Inspector], validity(-3));
        AssessmentServiceClient::with_interceptor(self.channel.clone(), Bearer::new(&long_ago))
    }

    /// Gives up the connection.
    pub(super) fn reconnect(&mut self) {
        self.channel = network::channel();
    }

    /// Calls, and says what the answer means.
    pub(super) async fn call<T>(
        &mut self,
        call: impl Future<Output = Result<Response<T>, Status>>,
    ) -> Answer<T> {
        let Ok(answer) = timeout(PATIENCE, call).await else {
            self.reconnect();
            return Answer::Unknown("no answer".to_owned());
        };
        let status = match answer {
            Ok(response) => return Answer::Done(response.into_inner()),
            Err(status) => status,
        };
        let Some(info) = status.get_details_error_info() else {
            self.reconnect();
            return Answer::Unknown(format!("{:?}", status.code()));
        };
        match info.reason.as_str() {
            "OUTCOME_UNKNOWN" | "DEADLINE_EXCEEDED" | "DRAINING" => Answer::Unknown(info.reason),
            "CLOCK_UNTRUSTED"
            | "BUSY"
            | "JOURNAL_UNAVAILABLE"
            | "STOPPED"
            | "DISK_FULL"
            | "REBUILDING"
            | "DIRECTORY_MOVED"
            | "POSITION_NOT_REACHED"
            | "NOT_COVERED" => Answer::NotNow(info.reason),
            "STALE_EXPECTATION" => {
                let winner = info.metadata.get("position").and_then(|it| it.parse().ok());
                Answer::Refused(Refusal { reason: info.reason, winner })
            }
            "EXPECTATION_REQUIRED" | "EXISTS" | "RATIONALE_REQUIRED" | "CREDENTIAL_EXPIRED" => {
                Answer::Refused(Refusal { reason: info.reason, winner: None })
            }
            other => {
                self.notebook.violated(format!("{}: {other}: {}", self.name, status.message()));
                Answer::Refused(Refusal { reason: info.reason, winner: None })
            }
        }
    }

    /// Waits a little, so long as the seed says.
    pub(super) async fn pause(&mut self, most_ms: u64) {
        sleep(Duration::from_millis(1 + self.seeded.below(most_ms))).await;
    }

    pub(super) fn trace(&self, what: &str) {
        let at = turmoil::sim_elapsed().expect("clients live in the simulation");
        self.notebook.trace(at, &self.name, what);
    }

    /// A new request id.
    pub(super) fn request_id(&mut self) -> uuid::Uuid {
        let halves = [self.seeded.next().to_be_bytes(), self.seeded.next().to_be_bytes()];
        uuid::Builder::from_random_bytes(halves.concat().try_into().unwrap()).into_uuid()
    }
}

/// So many years after the simulation begins.
fn validity(years: i64) -> i64 {
    let begin: Timestamp = BEGIN.parse().unwrap();
    begin.as_second() + years * 365 * 86_400
}

fn token(login: &str, roles: &[Role], until_s: i64) -> String {
    let identity = Identity {
        login: Text::parse(format!("{login}@ofsted")).unwrap(),
        organisation: OrganisationId::parse("ofsted").unwrap(),
        roles: roles.to_vec(),
    };
    let lifetime = Duration::from_hours(1);
    let now = Timestamp::from_second(until_s - 3_600).unwrap();
    Credentials::new(&KEY).unwrap().mint(&identity, now, lifetime).unwrap()
}
