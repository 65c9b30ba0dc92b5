//! Tokens that are taken, and the table of those that are not.

mod issuers;
mod trust;
mod turned;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, jwk::Jwk};
use serde_json::{Value, json};

use super::*;
use crate::judgement::{OrganisationId, Role, Text};

const SEED: &[u8; 32] = b"a seed of exactly thirty-two bts";
const NOW: i64 = 1_162_339_200; // 1 November 2006

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn credentials() -> Credentials {
    Credentials::new(SEED).unwrap()
}

fn signing_under(seed: &[u8; 32]) -> EncodingKey {
    let key = pkcs8_of(seed);
    EncodingKey::from_ed_der(&key)
}

/// A private key of PKCS #8.
fn pkcs8_of(seed: &[u8; 32]) -> Vec<u8> {
    let before = URL_SAFE_NO_PAD.decode("MC4CAQAwBQYDK2VwBCIEIA").unwrap();
    [&before, &seed[..]].concat()
}

fn signing() -> EncodingKey {
    signing_under(SEED)
}

fn public_of(seed: &[u8; 32]) -> [u8; 32] {
    ed25519_dalek::SigningKey::from_bytes(seed).verifying_key().to_bytes()
}

fn public_jwk(seed: &[u8; 32]) -> Jwk {
    Jwk::from_encoding_key(&signing_under(seed), Algorithm::EdDSA).unwrap()
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn inspector() -> Identity {
    Identity {
        login: Text::parse("j.smith").unwrap(),
        organisation: OrganisationId::parse("ofsted").unwrap(),
        roles: vec![Role::Inspector, Role::LeadInspector],
    }
}

fn claims() -> Value {
    json!({
        "iss": "judgement-ledger", "aud": "judgement-ledger", "sub": "j.smith", "org": "ofsted",
        "roles": ["inspector", "lead-inspector"], "exp": NOW + 60,
    })
}

/// Signs what is written, whatever it is.
fn sign(header: &Header, claims: &str, key: &EncodingKey) -> String {
    let header = encoded(&serde_json::to_vec(header).unwrap());
    let message = format!("{header}.{}", encoded(claims.as_bytes()));
    let algorithm = serde_json::from_slice::<Header>(&URL_SAFE_NO_PAD.decode(header).unwrap());
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm.unwrap().alg);
    format!("{message}.{}", signature.unwrap())
}

/// The claims, with some replaced; a replacement by null leaves the claim out.
fn replaced(others: &Value) -> String {
    let mut claims = claims();
    for (name, value) in others.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims.to_string()
}

fn with_text(claims: &str) -> String {
    sign(&Header::new(Algorithm::EdDSA), claims, &signing())
}

fn with(others: &Value) -> String {
    with_text(&replaced(others))
}

#[test]
fn what_is_minted_is_taken_until_it_expires() {
    let token = credentials().mint(&inspector(), now(), Duration::from_mins(1)).unwrap();
    let at = |second| credentials().verify(&token, Timestamp::from_second(second).unwrap());
    assert_eq!(at(NOW), Ok(Arc::new(inspector())));
    assert_eq!(at(NOW + 89), Ok(Arc::new(inspector())), "clocks may differ by 30 s");
    assert_eq!(at(NOW + 90), Err(CredentialError::Expired));
}

#[test]
fn a_credential_that_was_taken_once_is_checked_again_by_its_bytes_and_by_the_time() {
    let credentials = credentials();
    let at =
        |token: &str, second| credentials.verify(token, Timestamp::from_second(second).unwrap());
    let token = credentials.mint(&inspector(), now(), Duration::from_mins(1)).unwrap();
    assert!(at(&token, NOW).is_ok());
    assert_eq!(at(&token, NOW + 90), Err(CredentialError::Expired));
    assert!(at(&token, NOW).is_ok());
    let (content, signature) = token.rsplit_once('.').unwrap();
    let other = with(&json!({"sub": "somebody-else"}));
    let (claims, others) = other.rsplit_once('.').unwrap();
    assert!(at(&other, NOW).is_ok());
    for forged in [format!("{claims}.{signature}"), format!("{content}.{others}")] {
        assert_eq!(at(&forged, NOW), Err(CredentialError::NotOurs));
    }
    // What is signed and says what nobody may say is refused each time.
    let odd = with(&json!({"roles": ["auditor", "inspector"]}));
    assert_eq!(
        [at(&odd, NOW), at(&odd, NOW)],
        [(); 2].map(|()| Err(CredentialError::AuditorWrites))
    );
}

#[test]
fn nothing_is_minted_that_would_not_be_taken() {
    let minted = |roles| {
        let identity = Identity { roles, ..inspector() };
        credentials().mint(&identity, now(), Duration::from_mins(1)).map(drop)
    };
    assert_eq!(minted(vec![]), Err(CredentialError::NoRole));
    assert_eq!(minted(vec![Role::Service]), Err(CredentialError::BadRole));
    let both = vec![Role::Auditor, Role::Inspector];
    assert_eq!(minted(both), Err(CredentialError::AuditorWrites));
    assert_eq!(minted(vec![Role::Auditor, Role::Consumer]), Ok(()));
}

#[test]
fn a_key_is_a_seed() {
    for bytes in [31, 33] {
        let other = Credentials::new(&vec![7; bytes]).map(drop);
        assert_eq!(other, Err(CredentialError::BadKey { bytes }));
    }
    assert_eq!(format!("{:?}", credentials()), "Credentials(<keys>)");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a row for each way to be bad")]
fn a_bad_credential_is_refused_for_what_is_bad_about_it() {
    use CredentialError::{
        AuditorWrites, BadLogin, BadOrganisation, BadRole, Expired, NoRole, NotOurs, NotYet,
        TooLong,
    };
    let header = Header::new(Algorithm::EdDSA);
    let good = with(&json!({}));
    let (signed_part, signature) = good.rsplit_once('.').unwrap();
    let (written, payload) = signed_part.split_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    let none = encoded(br#"{"alg":"none","typ":"JWT"}"#);
    let as_secret = EncodingKey::from_secret(&public_of(SEED));
    let other_key = signing_under(&[7; 32]);
    let attackers = Jwk::from_encoding_key(&other_key, Algorithm::EdDSA).unwrap();
    let claims = claims();
    let text = serde_json::to_string(&claims).unwrap();
    let doubled =
        |name: &str, value: &str| text.replacen('{', &format!("{{\"{name}\":{value},"), 1);
    let bound = json!({"cnf": {"x5t#S256": encoded(&[7; 32])}});
    let rows = [
        ("empty", String::new(), NotOurs),
        ("no token", "Bearer".to_owned(), NotOurs),
        ("two parts", signed_part.to_owned(), NotOurs),
        ("four parts", format!("{good}.{signature}"), NotOurs),
        ("signature left out", format!("{signed_part}."), NotOurs),
        ("signature changed", format!("{signed_part}.{flipped}"), NotOurs),
        ("alg none, no signature", format!("{none}.{payload}."), NotOurs),
        ("alg none, signature kept", format!("{none}.{payload}.{signature}"), NotOurs),
        ("claims of another token", format!("{written}.e30.{signature}"), NotOurs),
        (
            "HS256 under the public key",
            sign(&Header::new(Algorithm::HS256), &text, &as_secret),
            NotOurs,
        ),
        (
            "HS512 under the public key",
            sign(&Header::new(Algorithm::HS512), &text, &as_secret),
            NotOurs,
        ),
        ("another key", sign(&header, &text, &other_key), NotOurs),
        (
            "a key of its own",
            sign(&Header { jwk: Some(attackers), ..header.clone() }, &text, &other_key),
            NotOurs,
        ),
        (
            "the right key, brought along",
            sign(&Header { jwk: Some(public_jwk(SEED)), ..header.clone() }, &text, &signing()),
            NotOurs,
        ),
        (
            "a place of keys",
            sign(
                &Header { jku: Some("https://a.example/".to_owned()), ..header.clone() },
                &text,
                &signing(),
            ),
            NotOurs,
        ),
        (
            "a place of certificates",
            sign(
                &Header { x5u: Some("https://a.example/".to_owned()), ..header.clone() },
                &text,
                &signing(),
            ),
            NotOurs,
        ),
        (
            "a certificate",
            sign(
                &Header { x5c: Some(vec!["AA==".to_owned()]), ..header.clone() },
                &text,
                &signing(),
            ),
            NotOurs,
        ),
        (
            "something critical",
            sign(
                &Header { crit: Some(vec!["exp".to_owned()]), ..header.clone() },
                &text,
                &signing(),
            ),
            NotOurs,
        ),
        ("another issuer", with(&json!({"iss": "somebody"})), NotOurs),
        ("issuers", with(&json!({"iss": ["judgement-ledger"]})), NotOurs),
        ("no issuer", with(&json!({"iss": null})), NotOurs),
        ("another audience", with(&json!({"aud": "another-ledger"})), NotOurs),
        ("no audience", with(&json!({"aud": null})), NotOurs),
        ("no expiry", with(&json!({"exp": null})), NotOurs),
        ("an expiry in words", with(&json!({"exp": "never"})), NotOurs),
        ("an expiry as a text", with(&json!({"exp": (NOW + 60).to_string()})), NotOurs),
        ("expired", with(&json!({"exp": NOW - 30})), Expired),
        ("not valid yet", with(&json!({"nbf": NOW + 31})), NotYet),
        ("a beginning as a text", with(&json!({"nbf": (NOW + 31).to_string()})), NotOurs),
        ("roles twice", sign(&header, &doubled("roles", "[\"publisher\"]"), &signing()), NotOurs),
        ("an expiry twice", sign(&header, &doubled("exp", "9999999999"), &signing()), NotOurs),
        (
            "a name twice, deeper",
            with_text(&text.replacen('{', "{\"a\":{\"b\":1,\"b\":2},", 1)),
            NotOurs,
        ),
        ("claims that are a list", with_text("[]"), NotOurs),
        ("no login", with(&json!({"sub": null})), BadLogin),
        ("an empty login", with(&json!({"sub": ""})), BadLogin),
        ("a long login", with(&json!({"sub": "x".repeat(201)})), BadLogin),
        ("no organisation", with(&json!({"org": null})), BadOrganisation),
        ("a bad organisation", with(&json!({"org": "Ofsted!"})), BadOrganisation),
        ("roles that are a number", with(&json!({"roles": 7})), BadRole),
        ("a role that is a number", with(&json!({"roles": [7]})), BadRole),
        ("no role", with(&json!({"roles": []})), NoRole),
        ("no roles at all", with(&json!({"roles": null})), NoRole),
        ("an unknown role", with(&json!({"roles": ["admin"]})), BadRole),
        ("the service's role", with(&json!({"roles": ["service"]})), BadRole),
        ("auditor and writer", with(&json!({"roles": ["auditor", "publisher"]})), AuditorWrites),
        ("bound to a certificate", with(&bound), CredentialError::BoundElsewhere),
        ("bound to something else", with(&json!({"cnf": {"kid": "a"}})), NotOurs),
        ("too long", "x".repeat(8 * 1024 + 1), TooLong { bytes: 8 * 1024 + 1 }),
    ];
    // Which of them somebody who checks tokens gets wrong.
    let mistaken = |check: &dyn Fn(&str) -> Result<Arc<Identity>, CredentialError>| {
        let wrong = rows.iter().filter(|(_, token, error)| check(token) != Err(error.clone()));
        wrong.map(|(row, ..)| *row).collect::<Vec<_>>()
    };
    assert_eq!(mistaken(&|token| credentials().verify(token, now())), [""; 0]);
    assert_eq!(credentials().verify(&good, now()), Ok(Arc::new(inspector())));
    // Who takes any is found out by each row; who believes what is written, without asking who signed
    // it, by those that are forged.
    assert_eq!(mistaken(&|_| Ok(Arc::new(inspector()))).len(), rows.len());
    let found_out = mistaken(&|token| believed(token));
    for row in ["signature left out", "signature changed", "another key", "a key of its own"] {
        assert!(found_out.contains(&row), "{row}: {found_out:?}");
    }
}

/// Whoever a token says its bearer is, whoever signed it.
fn believed(token: &str) -> Result<Arc<Identity>, CredentialError> {
    let read = dangerous::insecure_decode::<Claims>(token);
    let TokenData { claims, .. } = read.map_err(|_| CredentialError::NotOurs)?;
    claims::Mapping::of_development().identity(&claims).map(Arc::new)
}

#[test]
fn no_claim_but_those_that_the_operator_named_says_what_the_bearer_may() {
    for others in [
        json!({"role": "publisher"}),
        json!({"Roles": ["publisher"]}),
        json!({"groups": ["publisher"], "scope": "publisher"}),
        json!({"realm_access": {"roles": ["publisher"]}, "/roles": ["publisher"]}),
        json!({"nested": {"roles": ["publisher"], "org": "csci", "sub": "a.jones"}}),
    ] {
        let taken = credentials().verify(&with(&others), now());
        assert_eq!(taken, Ok(Arc::new(inspector())), "{others}");
    }
}

#[test]
fn a_beginning_may_be_left_out_and_counts_where_it_is_stated() {
    let at = |nbf: Value| credentials().verify(&with(&json!({"nbf": nbf})), now()).map(drop);
    assert_eq!(at(Value::Null), Ok(()));
    assert_eq!(at((NOW + 30).into()), Ok(()), "clocks may differ by 30 s");
    assert_eq!(at((NOW + 31).into()), Err(CredentialError::NotYet));
}
