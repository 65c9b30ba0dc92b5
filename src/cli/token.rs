//! `token`: makes a credential for development.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::{
    failure::Failure,
    flags,
    output::Output,
    wiring::{self, Login},
};
use crate::judgement::{OrganisationId, Role, Text};

/// Where real credentials come from.
pub(super) const AFTER_HELP: &str = r#"The key is 32 bytes, for example of `head -c 32 /dev/urandom`; whoever has it can be anybody, and a server
that is started with it believes that. Where judgements matter let an identity provider say who is who:
`serve --issuers FILE`, with a FILE such as

  {"issuers": [{
    "issuer": "https://id.ofsted.example/realms/staff",
    "keys": "https://id.ofsted.example/realms/staff/certs",
    "organisations": ["ofsted"],
    "audience": "judgement-ledger",
    "claims": {"login": "sub", "organisation": "org", "roles": "roles"},
    "roles": {"their-name-of-it": "inspector"},
    "leewaySeconds": 30
  }]}

`keys` is a JWK set (a file or an HTTPS address) or a file of one public key in PEM; a claim that lies
deeper is named by a JSON pointer, such as /realm_access/roles. What follows `organisations` may be left
out. Paths are relative to the file."#;

/// What `token` is told.
#[derive(Debug, Clone, Args)]
pub struct TokenFlags {
    /// Whose credential it is, for example `a@ofsted`.
    #[arg(long, env = "JUDGEMENT_LEDGER_TOKEN_LOGIN", value_parser = login)]
    pub login: Text,
    /// For whom the login acts, for example `ofsted`.
    #[arg(long, env = "JUDGEMENT_LEDGER_TOKEN_ORGANISATION", value_parser = organisation)]
    pub organisation: OrganisationId,
    /// What the login may do. May be repeated.
    #[arg(
        long = "role",
        value_name = "ROLE",
        env = "JUDGEMENT_LEDGER_TOKEN_ROLES",
        required = true,
        value_delimiter = ',',
        value_parser = flags::role()
    )]
    pub roles: Vec<Role>,
    /// For how long it is accepted, for example `8h`.
    #[arg(long, env = "JUDGEMENT_LEDGER_TOKEN_VALID", default_value = "8h", value_parser = valid)]
    pub valid: Duration,
    /// The file of the key that the server checks credentials with.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_TOKEN_KEY_FILE")]
    pub key_file: PathBuf,
}

/// Prints a credential.
pub(super) fn run(flags: &TokenFlags, output: &mut Output) -> Result<(), Failure> {
    let login = Login {
        name: flags.login.clone(),
        organisation: flags.organisation.clone(),
        roles: flags.roles.clone(),
        valid: flags.valid,
    };
    output.line(&wiring::mint(&login, &flags.key_file)?)
}

fn login(given: &str) -> Result<Text, String> {
    Text::parse(given).map_err(|error| error.to_string())
}

fn organisation(given: &str) -> Result<OrganisationId, String> {
    OrganisationId::parse(given).map_err(|error| error.to_string())
}

/// Reads how long something may take, `8h`.
pub(super) fn valid(given: &str) -> Result<Duration, String> {
    let duration = given.parse::<jiff::SignedDuration>().ok();
    let duration = duration.and_then(|it| Duration::try_from(it).ok());
    duration.filter(|it| !it.is_zero()).ok_or_else(|| "say how long, such as 8h or 30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_valid_for_some_time() {
        assert_eq!(valid("8h"), Ok(Duration::from_hours(8)));
        assert!(valid("-8h").is_err());
        assert!(valid("0s").is_err());
        assert!(valid("always").is_err());
    }
}
