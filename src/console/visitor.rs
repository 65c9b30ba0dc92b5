//! Who looks at a page, and how the services are asked for them.

use axum::{
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderMap, HeaderName, HeaderValue, header, request::Parts};
use tokio::sync::OwnedSemaphorePermit;
use tonic::{Code, Status};

use super::{Console, Spoken, fault::Fault, pages::query, session::Session};
use crate::{
    pb::{
        assessment_service_client::AssessmentServiceClient,
        audit_service_client::AuditServiceClient, framework_service_client::FrameworkServiceClient,
        report_service_client::ReportServiceClient,
        transparency_service_client::TransparencyServiceClient,
    },
    rpc::{Calls, Ended, PAGES},
};

/// The cookie that holds a session's id, and the one that ties the form of signing in to its browser.
pub(super) const SESSION: &str = "judgement-ledger";
pub(super) const SIGNING_IN: &str = "judgement-ledger-sign-in";

/// Somebody who has shown who it is.
pub(super) struct Visitor {
    /// The login, its organisation, and what it may do, in words.
    pub(super) login: String,
    pub(super) organisation: String,
    pub(super) roles: Vec<&'static str>,
    /// What forms must carry; nothing without a session, when there is nothing to sign out of.
    pub(super) form_token: Option<String>,
    calls: Calls,
    /// The session that was found, if the credential is of one.
    session: Option<String>,
    /// Room to gather what a page shows.
    _room: OwnedSemaphorePermit,
}

impl Visitor {
    /// Whether it has not signed out meanwhile, nor its session ended.
    pub(super) fn is_still_here(&self, console: &Console) -> bool {
        let now = console.inside().now();
        self.session.as_ref().is_none_or(|id| console.sessions().find(id, now).is_some())
    }

    pub(super) fn assessments(&self) -> AssessmentServiceClient<Calls> {
        AssessmentServiceClient::new(self.calls.clone())
    }

    pub(super) fn audits(&self) -> AuditServiceClient<Calls> {
        AuditServiceClient::new(self.calls.clone())
    }

    pub(super) fn frameworks(&self) -> FrameworkServiceClient<Calls> {
        FrameworkServiceClient::new(self.calls.clone())
    }

    pub(super) fn reports(&self) -> ReportServiceClient<Calls> {
        ReportServiceClient::new(self.calls.clone())
    }

    pub(super) fn transparency(&self) -> TransparencyServiceClient<Calls> {
        TransparencyServiceClient::new(self.calls.clone())
    }
}

impl FromRequestParts<Console> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Response> {
        match found(parts, console).await {
            Ok(visitor) => Ok(visitor),
            Err(status) if status.code() == Code::Unauthenticated => {
                Err(refused(sign_in(parts, console), status))
            }
            Err(status) => Err(Fault::from(status).into_response()),
        }
    }
}

/// A page that anybody sees tells a visitor apart.
impl OptionalFromRequestParts<Console> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut Parts,
        console: &Console,
    ) -> Result<Option<Self>, Response> {
        Ok(found(parts, console).await.ok())
    }
}

/// Whoever the session names, or the request's own credential, or the certificate.
async fn found(parts: &Parts, console: &Console) -> Result<Visitor, Status> {
    let said = |name: &str| parts.headers.get(name).and_then(|it| it.to_str().ok());
    // Who is led here from elsewhere sees the page; but no page elsewhere has one read behind their back.
    if said("sec-fetch-site") == Some("cross-site") && said("sec-fetch-mode") != Some("navigate") {
        return Err(Status::permission_denied("this page is not shown within others"));
    }
    let session = session(&parts.headers, console);
    let mut tokens = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (given, another) = (tokens.next().cloned(), tokens.next());
    if another.is_some() {
        return Err(Status::unauthenticated("there is more than one authorization header"));
    }
    let token = session.as_ref().map(|it| it.token.clone()).or(given);
    let (who, _) = console.inside().who(token.as_ref(), &parts.extensions).await?;
    let id = session.as_ref().and_then(|_| cookie(&parts.headers, SESSION)).map(str::to_owned);
    let room = console.room().await?;
    Ok(Visitor {
        login: who.login.as_str().to_owned(),
        organisation: who.organisation.as_str().to_owned(),
        roles: who.roles.iter().map(|role| role.as_str()).collect(),
        form_token: session.map(|it| it.form_token),
        calls: console.inside().calls(token, parts.extensions.clone()),
        session: id,
        _room: room,
    })
}

/// The session that a request belongs to.
fn session(headers: &HeaderMap, console: &Console) -> Option<Session> {
    console.sessions().find(cookie(headers, SESSION)?, console.inside().now())
}

/// Leads to where one signs in, and back from there.
fn sign_in(parts: &Parts, console: &Console) -> Response {
    if let Some(ended) = cookie(&parts.headers, SESSION) {
        console.sessions().end(ended);
    }
    // Whoever asked for a picture, a stream or the like does not want a form.
    let page = parts.headers.get(header::ACCEPT).and_then(|it| it.to_str().ok());
    if !page.is_some_and(|it| it.contains("text/html") || it.contains("*/*")) {
        return Fault::from(Status::unauthenticated("sign in first")).into_response();
    }
    let from = parts.uri.path_and_query().map_or("", |it| it.as_str());
    Redirect::to(&format!("{PAGES}/sign-in{}", query(&[("to", from)]))).into_response()
}

/// The value of a cookie.
pub(super) fn cookie<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|it| it.to_str().ok());
    all.flat_map(|it| it.split(';')).find_map(|it| it.trim().strip_prefix(name)?.strip_prefix('='))
}

/// A page that says no to somebody who is not known, with what the log is to tell of it.
pub(super) fn refused(mut page: Response, status: Status) -> Response {
    page.extensions_mut().insert(Ended(status));
    page
}

/// Sets a cookie that no script reads and no other site's form sends; over TLS alone where that is
/// spoken, here or before us. Without a time it goes with the browser.
pub(super) fn set_cookie(
    console: &Console,
    headers: &HeaderMap,
    (name, value): (&str, &str),
    seconds: Option<u32>,
) -> Option<(HeaderName, HeaderValue)> {
    let proxied = headers.get("x-forwarded-proto").is_some_and(|it| it == "https");
    let secure = if proxied || console.0.spoken == Spoken::Tls { "; Secure" } else { "" };
    // Lax: a link in a letter leads to a page; whatever changes something is a form with a token.
    let age = seconds.map(|it| format!("; Max-Age={it}")).unwrap_or_default();
    let cookie = format!("{name}={value}; Path={PAGES}{age}; HttpOnly; SameSite=Lax{secure}");
    Some((header::SET_COOKIE, HeaderValue::from_str(&cookie).ok()?))
}
