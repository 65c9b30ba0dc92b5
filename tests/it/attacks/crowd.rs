//! A crowd of honest clients, each on a connection of its own, all there at once: nobody is refused, and
//! memory, which is looked at all the while, stays bounded.
//!
//! 1,000 of them; `JUDGEMENT_LEDGER_CROWD=10000` is the long form.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
    time::Instant,
};

use tokio::{
    sync::{Barrier, Semaphore},
    task::JoinSet,
};

use super::{
    honest::{Asking, Seen, call, said},
    serve,
    siege::{Sampler, Siege, memory},
};
use crate::{
    binary::{Home, Running},
    killed::rounds,
    served::Clients,
};

const CLIENTS: u64 = 1_000;

/// What each does once all are connected.
const CALLS: usize = 3;

/// How much memory the server may have with them: 512 MiB; over TLS, which keeps buffers and keys for each
/// connection, 1 GiB where there are more than a thousand.
fn memory_max(clients: usize, over_tls: bool) -> u64 {
    if over_tls && clients as u64 > CLIENTS { 1 << 30 } else { 512 << 20 }
}

/// How many connect at once: no more may be without first words from one address.
const CONNECTING: usize = 32;

async fn is_served(over_tls: bool) {
    let clients = rounds("JUDGEMENT_LEDGER_CROWD", CLIENTS) as usize;
    let home = Home::new();
    let (mut command, authority) = serve(&home, over_tls);
    command.args(["--connections-max", &(clients + 100).to_string(), "--caller-rate", "0"]);
    let running = Running::start(command);
    let siege = Siege::of(&running, authority.as_deref()).await;
    let before = memory(running.id());
    let sampler = Sampler::begin(running.id());
    let (connecting, all_there) =
        (Arc::new(Semaphore::new(CONNECTING)), Arc::new(Barrier::new(clients)));
    // At once they make no more calls than are taken.
    let calling = Arc::new(Semaphore::new(256));
    let mut crowd = JoinSet::new();
    for number in 0..clients {
        // From some addresses of this machine: one alone has not so many ports.
        let from = Ipv4Addr::new(127, 0, 1, 1 + u8::try_from(number % 8).unwrap());
        let endpoint = siege.target.endpoint.clone().local_address(Some(IpAddr::V4(from)));
        let (connecting, all_there) = (Arc::clone(&connecting), Arc::clone(&all_there));
        let (clients, calling) = (siege.clients.clone(), Arc::clone(&calling));
        crowd.spawn(async move {
            let mut seen = Seen::default();
            let turn = connecting.acquire().await.unwrap();
            let connected = endpoint.connect().await;
            drop(turn);
            all_there.wait().await;
            let channel = match connected {
                Ok(channel) => channel,
                Err(error) => {
                    seen.failed.push(format!("{error:?}"));
                    return seen;
                }
            };
            let clients = Clients { channel, ..clients };
            for _ in 0..CALLS {
                let turn = calling.acquire().await.unwrap();
                let begun = Instant::now();
                match call(&clients, Asking::Ledger).await {
                    Ok(()) => seen.took.push(begun.elapsed()),
                    Err(status) => seen.failed.push(said(&status)),
                }
                drop(turn);
            }
            // Nobody goes before all are done.
            all_there.wait().await;
            seen
        });
    }
    let mut all = Seen::default();
    while let Some(seen) = crowd.join_next().await {
        all.add(seen.unwrap());
    }
    let looked = sampler.end();
    println!(
        "{clients} clients, TLS: {over_tls}: {} calls, p50 {:?}, p99 {:?}, {} MiB at most, of which {} \
         were there before, in {} looks",
        all.took.len(),
        all.within(50),
        all.within(99),
        looked.most >> 20,
        before >> 20,
        looked.looks
    );
    assert_eq!(all.failed, Vec::<String>::new());
    assert_eq!(all.took.len(), clients * CALLS);
    // They are there for some seconds at least, all of them for more than one look.
    assert!(looked.looks > 10, "{looked:?}");
    assert!(looked.most > before, "a crowd takes memory: {looked:?}");
    assert!(looked.most <= memory_max(clients, over_tls), "{} MiB", looked.most >> 20);
    assert!(running.stop().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_at_once_are_all_served() {
    is_served(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_clients_at_once_are_all_served_over_tls() {
    is_served(true).await;
}
