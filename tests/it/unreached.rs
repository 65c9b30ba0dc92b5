//! What the real binary says where it reaches no server, or one that does not speak with it: each
//! cause by its own name, with the flag that mends it.

use std::{fs, process::Command};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams,
    SerialNumber, date_time_ymd,
};

use crate::binary::{Ended, Home, Running, ended};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(common_name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Writes a certificate and its key as `NAME.pem` and `NAME.key`.
fn write(home: &Home, name: &str, by: &Authority, params: &CertificateParams) {
    let key = KeyPair::generate().unwrap();
    fs::write(home.path(&format!("{name}.pem")), params.signed_by(&key, by).unwrap().pem())
        .unwrap();
    fs::write(home.path(&format!("{name}.key")), key.serialize_pem()).unwrap();
}

fn server(host: &str) -> CertificateParams {
    CertificateParams::new(vec![host.to_owned()]).unwrap()
}

fn client(serial: u64) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "ofsted");
    params.distinguished_name.push(DnType::CommonName, "a.jones");
    params.distinguished_name.push(DnType::OrganizationalUnitName, "inspector");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.serial_number = Some(SerialNumber::from(serial));
    params
}

/// The certificates of the servers and of their clients.
fn certificates(home: &Home) {
    let (ours, other) = (authority("ours"), authority("another"));
    fs::write(home.path("ca.pem"), ours.pem()).unwrap();
    fs::write(home.path("other.pem"), other.pem()).unwrap();
    write(home, "good", &ours, &server("127.0.0.1"));
    write(home, "elsewhere", &ours, &server("ledger.example.org"));
    let mut old = server("127.0.0.1");
    (old.not_before, old.not_after) = (date_time_ymd(2006, 10, 1), date_time_ymd(2006, 11, 1));
    write(home, "old", &ours, &old);
    write(home, "jones", &ours, &client(1));
    write(home, "revoked", &ours, &client(2));
    write(home, "foreign", &other, &client(1));
    let list = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2400, 1, 1),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: vec![RevokedCertParams {
            serial_number: SerialNumber::from(2_u64),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    fs::write(home.path("list.pem"), list.signed_by(&ours).unwrap().pem().unwrap()).unwrap();
}

/// A server that shows this certificate.
fn showing(home: &Home, certificate: &str) -> Command {
    let mut command = home.serve();
    command.arg("--tls-certificate").arg(home.path(&format!("{certificate}.pem")));
    command.arg("--tls-key").arg(home.path(&format!("{certificate}.key")));
    command
}

/// Runs a verb; words that begin with `@` are files of the home.
fn asks(home: &Home, verb: &str, server: &str, words: &[&str]) -> Ended {
    let mut command = Command::new(crate::binary::program());
    command.args(verb.split(' ')).args(["--server", server]);
    for word in words {
        match word.strip_prefix('@') {
            Some(name) => command.arg(home.path(name)),
            None => command.arg(word),
        };
    }
    ended(command)
}

/// What is wrong, which server is asked with which flags, and how the shell and the first line tell.
type Row<'r> = (&'r str, &'r str, Vec<&'r str>, i32, &'r [&'r str]);

#[test]
fn whoever_reaches_no_server_is_told_what_is_wrong() {
    let home = Home::new();
    certificates(&home);
    let mut strict = showing(&home, "good");
    strict.arg("--client-ca").arg(home.path("ca.pem")).arg("--client-required");
    strict.arg("--client-crl").arg(home.path("list.pem"));
    let strict = Running::start(strict);
    let mut others: Vec<(Home, Running)> = Vec::new();
    for certificate in ["elsewhere", "old"] {
        let beside = Home::new();
        for file in [format!("{certificate}.pem"), format!("{certificate}.key")] {
            fs::copy(home.path(&file), beside.path(&file)).unwrap();
        }
        let running = Running::start(showing(&beside, certificate));
        others.push((beside, running));
    }
    let plain = Home::new();
    let plain_running = Running::start(plain.serve());
    let (elsewhere, old) = (&*others[0].1.address, &*others[1].1.address);
    let (strict, clear) = (&*strict.address, &*plain_running.address);
    let (in_clear, over_tls) = (strict.replace("https", "http"), clear.replace("http", "https"));
    let nowhere = "https://127.0.0.1:1";

    let jones = ["--certificate", "@jones.pem", "--certificate-key", "@jones.key"];
    let ours = ["--ca", "@ca.pem"];
    let with = |name: &'static str| {
        let [pem, key] = match name {
            "revoked" => ["@revoked.pem", "@revoked.key"],
            "foreign" => ["@foreign.pem", "@foreign.key"],
            _ => ["@jones.pem", "@revoked.key"],
        };
        [&ours[..], &["--certificate", pem, "--certificate-key", key]].concat()
    };
    let rows: [Row<'_>; 13] = [
        ("nobody", nowhere, ours.to_vec(), 1, &["nothing listens on"]),
        ("unknown authority", strict, vec![], 1, &["an authority that is not trusted", "--ca"]),
        (
            "another authority",
            strict,
            vec!["--ca", "@other.pem"],
            1,
            &["an authority that is not trusted", "--ca"],
        ),
        ("expired", old, ours.to_vec(), 1, &["has expired"]),
        ("another name", elsewhere, ours.to_vec(), 1, &["is for another name", "--server"]),
        ("TLS, spoken to in clear", &in_clear, vec![], 1, &["speaks TLS; say https://"]),
        ("clear, spoken to in TLS", &over_tls, ours.to_vec(), 1, &["http://"]),
        (
            "no client certificate",
            strict,
            ours.to_vec(),
            1,
            &["a client certificate", "--certificate"],
        ),
        ("a revoked one", strict, with("revoked"), 1, &["not take this client certificate"]),
        (
            "one of another authority",
            strict,
            with("foreign"),
            1,
            &["not take this client certificate"],
        ),
        (
            "another's key",
            strict,
            with("neither"),
            2,
            &["jones.pem (--certificate)", "revoked.key (--certificate-key)"],
        ),
        (
            "no certificate",
            strict,
            vec!["--ca", "@jones.key"],
            2,
            &["no certificate in PEM (--ca)"],
        ),
        (
            "no key",
            strict,
            vec!["--certificate", "@jones.pem", "--certificate-key", "@jones.pem"],
            2,
            &["no private key in PEM (--certificate-key)"],
        ),
    ];
    for verb in ["framework list", "healthcheck"] {
        // The negative control: who does it right is answered.
        let right = asks(&home, verb, strict, &[&ours[..], &jones].concat());
        assert_eq!(right.code, Some(0), "{}", right.stderr);
        for (name, server, words, code, wanted) in &rows {
            let told = asks(&home, verb, server, words);
            println!("{verb}, {name}: {}", told.stderr);
            assert_eq!(told.code, Some(*code), "{verb}, {name}: {}", told.stderr);
            let first = told.stderr.lines().next().unwrap_or_default();
            for said in *wanted {
                assert!(first.contains(said), "{verb}, {name}: {}", told.stderr);
            }
            if *code == 1 {
                assert!(first.contains(server), "{verb}, {name}: {}", told.stderr);
            }
            assert!(!told.stderr.contains("next: ask again"), "{verb}, {name}: {}", told.stderr);
        }
    }
}

/// By its id the server's log finds the call.
#[test]
fn a_refused_call_is_told_with_the_id_by_which_the_log_has_it() {
    let home = Home::new();
    let mut command = home.serve();
    command.env("JUDGEMENT_LEDGER_LOG", "info");
    let running = Running::start(command);
    let told = asks(&home, "framework list", &running.address, &[]);
    assert_eq!(told.code, Some(1));
    let id = told.stderr.lines().find_map(|line| line.strip_prefix("  request id: "));
    let id = id.unwrap_or_else(|| panic!("no id: {}", told.stderr)).to_owned();
    let (_, said) = running.stop_and_say();
    let lines: Vec<_> = said.lines().filter(|line| line.contains(&id)).collect();
    assert_eq!(lines.len(), 1, "{id}: {said}");
    assert!(lines[0].contains("CREDENTIAL_MISSING"), "{}", lines[0]);
}
