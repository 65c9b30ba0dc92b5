//! What `serve --dev` puts into its directory, and how it greets whoever tries it: an address, three
//! logins, and an example that records a grade and changes it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    failure::Failure,
    wiring::{self, Login, Mint},
};
use crate::{
    judgement::{OrganisationId, Role, Text},
    rpc::PAGES,
};

/// The example: an import file.
const EXAMPLE: &str = include_str!("example.json");
/// For whom the logins act: one of the two who sign the framework of the example.
const ORGANISATION: &str = "ofsted";
/// How long the credentials are accepted: a day's work.
const VALID: Duration = Duration::from_hours(12);

/// The logins, and what each may do. The first one's token is printed.
const LOGINS: [(&str, &[Role]); 3] = [
    ("auditor", &[Role::Auditor]),
    ("inspector", &[Role::FrameworkAdmin, Role::LeadInspector, Role::Inspector]),
    ("moderator", &[Role::Moderator]),
];

/// Writes the example and a token for each login into `directory`; what to say about them.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn welcome(url: &str, directory: &Path, mint: &Mint) -> Result<Vec<String>, Failure> {
    write(&directory.join("example.json"), EXAMPLE)?;
    let mut tokens = Vec::with_capacity(LOGINS.len());
    for (name, roles) in LOGINS {
        let odd = || Failure::misused("the login of --dev is no login");
        let login = Login {
            name: Text::parse(format!("{name}@{ORGANISATION}")).map_err(|_| odd())?,
            organisation: OrganisationId::parse(ORGANISATION).map_err(|_| odd())?,
            roles: roles.to_vec(),
            valid: VALID,
        };
        let minted = mint(&login)?;
        write(&token(directory, name), &minted)?;
        tokens.push(minted);
    }
    let auditor = tokens.first().map(String::as_str).unwrap_or_default();
    Ok(greeting(url, directory, auditor))
}

fn token(directory: &Path, login: &str) -> PathBuf {
    directory.join(format!("{login}.token"))
}

fn write(path: &Path, content: &str) -> Result<(), Failure> {
    let failed = |source| Failure::File { doing: "write", path: path.to_owned(), source };
    fs::write(path, content).map_err(failed)
}

fn greeting(url: &str, directory: &Path, auditor: &str) -> Vec<String> {
    let token = |login| token(directory, login).display().to_string();
    let (inspector, moderator) = (token("inspector"), token("moderator"));
    let (example, key) =
        (directory.join("example.json"), wiring::token_key(&wiring::ledger_in(directory)));
    let (example, key) = (example.display(), key.display());
    vec![
        format!("A ledger to throw away listens on {url}. It is gone when you stop it."),
        String::new(),
        format!("  export JUDGEMENT_LEDGER_SERVER={url}"),
        format!("  export JUDGEMENT_LEDGER_TOKEN={auditor}"),
        String::new(),
        "An auditor's token: it reads all and writes nothing, here and in a browser:".to_owned(),
        String::new(),
        format!("  {url}{PAGES}/"),
        String::new(),
        "An inspector and a moderator write, for example a grade that changes hands, which the auditor"
            .to_owned(),
        "then finds:".to_owned(),
        String::new(),
        format!("  judgement-ledger import {example} \\"),
        format!("    --token-file {inspector} \\"),
        format!("    --token-file moderator={moderator}"),
        "  judgement-ledger history leicester-city/apa-2006".to_owned(),
        "  judgement-ledger audit --change lowered".to_owned(),
        String::new(),
        "Other logins:".to_owned(),
        String::new(),
        format!("  judgement-ledger token --key-file {key} \\"),
        "    --login a@csci --organisation csci --role signatory".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_names_files_that_are_there() {
        let directory = tempfile::tempdir().unwrap();
        let mint: Mint = Box::new(|login| Ok(login.name.as_str().to_owned()));
        let lines = welcome("http://127.0.0.1:4000", directory.path(), &mint).unwrap();
        let inside = directory.path().to_str().unwrap();
        let named: Vec<_> = lines
            .iter()
            .filter_map(|line| line.split(['=', ' ', ')']).find(|it| it.starts_with(inside)))
            .collect();
        assert_eq!(named.len(), 4, "{lines:#?}");
        let exported = "  export JUDGEMENT_LEDGER_TOKEN=auditor@ofsted";
        assert!(lines.iter().any(|line| line == exported), "{lines:#?}");
        for file in named.iter().filter(|it| !it.ends_with("token.key")) {
            assert!(Path::new(file).is_file(), "{file}");
        }
    }
}
