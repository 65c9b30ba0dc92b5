//! The house keeps its order: layers, sizes, names, and tests that can fail.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// A room of the house: its path under `src`, and which rooms and crates it may name. A trailing
/// `*` in the list of crates means all.
struct Room {
    path: &'static str,
    rooms: &'static [&'static str],
    crates: &'static [&'static str],
}

const LAYERS: &[Room] = &[
    Room {
        path: "judgement",
        rooms: &["judgement", "merkle"],
        crates: &["thiserror", "jiff", "uuid", "imbl"],
    },
    Room {
        path: "merkle",
        rooms: &["merkle"],
        crates: &["sha2", "ed25519_dalek", "base64", "thiserror"],
    },
    Room { path: "pb", rooms: &["pb"], crates: &["tonic", "prost", "prost_types"] },
    Room { path: "metrics", rooms: &["metrics"], crates: &["prometheus", "thiserror", "tokio"] },
    Room { path: "disk", rooms: &["disk"], crates: &["rustix", "thiserror", "tracing", "uuid"] },
    Room {
        path: "record",
        rooms: &["record", "judgement", "merkle", "pb"],
        crates: &[
            "prost",
            "prost_types",
            "prost_reflect",
            "serde_json",
            "hmac",
            "sha2",
            "uuid",
            "jiff",
            "bytes",
            "thiserror",
            "zeroize",
            "imbl",
        ],
    },
    Room { path: "letter", rooms: &["letter", "judgement"], crates: &["askama", "jiff"] },
    Room {
        path: "journal",
        rooms: &["journal", "disk"],
        crates: &[
            "bytes",
            "crc32c",
            "foldhash",
            "sha2",
            "lru",
            "thiserror",
            "tokio",
            "tracing",
            // Of the store in PostgreSQL alone.
            "tokio_postgres",
            "tokio_postgres_rustls",
            "zeroize",
            "tokio_rustls",
            "webpki_roots",
            "deadpool",
            "futures_util",
            "uuid",
        ],
    },
    Room {
        path: "vault",
        rooms: &["vault", "disk", "judgement", "record"],
        crates: &[
            "crc32c",
            "chacha20poly1305",
            "zeroize",
            "bytes",
            "thiserror",
            "uuid",
            "lru",
            "getrandom",
            "tracing",
        ],
    },
    Room {
        path: "signer",
        rooms: &["signer", "disk", "merkle"],
        crates: &["crc32c", "thiserror", "ureq", "zeroize"],
    },
    Room {
        path: "views",
        rooms: &["views", "record", "judgement", "merkle"],
        crates: &[
            "sled",
            "foldhash",
            "lru",
            "jiff",
            "uuid",
            "thiserror",
            "tracing",
            "crc32c",
            "imbl",
        ],
    },
    Room {
        path: "ledger",
        rooms: &[
            "ledger",
            "views",
            "vault",
            "signer",
            "journal",
            "record",
            "judgement",
            "merkle",
            "metrics",
        ],
        crates: &[
            "tokio",
            "arc_swap",
            "tokio_util",
            "bytes",
            "foldhash",
            "imbl",
            "jiff",
            "lru",
            "thiserror",
            "tracing",
            "uuid",
            "zeroize",
        ],
    },
    Room {
        path: "evidence",
        rooms: &["evidence", "ledger", "journal", "vault", "disk", "record", "judgement", "merkle"],
        crates: &["bytes", "csv", "jiff", "serde", "serde_json", "thiserror", "uuid"],
    },
    Room {
        path: "backup",
        rooms: &[
            "backup",
            "evidence",
            "ledger",
            "journal",
            "vault",
            "disk",
            "record",
            "judgement",
            "merkle",
        ],
        crates: &["bytes", "crc32c", "sha2", "thiserror", "tracing", "uuid"],
    },
    Room {
        path: "rpc",
        rooms: &[
            "rpc",
            "evidence",
            "ledger",
            "journal",
            "letter",
            "record",
            "judgement",
            "merkle",
            "metrics",
            "pb",
        ],
        crates: &["*"],
    },
    Room { path: "wording", rooms: &["wording", "pb"], crates: &["jiff", "prost_types"] },
    // A client of the services: no room below them is its own.
    Room {
        path: "console",
        rooms: &["console", "rpc", "wording", "judgement", "pb"],
        crates: &[
            "askama",
            "axum",
            "base64",
            "bytes",
            "form_urlencoded",
            "futures_util",
            "getrandom",
            "http",
            "jiff",
            "prost_types",
            "serde",
            "thiserror",
            "tokio",
            "tokio_stream",
            "tonic",
            "tonic_types",
        ],
    },
    Room { path: "cli", rooms: &["*"], crates: &["*"] },
    Room { path: "telemetry", rooms: &["telemetry"], crates: &["*"] },
    Room { path: "fuzzing", rooms: &["*"], crates: &["bytes", "prost"] },
];

/// The one name that a lower room may take from a higher one: positions are what journals count.
const EXCEPTIONS: &[(&str, &str)] = &[("journal", "crate::judgement::Position")];

const LINES_MAX: usize = 500;
const BANNED_NAMES: &[&str] =
    &["util", "utils", "helpers", "common", "misc", "types", "models", "manager", "handler"];

fn sources() -> Vec<(PathBuf, String)> {
    let files = sources_in("src");
    assert!(files.len() > 20, "the sources were not found");
    files
}

/// Every Rust file in a folder of the crate: its path in there, and what it says.
fn sources_in(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut files = Vec::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let inside = path.strip_prefix(&root).unwrap().to_owned();
                files.push((inside, fs::read_to_string(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// What a file says outside its tests, without comments.
fn code(source: &str) -> String {
    let before_tests = source.split("\n#[cfg(test)]\nmod ").next().unwrap();
    let lines = before_tests.lines().map(|line| line.split("//").next().unwrap());
    lines.collect::<Vec<_>>().join("\n")
}

/// Every `crate::x` that the code names, also inside `use crate::{…}`.
fn rooms_named(code: &str) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for after in code.split("crate::").skip(1) {
        if let Some(list) = after.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            let mut fresh = true;
            for letter in list.chars() {
                match letter {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => fresh = true,
                    letter
                        if depth == 0 && fresh && (letter.is_alphanumeric() || letter == '_') =>
                    {
                        word.push(letter);
                        continue;
                    }
                    _ => {}
                }
                if !word.is_empty() {
                    named.insert(std::mem::take(&mut word));
                    fresh = false;
                }
            }
        } else {
            let word: String =
                after.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            named.insert(word);
        }
    }
    named.remove("");
    named
}

/// The crates of `Cargo.toml`, as code names them.
fn dependencies() -> BTreeSet<String> {
    let manifest = include_str!("../../Cargo.toml");
    let section = manifest.split("[dependencies]").nth(1).unwrap();
    let section = section.split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| line.split_once(" = "));
    names.map(|(name, _)| name.trim().replace('-', "_")).collect()
}

fn room_of(path: &Path) -> Option<&'static Room> {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    let name = first.strip_suffix(".rs").unwrap_or(first);
    LAYERS.iter().find(|room| room.path == name)
}

/// What a file names that its room may not.
fn breaches(path: &Path, code: &str) -> Vec<String> {
    let Some(room) = room_of(path) else { return vec!["belongs to no room".to_owned()] };
    let mut code = code.to_owned();
    for (from, name) in EXCEPTIONS {
        if *from == room.path {
            let short = name.trim_start_matches("crate::");
            code = code.replace(short, &format!("{from}::Excepted"));
        }
    }
    let rooms = rooms_named(&code);
    let strange =
        rooms.iter().filter(|it| !room.rooms.contains(&"*") && !room.rooms.contains(&it.as_str()));
    let mut found: Vec<String> = strange.map(|it| format!("names crate::{it}")).collect();
    if !room.crates.contains(&"*") {
        for name in dependencies() {
            let called =
                code.contains(&format!("{name}::")) && !room.crates.contains(&name.as_str());
            let local =
                code.contains(&format!("::{name}::")) || room.rooms.contains(&name.as_str());
            if called && !local {
                found.push(format!("names the crate {name}"));
            }
        }
    }
    found
}

#[test]
fn every_file_names_only_what_its_layer_allows() {
    let mut found = Vec::new();
    for (path, source) in sources() {
        let top = path.to_str().unwrap();
        // Roots name everything; tests may look anywhere.
        let tests = path.iter().any(|part| part == "tests" || part == "tests.rs");
        if top == "lib.rs" || top == "main.rs" || tests {
            continue;
        }
        found.extend(breaches(&path, &code(&source)).iter().map(|it| format!("{top} {it}")));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_breach_of_the_layers_is_seen() {
    let file = Path::new("judgement/decide/mod.rs");
    for (smuggled, said) in [
        ("use tokio::sync::mpsc;", "names the crate tokio"),
        ("use crate::{merkle::Hash, views::{Term, Views}};", "names crate::views"),
        ("fn f() { crate::journal::g() }", "names crate::journal"),
    ] {
        assert_eq!(breaches(file, smuggled), [said]);
    }
    assert!(breaches(file, "use crate::{judgement::Text, merkle::Hash};").is_empty());
    assert_eq!(breaches(Path::new("attic/mod.rs"), ""), ["belongs to no room"]);
}

#[test]
fn files_are_short_and_bear_honest_names() {
    for (path, source) in sources() {
        let lines = code(&source).lines().count();
        assert!(lines <= LINES_MAX, "{} has {lines} lines of code", path.display());
        for part in path.components() {
            let name = part.as_os_str().to_str().unwrap().trim_end_matches(".rs");
            assert!(!BANNED_NAMES.contains(&name), "{}: {name} is no name", path.display());
        }
    }
}

#[test]
fn every_module_says_what_it_owns() {
    for (path, source) in sources() {
        assert!(source.starts_with("//!"), "{} opens without a word", path.display());
    }
}

#[test]
fn every_dependency_says_what_it_is_for() {
    let manifest = include_str!("../../Cargo.toml");
    for section in ["[dependencies]", "[build-dependencies]", "[dev-dependencies]"] {
        let lines = manifest.split(section).nth(1).unwrap().split("\n[").next().unwrap();
        for line in lines.lines().filter(|line| line.contains(" = ")) {
            assert!(line.contains(" # "), "{line}");
        }
    }
}

#[test]
fn no_test_is_empty_talk() {
    for (path, source) in sources() {
        for line in source.lines() {
            let line = line.trim_start();
            let said = line.starts_with("matches!(") && line.ends_with(';');
            assert!(!said, "{}: {line}", path.display());
        }
    }
}

/// The names of all tests in a source: of each function under an attribute that makes it one.
fn tests_in(source: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    source.lines().filter_map(move |line| {
        let line = line.trim_start();
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        }
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
        std::mem::take(&mut is_test).then(|| function.split(['(', '<']).next().unwrap())
    })
}

/// What is wrong with a table of bugs: rows without a test, and tests that are not there.
fn unproven(table: &str, tests: &BTreeSet<&str>) -> Vec<String> {
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let unproven = rows.filter_map(|row| {
        let column = row.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let named: Vec<_> = column.split('`').skip(1).step_by(2).collect();
        let missing = named.iter().find(|name| !tests.contains(**name));
        match missing {
            Some(name) => Some(format!("there is no test {name}")),
            None if named.is_empty() => Some(format!("no test is named: {row}")),
            None => None,
        }
    });
    unproven.collect()
}

#[test]
fn every_bug_that_was_found_has_a_test_that_is_there() {
    let sources: Vec<_> = ["src", "tests/it"].into_iter().flat_map(sources_in).collect();
    let tests: BTreeSet<_> = sources.iter().flat_map(|(_, source)| tests_in(source)).collect();
    let table = include_str!("../BUGS.md");
    assert!(table.lines().filter(|line| line.starts_with("| ")).count() > 30, "rows are missing");
    assert_eq!(unproven(table, &tests), Vec::<String>::new());
}

#[test]
fn a_bug_without_its_test_is_seen() {
    let source = "#[test]\nfn is_there() {}\nfn is_no_test() {}\n\
                  #[tokio::test]\n#[ignore = \"slow\"]\nasync fn is_there_too() {}\n";
    let tests: BTreeSet<_> = tests_in(source).collect();
    assert_eq!(tests, BTreeSet::from(["is_there", "is_there_too"]));
    let table =
        |named: &str| format!("| what | who | which |\n|---|---|---|\n| a | b | {named} |\n");
    assert_eq!(unproven(&table("`is_there`, `is_there_too`"), &tests), Vec::<String>::new());
    for (named, said) in [
        ("`is_there`, `is_gone`", "there is no test is_gone"),
        ("`is_no_test`", "there is no test is_no_test"),
        ("reading", "no test is named: | a | b | reading |"),
    ] {
        assert_eq!(unproven(&table(named), &tests), [said]);
    }
}
