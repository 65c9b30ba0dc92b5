//! The ledger's evidence as files over plain HTTP, as C2SP tlog-tiles lays them out, so that tools
//! which know nothing of this ledger verify it.
//!
//! | path | what | who |
//! |---|---|---|
//! | `/checkpoint` | the newest checkpoint | everybody |
//! | `/tile/<L>/<N>[.p/<W>]` | hashes of the tree | everybody |
//! | `/tile/entries/<N>[.p/<W>]` | records as they are stored | the auditor, since they are of all assessments (Spec §5.3) |
//!
//! Only what the published checkpoint covers is there; anything else is not found. A tile of a given
//! width never changes, so that it may be kept for ever; the checkpoint must be asked for again.
//! Hashes of records are no secret: a record has random ids in it, and the texts that it stands for
//! only as salted commitments.

use std::sync::Arc;

use axum::{
    Extension, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::get,
};
use bytes::Bytes;
use http::{HeaderName, Uri, header};
use tonic::Status;

use super::{
    accesses,
    caller::Identity,
    sight::must_have,
    status::{self, Problem, Reason},
};
use crate::{
    judgement::{AccessKind, Deed, Position, When},
    ledger::Ledger,
    merkle::{EntryBundle, Tile, TilePath},
};

/// A tile of a given width is what it is.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Records are for who asked alone.
const FOR_THE_CALLER: &str = "private, max-age=31536000, immutable";

const TEXT: &str = "text/plain; charset=utf-8";
const BYTES: &str = "application/octet-stream";

/// The files, beside whatever else is served.
pub(super) fn beside(router: Router, ledger: Ledger) -> Router {
    let files = Router::new()
        .route("/checkpoint", get(checkpoint))
        .route("/tile/{*path}", get(tile))
        .with_state(ledger);
    router.merge(files)
}

fn file(content: Bytes, content_type: &'static str, cached: &'static str) -> Response {
    let headers: [(HeaderName, &str); 2] =
        [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, cached)];
    (headers, content).into_response()
}

/// A refusal as all of them are made; on its way out it is put into HTTP's words.
fn refusal(status: Status) -> Response {
    status.into_http::<axum::body::Body>()
}

async fn checkpoint(State(ledger): State<Ledger>) -> Response {
    match ledger.checkpoint() {
        Some(published) => file(published.text.clone(), TEXT, "no-cache"),
        None => refusal(absent("no checkpoint is signed yet")),
    }
}

async fn tile(
    State(ledger): State<Ledger>,
    identity: Option<Extension<Arc<Identity>>>,
    uri: Uri,
) -> Response {
    let path = uri.path().strip_prefix('/').map(TilePath::parse);
    let answer = match path {
        Some(Ok(TilePath::Hashes(tile))) => hashes(&ledger, tile).await,
        Some(Ok(TilePath::Entries(bundle))) => match may_see(identity.as_deref()) {
            Ok(who) => entries(&ledger, who, bundle).await,
            Err(refused) => Err(refused),
        },
        Some(Err(_)) | None => Err(absent("no tile has this path")),
    };
    answer.unwrap_or_else(refusal)
}

fn may_see(identity: Option<&Arc<Identity>>) -> Result<&Identity, Status> {
    let who = identity.ok_or_else(status::no_credential)?;
    must_have(who, (Deed::GetEntryBundle, When::Inside), "entry bundles")?;
    Ok(who)
}

async fn hashes(ledger: &Ledger, tile: Tile) -> Result<Response, Status> {
    covered(ledger, tile)?;
    let hashes = ledger.tile(tile).await.map_err(|error| status::of_read(&error))?;
    Ok(file(hashes, BYTES, FOR_EVER))
}

async fn entries(ledger: &Ledger, who: &Identity, bundle: EntryBundle) -> Result<Response, Status> {
    covered(ledger, bundle.tile())?;
    let before = Position::new(bundle.entries().start);
    accesses::note(ledger, who, (AccessKind::EntryBundles, None), before).await;
    let entries = ledger.entry_bundle(bundle).await.map_err(|error| status::of_read(&error))?;
    Ok(file(entries, BYTES, FOR_THE_CALLER))
}

fn covered(ledger: &Ledger, tile: Tile) -> Result<(), Status> {
    if tile.is_within(*ledger.covered().borrow()) {
        return Ok(());
    }
    Err(absent("the newest checkpoint does not cover this tile"))
}

fn absent(what: &str) -> Status {
    Problem::new(Reason::FileNotFound, what).status()
}
