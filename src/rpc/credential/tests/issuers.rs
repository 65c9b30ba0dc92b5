//! Issuers of an operator's: their keys, what they may say, and keys that come and go.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use super::*;

pub(super) const OFSTED: &str = "https://id.ofsted.example";
const RSA_PRIVATE: &[u8] = include_bytes!("rsa-2048.pem");
const RSA_PUBLIC: &str = include_str!("rsa-2048.pub.pem");
const RSA_SHORT: &str = include_str!("rsa-1024.pub.pem");
const OTHER_CURVE: &str = include_str!("p384.pub.pem");

/// The three kinds of keys, by the names that they have in the set.
pub(super) struct Keys {
    elliptic: Vec<u8>,
}

impl Keys {
    pub(super) fn new() -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        Self { elliptic: pair.serialize_der() }
    }

    pub(super) fn signing(&self, algorithm: Algorithm) -> EncodingKey {
        if algorithm == Algorithm::EdDSA {
            signing()
        } else if algorithm == Algorithm::ES256 {
            EncodingKey::from_ec_der(&self.elliptic)
        } else {
            EncodingKey::from_rsa_pem(RSA_PRIVATE).unwrap()
        }
    }

    fn jwk(&self, algorithm: Algorithm) -> Value {
        let jwk = Jwk::from_encoding_key(&self.signing(algorithm), algorithm).unwrap();
        let mut jwk = serde_json::to_value(jwk).unwrap();
        jwk["kid"] = name(algorithm).into();
        jwk["use"] = "sig".into();
        jwk
    }

    pub(super) fn set(&self) -> Value {
        let kinds = [Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256];
        json!({"keys": kinds.map(|kind| self.jwk(kind))})
    }
}

fn name(algorithm: Algorithm) -> String {
    format!("{algorithm:?}-1")
}

pub(super) fn header(algorithm: Algorithm) -> Header {
    Header { kid: Some(name(algorithm)), ..Header::new(algorithm) }
}

pub(super) fn ofsted() -> Value {
    json!({"issuer": OFSTED, "keys": "keys.json", "organisations": ["ofsted"]})
}

/// A folder with a set of keys, and the issuers of a file in it.
pub(super) fn trusting(keys: &Value, issuers: &Value) -> Result<Credentials, IssuersError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("keys.json"), keys.to_string()).unwrap();
    let document = json!({"issuers": issuers}).to_string();
    Credentials::of_issuers(document.as_bytes(), folder.path())
}

pub(super) fn of_ofsted(others: &Value) -> String {
    let mut all = json!({"iss": OFSTED});
    for (name, value) in others.as_object().unwrap() {
        all[name] = value.clone();
    }
    replaced(&all)
}

#[test]
fn tokens_under_each_kind_of_key_are_taken_and_under_no_other_name_or_algorithm() {
    let keys = Keys::new();
    let ours = trusting(&keys.set(), &json!([ofsted()])).unwrap();
    let claims = of_ofsted(&json!({}));
    let kinds = [Algorithm::EdDSA, Algorithm::ES256, Algorithm::RS256];
    for kind in kinds {
        let token = sign(&header(kind), &claims, &keys.signing(kind));
        assert_eq!(ours.verify(&token, now()), Ok(Arc::new(inspector())), "{kind:?}");
        for other in kinds.into_iter().filter(|other| *other != kind) {
            // The name of one key, the algorithm and signature of another.
            let header = Header { kid: Some(name(other)), ..Header::new(kind) };
            let swapped = sign(&header, &claims, &keys.signing(kind));
            let refused = ours.verify(&swapped, now());
            assert_eq!(refused, Err(CredentialError::NotOurs), "{kind:?} as {other:?}");
        }
        let unnamed = sign(&Header::new(kind), &claims, &keys.signing(kind));
        assert_eq!(ours.verify(&unnamed, now()), Err(CredentialError::KeyUnknown));
    }
    for longer in [Algorithm::RS384, Algorithm::RS512, Algorithm::PS256] {
        let header = Header { kid: Some(name(Algorithm::RS256)), ..Header::new(longer) };
        let token = sign(&header, &claims, &keys.signing(Algorithm::RS256));
        assert_eq!(ours.verify(&token, now()), Err(CredentialError::NotOurs), "{longer:?}");
    }
    // A public key is no secret: what is signed with it as if it were one is nobody's.
    let secret = EncodingKey::from_secret(RSA_PUBLIC.as_bytes());
    let confused = Header { kid: Some(name(Algorithm::RS256)), ..Header::new(Algorithm::HS256) };
    let confused = sign(&confused, &claims, &secret);
    assert_eq!(ours.verify(&confused, now()), Err(CredentialError::NotOurs));
}

#[test]
fn keys_that_are_not_for_this_are_passed_over() {
    let keys = Keys::new();
    let good = keys.jwk(Algorithm::EdDSA);
    let with = |name: &str, value: Value| {
        let mut jwk = good.clone();
        jwk[name] = value;
        jwk
    };
    let secret = json!({"kty": "oct", "k": encoded(&[7; 32]), "kid": name(Algorithm::EdDSA)});
    let short =
        Jwk::from_decoding_key(&DecodingKey::from_rsa_pem(RSA_SHORT.as_bytes()).unwrap(), None);
    let curve =
        Jwk::from_decoding_key(&DecodingKey::from_ec_pem(OTHER_CURVE.as_bytes()).unwrap(), None);
    let of_lists = |jwk: Result<Jwk, _>| serde_json::to_value(jwk.unwrap()).unwrap();
    for (row, jwk) in [
        ("for encryption", with("use", "enc".into())),
        ("for signing alone", with("key_ops", json!(["sign"]))),
        ("for another algorithm", with("alg", "ES256".into())),
        ("with its private half", with("d", encoded(&[7; 32]).into())),
        ("a secret", secret),
        ("a short one", of_lists(short)),
        ("on another curve", of_lists(curve)),
        ("nothing known", json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AA", "kid": "a"})),
    ] {
        let alone = trusting(&json!({"keys": [jwk.clone()]}), &json!([ofsted()])).map(drop);
        let error = alone.unwrap_err().to_string();
        assert!(error.contains("has no key that is taken"), "{row}: {error}");
        let other = keys.jwk(Algorithm::ES256);
        assert!(trusting(&json!({"keys": [jwk, other]}), &json!([ofsted()])).is_ok(), "{row}");
    }
    let twice = json!({"keys": [good.clone(), good]});
    let error = trusting(&twice, &json!([ofsted()])).map(drop).unwrap_err().to_string();
    assert!(error.contains("two keys of one kid"), "{error}");
}

#[test]
fn a_public_key_in_pem_will_do() {
    let folder = tempfile::tempdir().unwrap();
    let issuer = json!({"issuer": OFSTED, "keys": "ofsted.pem", "organisations": ["ofsted"]});
    let document = json!({"issuers": [issuer]}).to_string();
    let trusted = |pem: &str| {
        std::fs::write(folder.path().join("ofsted.pem"), pem).unwrap();
        Credentials::of_issuers(document.as_bytes(), folder.path())
    };
    let claims = of_ofsted(&json!({}));
    let signing = EncodingKey::from_rsa_pem(RSA_PRIVATE).unwrap();
    let ours = trusted(RSA_PUBLIC).unwrap();
    // Which name its issuer gives it does not matter: there is one.
    for header in [Header::new(Algorithm::RS256), header(Algorithm::RS256)] {
        let token = sign(&header, &claims, &signing);
        assert_eq!(ours.verify(&token, now()), Ok(Arc::new(inspector())));
    }
    for bad in [RSA_SHORT, OTHER_CURVE, std::str::from_utf8(RSA_PRIVATE).unwrap(), "", "keys"] {
        assert!(trusted(bad).is_err(), "{bad}");
    }
    // Of two, which one is meant?
    let error = trusted(&format!("{RSA_PUBLIC}\n{RSA_PUBLIC}")).map(drop).unwrap_err().to_string();
    assert!(error.contains("more than one block of PEM"), "{error}");
}

#[test]
fn claims_are_read_as_the_file_says() {
    let keys = Keys::new();
    let mut issuer = ofsted();
    issuer["audience"] = "apa".into();
    issuer["leewaySeconds"] = 0.into();
    issuer["claims"] = json!({"login": "preferred_username", "roles": "/realm_access/roles"});
    issuer["roles"] = json!({"apa-inspectors": "inspector", "apa-leads": "lead-inspector"});
    let ours = trusting(&keys.set(), &json!([issuer])).unwrap();
    let signed = |others: Value| {
        sign(&header(Algorithm::ES256), &of_ofsted(&others), &keys.signing(Algorithm::ES256))
    };
    let said = json!({
        "aud": ["account", "apa"], "sub": "f3b1", "org": null, "roles": null,
        "preferred_username": "j.smith",
        "realm_access": {"roles": ["offline_access", "apa-inspectors", "apa-leads"]},
    });
    assert_eq!(ours.verify(&signed(said.clone()), now()), Ok(Arc::new(inspector())));
    let with = |name: &str, value: Value| {
        let mut said = said.clone();
        said[name] = value;
        ours.verify(&signed(said), now())
    };
    let groups = json!({"roles": ["offline_access", "auditor"]});
    assert_eq!(
        with("realm_access", groups),
        Err(CredentialError::NoRole),
        "no role of the ledger's"
    );
    assert_eq!(with("aud", "judgement-ledger".into()), Err(CredentialError::NotOurs));
    assert_eq!(with("exp", NOW.into()), Err(CredentialError::Expired), "no leeway");
    assert_eq!(with("preferred_username", Value::Null), Err(CredentialError::BadLogin));
    assert_eq!(with("org", "csci".into()), Err(CredentialError::NotItsOrganisation));
    assert!(with("org", "ofsted".into()).is_ok());
}

#[test]
fn each_issuer_speaks_for_its_own_organisations_under_its_own_keys() {
    let keys = Keys::new();
    let csci = json!({"issuer": "csci", "keys": "keys.json", "organisations": ["csci", "chai"]});
    let ours = trusting(&keys.set(), &json!([ofsted(), csci])).unwrap();
    let by = |issuer: &str, organisation: Value| {
        let claims = replaced(&json!({"iss": issuer, "org": organisation, "roles": "consumer"}));
        let token = sign(&header(Algorithm::EdDSA), &claims, &keys.signing(Algorithm::EdDSA));
        ours.verify(&token, now()).map(|it| it.organisation.to_string())
    };
    assert_eq!(by(OFSTED, Value::Null), Ok("ofsted".to_owned()));
    assert_eq!(by("csci", "chai".into()), Ok("chai".to_owned()));
    assert_eq!(by("csci", Value::Null), Err(CredentialError::BadOrganisation), "it has two");
    assert_eq!(by("csci", "ofsted".into()), Err(CredentialError::NotItsOrganisation));
    assert_eq!(by("judgement-ledger", "ofsted".into()), Err(CredentialError::NotOurs));
}

#[test]
fn a_file_of_issuers_that_is_wrong_is_refused_for_what_is_wrong() {
    let keys = Keys::new().set();
    let with = |name: &str, value: Value| {
        let mut issuer = ofsted();
        issuer[name] = value;
        json!([issuer])
    };
    for (issuers, said) in [
        (json!([]), "names no issuer"),
        (json!([ofsted(), ofsted()]), "stands twice"),
        (with("organisations", json!([])), "organisations must be ids"),
        (with("organisations", json!(["Ofsted!"])), "organisations must be ids"),
        (with("leewaySeconds", 61.into()), "60 at most"),
        (with("roles", json!({"a": "admin"})), "admin is no role"),
        (with("roles", json!({"a": "service"})), "service is no role"),
        (with("keys", "http://id.ofsted.example/keys".into()), "an https address"),
        (with("keys", "ftp://id.ofsted.example/keys".into()), "an https address"),
        (with("keys", "other.json".into()), "cannot be read"),
        (with("audiences", json!([])), "unknown field `audiences`"),
        (
            json!([ofsted(), {"issuer": "b", "keys": "keys.json", "organisations": ["ofsted"]}]),
            "two issuers speak for ofsted",
        ),
    ] {
        let error = trusting(&keys, &issuers).map(drop).unwrap_err().to_string();
        assert!(error.contains(said), "{issuers}: {error}");
        assert!(error.matches("cannot be read").count() < 2, "{error}");
    }
    assert!(trusting(&keys, &with("keys", "https://id.ofsted.example/keys".into())).is_ok());
}

#[test]
fn a_file_of_keys_that_changes_is_read_again_and_a_key_that_is_gone_counts_no_more() {
    let (old, new) = (Keys::new(), Keys::new());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.json");
    let write = |content: String| std::fs::write(&path, content).unwrap();
    let only = |keys: &Keys| json!({"keys": [keys.jwk(Algorithm::ES256)]}).to_string();
    write(only(&old));
    let document = json!({"issuers": [ofsted()]}).to_string();
    let ours = Credentials::of_issuers(document.as_bytes(), folder.path()).unwrap();
    let token = |keys: &Keys| {
        let signing = keys.signing(Algorithm::ES256);
        sign(&header(Algorithm::ES256), &of_ofsted(&json!({})), &signing)
    };
    let takes = |keys: &Keys| ours.verify(&token(keys), now()).is_ok();
    // The same token, since ECDSA signs otherwise each time.
    let known = token(&old);
    assert!(ours.verify(&known, now()).is_ok());
    assert!(!takes(&new));
    write("{".to_owned());
    ours.refresh();
    assert!(takes(&old), "what is broken changes nothing");
    write(only(&new));
    ours.refresh();
    assert!(takes(&new));
    assert_eq!(ours.verify(&known, now()), Err(CredentialError::NotOurs));
}

/// An address that gives keys, and counts how often it is asked.
pub(super) struct Address {
    pub(super) url: String,
    asked: Arc<AtomicUsize>,
    answer: Arc<Mutex<Option<String>>>,
}

impl Address {
    pub(super) fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let (asked, answer) = (Arc::<AtomicUsize>::default(), Arc::new(Mutex::new(None)));
        let (count, answers) = (Arc::clone(&asked), Arc::clone(&answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let _ = stream.read(&mut [0; 4_096]).unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let given: Option<String> = answers.lock().unwrap().clone();
                let said = match given {
                    Some(keys) => {
                        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{keys}", keys.len())
                    }
                    None => "HTTP/1.1 503 Away\r\nContent-Length: 0\r\n\r\n".to_owned(),
                };
                stream.write_all(said.as_bytes()).unwrap();
            }
        });
        Self { url, asked, answer }
    }

    pub(super) fn gives(&self, keys: Option<&Value>) {
        *self.answer.lock().unwrap() = keys.map(ToString::to_string);
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn at(address: &Address) -> Credentials {
    let issuer = json!({"issuer": OFSTED, "keys": address.url, "organisations": ["ofsted"]});
    let document = json!({"issuers": [issuer]}).to_string();
    Credentials::of_issuers(document.as_bytes(), Path::new("")).unwrap()
}

#[tokio::test(start_paused = true)]
async fn keys_at_an_address_are_asked_for_now_and_then_and_kept_for_a_day() {
    let (address, keys) = (Address::open(), Keys::new());
    let token = sign(&header(Algorithm::EdDSA), &of_ofsted(&json!({})), &signing());
    let ours = at(&address);
    assert_eq!(ours.verify(&token, now()), Err(CredentialError::Unchecked));
    ours.refresh();
    ours.refresh();
    assert_eq!(address.asked(), 1, "who is away is not asked without a pause");
    address.gives(Some(&keys.set()));
    tokio::time::advance(Duration::from_secs(10)).await;
    ours.refresh();
    assert!(ours.verify(&token, now()).is_ok());
    tokio::time::advance(Duration::from_mins(4)).await;
    ours.refresh();
    assert_eq!(address.asked(), 2);
    address.gives(None);
    for _ in 0..4 {
        tokio::time::advance(Duration::from_hours(5)).await;
        ours.refresh();
        assert!(ours.verify(&token, now()).is_ok(), "what was had last counts");
    }
    assert_eq!(address.asked(), 6);
    tokio::time::advance(Duration::from_hours(5)).await;
    assert_eq!(ours.verify(&token, now()), Err(CredentialError::Unchecked), "but not for ever");
}

#[tokio::test(start_paused = true)]
async fn names_of_keys_that_somebody_makes_up_cause_no_storm() {
    let (address, keys) = (Address::open(), Keys::new());
    address.gives(Some(&json!({"keys": [keys.jwk(Algorithm::ES256)]})));
    let ours = Arc::new(at(&address));
    ours.refresh();
    let token = sign(&header(Algorithm::EdDSA), &of_ofsted(&json!({})), &signing());
    assert_eq!(ours.verify(&token, now()), Err(CredentialError::KeyUnknown));
    ours.look_again(&token).await;
    assert_eq!(address.asked(), 1, "they were looked at a moment ago");
    tokio::time::advance(Duration::from_secs(10)).await;
    address.gives(Some(&keys.set()));
    let all: Vec<_> = (0..50)
        .map(|_| {
            let (ours, token) = (Arc::clone(&ours), token.clone());
            tokio::spawn(async move {
                ours.look_again(&token).await;
                ours.verify(&token, now()).is_ok()
            })
        })
        .collect();
    for each in all {
        assert!(each.await.unwrap(), "everybody waits for what one of them finds");
    }
    assert_eq!(address.asked(), 2);
    let unheard_of = Header { kid: Some("a".to_owned()), ..Header::new(Algorithm::EdDSA) };
    let unheard_of = sign(&unheard_of, &of_ofsted(&json!({})), &signing());
    for _ in 0..100 {
        ours.look_again(&unheard_of).await;
        assert_eq!(ours.verify(&unheard_of, now()), Err(CredentialError::KeyUnknown));
    }
    assert_eq!(address.asked(), 2);
    let nobodys = with(&json!({"iss": "nobody"}));
    tokio::time::advance(Duration::from_secs(10)).await;
    ours.look_again(&nobodys).await;
    assert_eq!(address.asked(), 2, "who is no issuer is not asked about");
}
