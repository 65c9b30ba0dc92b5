//! What the real binary says where an operator looks for it: in the log, and where it does not start.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    attacks::certificates,
    binary::{Ended, Home, Running, ended},
};

/// How long anything here may take, on a machine that has more to do.
const PATIENCE: Duration = Duration::from_mins(1);

fn binary(words: &[&str]) -> Command {
    let mut command = Command::new(crate::binary::program());
    command.args(words);
    command
}

/// Every line as the JSON that it must be.
fn events(said: &str) -> Vec<Value> {
    let event = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}\nin {said}"))
    };
    said.lines().map(event).collect()
}

fn messages(events: &[Value]) -> Vec<&str> {
    events.iter().map(|it| it["fields"]["message"].as_str().unwrap()).collect()
}

#[test]
fn where_the_log_is_json_the_server_says_nothing_else() {
    let home = Home::new();
    // No level silences what is said in text, too.
    let mut command = home.serve();
    command.args(["--log-format", "json"]).env("JUDGEMENT_LEDGER_LOG", "error");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut said = Vec::new();
    while let Some(Ok(line)) = lines.next() {
        let serves = line.contains("\"serving\"");
        said.push(line);
        if serves {
            break;
        }
    }
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    said.extend(lines.map_while(Result::ok));
    let mut stdout = String::new();
    child.stdout.take().unwrap().read_to_string(&mut stdout).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(stdout, "");
    let events = events(&said.join("\n"));
    let messages = messages(&events);
    for wanted in ["starting", "configured", "metrics and probes", "serving", "stopped"] {
        assert!(messages.contains(&wanted), "{wanted}: {messages:?}");
    }
    assert!(messages.iter().any(|it| it.starts_with("stopping: ")), "{messages:?}");
    assert_eq!(messages.last(), Some(&"stopped"));
    let setting = events.iter().find(|it| it["fields"]["setting"] == "time zone").unwrap();
    assert_eq!(setting["fields"]["value"], "UTC");
    let serving = events.iter().find(|it| it["fields"]["message"] == "serving").unwrap();
    assert!(serving["fields"]["url"].as_str().unwrap().starts_with("http://127.0.0.1:"));

    // Nor where it does not start.
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let mut command = home.serve_at(&[], &at);
    command.args(["--log-format", "json"]);
    let Ended { code, stdout, stderr } = ended(command);
    assert_eq!((code, &*stdout), (Some(1), ""), "{stderr}");
    let events = self::events(&stderr);
    let fatal = &events.last().unwrap();
    assert_eq!((&fatal["level"], &fatal["fields"]["message"]), (&json!("ERROR"), &json!("failed")));
    assert_eq!(
        fatal["fields"]["error"],
        format!("cannot listen on {at}; say another place with --listen")
    );
    assert!(fatal["fields"]["causes"].as_str().unwrap().contains("in use"), "{fatal}");
}

#[test]
fn who_cannot_listen_names_the_place_and_the_flag() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let told = ended(home.serve_at(&[], &at));
    let said = format!("error: cannot listen on {at}; say another place with --listen\n");
    assert!(told.stderr.contains(&said), "{}", told.stderr);
    let mut command = binary(&["serve", "--dev", "--listen", "127.0.0.1:0"]);
    let told = ended({
        command.args(["--admin-listen", &at]);
        command
    });
    let said = format!("error: cannot listen on {at}; say another place with --admin-listen");
    assert!(told.stderr.contains(&said), "{}", told.stderr);
}

#[test]
fn a_revocation_list_that_is_none_is_named() {
    let home = Home::new();
    fs::write(home.path("ca.pem"), certificates(&home)).unwrap();
    let none = "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
    fs::write(home.path("list.pem"), none).unwrap();
    let mut command = home.serve();
    command.arg("--tls-certificate").arg(home.path("server.pem"));
    command.arg("--tls-key").arg(home.path("server.key"));
    command.arg("--client-ca").arg(home.path("ca.pem"));
    command.arg("--client-crl").arg(home.path("list.pem"));
    let told = ended(command);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    let said = format!("error: {} cannot be used: ", home.path("list.pem").display());
    assert!(told.stderr.contains(&said), "{}", told.stderr);
}

#[test]
fn who_names_nobody_that_could_call_is_told_the_safe_ways_first() {
    let home = Home::new();
    let mut command = binary(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off"]);
    command.arg("--data").arg(home.path("data"));
    command.arg("--master-key-file").arg(home.path("master.key"));
    let told = ended(command);
    assert_eq!(told.code, Some(2), "{}", told.stderr);
    let at = |flag| told.stderr.find(flag).unwrap_or_else(|| panic!("{flag}: {}", told.stderr));
    assert!(at("--issuers") < at("--client-ca") && at("--client-ca") < at("--token-key-file"));
    assert!(!home.path("data").exists(), "nothing is begun");
}

/// A set of one Ed25519 key of this name. It signs nothing here.
fn keys(id: &str) -> String {
    let x = URL_SAFE_NO_PAD.encode([
        0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7, 0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07,
        0x3a, 0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25, 0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07,
        0x51, 0x1a,
    ]);
    json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, "kid": id}]}).to_string()
}

#[test]
fn new_keys_of_an_issuer_and_why_a_credential_is_not_taken_stand_in_the_log() {
    let home = Home::new();
    let issuer =
        json!({"issuer": "https://id.example", "keys": "keys.json", "organisations": ["ofsted"]});
    fs::write(home.path("issuers.json"), json!({"issuers": [issuer]}).to_string()).unwrap();
    fs::write(home.path("keys.json"), keys("first")).unwrap();
    let mut command =
        binary(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]);
    for (flag, name) in
        [("--data", "data"), ("--master-key-file", "master.key"), ("--issuers", "issuers.json")]
    {
        command.arg(flag).arg(home.path(name));
    }
    let running = Running::start(command);
    let mut call = binary(&["framework", "list", "--server", &running.address]);
    call.env("JUDGEMENT_LEDGER_TOKEN", "no.token.atall");
    let told = ended(call);
    assert!(
        told.stderr.contains("  next: the credential that was given is not taken"),
        "{}",
        told.stderr
    );
    let cause = "the credential is not one of this ledger's";
    assert!(told.stderr.contains(cause), "{}", told.stderr);

    fs::write(home.path("keys.json"), keys("second")).unwrap();
    let id = running.id().to_string();
    assert!(Command::new("kill").args(["-HUP", &id]).status().unwrap().success());
    let begun = Instant::now();
    while !running.said().contains("keys of an issuer were exchanged") {
        assert!(begun.elapsed() < PATIENCE, "{}", running.said());
        std::thread::sleep(Duration::from_millis(20));
    }
    let (_, said) = running.stop_and_say();
    let line = |words| said.lines().find(|line| line.contains(words)).unwrap();
    let exchanged = line("keys of an issuer were exchanged");
    assert!(exchanged.contains("second") && !exchanged.contains("first"), "{exchanged}");
    let refused = line("CREDENTIAL_INVALID");
    assert!(refused.contains("judgement_ledger::access") && refused.contains(cause), "{said}");
}

#[test]
fn a_part_of_the_server_that_is_none_is_named_by_healthcheck() {
    let home = Home::new();
    let running = Running::start(home.serve());
    let ask = |service| {
        ended(binary(&["healthcheck", "--server", &running.address, "--service", service]))
    };
    assert_eq!(ask("judgement.ledger.v1.writes").code, Some(0));
    let told = ask("nope");
    assert_eq!(told.code, Some(1));
    let said = format!(
        "error: {} has no service nope; leave --service out to ask for the server as a whole, or \
         say judgement.ledger.v1.writes\n",
        running.address
    );
    assert_eq!(told.stderr, said);
}

/// The page of metrics.
fn page(running: &Running) -> String {
    let address = running.admin.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    page
}

/// The value of a sample.
fn sample(page: &str, name: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or_else(|| panic!("no {name} in {page}"));
    value.trim().parse().unwrap_or_else(|_| panic!("{name}{value}"))
}

#[test]
fn an_import_that_went_well_was_cancelled_by_nobody_and_operators_see_what_they_look_for() {
    let home = Home::new();
    let running = Running::start(home.serve());
    let role = |login: &str, role: &str| {
        let mut command =
            binary(&["token", "--login", login, "--organisation", "ofsted", "--role", role]);
        command.arg("--key-file").arg(home.path("token.key"));
        fs::write(home.path(role), ended(command).stdout).unwrap();
    };
    role("admin@ofsted", "framework-admin");
    role("lead@ofsted", "lead-inspector");
    let subject = json!({"credential": "admin", "registerSubject": {
        "subject": "subjects/leicester-city", "displayName": "Leicester", "kind": "local authority"}});
    let open = json!({"credential": "lead", "command": {"openAssessment": {
        "assessment": "subjects/leicester-city/assessments/apa-2006",
        "framework": "frameworks/apa/versions/2006", "cycle": "2006"}}});
    fs::write(home.path("steps.jsonl"), format!("{subject}\n{open}\n")).unwrap();
    let mut import =
        binary(&["import", "--server", &running.address, "--keep-going", "--name", "a"]);
    import.arg(home.path("steps.jsonl"));
    import.arg("--token-file").arg(format!("admin={}", home.path("framework-admin").display()));
    import.arg("--token-file").arg(format!("lead={}", home.path("lead-inspector").display()));
    let told = ended(import);
    assert!(told.stdout.starts_with("2 recorded, 0 replayed, 0 refused"), "{}", told.stderr);
    let handled = |page: &str, code: &str| {
        let stream = format!(
            "grpc_server_handled_total{{grpc_code=\"{code}\",grpc_method=\"ApplyStream\",\
             grpc_service=\"judgement.ledger.v1.AssessmentService\",grpc_type=\"bidi_stream\"}}"
        );
        page.lines().find_map(|line| line.strip_prefix(&stream)).map(|it| it.trim().to_owned())
    };
    let page = page(&running);
    assert_eq!(handled(&page, "Canceled"), None);
    assert_eq!(handled(&page, "OK").as_deref(), Some("1"));

    assert_eq!(sample(&page, "judgement_ledger_backup_timestamp_seconds "), 0);
    assert!(sample(&page, "judgement_ledger_disk_free_bytes ") > 1 << 20);
    assert!(sample(&page, "process_open_fds ") > 5);
    let begun = Instant::now();
    while sample(&self::page(&running), "judgement_ledger_connections ") > 0 {
        assert!(begun.elapsed() < PATIENCE, "whoever went away is not counted");
    }
    let client = TcpStream::connect(running.address.strip_prefix("http://").unwrap()).unwrap();
    (&client).write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
    while sample(&self::page(&running), "judgement_ledger_connections ") != 1 {
        assert!(begun.elapsed() < PATIENCE, "whoever speaks is counted");
    }
    let mut backup = binary(&["backup"]);
    backup.arg("--data").arg(home.path("data")).arg("--to").arg(home.path("backup"));
    assert_eq!(ended(backup).code, Some(0));
    let at = sample(&self::page(&running), "judgement_ledger_backup_timestamp_seconds ");
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
    assert!(at > 0 && now.abs_diff(at) < 60, "{at} is not {now}");
    // How it stands, in Protobuf's JSON mapping.
    let mut info = binary(&["info", "--format", "json"]);
    info.arg("--data").arg(home.path("data"));
    let info: Value = serde_json::from_str(&ended(info).stdout).unwrap();
    assert!(info["position"].is_string() && info["startedAt"].is_string(), "{info}");
}

/// The lines of README.md that begin like this, up to what they remark.
fn of_the_readme(beginning: &str) -> Vec<String> {
    let lines = include_str!("../../README.md").lines();
    let lines = lines.filter_map(|line| line.strip_prefix(beginning));
    lines.map(|line| line.split('#').next().unwrap().trim().to_owned()).collect()
}

/// Its example of an erasure, word for word on the ledger of the demonstration.
#[test]
fn the_erasure_in_the_readme_can_be_done_as_it_stands_there() {
    let home = Home::new();
    let kept = home.path("kept");
    let mut demo = binary(&["demo"]);
    demo.arg("--data").arg(&kept);
    assert_eq!(ended(demo).code, Some(0));
    let mut serve = binary(&["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off"]);
    serve.arg("--data").arg(kept.join("ledger"));
    serve.arg("--master-key-file").arg(kept.join("master.key"));
    serve.arg("--token-key-file").arg(kept.join("token.key"));
    let running = Running::start(serve);
    let lines = of_the_readme("judgement-ledger redact ");
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, officer) in lines.iter().zip(["one@ofsted", "two@ofsted"]) {
        let mut token = binary(&["token", "--login", officer, "--organisation", "ofsted"]);
        token.args(["--role", "records-officer", "--key-file"]).arg(kept.join("token.key"));
        let mut redact = binary(&["redact"]);
        // Of what a shell would do there are only quotes.
        for (index, part) in line.split('"').enumerate() {
            if index % 2 == 0 {
                redact.args(part.split_whitespace())
            } else {
                redact.arg(part)
            };
        }
        redact.env("JUDGEMENT_LEDGER_TOKEN", ended(token).stdout.trim());
        redact.args(["--server", &running.address]);
        let told = ended(redact);
        assert_eq!(told.code, Some(0), "{line}: {}", told.stderr);
    }
}
