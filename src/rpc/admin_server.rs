//! The operator's server: one service on a Unix socket, without credentials, health or reflection.

use std::{pin::pin, sync::Arc, time::Duration};

use tokio::net::UnixListener;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::server::Server};

use super::{
    ServeError, WentDown,
    admin::{About, AdminApi},
    layers::{CatchPanic, Deadline, Log, Methods, Surround},
};
use crate::{
    ledger::Ledger,
    pb::{ADMIN_DESCRIPTORS, admin_service_server::AdminServiceServer},
};

/// The longest that a call other than a copy may take: a checkpoint is waited for five seconds.
const UNARY_MAX: Duration = Duration::from_secs(10);

/// How long the operator's calls may take to end once the server goes down. A copy that is cut off
/// leaves nothing that counts, and is begun again.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// Serves the operator on `listener` until `shutdown` is ready. Whoever may open the socket may ask.
///
/// # Errors
/// [`ServeError`], none of which the ledger is any the worse for.
pub async fn serve_admin(
    listener: UnixListener,
    ledger: Ledger,
    about: About,
    shutdown: impl Future<Output = ()>,
) -> Result<WentDown, ServeError> {
    let metrics = Arc::clone(ledger.metrics());
    let methods = Methods::of(ADMIN_DESCRIPTORS, &metrics.calls)
        .map_err(|error| ServeError::Descriptors(error.to_string()))?;
    let calls = metrics.calls.clone();
    let draining = CancellationToken::new();
    let log = Log::new(methods, metrics, about.started_at);
    let api = AdminApi { ledger, about: Arc::new(about) };
    let routes = Routes::new(AdminServiceServer::new(api));
    let layered = Server::builder()
        .layer(Surround(CatchPanic))
        .layer(Surround(log))
        .layer(Surround(Deadline { unary_max: UNARY_MAX, draining: draining.clone() }));
    let goes_down = async {
        shutdown.await;
        draining.cancel();
    };
    let incoming = UnixListenerStream::new(listener);
    let serving = pin!(layered.serve_with_incoming_shutdown(routes.prepare(), incoming, goes_down));
    let time_is_up = async {
        draining.cancelled().await;
        tokio::time::sleep(DRAIN_MAX).await;
    };
    tokio::select! {
        served = serving => served.map(|()| WentDown::InOrder).map_err(ServeError::from),
        () = time_is_up => Ok(WentDown::Cut {
            calls: calls.under_way(),
            after_s: DRAIN_MAX.as_secs(),
        }),
    }
}
