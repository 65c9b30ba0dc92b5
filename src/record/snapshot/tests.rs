//! Snapshots, there and back.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{
    judgement::{AssessmentLocked, AssessmentOpened, Event, Text},
    merkle::leaf_hash,
    record::{
        Commitment, Record,
        samples::{Sample, any_sample, bytes_of, sample_of},
    },
};

/// The assessment that these records make, whether or not they ever could follow each other.
fn folded(samples: &[Box<Sample>]) -> Assessment {
    let opened: AssessmentOpened<Commitment> = AssessmentOpened {
        framework: FrameworkId::new("apa", "2006").unwrap(),
        cycle: Cycle::parse("2006").unwrap(),
        periods: Vec::new(),
        addressee: None,
        earlier: Vec::new(),
    };
    let id = AssessmentId::parse("subjects/leicester-city/assessments/apa-2006").unwrap();
    let hash = |record: &Record| leaf_hash(&bytes_of(record));
    let first = &samples[0].record;
    let mut assessment = Assessment::begin(id, &first.fact(hash(first)), &opened);
    for sample in samples {
        assessment.evolve(&sample.record.fact(hash(&sample.record)));
    }
    assessment
}

proptest! {
    #[test]
    fn a_snapshot_holds_all_that_stands(samples in vec(any_sample(), 1..12)) {
        let assessment = folded(&samples);
        let snapshot = snapshot_of(&assessment);
        prop_assert_eq!(read_snapshot(&snapshot), Some(assessment));
        let other_version = [&[VERSION + 1], &snapshot[1..]].concat();
        prop_assert_eq!(read_snapshot(&other_version), None);
        prop_assert_eq!(read_snapshot(&snapshot[..0]), None);
    }

    #[test]
    fn any_bytes_are_read_or_refused(mut bytes in any::<Vec<u8>>()) {
        bytes.insert(0, VERSION);
        drop(read_snapshot(&bytes));
    }
}

#[test]
fn every_phase_is_kept() {
    let records = |event: &Event<Text>| vec![Box::new(sample_of(event.clone()))];
    let digest = Hash::new([3; 32]);
    let locked = Event::AssessmentLocked(AssessmentLocked { edition: 1, digest });
    let mut assessment = folded(&records(&locked));
    assert_eq!(read_snapshot(&snapshot_of(&assessment)), Some(assessment.clone()));
    let ofsted = OrganisationId::parse("ofsted").unwrap();
    let signatures = BTreeMap::from([(ofsted, assessment.last)]);
    for phase in [Phase::Open, Phase::Locked { digest, signatures }, Phase::Published] {
        assessment.phase = phase;
        assert_eq!(read_snapshot(&snapshot_of(&assessment)), Some(assessment.clone()));
    }
}
