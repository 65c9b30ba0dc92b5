//! Whether all room for calls is free again, once the attackers are gone.

use std::time::Duration;

use judgement_ledger::{pb, rpc::Limits};
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

use super::siege::{Siege, within};
use crate::served::Clients;

/// How many streams anybody may have, and how many calls there may be on one connection.
const OPEN_STREAMS: usize = 64;
const ON_ONE_CONNECTION: usize = 256;

/// How soon all room must be free: calls under way end within ten seconds.
const FREE_WITHIN: Duration = Duration::from_secs(30);

/// Takes all the streams that there may be, as honest callers, and lets go of them.
pub async fn is_free(siege: &Siege) {
    within(FREE_WITHIN, "the room of anybody is free", async {
        while let Err(status) = watch(siege).await {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
    within(FREE_WITHIN, "the room of callers is free", async {
        while let Err(status) = subscribe(siege).await {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
}

async fn watch(siege: &Siege) -> Result<(), Status> {
    let mut client = HealthClient::new(siege.target.endpoint.connect_lazy());
    let mut streams = Vec::new();
    for _ in 0..OPEN_STREAMS {
        let mut stream = client.watch(HealthCheckRequest::default()).await?.into_inner();
        stream.message().await?.expect("it is said at once");
        streams.push(stream);
    }
    Ok(())
}

/// Half of them by one caller, half by another: no caller may have all.
async fn subscribe(siege: &Siege) -> Result<(), Status> {
    let connected =
        || Clients { channel: siege.target.endpoint.connect_lazy(), ..siege.clients.clone() };
    let half = Limits::STANDARD.streams_max / 2;
    assert!(half <= ON_ONE_CONNECTION);
    let (mut audits, mut assessments) =
        (connected().audits(), connected().assessments("inspector"));
    let (mut read, mut written) = (Vec::new(), Vec::new());
    for _ in 0..half {
        read.push(audits.stream_records(pb::StreamRecordsRequest::default()).await?);
        let never = tokio_stream::pending::<pb::ApplyStreamRequest>();
        written.push(assessments.apply_stream(never).await?);
    }
    Ok(())
}
