//! The portable proof of a score, as a consumer checks it who has nothing but the proof and the
//! log's key; and what it does not take for one.

use std::fs;

use judgement_ledger::{
    merkle::{
        Checkpoint, Hash, InclusionProof, SignedNote, Signer, TlogProof, TreeHead, leaf_hash,
        sha256,
    },
    pb::{self, record::Event},
};
use prost::Message as _;
use tempfile::TempDir;

use super::{case_of, export_case, key_of, read};
use crate::{
    editions::Editing,
    served::{Ground, Served, date, explained, last},
};

/// Checks the proof of an item. What remains to be checked is that the log's key has signed the
/// checkpoint, which is answered.
pub fn check(item: &pb::FeedItem, proof: &pb::FeedProof) -> Result<SignedNote, &'static str> {
    let (note, index) = in_log(&proof.grade_proof, &proof.grade_record)
        .ok_or("the record of the grade is not in the log")?;
    let (also, _) = in_log(&proof.publication_proof, &proof.publication_record)
        .ok_or("the record of the publication is not in the log")?;
    Some(()).filter(|()| note == also).ok_or("the two are proven of two trees")?;
    let wanted = |holds: bool, said: &'static str| if holds { Ok(()) } else { Err(said) };
    wanted(item.position == index + 1, "the grade's record stands elsewhere")?;

    let grade = pb::Record::decode(proof.grade_record.clone()).map_err(|_| "no record")?;
    let Some(Event::GradeSet(set)) = &grade.event else { return Err("no grade was set") };
    let same = (&set.area, &grade.stream) == (&item.area, &item.assessment);
    wanted(same, "another area, or another assessment")?;
    let (standing, award) = (set.standing.clone().unwrap(), item.award.clone().unwrap_or_default());
    let set = (standing.scale, standing.level, standing.word);
    wanted(set == (award.scale, award.level, award.word), "another grade")?;

    let published =
        pb::Record::decode(proof.publication_record.clone()).map_err(|_| "no record")?;
    let Some(Event::AssessmentPublished(event)) = &published.event else {
        return Err("nothing was published");
    };
    let same = (event.edition, &published.stream) == (item.edition, &item.assessment);
    wanted(same, "another edition, or another assessment")?;
    let digest = event.audiences.iter().find(|it| it.audience == proof.audience);
    let digest = digest.ok_or("the edition knows no such audience")?;
    let hash = |bytes: &[u8]| Some(Hash::new(bytes.try_into().ok()?));
    let leaf = sha256(&[
        b"judgement-ledger/salted-item/v1",
        &digest.salt,
        leaf_hash(&proof.grade_record).as_bytes(),
    ]);
    let path: Option<Vec<_>> = proof.item_path.iter().map(|it| hash(it)).collect();
    let path = InclusionProof::new(path.ok_or("a hash has not 32 bytes")?);
    let head = TreeHead { size: proof.items, root: hash(&digest.root).ok_or("no root")? };
    let seen = path.verify(&leaf, proof.item_index, &head);
    seen.map_err(|_| "the grade is not among what the audience saw")?;
    Ok(note)
}

/// The checkpoint of the tree that has a record, and where in it.
fn in_log(file: &str, record: &[u8]) -> Option<(SignedNote, u64)> {
    let file = TlogProof::parse(file.as_bytes()).ok()?;
    let checkpoint = Checkpoint::parse(file.checkpoint().unverified_text()).ok()?;
    let (leaf, index) = (leaf_hash(record), file.index());
    file.inclusion().verify(&leaf, index, checkpoint.head()).ok()?;
    Some((file.checkpoint().clone(), index))
}

/// The items of the feed to its end, each with its proof.
async fn fed(served: &Served) -> Vec<(pb::FeedItem, pb::FeedProof)> {
    let request = pb::GetFeedRequest {
        scheme: "CPA".to_owned(),
        catch_up_only: true,
        ..pb::GetFeedRequest::default()
    };
    let mut feed = served.assessments("consumer").get_feed(request).await.unwrap().into_inner();
    let mut items = Vec::new();
    while let Some(message) = feed.message().await.unwrap() {
        if let Some(pb::get_feed_response::Message::Update(update)) = message.message {
            let proven = update.items.into_iter().map(|mut item| {
                let proof = item.proof.take().unwrap();
                (item, proof)
            });
            items.extend(proven);
        }
    }
    items
}

/// The scores of two editions with their proofs, and what a forger may put in their place, which he
/// has from a case: in it all records are proven under one checkpoint.
struct Scores {
    one: (pb::FeedItem, pb::FeedProof),
    two: (pb::FeedItem, pb::FeedProof),
    /// The grade of another area: its record, where that stands, and its proof.
    other: (Vec<u8>, u64, String),
    key: judgement_ledger::merkle::Verifier,
}

async fn scores() -> Scores {
    let ground = Ground::new();
    let served = Served::start_on(ground.clone()).await;
    let editing = Editing::graded(&served).await;
    editing.published(1, date(2006, 11, 1)).await;
    editing.reopen("publisher", "REPRESENTATION_UPHELD").await.unwrap();
    let area = "childrens-services";
    let stood = served.history(&editing.name, area).await.last().unwrap().position;
    let why = explained("REPRESENTATION_UPHELD");
    let set = served.set_as("inspector", &editing.name, area, "4", why, Some(last(stood))).await;
    set.unwrap();
    editing.published(2, date(2006, 12, 1)).await;
    let other = served.history(&editing.name, "social-care").await.last().unwrap().position;
    let case = TempDir::new().unwrap();
    let court = case_of(&editing.name, pb::CaseKind::Court);
    export_case(&served.clients(), court, case.path()).await;
    let file = |name: String| fs::read(case.path().join(name)).unwrap();
    let proof = |at: u64| String::from_utf8(file(format!("proofs/{at}.tlog-proof"))).unwrap();
    let mut items = fed(&served).await;
    // The same checkpoint for all, so that only what is tried is other.
    for (item, proven) in &mut items {
        let index = TlogProof::parse(proven.publication_proof.as_bytes()).unwrap().index();
        proven.publication_proof = proof(index + 1);
        proven.grade_proof = proof(item.position);
    }
    let [one, two] = <[_; 2]>::try_from(items).unwrap();
    let other = (file(format!("records/{other}.record")), other, proof(other));
    let key = key_of(&ground.path);
    served.stop().await;
    Scores { one, two, other, key }
}

/// A change to an item and its proof.
type Change<'a> = &'a dyn Fn(&mut pb::FeedItem, &mut pb::FeedProof);

#[tokio::test(flavor = "multi_thread")]
async fn the_proof_of_a_score_proves_no_other_score() {
    let Scores { one, two, other, key } = scores().await;
    for (item, proof) in [&one, &two] {
        let note = check(item, proof).unwrap();
        assert!(!note.verify(std::slice::from_ref(&key)).unwrap().is_empty());
        let stranger = Signer::new(key.name().clone(), &[7; 32]).verifier();
        assert!(note.verify(&[stranger]).unwrap().is_empty(), "another key has not signed it");
        assert!(read(&note).head().size >= item.position);
    }

    let unseen = "the grade is not among what the audience saw";
    let unpublished = "the record of the publication is not in the log";
    let with_publication = |proof: &mut pb::FeedProof, change: &dyn Fn(&mut pb::AudienceDigest)| {
        let mut record = pb::Record::decode(proof.publication_record.clone()).unwrap();
        assert_eq!(record.encode_to_vec(), proof.publication_record, "the forger writes as we do");
        let Some(Event::AssessmentPublished(event)) = &mut record.event else { panic!() };
        let audience = proof.audience.clone();
        change(event.audiences.iter_mut().find(|it| it.audience == audience).unwrap());
        proof.publication_record = record.encode_to_vec().into();
    };
    let cases: [(&str, Change<'_>, &str); 15] = [
        (
            "another area's record, which the audience did not see",
            &|item, proof| {
                let set = pb::Record::decode(&other.0[..]).unwrap();
                let Some(Event::GradeSet(set)) = set.event else { panic!() };
                let standing = set.standing.unwrap();
                item.area = set.area;
                item.position = other.1;
                item.award = Some(pb::Award {
                    scale: standing.scale,
                    level: standing.level,
                    word: standing.word,
                    ..pb::Award::default()
                });
                proof.grade_record = other.0.clone().into();
                proof.grade_proof = other.2.clone();
            },
            unseen,
        ),
        (
            "another area by its name alone",
            &|item, _| item.area = "social-care".to_owned(),
            "another area, or another assessment",
        ),
        (
            "another level",
            &|item, _| item.award.as_mut().unwrap().level = "1".to_owned(),
            "another grade",
        ),
        (
            "another salt",
            &|_, proof| with_publication(proof, &|it| it.salt = vec![0; 32].into()),
            unpublished,
        ),
        (
            "another root",
            &|_, proof| with_publication(proof, &|it| it.root = vec![0; 32].into()),
            unpublished,
        ),
        ("a path that is cut", &|_, proof| drop(proof.item_path.pop()), unseen),
        ("a path that is longer", &|_, proof| proof.item_path.push(vec![0; 32].into()), unseen),
        (
            "a short hash",
            &|_, proof| proof.item_path[0] = vec![0; 31].into(),
            "a hash has not 32 bytes",
        ),
        ("another place", &|_, proof| proof.item_index += 1, unseen),
        ("more items", &|_, proof| proof.items += 1_000, unseen),
        (
            "another edition by its number alone",
            &|item, _| item.edition = 2,
            "another edition, or another assessment",
        ),
        (
            "another edition's publication",
            &|item, proof| {
                item.edition = two.0.edition;
                proof.publication_record = two.1.publication_record.clone();
                proof.publication_proof = two.1.publication_proof.clone();
            },
            unseen,
        ),
        ("another audience", &|_, proof| proof.audience = "csci".to_owned(), unseen),
        (
            "no audience",
            &|_, proof| proof.audience = "nobody".to_owned(),
            "the edition knows no such audience",
        ),
        (
            "a record that is other by a byte",
            &|_, proof| {
                let mut bytes = proof.grade_record.to_vec();
                *bytes.last_mut().unwrap() ^= 1;
                proof.grade_record = bytes.into();
            },
            "the record of the grade is not in the log",
        ),
    ];
    for (what, change, said) in cases {
        let (mut item, mut proof) = one.clone();
        change(&mut item, &mut proof);
        assert_eq!(check(&item, &proof).err(), Some(said), "{what}");
    }
}
