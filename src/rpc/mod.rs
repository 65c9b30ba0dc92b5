//! The gRPC face: what comes in, who sent it, what is answered.
//!
//! A call passes the layers of [`layers`], the last of which says who calls ([`caller`]). Its
//! service reads the request once into a command ([`wire`]), hands it in ([`submit`]) and answers
//! with a receipt. Answers that are on the wire already, such as stored records, go out as they are
//! ([`served`]). [`status`] alone decides what a caller learns when something is refused. What
//! may be done is decided by the rules, not here: a service only needs to know who calls. Who may call
//! and see what is one table for both, [`crate::judgement::RIGHTS`]:
//!
#![doc = include_str!("rights.md")]

mod accesses;
mod admin;
mod admin_server;
mod asked;
mod assessments;
mod audit;
mod authorise;
mod batch;
mod bulk;
mod caller;
mod certificate;
mod covering;
mod credential;
mod doorway;
mod evidence;
mod files;
mod frameworks;
mod inside;
mod lasting;
mod layers;
mod options;
mod page_token;
mod publication;
mod reads;
mod redactions;
mod reports;
mod served;
mod server;
mod show;
mod sight;
mod status;
mod submit;
mod tls;
mod transparency;
mod vouched;
mod wire;

pub use admin::About;
pub use admin_server::serve_admin;
pub(crate) use audit::{fuzzed_expression, fuzzed_filter};
pub use caller::{Identity, Now};
pub(crate) use credential::fuzzed_issuers;
pub use credential::{BadKeys, CredentialError, Credentials, IssuersError, SourceError};
pub use doorway::Listener;
pub use inside::{Calls, Ended, Inside, LIVE_PAGE, PAGES, Pages};
pub(crate) use layers::http_code;
pub use options::{Limits, Reflection, ServeOptions};
pub(crate) use page_token::fuzzed_page_token;
pub use server::{ServeError, WRITES, WentDown, serve, serve_connections};
pub use status::{DOMAIN, Reason};
pub use tls::{ClientAuthority, ClientCertificates, Tls, TlsError, TlsFiles, TlsVersion};
