//! What the log may say of a credential: enough to tell it from others and to find it at its issuer,
//! and nothing by which anybody could use it or read a login.

use super::{claims::Claims, issuer::Issuer};
use crate::{judgement::OrganisationId, merkle::sha256};

/// What tells one credential from others. Only of one whose issuer's signature was found to be good:
/// what nobody signed could say anything of anybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rpc) struct Imprint {
    /// Who issued it, by the name that the operator gave.
    pub(in crate::rpc) issuer: String,
    /// For which organisation, if it says so as it should.
    pub(in crate::rpc) organisation: Option<OrganisationId>,
    /// The first eight bytes of the SHA-256 of its `jti`, as 16 hexadecimal digits; of one without, of its
    /// issuer and its subject (`sub`, else the claim of the login) with a line feed between. So much is
    /// enough that no two are mistaken for one by chance, and nobody rests a proof on it. Whoever has the
    /// issuer's records can compute it; nobody can read it.
    pub(in crate::rpc) id: String,
}

impl Imprint {
    /// What the claims of a token leave in the log, which an issuer signed.
    pub(super) fn of(issuer: &Issuer, claims: &Claims) -> Self {
        let digest = if let Some(id) = claims.token_id() {
            sha256(&[id.as_bytes()])
        } else {
            let subject = claims.subject().or_else(|| issuer.mapping.stated_login(claims));
            sha256(&[issuer.name.as_bytes(), b"\n", subject.unwrap_or_default().as_bytes()])
        };
        let shown = digest.as_bytes().first_chunk().copied().map_or(0, u64::from_be_bytes);
        Self {
            issuer: issuer.name.clone(),
            organisation: issuer.mapping.organisation(claims).ok(),
            id: format!("{shown:016x}"),
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
