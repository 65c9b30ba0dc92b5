//! A reader of a stream who takes nothing, against the real server over a real connection.

use std::time::Duration;

use judgement_ledger::pb::{self, stream_records_response::Message};
use tonic::{Code, transport::Endpoint};

use crate::{
    served::{Clients, Ground, Served, reason_of},
    story::{Telling, tell},
};

/// How patient the server is here. What is tested is that nothing happens for longer than this.
const PATIENCE: Duration = Duration::from_millis(300);

/// Texts of 60 KB, so that the records fill every buffer between the journal and the reader.
const TELLING: Telling = Telling { long_text_bytes: 60_000, evidence: 0 };
const CHAPTERS: usize = 24;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_takes_nothing_is_cut_off_and_goes_on_without_loss_or_double() {
    let mut ground = Ground::new();
    ground.limits.reader_patience = PATIENCE;
    let served = Served::on(ground).await.unwrap();
    for chapter in 0..CHAPTERS {
        tell(&served.clients(), chapter, TELLING).await;
    }
    let head = served.head().await;
    // Of what nobody takes, little lies in the reader's own buffer.
    let endpoint = Endpoint::from_shared(format!("http://{}", served.address)).unwrap();
    let endpoint = endpoint.initial_stream_window_size(65_535);
    let reader = Clients { channel: endpoint.connect_lazy(), ..served.clients() };

    let (mut seen, mut after, mut cuts) = (Vec::new(), 0, 0);
    while seen.last() != Some(&head) {
        let request = pb::StreamRecordsRequest {
            after_position: after,
            ..pb::StreamRecordsRequest::default()
        };
        let mut stream = reader.audits().stream_records(request).await.unwrap().into_inner();
        // The first two times it takes one message, and then nothing for a long time.
        let mut pause = cuts < 2;
        loop {
            match stream.message().await {
                Ok(message) => match message.expect("a live stream goes on").message.unwrap() {
                    Message::Record(it) => seen.push(it.record.unwrap().position),
                    Message::CaughtUp(_) | Message::Checkpoint(_) => {}
                },
                Err(status) => {
                    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
                    let (reason, metadata) = reason_of(&status);
                    assert_eq!(reason, "SLOW_READER");
                    after = metadata["resume_after"].parse().unwrap();
                    // What it was told to go on after is what it has.
                    assert_eq!(seen.last(), Some(&after));
                    cuts += 1;
                    break;
                }
            }
            if seen.last() == Some(&head) {
                break;
            }
            if std::mem::take(&mut pause) {
                tokio::time::sleep(PATIENCE * 5).await;
            }
        }
    }
    assert_eq!(cuts, 2, "it was cut off each time it paused, and not when it read");
    assert!(seen.iter().copied().eq(1..=head), "every record once, in order");
    served.stop().await;
}

/// The negative control: a reader who takes what there is, however little at a time, is not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_who_takes_little_at_a_time_is_not_cut_off() {
    let mut ground = Ground::new();
    ground.limits.reader_patience = PATIENCE;
    let served = Served::on(ground).await.unwrap();
    for chapter in 0..2 {
        tell(&served.clients(), chapter, TELLING).await;
    }
    let head = served.head().await;
    let mut stream =
        served.audits().stream_records(pb::StreamRecordsRequest::default()).await.unwrap();
    let mut seen = Vec::new();
    while seen.last() != Some(&head) {
        let message = stream.get_mut().message().await.unwrap().unwrap();
        if let Some(Message::Record(it)) = message.message {
            seen.push(it.record.unwrap().position);
        }
        tokio::time::sleep(PATIENCE / 30).await;
    }
    assert!(seen.iter().copied().eq(1..=head));
    drop(stream);
    served.stop().await;
}
