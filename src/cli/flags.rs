//! What several verbs have in common on the command line, and how its words are read.

use std::path::PathBuf;

use clap::{Args, builder::PossibleValuesParser, builder::TypedValueParser};
use jiff::{Timestamp, civil::Date};

use super::output::Format;
use crate::{
    judgement::{AreaId, AssessmentId, FieldPath, FrameworkId, Role, StreamId, SubjectId},
    pb,
};

/// Where the server is, and how it is known to be the one.
#[derive(Debug, Clone, Args)]
pub struct ServerFlags {
    /// The server's address: `http://`, `https://` or `unix:PATH`.
    #[arg(
        long,
        value_name = "URL",
        env = "JUDGEMENT_LEDGER_SERVER",
        default_value = "http://127.0.0.1:50051",
        value_parser = server
    )]
    pub server: String,
    /// The authority that signed the server's certificate, in PEM. Default: those that browsers trust.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_CA")]
    pub ca: Option<PathBuf>,
    /// The certificate to show the server, in PEM.
    #[arg(
        long,
        value_name = "FILE",
        env = "JUDGEMENT_LEDGER_CERTIFICATE",
        requires = "certificate_key"
    )]
    pub certificate: Option<PathBuf>,
    /// The private key of that certificate, in PEM.
    #[arg(
        long,
        value_name = "FILE",
        env = "JUDGEMENT_LEDGER_CERTIFICATE_KEY",
        requires = "certificate"
    )]
    pub certificate_key: Option<PathBuf>,
}

impl ServerFlags {
    /// A server on this machine.
    pub(super) fn at(url: String) -> Self {
        Self { server: url, ca: None, certificate: None, certificate_key: None }
    }
}

/// Where the server is, who asks, and how the answer is shown.
#[derive(Debug, Clone, Args)]
pub struct ClientFlags {
    #[command(flatten)]
    /// Where the server is.
    pub server: ServerFlags,
    /// The file that holds the caller's token; else the token is taken from the environment
    /// variable `JUDGEMENT_LEDGER_TOKEN`.
    #[arg(long, value_name = "FILE", env = "JUDGEMENT_LEDGER_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// How the answer is shown.
    #[arg(long, env = "JUDGEMENT_LEDGER_FORMAT", default_value = "table")]
    pub format: Format,
}

/// What the ledger is asked to know.
#[derive(Debug, Clone, Args)]
pub struct KnownFlags {
    /// What the ledger knew at a moment: a record's position, or a time such as
    /// 2006-10-15T12:00:00Z. Default: now.
    #[arg(long, value_name = "MOMENT", env = "JUDGEMENT_LEDGER_KNOWN_AT", value_parser = moment)]
    pub known_at: Option<KnownAt>,
    /// The answer must know at least this position, a receipt's.
    #[arg(long, value_name = "POSITION", env = "JUDGEMENT_LEDGER_MIN_POSITION")]
    pub min_position: Option<u64>,
}

/// A moment of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownAt {
    /// When the record at this position was the last.
    Position(u64),
    /// A time.
    Time(Timestamp),
}

fn server(given: &str) -> Result<String, String> {
    if given.strip_prefix("unix:").is_some_and(|path| !path.is_empty()) {
        return Ok(given.to_owned());
    }
    let uri: http::Uri = given.parse().map_err(|error| format!("{error}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.authority().is_none() {
        return Err("say http://HOST:PORT, https://HOST:PORT or unix:PATH".to_owned());
    }
    Ok(given.trim_end_matches('/').to_owned())
}

fn moment(given: &str) -> Result<KnownAt, String> {
    if let Ok(position) = given.parse() {
        return Ok(KnownAt::Position(position));
    }
    let wanted = "a position such as 42, or a time such as 2006-10-15T12:00:00Z";
    given.parse().map(KnownAt::Time).map_err(|_| format!("say {wanted}"))
}

/// Reads a day, `2006-11-01`.
pub(super) fn day(given: &str) -> Result<Date, String> {
    given.parse().map_err(|_| "say a day such as 2006-11-01".to_owned())
}

/// Reads a time, `2006-11-01T09:00:00Z`.
pub(super) fn time(given: &str) -> Result<Timestamp, String> {
    given.parse().map_err(|_| "say a time such as 2006-11-01T09:00:00Z".to_owned())
}

/// Reads an assessment's resource name, or its short form `leicester-city/apa-2006`.
pub(super) fn assessment(given: &str) -> Result<AssessmentId, String> {
    let long = match given.split_once('/') {
        Some((subject, name)) if !name.contains('/') => {
            format!("subjects/{subject}/assessments/{name}")
        }
        Some(_) | None => given.to_owned(),
    };
    AssessmentId::parse(&long).map_err(|error| error.to_string())
}

/// Reads a framework's resource name, or its short form `apa/2006`.
pub(super) fn framework(given: &str) -> Result<FrameworkId, String> {
    let long = match given.split_once('/') {
        Some((family, version)) if !version.contains('/') => {
            format!("frameworks/{family}/versions/{version}")
        }
        Some(_) | None => given.to_owned(),
    };
    FrameworkId::parse(&long).map_err(|error| error.to_string())
}

/// Reads an area's id, `staying-safe`.
pub(super) fn area(given: &str) -> Result<AreaId, String> {
    AreaId::parse(given).map_err(|error| error.to_string())
}

/// Reads a subject's resource name, or its id alone.
pub(super) fn subject(given: &str) -> Result<SubjectId, String> {
    let id = given.strip_prefix("subjects/").unwrap_or(given);
    SubjectId::parse(id).map_err(|error| error.to_string())
}

/// Reads a stream's resource name.
pub(super) fn stream(given: &str) -> Result<StreamId, String> {
    StreamId::parse(given).map_err(|error| error.to_string())
}

/// The word on the command line for a value of an enum: `CHANGE_KIND_LOWERED` is `lowered`.
macro_rules! word_parser {
    ($name:ident, $type:ty, $prefix:literal, [$($word:literal),+ $(,)?]) => {
        #[doc = concat!("Reads a value of `", stringify!($type), "`.")]
        pub(super) fn $name() -> impl TypedValueParser<Value = $type> {
            PossibleValuesParser::new([$($word),+]).try_map(|word| {
                let name = format!("{}{}", $prefix, word.to_uppercase().replace('-', "_"));
                <$type>::from_str_name(&name).ok_or("no such value")
            })
        }
    };
}

word_parser!(
    change_kind,
    pb::ChangeKind,
    "CHANGE_KIND_",
    ["awarded", "raised", "lowered", "reaffirmed", "vacated"]
);
word_parser!(
    basis,
    pb::Basis,
    "BASIS_",
    ["new-evidence", "same-evidence", "data-corrected", "framework", "error"]
);
word_parser!(
    legal_basis,
    pb::LegalBasis,
    "LEGAL_BASIS_",
    [
        "erasure-request",
        "objection",
        "court-order",
        "retention-expired",
        "unlawfully-recorded",
        "safeguarding",
    ]
);
/// Reads the path of a field, `figures/0/measure`.
pub(super) fn field(given: &str) -> Result<FieldPath, String> {
    FieldPath::parse(given).map_err(|error| error.to_string())
}

/// Reads a role that a login may have.
pub(super) fn role() -> impl TypedValueParser<Value = Role> {
    let roles = Role::ALL.into_iter().filter(|role| *role != Role::Service);
    PossibleValuesParser::new(roles.map(Role::as_str))
        .try_map(|word| Role::parse(&word).ok_or("no such role"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_position_or_a_time() {
        assert_eq!(moment("42"), Ok(KnownAt::Position(42)));
        let noon = "2006-10-15T12:00:00Z".parse().unwrap();
        assert_eq!(moment("2006-10-15T12:00:00Z"), Ok(KnownAt::Time(noon)));
        assert!(moment("yesterday").unwrap_err().starts_with("say a position"));
    }

    #[test]
    fn names_have_a_short_form() {
        let long = "subjects/leicester-city/assessments/apa-2006";
        assert_eq!(assessment("leicester-city/apa-2006").unwrap().to_string(), long);
        assert_eq!(assessment(long).unwrap().to_string(), long);
        assert!(assessment("leicester-city").is_err());
        assert_eq!(framework("apa/2006").unwrap().to_string(), "frameworks/apa/versions/2006");
        assert!(framework("apa").is_err());
    }

    #[test]
    fn a_server_has_a_scheme_and_a_host_or_a_path() {
        assert_eq!(server("http://127.0.0.1:50051/").unwrap(), "http://127.0.0.1:50051");
        assert!(server("https://example.org").is_ok());
        assert!(server("unix:/run/ledger.sock").is_ok());
        for bad in ["127.0.0.1:50051", "ftp://example.org", "unix:", "https://"] {
            assert!(server(bad).is_err(), "{bad}");
        }
    }
}
