//! What is signed and what is published, in a hash. (Spec §4.8)
//!
//! Digests are computed from record hashes only, never from a text or a bare level: a record's
//! hash covers its random id and its salted commitments, so nobody can guess what it stands for.

use super::{Area, Assessment, AudienceDigest, AudienceId, Framework, Item, Written};
use crate::merkle::{Hash, InclusionPlan, InclusionProof, Node, root_of, sha256};

const EDITION: &[u8] = b"judgement-ledger/edition/v1";
const SALTED_ITEM: &[u8] = b"judgement-ledger/salted-item/v1";

/// The digest of the working edition: SHA-256 over a domain string, the framework's hash and, in
/// letter order, the record hash of every item in force: how it was opened, to whom it goes, the
/// judgements, the entries, each followed by the record that last corrected its text.
#[must_use]
pub fn edition_digest(assessment: &Assessment, framework: &Framework, document: &[u8; 32]) -> Hash {
    let mut items = heading(assessment);
    items.extend(judgements(assessment, framework, |_| true));
    items.extend(entries(assessment, framework, |_| true));
    let mut parts: Vec<&[u8]> = vec![EDITION, document];
    parts.extend(items.iter().map(|item| item.hash.as_bytes().as_slice()));
    sha256(&parts)
}

/// The digest of what one audience may see: a Merkle root over salted items, so that a proof of
/// one item tells nothing of the others. `salt` must be fresh and random.
///
/// It covers how the assessment was opened and the judgements that the framework shows to the
/// audience; the addressee and the entries only if the audience gets the letter.
#[must_use]
pub fn audience_digest(
    assessment: &Assessment,
    framework: &Framework,
    audience: &AudienceId,
    salt: [u8; 32],
) -> AudienceDigest {
    let leaves = salted(&items_for(assessment, framework, audience), &salt);
    AudienceDigest { audience: audience.clone(), salt, root: root_of(&leaves) }
}

/// A proof that an item is among those that an audience sees, which tells nothing of the others but
/// how many they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemProof {
    /// Which of them it is, from 0.
    pub index: u64,
    /// How many there are.
    pub items: u64,
    /// The hashes from its salted leaf to the root, as RFC 9162 §2.1.3.2 verifies them.
    pub path: InclusionProof,
}

/// The proof that an item is under [`audience_digest`]; `None` if the audience does not see it.
#[must_use]
pub fn audience_proof(
    assessment: &Assessment,
    framework: &Framework,
    digest: &AudienceDigest,
    item: &Item,
) -> Option<ItemProof> {
    let seen = items_for(assessment, framework, &digest.audience);
    let leaves = salted(&seen, &digest.salt);
    let index = u64::try_from(seen.iter().position(|it| it == item)?).ok()?;
    let items = u64::try_from(leaves.len()).ok()?;
    let plan = InclusionPlan::new(index, items).ok()?;
    let subtree = |node: &Node| {
        let leaves_of = node.leaves();
        let (from, to) = (usize::try_from(leaves_of.start), usize::try_from(leaves_of.end));
        Some(root_of(leaves.get(from.ok()?..to.ok()?)?))
    };
    let hashes: Vec<Hash> = plan.nodes().iter().map(subtree).collect::<Option<_>>()?;
    Some(ItemProof { index, items, path: plan.fold(&hashes).ok()? })
}

/// The leaf of an item under an audience's salt.
#[must_use]
pub fn salted_item(salt: &[u8; 32], hash: &Hash) -> Hash {
    sha256(&[SALTED_ITEM, salt, hash.as_bytes()])
}

fn salted(items: &[Item], salt: &[u8; 32]) -> Vec<Hash> {
    items.iter().map(|item| salted_item(salt, &item.hash)).collect()
}

/// What an audience sees, in order.
fn items_for(assessment: &Assessment, framework: &Framework, audience: &AudienceId) -> Vec<Item> {
    let shown = |area: &Area| area.visible_to.contains(audience);
    let letter = framework.letter_to.contains(audience);
    let mut items = if letter { heading(assessment) } else { vec![assessment.opened] };
    items.extend(judgements(assessment, framework, shown));
    if letter {
        items.extend(entries(assessment, framework, |it| framework.shows(it, shown)));
    }
    items
}

/// How the assessment was opened and, where another record says so, to whom it goes.
fn heading(assessment: &Assessment) -> Vec<Item> {
    let mut items = vec![assessment.opened];
    items.extend(assessment.addressee.filter(|item| *item != assessment.opened));
    items
}

fn judgements(
    assessment: &Assessment,
    framework: &Framework,
    shown: impl Fn(&Area) -> bool,
) -> Vec<Item> {
    let judged = framework.areas.iter().filter(|area| shown(area));
    judged.filter_map(|area| assessment.judgements.get(&area.id).map(|it| it.item)).collect()
}

fn entries(
    assessment: &Assessment,
    framework: &Framework,
    shown: impl Fn(&Written) -> bool,
) -> Vec<Item> {
    let in_order = assessment.entries_in_letter_order(framework);
    let in_sight = in_order.into_iter().filter(|(_, it)| shown(it));
    // A text that was corrected is in force as corrected: the record that says so follows.
    in_sight.flat_map(|(_, it)| [Some(it.item), it.corrected].into_iter().flatten()).collect()
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, sync::Arc};

    use imbl::OrdMap;
    use jiff::{Timestamp, civil::Date};
    use uuid::Uuid;

    use super::*;
    use crate::judgement::{
        AreaId, AssessmentId, Cycle, EntryId, FrameworkId, Judgement, Kind, Label, NonGrade, Phase,
        Position, RecordId, Revision, SectionId, SelfModeration, Standing,
    };
    use crate::merkle::TreeHead;

    fn item(at: u64) -> Item {
        let hash = sha256(&[&at.to_be_bytes()]);
        Item { at: Position::new(at), record: RecordId::new(Uuid::from_u128(at.into())), hash }
    }

    fn audience(id: &str) -> AudienceId {
        AudienceId::parse(id).unwrap()
    }

    fn area(id: &str, visible_to: &[&str]) -> Area {
        Area {
            id: AreaId::parse(id).unwrap(),
            label: id.to_owned(),
            section: None,
            parent: None,
            scales: Vec::new(),
            descriptor_set: None,
            concept: None,
            demanded: false,
            visible_to: visible_to.iter().map(|it| audience(it)).collect(),
        }
    }

    /// The addressee gets the letter, but for what is said of social care; csci sees two areas,
    /// the audit commission one.
    fn framework() -> Framework {
        Framework {
            id: FrameworkId::new("apa", "2006").unwrap(),
            title: Label::parse("Annual performance assessment").unwrap(),
            areas: vec![
                area("whole", &["addressee", "audit-commission", "csci"]),
                area("social-care", &["csci"]),
            ],
            sections: Vec::new(),
            scales: Vec::new(),
            descriptor_sets: Vec::new(),
            non_grades: BTreeSet::new(),
            entry_kinds: Vec::new(),
            reasons: Vec::new(),
            signed_by: BTreeSet::new(),
            self_moderation: SelfModeration::Forbidden,
            audiences: ["addressee", "audit-commission", "csci"].map(audience).into(),
            letter_to: [audience("addressee")].into(),
            comparable_with: BTreeSet::new(),
        }
    }

    fn judgement(at: u64) -> Judgement {
        Judgement {
            item: item(at),
            standing: Standing::NotGraded(NonGrade::NotJudged),
            qualified: false,
            deciders: Vec::new(),
            effective_on: Date::constant(2006, 11, 1),
            recorded_at: Timestamp::UNIX_EPOCH,
            transcribed: false,
        }
    }

    fn written(at: u64, area: Option<&str>, struck: bool) -> Written {
        let (kind, section) = (Kind::Narrative, SectionId::parse("summary").unwrap());
        let area = area.map(|area| AreaId::parse(area).unwrap());
        Written { item: item(at), kind, section, area, order: 1, struck, corrected: None }
    }

    /// Opened at 1, addressed at 2, graded at 3 and 4, written about at 5 to 8.
    fn assessment() -> Assessment {
        let entry = |given: &str| EntryId::parse(given).unwrap();
        let area = |given: &str| AreaId::parse(given).unwrap();
        Assessment {
            id: AssessmentId::parse("subjects/leicester-city/assessments/apa-2006").unwrap(),
            framework: framework().id,
            cycle: Cycle::parse("2006").unwrap(),
            periods: Arc::new([]),
            earlier: Arc::new([]),
            revision: Revision::new(8),
            last: item(8),
            opened: item(1),
            addressee: Some(item(2)),
            judgements: OrdMap::from_iter([
                (area("social-care"), Arc::new(judgement(3))),
                (area("whole"), Arc::new(judgement(4))),
            ]),
            entries: OrdMap::from_iter([
                (entry("e-1"), Arc::new(written(5, None, false))),
                (entry("e-2"), Arc::new(written(6, Some("whole"), false))),
                (entry("e-3"), Arc::new(written(7, Some("social-care"), false))),
                (entry("e-4"), Arc::new(written(8, None, true))),
            ]),
            edition: 1,
            phase: Phase::Open,
            published: Vec::new(),
            lapsed: Vec::new(),
            holds: OrdMap::new(),
            challenges: OrdMap::new(),
            drafts: Vec::new(),
            corrections: OrdMap::new(),
            passed: BTreeSet::new(),
        }
    }

    #[test]
    fn an_audience_digest_covers_what_the_audience_sees_and_nothing_else() {
        let salt = [7; 32];
        for (who, seen) in [
            ("addressee", vec![1, 2, 4, 5, 6]),
            ("csci", vec![1, 4, 3]),
            ("audit-commission", vec![1, 4]),
            ("a-newspaper", vec![1]),
        ] {
            let digest = audience_digest(&assessment(), &framework(), &audience(who), salt);
            let leaf = |at: &u64| {
                sha256(&[b"judgement-ledger/salted-item/v1", &salt, item(*at).hash.as_bytes()])
            };
            let leaves: Vec<Hash> = seen.iter().map(leaf).collect();
            let expected = AudienceDigest { audience: audience(who), salt, root: root_of(&leaves) };
            assert_eq!(digest, expected, "{who}");
        }
    }

    #[test]
    fn a_proof_leads_from_each_item_that_an_audience_sees_and_from_no_other() {
        let salt = [7; 32];
        for (who, seen) in
            [("addressee", vec![1, 2, 4, 5, 6]), ("csci", vec![1, 4, 3]), ("a-newspaper", vec![1])]
        {
            let digest = audience_digest(&assessment(), &framework(), &audience(who), salt);
            for at in 1..=8 {
                let proof = audience_proof(&assessment(), &framework(), &digest, &item(at));
                assert_eq!(proof.is_some(), seen.contains(&at), "{who} {at}");
                let Some(ItemProof { index, items, path }) = proof else { continue };
                let head = TreeHead { size: items, root: digest.root };
                let leaf = salted_item(&salt, &item(at).hash);
                assert_eq!(path.verify(&leaf, index, &head), Ok(()), "{who} {at}");
                let other = salted_item(&salt, &item(at + 1).hash);
                assert!(path.verify(&other, index, &head).is_err(), "{who} {at}");
            }
        }
    }

    #[test]
    fn the_editions_digest_covers_every_item_in_force_in_letter_order() {
        let document = [9; 32];
        let hashes = [1, 2, 4, 3, 5, 6, 7].map(|at| item(at).hash);
        let mut parts: Vec<&[u8]> = vec![b"judgement-ledger/edition/v1", &document];
        parts.extend(hashes.iter().map(|hash| hash.as_bytes().as_slice()));
        assert_eq!(edition_digest(&assessment(), &framework(), &document), sha256(&parts));
    }
}
