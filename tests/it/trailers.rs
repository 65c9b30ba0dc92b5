//! A refused call ends with its headers, which carry the status: with anything after them many clients lose
//! the status of a stream. (gRPC over HTTP/2, Trailers-Only)

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use crate::{
    attacks::frames::{Asked, HEADERS, frames, greeting},
    served::Served,
};

const END_STREAM: u8 = 0x1;
const PATIENCE: Duration = Duration::from_secs(30);

/// Streams of every kind, and who asks for them with an empty message: nobody, or somebody who may not
/// or says too little.
const REFUSED: [(&str, Option<&str>); 7] = [
    ("AuditService/StreamRecords", None),
    ("AuditService/StreamRecords", Some("consumer")),
    ("AssessmentService/GetFeed", None),
    ("AssessmentService/GetFeed", Some("consumer")),
    ("AssessmentService/ApplyStream", None),
    ("EvidenceService/ExportEvidence", Some("auditor")),
    ("EvidenceService/ExportCase", Some("inspector")),
];

#[tokio::test]
async fn a_refused_stream_ends_with_its_headers() {
    let served = Served::start().await;
    for (method, role) in REFUSED {
        let path = format!("/judgement.ledger.v1.{method}");
        let token = role.map(|role| served.token(role));
        let mut line = TcpStream::connect(served.address).await.unwrap();
        line.write_all(&greeting(&[])).await.unwrap();
        line.write_all(&Asked::call(&path, token.as_deref()).asks(1)).await.unwrap();
        let mut said = Vec::new();
        let flags = timeout(PATIENCE, async {
            loop {
                let (came, _) = frames(&said);
                if let Some(headers) = came.iter().find(|it| it.kind == HEADERS) {
                    return headers.flags;
                }
                assert!(line.read_buf(&mut said).await.unwrap() > 0, "{method}: it was closed");
            }
        });
        let flags = flags.await.unwrap_or_else(|_| panic!("{method}: no answer"));
        assert_ne!(flags & END_STREAM, 0, "{method} as {role:?}: something follows its headers");
    }
    served.stop().await;
}
