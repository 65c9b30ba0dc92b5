//! The console: what each page shows to whom, who gets in, and what is recorded of it.

use std::{net::SocketAddr, time::Duration};

use judgement_ledger::{console::Spoken, pb};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    editions::Editing,
    served::{Ground, Served, act, last},
    web::{Fetched, ask, fetch},
};

const ASSESSMENT: &str = "/console/subjects/leicester-city/assessments/apa-2006";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const PATIENCE: Duration = Duration::from_secs(30);

impl Fetched {
    fn page(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// A cookie that it sets, with what it is for.
    fn cookie(&self, name: &str) -> Option<(String, &str)> {
        let mut lines = self.head.lines().filter_map(|it| it.strip_prefix("set-cookie: "));
        let line = lines.find(|it| it.starts_with(&format!("{name}=")))?;
        Some((line.split(';').next().unwrap().to_owned(), line))
    }
}

/// What a form hides.
fn hidden(page: &str, name: &str) -> String {
    let marked = format!("name=\"{name}\" value=\"");
    let (_, rest) = page.split_once(&marked).unwrap_or_else(|| panic!("no {name} in {page}"));
    rest.split('"').next().unwrap().to_owned()
}

/// A browser that keeps its cookies.
struct Browser {
    address: SocketAddr,
    cookie: String,
}

impl Browser {
    async fn get(&self, path: &str) -> Fetched {
        ask(
            self.address,
            "GET",
            path,
            &format!("Cookie: {}\r\nAccept: text/html\r\n", self.cookie),
            "",
        )
        .await
    }

    async fn post(&self, path: &str, body: &str) -> Fetched {
        ask(self.address, "POST", path, &format!("{FORM}Cookie: {}\r\n", self.cookie), body).await
    }

    /// One that has signed in.
    async fn of(served: &Served, login: &str) -> Self {
        let mut browser = Self { address: served.address, cookie: String::new() };
        let signed_in = browser.signs_in(&served.token(login)).await;
        assert_eq!(signed_in.code, 303, "{}", signed_in.head);
        browser.cookie = signed_in.cookie("judgement-ledger").unwrap().0;
        browser
    }

    async fn signs_in(&mut self, token: &str) -> Fetched {
        let form = self.get("/console/sign-in").await;
        self.cookie = form.cookie("judgement-ledger-sign-in").unwrap().0;
        let form_token = hidden(form.page(), "form_token");
        self.post("/console/sign-in", &format!("token={token}&form_token={form_token}&to=")).await
    }
}

/// An assessment with a grade that was changed, for a reason that no page may run.
async fn moderated(served: &Served) -> (String, u64, u64) {
    let name = served.open("apa-2006").await;
    let first = served.award(&name, "enjoying-and-achieving", "good").await.position;
    let act = pb::Act {
        reason: "MODERATION".to_owned(),
        rationale: "<script>alert(\"why\")</script> & more".to_owned(),
        basis: pb::Basis::SameEvidence.into(),
        ..act()
    };
    let (area, expected) = ("enjoying-and-achieving", Some(last(first)));
    let second = served.set_as("moderator", &name, area, "adequate", act, expected).await.unwrap();
    (name, first, second.position)
}

#[tokio::test]
async fn nobody_sees_a_page_before_it_is_known_who_looks() {
    let served = Served::start().await;
    for path in [
        "/console/",
        ASSESSMENT,
        "/console/audit?filter=a%20%3D%20b",
        "/console/records/1",
        "/console/stream",
    ] {
        let told = fetch(served.address, path, None).await;
        // Without a word on what is wanted it is no browser that asks.
        assert_eq!(told.code, 401, "{path}");
        let browser =
            Browser { address: served.address, cookie: "judgement-ledger=forged".to_owned() };
        let led = browser.get(path).await;
        assert_eq!(led.code, 303, "{path}");
        assert!(
            led.header("location").starts_with("/console/sign-in?to=%2Fconsole%2F"),
            "{}",
            led.head
        );
        assert!(led.body.is_empty());
    }
    for (path, code) in [
        ("/", 308),
        ("/console", 308),
        ("/console/sign-in", 200),
        ("/console/assets/console.css", 200),
        ("/console/assets/none", 404),
    ] {
        assert_eq!(fetch(served.address, path, None).await.code, code, "{path}");
    }
    served.stop().await;
}

#[tokio::test]
async fn a_session_begins_with_a_credential_that_counts_and_a_form_of_ours_and_ends_for_good() {
    let served = Served::start().await;
    let mut browser = Browser { address: served.address, cookie: String::new() };
    let refused = browser.signs_in("nonsense").await;
    assert_eq!(refused.code, 401);
    assert!(refused.page().contains("Not taken: the credential"), "{}", refused.page());
    assert!(refused.cookie("judgement-ledger").is_none());

    // From elsewhere: with a form that this browser was never shown.
    let token = served.token("auditor");
    let elsewhere = Browser { address: served.address, cookie: String::new() };
    let forged =
        elsewhere.post("/console/sign-in", &format!("token={token}&form_token=x&to=")).await;
    assert_eq!(forged.code, 400);
    assert!(forged.cookie("judgement-ledger").is_none());

    let signed_in = browser.signs_in(&token).await;
    let (cookie, said) = signed_in.cookie("judgement-ledger").unwrap();
    assert_eq!((signed_in.code, signed_in.header("location")), (303, "/console/"));
    for guarded in ["HttpOnly", "SameSite=Lax", "Path=/console"] {
        assert!(said.contains(guarded), "{said}");
    }
    assert!(!said.contains("Secure"), "nobody speaks TLS here: {said}");
    let behind_tls =
        ask(served.address, "GET", "/console/sign-in", "X-Forwarded-Proto: https\r\n", "").await;
    assert!(behind_tls.cookie("judgement-ledger-sign-in").unwrap().1.contains("Secure"));
    assert!(!cookie.contains(&token), "the credential stays here");

    browser.cookie = cookie;
    let home = browser.get("/console/").await;
    assert_eq!(home.code, 200);
    assert!(home.page().contains("auditor@audit-office"));
    // The cookie is good for pages alone: no call is made by it.
    let entries = ask(
        served.address,
        "GET",
        "/tile/entries/000.p/1",
        &format!("Cookie: {}\r\n", browser.cookie),
        "",
    )
    .await;
    assert_eq!(entries.code, 401);

    assert_eq!(browser.post("/console/sign-out", "form_token=x").await.code, 400);
    assert_eq!(browser.get("/console/").await.code, 200);
    let form_token = hidden(home.page(), "form_token");
    assert_eq!(
        browser.post("/console/sign-out", &format!("form_token={form_token}")).await.code,
        303
    );
    assert_eq!(browser.get("/console/").await.code, 303);
    served.stop().await;
}

#[tokio::test]
async fn a_session_ends_with_its_day() {
    let served = Served::start().await;
    let browser = Browser::of(&served, "auditor").await;
    assert_eq!(browser.get("/console/").await.code, 200);
    served.at("2006-10-11T09:00:00Z");
    assert_eq!(browser.get("/console/").await.code, 303);
    served.stop().await;
}

#[tokio::test]
async fn pages_show_what_stood_when_and_who_changed_it_and_run_nothing() {
    let served = Served::start().await;
    let (_, first, second) = moderated(&served).await;
    let browser = Browser::of(&served, "auditor").await;
    let now = browser.get(ASSESSMENT).await;
    assert_eq!(now.code, 200, "{}", now.page());
    assert!(now.page().contains("<strong>adequate</strong>"));
    let then = browser.get(&format!("{ASSESSMENT}?known_at={first}")).await;
    assert!(then.page().contains("<strong>good</strong>"));
    assert!(then.page().contains("Show what stands now"));
    assert_eq!(browser.get(&format!("{ASSESSMENT}?known_at=yesterday")).await.code, 400);

    let history = browser.get(&format!("{ASSESSMENT}/history?area=enjoying-and-achieving")).await;
    for said in [
        "moderator@ofsted",
        "MODERATION",
        "LOWERED good → adequate",
        "<svg",
        "class=\"change lowered\"",
    ] {
        assert!(history.page().contains(said), "no {said}: {}", history.page());
    }
    let compared = browser.get(&format!("{ASSESSMENT}/compare?before_known_at={first}")).await;
    assert!(compared.page().contains("lowered"), "{}", compared.page());
    let record = browser.get(&format!("/console/records/{second}")).await;
    assert!(record.page().contains("data-record="), "{}", record.page());
    assert!(record.page().contains("data-note="));
    let found = browser.get("/console/audit?filter=change%20%3D%20LOWERED").await;
    assert!(found.page().contains(&format!("/console/records/{second}")));
    let slip = browser.get("/console/audit?filter=chance%20%3D%20LOWERED").await;
    assert!(slip.page().contains("aria-invalid"), "{}", slip.page());
    for page in [&history, &record, &found] {
        assert!(!page.page().contains("<script>"), "{}", page.page());
        assert!(page.page().contains("&#60;script&#62;alert"), "{}", page.page());
    }
    for path in [
        "/console/subjects/leicester-city",
        "/console/frameworks/apa/versions/2006?counted=working",
        "/console/stream",
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.code, 200, "{path}: {}", page.page());
    }
    assert_eq!(browser.get("/console/records/9999").await.code, 404);
    assert_eq!(browser.get("/console/nothing").await.code, 404);
    assert_eq!(browser.get(&format!("{ASSESSMENT}/letter")).await.code, 404);
    served.stop().await;
}

#[tokio::test]
async fn where_tls_is_spoken_nothing_is_asked_in_plain_text_again() {
    for (spoken, told) in [(Spoken::Tls, "max-age=31536000"), (Spoken::PlainText, "")] {
        let mut ground = Ground::new();
        ground.spoken = spoken;
        let served = Served::start_on(ground).await;
        for path in ["/console/sign-in", "/console/nothing", "/console/assets/console.js"] {
            let page = fetch(served.address, path, None).await;
            assert_eq!(page.header("strict-transport-security"), told, "{path}");
        }
        served.stop().await;
    }
}

#[tokio::test]
async fn every_answer_forbids_what_is_from_elsewhere() {
    let served = Served::start().await;
    let browser = Browser::of(&served, "auditor").await;
    for path in [
        "/console/",
        "/console/audit",
        "/console/nothing",
        "/console/sign-in",
        "/console/assets/console.js",
        "/console/records/0",
    ] {
        let page = browser.get(path).await;
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self';"),
            "{path}: {}",
            page.head
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        if !path.contains("assets") {
            assert_eq!(page.header("cache-control"), "no-store", "{path}");
        }
    }
    let large = browser.post("/console/sign-in", &"a".repeat(20_000)).await;
    assert_eq!(large.code, 413);
    let other = browser.post("/console/sign-in", "neither=field").await;
    assert_eq!(other.code, 422);
    for odd in [large, other] {
        assert!(odd.page().contains("The form cannot be read."), "{}", odd.page());
    }
    served.stop().await;
}

#[tokio::test]
async fn an_address_that_makes_no_sense_is_answered_by_a_page() {
    let served = Served::start().await;
    let browser = Browser::of(&served, "auditor").await;
    let page = browser.get(&format!("{ASSESSMENT}/letter?edition=first")).await;
    assert_eq!(page.code, 400);
    assert!(page.header("content-type").starts_with("text/html"), "{}", page.head);
    let said = String::from_utf8(page.body).unwrap();
    assert!(said.contains("This address cannot be read.") && said.contains("edition"), "{said}");
    served.stop().await;
}

#[tokio::test]
async fn who_sees_what_is_published_sees_that_and_no_more() {
    let served = Served::start().await;
    let letter = Editing::graded(&served).await;
    let auditor = Browser::of(&served, "auditor").await;
    let consumer = Browser::of(&served, "consumer").await;
    let newspaper = Browser::of(&served, "newspaper").await;
    assert_eq!(auditor.get(ASSESSMENT).await.code, 200);
    for reader in [&consumer, &newspaper] {
        assert_eq!(reader.get(ASSESSMENT).await.code, 404, "it is not published");
        assert_eq!(reader.get("/console/audit").await.code, 403);
        assert_eq!(reader.get("/console/stream").await.code, 403);
        assert_eq!(reader.get("/console/records/1").await.code, 403);
        assert_eq!(reader.get(&format!("{ASSESSMENT}/history")).await.code, 403);
    }
    letter.signed(1).await;
    letter.publish(1).await.unwrap();
    let seen = consumer.get(ASSESSMENT).await;
    assert_eq!(seen.code, 200, "{}", seen.page());
    // Spec §8, scenario 12: one grade, and nothing else.
    assert!(seen.page().contains("history?area=childrens-services"), "{}", seen.page());
    for hidden in ["area=social-care", "area=staying-safe", "area=capacity-to-improve"] {
        assert!(auditor.get(ASSESSMENT).await.page().contains(hidden));
        assert!(!seen.page().contains(hidden), "{}", seen.page());
    }
    let unknown = newspaper.get(ASSESSMENT).await;
    assert!(!unknown.page().contains("history?area="), "{}", unknown.page());
    let council = Browser::of(&served, "council").await;
    let letter = council.get(&format!("{ASSESSMENT}/letter/document")).await;
    assert_eq!(letter.code, 200);
    assert!(letter.header("content-security-policy").contains("sandbox"), "{}", letter.head);
    assert_eq!(consumer.get(&format!("{ASSESSMENT}/letter/document")).await.code, 403);
    served.stop().await;
}

#[tokio::test]
async fn no_page_elsewhere_reads_one_behind_its_visitors_back() {
    let served = Served::start().await;
    let browser = Browser::of(&served, "auditor").await;
    let from = |site: &str, mode: &str| {
        format!(
            "Cookie: {}\r\nAccept: */*\r\nSec-Fetch-Site: {site}\r\nSec-Fetch-Mode: {mode}\r\n",
            browser.cookie
        )
    };
    for (site, mode, code) in [
        ("cross-site", "no-cors", 403),
        ("cross-site", "cors", 403),
        ("cross-site", "navigate", 200),
        ("same-origin", "cors", 200),
        ("none", "navigate", 200),
    ] {
        let told = ask(served.address, "GET", "/console/", &from(site, mode), "").await;
        assert_eq!(told.code, code, "{site} {mode}");
    }
    let token = served.token("auditor");
    let one = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(ask(served.address, "GET", "/console/", &one, "").await.code, 200);
    assert_eq!(ask(served.address, "GET", "/console/", &one.repeat(2), "").await.code, 401);
    served.stop().await;
}

#[tokio::test]
async fn who_is_refused_at_the_door_of_the_console_is_counted_as_any_caller() {
    let served = Served::start().await;
    let mut browser = Browser { address: served.address, cookie: String::new() };
    assert_eq!(browser.signs_in("nonsense").await.code, 401);
    assert_eq!(browser.get("/console/audit").await.code, 303);
    let page = served.metrics.page(None).unwrap();
    for (reason, count) in [("CREDENTIAL_INVALID", 1), ("CREDENTIAL_MISSING", 1)] {
        let line = format!("reason=\"{reason}\"}} {count}");
        assert!(page.contains(&line), "no {line} in {page}");
    }
    served.stop().await;
}

#[tokio::test]
async fn a_records_page_tells_what_became_of_it_since() {
    let served = Served::start().await;
    let (name, _, second) = moderated(&served).await;
    let correction = pb::CorrectRecordRequest {
        assessment: name,
        act: Some(pb::Act { rationale: "the panel met, not one".to_owned(), ..act() }),
        position: second,
        to: Some(pb::StatedCorrection {
            field: Some(pb::stated_correction::Field::Reason("LIMITER".to_owned())),
        }),
        expected: Some(pb::Expectation { last: Some(pb::expectation::Last::Any(true)) }),
        ..pb::CorrectRecordRequest::default()
    };
    served.assessments("officer").correct_record(correction).await.unwrap();
    let browser = Browser::of(&served, "auditor").await;
    let record = browser.get(&format!("/console/records/{second}")).await;
    assert!(record.page().contains("not MODERATION but LIMITER"), "{}", record.page());
    served.stop().await;
}

#[tokio::test]
async fn what_is_taken_from_a_page_is_recorded_as_from_any_client() {
    let served = Served::start().await;
    let (_, _, second) = moderated(&served).await;
    let browser = Browser::of(&served, "auditor").await;
    assert_eq!(browser.get(&format!("/console/records/{second}")).await.code, 200);
    let recorded = browser.get("/console/audit?filter=event%20%3D%20AccessRecorded").await;
    assert!(recorded.page().contains("AccessRecorded trail"), "{}", recorded.page());
    served.stop().await;
}

#[tokio::test]
async fn records_come_to_the_page_as_they_are_recorded() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let browser = Browser::of(&served, "auditor").await;
    let head = served.head().await;
    let mut line = TcpStream::connect(served.address).await.unwrap();
    let request = format!(
        "GET /console/live?after={head} HTTP/1.1\r\nHost: ledger\r\nAccept: text/event-stream\r\nCookie: {}\r\n\r\n",
        browser.cookie
    );
    line.write_all(request.as_bytes()).await.unwrap();
    let graded = served.award(&name, "staying-safe", "good").await.position;
    let (mut said, wanted) = (Vec::new(), format!("/console/records/{graded}"));
    timeout(PATIENCE, async {
        while !String::from_utf8_lossy(&said).contains(&wanted) {
            assert!(
                line.read_buf(&mut said).await.unwrap() > 0,
                "{}",
                String::from_utf8_lossy(&said)
            );
        }
    })
    .await
    .unwrap();
    let said = String::from_utf8_lossy(&said);
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert!(said.contains("content-type: text/event-stream"), "{said}");
    assert!(said.contains("\nid: ") && said.contains("\ndata: <tr"), "{said}");
    // A server that goes down ends it.
    let rest = async { line.read_to_end(&mut Vec::new()).await };
    let ((), rest) = tokio::join!(served.stop(), timeout(PATIENCE, rest));
    rest.unwrap().unwrap();
}
