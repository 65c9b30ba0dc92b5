//! Notes, keys and proofs that others published or accepted, to the byte.

use crate::merkle::{
    Checkpoint, ConsistencyPlan, Cosigner, Hash, InclusionPlan, KeyId, KeyName, Node, NoteError,
    Origin, PosixTime, Signature, SignedNote, Signer, TreeHead, Verifier, root_of, vectors::leaves,
};

pub(super) const ORIGIN: &str = "audit.judgements.example/log1";
pub(super) const LOG: &str =
    "audit.judgements.example/log1+5b2ad1c8+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
pub(super) const WITNESS: &str =
    "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X";
pub(super) const CHECKPOINT: &str = "audit.judgements.example/log1
8
XcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=

— audit.judgements.example/log1 WyrRyCqPmSWrC673UH4nwErusXDrUA8QQ0G7t4reB6x5e2CKJC5PgcB2YDAnZbPNMBHu6GN3giispTp5QsYuh4SG4AI=
— witness.example/w1 IDJKvgAAAABpUkfArFwhJvRhNaY3g9cy20RgxcLG7DLu4RCarKOH+ZQ+u1xG4kvFF73kb+7u5leWrGoyQrywiijnHyU/vdzdYRl/CQ==
";

pub(super) fn seed(first: u8) -> [u8; 32] {
    std::array::from_fn(|at| first | u8::try_from(at).unwrap())
}

pub(super) fn name(name: &str) -> KeyName {
    KeyName::parse(name).unwrap()
}

pub(super) fn key(vkey: &str) -> Verifier {
    Verifier::parse(vkey).unwrap()
}

fn hash_of(node: &Node) -> Hash {
    let range = node.leaves();
    let place = |at| usize::try_from(at).unwrap();
    root_of(&leaves()[place(range.start)..place(range.end)])
}

pub(super) fn checkpoint() -> Checkpoint {
    let head = TreeHead { size: 8, root: root_of(&leaves()) };
    Checkpoint::new(Origin::parse(ORIGIN).unwrap(), head)
}

/// Foreign verifiers accepted this log, this witness and this checkpoint. Ed25519 signatures
/// follow from the key and the text, so there is one right answer.
#[test]
fn a_log_and_a_witness_of_known_seeds_sign_as_foreign_verifiers_accepted() {
    let log = Signer::new(name(ORIGIN), &seed(0));
    let witness = Cosigner::new(name("witness.example/w1"), &seed(0x20));
    assert_eq!(log.verifier().to_string(), LOG);
    assert_eq!(witness.verifier().to_string(), WITNESS);

    let mut note = checkpoint().sign(&[log]).unwrap();
    note.add(witness.cosign(&checkpoint(), PosixTime::new(1_767_000_000).unwrap())).unwrap();
    assert_eq!(note.to_string(), CHECKPOINT);
    assert_eq!(SignedNote::parse(CHECKPOINT.as_bytes()), Ok(note));
}

#[test]
fn a_checkpoint_that_foreign_verifiers_accepted_is_accepted() {
    let note = SignedNote::parse(CHECKPOINT.as_bytes()).unwrap();
    let origin = Origin::parse(ORIGIN).unwrap();
    assert_eq!(Checkpoint::open(&note, &origin, &[key(LOG)]), Ok(checkpoint()));
    let verified = note.verify(&[key(WITNESS), key(LOG)]).unwrap();
    let times: Vec<_> = verified.iter().map(|it| it.time.map(PosixTime::seconds)).collect();
    assert_eq!(times, [None, Some(1_767_000_000)]);

    // A witness does not stand for the log.
    let without_log = CHECKPOINT.replace("— audit", "— other");
    let witnessed = SignedNote::parse(without_log.as_bytes()).unwrap();
    let opened = Checkpoint::open(&witnessed, &origin, &[key(LOG)]);
    assert_eq!(opened, Err(NoteError::NotSigned.into()));
}

fn base64(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(Hash::to_base64).collect()
}

fn hashes_of(nodes: &[Node]) -> Vec<Hash> {
    nodes.iter().map(hash_of).collect()
}

#[test]
fn proofs_are_those_that_foreign_verifiers_accepted() {
    let plan = InclusionPlan::new(5, 8).unwrap();
    assert_eq!(
        base64(plan.fold(&hashes_of(plan.nodes())).unwrap().hashes()),
        [
            "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=",
            "yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=",
            "037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=",
        ]
    );
    let growth = ConsistencyPlan::new(3, 8).unwrap();
    assert_eq!(
        base64(growth.fold(&hashes_of(growth.nodes())).unwrap().hashes()),
        [
            "ApjRIpBtz8EIkstTpzmS/FufST6kybrbJ7eRtBJ6f+c=",
            "B1Bqhf2d0vEg62lPhgEeW7RmLlxBWmKRcDPUqWJEh+c=",
            "+sVCA+fMaWzw38tCySodnbr3CtnmIfS9jZhmLwDjwSU=",
            "a0eq8p7jwq+a+Im8H7klTavTEXfxYjLdaqsDXKOb9uQ=",
        ]
    );
}

/// The example of C2SP signed-note "Example".
const FOO: &str = "This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
";
const FOO_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

/// The example of Go's `golang.org/x/mod/sumdb/note`.
const PETER: &str = "If you think cryptography is the answer to your problem,
then you don't know what your problem is.

— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=
";
const PETER_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

#[test]
fn the_published_notes_are_opened() {
    for (written, vkey) in [(FOO, FOO_KEY), (PETER, PETER_KEY)] {
        let note = SignedNote::parse(written.as_bytes()).unwrap();
        assert_eq!(note.to_string(), written);
        let (text, _) = written.split_once("\n\n").unwrap();
        assert_eq!(note.open(&[key(vkey)]), Ok(format!("{text}\n").as_str()));
        assert_eq!(note.open(&[key(LOG)]), Err(NoteError::NotSigned));
        assert_eq!(note.open(&[]), Err(NoteError::NotSigned));
    }
}

#[test]
fn a_note_with_any_byte_changed_is_not_believed() {
    let keys = [key(LOG), key(WITNESS)];
    let opened = |bytes: &[u8]| {
        let note = SignedNote::parse(bytes)?;
        note.open(&keys[..1])?;
        note.verify(&keys)
    };
    assert_eq!(opened(CHECKPOINT.as_bytes()).unwrap().len(), 2);
    for at in 0..CHECKPOINT.len() {
        for bit in 0..8 {
            let mut bytes = CHECKPOINT.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            // What names the witness may be changed so that it is another's signature.
            let both = opened(&bytes).is_ok_and(|verified| verified.len() == 2);
            assert!(!both, "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn unknown_keys_are_ignored_and_bad_signatures_of_known_ones_are_not() {
    let stranger = Signer::new(name("example.com/foo"), &[9; 32]);
    let mut note = SignedNote::parse(FOO.as_bytes()).unwrap();
    let good = note.clone();

    // The name of a known key, the id of another.
    note.add(SignedNote::sign("other\n".into(), &[stranger]).unwrap().signatures()[0].clone())
        .unwrap();
    assert_eq!(note.signatures().len(), 2);
    assert!(note.open(&[key(FOO_KEY)]).is_ok());

    // The name and the id of a known key, and a signature of nobody.
    let id = KeyId::new([0x53, 0x0d, 0x90, 0x3a]);
    let mut spoiled = SignedNote::parse(PETER.as_bytes()).unwrap();
    let forged = good.signatures()[0].clone();
    spoiled.add(forged).unwrap();
    assert!(spoiled.open(&[key(PETER_KEY)]).is_ok());
    let bad = NoteError::BadSignature { name: name("example.com/foo"), id };
    assert_eq!(spoiled.open(&[key(PETER_KEY), key(FOO_KEY)]), Err(bad));
}

/// Twice the same line counts once, and a bad line after a good one is still bad.
#[test]
fn a_key_counts_once_however_often_it_signs() {
    let line = FOO.lines().last().unwrap();
    let twice = format!("{FOO}{line}\n");
    let note = SignedNote::parse(twice.as_bytes()).unwrap();
    assert_eq!(note.to_string(), twice);
    assert_eq!(note.verify(&[key(FOO_KEY), key(FOO_KEY)]).unwrap().len(), 1);
    let spoiled = format!("{FOO}{}\n", line.replace("aQM=", "aQI="));
    let bad = SignedNote::parse(spoiled.as_bytes()).unwrap();
    assert!(matches!(bad.open(&[key(FOO_KEY)]), Err(NoteError::BadSignature { .. })));
}

#[test]
fn a_note_takes_many_signatures_and_not_any_number() {
    let signers = |count: u8| -> Vec<_> {
        (0..count).map(|at| Signer::new(name(&format!("k{at}")), &[at; 32])).collect()
    };
    let note = SignedNote::sign("text\n".into(), &signers(100)).unwrap();
    let keys: Vec<_> = signers(100).iter().map(Signer::verifier).collect();
    let read = SignedNote::parse(note.to_string().as_bytes()).unwrap();
    assert_eq!(read.verify(&keys).unwrap().len(), 100);
    let many = SignedNote::sign("text\n".into(), &signers(101));
    assert_eq!(many, Err(NoteError::TooManySignatures));
    let line = note.signatures()[0].to_string();
    let one_more = format!("{note}{line}\n");
    assert_eq!(SignedNote::parse(one_more.as_bytes()), Err(NoteError::TooManySignatures));
    let long = format!("{}{FOO}", "a".repeat(SignedNote::BYTES_MAX));
    assert_eq!(SignedNote::parse(long.as_bytes()), Err(NoteError::TooLong));
    assert_eq!(SignedNote::sign("text\n".into(), &[]), Err(NoteError::NotSigned));
}

#[test]
fn the_last_empty_line_parts_text_and_signatures() {
    let signer = Signer::new(name("k"), &[1; 32]);
    let verifier = signer.verifier();
    let signers = [signer];
    for text in ["\n", "\n\n", "a\n\nb\n", "a\n\n— k AAAAAAA=\n\n", "— k AAAAAAA=\n", "ü\u{2028}\n"]
    {
        let note = SignedNote::sign(text.to_owned(), &signers).unwrap();
        let read = SignedNote::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(read.open(std::slice::from_ref(&verifier)), Ok(text), "{text:?}");
        assert_eq!(read, note);
    }
    for text in ["", "a", "a\r\n", "a\tb\n", "a\u{0}\n"] {
        assert_eq!(SignedNote::sign(text.into(), &signers), Err(NoteError::Malformed), "{text:?}");
    }
}

#[test]
fn what_is_no_note_is_refused() {
    let line = FOO.lines().last().unwrap();
    let long = "a".repeat(60);
    for odd in [
        "",
        "\n",
        "\n\n",
        "text\n",
        "text\n\n",
        "text\n\ntext\n",
        line,
        &format!("{line}\n"),
        &format!("text\n{line}\n"),
        &format!("text\n\n{line}"),
        &format!("text\n\n{line}\n\n"),
        &format!("text\n\n{line}\n{long}\n"),
        &format!("text\r\n\r\n{line}\r\n"),
        &format!("text\n\n{}\n", line.replace("— ", "- ")),
        &format!("text\n\n{}\n", line.replace("— ", "—")),
        &format!("text\n\n{}\n", line.replace("— ", "—  ")),
        &format!("text\n\n{}\n", line.replace(" Uw2", "  Uw2")),
        &format!("text\n\n{}\n", line.replace("aQM=", "aQM= ")),
        &format!("text\n\n{}\n", line.replace("aQM=", "aQM")),
        &format!("text\n\n{}\n", line.replace("aQM=", "aQN=")),
        &format!("text\n\n{}\n", line.replace("/foo", "+foo")),
        "text\n\n— k\n",
        "text\n\n— k \n",
        "text\n\n— k AAAA\n",
        "text\n\n— k AAAAAA==\n",
        "text\n\n—  AAAAAAA=\n",
    ] {
        assert_eq!(SignedNote::parse(odd.as_bytes()), Err(NoteError::Malformed), "{odd:?}");
    }
    let latin1 = FOO.replace("message", "m\u{e9}ssage").into_bytes();
    let broken: Vec<_> = latin1.into_iter().filter(|byte| *byte != 0xc3).collect();
    assert_eq!(SignedNote::parse(&broken), Err(NoteError::Malformed));
    assert!(Signature::parse(line).is_ok());
    assert!(Signature::parse(&format!("{line}\n")).is_err());
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let (text, _) = CHECKPOINT.split_once("\n\n").unwrap();
    let text = &format!("{text}\n");
    assert_eq!(Checkpoint::parse(text), Ok(checkpoint()));
    let extended = Checkpoint::parse(&format!("{text}more\nand more\n")).unwrap();
    assert_eq!(extended.extensions(), ["more", "and more"]);
    assert_eq!(extended.to_string(), format!("{text}more\nand more\n"));
    for odd in [
        "",
        "\n",
        text.trim_end(),
        &format!("{text}\n"),
        &format!("{text}more\n\nmore\n"),
        &format!("{text}mo\u{1}re\n"),
        &format!("\n{text}"),
        &text.replace("audit.judgements.example/log1", ""),
        &text.replace("\n8\n", "\n08\n"),
        &text.replace("\n8\n", "\n+8\n"),
        &text.replace("\n8\n", "\n-8\n"),
        &text.replace("\n8\n", "\n8 \n"),
        &text.replace("\n8\n", "\n\n"),
        &text.replace("\n8\n", "\n18446744073709551616\n"),
        &text.replace("Qyg=", "Qyg"),
        &text.replace("Qyg=", "Qyh="),
        &text.replace("Qyg=", "Qy"),
        &text.replace("XcnaeacG", ""),
        &text.replace('\n', "\r\n"),
        "origin\n8\n",
    ] {
        assert_eq!(Checkpoint::parse(odd).ok(), None, "{odd:?}");
    }
}

/// A log's key that signed for another origin says nothing about this one.
#[test]
fn a_checkpoint_of_another_log_is_refused() {
    let log = Signer::new(name(ORIGIN), &seed(0));
    let other = Checkpoint::new(Origin::parse("other.example").unwrap(), *checkpoint().head());
    let note = other.sign(&[log]).unwrap();
    let opened = Checkpoint::open(&note, &Origin::parse(ORIGIN).unwrap(), &[key(LOG)]);
    assert_eq!(opened, Err(crate::merkle::CheckpointError::OtherOrigin));
}

#[test]
fn times_beyond_what_a_cosignature_may_say_are_refused() {
    assert_eq!(PosixTime::new(u64::MAX), None);
    assert_eq!(PosixTime::new(1 << 63), None);
    let last = PosixTime::new((1 << 63) - 1).unwrap();
    let witness = Cosigner::new(name("w"), &[3; 32]);
    let mut note = checkpoint().sign(&[Signer::new(name("l"), &[4; 32])]).unwrap();
    note.add(witness.cosign(&checkpoint(), last)).unwrap();
    assert_eq!(note.verify(&[witness.verifier()]).unwrap()[0].time, Some(last));
}
