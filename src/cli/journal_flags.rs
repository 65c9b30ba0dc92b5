//! Where a ledger's journal lies, as an operator says it.

use std::{
    collections::BTreeMap,
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use clap::{Args, ValueEnum};

use super::{engine::JournalAt, failure::Failure};
use crate::journal::{
    Durability,
    postgres::{self, PostgresOptions},
};

/// A database, or a file that says where the databases of ledgers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Databases {
    /// One, by its address.
    One(String),
    /// A directory of ledgers: a JSON object of their names and the addresses of their databases.
    Directory(PathBuf),
}

impl FromStr for Databases {
    type Err = String;

    fn from_str(given: &str) -> Result<Self, String> {
        if given.starts_with("postgres://") || given.starts_with("postgresql://") {
            return Ok(Self::One(given.to_owned()));
        }
        if given.contains("://") {
            return Err("say postgres://USER@HOST:PORT,HOST:PORT/DATABASE, or a file".to_owned());
        }
        Ok(Self::Directory(PathBuf::from(given)))
    }
}

/// What it takes until a command is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DurabilityFlag {
    /// It is on the primary's disk and on a standby's at least.
    Quorum,
    /// It is on the primary's disk, and may be lost with that machine.
    Local,
}

/// How a database is reached, and which of its ledgers is meant.
#[derive(Debug, Clone, Args)]
pub struct DatabaseFlags {
    /// Keep the journal in PostgreSQL, where several servers share it: the address of the database, or a
    /// JSON file that is a directory of ledgers, with the address of each one's database under its name.
    /// Default: in files of the ledger's directory.
    #[arg(long, value_name = "URL|FILE", env = "JUDGEMENT_LEDGER_JOURNAL", hide_env_values = true)]
    pub journal: Option<Databases>,
    /// Which ledger of the database, or of the directory of ledgers.
    #[arg(
        long,
        value_name = "NAME",
        env = "JUDGEMENT_LEDGER_NAME",
        default_value = "main",
        requires = "journal"
    )]
    pub ledger: String,
    /// The file of the database's password, so that it need not stand in an address.
    #[arg(
        long,
        value_name = "FILE",
        env = "JUDGEMENT_LEDGER_JOURNAL_PASSWORD_FILE",
        requires = "journal"
    )]
    pub journal_password_file: Option<PathBuf>,
    /// The authorities whose certificates the database may show, in PEM, where its address says
    /// sslmode=require. Default: those that browsers trust.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_JOURNAL_CA", requires = "journal")]
    pub journal_ca: Option<PathBuf>,
    /// Speak in clear with a database on another machine: say that the network between is yours alone.
    #[arg(long, env = "JUDGEMENT_LEDGER_JOURNAL_INSECURE", requires = "journal")]
    pub journal_insecure: bool,
}

impl DatabaseFlags {
    /// The database of the ledger that is meant; nothing if its journal is in files.
    ///
    /// # Errors
    /// If the directory of ledgers cannot be read, or has not got it.
    pub(super) fn database(
        &self,
        durability: DurabilityFlag,
    ) -> Result<Option<PostgresOptions>, Failure> {
        let url = match &self.journal {
            None => return Ok(None),
            Some(Databases::One(url)) => url.clone(),
            Some(Databases::Directory(path)) => listed(path, &self.ledger)?,
        };
        Ok(Some(PostgresOptions {
            url,
            password_file: self.journal_password_file.clone(),
            authorities: self.journal_ca.clone(),
            insecure: self.journal_insecure,
            ledger: self.ledger.clone(),
            durability: match durability {
                DurabilityFlag::Quorum => Durability::Quorum,
                DurabilityFlag::Local => Durability::Local,
            },
        }))
    }
}

/// The address of a ledger's database in a directory of ledgers.
fn listed(path: &Path, ledger: &str) -> Result<String, Failure> {
    let doing = "read the directory of ledgers";
    let text = fs::read_to_string(path).map_err(|source| Failure::File {
        doing,
        path: path.to_owned(),
        source,
    })?;
    let shown = path.display();
    let listed: BTreeMap<String, String> = serde_json::from_str(&text).map_err(|error| {
        Failure::misused(format!(
            "{shown} is no directory of ledgers: {error}; write {{\"NAME\": \"postgres://…\"}}"
        ))
    })?;
    listed.get(ledger).cloned().ok_or_else(|| {
        let names: Vec<_> = listed.keys().map(String::as_str).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        Failure::misused(format!("{shown} lists no ledger {ledger}; it lists: {names}"))
    })
}

/// Where the journal of a server lies, and the keyring beside it.
#[derive(Debug, Clone, Args)]
pub struct JournalFlags {
    /// The database.
    #[command(flatten)]
    pub database: DatabaseFlags,
    /// What it takes until a command is answered. A server does not begin on a database that gives less.
    #[arg(
        long,
        value_name = "LEVEL",
        env = "JUDGEMENT_LEDGER_DURABILITY",
        default_value = "quorum",
        requires = "journal"
    )]
    pub durability: DurabilityFlag,
    /// The directory of the keyring. With --journal: one that all servers of the ledger share, on a file
    /// system that locks across machines, such as NFS 4. Default: `keys` in the ledger's directory.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_KEYS_DIR")]
    pub keys_dir: Option<PathBuf>,
}

impl JournalFlags {
    /// Whether others may serve the ledger as well.
    pub(super) fn is_shared(&self) -> bool {
        self.database.journal.is_some()
    }

    /// Where the journal lies.
    ///
    /// # Errors
    /// As [`DatabaseFlags::database`]; if the ledger is shared and its keyring is not.
    pub(super) fn place(&self) -> Result<JournalAt, Failure> {
        let Some(options) = self.database.database(self.durability)? else {
            return Ok(JournalAt::Directory);
        };
        if self.keys_dir.is_none() {
            return Err(Failure::misused(
                "several servers share a journal in PostgreSQL, and each must find the keys of the \
                 others' texts: name a directory that they share with --keys-dir",
            ));
        }
        Ok(JournalAt::Postgres(options))
    }
}

/// What is said of it at the start, without secrets.
impl fmt::Display for JournalFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DatabaseFlags { journal, ledger, .. } = &self.database;
        match journal {
            None => f.write_str("in files"),
            Some(Databases::One(url)) => {
                write!(f, "ledger {ledger} at {}", postgres::place_of(url))
            }
            Some(Databases::Directory(path)) => {
                write!(f, "ledger {ledger} of those in {}", path.display())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        flags: JournalFlags,
    }

    fn flags(given: &[&str]) -> Result<JournalFlags, clap::Error> {
        let given = std::iter::once("serve").chain(given.iter().copied());
        Command::try_parse_from(given).map(|command| command.flags)
    }

    const URL: &str = "postgres://ledger:hunter2@one:5432,two:5433/apa";

    #[test]
    fn a_journal_is_in_files_unless_a_database_is_named() {
        let none = flags(&[]).unwrap();
        assert!(matches!(none.place(), Ok(JournalAt::Directory)));
        assert!(!none.is_shared());
        assert!(flags(&["--ledger", "apa"]).is_err(), "a ledger of no database");
        assert!(flags(&["--durability", "local"]).is_err());
        assert!(flags(&["--journal", "mysql://one/apa"]).is_err());
    }

    #[test]
    fn a_shared_journal_needs_a_shared_keyring() {
        let alone = flags(&["--journal", URL]).unwrap();
        assert_eq!(alone.place().map(drop).unwrap_err().exit_code(), 2);
        let shared = flags(&["--journal", URL, "--keys-dir", "/keys"]).unwrap();
        let JournalAt::Postgres(options) = shared.place().unwrap() else { panic!("in files") };
        assert_eq!((options.ledger.as_str(), options.durability), ("main", Durability::Quorum));
    }

    #[test]
    fn a_directory_of_ledgers_says_where_each_is() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        write!(file, r#"{{"apa": "{URL}", "jar": "postgres://three/jar"}}"#).unwrap();
        let path = file.path().to_str().unwrap();
        let of = |ledger| flags(&["--journal", path, "--ledger", ledger]).unwrap();
        let url = |ledger| {
            let options = of(ledger).database.database(DurabilityFlag::Local)?.unwrap();
            Ok::<_, Failure>(options.url)
        };
        assert_eq!(url("jar").unwrap(), "postgres://three/jar");
        let unknown = url("iso").unwrap_err();
        assert!(unknown.to_string().contains("it lists: apa, jar"), "{unknown}");
        fs::write(path, "…").unwrap();
        assert!(url("jar").unwrap_err().to_string().contains("is no directory of ledgers"));
    }

    #[test]
    fn what_is_said_of_it_has_no_password() {
        let said = flags(&["--journal", URL, "--ledger", "apa"]).unwrap().to_string();
        assert_eq!(said, "ledger apa at one:5432,two:5433/apa");
        assert_eq!(flags(&[]).unwrap().to_string(), "in files");
    }
}
