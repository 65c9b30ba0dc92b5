//! `healthcheck`: whether a server serves, for whoever watches over it.

use std::time::Duration;

use clap::Args;
use tonic::Code;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use super::{client, failure::Failure, flags::ServerFlags, output::Output, token};

/// What `healthcheck` is told.
#[derive(Debug, Clone, Args)]
pub struct HealthcheckFlags {
    /// Of which service, for example `judgement.ledger.v1.writes`, which says whether commands are
    /// taken. Default: of the server as a whole.
    #[arg(long, value_name = "NAME", env = "JUDGEMENT_LEDGER_HEALTH_SERVICE", default_value = "")]
    pub service: String,
    /// How long the answer may take, for example `5s`.
    #[arg(
        long,
        value_name = "TIME",
        env = "JUDGEMENT_LEDGER_HEALTH_TIMEOUT",
        default_value = "5s",
        value_parser = token::valid
    )]
    pub timeout: Duration,
    /// Which server.
    #[command(flatten)]
    pub server: ServerFlags,
}

/// Asks; exit code 0 if it serves, 1 if it does not, or does not say so in time.
pub(super) async fn run(flags: &HealthcheckFlags, output: &mut Output) -> Result<(), Failure> {
    let asked = tokio::time::timeout(flags.timeout, ask(flags)).await;
    let late = |_| Failure::Incomplete {
        what: format!("{} did not answer within {:?}", flags.server.server, flags.timeout),
    };
    let status = asked.map_err(late)??;
    if status == ServingStatus::Serving {
        return output.line("SERVING");
    }
    let of = if flags.service.is_empty() { "the server" } else { &flags.service };
    Err(Failure::Incomplete { what: format!("{of}: {}", status.as_str_name()) })
}

async fn ask(flags: &HealthcheckFlags) -> Result<ServingStatus, Failure> {
    let channel = client::dial(&flags.server).await?;
    let request = HealthCheckRequest { service: flags.service.clone() };
    let answer = HealthClient::new(channel).check(request).await;
    let answer = answer.map_err(|status| {
        if status.code() != Code::NotFound {
            return Failure::refused("the health of the server", status);
        }
        let (server, service) = (&flags.server.server, &flags.service);
        Failure::Incomplete {
            what: format!(
                "{server} has no service {service}; leave --service out to ask for the server as a \
                 whole, or say judgement.ledger.v1.writes"
            ),
        }
    })?;
    Ok(answer.into_inner().status())
}
