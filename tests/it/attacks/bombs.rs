//! Messages that are larger, deeper or stranger than what they should be.
//!
//! The bytes of the messages are made by hand. What brings them keeps to HTTP/2: else they would not
//! arrive.

use std::{
    collections::BTreeMap,
    io::{self, Write as _},
    sync::{Arc, OnceLock},
};

use bytes::Bytes;
use http::{Request, header};
use tokio::{sync::Mutex, task::JoinSet, time::sleep};
use tonic::{Code, Status, body::Body, client::GrpcService as _};

use super::{
    floods::{BACK_AFTER, BATCH, STREAM},
    frames::{declared, message},
    line::Target,
};

const RECORDS: &str = "/judgement.ledger.v1.AuditService/StreamRecords";
const FRAMEWORK: &str = "/judgement.ledger.v1.FrameworkService/RegisterFramework";
const SUBJECT: &str = "/judgement.ledger.v1.FrameworkService/GetSubject";
const PUBLISH: &str = "/judgement.ledger.v1.AssessmentService/PublishAssessments";

/// How many bytes a bomb unpacks to.
const UNPACKED_BYTES: usize = 1 << 30;

/// A message that is sent to a method.
pub struct Bomb {
    pub path: &'static str,
    /// What it is packed by.
    pub packed: Option<&'static str>,
    /// What is sent: a message, or what passes for one.
    pub said: Bytes,
    /// How it may be answered.
    pub answers: &'static [Code],
}

impl Bomb {
    fn new(path: &'static str, said: Vec<u8>, answers: &'static [Code]) -> Self {
        Self { path, packed: None, said: said.into(), answers }
    }

    fn packed(packed: &'static str, said: &[u8]) -> Self {
        let bomb = Self::new(BATCH, message(true, said), &[Code::ResourceExhausted]);
        Self { packed: Some(packed), ..bomb }
    }
}

const TOO_LARGE: &[Code] = &[Code::ResourceExhausted];
const MALFORMED: &[Code] = &[Code::InvalidArgument];

/// A GiB of zeros in a MiB.
pub fn gzip() -> Bomb {
    static PACKED: OnceLock<Vec<u8>> = OnceLock::new();
    let packed = PACKED.get_or_init(|| {
        let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![0; 1 << 20];
        for _ in 0..UNPACKED_BYTES / zeros.len() {
            packing.write_all(&zeros).unwrap();
        }
        let mut packed = packing.finish().unwrap();
        // As much of it as a message may have.
        packed.truncate(1_000_000);
        packed
    });
    Bomb::packed("gzip", packed)
}

/// The same in 32 KiB: a frame of blocks that each say which byte to repeat. (RFC 8878 §3.1.1)
pub fn zstd() -> Bomb {
    const BLOCK_BYTES: usize = 128 << 10;
    let blocks = UNPACKED_BYTES / BLOCK_BYTES;
    let mut packed = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    for block in 1..=blocks {
        let (size, repeats, last) = (BLOCK_BYTES << 3, 1 << 1, usize::from(block == blocks));
        let head = u32::try_from(size | repeats | last).unwrap().to_le_bytes();
        packed.extend([head[0], head[1], head[2], 0]);
    }
    Bomb::packed("zstd", &packed)
}

/// More than a message may have.
pub fn too_large() -> Bomb {
    Bomb::new(BATCH, message(false, &vec![0; 5 << 20]), TOO_LARGE)
}

/// It says that it has 4 GiB.
pub fn said_to_be_huge() -> Bomb {
    Bomb::new(BATCH, declared(false, u32::MAX, &[0; 600]), TOO_LARGE)
}

/// Groups within groups, of a field that nobody knows. (Protocol Buffers, wire types 3 and 4)
pub fn nested(deep: usize) -> Bomb {
    let said = [[0xa3, 0x06].repeat(deep), [0xa4, 0x06].repeat(deep)].concat();
    Bomb::new(BATCH, message(false, &said), MALFORMED)
}

/// Its name is not UTF-8.
pub fn no_text() -> Bomb {
    Bomb::new(SUBJECT, message(false, &[0x0a, 2, 0xff, 0xfe]), MALFORMED)
}

/// Empty commands, two bytes each, as many as fit.
pub fn empty_commands() -> Bomb {
    let said = [0x0a, 0].repeat((1 << 19) - 8);
    Bomb::new(BATCH, message(false, &said), TOO_LARGE)
}

/// 4 MiB of them.
pub fn more_empty_commands() -> Bomb {
    Bomb::new(BATCH, message(false, &[0x0a, 0].repeat(2 << 20)), TOO_LARGE)
}

/// Empty commands, as many as fit once they are unpacked.
pub fn packed_empty_commands() -> Bomb {
    let mut packing = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packing.write_all(&[0x0a, 0].repeat((1 << 19) - 8)).unwrap();
    let packed = message(true, &packing.finish().unwrap());
    Bomb { packed: Some("gzip"), ..Bomb::new(BATCH, packed, TOO_LARGE) }
}

/// Empty publications, two bytes each, as many as fit.
pub fn empty_publications() -> Bomb {
    let said = [0x0a, 0].repeat((1 << 19) - 8);
    Bomb::new(PUBLISH, message(false, &said), TOO_LARGE)
}

/// Empty areas of a framework, as many as fit.
pub fn empty_areas() -> Bomb {
    // `framework`, and in it `areas`.
    let areas = [0x2a, 0].repeat(100_000);
    let mut said = vec![0x1a];
    let mut length = areas.len();
    while length >= 128 {
        said.push((length % 128) as u8 | 128);
        length /= 128;
    }
    said.push(length as u8);
    said.extend(areas);
    Bomb::new(FRAMEWORK, message(false, &said), TOO_LARGE)
}

/// The names of streams, all of them empty, as many as fit.
pub fn empty_names() -> Bomb {
    Bomb::new(RECORDS, message(false, &[0x12, 0].repeat(32_000)), TOO_LARGE)
}

/// Bytes that are no message where many are awaited.
pub fn no_commands() -> Bomb {
    Bomb::new(STREAM, message(false, &[0x0d, 0, 0, 0, 0]), MALFORMED)
}

/// Sends it over and over on so many connections, and says where an answer is none of what it may be.
pub async fn sent(target: Target, bomb: Bomb, connections: usize) -> io::Result<()> {
    let (bomb, answers) = (Arc::new(bomb), Arc::new(Mutex::new(BTreeMap::new())));
    let mut senders = JoinSet::new();
    for _ in 0..connections {
        let (target, bomb, answers) = (target.clone(), Arc::clone(&bomb), Arc::clone(&answers));
        senders.spawn(async move {
            let mut channel = target.channel();
            loop {
                // Where too many come from here, another is not let in.
                let Ok(code) = send(&target, &mut channel, &bomb).await else {
                    sleep(BACK_AFTER).await;
                    continue;
                };
                let mut answers = answers.lock().await;
                *answers.entry(format!("{code:?}")).or_insert(0_u64) += 1;
                if !bomb.answers.contains(&code) {
                    target.note(format!("{}: answered {code:?}", bomb.path));
                }
            }
        });
    }
    while senders.join_next().await.is_some() {}
    Ok(())
}

async fn send(
    target: &Target,
    channel: &mut tonic::transport::Channel,
    bomb: &Bomb,
) -> Result<Code, Box<dyn std::error::Error + Send + Sync>> {
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await?;
    let mut request = Request::post(format!("http://localhost{}", bomb.path))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        .header(header::AUTHORIZATION, format!("Bearer {}", target.token(bomb.path)));
    if let Some(packed) = bomb.packed {
        request = request.header("grpc-encoding", packed);
    }
    let body = Body::new(axum::body::Body::from(bomb.said.clone()));
    let answer = channel.call(request.body(body)?).await?;
    if let Some(status) = Status::from_header_map(answer.headers()) {
        return Ok(status.code());
    }
    let mut body = answer.into_body();
    loop {
        let frame = std::future::poll_fn(|cx| {
            http_body::Body::poll_frame(std::pin::Pin::new(&mut body), cx)
        });
        match frame.await {
            Some(Ok(frame)) => {
                let status = frame.trailers_ref().and_then(Status::from_header_map);
                if let Some(status) = status {
                    return Ok(status.code());
                }
            }
            Some(Err(error)) => return Err(error.into()),
            None => return Ok(Code::Unknown),
        }
    }
}
