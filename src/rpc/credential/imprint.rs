//! What the log may say of a credential: enough to tell it from others and to find it at its issuer,
//! and nothing by which anybody could use it or read a login.

use super::{claims::Claims, issuer::Issuer};
use crate::{judgement::OrganisationId, merkle::sha256};

/// How many bytes of a digest are shown: eight, as 16 hexadecimal digits. Nobody can be confused with
/// another by chance, and nobody rests a proof on it.
const SHOWN_BYTES: usize = 8;

/// What tells one credential from others. Only of one whose issuer's signature was found to be good:
/// what nobody signed could say anything of anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rpc) struct Imprint {
    /// Who issued it, by the name that the operator gave.
    pub(in crate::rpc) issuer: String,
    /// For which organisation, if it says so as it should.
    pub(in crate::rpc) organisation: Option<OrganisationId>,
    /// The beginning of the SHA-256 of its `jti`; of one without, of its issuer and its subject (`sub`,
    /// else the claim of the login) with a line feed between. Whoever has the issuer's records can
    /// compute it; nobody can read it.
    pub(in crate::rpc) id: String,
}

impl Imprint {
    /// What the claims of a token leave in the log, which an issuer signed.
    pub(super) fn of(issuer: &Issuer, claims: &Claims) -> Self {
        let digest = match claims.token_id() {
            Some(id) => sha256(&[id.as_bytes()]),
            None => {
                let subject = claims.subject().or_else(|| issuer.mapping.stated_login(claims));
                let subject = subject.unwrap_or_default();
                sha256(&[issuer.name.as_bytes(), b"\n", subject.as_bytes()])
            }
        };
        Self {
            issuer: issuer.name.clone(),
            organisation: issuer.mapping.organisation(claims).ok(),
            id: digest.as_bytes().iter().take(SHOWN_BYTES).map(|it| format!("{it:02x}")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::rpc::credential::development;

    fn imprint(claims: serde_json::Value) -> Imprint {
        let (_, issuer) = development::under(&[7; 32]).unwrap();
        Imprint::of(&issuer, &serde_json::from_value(claims).unwrap())
    }

    /// As `printf %s … | sha256sum | cut -c 1-16` says it.
    #[test]
    fn a_credential_is_told_by_its_id_or_else_by_its_subject() {
        let with_id = imprint(json!({"jti": "7d0b6a10", "sub": "j.smith", "org": "ofsted"}));
        let without = imprint(json!({"sub": "j.smith", "org": "ofsted"}));
        assert_eq!(with_id.id, "1e2741106db1d857");
        assert_eq!(without.id, "80ef988b6dfbda0d");
        for one in [&with_id, &without] {
            assert_eq!(one.issuer, "judgement-ledger");
            assert_eq!(one.organisation, OrganisationId::parse("ofsted").ok());
        }
        // An id that is none says nothing.
        for id in [json!(""), json!(7), json!(null)] {
            assert_eq!(imprint(json!({"jti": id, "sub": "j.smith"})).id, without.id);
        }
        assert_eq!(imprint(json!({"sub": "j.smith", "org": "Not an id"})).organisation, None);
        assert_ne!(imprint(json!({"sub": "j.smitt"})).id, without.id);
    }
}
