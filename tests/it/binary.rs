//! The real binary, as an operator runs it: started, asked, stopped, killed, and refusing to start.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{BufRead, BufReader, Read as _},
    os::unix::fs::FileTypeExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use judgement_ledger::merkle::sha256;
use tempfile::TempDir;

use crate::erasure::CHILD;
use crate::served::{Clients, Ground, KEY};

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a server is started with: a directory for its ledger, and its keys beside it.
pub struct Home {
    directory: TempDir,
}

impl Home {
    /// Nothing but the key of credentials.
    pub fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("token.key"), KEY).unwrap();
        Self { directory }
    }

    /// A file or directory beside the ledger's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The same files, for a server within the test.
    pub fn ground(&self) -> Ground {
        Ground::at(self.directory.path())
    }

    /// `serve` on this home, on a port of its own.
    pub fn serve(&self) -> Command {
        self.serve_under(&[])
    }

    /// `serve`, run by another program, which is given the binary and its arguments.
    pub fn serve_under(&self, wrapper: &[&str]) -> Command {
        self.serve_at(wrapper, "127.0.0.1:0")
    }

    /// `serve` in a place of the caller's.
    pub fn serve_at(&self, wrapper: &[&str], listen: &str) -> Command {
        let mut command = self.serve_nobody(wrapper, listen);
        command.arg("--token-key-file").arg(self.path("token.key"));
        command
    }

    /// `serve`, believing whom a file of this home names.
    pub fn serve_believing(&self, flag: &str, name: &str) -> Command {
        let mut command = self.serve_nobody(&[], "127.0.0.1:0");
        command.arg(flag).arg(self.path(name));
        command
    }

    /// What is still to be told whom to believe.
    fn serve_nobody(&self, wrapper: &[&str], listen: &str) -> Command {
        let binary = program();
        let mut words = wrapper.iter().copied().chain([binary.as_str()]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words);
        command.args(["serve", "--listen", listen, "--segment-mib", "4"]);
        command.args(["--admin-listen", "127.0.0.1:0"]).env("JUDGEMENT_LEDGER_LOG", log_level());
        for (flag, name) in [("--data", "data"), ("--master-key-file", "master.key")] {
            command.arg(flag).arg(self.path(name));
        }
        command
    }

    /// Every file and directory of the home, with a digest of what each file holds.
    pub fn digest(&self) -> BTreeMap<PathBuf, String> {
        digest(self.directory.path())
    }
}

/// The program under test; `JUDGEMENT_LEDGER_PROGRAM` names another build of it, such as a released one.
pub fn program() -> String {
    let built = || env!("CARGO_BIN_EXE_judgement-ledger").to_owned();
    env::var("JUDGEMENT_LEDGER_PROGRAM").unwrap_or_else(|_| built())
}

/// Every file and directory below `root`, with a digest of what each file holds.
pub fn digest(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_owned();
            if is_socket(&path) {
                found.insert(name, "socket".to_owned());
            } else if path.is_dir() {
                found.insert(name, "directory".to_owned());
                directories.push(path);
            } else {
                let bytes = fs::read(&path).unwrap();
                found.insert(name, format!("{} bytes, {:?}", bytes.len(), sha256(&[&bytes])));
            }
        }
    }
    found
}

/// The operator's socket is no file: it has no bytes, and nobody copies it.
fn is_socket(path: &Path) -> bool {
    fs::symlink_metadata(path).unwrap().file_type().is_socket()
}

/// Copies everything below `from` to `to`.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else if !is_socket(&path) {
            fs::copy(&path, &target).unwrap();
        }
    }
}

/// The place that a line of a server's log names: of a text after these words, of an event with this
/// message.
fn place(line: &str, words: &str, message: &str) -> Option<String> {
    if let Some(place) = line.strip_prefix(words) {
        return Some(place.to_owned());
    }
    let event: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = event.get("fields").filter(|it| it["message"] == message)?;
    Some(fields["url"].as_str()?.to_owned())
}

/// What no server of any test may write into its log: tokens begin so, keys in PEM do, and records' texts
/// and persons are called so in many tests. `JUDGEMENT_LEDGER_TESTS_LOG=trace` has the servers say all that
/// they can.
const NEVER_LOGGED: [&str; 6] =
    ["eyJ", "PRIVATE KEY", CHILD, "inspector@ofsted", "moderator@ofsted", "officer@ofsted"];

/// Something in a log that never may be there.
pub fn leak(said: &str) -> Option<&str> {
    said.lines().find(|line| NEVER_LOGGED.iter().any(|never| line.contains(never)))
}

/// How much servers of tests write into their logs.
pub fn log_level() -> String {
    env::var("JUDGEMENT_LEDGER_TESTS_LOG").unwrap_or_else(|_| "warn".to_owned())
}

/// A server that runs.
pub struct Running {
    child: Child,
    pub address: String,
    /// Where metrics and probes are answered.
    pub admin: String,
    said: Arc<Mutex<Vec<String>>>,
    hearing: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts a server and waits until it says where it listens.
    pub fn start(mut command: Command) -> Self {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut before = Vec::new();
        let mut admin = String::new();
        let address = loop {
            let Some(line) = lines.next() else {
                panic!("the server did not start: {}", before.join("\n"))
            };
            let line = line.unwrap();
            if let Some(address) = place(&line, "serving on ", "serving") {
                break address;
            }
            admin = place(&line, "metrics and probes on ", "metrics and probes").unwrap_or(admin);
            before.push(line);
        };
        let said = Arc::new(Mutex::new(before));
        let heard = Arc::clone(&said);
        let hearing = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                heard.lock().unwrap().push(line);
            }
        });
        Self { child, address, admin, said, hearing: Some(hearing) }
    }

    /// Its callers, by the machine's clock.
    pub fn clients(&self) -> Clients {
        Clients::of(&self.address)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said on stderr so far.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().join("\n")
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// SIGKILL: nothing is flushed, nothing is closed.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGKILL, after which there is all that it has said.
    pub fn kill_and_say(mut self) -> String {
        self.child.kill().unwrap();
        self.end_and_say().1
    }

    /// SIGTERM, and the end that it brings.
    pub fn stop(self) -> ExitStatus {
        self.stop_and_say().0
    }

    /// The same, with all that it has said.
    pub fn stop_and_say(self) -> (ExitStatus, String) {
        let id = self.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.end_and_say()
    }

    /// Waits for its end, which it was told of.
    pub fn end(mut self) -> ExitStatus {
        wait(&mut self.child)
    }

    /// The same, with all that it has said.
    pub fn end_and_say(mut self) -> (ExitStatus, String) {
        let status = wait(&mut self.child);
        if let Some(hearing) = self.hearing.take() {
            hearing.join().unwrap();
        }
        (status, self.said())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            drop(self.child.kill());
            drop(self.child.wait());
        }
        if let Some(hearing) = self.hearing.take() {
            drop(hearing.join());
        }
        if !std::thread::panicking() {
            let said = self.said();
            assert_eq!(leak(&said), None, "what may never be logged");
        }
    }
}

#[test]
fn what_may_never_be_logged_is_found_in_a_log() {
    assert_eq!(leak("INFO a call\nWARN Bearer eyJhbGciOi"), Some("WARN Bearer eyJhbGciOi"));
    assert!(leak(&format!("a line\nWARN {CHILD} is named")).is_some());
    assert_eq!(leak("INFO a call\nWARN another"), None);
}

/// How a process ended that was to end by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs a command that is expected to end by itself.
pub fn ended(mut command: Command) -> Ended {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let reader = std::thread::spawn(move || {
        let mut said = String::new();
        out.read_to_string(&mut said).unwrap();
        said
    });
    let errors = std::thread::spawn(move || {
        let mut said = String::new();
        err.read_to_string(&mut said).unwrap();
        said
    });
    let status = wait(&mut child);
    let (stdout, stderr) = (reader.join().unwrap(), errors.join().unwrap());
    Ended { code: status.code(), stdout, stderr }
}

/// Waits for a child; one that does not end is killed, and the test fails.
fn wait(child: &mut Child) -> ExitStatus {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("the process did not end within {PATIENCE:?}");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
