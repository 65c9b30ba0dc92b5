//! Signing in with the credential of a caller, and out.

use askama::Template;
use axum::{
    Form,
    extract::{State, rejection::FormRejection},
    response::{IntoResponse as _, Redirect, Response},
};
use http::{HeaderMap, HeaderValue, header};
use serde::Deserialize;
use tonic::Status;

use super::{Frame, shown};
use crate::{
    console::{
        Console,
        asked::Query,
        fault::Fault,
        session::{is_secret, secret},
        visitor::{SESSION, SIGNING_IN, Visitor, cookie, refused, set_cookie},
    },
    rpc::PAGES,
};

/// How long the form may be looked at, in seconds.
const FORM_SECONDS: u32 = 3_600;

/// Where to go after signing in.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct To {
    #[serde(default)]
    to: String,
}

/// What the form holds.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct Given {
    token: String,
    #[serde(default)]
    to: String,
    form_token: String,
}

/// What the form to sign out holds.
#[derive(Debug, Deserialize)]
pub(in crate::console) struct Leaving {
    form_token: String,
}

#[derive(Template)]
#[template(path = "sign_in.html", config = "src/console/askama.toml")]
struct Page {
    frame: Frame,
    to: String,
    form_token: String,
    refused: Option<String>,
}

/// The form.
pub(in crate::console) async fn page(
    State(console): State<Console>,
    Query(To { to }): Query<To>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    form(&console, &headers, to, None)
}

fn form(
    console: &Console,
    headers: &HeaderMap,
    to: String,
    not_taken: Option<&Status>,
) -> Result<Response, Fault> {
    // Another tab may show the form as well.
    let there = cookie(headers, SIGNING_IN).filter(|it| is_secret(it)).map(str::to_owned);
    let form_token = there.map_or_else(secret, Ok)?;
    let tied = set_cookie(console, headers, (SIGNING_IN, &form_token), Some(FORM_SECONDS));
    let refused = not_taken.map(|it| it.message().to_owned());
    let page = Page { frame: Frame::new("Sign in", None), to, form_token, refused };
    let code =
        if page.refused.is_some() { http::StatusCode::UNAUTHORIZED } else { http::StatusCode::OK };
    let mut answer = (code, shown(&page)?).into_response();
    answer.headers_mut().extend(tied);
    Ok(answer)
}

/// Begins a session for who bears a credential that counts.
pub(in crate::console) async fn sign_in(
    State(console): State<Console>,
    parts: http::request::Parts,
    given: Result<Form<Given>, FormRejection>,
) -> Result<Response, Fault> {
    let Form(given) = given?;
    // The form was shown in this browser, by us.
    let there = cookie(&parts.headers, SIGNING_IN).filter(|it| is_secret(it));
    if there != Some(given.form_token.as_str()) {
        return Err(Fault::Asked(
            "the form is too old, or from elsewhere: sign in again".to_owned(),
        ));
    }
    let bare = given.token.trim().trim_start_matches("Bearer ").trim();
    let token = HeaderValue::from_str(&format!("Bearer {bare}"));
    let mut token = token.map_err(|_| Fault::Asked("that is no token".to_owned()))?;
    token.set_sensitive(true);
    let (who, until) = match console.inside().who(Some(&token), &parts.extensions).await {
        Ok(known) => known,
        Err(status) => {
            let again = form(&console, &parts.headers, given.to, Some(&status))?;
            return Ok(refused(again, status));
        }
    };
    if let Some(former) = cookie(&parts.headers, SESSION) {
        console.sessions().end(former);
    }
    let person = format!("{}/{}", who.organisation, who.login.as_str());
    let id = console.sessions().begin(&person, token, until, console.inside().now())?;
    let mut answer = Redirect::to(&within(&given.to)).into_response();
    let cookies = [
        set_cookie(&console, &parts.headers, (SESSION, &id), None),
        set_cookie(&console, &parts.headers, (SIGNING_IN, ""), Some(0)),
    ];
    for (name, value) in cookies.into_iter().flatten() {
        answer.headers_mut().append(name, value);
    }
    Ok(answer)
}

/// A page of ours, whatever the form says.
fn within(to: &str) -> String {
    let home = format!("{PAGES}/");
    let sane =
        to.starts_with(&home) && !to.contains("//") && to.bytes().all(|it| it.is_ascii_graphic());
    if sane { to.to_owned() } else { home }
}

/// Ends the session.
pub(in crate::console) async fn sign_out(
    State(console): State<Console>,
    visitor: Option<Visitor>,
    headers: HeaderMap,
    leaving: Result<Form<Leaving>, FormRejection>,
) -> Result<Response, Fault> {
    let Form(leaving) = leaving?;
    let form_token = visitor.and_then(|it| it.form_token);
    if form_token.is_some_and(|it| it != leaving.form_token) {
        return Err(Fault::Asked("the form is from elsewhere: sign out here".to_owned()));
    }
    if let Some(ended) = cookie(&headers, SESSION) {
        console.sessions().end(ended);
    }
    let mut answer = Redirect::to(&format!("{PAGES}/sign-in")).into_response();
    answer.headers_mut().extend(set_cookie(&console, &headers, (SESSION, ""), Some(0)));
    let all = const { HeaderValue::from_static("\"cache\"") };
    answer.headers_mut().insert(http::HeaderName::from_static("clear-site-data"), all);
    answer
        .headers_mut()
        .insert(header::CACHE_CONTROL, const { HeaderValue::from_static("no-store") });
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        assert_eq!(within("/console/audit?filter=a"), "/console/audit?filter=a");
        for elsewhere in [
            "",
            "https://evil.example/",
            "//evil.example",
            "/console//evil.example",
            "/consoles",
            "/console/\r\nSet-Cookie: a=b",
            "javascript:alert(1)",
        ] {
            assert_eq!(within(elsewhere), "/console/", "{elsewhere}");
        }
    }
}
