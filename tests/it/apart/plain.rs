//! What was told, without what tells how much was recorded: which fields those are, and why, stands in
//! `tests/tables/volume.txt`. Of everything else the whole is compared.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use judgement_ledger::pb;
use prost_reflect::{DynamicMessage, ReflectMessage as _, Value as Held};
use serde_json::{Value, json};
use tonic::Status;
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::calls::PROTO;

/// What stands where something is not compared, but that it is there.
const MASKED: &str = "*";

/// What is done with a field of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// That it is there is compared, not what it says.
    Masked,
    /// It is not compared.
    Absent,
    /// As `Masked` in the stream of the ledger itself, which is nobody's.
    OfLedger,
    /// These bytes are a record.
    Record,
}

/// The fields that are not compared as they are, each as `Message.field`.
static TABLE: LazyLock<BTreeMap<String, How>> = LazyLock::new(|| {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/tables/volume.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let rows = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let row = |line: &str| {
        let mut words = line.split_whitespace();
        let field = words.next().unwrap().to_owned();
        let how = match words.next().unwrap() {
            "masked" => How::Masked,
            "absent" => How::Absent,
            "ledger" => How::OfLedger,
            "record" => How::Record,
            other => panic!("{line}: {other}"),
        };
        assert!(words.next().is_some(), "{line}: why?");
        (field, how)
    };
    rows.map(row).collect()
});

/// A message, field by field.
pub fn message(of: &DynamicMessage) -> Value {
    let name = of.descriptor().name().to_owned();
    let stream = of.get_field_by_name("stream");
    let of_ledger = stream.is_some_and(|it| it.as_str() == Some("ledger"));
    let mut told = serde_json::Map::new();
    for (field, held) in of.fields() {
        let path = format!("{name}.{}", field.name());
        let said = match (TABLE.get(&path), held) {
            (Some(How::Absent), _) => continue,
            (Some(How::Masked), _) => json!(MASKED),
            (Some(How::Record), Held::Bytes(bytes)) => encoded("Record", bytes),
            (Some(How::Record), _) => panic!("{path} is no record"),
            (Some(How::OfLedger), _) if of_ledger => json!(MASKED),
            (Some(How::OfLedger) | None, held) => value(held),
        };
        told.insert(field.name().to_owned(), said);
    }
    Value::Object(told)
}

/// A message that was encoded.
pub fn encoded(name: &str, bytes: &[u8]) -> Value {
    let of = PROTO.get_message_by_name(&format!("judgement.ledger.v1.{name}")).unwrap();
    message(&DynamicMessage::decode(of, bytes).unwrap())
}

fn value(held: &Held) -> Value {
    match held {
        Held::Bool(it) => json!(it),
        Held::I32(it) | Held::EnumNumber(it) => json!(it),
        Held::I64(it) => json!(it),
        Held::U32(it) => json!(it),
        Held::U64(it) => json!(it),
        Held::F32(it) => json!(it),
        Held::F64(it) => json!(it),
        Held::String(it) => json!(it),
        // Ids are drawn: they are numbered as they come.
        Held::Bytes(it) => match Uuid::from_slice(it) {
            Ok(id) => json!(id.to_string()),
            Err(_) => json!(BASE64_STANDARD.encode(it)),
        },
        Held::Message(it) => message(it),
        Held::List(items) => items.iter().map(value).collect(),
        Held::Map(entries) => {
            let entries: BTreeMap<_, _> =
                entries.iter().map(|(key, it)| (format!("{key:?}"), value(it))).collect();
            json!(entries)
        }
    }
}

/// How a call ended: its code, its message and its details.
pub fn status(of: &Status) -> Value {
    let details = of.get_error_details();
    let info = details.error_info().map(|info| {
        let masked = |(key, said): (&String, &String)| {
            let table = TABLE.get(&format!("ErrorInfo.{key}"));
            let said = if table.is_some() { MASKED } else { said.as_str() };
            (key.clone(), said.to_owned())
        };
        let metadata: BTreeMap<_, _> = info.metadata.iter().map(masked).collect();
        json!({"reason": info.reason, "domain": info.domain, "metadata": metadata})
    });
    let others = [
        format!("{:?}", details.bad_request()),
        format!("{:?}", details.precondition_failure()),
        format!("{:?}", details.retry_info()),
        format!("{:?}", details.resource_info()),
        format!("{:?}", details.quota_failure()),
        format!("{:?}", details.help()),
        format!("{:?}", details.localized_message()),
        format!("{:?}", details.debug_info()),
    ];
    let others = others.map(|it| without_digests(&without_positions(&it)));
    let message = without_digests(&without_positions(of.message()));
    json!({"code": format!("{:?}", of.code()), "message": message, "info": info, "others": others})
}

/// A text without the positions by which it names records.
pub fn without_positions(text: &str) -> String {
    let mut plain = String::new();
    let mut after_record = false;
    for word in text.split_inclusive(' ') {
        let rest = word.trim_start_matches(|it: char| it.is_ascii_digit());
        if after_record && rest.len() < word.len() {
            plain.push('#');
            plain.push_str(rest);
        } else {
            plain.push_str(word);
        }
        let word = word.trim_end();
        after_record = ["record", "records", "position"].iter().any(|it| word.ends_with(it));
    }
    plain
}

/// A text without the digests in it, which are of records with drawn ids.
fn without_digests(text: &str) -> String {
    let digest = |word: &str| word.len() == 64 && word.bytes().all(|it| it.is_ascii_hexdigit());
    let words = text.split_inclusive(|it: char| !it.is_ascii_alphanumeric()).map(|word| {
        let bare = word.trim_end_matches(|it: char| !it.is_ascii_alphanumeric());
        if digest(bare) { word.replace(bare, MASKED) } else { word.to_owned() }
    });
    words.collect()
}

/// The same with the ids that were drawn numbered as they come.
pub fn numbered(said: &Value) -> String {
    let mut text = said.to_string();
    let mut ids: Vec<String> = Vec::new();
    for word in text.split(|c: char| !c.is_ascii_hexdigit() && c != '-') {
        if word.len() == 36 && Uuid::parse_str(word).is_ok() && !ids.iter().any(|it| it == word) {
            ids.push(word.to_owned());
        }
    }
    for (number, id) in ids.iter().enumerate() {
        text = text.replace(id.as_str(), &format!("id-{number}"));
    }
    text
}

/// Two answers are the same; else it is shown where they part.
pub fn same(one: &Value, other: &Value, what: &str) {
    let told = [one, other].map(numbered);
    if told[0] != told[1] {
        let pairs = told[0].chars().zip(told[1].chars());
        let parts = pairs.take_while(|(one, other)| one == other).count();
        let near =
            |it: &str| it.chars().skip(parts.saturating_sub(300)).take(600).collect::<String>();
        panic!("{what}:\n{}\n\nis not\n{}", near(&told[0]), near(&told[1]));
    }
}

/// Whether an answer says anything that is compared.
pub fn says_something(said: &Value) -> bool {
    match said {
        // As of when it was read is said of nothing, too.
        Value::Object(fields) => {
            fields.iter().any(|(name, it)| name != "read" && says_something(it))
        }
        Value::Array(items) => items.iter().any(says_something),
        Value::String(it) => it != MASKED,
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
    }
}

/// The record in a message of a stream.
pub fn record(of: &pb::StreamedRecord) -> &pb::Record {
    of.record.as_ref().expect("no server wrote a newer one")
}

/// The files of a folder, with the records numbered among themselves.
pub fn folder(parts: &[pb::ExportedFile]) -> Value {
    let mut files: Vec<(&str, Vec<u8>)> = Vec::new();
    for part in parts {
        match files.last_mut() {
            Some((path, content)) if *path == part.path => content.extend(&part.content),
            _ => files.push((&part.path, part.content.to_vec())),
        }
    }
    let places: BTreeSet<u64> = files.iter().filter_map(|(path, _)| place(path)).collect();
    let rank = |at: u64| format!("the {}th", places.range(..at).count());
    let plain = files.iter().map(|(path, content)| {
        let named = match place(path) {
            Some(at) => path.replace(&at.to_string(), &rank(at)),
            None => (*path).to_owned(),
        };
        let said = match path.rsplit(['/', '.']).next().unwrap() {
            "record" => encoded("Record", content),
            "binpb" => encoded("Framework", content),
            "tlog-proof" | "checkpoint" => json!(MASKED),
            "json" => claim(serde_json::from_slice(content).unwrap(), &rank),
            "jsonl" => {
                let lines = content.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
                lines.map(|line| claim(serde_json::from_slice(line).unwrap(), &rank)).collect()
            }
            _ => match std::str::from_utf8(content) {
                Ok(text) => json!(text),
                // Tiles, which only the auditor gets: their bytes tell how many there are.
                Err(_) => json!(BASE64_STANDARD.encode(content)),
            },
        };
        json!([named, said])
    });
    plain.collect()
}

/// The position in the path of a file of one record.
fn place(path: &str) -> Option<u64> {
    path.split(['/', '.']).nth(1)?.parse().ok()
}

/// What a file claims about records: of those only which, and nothing of the log that they are in.
fn claim(mut claimed: Value, rank: &dyn Fn(u64) -> String) -> Value {
    if let Some(fields) = claimed.as_object_mut() {
        for (name, said) in fields.iter_mut() {
            *said = match name.as_str() {
                "position" | "handed_out_at" => json!(rank(said.as_u64().unwrap())),
                "size" | "root" | "leaf_hash" | "opening" | "salt" | "origin" => json!(MASKED),
                _ => claim(said.take(), rank),
            };
        }
    } else if let Some(items) = claimed.as_array_mut() {
        for item in items {
            *item = claim(item.take(), rank);
        }
    }
    claimed
}

#[test]
fn every_row_of_the_table_of_volume_names_a_field() {
    let of_statuses = |row: &&String| !row.starts_with("ErrorInfo.");
    for row in TABLE.keys().filter(of_statuses) {
        let (message, field) = row.split_once('.').unwrap();
        let mut all = PROTO.all_messages().filter(|of| of.name() == message);
        assert!(all.any(|of| of.get_field_by_name(field).is_some()), "{row}");
    }
}
