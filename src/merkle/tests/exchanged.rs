//! Proofs in files, what log and witness say to each other, and whom an auditor trusts.

use super::known::{CHECKPOINT, LOG, ORIGIN, WITNESS, checkpoint, key, name, seed};
use crate::merkle::{
    AddCheckpoint, CheckpointError, ConsistencyProof, Cosignatures, CosignedSize, Cosigner,
    Distrust, Hash, InclusionProof, KeyError, NoteError, Origin, Policy, PolicyError, PolicyFault,
    PolicyLog, PolicyWitness, PosixTime, ProofError, SignedNote, Signer, TlogProof, TlogProofError,
    Verified, WitnessError, leaf_hash, monitoring_path,
};

/// A foreign verifier accepted this proof for the sixth leaf of the published tree.
const PROOF: &str = "c2sp.org/tlog-proof@v1
index 5
vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=
yoVOoSjtBQtBs1/8G4e46yveRh6eO1WW7Oa51ZdaCuA=
037kGJdt2VdTwcc4Yrk5j6Kiz5tP8P3+izDNlSCWFLc=

";

const ENTRY: &[u8] = b"@ABC";

fn proof() -> String {
    format!("{PROOF}{CHECKPOINT}")
}

fn origin() -> Origin {
    Origin::parse(ORIGIN).unwrap()
}

#[test]
fn a_proof_that_foreign_verifiers_accepted_is_accepted() {
    let read = TlogProof::parse(proof().as_bytes()).unwrap();
    assert_eq!((read.to_string(), read.index()), (proof(), 5));
    let proven = read.verify(ENTRY, &origin(), &[key(LOG)], &[key(WITNESS)]).unwrap();
    assert_eq!(proven.checkpoint, checkpoint());
    let verified = Verified {
        name: name("witness.example/w1"),
        id: key(WITNESS).id(),
        time: PosixTime::new(1_767_000_000),
    };
    assert_eq!(proven.cosigned, [verified]);

    let alone = read.verify(ENTRY, &origin(), &[key(LOG)], &[]).unwrap();
    assert_eq!(alone.cosigned, []);
    let not_signed = Err(CheckpointError::from(NoteError::NotSigned).into());
    assert_eq!(read.verify(ENTRY, &origin(), &[], &[key(WITNESS)]), not_signed);
    let other = Origin::parse("other.example").unwrap();
    let elsewhere = Err(CheckpointError::OtherOrigin.into());
    assert_eq!(read.verify(ENTRY, &other, &[key(LOG)], &[]), elsewhere);
    let wrong = Err(ProofError::OtherRoot.into());
    assert_eq!(read.verify(b"@ABD", &origin(), &[key(LOG)], &[]), wrong);
}

#[test]
fn a_proof_with_any_byte_changed_proves_nothing() {
    let bytes = proof().into_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            let verified = TlogProof::parse(&bytes)
                .and_then(|proof| proof.verify(ENTRY, &origin(), &[key(LOG)], &[key(WITNESS)]));
            // A signature under another name is not the witness's.
            let holds = verified.is_ok_and(|proven| proven.cosigned.len() == 1);
            assert!(!holds, "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn what_comes_beside_a_proof_is_carried_and_not_believed() {
    let bare = TlogProof::parse(proof().as_bytes()).unwrap();
    let rich = bare.clone().with_extra(b"opening and text".to_vec());
    let written = proof().replacen("index", "extra b3BlbmluZyBhbmQgdGV4dA==\nindex", 1);
    assert_eq!(rich.to_string(), written);
    let read = TlogProof::parse(written.as_bytes()).unwrap();
    assert_eq!(read, rich);
    assert_eq!(read.extra(), b"opening and text");
    assert_eq!(rich.with_extra(Vec::new()), bare);
}

#[test]
fn what_is_no_proof_is_refused() {
    let hashes = "vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=\n".repeat(65);
    for odd in [
        String::new(),
        PROOF.to_owned(),
        CHECKPOINT.to_owned(),
        proof().replace("@v1", "@v2"),
        proof().replace("@v1\n", "@v1\n\n"),
        proof().replace("@v1\n", "@v1 \n"),
        proof().replace("@v1\n", "@v1\nextra \n"),
        proof().replace("@v1\n", "@v1\nextra\n"),
        proof().replace("@v1\n", "@v1\nextra YQ\n"),
        proof().replace("@v1\n", "@v1\nextra YQ==\nextra YQ==\n"),
        proof().replace("index 5\n", ""),
        proof().replace("index 5\n", "index 05\n"),
        proof().replace("index 5\n", "index  5\n"),
        proof().replace("index 5\n", "Index 5\n"),
        proof().replace("index 5\n", "index 5\nextra YQ==\n"),
        proof().replace("index 5\n", &format!("index 5\n{hashes}")),
        proof().replace("nms=", "nms"),
        proof().replace("nms=", "nmt="),
        proof().replace('\n', "\r\n"),
        proof().replace("\n\n", "\n"),
        format!("{}\n", proof()),
    ] {
        let refused = Err(TlogProofError::Malformed);
        assert_eq!(TlogProof::parse(odd.as_bytes()), refused, "{odd:?}");
    }
    let long = vec![b'a'; TlogProof::BYTES_MAX + 1];
    assert_eq!(TlogProof::parse(&long), Err(TlogProofError::TooLong));
    let note = SignedNote::parse(CHECKPOINT.as_bytes()).unwrap();
    let alone = TlogProof::new(0, InclusionProof::new(Vec::new()), note);
    assert_eq!(TlogProof::parse(alone.to_string().as_bytes()), Ok(alone));
}

/// The example of C2SP tlog-witness "add-checkpoint".
const REQUEST: &str = "old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=
jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=
5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=
/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=
";

/// The example of C2SP tlog-witness "add-checkpoint".
const RESPONSE: &str = "— witness.example/w1 CMp+6LWBU0anHGH5aNDTJkH/gj79sG+T6+iP2ThYN5krrDJbR1HDnucjL39QsZTSvVjyQLrdk3DXDqI5G2HgLatVs0pWh6Up69HVOw==
— witness.example/w1 I7rEps0pvK2UqkS2gSpVUDhrhVtQV9lgF6pRrWAvjJHjyWpW7VcE3SiOlVlbQNt64vWhO+DlkL0+UfzuOBMh9ChdMkP1vi/lCAsmlw==
— witness.example/w2 AWui8Sk55XjYLOijihBjhqEH6nS1ndDymE0a+6idX7pLcnoB+dhnz0854aLZgrrKbYKA7nC3HNJhm/kWl7oJlqU3rXXvpysAdyP3wQ==
";

#[test]
fn requests_and_answers_are_those_of_the_specification() {
    let request = AddCheckpoint::parse(REQUEST.as_bytes()).unwrap();
    assert_eq!(request.to_string(), REQUEST);
    assert_eq!((request.old(), request.proof().hashes().len()), (20_852_014, 4));
    assert_eq!(request.checkpoint().signatures().len(), 2);
    let response = Cosignatures::parse(RESPONSE.as_bytes()).unwrap();
    assert_eq!(response.to_string(), RESPONSE);
    assert_eq!(response.signatures().len(), 3);
    let sofa = Origin::parse("example.com/behind-the-sofa").unwrap();
    let path = monitoring_path(&sofa);
    assert_eq!(
        Hash::parse(path.strip_suffix("/checkpoint").unwrap()).unwrap().to_string().len(),
        64
    );
}

#[test]
fn what_log_and_witness_do_not_say_is_refused() {
    let note = SignedNote::parse(CHECKPOINT.as_bytes()).unwrap();
    let hash = leaf_hash(b"");
    let proof = |hashes| ConsistencyProof::new(vec![hash; hashes]);
    let most = AddCheckpoint::new(1, proof(63), note.clone()).unwrap();
    assert_eq!(AddCheckpoint::parse(most.to_string().as_bytes()), Ok(most.clone()));
    assert_eq!(AddCheckpoint::new(1, proof(64), note), Err(WitnessError::Malformed));
    let line = format!("{}\n", hash.to_base64());
    for odd in [
        String::new(),
        REQUEST.replace("old ", ""),
        REQUEST.replace("old ", "old 0"),
        REQUEST.replace("old ", "new "),
        REQUEST.replace("kaw=", "kaw"),
        REQUEST.replacen("\n\n", "\n", 1),
        REQUEST.replacen("old 20852014\n", "", 1),
        most.to_string().replacen(&line, &line.repeat(2), 1),
    ] {
        assert_eq!(AddCheckpoint::parse(odd.as_bytes()), Err(WitnessError::Malformed), "{odd:?}");
    }
    let first = RESPONSE.lines().next().unwrap();
    for odd in ["", "\n", first, &format!("{RESPONSE}\n"), &format!("{first}\r\n"), "no\n"] {
        assert_eq!(Cosignatures::parse(odd.as_bytes()), Err(WitnessError::Malformed), "{odd:?}");
    }
    let many = format!("{first}\n").repeat(101);
    assert_eq!(Cosignatures::parse(many.as_bytes()), Err(WitnessError::Malformed));
    for odd in ["", "\n", "5", "05\n", "5\n\n", "+5\n", "5 \n", "5\r\n", "five\n"] {
        assert_eq!(CosignedSize::parse(odd.as_bytes()), Err(WitnessError::Malformed), "{odd:?}");
    }
    assert_eq!(CosignedSize::parse(b"0\n"), Ok(CosignedSize(0)));
}

#[test]
fn good_cosignatures_of_known_witnesses_are_added_and_no_others() {
    let log = Signer::new(name(ORIGIN), &seed(0));
    let note = checkpoint().sign(&[log]).unwrap();
    let witness = |at: u8| Cosigner::new(name("witness.example/w1"), &seed(at));
    let time = PosixTime::new(1_767_000_000).unwrap();
    let good = witness(0x20).cosign(&checkpoint(), time);
    let stranger = witness(0x40).cosign(&checkpoint(), time);

    let answer = Cosignatures::new(vec![stranger.clone(), good.clone()]);
    let answer = Cosignatures::parse(answer.to_string().as_bytes()).unwrap();
    let cosigned = answer.add_to(&note, &[key(WITNESS)]).unwrap();
    assert_eq!(cosigned.to_string(), CHECKPOINT);
    // Asked twice, a witness may answer the same twice.
    assert_eq!(answer.add_to(&cosigned, &[key(WITNESS)]), Ok(cosigned.clone()));
    // What it says later stands in place of what it said before.
    let later = PosixTime::new(1_767_000_001).unwrap();
    let again = Cosignatures::new(vec![witness(0x20).cosign(&checkpoint(), later)]);
    let again = again.add_to(&cosigned, &[key(WITNESS)]).unwrap();
    assert_eq!(again.verify(&[key(WITNESS)]).unwrap()[0].time, Some(later));
    assert_eq!(again.signatures().len(), 2);

    let strangers = Cosignatures::new(vec![stranger]);
    assert_eq!(strangers.add_to(&note, &[key(WITNESS)]), Err(NoteError::NotSigned));
    let never = witness(0x20).cosign(&checkpoint(), PosixTime::new(0).unwrap());
    let never = Cosignatures::new(vec![never]);
    assert_eq!(never.add_to(&note, &[key(WITNESS)]), Err(NoteError::NotSigned));
    let forged = RESPONSE.lines().next().unwrap().replace("CMp+6L", "IDJKvr");
    let forged = Cosignatures::parse(format!("{good}\n{forged}\n").as_bytes()).unwrap();
    let bad = forged.add_to(&note, &[key(WITNESS)]);
    assert!(matches!(bad, Err(NoteError::BadSignature { .. })), "{bad:?}");
}

fn witnesses() -> Vec<Cosigner> {
    let witness = |at: u8| Cosigner::new(name(&format!("w{at}.example")), &seed(at << 5));
    (1..=5).map(witness).collect()
}

/// The policy of C2SP tlog-policy "Example policy", with five witnesses.
fn example() -> String {
    let keys: Vec<_> = witnesses().iter().map(|it| it.verifier().to_string()).collect();
    format!(
        "# Whom we trust.\n\tlog  {LOG}\thttps://audit.example/ \n\n\
         witness X1 {} https://w1.example/\nwitness X2 {}\nwitness X3 {}\n\
         group X-witnesses 2 X1 X2 X3\n  # ü\n\
         witness Y1 {}\nwitness Y2 {}\ngroup Y-witnesses any Y1 Y2\n\
         group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
        keys[0], keys[1], keys[2], keys[3], keys[4]
    )
}

#[test]
fn a_policy_is_met_by_quorums_alone() {
    let policy = Policy::parse(&example()).unwrap();
    assert_eq!(Policy::parse(&policy.to_string()), Ok(policy.clone()));
    assert_eq!(policy.logs()[0].url.as_deref(), Some("https://audit.example/"));
    let urls: Vec<_> = policy.witnesses().map(|it| it.url.as_deref()).collect();
    assert_eq!(urls, [Some("https://w1.example/"), None, None, None, None]);
    let time = PosixTime::new(1).unwrap();
    for who in 0..32_u8 {
        let mut note = checkpoint().sign(&[Signer::new(name(ORIGIN), &seed(0))]).unwrap();
        let signed = |at: usize| who >> at & 1 == 1;
        for (_, witness) in witnesses().iter().enumerate().filter(|(at, _)| signed(*at)) {
            note.add(witness.cosign(&checkpoint(), time)).unwrap();
        }
        let of_x = (0..3).filter(|at| signed(*at)).count();
        let met = of_x >= 2 && (signed(3) || signed(4));
        let expected = if met { Ok(checkpoint()) } else { Err(Distrust::NoQuorum) };
        assert_eq!(policy.check(&note), expected, "{who:05b}");
    }
}

#[test]
fn a_checkpoint_of_a_log_that_is_not_named_is_not_trusted() {
    let policy = Policy::parse(&format!("log {LOG}\nquorum none\n")).unwrap();
    let trusted = SignedNote::parse(CHECKPOINT.as_bytes()).unwrap();
    assert_eq!(policy.check(&trusted), Ok(checkpoint()));
    let other = CHECKPOINT.replace("audit.judgements", "other.judgements");
    let other = SignedNote::parse(other.as_bytes()).unwrap();
    assert_eq!(policy.check(&other), Err(Distrust::UnknownLog));
    let forged = checkpoint().sign(&[Signer::new(name(ORIGIN), &seed(1))]).unwrap();
    let not_signed = Distrust::Checkpoint(NoteError::NotSigned.into());
    assert_eq!(policy.check(&forged), Err(not_signed));
    let spoiled = CHECKPOINT.replace("w1 IDJKvgAA", "w1 IDJKvgAB");
    let spoiled = SignedNote::parse(spoiled.as_bytes()).unwrap();
    assert_eq!(policy.check(&spoiled), Ok(checkpoint()), "of a witness that nobody asked");
    let asking = Policy::parse(&format!("log {LOG}\nwitness w {WITNESS}\nquorum none\n")).unwrap();
    assert!(matches!(asking.check(&spoiled), Err(Distrust::Checkpoint(_))));
}

#[test]
fn a_policy_of_code_is_the_one_of_its_text() {
    let log = PolicyLog { key: key(LOG), url: None };
    let witness = |name: &str| PolicyWitness {
        name: name.to_owned(),
        key: key(WITNESS),
        url: Some("https://w1.example/".to_owned()),
    };
    let policy = Policy::new(vec![log.clone()], vec![witness("w1")], 1).unwrap();
    let written = format!(
        "log {LOG}\nwitness w1 {WITNESS} https://w1.example/\n\
         group witnesses 1 w1\nquorum witnesses\n"
    );
    assert_eq!(policy.to_string(), written);
    assert_eq!(Policy::parse(&written), Ok(policy));
    let none = Policy::new(vec![log.clone()], vec![], 0).unwrap();
    assert_eq!(none.to_string(), format!("log {LOG}\nquorum none\n"));
    let few = Policy::new(vec![log.clone()], vec![witness("w1")], 2);
    assert_eq!(few, Err(PolicyFault::Threshold));
    assert_eq!(Policy::new(vec![], vec![witness("w 1")], 0), Err(PolicyFault::Form));
    assert_eq!(Policy::new(vec![log.clone(), log], vec![], 0), Err(PolicyFault::Duplicate));
}

#[test]
fn what_is_no_policy_is_refused_by_its_line() {
    let keys: Vec<_> = witnesses().iter().map(Cosigner::verifier).collect();
    let [a, b] = [&keys[0], &keys[1]];
    let renamed = Cosigner::new(name("other"), &seed(0x20)).verifier();
    for (line, text, fault) in [
        (1, "log\n".to_owned(), PolicyFault::Form),
        (1, format!("log {LOG} url more\n"), PolicyFault::Form),
        (1, "Quorum none\n".to_owned(), PolicyFault::Form),
        (1, "quorum none".to_owned(), PolicyFault::Form),
        (1, "quorum none\r\n".to_owned(), PolicyFault::Form),
        (1, "# \u{7f}\n".to_owned(), PolicyFault::Form),
        (2, "quorum none\nquorum none\n".to_owned(), PolicyFault::Form),
        (1, "log key\n".to_owned(), PolicyFault::Key(KeyError::Malformed)),
        (2, format!("log {LOG}\nlog {LOG}\n"), PolicyFault::Duplicate),
        (2, format!("log {LOG}\nwitness w {LOG}\n"), PolicyFault::NoCosigner),
        (2, format!("witness a {a}\nwitness b {renamed}\n"), PolicyFault::Duplicate),
        (2, format!("witness a {a}\nwitness a {b}\n"), PolicyFault::Duplicate),
        (1, format!("witness none {a}\n"), PolicyFault::Duplicate),
        (1, "group g any\n".to_owned(), PolicyFault::Threshold),
        (1, "group g all\n".to_owned(), PolicyFault::Threshold),
        (1, "group g any w\n".to_owned(), PolicyFault::UnknownName),
        (2, format!("witness a {a}\ngroup g any g\n"), PolicyFault::UnknownName),
        (2, format!("witness a {a}\ngroup g any none\n"), PolicyFault::UnknownName),
        (2, format!("witness a {a}\ngroup a any a\n"), PolicyFault::Duplicate),
        (2, format!("witness a {a}\ngroup g any a a\n"), PolicyFault::Duplicate),
        (3, format!("witness a {a}\ngroup g any a\ngroup h any a\n"), PolicyFault::Duplicate),
        (2, format!("witness a {a}\ngroup g 0 a\n"), PolicyFault::Threshold),
        (2, format!("witness a {a}\ngroup g 2 a\n"), PolicyFault::Threshold),
        (2, format!("witness a {a}\ngroup g 01 a\n"), PolicyFault::Form),
        (2, format!("witness a {a}\ngroup g most a\n"), PolicyFault::Form),
        (1, format!("quorum a\nwitness a {a}\n"), PolicyFault::UnknownName),
    ] {
        let refused = Err(PolicyError::Line { number: line, fault });
        assert_eq!(Policy::parse(&text), refused, "{text}");
    }
    assert_eq!(Policy::parse(""), Err(PolicyError::NoQuorum));
    assert_eq!(Policy::parse(&format!("log {LOG}\n")), Err(PolicyError::NoQuorum));
    let long = format!("#{}\nquorum none\n", "a".repeat(Policy::BYTES_MAX));
    assert_eq!(Policy::parse(&long), Err(PolicyError::TooLong));
}
