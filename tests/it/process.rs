//! The real binary, serving a directory that outlives it.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use judgement_ledger::{
    judgement::{OrganisationId, Role, Text},
    pb::{
        assessment_service_client::AssessmentServiceClient,
        audit_service_client::AuditServiceClient, framework_service_client::FrameworkServiceClient,
        transparency_service_client::TransparencyServiceClient,
    },
    rpc::{Credentials, Identity},
};
use tonic::transport::{Channel, Endpoint};

use crate::served::{Authorised, Bearer};

const KEY: [u8; 32] = [9; 32];

/// How long the process may take to do what it was told, on a machine that has more to do.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where a binary keeps its ledger, and how it is started.
#[derive(Clone)]
pub struct Home {
    directory: PathBuf,
    /// What the command line begins with: nothing, or a tracer.
    before: Vec<String>,
    /// What is set in its environment.
    environment: Vec<(String, String)>,
}

/// The process.
pub struct Binary {
    child: Child,
    address: String,
}

impl Home {
    /// In `directory`, which is there.
    pub fn at(directory: &Path) -> Self {
        let directory = directory.to_owned();
        Self { directory, before: Vec::new(), environment: Vec::new() }
    }

    /// Started by this command, which becomes the process itself.
    pub fn by(&self, before: &[&str]) -> Self {
        let before = before.iter().map(|it| (*it).to_owned()).collect();
        Self { before, ..self.clone() }
    }

    /// With this in its environment.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut home = self.clone();
        home.environment.push((name.to_owned(), value.to_owned()));
        home
    }

    /// Without this in its environment.
    pub fn without(mut self, name: &str) -> Self {
        self.environment.retain(|(set, _)| set != name);
        self
    }

    pub fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Starts the process; does not wait until it serves.
    pub fn spawn(&self) -> Child {
        fs::write(self.directory.join("token.key"), KEY).unwrap();
        let binary = crate::binary::program();
        let mut words = self.before.iter().map(String::as_str).chain([binary.as_str()]);
        Command::new(words.next().unwrap())
            .args(words)
            .args(["serve", "--listen", "127.0.0.1:0", "--segment-mib", "4", "--log", "warn"])
            .args(["--admin-listen", "off"])
            // One caller plays many.
            .args(["--caller-rate", "0"])
            .arg("--data")
            .arg(self.data())
            .arg("--master-key-file")
            .arg(self.directory.join("master.key"))
            .arg("--token-key-file")
            .arg(self.directory.join("token.key"))
            .envs(self.environment.iter().cloned())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Starts the process and waits until it serves; how it ended and what it said if it does not.
    pub fn try_start(&self) -> Result<Binary, (ExitStatus, String)> {
        let mut child = self.spawn();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut all = Vec::new();
        while let Some(Ok(line)) = said.next() {
            if let Some(address) = line.strip_prefix("serving on ") {
                let address = address.to_owned();
                // What else it says is read and dropped, so that it never waits for a reader.
                thread::spawn(move || said.for_each(drop));
                return Ok(Binary { child, address });
            }
            all.push(line);
        }
        Err((child.wait().unwrap(), all.join("\n")))
    }

    /// The same where it must serve.
    pub fn start(&self) -> Binary {
        self.try_start().unwrap_or_else(|(status, said)| panic!("{status}: {said}"))
    }
}

impl Binary {
    pub fn channel(&self) -> Channel {
        Endpoint::from_shared(self.address.clone()).unwrap().connect_lazy()
    }

    /// SIGKILL: nothing is flushed, nothing is closed.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        signal(self.child.id(), name);
    }

    /// SIGTERM: it goes down in order.
    pub fn stop(self) -> ExitStatus {
        signal(self.child.id(), "TERM");
        self.wait()
    }

    /// Waits until it has ended by itself.
    pub fn wait(mut self) -> ExitStatus {
        let over = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            if Instant::now() > over {
                self.kill();
                panic!("it did not end within {PATIENCE:?}");
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Stops it in its tracks: on return no thread of it runs, and no call of it is under way.
    pub fn freeze(&self) {
        freeze(self.child.id());
    }
}

impl Drop for Binary {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Sends a signal to a process that this test started.
fn signal(process: u32, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(status.unwrap().success(), "SIG{name} to {process}");
}

/// Stops a process and waits until every thread of it has stopped.
pub fn freeze(process: u32) {
    signal(process, "STOP");
    let over = Instant::now() + PATIENCE;
    while !frozen(process) {
        assert!(Instant::now() < over, "the process did not freeze");
        thread::yield_now();
    }
}

fn frozen(process: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).unwrap();
    tasks.map(|task| task.unwrap().path().join("stat")).all(|stat| {
        // A thread that has ended meanwhile does not run.
        let Ok(stat) = fs::read_to_string(stat) else { return true };
        let state = stat.rsplit_once(") ").unwrap().1.chars().next().unwrap();
        ['T', 't', 'Z', 'X'].contains(&state)
    })
}

pub fn bearer(login: &str, roles: &[Role]) -> Bearer {
    let identity = Identity {
        login: Text::parse(login).unwrap(),
        organisation: OrganisationId::parse("ofsted").unwrap(),
        roles: roles.to_vec(),
    };
    let now = jiff::Timestamp::now();
    let token = Credentials::new(&KEY).unwrap().mint(&identity, now, Duration::from_hours(4));
    Bearer::new(&token.unwrap())
}

pub type Assessments = AssessmentServiceClient<Authorised>;

pub fn assessments(channel: &Channel) -> Assessments {
    let roles = [Role::Inspector, Role::LeadInspector, Role::FrameworkAdmin];
    let bearer = bearer("inspector@ofsted", &roles);
    AssessmentServiceClient::with_interceptor(channel.clone(), bearer)
}

pub fn audits(channel: &Channel) -> AuditServiceClient<Authorised> {
    let bearer = bearer("auditor@ofsted", &[Role::Auditor]);
    AuditServiceClient::with_interceptor(channel.clone(), bearer)
}

pub fn transparency(channel: &Channel) -> TransparencyServiceClient<Authorised> {
    let bearer = bearer("auditor@ofsted", &[Role::Auditor]);
    TransparencyServiceClient::with_interceptor(channel.clone(), bearer)
}

pub fn frameworks(channel: &Channel) -> FrameworkServiceClient<Authorised> {
    let bearer = bearer("admin@ofsted", &[Role::FrameworkAdmin]);
    FrameworkServiceClient::with_interceptor(channel.clone(), bearer)
}
