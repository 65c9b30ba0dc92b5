//! Honest callers, who go on while others attack.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use judgement_ledger::pb;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};
use tonic::transport::Endpoint;
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use crate::served::{Clients, act};

/// How long an honest call may take: as long as the server lets it.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long an honest caller waits between two calls.
const PAUSE: Duration = Duration::from_millis(10);

/// What honest callers saw.
#[derive(Debug, Default)]
pub struct Seen {
    /// How long calls took that were answered.
    pub took: Vec<Duration>,
    /// Why others were not.
    pub failed: Vec<String>,
}

impl Seen {
    /// The time within which so many of a hundred calls were answered.
    pub fn within(&self, percent: usize) -> Duration {
        let mut took = self.took.clone();
        took.sort_unstable();
        let at = (took.len() * percent / 100).min(took.len().saturating_sub(1));
        took.get(at).copied().unwrap_or_default()
    }

    /// Whether at least 99 of a hundred calls were answered.
    pub fn is_served(&self) -> bool {
        let all = self.took.len() + self.failed.len();
        !self.took.is_empty() && self.failed.len() * 100 <= all
    }

    pub fn add(&mut self, other: Self) {
        self.took.extend(other.took);
        self.failed.extend(other.failed);
    }
}

/// What honest callers ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asking {
    /// Commands, and readings of what these recorded.
    Ledger,
    /// Whether the server is there.
    Health,
}

/// Callers at work.
pub struct Honest {
    over: Arc<AtomicBool>,
    callers: JoinSet<Seen>,
}

impl Honest {
    /// Two callers: one on a connection of its own, one who connects anew for every call.
    pub fn begin(clients: &Clients, endpoint: &Endpoint, asking: Asking) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for stays in [true, false] {
            let (over, mut clients) = (Arc::clone(&over), clients.clone());
            let endpoint = endpoint.clone();
            callers.spawn(async move {
                let mut seen = Seen::default();
                while !over.load(Ordering::Relaxed) {
                    if !stays {
                        clients.channel = endpoint.connect_lazy();
                    }
                    let begun = Instant::now();
                    match timeout(DEADLINE, call(&clients, asking)).await {
                        Ok(Ok(())) => seen.took.push(begun.elapsed()),
                        Ok(Err(status)) => seen.failed.push(said(&status)),
                        Err(_) => seen.failed.push(format!("no answer within {DEADLINE:?}")),
                    }
                    sleep(PAUSE).await;
                }
                seen
            });
        }
        Self { over, callers }
    }

    /// Waits for their last calls.
    pub async fn end(mut self) -> Seen {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        while let Some(seen) = self.callers.join_next().await {
            all.add(seen.unwrap());
        }
        all
    }
}

/// Why a call was not answered.
pub fn said(status: &tonic::Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

/// One honest call: a subject is registered and read, or health is asked.
pub async fn call(clients: &Clients, asking: Asking) -> Result<(), tonic::Status> {
    match asking {
        Asking::Health => {
            let mut client = HealthClient::new(clients.channel.clone());
            client.check(HealthCheckRequest::default()).await?;
        }
        Asking::Ledger => {
            let subject = format!("subjects/s-{}", uuid::Uuid::new_v4().simple());
            let request = pb::RegisterSubjectRequest {
                act: Some(act()),
                subject: subject.clone(),
                display_name: "A council".to_owned(),
                kind: "local authority".to_owned(),
                ..pb::RegisterSubjectRequest::default()
            };
            clients.frameworks("admin").register_subject(request).await?;
            let request = pb::GetSubjectRequest { name: subject.clone(), ..Default::default() };
            let found = clients.frameworks("admin").get_subject(request).await?.into_inner();
            assert_eq!(found.name, subject);
        }
    }
    Ok(())
}
