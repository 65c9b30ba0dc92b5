//! `serve`: a server until it is told to stop.

use std::{fmt, fs, net::SocketAddr, path::PathBuf, sync::Arc};

use clap::Args;
use jiff::tz::TimeZone;
use tempfile::TempDir;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::{
    admin_socket, dev,
    face::FaceFlags,
    failure::Failure,
    first::{self, Making},
    journal_flags::JournalFlags,
    output::Output,
    probes::{self, AdminListen, AdminPort, Probes},
    signing::SignerOptions,
    socket,
    stopping::{self, Signals},
    supervisor,
    voice::Voice,
    wiring::{self, Clock, Keys, Running, Setup},
};
use crate::{
    merkle::KeyName,
    signer::Witness,
    telemetry::{Log, LogFormat, LogOptions},
};

/// What a supervisor must know.
pub(super) const AFTER_HELP: &str = "\
It stops on SIGTERM or ctrl-c, with exit code 0: health says NOT_SERVING, calls under way are finished,
streams are told where to go on. A second signal ends it at once, with exit code 1; whatever was answered
is there all the same. Exit code 3 says that
a write or a flush to the disk failed; it is never tried again, since nobody knows what is on the disk
after it. Whatever was answered is there; a command without an answer is recorded or not, and sending
it again with its request id tells which. Start the server again once the disk is well. On a full disk
it keeps running: reads go on, commands are refused with DISK_FULL, and once there is room they are
taken again.";

/// What `serve` is told. These flags are the whole configuration.
#[derive(Debug, Clone, Args)]
pub struct ServeFlags {
    #[command(flatten)]
    /// Where it listens, what it speaks there, and whom it believes.
    pub face: FaceFlags,
    /// The directory that holds the ledger; created if it is not there.
    #[arg(
        long,
        value_name = "DIR",
        env = "JUDGEMENT_LEDGER_DATA",
        required_unless_present = "dev",
        conflicts_with = "dev"
    )]
    pub data: Option<PathBuf>,
    /// Where its journal lies.
    #[command(flatten)]
    pub journal: JournalFlags,
    /// Make no ledger: end with exit code 2 if there is none in the directory, whose volume may not be
    /// mounted. The first start is made without it.
    #[arg(long, env = "JUDGEMENT_LEDGER_MUST_EXIST", conflicts_with = "dev")]
    pub must_exist: bool,
    /// For a try: a ledger in a directory that vanishes, with tokens and an example in it. Never
    /// for judgements that matter.
    #[arg(long, env = "JUDGEMENT_LEDGER_DEV")]
    pub dev: bool,
    /// In which zone a time is a day.
    #[arg(
        long,
        value_name = "ZONE",
        env = "JUDGEMENT_LEDGER_TIME_ZONE",
        default_value = "UTC",
        value_parser = time_zone
    )]
    pub time_zone: TimeZone,
    /// The file of the master key, which wraps the keys of texts.
    #[arg(
        long,
        value_name = "FILE",
        env = "JUDGEMENT_LEDGER_MASTER_KEY_FILE",
        required_unless_present = "dev"
    )]
    pub master_key_file: Option<PathBuf>,
    /// The directory of the signer: its keys, and its memory of what it signed. Keep it out of the
    /// ledger's directory and its backups. Default: `signer` beside the file of the master key.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_SIGNER_DIR", conflicts_with = "dev")]
    pub signer_dir: Option<PathBuf>,
    /// What the ledger is called in its checkpoints: a URL without its scheme, which it keeps for
    /// ever. Default: `judgement-ledger/` and its id.
    #[arg(long, value_name = "NAME", env = "JUDGEMENT_LEDGER_ORIGIN", value_parser = log_name)]
    pub origin: Option<String>,
    /// A witness that is asked to sign each checkpoint too: where it takes them, and the key by
    /// which it is believed. May be repeated. Default: none.
    #[arg(
        long = "witness",
        value_name = "URL=VKEY",
        env = "JUDGEMENT_LEDGER_WITNESSES",
        value_delimiter = ',',
        value_parser = witness
    )]
    pub witnesses: Vec<Witness>,
    /// Where the operator's socket is: only the account that runs the server may open it, and asks
    /// there for backups. Default: `admin.sock` in the ledger's directory.
    #[arg(long, value_name = "PATH", env = "JUDGEMENT_LEDGER_ADMIN_SOCKET")]
    pub admin_socket: Option<PathBuf>,
    /// The size of a journal segment.
    #[arg(
        long,
        value_name = "MIB",
        env = "JUDGEMENT_LEDGER_SEGMENT_MIB",
        default_value_t = 64,
        value_parser = clap::value_parser!(u32).range(4..=1024)
    )]
    pub segment_mib: u32,
    /// How much memory the caches of the views may take.
    #[arg(
        long,
        value_name = "MIB",
        env = "JUDGEMENT_LEDGER_CACHE_MIB",
        default_value_t = 256,
        value_parser = clap::value_parser!(u32).range(16..=65_536)
    )]
    pub cache_mib: u32,
    /// Which log events are written, for example `info,judgement_ledger=debug`.
    #[arg(long, value_name = "FILTER", env = "JUDGEMENT_LEDGER_LOG", default_value = "info", value_parser = log)]
    pub log: String,
    /// How log events are written.
    #[arg(long, env = "JUDGEMENT_LEDGER_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
    /// Where metrics and probes are answered, over plain HTTP and without credentials: /metrics,
    /// /livez, /readyz, /startupz, /version. `off` for nowhere. Default: 127.0.0.1:9464, with --dev
    /// any port that is free.
    #[arg(long, value_name = "HOST:PORT", env = "JUDGEMENT_LEDGER_ADMIN_LISTEN")]
    pub admin_listen: Option<AdminListen>,
    /// Answer metrics and probes beyond this machine: say that whoever gets there may see them. Calls are
    /// another matter: see --insecure.
    #[arg(long, env = "JUDGEMENT_LEDGER_ADMIN_INSECURE")]
    pub admin_insecure: bool,
    /// The collector that spans of calls are sent to by OTLP over gRPC, in plain text: one on this machine.
    #[cfg(feature = "otel")]
    #[arg(long, value_name = "URL", env = "JUDGEMENT_LEDGER_OTLP_ENDPOINT", value_parser = collector)]
    pub otlp_endpoint: Option<http::Uri>,
    /// An origin from which browsers may call. May be repeated. Default: none.
    #[arg(
        long = "allow-origin",
        value_name = "ORIGIN",
        env = "JUDGEMENT_LEDGER_ALLOW_ORIGIN",
        value_delimiter = ',',
        value_parser = origin
    )]
    pub allow_origins: Vec<http::HeaderValue>,
}

/// Serves until SIGTERM or ctrl-c.
pub(super) async fn run(flags: &ServeFlags, output: &mut Output) -> Result<(), Failure> {
    let probes = Probes::new()?;
    let log = log_to_stderr(flags, &probes)?;
    let voice = Voice::of(flags.log_format);
    let ended = serve(flags, output, (&probes, &log)).await;
    let ended = voice.ended(ended);
    #[cfg(feature = "otel")]
    log.end().await;
    ended
}

async fn serve(
    flags: &ServeFlags,
    output: &mut Output,
    (probes, log): (&Probes, &Log),
) -> Result<(), Failure> {
    check(flags)?;
    let voice = Voice::of(flags.log_format);
    voice.configured(&flags.to_string());
    let _admin_port = admin_port(flags, probes, voice).await?;
    let home = Home::prepare(flags)?;
    let running = match start(flags, &home, probes).await {
        Ok(running) => running,
        Err(failure) => {
            home.abandon();
            return Err(failure);
        }
    };
    // Before anybody is told that it serves: who knows may tell it to stop.
    let signals = Signals::hear()?;
    supervisor::ready();
    voice.serving(&running.place.url());
    if flags.dev {
        let home = home.path();
        let beside = home.parent().unwrap_or(&home);
        output.lines(&dev::welcome(&running.place.url(), beside, &running.mint)?)?;
    }
    stopping::until_told(running, signals, (probes, voice), log.tell()).await
}

async fn start(flags: &ServeFlags, home: &Home, probes: &Probes) -> Result<Running, Failure> {
    socket::check(&admin_socket(flags, home))?;
    let setup = setup(flags, home, probes)?;
    apart(&setup)?;
    wiring::start(setup).await
}

/// Nobody listens beyond this machine by accident.
fn check(flags: &ServeFlags) -> Result<(), Failure> {
    flags.face.check()?;
    if !flags.dev && flags.face.believed().is_none() {
        return Err(Failure::misused(
            "nobody could call: name those whose tokens count with --issuers, or who signs client \
             certificates with --client-ca; for development alone, a key with --token-key-file",
        ));
    }
    match flags.admin_listen() {
        AdminListen::At(address) if !address.ip().is_loopback() && !flags.admin_insecure => {
            Err(Failure::misused(format!(
                "{address} can be reached from outside, and metrics and probes ask for no \
                 credential: say another --admin-listen, or --admin-insecure"
            )))
        }
        AdminListen::At(_) | AdminListen::Off => Ok(()),
    }
}

/// Opens the admin port, before the ledger: who watches sees that it is being opened.
async fn admin_port(
    flags: &ServeFlags,
    probes: &Probes,
    voice: Voice,
) -> Result<Option<AdminPort>, Failure> {
    match flags.admin_listen() {
        AdminListen::Off => Ok(None),
        AdminListen::At(address) => {
            let port = probes.listen(address).await?;
            voice.probes(port.address);
            Ok(Some(port))
        }
    }
}

fn log_to_stderr(flags: &ServeFlags, probes: &Probes) -> Result<Log, Failure> {
    let doing = "start the log";
    let filter = EnvFilter::try_new(&flags.log)
        .map_err(|error| Failure::Start { doing, source: error.into() })?;
    let filter = Voice::of(flags.log_format).heard_through(filter);
    let metrics = Arc::clone(probes.metrics());
    Log::to_stderr(LogOptions {
        filter,
        format: flags.log_format,
        on_left_out: Arc::new(move || metrics.left_out()),
        #[cfg(feature = "otel")]
        otlp_endpoint: flags.otlp_endpoint.as_ref().map(ToString::to_string),
    })
    .map_err(|error| Failure::Start { doing, source: error.into() })
}

/// The directory of the ledger.
enum Home {
    /// One that stays.
    Kept {
        /// Where it is.
        path: PathBuf,
        /// Whether it was made for this start.
        made: bool,
    },
    /// One that vanishes when this is dropped.
    ThrowAway(TempDir),
}

impl Home {
    fn prepare(flags: &ServeFlags) -> Result<Self, Failure> {
        match &flags.data {
            Some(data) => {
                let making = if flags.must_exist { Making::Forbidden } else { Making::Allowed };
                if let Some(signer) = flags.signer()
                    && !flags.journal.is_shared()
                {
                    first::check(data, &signer, making)?;
                }
                let made = !data.exists();
                let failed = |source| Failure::File {
                    doing: "create the directory",
                    path: data.clone(),
                    source,
                };
                fs::create_dir_all(data).map_err(failed)?;
                Ok(Self::Kept { path: data.clone(), made })
            }
            None => throw_away().map(Self::ThrowAway),
        }
    }

    /// Leaves no empty directory behind that looks as if a ledger had been in it.
    fn abandon(&self) {
        if let Self::Kept { path, made: true } = self {
            // Goes only if it is empty.
            drop(fs::remove_dir(path));
        }
    }

    fn path(&self) -> PathBuf {
        match self {
            Self::Kept { path, .. } => path.clone(),
            Self::ThrowAway(directory) => wiring::ledger_in(directory.path()),
        }
    }
}

/// A directory that vanishes when it is dropped.
pub(super) fn throw_away() -> Result<TempDir, Failure> {
    let made = tempfile::Builder::new().prefix("judgement-ledger-").tempdir();
    made.map_err(|error| Failure::Start {
        doing: "make a directory to throw away",
        source: error.into(),
    })
}

/// Where the operator's socket is.
fn admin_socket(flags: &ServeFlags, home: &Home) -> PathBuf {
    flags.admin_socket.clone().unwrap_or_else(|| home.path().join(admin_socket::NAME))
}

fn setup(flags: &ServeFlags, home: &Home, probes: &Probes) -> Result<Setup, Failure> {
    let keys = match (&flags.master_key_file, flags.face.believed()) {
        (Some(master), Some(believed)) => Keys::Files { master: master.clone(), believed },
        (Some(_) | None, _) => Keys::Beside,
    };
    let signer = keys.signer(&home.path());
    let signer = SignerOptions {
        directory: flags.signer_dir.clone().unwrap_or(signer.directory),
        origin: flags.origin.clone(),
        witnesses: flags.witnesses.clone(),
    };
    Ok(Setup {
        listen: flags.face.listen.clone(),
        tls: flags.face.tls(),
        signer: Some(signer),
        data: home.path(),
        journal: flags.journal.place()?,
        keys_dir: flags.journal.keys_dir.clone(),
        clock: Clock::System,
        time_zone: flags.time_zone.clone(),
        keys,
        segment_mib: flags.segment_mib,
        cache_mib: flags.cache_mib,
        allow_origins: flags.allow_origins.clone(),
        limits: flags.face.limits(),
        reflection: flags.face.reflection,
        console: flags.face.console,
        probes: probes.clone(),
        admin_socket: Some(admin_socket(flags, home)),
    })
}

/// A signer within the ledger's directory would be put back with it, and forget what it signed.
/// Only of a ledger that is thrown away it may lie there.
fn apart(setup: &Setup) -> Result<(), Failure> {
    let (Keys::Files { .. }, Some(signer)) = (&setup.keys, &setup.signer) else { return Ok(()) };
    if !wiring::real(&signer.directory).starts_with(wiring::real(&setup.data)) {
        return Ok(());
    }
    Err(Failure::misused(format!(
        "{} lies within the ledger's directory and its backups: whoever puts that back would make \
         the signer forget what it signed; say another with --signer-dir",
        signer.directory.display()
    )))
}

impl ServeFlags {
    /// The directory of the signer; none of a ledger that is thrown away.
    fn signer(&self) -> Option<PathBuf> {
        let beside = || self.master_key_file.as_ref().map(|it| SignerOptions::beside(it).directory);
        self.signer_dir.clone().or_else(beside)
    }

    /// Where metrics and probes are answered: several ledgers to throw away never want the same port.
    fn admin_listen(&self) -> AdminListen {
        let any = SocketAddr::new(probes::STANDARD_PORT.ip(), 0);
        let default = if self.dev { any } else { probes::STANDARD_PORT };
        self.admin_listen.unwrap_or(AdminListen::At(default))
    }
}

/// The configuration, as it is said at start. Secrets lie in files, of which only the names show.
impl fmt::Display for ServeFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = |path: &Option<PathBuf>| {
            path.as_ref()
                .map_or_else(|| "made to throw away".to_owned(), |it| it.display().to_string())
        };
        let origins: Vec<_> =
            self.allow_origins.iter().map(|it| String::from_utf8_lossy(it.as_bytes())).collect();
        let origins = if origins.is_empty() { "none".to_owned() } else { origins.join(", ") };
        let zone = self.time_zone.iana_name().unwrap_or("fixed");
        writeln!(f, "judgement-ledger {}", env!("CARGO_PKG_VERSION"))?;
        writeln!(f, "{}", self.face)?;
        match self.admin_listen() {
            AdminListen::Off => writeln!(f, "  probes           off")?,
            AdminListen::At(address) => writeln!(f, "  probes           {address}")?,
        }
        let must = if self.must_exist { ", which must hold a ledger" } else { "" };
        writeln!(f, "  data             {}{must}", path(&self.data))?;
        writeln!(f, "  journal          {}", self.journal)?;
        writeln!(f, "  time zone        {zone}")?;
        writeln!(f, "  master key file  {}", path(&self.master_key_file))?;
        writeln!(f, "  signer           {}", path(&self.signer()))?;
        writeln!(
            f,
            "  origin           {}",
            self.origin.as_deref().unwrap_or("of the ledger's id")
        )?;
        let witnesses: Vec<_> =
            self.witnesses.iter().map(|it| it.key().name().to_string()).collect();
        let witnesses = if witnesses.is_empty() { "none".to_owned() } else { witnesses.join(", ") };
        writeln!(f, "  witnesses        {witnesses}")?;
        let within = || self.data.as_ref().map(|data| data.join(admin_socket::NAME));
        writeln!(f, "  admin socket     {}", path(&self.admin_socket.clone().or_else(within)))?;
        writeln!(f, "  segments         {} MiB", self.segment_mib)?;
        writeln!(f, "  caches           {} MiB", self.cache_mib)?;
        writeln!(f, "  allowed origins  {origins}")?;
        write!(f, "  log              {}", self.log)
    }
}

fn time_zone(given: &str) -> Result<TimeZone, String> {
    TimeZone::get(given).map_err(|_| "say a zone such as UTC or Europe/London".to_owned())
}

fn witness(given: &str) -> Result<Witness, String> {
    Witness::parse(given).map_err(|error| error.to_string())
}

fn log_name(given: &str) -> Result<String, String> {
    let wanted = "say a URL without its scheme, such as ledger.example.org/apa";
    if given.contains("://") {
        return Err(wanted.to_owned());
    }
    KeyName::parse(given).map(|_| given.to_owned()).map_err(|error| format!("{error}; {wanted}"))
}

#[cfg(feature = "otel")]
fn collector(given: &str) -> Result<http::Uri, String> {
    let wanted = || "say a URL such as http://127.0.0.1:4317".to_owned();
    let uri: http::Uri = given.parse().map_err(|_| wanted())?;
    if uri.scheme_str() == Some("http") && uri.authority().is_some() {
        Ok(uri)
    } else {
        Err(wanted())
    }
}

fn log(given: &str) -> Result<String, String> {
    if let Some(odd) = given.split(',').find(|part| !is_directive(part.trim())) {
        return Err(format!(
            "{odd} is neither a level (off, error, warn, info, debug, trace) nor a directive such as \
             judgement_ledger=debug; how events are written is said by --log-format"
        ));
    }
    EnvFilter::try_new(given).map(|_| given.to_owned()).map_err(|error| error.to_string())
}

/// Whether a part of a filter says what it is. The library takes any word for the name of a crate of
/// which everything is wanted, and nothing of all others.
fn is_directive(part: &str) -> bool {
    let names = part == "judgement_ledger" || part.contains("::") || part.contains(['[', ']']);
    names || part.contains('=') || part.parse::<LevelFilter>().is_ok()
}

fn origin(given: &str) -> Result<http::HeaderValue, String> {
    let wanted = || "say an origin such as https://audit.example.org".to_owned();
    let uri: http::Uri = given.parse().map_err(|_| wanted())?;
    let bare = uri.path_and_query().is_none_or(|path| path.as_str() == "/");
    if uri.scheme().is_none() || uri.authority().is_none() || !bare || given.ends_with('/') {
        return Err(wanted());
    }
    given.parse().map_err(|_| wanted())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        flags: ServeFlags,
    }

    fn flags(given: &[&str]) -> Result<ServeFlags, clap::Error> {
        let given = std::iter::once("serve").chain(given.iter().copied());
        Command::try_parse_from(given).map(|command| command.flags)
    }

    #[test]
    fn a_server_beyond_this_machine_is_refused_unless_it_is_asked_for() {
        let open = flags(&["--dev", "--listen", "0.0.0.0:50051"]).unwrap();
        assert_eq!(open.face.check().unwrap_err().exit_code(), 2);
        let asked = flags(&["--dev", "--listen", "0.0.0.0:50051", "--insecure"]).unwrap();
        assert!(asked.face.check().is_ok());
        assert!(flags(&["--dev", "--listen", "[::1]:50051"]).unwrap().face.check().is_ok());
    }

    #[test]
    fn an_admin_port_beyond_this_machine_is_refused_unless_it_is_asked_for() {
        let open = ["--dev", "--admin-listen", "0.0.0.0:9464"];
        assert_eq!(check(&flags(&open).unwrap()).unwrap_err().exit_code(), 2);
        // That calls may come in plain text says nothing of this port, and the other way round.
        let calls = flags(&[&open[..], &["--insecure"]].concat()).unwrap();
        assert_eq!(check(&calls).unwrap_err().exit_code(), 2);
        let asked = flags(&[&open[..], &["--admin-insecure"]].concat()).unwrap();
        assert!(check(&asked).is_ok());
        let both = [&open[..], &["--admin-insecure", "--listen", "0.0.0.0:50051"]].concat();
        assert_eq!(check(&flags(&both).unwrap()).unwrap_err().exit_code(), 2);
        for near in ["[::1]:0", "off"] {
            assert!(check(&flags(&["--dev", "--admin-listen", near]).unwrap()).is_ok());
        }
        assert!(flags(&["--dev", "--admin-listen", "here"]).is_err());
    }

    #[test]
    fn the_admin_port_is_where_it_is_looked_for_unless_the_ledger_is_for_a_try() {
        let keys = ["--data", "d", "--master-key-file", "m", "--token-key-file", "t"];
        let kept = flags(&keys).unwrap().admin_listen();
        assert_eq!(kept, AdminListen::At("127.0.0.1:9464".parse().unwrap()));
        let thrown_away = flags(&["--dev"]).unwrap().admin_listen();
        assert_eq!(thrown_away, AdminListen::At("127.0.0.1:0".parse().unwrap()));
    }

    #[test]
    fn a_ledger_that_stays_needs_a_directory_and_keys() {
        assert!(flags(&[]).is_err());
        assert!(flags(&["--data", "a"]).is_err());
        let keys = ["--master-key-file", "m", "--token-key-file", "t"];
        assert!(flags(&[&["--data", "a"], &keys[..]].concat()).is_ok());
        assert!(flags(&["--dev", "--data", "a"]).is_err());
    }

    #[test]
    fn flags_are_checked_when_they_are_read() {
        assert!(flags(&["--dev", "--segment-mib", "1"]).is_err());
        assert!(flags(&["--dev", "--listen", "127.0.0.1"]).is_err());
        assert!(flags(&["--dev", "--listen", "localhost:50051"]).is_ok());
        assert!(flags(&["--dev", "--time-zone", "Mars/Olympus"]).is_err());
        assert!(flags(&["--dev", "--log", "judgement_ledger=loud"]).is_err());
        assert!(flags(&["--dev", "--allow-origin", "https://a.example/page"]).is_err());
        assert!(flags(&["--dev", "--allow-origin", "https://a.example"]).is_ok());
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for odd in ["json", "info,json", "verbose"] {
            let error = flags(&["--dev", "--log", odd]).map(drop).unwrap_err().to_string();
            assert!(error.contains("--log-format"), "{odd}: {error}");
        }
        for good in ["warn", "info,judgement_ledger=debug", "judgement_ledger::call=off", "off"] {
            assert!(flags(&["--dev", "--log", good]).is_ok(), "{good}");
        }
    }

    #[test]
    fn what_a_ledger_is_called_for_ever_has_no_scheme() {
        let error = flags(&["--dev", "--origin", "https://x.example/apa"]).map(drop).unwrap_err();
        assert!(error.to_string().contains("without its scheme"), "{error}");
        assert!(flags(&["--dev", "--origin", "x.example/apa"]).is_ok());
    }

    #[test]
    fn the_configuration_is_said_without_secrets() {
        assert_eq!(
            flags(&["--dev"]).unwrap().to_string(),
            "judgement-ledger 0.1.0
  listen           127.0.0.1:50051, plain text
  token key file   made to throw away
  calls a second   1000 of one caller
  connections      10000 at most
  reflection       on
  console          /console/
  probes           127.0.0.1:0
  data             made to throw away
  journal          in files
  time zone        UTC
  master key file  made to throw away
  signer           made to throw away
  origin           of the ledger's id
  witnesses        none
  admin socket     made to throw away
  segments         64 MiB
  caches           256 MiB
  allowed origins  none
  log              info"
        );
    }
}
