//! Calls from within the process: whoever serves pages beside the services asks them as any client
//! does, with the credential of who looks at the page. Such a call takes the way of every other from
//! where it is known who calls: rights, shares, rates and what is recorded of readings are the same.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Request, Response, header::AUTHORIZATION,
};
use jiff::Timestamp;
use tonic::{Status, body::Body};
use tower::{Service, util::BoxCloneSyncService};

use super::{
    caller::{Authenticate, Identity},
    layers::{Answer, CALL_ID_HEADER, Called},
};

/// Pages that are served beside the services, under [`PAGES`].
pub type Pages = Arc<dyn Fn(Inside) -> axum::Router + Send + Sync>;

/// Where pages are served.
pub const PAGES: &str = "/console";

/// The one page under which an answer goes on for as long as its reader likes.
pub const LIVE_PAGE: &str = "/console/live";

/// How a request for a page ended that was refused: put among the extensions of its answer, whose headers
/// speak HTTP's language, it is logged and counted as a call's end.
#[derive(Debug, Clone)]
pub struct Ended(pub Status);

/// The services, as one that is within the process calls them.
#[derive(Clone)]
pub struct Inside {
    services: Services,
    authenticate: Authenticate,
}

pub(super) type Services = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

impl Inside {
    pub(super) fn new(services: Services, authenticate: Authenticate) -> Self {
        Self { services, authenticate }
    }

    /// Who bears this credential, or whom the certificate of the connection names; and until when that
    /// holds, if it ends.
    ///
    /// # Errors
    /// UNAUTHENTICATED, as a call of a service says it.
    pub async fn who(
        &self,
        token: Option<&HeaderValue>,
        connection: &Extensions,
    ) -> Result<(Arc<Identity>, Option<Timestamp>), Status> {
        let mut headers = HeaderMap::new();
        headers.extend(token.map(|token| (AUTHORIZATION, token.clone())));
        let known = self.authenticate.known(&headers, connection).await?;
        Ok((known.identity, known.until.end()))
    }

    /// The services as who bears this credential calls them, over the connection that the page is
    /// asked for on.
    #[must_use]
    pub fn calls(&self, token: Option<HeaderValue>, connection: Extensions) -> Calls {
        Calls { services: self.services.clone(), token, connection }
    }

    /// The time against which credentials end.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        (self.authenticate.now)()
    }
}

/// Calls of one visitor, for the generated clients.
#[derive(Clone)]
pub struct Calls {
    services: Services,
    token: Option<HeaderValue>,
    connection: Extensions,
}

impl Service<Request<Body>> for Calls {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.services.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Answer {
        let headers = request.headers_mut();
        headers.extend(self.token.iter().map(|it| (AUTHORIZATION, it.clone())));
        // One id for the page and all that is asked for it.
        let id = self.connection.get::<Called>().map(Called::id_header);
        headers.extend(id.map(|id| (const { HeaderName::from_static(CALL_ID_HEADER) }, id)));
        request.extensions_mut().extend(self.connection.clone());
        Box::pin(self.services.call(request))
    }
}
