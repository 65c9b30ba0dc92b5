//! Tokens that are taken, and the table of those that are not.

use serde_json::{Value, json};

use super::*;

const KEY: &[u8] = b"a key of thirty-two bytes or more";
const NOW: i64 = 1_162_339_200; // 1 November 2006

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

fn credentials() -> Credentials {
    Credentials::new(KEY).unwrap()
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

/// Signs the claims, with some replaced; a replacement by null leaves the claim out.
fn signed(header: &Header, replaced: &Value, key: &[u8]) -> String {
    let mut claims = claims();
    for (name, value) in replaced.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    jsonwebtoken::encode(header, &claims, &EncodingKey::from_secret(key)).unwrap()
}

fn with(replaced: &Value) -> String {
    signed(&Header::new(Algorithm::HS256), replaced, KEY)
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
fn a_key_is_as_long_as_the_hash() {
    let short = Credentials::new(&KEY[..31]).map(drop);
    assert_eq!(short, Err(CredentialError::KeyTooShort { bytes: 31 }));
    assert_eq!(format!("{:?}", credentials()), "Credentials(<key>)");
}

#[test]
fn a_bad_credential_is_refused_for_what_is_bad_about_it() {
    use CredentialError::{
        AuditorWrites, BadLogin, BadOrganisation, BadRole, Expired, NoRole, NotOurs, NotYet,
        TooLong,
    };
    let hs512 = signed(&Header::new(Algorithm::HS512), &json!({}), KEY);
    let critical = Header { crit: Some(vec!["exp".to_owned()]), ..Header::new(Algorithm::HS256) };
    let good = with(&json!({}));
    let (signed_part, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = signed_part.split_once('.').unwrap();
    let flipped: String = signature.chars().rev().collect();
    // {"alg":"none","typ":"JWT"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let rows = [
        ("empty", String::new(), NotOurs),
        ("no token", "Bearer".to_owned(), NotOurs),
        ("two parts", signed_part.to_owned(), NotOurs),
        ("signature left out", format!("{signed_part}."), NotOurs),
        ("signature changed", format!("{signed_part}.{flipped}"), NotOurs),
        ("alg none, no signature", format!("{none}.{payload}."), NotOurs),
        ("alg none, signature kept", format!("{none}.{payload}.{signature}"), NotOurs),
        ("header of another token", format!("{header}.e30.{signature}"), NotOurs),
        ("another algorithm of the same key", hs512, NotOurs),
        ("another key", signed(&Header::new(Algorithm::HS256), &json!({}), &[7; 32]), NotOurs),
        ("something critical", signed(&critical, &json!({}), KEY), NotOurs),
        ("another issuer", with(&json!({"iss": "somebody"})), NotOurs),
        ("no issuer", with(&json!({"iss": null})), NotOurs),
        ("another audience", with(&json!({"aud": "another-ledger"})), NotOurs),
        ("no audience", with(&json!({"aud": null})), NotOurs),
        ("no expiry", with(&json!({"exp": null})), NotOurs),
        ("an expiry that is no number", with(&json!({"exp": "never"})), NotOurs),
        ("expired", with(&json!({"exp": NOW - 30})), Expired),
        ("not valid yet", with(&json!({"nbf": NOW + 31})), NotYet),
        ("no login", with(&json!({"sub": null})), NotOurs),
        ("an empty login", with(&json!({"sub": ""})), BadLogin),
        ("a long login", with(&json!({"sub": "x".repeat(201)})), BadLogin),
        ("no organisation", with(&json!({"org": null})), NotOurs),
        ("a bad organisation", with(&json!({"org": "Ofsted!"})), BadOrganisation),
        ("roles that are no list", with(&json!({"roles": "auditor"})), NotOurs),
        ("no role", with(&json!({"roles": []})), NoRole),
        ("an unknown role", with(&json!({"roles": ["admin"]})), BadRole),
        ("the service's role", with(&json!({"roles": ["service"]})), BadRole),
        ("auditor and writer", with(&json!({"roles": ["auditor", "publisher"]})), AuditorWrites),
        ("too long", "x".repeat(8 * 1024 + 1), TooLong { bytes: 8 * 1024 + 1 }),
    ];
    for (row, token, error) in rows {
        assert_eq!(credentials().verify(&token, now()), Err(error), "{row}");
    }
    assert_eq!(credentials().verify(&good, now()), Ok(Arc::new(inspector())));
}
