//! What surrounds the answers of a server: its metrics, its health, and what it tells of itself.

use std::collections::BTreeSet;

use judgement_ledger::pb;
use prost_reflect::prost::{Message as _, encoding};
use tonic_health::pb::HealthCheckRequest;

use super::plain;
use crate::{
    calls::{PROTO, whole_at},
    served::Served,
};

const HEALTH: &str = "/grpc.health.v1.Health/Check";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// Labels whose values are closed sets that the proto prints, and which appear with the first call that
/// ends so: who watches a server learns that somebody was refused, and how.
const OF_CLOSED_SETS: [&str; 2] = ["grpc_code", "reason"];

/// Two servers look the same to who asks nothing that needs a credential, and to who watches them.
pub async fn compare(one: &Served, other: &Served) {
    let [shown, also] = [one, other].map(series);
    assert!(shown.len() > 100, "{shown:?}");
    assert_eq!(shown, also, "series of metrics");
    let [told, also] = [openly(one).await, openly(other).await];
    assert_eq!(told, also, "told to anybody");
}

/// The series of the page of metrics: names and labels without the numbers.
fn series(of: &Served) -> BTreeSet<String> {
    let page = of.metrics.page(Some(of.vitals.levels())).unwrap();
    let samples = page.lines().map(|line| {
        let comment = line.starts_with('#');
        if comment { line.to_owned() } else { closed(line.rsplit_once(' ').unwrap().0) }
    });
    samples.collect()
}

/// A series with the values of closed sets left out, which are checked to be of those.
fn closed(series: &str) -> String {
    let Some((name, labels)) = series.split_once('{') else { return series.to_owned() };
    let labels = labels.trim_end_matches('}').split(',').map(|label| {
        let (label, value) = label.split_once('=').unwrap();
        if !OF_CLOSED_SETS.contains(&label) {
            return format!("{label}={value}");
        }
        let value = value.trim_matches('"');
        let reason = pb::ErrorReason::from_str_name(&format!("ERROR_REASON_{value}"));
        let code = value.chars().all(|it| it.is_ascii_alphabetic());
        assert!(reason.is_some() || (label == "grpc_code" && code), "{series}");
        label.to_owned()
    });
    format!("{name}{{{}}}", labels.collect::<Vec<_>>().join(","))
}

/// What health and reflection tell of each service.
async fn openly(of: &Served) -> Vec<String> {
    let mut told = Vec::new();
    let services: Vec<String> = PROTO.services().map(|it| it.full_name().to_owned()).collect();
    let mut ask = async |path: &str, asked: Vec<u8>, streams: bool| {
        let whole = whole_at(&of.channel, path, asked, streams).await;
        let end = whole.end.as_ref().err().map(plain::status);
        told.push(format!("{:?} {end:?} {:?}", whole.around, whole.answers));
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

/// A request to reflection with one field.
fn asked_of_reflection(field: u32, said: &str) -> Vec<u8> {
    let mut asked = Vec::new();
    encoding::string::encode(field, &said.to_owned(), &mut asked);
    asked
}
