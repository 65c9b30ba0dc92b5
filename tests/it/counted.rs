//! The metrics of a whole server: that they count, name nobody, and say where the ledger stands.

use std::{collections::BTreeMap, fs};

use judgement_ledger::pb;
use tonic::Code;

use crate::served::{Served, act, last};

/// Every sample of the page by its name and labels, in whole numbers.
fn samples(served: &Served) -> BTreeMap<String, i64> {
    let page = served.metrics.page(Some(served.vitals.levels())).unwrap();
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let whole = value.split('.').next().unwrap();
        (name.to_owned(), whole.parse().unwrap_or(i64::MAX))
    };
    lines.map(sample).collect()
}

/// By how much a sample grew.
fn growth<'s>(
    before: &'s BTreeMap<String, i64>,
    after: &'s BTreeMap<String, i64>,
) -> impl Fn(&str) -> i64 + 's {
    move |name| {
        let at = |samples: &BTreeMap<String, i64>| samples.get(name).copied().unwrap_or(0);
        at(after) - at(before)
    }
}

fn handled(service: &str, method: &str, code: &str) -> String {
    format!(
        "grpc_server_handled_total{{grpc_code=\"{code}\",grpc_method=\"{method}\",\
         grpc_service=\"judgement.ledger.v1.{service}\",grpc_type=\"unary\"}}"
    )
}

#[tokio::test]
async fn a_known_series_of_calls_is_counted_exactly() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let before = samples(&served);
    let first = served.award(&name, "staying-safe", "good").await;
    served.award(&name, "being-healthy", "good").await;
    let refused = |grade: &'static str, expected| {
        served.set_as("inspector", &name, "staying-safe", grade, act(), expected)
    };
    assert_eq!(refused("adequate", None).await.unwrap_err().code(), Code::InvalidArgument);
    let stale = Some(last(first.position - 1));
    assert_eq!(refused("satisfactory", stale).await.unwrap_err().code(), Code::InvalidArgument);
    let expected = Some(last(first.position));
    let by_consumer =
        served.set_as("consumer", &name, "staying-safe", "good", act(), expected).await;
    assert_eq!(by_consumer.unwrap_err().code(), Code::PermissionDenied);
    let after = samples(&served);
    let grew = growth(&before, &after);
    let set_grade = |code: &str| grew(&handled("AssessmentService", "SetGrade", code));
    assert_eq!(set_grade("OK"), 2);
    assert_eq!(set_grade("InvalidArgument"), 2);
    assert_eq!(set_grade("PermissionDenied"), 1);
    let refusals =
        |reason: &str| grew(&format!("judgement_ledger_refusals_total{{reason=\"{reason}\"}}"));
    assert_eq!(refusals("NOT_PERMITTED"), 1);
    // What all but a consumer's call came to the sequencer for.
    let waited = grew("judgement_ledger_queue_wait_seconds_count");
    assert!((2..=5).contains(&waited), "{waited}");
    // Who was not known is recorded before the first grade.
    let records = grew("judgement_ledger_group_records_sum");
    assert_eq!(grew("judgement_ledger_head_position"), records);
    assert!((2..=4).contains(&records), "{records}");
    assert_eq!(grew("judgement_ledger_group_commands_sum"), 2);
    assert_eq!(grew("judgement_ledger_append_seconds_count"), 2);
    assert!(grew("judgement_ledger_flush_seconds_count") >= 2);
    assert!(grew("judgement_ledger_group_bytes_sum") > 500);
    served.stop().await;
}

#[tokio::test]
async fn the_page_says_where_ledger_views_checkpoints_and_streams_stand() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let mut live = served.stream_live().await;
    let at = served.award(&name, "staying-safe", "good").await.position;
    live.until(at).await;
    let head = served.head().await;
    let at =
        |samples: &BTreeMap<String, i64>, name: &str| samples[&format!("judgement_ledger_{name}")];
    let samples = samples(&served);
    let head = i64::try_from(head).unwrap();
    assert_eq!(at(&samples, "head_position"), head);
    assert_eq!(at(&samples, "views_applied_position"), head);
    assert_eq!(at(&samples, "views_lag_records"), 0);
    assert!(at(&samples, "covered_position") <= head);
    assert_eq!(at(&samples, "streams"), 1);
    assert_eq!(at(&samples, "streams_lag_records"), 0);
    assert!(at(&samples, "checkpoint_age_seconds") < 600);
    assert_eq!(at(&samples, "disk_full"), 0);
    assert_eq!(at(&samples, "read_only"), 0);
    assert_eq!(at(&samples, "build_info{version=\"0.1.0\"}"), 1);
    drop(live);
    served.stop().await;
}

#[tokio::test]
async fn refusals_of_a_stream_are_counted_one_by_one() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let before = samples(&served);
    let commands = ["good", "satisfactory", "poor"].map(|grade| pb::ApplyStreamRequest {
        command: Some(served.set_command(&name, "staying-safe", grade, act(), None)),
    });
    let mut client = served.assessments("inspector");
    let answers = client.apply_stream(tokio_stream::iter(commands)).await.unwrap();
    let mut answers = answers.into_inner();
    while answers.message().await.unwrap().is_some() {}
    let after = samples(&served);
    let refused = "judgement_ledger_refusals_total{reason=\"LEVEL_NOT_ON_SCALE\"}";
    assert_eq!(growth(&before, &after)(refused), 2);
    served.stop().await;
}

#[tokio::test]
async fn the_page_names_nobody_and_never_grows_by_what_clients_say() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    served.award(&name, "staying-safe", "good").await;
    served.narrate(&name, "staying-safe", "a narrative").await.unwrap();
    let names: Vec<_> = samples(&served).into_keys().collect();
    for never in
        ["ofsted", "leicester", "apa", "inspector@", "staying-safe", "narrative", "audit-office"]
    {
        let found: Vec<_> = names.iter().filter(|it| it.to_lowercase().contains(never)).collect();
        assert!(found.is_empty(), "{never}: {found:?}");
    }
    // A hundred other refused grades, and not a line more.
    for number in 0..100 {
        let area = format!("made-up-{number}");
        served.set_as("inspector", &name, &area, "good", act(), None).await.unwrap_err();
    }
    let after: Vec<_> = samples(&served).into_keys().collect();
    let new: Vec<_> = after.iter().filter(|it| !names.contains(it)).collect();
    assert!(
        new.iter().all(|it| it.contains("InvalidArgument") || it.contains("AREA_NOT")),
        "{new:?}"
    );
    served.stop().await;
}

/// The page after a little of everything, for `promtool check metrics`, where `tests/run` asks.
#[tokio::test]
async fn the_page_is_written_where_it_is_asked_for() {
    let Ok(path) = std::env::var("JUDGEMENT_LEDGER_METRICS_PAGE") else { return };
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let at = served.award(&name, "staying-safe", "good").await.position;
    served.set_as("inspector", &name, "staying-safe", "poor", act(), None).await.unwrap_err();
    let mut live = served.stream_live().await;
    live.until(at).await;
    drop(live);
    tokio::task::yield_now().await;
    fs::write(path, served.metrics.page(Some(served.vitals.levels())).unwrap()).unwrap();
    served.stop().await;
}
