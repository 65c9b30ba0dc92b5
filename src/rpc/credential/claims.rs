//! What a token claims, and whom that makes its bearer.
//!
//! A claim is named by its name, or where it lies deeper by a JSON pointer (RFC 6901), which begins
//! with `/`: Keycloak's roles are at `/realm_access/roles`. By default:
//!
//! | of the bearer | claim |
//! |---|---|
//! | login | `sub` |
//! | organisation | `org`; none is needed of an issuer that speaks for one organisation |
//! | roles | `roles`: a list of names, or one text in which blanks divide them |
//!
//! Without a table of roles each name must be one of a role (Spec §6). With one, only the names that
//! stand in it count, so that an issuer may use its groups for other things, too.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};

use super::CredentialError;
use crate::{
    judgement::{OrganisationId, Role},
    rpc::{caller::Identity, certificate::Fingerprint},
};

/// The claims of a token: a JSON object in which no name stands twice, at any depth. What stands
/// twice is read as one thing here and as the other elsewhere.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Claims(Value);

/// Which claim says what, for one issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mapping {
    /// The claim of the login.
    pub(super) login: String,
    /// The claim of the organisation.
    pub(super) organisation: String,
    /// The claim of the roles.
    pub(super) roles: String,
    /// The names of roles that count, if not their own.
    pub(super) named: Option<BTreeMap<String, Role>>,
    /// For whom the issuer speaks; everybody, if it is the ledger's own.
    pub(super) organisations: Option<Vec<OrganisationId>>,
}

impl Mapping {
    /// What tokens say that the ledger makes itself, for development.
    pub(super) fn of_development() -> Self {
        Self {
            login: "sub".to_owned(),
            organisation: "org".to_owned(),
            roles: "roles".to_owned(),
            named: None,
            organisations: None,
        }
    }

    /// Who bears a token with these claims.
    ///
    /// # Errors
    /// [`CredentialError`]: nobody, and why.
    pub(super) fn identity(&self, claims: &Claims) -> Result<Identity, CredentialError> {
        let login = self.stated_login(claims).ok_or(CredentialError::BadLogin)?;
        let organisation = self.organisation(claims)?;
        let roles = self.roles(claims)?;
        Identity::checked(login, organisation, roles)
    }

    /// The login as it is claimed, be there such a login or not.
    pub(super) fn stated_login<'c>(&self, claims: &'c Claims) -> Option<&'c str> {
        claims.text(&self.login)
    }

    /// For which organisation the bearer acts.
    ///
    /// # Errors
    /// [`CredentialError`]: for none, or for one that is not the issuer's to name.
    pub(super) fn organisation(&self, claims: &Claims) -> Result<OrganisationId, CredentialError> {
        let stated = match claims.at(&self.organisation) {
            Some(stated) => {
                let stated = stated.as_str().and_then(|id| OrganisationId::parse(id).ok());
                Some(stated.ok_or(CredentialError::BadOrganisation)?)
            }
            None => None,
        };
        match (stated, self.organisations.as_deref()) {
            (Some(stated), None) => Ok(stated),
            (Some(stated), Some(those)) if those.contains(&stated) => Ok(stated),
            (Some(_), Some(_)) => Err(CredentialError::NotItsOrganisation),
            (None, Some([only])) => Ok(only.clone()),
            (None, Some(_) | None) => Err(CredentialError::BadOrganisation),
        }
    }

    fn roles(&self, claims: &Claims) -> Result<Vec<Role>, CredentialError> {
        let names: Vec<&str> = match claims.at(&self.roles) {
            Some(Value::String(names)) => names.split_ascii_whitespace().collect(),
            Some(Value::Array(names)) => {
                let names = names.iter().map(Value::as_str).collect::<Option<_>>();
                names.ok_or(CredentialError::BadRole)?
            }
            Some(Value::Null) | None => Vec::new(),
            Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => {
                return Err(CredentialError::BadRole);
            }
        };
        match &self.named {
            Some(table) => Ok(names.iter().filter_map(|name| table.get(*name)).copied().collect()),
            None => names.iter().map(|name| role(name)).collect(),
        }
    }
}

/// The role of a login that bears this name.
pub(super) fn role(name: &str) -> Result<Role, CredentialError> {
    let role = Role::parse(name).filter(|role| *role != Role::Service);
    role.ok_or(CredentialError::BadRole)
}

impl Claims {
    /// Who issued it, as far as it says so in one word.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.text("iss")
    }

    /// Its own id, if it has one. (RFC 7519 §4.1.7)
    pub(super) fn token_id(&self) -> Option<&str> {
        self.text("jti").filter(|id| !id.is_empty())
    }

    /// Of whom it speaks, as its issuer calls them. (RFC 7519 §4.1.2)
    pub(super) fn subject(&self) -> Option<&str> {
        self.text("sub")
    }

    /// When it was to expire, in seconds since 1970.
    pub(super) fn expiry(&self) -> Option<i64> {
        self.at("exp").and_then(Value::as_i64)
    }

    /// From when on it is valid, if it says so.
    ///
    /// # Errors
    /// [`CredentialError::NotOurs`] if it says so otherwise than in seconds.
    pub(super) fn not_before(&self) -> Result<Option<i64>, CredentialError> {
        let stated = self.at("nbf");
        stated.map(|it| it.as_i64().ok_or(CredentialError::NotOurs)).transpose()
    }

    /// The client certificate that it is bound to, if it is. (RFC 8705 §3.1)
    ///
    /// # Errors
    /// [`CredentialError::NotOurs`] if it is bound to something else, which cannot be checked.
    pub(super) fn bound_to(&self) -> Result<Option<Fingerprint>, CredentialError> {
        let Some(bound) = self.at("cnf") else { return Ok(None) };
        let thumbprint = bound.get("x5t#S256").and_then(Value::as_str);
        let fingerprint = thumbprint.and_then(Fingerprint::from_base64url);
        fingerprint.map(Some).ok_or(CredentialError::NotOurs)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.at(name).and_then(Value::as_str)
    }

    fn at(&self, name: &str) -> Option<&Value> {
        if name.starts_with('/') { self.0.pointer(name) } else { self.0.get(name) }
    }
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Unambiguous(value) = Unambiguous::deserialize(deserializer)?;
        if value.is_object() { Ok(Self(value)) } else { Err(D::Error::custom("no object")) }
    }
}

/// A JSON value in which no name of an object stands twice.
struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut given: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(Unambiguous(item)) = given.next_element()? {
            items.push(item);
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut given: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some((name, Unambiguous(value))) = given.next_entry::<String, _>()? {
            if fields.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Value::Object(fields))
    }
}
