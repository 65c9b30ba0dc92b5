//! The negative controls: what is built wrongly is found, and so is each thing that must not be
//! among the records, in what a subscriber is sent and in what is answered.

use bytes::Bytes;
use judgement_ledger::{
    merkle::leaf_hash,
    pb::{self, record::Event},
};
use prost::Message;

use super::{
    Ended, SOUND, Setup,
    disk::Syncs,
    judge::check_subscription,
    records::Records,
    run, run_all,
    subscriber::{Subscription, Wanted},
};
use crate::{linear::negative::refuse_stale_readings, sim_disk::SimDisk};

const SEEDS: u64 = 10;

/// In how many of the seeds a wrong build is found.
fn found(setup: Setup) -> usize {
    let outcomes = run_all(0..SEEDS, |seed| run(seed, setup).outcome.err());
    outcomes.into_iter().flatten().count()
}

#[test]
fn a_disk_that_forgets_its_syncs_is_found() {
    let forgetful = Setup { disk: SimDisk::forgetting_syncs, ..SOUND };
    assert_eq!(found(forgetful) as u64, SEEDS);
}

#[test]
fn an_answer_before_the_sync_is_found() {
    let hasty = Setup { syncs: Syncs::Late, ..SOUND };
    assert_eq!(found(hasty) as u64, SEEDS);
}

/// What one run recorded.
fn recorded() -> Records {
    let Ended { records, .. } = run(1, SOUND).outcome.unwrap();
    assert!(records.len() > 20, "the run recorded next to nothing");
    records
}

#[test]
fn a_reading_that_was_stale_is_found() {
    let altered = (0..SEEDS).map(|seed| {
        let Ended { tape, .. } = run(seed, SOUND).outcome.unwrap();
        refuse_stale_readings(&tape)
    });
    let altered: usize = altered.sum();
    assert!(altered > 20, "only {altered} readings could have been stale");
}

/// Makes every record name the one before it in its stream again, as whoever alters records would.
fn chained(records: &mut [pb::Record]) -> Vec<Bytes> {
    let mut stored: Vec<Bytes> = Vec::new();
    let mut ends = std::collections::HashMap::new();
    for record in records {
        record.previous = ends.get(&record.stream).cloned();
        let bytes = Bytes::from(record.encode_to_vec());
        let hash = Bytes::copy_from_slice(leaf_hash(&bytes).as_bytes());
        ends.insert(record.stream.clone(), pb::Previous { position: record.position, hash });
        stored.push(bytes);
    }
    stored
}

/// Alters what was recorded, given an early and a late record.
type AlterRecords = fn(&mut Vec<pb::Record>, usize, usize);

#[test]
fn what_must_not_be_among_the_records_is_found() {
    let records = recorded();
    let same = chained(&mut records.all().to_vec());
    assert_eq!(same, records.stored(), "nothing altered, nothing found");
    let is_grade = |record: &pb::Record| matches!(record.event, Some(Event::GradeSet(_)));
    let grades: Vec<usize> =
        (0..records.all().len()).filter(|it| is_grade(&records.all()[*it])).collect();
    let (early, late) = (grades[2], *grades.last().unwrap());
    let cases: [(&str, AlterRecords); 6] = [
        ("says that it is record", |all, early, _| drop(all.remove(early))),
        ("says that it is record", |all, early, late| all.swap(early, late)),
        ("has revision", |all, early, _| all[early].revision += 1),
        ("is earlier than", |all, early, late| {
            let first = all[early].recorded_at.unwrap();
            all[late].recorded_at = Some(prost_types::Timestamp { seconds: 0, ..first });
        }),
        ("doubles the request", |all, early, late| {
            all[late].request_id = all[early].request_id.clone();
            all[late].recorded_by = all[early].recorded_by.clone();
        }),
        ("doubles the request", |all, _, _| {
            let mut again = all.last().unwrap().clone();
            (again.position, again.revision) = (again.position + 1, again.revision + 1);
            all.push(again);
        }),
    ];
    for (said, alter) in cases {
        let mut altered = records.all().to_vec();
        alter(&mut altered, early, late);
        let found = Records::of(&chained(&mut altered)).map(|it| it.len()).unwrap_err();
        assert!(found.contains(said), "{found}, not: {said}");
    }
    let mut unchained = records.stored().to_vec();
    let mut record = records.all()[early].clone();
    record.reason.push('X');
    unchained[early] = Bytes::from(record.encode_to_vec());
    let found = Records::of(&unchained).map(|it| it.len()).unwrap_err();
    assert!(found.contains("does not name the one before it"), "{found}");
}

#[test]
fn a_subscriber_that_is_sent_too_little_or_too_much_is_found() {
    let records = recorded();
    let all: Vec<u64> = (1..=records.len()).collect();
    let check = |sent: Vec<u64>| {
        let until = records.len();
        check_subscription(&Subscription { wanted: Wanted::All, until, sent }, &records)
    };
    assert_eq!(check(all.clone()), Ok(()));
    let wrong: [fn(&mut Vec<u64>); 4] = [
        |sent| sent.retain(|it| *it != 3),
        |sent| sent.insert(3, 3),
        |sent| sent.swap(3, 4),
        |sent| sent.truncate(sent.len() - 1),
    ];
    for alter in wrong {
        let mut sent = all.clone();
        alter(&mut sent);
        assert!(check(sent.clone()).is_err(), "{sent:?}");
    }
}
