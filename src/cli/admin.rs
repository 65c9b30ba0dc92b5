//! The way to the operator's socket, and `info`: how a ledger stands.

use std::path::PathBuf;

use clap::{ArgMatches, Args, Command, FromArgMatches, parser::ValueSource};
use jiff::Timestamp;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

use super::{
    admin_socket,
    failure::Failure,
    json,
    output::{Format, Output},
    socket,
};
use crate::pb::{self, admin_service_client::AdminServiceClient};

/// The largest message: a piece of a backup is about a mebibyte, and has an entry more at most.
const MESSAGE_BYTES_MAX: usize = 32 << 20;

/// Where the operator's socket is.
#[derive(Debug, Clone)]
pub struct AdminFlags(Named);

/// Both ways to say it.
#[derive(Debug, Clone, Args)]
struct Named {
    /// The operator's socket of the server.
    #[arg(
        long,
        value_name = "PATH",
        env = "JUDGEMENT_LEDGER_ADMIN_SOCKET",
        required_unless_present = "data"
    )]
    admin_socket: Option<PathBuf>,
    /// The directory of the ledger that is served, in which the socket lies unless another was named.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_DATA")]
    data: Option<PathBuf>,
}

impl FromArgMatches for AdminFlags {
    /// What the command line says wins over what the environment says, also where one names the socket
    /// and the other the directory that it lies in.
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut named = Named::from_arg_matches(matches)?;
        let said = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
        if said("data") && !said("admin_socket") {
            named.admin_socket = None;
        }
        Ok(Self(named))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for AdminFlags {
    fn augment_args(command: Command) -> Command {
        Named::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Named::augment_args_for_update(command)
    }
}

impl AdminFlags {
    fn path(&self) -> PathBuf {
        let Named { admin_socket, data } = &self.0;
        let within = || data.as_ref().map(|data| data.join(admin_socket::NAME));
        admin_socket.clone().or_else(within).unwrap_or_default()
    }

    /// A caller of the operator's service.
    ///
    /// # Errors
    /// If nobody listens on the socket, or this account may not open it.
    pub(super) async fn connect(&self) -> Result<AdminServiceClient<Channel>, Failure> {
        let path = self.path();
        socket::check(&path)?;
        let odd = || Failure::misused(format!("{}: say it in UTF-8", path.display()));
        let name = path.to_str().ok_or_else(odd)?;
        let endpoint = Endpoint::from_shared(format!("unix://{name}")).map_err(|_| odd())?;
        let channel = endpoint.connect().await.map_err(|error| {
            let source = std::io::Error::other(error);
            let doing = "reach a server on the operator's socket";
            Failure::File { doing, path: path.clone(), source }
        })?;
        Ok(AdminServiceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX))
    }
}

/// What `info` is told.
#[derive(Debug, Clone, Args)]
pub struct InfoFlags {
    /// Where to ask.
    #[command(flatten)]
    pub admin: AdminFlags,
    /// How the answer is shown.
    #[arg(long, env = "JUDGEMENT_LEDGER_FORMAT", default_value = "table")]
    pub format: Format,
}

/// Shows how a ledger stands.
pub(super) async fn run(flags: &InfoFlags, output: &mut Output) -> Result<(), Failure> {
    let mut client = flags.admin.connect().await?;
    let info = client.get_info(pb::GetInfoRequest {}).await;
    let info = info.map_err(|status| Failure::refused("how the ledger stands", status))?;
    let info = Shown::of(info.into_inner())?;
    match flags.format {
        Format::Json => output.line(&json::line(&info.info)?),
        Format::Table => output.lines(&info.lines()),
    }
}

/// What is shown of a ledger.
struct Shown {
    info: pb::Info,
    ledger: Uuid,
    started_at: Timestamp,
    recorded_at: Option<Timestamp>,
}

impl Shown {
    fn of(info: pb::Info) -> Result<Self, Failure> {
        let ledger = ledger_id(&info.ledger_id)?;
        let started_at = time(info.started_at);
        let started_at = started_at.ok_or(Failure::Unexpected { what: "time of its start" })?;
        let recorded_at = time(info.recorded_at).filter(|_| info.position > 0);
        Ok(Self { info, ledger: Uuid::from_bytes(ledger), started_at, recorded_at })
    }

    fn formats(&self) -> impl Iterator<Item = (&str, u32)> {
        self.info.formats.iter().map(|it| (it.name.as_str(), it.version))
    }

    fn lines(&self) -> Vec<String> {
        let last = self.recorded_at.map(|it| format!(", recorded at {it}")).unwrap_or_default();
        let reads = if self.info.reads_answered { "answered" } else { "the views are folded anew" };
        let writes = match self.info.read_only.as_str() {
            "" => "taken",
            why => why,
        };
        let durability = match self.info.durability() {
            pb::Durability::Unspecified => "not said",
            pb::Durability::Disk => "disk: an answered command survives a loss of power",
            pb::Durability::Local => {
                "local: an answered command may be lost with the primary's machine"
            }
            pb::Durability::Quorum => "quorum: an answered command survives the loss of a machine",
        };
        let formats: Vec<_> =
            self.formats().map(|(name, version)| format!("{name} {version}")).collect();
        let mut lines = vec![
            format!("program     judgement-ledger {}", self.info.version),
            format!("ledger      {}", self.ledger),
            format!("origin      {}", self.info.origin),
            format!("serves      since {}", self.started_at),
            format!("records     {}{last}", self.info.position),
            format!("checkpoint  over {} records", self.info.covered),
            format!("readings    {reads}"),
            format!("commands    {writes}"),
            format!("durability  {durability}"),
            format!("formats     {}", formats.join(", ")),
        ];
        lines.extend(self.info.keys.iter().map(|key| format!("key         {key}")));
        lines
    }
}

/// A ledger's id as it was sent.
pub(super) fn ledger_id(sent: &[u8]) -> Result<[u8; 16], Failure> {
    sent.try_into().map_err(|_| Failure::Unexpected { what: "id of the ledger" })
}

fn time(sent: Option<prost_types::Timestamp>) -> Option<Timestamp> {
    sent.and_then(|it| Timestamp::new(it.seconds, it.nanos).ok())
}
