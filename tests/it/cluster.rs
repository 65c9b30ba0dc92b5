//! A PostgreSQL cluster of the tests' own: a primary and two standbys that confirm its commits, on
//! loopback, under an account without rights. It ends with the process that began it.

use std::{
    env, fs,
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use judgement_ledger::journal::{Durability, postgres::PostgresOptions};
use tempfile::TempDir;

/// The owner of the database, and the role under which servers run.
const OWNER: &str = "owner";
pub const SERVICE: &str = "service";

/// How long anything here may take, on a machine that has more to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// The standbys, by the names under which they confirm.
const STANDBYS: [&str; 2] = ["one", "two"];

/// A primary and its standbys.
pub struct Cluster {
    primary: Server,
    standbys: Vec<Server>,
    directory: TempDir,
}

impl Cluster {
    /// The one that tests share which harm nothing. `JUDGEMENT_LEDGER_TESTS_CLUSTER` is the port on
    /// loopback of another that somebody has begun: with its roles and its database.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| match env::var("JUDGEMENT_LEDGER_TESTS_CLUSTER") {
            Ok(port) => Self::of_somebody(port.parse().expect("a port")),
            Err(_) => Self::start(),
        })
    }

    /// One that was begun elsewhere, and goes on.
    fn of_somebody(port: u16) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().to_owned();
        let guard = Command::new("true").spawn().unwrap();
        let primary = Server { data, port, _guard: guard };
        until("it takes connections", || primary.answers());
        Self { primary, standbys: Vec::new(), directory }
    }

    /// A primary that no standby follows, in a directory of the caller's, with an empty database.
    pub fn alone(at: &Path) -> Self {
        Self {
            primary: Server::begun(at),
            standbys: Vec::new(),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    /// A cluster with nothing but an empty database.
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        let primary = Server::begun(at);
        let standbys = STANDBYS.map(|name| {
            let data = at.join(name);
            let from = format!(
                "host=127.0.0.1 port={} user={OWNER} application_name={name}",
                primary.port
            );
            succeeds(
                tool("pg_basebackup")
                    .args(["-R", "-c", "fast", "--no-sync", "-d", &from, "-D"])
                    .arg(&data),
            );
            Server::start(data)
        });
        primary.sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (one, two)'");
        primary.sql("SELECT pg_reload_conf()");
        until("both standbys confirm", || {
            primary.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'")
                == "2"
        });
        Self { primary, standbys: standbys.into(), directory }
    }

    /// The primary.
    pub fn primary(&self) -> &Server {
        &self.primary
    }

    /// A base backup, as an operator takes one.
    pub fn base_backup(&self, name: &str) -> PathBuf {
        let data = self.directory.path().join(name);
        let from = format!("host=127.0.0.1 port={} user={OWNER}", self.primary.port);
        let words = ["-c", "fast", "--no-sync", "-X", "stream", "-d", &from, "-D"];
        succeeds(tool("pg_basebackup").args(words).arg(&data));
        data
    }

    /// Where all that any server of it has lies.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Where a ledger lies, whichever server is the primary.
    pub fn url(&self, role: &str) -> String {
        let servers = std::iter::once(&self.primary).chain(&self.standbys);
        let hosts: Vec<_> = servers.map(|it| format!("127.0.0.1:{}", it.port)).collect();
        format!("postgres://{role}@{}/ledgers", hosts.join(","))
    }

    /// The primary dies, and of its standbys the one that has more takes its place; the other follows it.
    pub fn fail_over(&mut self) {
        self.primary.signal("KILL");
        let has = |it: &Server| it.sql("SELECT pg_last_wal_receive_lsn() - '0/0'").parse::<f64>();
        let most =
            |one: &&Server, other: &&Server| has(one).unwrap().total_cmp(&has(other).unwrap());
        let next = self.standbys.iter().max_by(most).map(|it| it.port).unwrap();
        let (next, mut others): (Vec<_>, Vec<_>) =
            self.standbys.drain(..).partition(|it| it.port == next);
        let (next, other) = (next.into_iter().next().unwrap(), others.pop().unwrap());
        let source = format!("host=127.0.0.1 port={} user={OWNER} application_name=two", next.port);
        other.sql(&format!("ALTER SYSTEM SET primary_conninfo = '{source}'"));
        other.sql("SELECT pg_reload_conf()");
        next.sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (one, two)'");
        next.sql("SELECT pg_promote()");
        next.sql("SELECT pg_reload_conf()");
        until("the other standby confirms", || {
            next.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum'") == "1"
        });
        self.primary = next;
        self.standbys = vec![other];
    }

    /// The primary crashes and comes back: what it had committed for itself shows, whether a standby has
    /// it or not.
    pub fn crash(&mut self) {
        self.primary.crash();
        self.primary.start_again();
    }

    /// The power of its machine is cut and comes back. No call of it is under way when its disk is cut
    /// off: else a flush would answer as if it had succeeded.
    pub fn cut_power(&mut self, cut: impl FnOnce(), comes_back: impl FnOnce()) {
        let processes = self.primary.processes();
        tell(&processes, "STOP");
        std::thread::sleep(Duration::from_millis(100));
        cut();
        tell(&processes, "KILL");
        until("it is gone", || !self.primary.answers());
        comes_back();
        self.primary.start_again();
    }

    /// The standbys die, and with them what they were sent and have not read.
    pub fn kill_standbys(&mut self) {
        self.standbys.iter_mut().for_each(Server::crash);
    }

    /// They come back.
    pub fn revive_standbys(&mut self) {
        self.standbys.iter_mut().for_each(Server::start_again);
    }

    /// Stops the standbys, so that no commit is confirmed.
    pub fn freeze_standbys(&self) {
        self.standbys.iter().for_each(|it| it.signal("STOP"));
    }

    /// Lets them go on.
    pub fn thaw_standbys(&self) {
        self.standbys.iter().for_each(|it| it.signal("CONT"));
    }
}

/// A server of PostgreSQL.
pub struct Server {
    data: PathBuf,
    pub port: u16,
    /// Ends it when its input ends.
    _guard: Child,
}

impl Server {
    /// A new one below a directory, with an empty database for ledgers.
    fn begun(at: &Path) -> Self {
        if let Some((uid, gid)) = account() {
            chown(at, Some(uid), Some(gid)).unwrap();
        }
        let data = at.join("primary");
        let words = ["-k", "-E", "UTF8", "--locale=C", "--auth=trust", "-U", OWNER];
        succeeds(tool("initdb").args(words).arg("-D").arg(&data));
        let primary = Self::start(data);
        for role in [format!("CREATE ROLE {SERVICE} LOGIN"), "CREATE DATABASE ledgers".to_owned()] {
            primary.sql_in("postgres", &role);
        }
        primary
    }

    /// A server of its own on a base backup.
    pub fn restored(data: PathBuf) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_with(data, port, &["synchronous_standby_names="])
    }

    fn start(data: PathBuf) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start_at(data, port)
    }

    fn start_at(data: PathBuf, port: u16) -> Self {
        Self::start_with(data, port, &[])
    }

    fn start_with(data: PathBuf, port: u16, settings: &[&str]) -> Self {
        // Its guard waits for the end of this process, or of what holds the other end.
        let guarded =
            "\"$@\" >/dev/null 2>&1 & server=$!; cat >/dev/null; kill -QUIT $server; wait $server";
        let mut guard = as_account(Command::new("sh"));
        guard.args(["-c", guarded, "sh"]).arg(bin().join("postgres")).arg("-D").arg(&data);
        for setting in [
            "listen_addresses=127.0.0.1",
            &format!("port={port}"),
            "unix_socket_directories=",
            "shared_buffers=32MB",
            "max_connections=100",
            "wal_receiver_status_interval=1s",
            "max_wal_size=64MB",
        ] {
            guard.args(["-c", setting]);
        }
        for setting in settings {
            guard.args(["-c", setting]);
        }
        let guard = guard
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self { data, port, _guard: guard };
        until("it takes connections", || server.answers());
        server
    }

    /// It dies as if by loss of power, but for what the machine keeps.
    fn crash(&mut self) {
        self.signal("KILL");
        until("it is gone", || !self.answers());
    }

    fn start_again(&mut self) {
        // The one that died may have left it.
        drop(fs::remove_file(self.data.join("postmaster.pid")));
        *self = Self::start_at(self.data.clone(), self.port);
    }

    /// Whether it takes connections.
    fn answers(&self) -> bool {
        let at = ["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()];
        tool("pg_isready").args(at).status().unwrap().success()
    }

    /// Lets it show this certificate to whoever asks for TLS.
    pub fn speak_tls(&self, certificate: &str, key: &str) {
        for (name, content) in [("server.crt", certificate), ("server.key", key)] {
            let path = self.data.join(name);
            fs::write(&path, content).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
            if let Some((uid, gid)) = account() {
                chown(&path, Some(uid), Some(gid)).unwrap();
            }
        }
        self.sql("ALTER SYSTEM SET ssl = on");
        self.sql("SELECT pg_reload_conf()");
        until("it speaks TLS", || self.sql("SHOW ssl") == "on");
    }

    /// What the owner is told in the ledgers' database.
    pub fn sql(&self, sql: &str) -> String {
        self.sql_in("ledgers", sql)
    }

    fn sql_in(&self, database: &str, sql: &str) -> String {
        let mut psql = tool("psql");
        psql.args(["-X", "-At", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", OWNER]);
        psql.args(["-p", &self.port.to_string(), "-d", database, "-c", sql]);
        succeeds(&mut psql)
    }

    /// Sends a signal to all its processes.
    pub fn signal(&self, signal: &str) {
        tell(&self.processes(), signal);
    }

    /// All its processes, the main one first: it would start again what is killed.
    fn processes(&self) -> Vec<String> {
        let main = fs::read_to_string(self.data.join("postmaster.pid")).unwrap();
        let main = main.lines().next().unwrap().to_owned();
        let children = Command::new("ps").args(["-o", "pid=", "--ppid", &main]).output().unwrap();
        let children = String::from_utf8(children.stdout).unwrap();
        [main.as_str()].into_iter().chain(children.split_whitespace()).map(str::to_owned).collect()
    }

    /// How a role reaches the database.
    pub fn url(&self, role: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/ledgers", self.port)
    }

    /// Where a ledger of this name lies, as its owner or as a server sees it.
    pub fn options(&self, role: &str, ledger: &str) -> PostgresOptions {
        let (url, ledger) = (self.url(role), ledger.to_owned());
        let (authorities, password_file) = (None, None);
        let durability = Durability::Quorum;
        PostgresOptions { url, password_file, authorities, insecure: false, ledger, durability }
    }

    /// The same of the owner.
    pub fn owner(&self, ledger: &str) -> PostgresOptions {
        self.options(OWNER, ledger)
    }
}

/// Sends a signal to processes, of which some may have ended meanwhile.
fn tell(processes: &[String], signal: &str) {
    for process in processes {
        let mut kill = Command::new("kill");
        drop(kill.args([&format!("-{signal}"), process]).stderr(Stdio::null()).status());
    }
}

/// Waits for something.
pub fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Where the programs of PostgreSQL are: the newest that there is.
fn bin() -> PathBuf {
    if let Some(path) = env::var_os("JUDGEMENT_LEDGER_POSTGRES_BIN") {
        return path.into();
    }
    let versions = fs::read_dir("/usr/lib/postgresql").map(|all| all.flatten().map(|it| it.path()));
    let newest = versions
        .into_iter()
        .flatten()
        .max_by_key(|it| it.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
    newest.map_or_else(PathBuf::new, |it| it.join("bin"))
}

fn tool(name: &str) -> Command {
    as_account(Command::new(bin().join(name)))
}

/// Under an account that may run PostgreSQL: root may not.
fn as_account(mut command: Command) -> Command {
    if let Some((uid, gid)) = account() {
        command.uid(uid).gid(gid);
    }
    command.env("HOME", "/nonexistent").current_dir("/");
    command
}

/// The account `postgres`, for a process of root's.
fn account() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    if fs::metadata(Path::new("/proc/self")).unwrap().uid() != 0 {
        return None;
    }
    let accounts = fs::read_to_string("/etc/passwd").unwrap();
    let line = accounts.lines().find(|line| line.starts_with("postgres:"));
    let mut fields = line.expect("there is an account postgres").split(':').skip(2);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

fn succeeds(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| {
        panic!("{}: {error}: install postgresql", command.get_program().display())
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
