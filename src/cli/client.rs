//! The way to a server: a channel with limits, and the caller's token on every call.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity},
};

use super::{
    failure::Failure,
    flags::{ClientFlags, ServerFlags},
};
use crate::pb::{
    assessment_service_client::AssessmentServiceClient, audit_service_client::AuditServiceClient,
    evidence_service_client::EvidenceServiceClient,
    framework_service_client::FrameworkServiceClient, report_service_client::ReportServiceClient,
    transparency_service_client::TransparencyServiceClient,
};

/// Nobody waits longer for a server that does not answer the telephone.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A call answers, or begins to, within this time: the server's own limit and some way to go.
const CALL_TIMEOUT: Duration = Duration::from_mins(1);
/// How often a silent connection is asked whether it still lives, so that a stream that waits for
/// days learns of a server that died.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
/// The largest answer: a page of 1,000 rows with long rationales. More is not ours to hold.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// The environment variable that holds a token, where no file does.
const TOKEN_VARIABLE: &str = "JUDGEMENT_LEDGER_TOKEN";

/// A service's channel with a token on every call.
pub(super) type Authorised = InterceptedService<Channel, Bearer>;

/// A connection to a server as one caller.
#[derive(Debug, Clone)]
pub(super) struct Client {
    channel: Channel,
    bearer: Bearer,
}

impl Client {
    /// Connects as the flags say.
    pub(super) async fn connect(flags: &ClientFlags) -> Result<Self, Failure> {
        let token = Token::find(flags.token_file.as_deref())?;
        let channel = dial(&flags.server).await?;
        Ok(Self::new(channel, token))
    }

    /// A caller on a channel that others may share.
    pub(super) fn new(channel: Channel, token: Option<Token>) -> Self {
        Self { channel, bearer: Bearer(token) }
    }

    /// The service for assessments.
    pub(super) fn assessments(&self) -> AssessmentServiceClient<Authorised> {
        AssessmentServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The service for auditors.
    pub(super) fn audit(&self) -> AuditServiceClient<Authorised> {
        AuditServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The service that compares, counts and lines up.
    pub(super) fn reports(&self) -> ReportServiceClient<Authorised> {
        ReportServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The service that hands out evidence.
    pub(super) fn evidence(&self) -> EvidenceServiceClient<Authorised> {
        EvidenceServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The service that proves.
    pub(super) fn transparency(&self) -> TransparencyServiceClient<Authorised> {
        TransparencyServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// The service for frameworks and subjects.
    pub(super) fn frameworks(&self) -> FrameworkServiceClient<Authorised> {
        FrameworkServiceClient::with_interceptor(self.channel.clone(), self.bearer.clone())
            .max_decoding_message_size(ANSWER_BYTES_MAX)
    }
}

/// Connects to a server, or says that nothing is there.
pub(super) async fn dial(flags: &ServerFlags) -> Result<Channel, Failure> {
    endpoint(flags)?
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(CALL_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_while_idle(true)
        .tcp_nodelay(true)
        .connect()
        .await
        .map_err(|source| Failure::Unreachable { server: flags.server.clone(), source })
}

fn endpoint(flags: &ServerFlags) -> Result<Endpoint, Failure> {
    let misused = |error: tonic::transport::Error| Failure::misused(error.to_string());
    let endpoint = Endpoint::from_shared(flags.server.clone()).map_err(misused)?;
    if !flags.server.starts_with("https:") {
        return Ok(endpoint);
    }
    let read = |path: &Path| {
        let failed = |source| Failure::File { doing: "read", path: path.to_owned(), source };
        fs::read(path).map_err(failed)
    };
    let mut tls = ClientTlsConfig::new();
    tls = match &flags.ca {
        Some(ca) => tls.ca_certificate(Certificate::from_pem(read(ca)?)),
        None => tls.with_enabled_roots(),
    };
    if let Some((certificate, key)) = flags.certificate.as_ref().zip(flags.certificate_key.as_ref())
    {
        tls = tls.identity(Identity::from_pem(read(certificate)?, read(key)?));
    }
    endpoint.tls_config(tls).map_err(misused)
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

    #[tokio::test]
    async fn a_server_that_is_not_there_is_named_with_the_next_step() {
        let server = ServerFlags::at("http://127.0.0.1:1".to_owned());
        let failure = dial(&server).await.unwrap_err();
        assert_eq!(
            failure.lines().first().map(String::as_str),
            Some(
                "error: nothing listens on http://127.0.0.1:1; start it with \
                 `judgement-ledger serve --dev`, or name another with --server"
            )
        );
        assert_eq!(failure.exit_code(), 1);
    }
}
