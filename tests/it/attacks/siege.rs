//! A server under attack, and what becomes of it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::time::{sleep, timeout};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, ClientConfig, ConfigBuilder, RootCertStore,
        client::WantsClientCert,
        pki_types::{CertificateDer, pem::PemObject as _},
    },
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint};

use super::{
    honest::{Asking, Honest, Seen, call},
    line::{ATTACKERS, Target},
};
use crate::{binary::Running, served::Clients};

const MIB: u64 = 1 << 20;

/// How much more memory an attack may take than the server had before it. That is as much as a server
/// built for speed may take; this one holds more for each call, and keeps within it.
const GROWTH_MAX: u64 = 64 * MIB;

/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// How long a connection may last of which nothing more is heard.
pub const DROPPED_WITHIN: Duration = Duration::from_secs(20);

/// The same where its peer says that it is there and takes nothing: 30 s, which are looked at every
/// five.
pub const UNREAD_DROPPED_WITHIN: Duration = Duration::from_secs(40);

/// The same of streams, whose readers may take their time before that.
pub const STREAM_DROPPED_WITHIN: Duration = Duration::from_secs(75);

/// An attack that is under way.
pub type UnderWay = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// An attack.
pub struct Attack {
    pub name: String,
    pub begin: Arc<dyn Fn(Target) -> UnderWay + Send + Sync>,
    /// Within which time the server must have closed its connections.
    pub dropped_within: Duration,
}

impl Attack {
    pub fn new<F>(name: &str, begin: impl Fn(Target) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        let begin = Arc::new(move |target| -> UnderWay { Box::pin(begin(target)) });
        Self { name: name.to_owned(), begin, dropped_within: DROPPED_WITHIN }
    }

    /// By peers who say that they are there.
    pub fn polite(self) -> Self {
        Self { dropped_within: UNREAD_DROPPED_WITHIN, ..self }
    }

    /// By such peers, on streams.
    pub fn on_streams(self) -> Self {
        Self { dropped_within: STREAM_DROPPED_WITHIN, ..self }
    }
}

/// What an attack did.
#[derive(Debug)]
pub struct Done {
    pub name: String,
    pub connections: usize,
    /// How much more memory there was at most than before it.
    pub grown: u64,
    pub honest: Seen,
    /// Its connections, by their ports, how many bytes of what was said on them the server has not
    /// read, and since when it has heard nothing more.
    ports: BTreeSet<u16>,
    unheard: u64,
    ended: Instant,
    dropped_within: Duration,
    /// How long the server took to close them all, and how many it has not.
    pub dropped: Option<Duration>,
    pub left: usize,
}

/// What can be attacked.
pub struct Siege {
    pub process: u32,
    pub target: Target,
    pub clients: Clients,
    asking: Asking,
}

impl Siege {
    /// Around a server whose certificate this authority signed, if it speaks TLS.
    pub async fn around(
        process: u32,
        address: &str,
        authority: Option<&str>,
        asking: Asking,
    ) -> Self {
        let mut endpoint = Endpoint::from_shared(address.to_owned()).unwrap();
        if let Some(authority) = authority {
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authority));
            endpoint = endpoint.tls_config(tls).unwrap();
        }
        let channel = endpoint.connect_lazy();
        let anybody = Clients::of("http://127.0.0.1:1");
        let clients = Clients { channel, ..anybody };
        let place = address.rsplit("//").next().unwrap();
        let place: SocketAddr = place.parse().unwrap();
        assert!(place.ip().is_loopback(), "nobody else is attacked");
        let target = Target {
            address: place,
            tls: authority.map(connector),
            endpoint,
            tokens: clients.clone(),
            seed: crate::killed::seed(),
            held: Arc::default(),
            notes: Arc::default(),
        };
        let siege = Self { process, target, clients, asking };
        for _ in 0..20 {
            call(&siege.clients, asking).await.unwrap();
        }
        siege
    }

    /// The same around the real binary.
    pub async fn of(running: &Running, authority: Option<&str>) -> Self {
        Self::around(running.id(), &running.address, authority, Asking::Ledger).await
    }

    /// Lets an attack go on for so long, honest callers beside it, and notes what became of those
    /// before.
    pub async fn under(&self, attack: &Attack, long: Duration, all: &mut Vec<Done>) {
        self.under_all(&attack.name, &[attack], long, all).await;
    }

    /// The same of several at once.
    pub async fn under_all(
        &self,
        name: &str,
        attacks: &[&Attack],
        long: Duration,
        all: &mut Vec<Done>,
    ) {
        let before = memory(self.process);
        let held_before = self.target.held.lock().unwrap().len();
        let honest = Honest::begin(&self.clients, &self.target.endpoint, self.asking);
        let under_way: Vec<_> = attacks
            .iter()
            .map(|attack| {
                let (begin, target) = (Arc::clone(&attack.begin), self.target.clone());
                let until = tokio::time::Instant::now() + long;
                tokio::spawn(tokio::time::timeout_at(until, async move {
                    // Who is thrown out begins again.
                    while begin(target.clone()).await.is_err() {
                        sleep(LOOK_EVERY).await;
                    }
                }))
            })
            .collect();
        let (begun, mut most) = (Instant::now(), 0);
        while begun.elapsed() < long {
            most = most.max(memory(self.process));
            self.look(all);
            sleep(LOOK_EVERY).await;
        }
        for attack in under_way {
            drop(attack.await.unwrap());
        }
        let ended = Instant::now();
        most = most.max(memory(self.process));
        let honest = honest.end().await;
        let mut held = self.target.held.lock().unwrap();
        let connections = held.len() - held_before;
        let port = |it: &std::net::TcpStream| it.local_addr().unwrap().port();
        // Those that the server has closed are let go of; the ports of the others stay taken.
        let open = open_at(self.target.address.port());
        let mut number = 0..;
        held.retain(|it| number.next() < Some(held_before) || open.contains_key(&port(it)));
        let ports = held[held_before..].iter().map(port).collect();
        drop(held);
        all.push(Done {
            name: name.to_owned(),
            connections,
            grown: most.saturating_sub(before),
            honest,
            ports,
            unheard: 0,
            ended,
            dropped_within: attacks.iter().map(|it| it.dropped_within).max().unwrap(),
            dropped: None,
            left: 0,
        });
    }

    /// Notes which attacks have no connection any more.
    fn look(&self, all: &mut [Done]) {
        if all.iter().all(|it| it.dropped.is_some()) {
            return;
        }
        let open = open_at(self.target.address.port());
        for done in all.iter_mut().filter(|it| it.dropped.is_none()) {
            let left = || done.ports.iter().filter_map(|port| open.get(port));
            done.left = left().count();
            // Megabytes may wait in the sockets, and reading them takes its time.
            let unheard = left().sum();
            if std::mem::replace(&mut done.unheard, unheard) != unheard && done.left > 0 {
                done.ended = Instant::now();
            }
            if done.left == 0 {
                done.dropped = Some(done.ended.elapsed());
            }
        }
    }

    /// Waits until the server has closed the connections of all attacks, or should have.
    pub async fn watch(&self, all: &mut [Done]) {
        loop {
            self.look(all);
            let waits = |it: &Done| it.dropped.is_none() && it.ended.elapsed() < it.dropped_within;
            if !all.iter().any(waits) {
                return;
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// What is wrong with a server that was attacked.
    pub fn faults(&self, all: &[Done]) -> BTreeMap<String, Vec<String>> {
        let mut faults = BTreeMap::<_, Vec<_>>::new();
        for done in all {
            let mut add = |fault: String| faults.entry(done.name.clone()).or_default().push(fault);
            if done.grown > GROWTH_MAX {
                add(format!("took {} MiB", done.grown / MIB));
            }
            if !done.honest.is_served() {
                let failed: BTreeSet<_> = done.honest.failed.iter().collect();
                let (answered, not) = (done.honest.took.len(), done.honest.failed.len());
                add(format!("{answered} honest calls were answered and {not} not: {failed:?}"));
            }
            if done.dropped.is_none_or(|it| it > done.dropped_within) {
                add(format!("{} of {} connections are open", done.left, done.connections));
            }
        }
        let notes = self.target.notes.lock().unwrap();
        if !notes.is_empty() {
            faults.insert("attackers saw".to_owned(), notes.iter().cloned().collect());
        }
        faults
    }

    /// Lets go of the attackers' connections.
    pub fn lift(&self) {
        self.target.held.lock().unwrap().clear();
    }
}

/// What is printed of the attacks.
pub fn table(all: &[Done]) -> String {
    let mut lines = vec![format!(
        "{:<52} {:>6} {:>7} {:>6} {:>8} {:>8} {:>8}",
        "attack", "conns", "MiB", "calls", "p50 ms", "p99 ms", "gone s"
    )];
    for done in all {
        let ms = |it: Duration| it.as_millis();
        let seen = &done.honest;
        let dropped =
            done.dropped.map_or_else(|| "open".to_owned(), |it| format!("{:.1}", it.as_secs_f32()));
        lines.push(format!(
            "{:<52} {:>6} {:>7} {:>6} {:>8} {:>8} {:>8}",
            done.name,
            done.connections,
            done.grown.div_ceil(MIB),
            format!("{}/{}", seen.took.len(), seen.took.len() + seen.failed.len()),
            ms(seen.within(50)),
            ms(seen.within(99)),
            dropped
        ));
    }
    lines.join("\n")
}

/// What TLS an attacker speaks.
fn connector(authority: &str) -> TlsConnector {
    let mut config = trusting(authority).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    TlsConnector::from(Arc::new(config))
}

/// TLS of a client that trusts one authority.
pub fn trusting(authority: &str) -> ConfigBuilder<ClientConfig, WantsClientCert> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
}

/// The memory of a process, in bytes.
pub fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the server lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it lives");
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

/// How long a process has worked, of all processors.
pub fn processor_ms(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the server lives");
    let fields: Vec<_> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    // In hundredths of a second: in its own code, and in the kernel's.
    (fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10
}

/// Looks at the memory of a process again and again, by a thread of its own: what the test does must not
/// keep it from looking.
pub struct Sampler {
    process: u32,
    over: Arc<AtomicBool>,
    looked: Arc<Mutex<Looked>>,
    looking: JoinHandle<()>,
}

/// How much memory there was at most, in bytes, and how often it was looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Looked {
    pub most: u64,
    pub looks: usize,
}

impl Looked {
    fn look(&mut self, process: u32) {
        self.most = self.most.max(memory(process));
        self.looks += 1;
    }
}

impl Sampler {
    pub fn begin(process: u32) -> Self {
        let (over, looked) = (Arc::<AtomicBool>::default(), Arc::<Mutex<Looked>>::default());
        let (told, looks) = (Arc::clone(&over), Arc::clone(&looked));
        let looking = std::thread::spawn(move || {
            while !told.load(Ordering::Relaxed) {
                looks.lock().unwrap().look(process);
                std::thread::sleep(LOOK_EVERY);
            }
        });
        Self { process, over, looked, looking }
    }

    /// What was seen so far.
    pub fn so_far(&self) -> Looked {
        *self.looked.lock().unwrap()
    }

    pub fn end(self) -> Looked {
        self.over.store(true, Ordering::Relaxed);
        self.looking.join().unwrap();
        let mut looked = *self.looked.lock().unwrap();
        looked.look(self.process);
        looked
    }
}

/// The negative control: memory that is given back before the end is seen all the same.
#[test]
fn memory_that_was_there_for_a_moment_is_seen() {
    const MOMENTARY: usize = 256 << 20;
    let sampler = Sampler::begin(std::process::id());
    let before = memory(std::process::id());
    let taken = vec![1_u8; MOMENTARY];
    let begun = sampler.so_far().looks;
    while sampler.so_far().looks < begun + 2 {
        std::thread::yield_now();
    }
    assert_eq!(taken.iter().map(|it| usize::from(*it)).sum::<usize>(), MOMENTARY);
    drop(taken);
    let after = memory(std::process::id());
    let looked = sampler.end();
    println!("{} MiB before, {} after, {looked:?}", before / MIB, after / MIB);
    assert!(looked.most >= MOMENTARY as u64, "{looked:?}");
}

/// The attackers' ports from which a connection to this port is open at the server's end, and how many
/// bytes of what was said there the server has not read.
fn open_at(port: u16) -> BTreeMap<u16, u64> {
    /// `TCP_ESTABLISHED` and `TCP_CLOSE_WAIT`: nothing was closed, or by the peer alone.
    const OPEN: [&str; 2] = ["01", "08"];
    let IpAddr::V4(from) = ATTACKERS else { unreachable!() };
    let from = u64::from(u32::from_ne_bytes(from.octets()));
    let hex = |it: &str| u64::from_str_radix(it, 16).unwrap();
    let sockets = fs::read_to_string("/proc/net/tcp").unwrap();
    let (mut open, mut on_the_way) = (BTreeMap::new(), BTreeMap::new());
    for line in sockets.lines().skip(1) {
        let mut fields = line.split_whitespace().skip(1);
        let mut end = || fields.next().unwrap().split_once(':').unwrap();
        let ((here, local), (there, remote)) = (end(), end());
        let state = fields.next().unwrap();
        let (unsent, unread) = fields.next().unwrap().split_once(':').unwrap();
        let [local, remote] = [local, remote].map(|it| u16::from_str_radix(it, 16).unwrap());
        if local == port && hex(there) == from && OPEN.contains(&state) {
            open.insert(remote, hex(unread));
        } else if remote == port && hex(here) == from {
            on_the_way.insert(local, hex(unsent));
        }
    }
    let waits = |(port, unread)| (port, unread + on_the_way.get(&port).unwrap_or(&0));
    open.into_iter().map(waits).collect()
}

/// Waits for something that must come to be.
pub async fn within<T>(long: Duration, what: &str, comes: impl Future<Output = T>) -> T {
    timeout(long, comes).await.unwrap_or_else(|_| panic!("{what}: not within {long:?}"))
}
