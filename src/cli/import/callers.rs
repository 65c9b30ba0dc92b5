//! The logins of an import: a name, as steps say it, and the token behind it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::file::{DEFAULT_CREDENTIAL, Step};
use crate::cli::{
    client::{Client, Connection, Token, dial},
    failure::Failure,
    flags::ServerFlags,
};

/// One connection, and a caller for each credential.
#[derive(Debug)]
pub(in crate::cli) struct Callers {
    clients: BTreeMap<String, Client>,
}

impl Callers {
    /// Connects once, with a caller for each of `files`. Without a file for the default
    /// credential, its token is the environment's, if there is one.
    pub(super) async fn connect(
        server: &ServerFlags,
        files: &[(String, PathBuf)],
    ) -> Result<Self, Failure> {
        let mut tokens = BTreeMap::new();
        tokens.insert(DEFAULT_CREDENTIAL.to_owned(), Token::find(None)?);
        for (name, file) in files {
            tokens.insert(name.clone(), Some(Token::read(file)?));
        }
        Ok(Self::new(&dial(server).await?, tokens))
    }

    /// Callers on a connection that is there already.
    pub(in crate::cli) fn new(
        connection: &Connection,
        tokens: BTreeMap<String, Option<Token>>,
    ) -> Self {
        let client = |token| Client::new(connection.clone(), token);
        Self { clients: tokens.into_iter().map(|(name, token)| (name, client(token))).collect() }
    }

    /// Every step's credential is bound to a token, before anything is sent.
    pub(super) fn check(&self, steps: &[Step], origin: &str) -> Result<(), Failure> {
        let unbound = steps.iter().find(|step| !self.clients.contains_key(step.credential()));
        unbound.map_or(Ok(()), |step| {
            let name = step.credential();
            Err(Failure::misused(format!(
                "{origin}, line {}: no token is bound to the credential {name}; say \
                 --token-file {name}=FILE",
                step.line
            )))
        })
    }

    /// The caller of `step`.
    pub(super) fn of(&self, step: &Step) -> Result<&Client, Failure> {
        let found = self.clients.get(step.credential());
        found.ok_or_else(|| Failure::misused(format!("no login is {}", step.credential())))
    }
}

/// Reads `name=FILE`, or `FILE` for the default credential.
pub(super) fn named_file(given: &str) -> Result<(String, PathBuf), String> {
    match given.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => {
            Ok((name.to_owned(), PathBuf::from(file)))
        }
        Some(_) => Err("say NAME=FILE, or FILE".to_owned()),
        None => Ok((DEFAULT_CREDENTIAL.to_owned(), Path::new(given).to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::import::file::parse;

    #[test]
    fn a_token_file_has_a_name_or_is_the_default() {
        assert_eq!(named_file("lead=a/b"), Ok(("lead".to_owned(), PathBuf::from("a/b"))));
        assert_eq!(named_file("a/b"), Ok(("default".to_owned(), PathBuf::from("a/b"))));
        assert!(named_file("=a").is_err());
    }

    #[tokio::test]
    async fn a_credential_without_a_token_is_named_before_anything_is_sent() {
        let callers =
            Callers::new(&Connection::to_nobody(), BTreeMap::from([("default".to_owned(), None)]));
        let step = r#"{"credential": "lead", "registerSubject": {"subject": "subjects/a"}}"#;
        let steps = parse(&format!("\n{step}"), "letter.json").unwrap();
        let failure = callers.check(&steps, "letter.json").unwrap_err();
        assert_eq!(
            failure.lines(),
            ["error: letter.json, line 2: no token is bound to the credential lead; say \
              --token-file lead=FILE"]
        );
        assert_eq!(failure.exit_code(), 2);
    }
}
