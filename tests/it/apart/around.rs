//! What surrounds the answers of a server: the headers and trailers of a call, its metrics, its health,
//! and what it tells of itself.

use std::collections::BTreeSet;

use judgement_ledger::pb;
use prost_reflect::prost::{Message as _, encoding};
use serde_json::Value;
use tonic::metadata::{KeyAndValueRef, MetadataMap};
use tonic_health::pb::HealthCheckRequest;

use super::plain;
use crate::{
    calls::{PROTO, Whole, begin, whole_at},
    served::Served,
};

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// Labels whose values are closed sets that the proto prints, and which appear with the first call that
/// ends so: who watches a server learns that somebody was refused, and how.
const OF_CLOSED_SETS: [&str; 2] = ["grpc_code", "reason"];

/// Headers of which only that they are there is compared: the machine's time, the id that is drawn for
/// each call, and the status, which is compared by itself without its positions.
const MASKED: [&str; 4] = ["date", "x-request-id", "grpc-message", "grpc-status-details-bin"];

/// Two servers look the same to who asks nothing that needs a credential, and to who watches them.
pub async fn compare(one: &Served, other: &Served) {
    let [shown, also] = [one, other].map(page).map(|page| series(&page));
    assert!(shown.len() > 100, "{shown:?}");
    assert_eq!(differences(&shown, &also), [""; 0], "series of metrics");
    let [told, also] = [openly(one).await, openly(other).await];
    assert_eq!(differences(&told, &also), [""; 0], "told to anybody");
}

/// What only one of two has.
fn differences<'a>(one: &'a BTreeSet<String>, other: &'a BTreeSet<String>) -> Vec<&'a str> {
    one.symmetric_difference(other).map(String::as_str).collect()
}

/// The page of metrics.
fn page(of: &Served) -> String {
    of.metrics.page(Some(of.vitals.levels())).unwrap()
}

/// The series of a page of metrics: names and labels without the numbers.
fn series(page: &str) -> BTreeSet<String> {
    let samples = page.lines().map(|line| {
        let comment = line.starts_with('#');
        if comment { line.to_owned() } else { closed(line.rsplit_once(' ').unwrap().0) }
    });
    samples.collect()
}

/// A series with the values of closed sets left out, if they are of those.
fn closed(series: &str) -> String {
    let Some((name, labels)) = series.split_once('{') else { return series.to_owned() };
    let labels = labels.trim_end_matches('}').split(',').map(|label| {
        let (label, value) = label.split_once('=').unwrap();
        let value = value.trim_matches('"');
        let reason = pb::ErrorReason::from_str_name(&format!("ERROR_REASON_{value}")).is_some();
        let code = label == "grpc_code" && value.chars().all(|it| it.is_ascii_alphabetic());
        if OF_CLOSED_SETS.contains(&label) && (reason || code) {
            return label.to_owned();
        }
        format!("{label}={value}")
    });
    format!("{name}{{{}}}", labels.collect::<Vec<_>>().join(","))
}

/// What health and reflection tell of each service.
async fn openly(of: &Served) -> BTreeSet<String> {
    let mut told = BTreeSet::new();
    let services: Vec<String> = PROTO.services().map(|it| it.full_name().to_owned()).collect();
    let mut ask = async |path: &str, asked: Vec<u8>, streams: bool| {
        let whole = whole_at(&of.channel, path, asked.clone(), streams).await;
        told.insert(format!("{path} {asked:?} {}", shown(&whole)));
    };
    for service in services.iter().map(String::as_str).chain(["", "nobody.Knows"]) {
        let asked = HealthCheckRequest { service: service.to_owned() }.encode_to_vec();
        ask(HEALTH, asked, false).await;
        // The symbol, which is the fourth field; and a list of all services, which is the seventh.
        ask(REFLECTION, asked_of_reflection(4, service), true).await;
    }
    ask(REFLECTION, asked_of_reflection(7, ""), true).await;
    assert!(told.iter().filter(|it| it.contains(" None [[")).count() > services.len(), "{told:?}");
    told
}

fn shown(whole: &Whole) -> String {
    let end = whole.end.as_ref().err().map(plain::status);
    format!("{:?} {end:?} {:?}", whole.around, whole.answers)
}

/// A request to reflection with one field.
fn asked_of_reflection(field: u32, said: &str) -> Vec<u8> {
    let mut asked = Vec::new();
    encoding::string::encode(field, &said.to_owned(), &mut asked);
    asked
}

/// Calls a method and waits for all that comes back, with what each header and trailer says.
pub async fn heard(of: &Served, login: &str, name: &str, message: &Value) -> Whole {
    let mut whole = Whole { around: BTreeSet::new(), answers: Vec::new(), end: Ok(()) };
    match begin(&of.channel, login, name, message).await {
        Err(status) => whole.end = Err(status),
        Ok(begun) => {
            whole.around.extend(said_by(begun.metadata()));
            let mut coming = begun.into_inner();
            loop {
                match coming.message().await {
                    Ok(Some(bytes)) => whole.answers.push(bytes),
                    Ok(None) => break,
                    Err(status) => {
                        whole.end = Err(status);
                        break;
                    }
                }
            }
            if let Ok(Some(trailers)) = coming.trailers().await {
                whole.around.extend(said_by(&trailers));
            }
        }
    }
    if let Err(status) = &whole.end {
        whole.around.extend(said_by(status.metadata()));
    }
    whole
}

/// Headers with what they say, but for those that differ from call to call.
fn said_by(metadata: &MetadataMap) -> BTreeSet<String> {
    let all = metadata.iter().map(|it| match it {
        KeyAndValueRef::Ascii(key, value) => (key.as_str(), format!("{value:?}")),
        KeyAndValueRef::Binary(key, value) => (key.as_str(), format!("{value:?}")),
    });
    let masked = |name: &str| MASKED.contains(&name);
    all.map(|(name, said)| if masked(name) { name.to_owned() } else { format!("{name}: {said}") })
        .collect()
}

/// The negative control: what tells of somebody around the answers is seen, wherever it is planted, and
/// nothing else is.
#[tokio::test]
async fn what_would_tell_of_others_around_the_answers_is_seen() {
    let (served, also) = tokio::join!(Served::start(), Served::start());
    compare(&served, &also).await;

    let before = page(&served);
    let called = r#"judgement_ledger_calls_total{grpc_method="SetGrade""#;
    for (planted, is_seen) in [
        // A label that names who called, one more method, a series of its own, and its comment.
        (format!(r#"{called},organisation="estyn"}} 1"#), true),
        (format!(r#"{called},grpc_code="Estyn1"}} 1"#), true),
        (format!(r#"{called},reason="HELD_BY_ESTYN"}} 1"#), true),
        ("judgement_ledger_held 1".to_owned(), true),
        ("# HELP judgement_ledger_held Assessments of estyn that are held.".to_owned(), true),
        // The number of a series that is there, and another one of a closed set.
        (before.lines().last().unwrap().rsplit_once(' ').unwrap().0.to_owned() + " 777", false),
    ] {
        let after = series(&format!("{before}\n{planted}\n").replace("\n\n", "\n"));
        assert_eq!(differences(&series(&before), &after).is_empty(), !is_seen, "{planted}");
    }
    let of = |reason: &str| closed(&format!(r#"{called},reason="{reason}"}}"#));
    assert_eq!(of("NOT_PERMITTED"), of("ON_HOLD"), "which reason comes first is no secret");
    assert_ne!(of("NOT_PERMITTED"), of("ON_HOLD_OF_ESTYN"));

    let message = serde_json::json!({"name": "subjects/nobody"});
    let token = served.token("consumer");
    let one = heard(&served, &token, "GetSubject", &message).await;
    let other = heard(&also, &also.token("consumer"), "GetSubject", &message).await;
    assert_eq!(differences(&one.around, &other.around), [""; 0]);
    assert!(one.around.contains("x-request-id"), "{:?}", one.around);
    let mut planted = MetadataMap::new();
    for (name, says, is_seen) in [
        ("x-assessments", "12", true),
        ("content-type", "application/grpc; of=estyn", true),
        ("x-request-id", "another", false),
    ] {
        planted.clear();
        planted.insert(name, says.parse().unwrap());
        let mut around = one.around.clone();
        around.extend(said_by(&planted));
        assert_eq!(differences(&one.around, &around).is_empty(), !is_seen, "{name}");
    }
    // What is told to anybody, with one bit more in an answer, and with one header more.
    let told = openly(&served).await;
    for (was, is) in [("{\"", "{\"x-estyn\", \""), (" None [[", " None [[1, ")] {
        let planted: BTreeSet<String> = told.iter().map(|it| it.replace(was, is)).collect();
        assert!(!differences(&told, &planted).is_empty(), "{was}");
    }
    served.stop().await;
    also.stop().await;
}
