//! What is signed and what is published, in a hash. (Spec §4.8)
//!
//! Digests are computed from record hashes only, never from a text or a bare level: a record's
//! hash covers its random id and its salted commitments, so nobody can guess what it stands for.

use super::{AreaId, Assessment, AudienceDigest, AudienceId, Framework, Item, Kind};
use crate::merkle::{Hash, root_of, sha256};

const EDITION: &[u8] = b"judgement-ledger/edition/v1";
const SALTED_ITEM: &[u8] = b"judgement-ledger/salted-item/v1";

/// The digest of the working edition: SHA-256 over a domain string, the framework's hash and, in
/// letter order, the record hash of every item in force.
#[must_use]
pub fn edition_digest(assessment: &Assessment, framework: &Framework, document: &[u8; 32]) -> Hash {
    let items = in_letter_order(assessment, framework, |_| true);
    let mut parts: Vec<&[u8]> = vec![EDITION, document];
    parts.extend(items.iter().map(|item| item.hash.as_bytes().as_slice()));
    sha256(&parts)
}

/// The digest of what one audience may see: a Merkle root over salted items, so that a proof of
/// one item tells nothing of the others. `salt` must be fresh and random.
#[must_use]
pub fn audience_digest(
    assessment: &Assessment,
    framework: &Framework,
    audience: &AudienceId,
    salt: [u8; 32],
) -> AudienceDigest {
    let sees = |area: Option<&AreaId>| {
        area.is_none_or(|area| {
            framework.area(area).is_some_and(|area| area.visible_to.contains(audience))
        })
    };
    let leaves: Vec<Hash> = in_letter_order(assessment, framework, sees)
        .iter()
        .map(|item| sha256(&[SALTED_ITEM, &salt, item.hash.as_bytes()]))
        .collect();
    AudienceDigest { audience: audience.clone(), salt, root: root_of(&leaves) }
}

/// Every item in force in the order of the letter: how it was opened, to whom it goes, the grades
/// in the framework's order, the entries by section, kind, order and id.
fn in_letter_order(
    assessment: &Assessment,
    framework: &Framework,
    sees: impl Fn(Option<&AreaId>) -> bool,
) -> Vec<Item> {
    let mut items = vec![assessment.opened];
    items.extend(assessment.addressee.filter(|item| *item != assessment.opened));
    let judged = framework.areas.iter().filter(|area| sees(Some(&area.id)));
    items.extend(judged.filter_map(|area| assessment.judgements.get(&area.id).map(|j| j.item)));

    let place_of_section = |written: &super::Written| {
        framework.sections.iter().position(|section| section.id == written.section)
    };
    let place_of_kind =
        |kind: Kind| framework.entry_kinds.iter().position(|rule| rule.kind == kind);
    let in_force = assessment.entries.iter().filter(|(_, written)| !written.struck);
    let mut entries: Vec<_> = in_force.filter(|(_, it)| sees(it.area.as_ref())).collect();
    entries.sort_by_key(|(id, it)| {
        (place_of_section(it), place_of_kind(it.kind), it.order, (*id).clone())
    });
    items.extend(entries.into_iter().map(|(_, written)| written.item));
    items
}
