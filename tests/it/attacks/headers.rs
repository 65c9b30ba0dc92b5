//! How large the headers of a request may be, to the byte.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::frames::{
    Asked, DATA, END_HEADERS, END_STREAM, HEADERS, field, frame, frames, greeting,
};
use crate::served::Served;

const PATH: &str = "/grpc.health.v1.Health/Check";

/// Headers of so many bytes are too large. (RFC 9113 §6.5.2: of names and values, and 32 for each.)
const HEADERS_BYTES: usize = 16 * 1024;

/// Whether a call is answered whose headers have so many bytes.
async fn is_taken(served: &Served, bytes: usize) -> bool {
    let names = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", PATH),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
        ("x-padding", ""),
    ];
    let without: usize = names.iter().map(|(name, value)| name.len() + value.len() + 32).sum();
    let mut block = Asked::call(PATH, None).block();
    field(&mut block, "x-padding", &"x".repeat(bytes - without));
    let mut connection = TcpStream::connect(served.address).await.unwrap();
    let said = [
        greeting(&[]),
        frame(HEADERS, END_HEADERS, 1, &block),
        frame(DATA, END_STREAM, 1, &[0; 5]),
    ]
    .concat();
    connection.write_all(&said).await.unwrap();
    let mut heard = Vec::new();
    let answer = async {
        loop {
            assert_ne!(connection.read_buf(&mut heard).await.unwrap(), 0, "it is answered");
            let (came, _) = frames(&heard);
            // What is refused has headers alone.
            if came.iter().any(|it| it.kind == DATA) {
                return true;
            }
            if came.iter().any(|it| it.kind == HEADERS && it.flags & END_STREAM != 0) {
                return false;
            }
        }
    };
    timeout(Duration::from_secs(10), answer).await.unwrap()
}

#[tokio::test]
async fn headers_of_16_kib_are_refused_and_of_one_byte_less_are_taken() {
    let served = Served::start().await;
    assert!(is_taken(&served, 1_000).await);
    assert!(is_taken(&served, HEADERS_BYTES - 1).await);
    assert!(!is_taken(&served, HEADERS_BYTES).await);
    assert!(!is_taken(&served, HEADERS_BYTES + 1).await);
    assert!(is_taken(&served, HEADERS_BYTES - 1).await, "it lives on");
    served.stop().await;
}
