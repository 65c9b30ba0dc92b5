//! One caller who sends as much as goes in leaves room for others.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use judgement_ledger::{
    pb::{self, apply_stream_response::Outcome},
    rpc::Limits,
};
use prost::Message as _;
use tokio::task::JoinSet;
use tokio_stream::StreamExt as _;
use tonic::{Code, Status, transport::Endpoint};
use tonic_types::StatusExt as _;

use crate::served::{Clients, Ground, Served, act, present};

/// How many streams the greedy caller has: with 256 commands in each, twice what may wait.
const STREAMS: usize = 16;

/// How many calls the other one makes beside it.
const CALLS: usize = 50;

/// What the greedy caller was told.
#[derive(Default)]
struct Told {
    recorded: AtomicUsize,
    busy: AtomicUsize,
}

/// Sends commands until it is told to stop, and takes what is answered.
async fn flood(clients: Clients, assessment: String, stop: Arc<AtomicBool>, told: Arc<Told>) {
    let command = move || pb::ApplyStreamRequest {
        command: Some(pb::Command {
            order: Some(pb::command::Order::RecordEntry(pb::RecordEntryRequest {
                assessment: assessment.clone(),
                act: Some(act()),
                entry_id: format!("nar-{}", uuid::Uuid::new_v4().simple()),
                content: Some(pb::EntryContent {
                    kind: pb::EntryKind::Narrative.into(),
                    section: "staying-safe".to_owned(),
                    area: "staying-safe".to_owned(),
                    order: 1,
                    text: Some(present("seen")),
                    ..pb::EntryContent::default()
                }),
                ..pb::RecordEntryRequest::default()
            })),
        }),
    };
    let more = std::iter::from_fn(move || (!stop.load(Ordering::Relaxed)).then(&command));
    let mut client = clients.assessments("inspector");
    let mut answers = client.apply_stream(tokio_stream::iter(more)).await.unwrap().into_inner();
    while let Some(answer) = answers.next().await {
        match answer.unwrap().outcome.unwrap() {
            Outcome::Receipt(_) => {
                told.recorded.fetch_add(1, Ordering::Relaxed);
            }
            Outcome::Refusal(refusal) => {
                let details = refusal.encode_to_vec().into();
                let status = Status::with_details(refusal.code.into(), refusal.message, details);
                let details = status.get_error_details();
                assert_eq!(details.error_info().unwrap().reason, "BUSY", "{status:?}");
                assert!(details.retry_info().unwrap().retry_delay.is_some());
                told.busy.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_who_fills_all_its_streams_leaves_others_room_in_the_queue() {
    let mut ground = Ground::new();
    ground.limits = Limits { caller_calls_per_second: NonZeroU32::new(100_000), ..ground.limits };
    let served = Served::start_on(ground).await;
    let name = served.open("apa-2006").await;
    let (stop, told) = (Arc::<AtomicBool>::default(), Arc::<Told>::default());
    let endpoint = Endpoint::from_shared(format!("http://{}", served.address)).unwrap();
    let mut flooding = JoinSet::new();
    for _ in 0..STREAMS {
        let clients = Clients { channel: endpoint.connect_lazy(), ..served.clients() };
        flooding.spawn(flood(clients, name.clone(), Arc::clone(&stop), Arc::clone(&told)));
    }
    while told.recorded.load(Ordering::Relaxed) < 1_000 {
        tokio::task::yield_now().await;
    }
    let mut turned_away = Vec::new();
    for _ in 0..CALLS {
        let request = pb::RegisterSubjectRequest {
            act: Some(act()),
            subject: format!("subjects/s-{}", uuid::Uuid::new_v4().simple()),
            display_name: "A council".to_owned(),
            kind: "local authority".to_owned(),
            ..pb::RegisterSubjectRequest::default()
        };
        if let Err(status) = served.frameworks("admin").register_subject(request).await {
            assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
            turned_away.push(status.message().to_owned());
        }
    }
    stop.store(true, Ordering::Relaxed);
    while let Some(flooded) = flooding.join_next().await {
        flooded.unwrap();
    }
    let (recorded, busy) =
        (told.recorded.load(Ordering::Relaxed), told.busy.load(Ordering::Relaxed));
    println!("the greedy caller: {recorded} recorded, {busy} refused");
    assert!(busy > 0, "nobody was greedy: {recorded} recorded");
    assert!(turned_away.is_empty(), "{} of {CALLS}: {}", turned_away.len(), turned_away[0]);
    served.stop().await;
}
