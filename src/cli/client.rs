//! The way to a server: a connection with limits, and the caller's token on every call.

mod connection;
mod dial;
mod fault;

use std::{
    fs,
    path::{Path, PathBuf},
};

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
};

use super::{failure::Failure, flags::ClientFlags};
use crate::pb::{
    assessment_service_client::AssessmentServiceClient, audit_service_client::AuditServiceClient,
    evidence_service_client::EvidenceServiceClient,
    framework_service_client::FrameworkServiceClient, report_service_client::ReportServiceClient,
    transparency_service_client::TransparencyServiceClient,
};
pub(super) use connection::Connection;
pub(super) use dial::dial;
pub use fault::Broken;

/// The largest answer: a page of 1,000 rows with long rationales. More is not ours to hold.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// The environment variable that holds a token, where no file does.
const TOKEN_VARIABLE: &str = "JUDGEMENT_LEDGER_TOKEN";

/// A connection with a token on every call.
pub(super) type Authorised = InterceptedService<Connection, Bearer>;

/// A connection to a server as one caller.
#[derive(Debug, Clone)]
pub(super) struct Client {
    connection: Connection,
    bearer: Bearer,
}

impl Client {
    /// Connects as the flags say.
    pub(super) async fn connect(flags: &ClientFlags) -> Result<Self, Failure> {
        let token = Token::find(flags.token_file.as_deref())?;
        let connection = dial(&flags.server).await?;
        Ok(Self::new(connection, token))
    }

    /// A caller on a connection that others may share.
    pub(super) fn new(connection: Connection, token: Option<Token>) -> Self {
        Self { connection, bearer: Bearer(token) }
    }

    /// The service for assessments.
    pub(super) fn assessments(&self) -> AssessmentServiceClient<Authorised> {
        AssessmentServiceClient::with_interceptor(self.connection.clone(), self.bearer.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The service for auditors.
    pub(super) fn audit(&self) -> AuditServiceClient<Authorised> {
        AuditServiceClient::with_interceptor(self.connection.clone(), self.bearer.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The service that compares, counts and lines up.
    pub(super) fn reports(&self) -> ReportServiceClient<Authorised> {
        ReportServiceClient::with_interceptor(self.connection.clone(), self.bearer.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The service that hands out evidence.
    pub(super) fn evidence(&self) -> EvidenceServiceClient<Authorised> {
        EvidenceServiceClient::with_interceptor(self.connection.clone(), self.bearer.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The service that proves.
    pub(super) fn transparency(&self) -> TransparencyServiceClient<Authorised> {
        TransparencyServiceClient::with_interceptor(self.connection.clone(), self.bearer.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The service for frameworks and subjects.
    pub(super) fn frameworks(&self) -> FrameworkServiceClient<Authorised> {
        FrameworkServiceClient::with_interceptor(self.connection.clone(), self.bearer.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }
}

/// A caller's token. Never shown.
#[derive(Clone)]
pub(super) struct Token(MetadataValue<Ascii>);

impl Token {
    /// The token in `file`, else the environment's, else none.
    pub(super) fn find(file: Option<&Path>) -> Result<Option<Self>, Failure> {
        match file {
            Some(file) => Self::read(file).map(Some),
            None => match std::env::var(TOKEN_VARIABLE) {
                Ok(token) => Self::parse(&token, TOKEN_VARIABLE).map(Some),
                Err(_) => Ok(None),
            },
        }
    }

    /// The token in `file`.
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
        let path = PathBuf::from(file);
        let token = fs::read_to_string(file).map_err(|source| Failure::File {
            doing: "read the token in",
            path: path.clone(),
            source,
        })?;
        Self::parse(&token, &path.display().to_string())
    }

    /// The token that `given` is, without the blanks round it.
    pub(super) fn parse(given: &str, origin: &str) -> Result<Self, Failure> {
        let given = given.trim();
        let bad = || {
            let what = format!("{origin} holds no token: make one with `judgement-ledger token`");
            Failure::misused(what)
        };
        if given.is_empty() {
            return Err(bad());
        }
        let mut value: MetadataValue<Ascii> =
            format!("Bearer {given}").parse().map_err(|_| bad())?;
        value.set_sensitive(true);
        Ok(Self(value))
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Puts the caller's token on a call.
#[derive(Debug, Clone)]
pub(super) struct Bearer(Option<Token>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(Token(value)) = &self.0 {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_rides_on_every_call_and_is_never_shown() {
        let token = Token::parse("  abc.def\n", "a file").unwrap();
        assert_eq!(format!("{token:?}"), "Token(…)");
        let request = Bearer(Some(token)).call(Request::new(())).unwrap();
        let value = request.metadata().get("authorization").unwrap();
        assert_eq!((value.as_bytes(), value.is_sensitive()), (&b"Bearer abc.def"[..], true));
    }

    #[test]
    fn an_empty_token_is_misuse() {
        let failure = Token::parse(" \n", "token.txt").unwrap_err();
        assert_eq!(
            failure.lines(),
            ["error: token.txt holds no token: make one with `judgement-ledger token`"]
        );
    }
}
