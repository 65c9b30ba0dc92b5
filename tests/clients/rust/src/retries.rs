//! What the channels of other languages do by themselves: calls that a service config lets be
//! repeated are repeated. Every command carries a request id, so that is safe.

use std::{fs, time::Duration};

use serde_json::Value;
use tonic::{Code, Response, Status};

use crate::Failure;

/// When a call is sent again that was answered UNAVAILABLE. (github.com/grpc/proposal, A6)
pub struct Retries {
    attempts: u64,
    first_wait: Duration,
    longest_wait: Duration,
}

impl Retries {
    /// What the file says of most methods; streams have no policy, and are not repeated.
    pub fn of(path: &str) -> Result<Self, Failure> {
        let config: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
        let policy = &config["methodConfig"][0]["retryPolicy"];
        let seconds = |name: &str| -> Result<Duration, Failure> {
            let text = policy[name].as_str().ok_or(format!("{path} does not say {name}"))?;
            Ok(Duration::try_from_secs_f64(text.trim_end_matches('s').parse()?)?)
        };
        Ok(Self {
            attempts: policy["maxAttempts"].as_u64().unwrap_or(1),
            first_wait: seconds("initialBackoff")?,
            longest_wait: seconds("maxBackoff")?,
        })
    }

    /// What a call answers, sooner or later.
    pub async fn call<A>(
        &self,
        call: impl AsyncFn() -> Result<Response<A>, Status>,
    ) -> Result<A, Status> {
        let mut wait = self.first_wait;
        for _ in 1..self.attempts {
            match call().await {
                Err(status) if status.code() == Code::Unavailable => {
                    tokio::time::sleep(wait).await;
                    wait = self.longest_wait.min(wait * 2);
                }
                answer => return answer.map(Response::into_inner),
            }
        }
        call().await.map(Response::into_inner)
    }
}
