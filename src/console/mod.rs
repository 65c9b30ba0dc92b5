//! The auditors' console: pages that show what stood when, who changed it and why, and prove it.
//!
//! It is a client of the services that lives in their process. A page asks them with the credential of
//! who looks at it ([`crate::rpc::Inside`]), so that nobody sees here what a call would refuse, and what
//! is taken is recorded as from any client. It owns no right, no rule and no state but the sessions
//! ([`session`]), and changes nothing in the ledger.
//!
//! Every page is whole without a script: moments are links and a form, pictures have a table. Scripts
//! (`assets/`) add the slider, what shows under the pointer, new records as they come, and the proof
//! that is verified in the browser. Pages name nothing from elsewhere, which their policy enforces.
//!
//! | path under [`PAGES`] | what |
//! |---|---|
//! | `/` | subjects and their assessments |
//! | `/subjects/…`, `/subjects/…/assessments/…` | the resource of this name, as it stands or stood |
//! | `…/history`, `…/compare`, `…/letter` | of an assessment: its changes, two moments of it, its letter |
//! | `/frameworks/…/versions/…` | how often which level stands, and how grades moved |
//! | `/audit`, `/records/…`, `/stream` | searching, one record with its proof, records as they come |

mod asked;
mod assets;
mod fault;
mod moment;
mod pages;
mod session;
mod visitor;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware::map_response,
    response::{Redirect, Response},
    routing::{get, post},
};
use http::{HeaderName, HeaderValue, header};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use crate::rpc::{Inside, LIVE_PAGE, PAGES, Pages};
use session::Sessions;

/// What may be sent to a page: a credential of 8 KiB, twice as long where it is escaped.
const BODY_BYTES_MAX: usize = 16 * 1024;

/// Pages that are made at once. Each is gathered in memory, some MiB where an assessment is long.
const GATHERING_MAX: usize = 16;

/// Nothing from elsewhere, nothing inline, in nobody's frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
     connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What browsers speak to the server, as far as it knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spoken {
    /// Plain text: on this machine, or to something that ends TLS.
    PlainText,
    /// TLS, so that cookies are never to be sent without.
    Tls,
}

/// The console, for [`crate::rpc::ServeOptions::pages`].
#[must_use]
pub fn pages(spoken: Spoken) -> Pages {
    Arc::new(move |inside| router(&Console::new(inside, spoken)))
}

/// What all pages share.
#[derive(Clone)]
struct Console(Arc<Shared>);

struct Shared {
    inside: Inside,
    spoken: Spoken,
    sessions: Sessions,
    room: Arc<Semaphore>,
}

impl Console {
    fn new(inside: Inside, spoken: Spoken) -> Self {
        let room = Arc::new(Semaphore::new(GATHERING_MAX));
        Self(Arc::new(Shared { inside, spoken, sessions: Sessions::default(), room }))
    }

    fn inside(&self) -> &Inside {
        &self.0.inside
    }

    fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// Waits for room to make a page.
    async fn room(&self) -> Result<OwnedSemaphorePermit, Status> {
        let room = Arc::clone(&self.0.room).acquire_owned().await;
        room.map_err(|_| Status::internal("there is no room any more"))
    }
}

fn router(console: &Console) -> Router {
    const ASSESSMENT: &str = "/subjects/{subject}/assessments/{assessment}";
    let at = |path: &str| format!("{PAGES}{path}");
    let of_assessment = |rest: &str| format!("{PAGES}{ASSESSMENT}{rest}");
    let to_home = || get(|| async { Redirect::permanent(&format!("{PAGES}/")) });
    let pages = Router::new()
        .route("/", to_home())
        .route(PAGES, to_home())
        .route(&at("/"), get(pages::home::page))
        .route(&at("/sign-in"), get(pages::sign_in::page).post(pages::sign_in::sign_in))
        .route(&at("/sign-out"), post(pages::sign_in::sign_out))
        .route(&at("/subjects/{subject}"), get(pages::subject::page))
        .route(&of_assessment(""), get(pages::assessment::page))
        .route(&of_assessment("/history"), get(pages::history::page))
        .route(&of_assessment("/compare"), get(pages::compare::page))
        .route(&of_assessment("/letter"), get(pages::letter::page))
        .route(&of_assessment("/letter/document"), get(pages::letter::document))
        .route(&at("/frameworks/{framework}/versions/{version}"), get(pages::framework::page))
        .route(&at("/audit"), get(pages::audit::page))
        .route(&at("/records/{position}"), get(pages::record::page))
        .route(&at("/stream"), get(pages::stream::page))
        .route(LIVE_PAGE, get(pages::stream::live))
        .route(&at("/assets/{name}"), get(assets::asset))
        .route(&at("/{*rest}"), get(fault::nothing_here))
        .layer(map_response(guarded))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(console.clone());
    match console.0.spoken {
        Spoken::PlainText => pages,
        Spoken::Tls => pages.layer(map_response(over_tls_from_now_on)),
    }
}

/// Tells the browser never to ask here in plain text again, for a year. (RFC 6797)
async fn over_tls_from_now_on(mut page: Response) -> Response {
    let year = const { HeaderValue::from_static("max-age=31536000") };
    page.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, year);
    page
}

/// Tells the browser what a page may do; a page that knows better has said so itself.
async fn guarded(mut page: Response) -> Response {
    const ALWAYS: [(HeaderName, &str); 6] = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    for (name, value) in ALWAYS {
        page.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    page
}
