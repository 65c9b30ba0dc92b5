//! Witnesses: another process, that is not ours to run, signs what was proven to it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use judgement_ledger::{
    merkle::{
        AddCheckpoint, Checkpoint, Cosignatures, CosignedSize, Cosigner, KeyName, Origin,
        PosixTime, SignedNote, TreeHead, Verified, Verifier,
    },
    pb,
    signer::Witness,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::served::{Ground, Served};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a witness remembers, and the codes that it answered.
#[derive(Default)]
struct State {
    last: Option<TreeHead>,
    log: Vec<Verifier>,
    answered: Vec<u16>,
    /// Signs with another key than it says.
    lies: bool,
}

/// A witness as the specification describes one, on a port of this machine.
#[derive(Clone)]
struct Double {
    state: Arc<Mutex<State>>,
    url: String,
}

fn cosigner(seed: u8) -> Cosigner {
    Cosigner::new(KeyName::parse("witness.example/w1").unwrap(), &[seed; 32])
}

impl Double {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/prefix/", listener.local_addr().unwrap());
        let double = Self { state: Arc::default(), url };
        let serving = double.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        double
    }

    fn witness(&self) -> Witness {
        Witness::parse(&format!("{}={}", self.url, cosigner(7).verifier())).unwrap()
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut read = Vec::new();
        let (head, length) = loop {
            if stream.read_buf(&mut read).await.unwrap() == 0 {
                return;
            }
            let Some(at) = read.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
            let head = String::from_utf8(read[..at].to_vec()).unwrap();
            let length = head.to_lowercase();
            let length = length.lines().find_map(|it| it.strip_prefix("content-length: "));
            break (head.clone(), at + 4 + length.unwrap().trim().parse::<usize>().unwrap());
        };
        while read.len() < length {
            stream.read_buf(&mut read).await.unwrap();
        }
        let begin = read.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
        assert!(head.starts_with("POST /prefix/add-checkpoint HTTP/1.1"), "{head}");
        let (code, kind, body) = self.answer(&read[begin..length]);
        self.state.lock().unwrap().answered.push(code);
        let answer = format!(
            "HTTP/1.1 {code} x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    /// What a witness does, step by step. (C2SP tlog-witness "add-checkpoint")
    fn answer(&self, body: &[u8]) -> (u16, &'static str, String) {
        let plain = "text/plain";
        let Ok(request) = AddCheckpoint::parse(body) else {
            return (400, plain, String::new());
        };
        let mut state = self.state.lock().unwrap();
        let Some(key) = state.log.first() else { return (404, plain, "unknown log\n".to_owned()) };
        let origin = Origin::from(key.name().clone());
        let opened = Checkpoint::open(request.checkpoint(), &origin, &state.log);
        let Ok(checkpoint) = opened else { return (403, plain, "no signature\n".to_owned()) };
        let head = *checkpoint.head();
        let last = state.last.unwrap_or_else(TreeHead::empty);
        if request.old() != last.size {
            return (409, CosignedSize::CONTENT_TYPE, CosignedSize(last.size).to_string());
        }
        if request.proof().verify(&last, &head).is_err() {
            return (422, plain, "no proof\n".to_owned());
        }
        state.last = Some(head);
        let seed = if state.lies { 8 } else { 7 };
        let time = PosixTime::new(1_767_000_000).unwrap();
        let signed = cosigner(seed).cosign(&checkpoint, time);
        (200, plain, Cosignatures::new(vec![signed]).to_string())
    }
}

/// What the witness says of a checkpoint.
fn witnessed(checkpoint: &pb::Checkpoint) -> Vec<Verified> {
    let note = SignedNote::parse(&checkpoint.note).unwrap();
    note.verify(&[cosigner(7).verifier()]).unwrap()
}

async fn newest(served: &Served) -> pb::Checkpoint {
    let request = pb::GetCheckpointRequest { min_size: 1 };
    let mut client = served.clients().transparency("consumer");
    client.get_checkpoint(request).await.unwrap().into_inner()
}

/// The newest checkpoint, once it covers the position and the witness has signed it.
async fn cosigned(served: &Served, position: u64) -> pb::Checkpoint {
    let found = async {
        loop {
            let checkpoint = newest(served).await;
            if checkpoint.size >= position && !witnessed(&checkpoint).is_empty() {
                return checkpoint;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, found).await.unwrap()
}

fn log_keys(checkpoint: &pb::Checkpoint) -> Vec<Verifier> {
    checkpoint.keys.iter().map(|key| Verifier::parse(key).unwrap()).collect()
}

#[tokio::test]
async fn a_witness_signs_what_is_proven_to_it_and_is_asked_anew_after_a_start() {
    let double = Double::start().await;
    let mut ground = Ground::new();
    ground.witnesses = vec![double.witness()];
    let served = Served::start_on(ground).await;
    // It does not know the log yet; meanwhile the checkpoint is published without it.
    let alone = newest(&served).await;
    assert_eq!(witnessed(&alone), []);
    double.state.lock().unwrap().log = log_keys(&alone);
    let name = served.open("apa-2006").await;
    let receipt = served.award(&name, "social-care", "3").await;
    let checkpoint = cosigned(&served, receipt.position).await;
    let seen = witnessed(&checkpoint);
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].time.unwrap().seconds(), 1_767_000_000);
    // Its signature is kept over a start. After it nobody knows what the witness knows: it says so.
    let asked = double.state.lock().unwrap().answered.len();
    let served = served.restart().await;
    let kept = newest(&served).await;
    assert_eq!(kept.note, checkpoint.note);
    let receipt = served.award(&name, "capacity-to-improve", "2").await;
    cosigned(&served, receipt.position).await;
    let answered = double.state.lock().unwrap().answered.split_off(asked);
    assert!(answered.starts_with(&[409, 200]), "{answered:?}");
    served.stop().await;
}

/// A ledger that is slow to be witnessed goes on all the same.
#[tokio::test]
async fn a_witness_that_lies_or_refuses_changes_nothing() {
    let double = Double::start().await;
    double.state.lock().unwrap().lies = true;
    let mut ground = Ground::new();
    ground.witnesses = vec![double.witness()];
    let served = Served::start_on(ground).await;
    let first = newest(&served).await;
    double.state.lock().unwrap().log = log_keys(&first);
    let name = served.open("apa-2006").await;
    let receipt = served.award(&name, "social-care", "3").await;
    let answered = async {
        while !double.state.lock().unwrap().answered.contains(&200) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, answered).await.unwrap();
    let request = pb::GetCheckpointRequest { min_size: receipt.position };
    let mut client = served.clients().transparency("consumer");
    let checkpoint = client.get_checkpoint(request).await.unwrap().into_inner();
    assert_eq!(witnessed(&checkpoint), []);
    served.stop().await;
}

#[test]
fn what_names_no_witness_is_refused() {
    let key = cosigner(7).verifier();
    let log = judgement_ledger::merkle::Signer::new(KeyName::parse("a").unwrap(), &[7; 32]);
    for (given, said) in [
        ("https://w.example".to_owned(), "URL=VKEY"),
        (format!("ftp://w.example={key}"), "URL=VKEY"),
        ("https://w.example=key".to_owned(), "the witness's key"),
        (format!("https://w.example={}", log.verifier()), "a key of a log"),
    ] {
        let error = Witness::parse(&given).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    assert_eq!(*Witness::parse(&format!("https://w.example={key}")).unwrap().key(), key);
}
