//! Why a server is not reached, or a connection to it broke: told apart by the error itself, so that
//! what a caller is told to mend is what is wrong.

use std::{error::Error, io};

use tokio_rustls::rustls::{self, AlertDescription, CertificateError};

/// A connection that is none, or is no more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", fault.sentence(server))]
pub struct Broken {
    server: String,
    fault: Fault,
    #[source]
    cause: Cause,
}

/// What was said of it, as deep as anybody said anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Cause(String);

/// What is wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nobody listens there.
    Nobody,
    /// The way there is closed, or its name is unknown.
    NoWay,
    /// The server's certificate is of an authority that is not trusted.
    Authority,
    /// The server's certificate has expired.
    Expired,
    /// The time of the server's certificate has not come.
    NotYet,
    /// The server's certificate is for another name.
    OtherName,
    /// The server's certificate is of no use otherwise.
    BadCertificate,
    /// Both speak TLS, in no version that both know.
    Versions,
    /// It speaks no TLS.
    NoTls,
    /// It speaks TLS, and was spoken to in clear.
    Tls,
    /// It wants a client certificate.
    CertificateWanted,
    /// It does not take the client certificate.
    CertificateRefused,
    /// It closed the connection and had not said a word; what is spoken.
    Unheard(Spoken),
    /// It did not answer in time.
    Silent,
    /// It was there, and broke.
    Broke,
}

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoken {
    /// In clear.
    Clear,
    /// Over TLS.
    Tls,
}

impl Broken {
    /// That `server` is not reached, or no more, and how that showed.
    pub(super) fn new(server: &str, fault: Fault, error: &(dyn Error + 'static)) -> Self {
        let deepest = causes(error).last().map(ToString::to_string).unwrap_or_default();
        Self { server: server.to_owned(), fault, cause: Cause(deepest) }
    }

    /// The one among the causes of an error.
    pub(in crate::cli) fn among<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e Self> {
        causes(error).find_map(<dyn Error>::downcast_ref)
    }

    /// What to do, where a command may have reached the server.
    pub(in crate::cli) fn next_step(&self) -> Option<&'static str> {
        matches!(self.fault, Fault::Silent | Fault::Broke).then_some(
            "ask again; of a command, with the same request id: that records nothing twice",
        )
    }
}

impl Fault {
    /// What an error means where nothing else is known of it.
    pub(super) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        causes(error).find_map(|cause| {
            if let Some(tls) = cause.downcast_ref() {
                return Some(Self::of_tls(tls));
            }
            if cause.is::<tonic::TimeoutExpired>() {
                return Some(Self::Silent);
            }
            let io: &io::Error = cause.downcast_ref()?;
            let nobody = [io::ErrorKind::ConnectionRefused, io::ErrorKind::NotFound];
            nobody.contains(&io.kind()).then_some(Self::Nobody)
        })
    }

    fn of_tls(error: &rustls::Error) -> Self {
        if let rustls::Error::InvalidCertificate(error) = error {
            return Self::of_certificate(error);
        }
        if let rustls::Error::AlertReceived(alert) = error {
            return Self::of_alert(*alert);
        }
        if matches!(error, rustls::Error::PeerIncompatible(_)) {
            return Self::Versions;
        }
        if matches!(error, rustls::Error::InvalidMessage(_)) { Self::NoTls } else { Self::Broke }
    }

    fn of_certificate(error: &CertificateError) -> Self {
        use CertificateError as It;
        if matches!(error, It::UnknownIssuer) {
            Self::Authority
        } else if matches!(error, It::Expired | It::ExpiredContext { .. }) {
            Self::Expired
        } else if matches!(error, It::NotValidYet | It::NotValidYetContext { .. }) {
            Self::NotYet
        } else if matches!(error, It::NotValidForName | It::NotValidForNameContext { .. }) {
            Self::OtherName
        } else {
            Self::BadCertificate
        }
    }

    fn of_alert(alert: AlertDescription) -> Self {
        use AlertDescription as It;
        let refusing = [
            It::BadCertificate,
            It::UnsupportedCertificate,
            It::CertificateRevoked,
            It::CertificateExpired,
            It::CertificateUnknown,
            It::UnknownCA,
            It::AccessDenied,
            It::DecryptError,
        ];
        if alert == It::CertificateRequired {
            Self::CertificateWanted
        } else if alert == It::ProtocolVersion {
            Self::Versions
        } else if refusing.contains(&alert) {
            Self::CertificateRefused
        } else {
            Self::Broke
        }
    }

    /// What is wrong, and what to mend.
    fn sentence(self, server: &str) -> String {
        let of = |what: &str| format!("the certificate of {server} {what}");
        let it = |what: &str| format!("{server} {what}");
        match self {
            Self::Nobody => format!(
                "nothing listens on {server}; start it with `judgement-ledger serve --dev`, or name \
                 another with --server"
            ),
            Self::NoWay => it("cannot be reached; name another with --server"),
            Self::Authority => {
                of("is of an authority that is not trusted; name the one that signed it with --ca")
            }
            Self::Expired => of("has expired: the server needs a new one"),
            Self::NotYet => of("is not valid yet; is the clock of this machine right?"),
            Self::OtherName => {
                of("is for another name; say in --server a name that stands in the certificate")
            }
            Self::BadCertificate => of("cannot be used"),
            Self::Versions => it("speaks no version of TLS that is spoken here (1.3 and 1.2)"),
            Self::NoTls => {
                it("does not speak TLS; if it is to be in clear, say http:// in --server")
            }
            Self::Tls => it("speaks TLS; say https:// in --server"),
            Self::CertificateWanted => {
                it("lets nobody in without a client certificate; show one with --certificate and \
                 --certificate-key")
            }
            Self::CertificateRefused => {
                it("does not take this client certificate; show another with --certificate and \
                 --certificate-key")
            }
            Self::Unheard(Spoken::Clear) => it(
                "closed the connection without a word; if it speaks TLS, say https:// in --server",
            ),
            Self::Unheard(Spoken::Tls) => it(
                "closed the connection without a word; if it wants a client certificate, show one \
                 with --certificate and --certificate-key, and if it speaks no TLS, say http://",
            ),
            Self::Silent => it("did not answer in time"),
            Self::Broke => format!("the connection to {server} broke"),
        }
    }
}

/// An error, what caused it, and so on. What an I/O error carries is a cause of it too.
fn causes<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let carried = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match carried {
            Some(carried) => Some(carried),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_io_error_carries_is_found() {
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRevoked);
        let carried = io::Error::new(io::ErrorKind::InvalidData, alert);
        assert_eq!(Fault::of(&carried), Some(Fault::CertificateRefused));
        assert_eq!(Fault::of(&io::Error::other("elsewhere")), None);
        let broken = Broken::new("https://a", Fault::Broke, &carried);
        let within = io::Error::other(broken.clone());
        assert_eq!(Broken::among(&within), Some(&broken));
        assert_eq!(
            broken.source().unwrap().to_string(),
            "received fatal alert: CertificateRevoked"
        );
    }
}
