//! Request ids for steps that have none.

use std::collections::HashMap;

use prost::Message as _;
use uuid::Uuid;

use super::file::Step;
use crate::merkle::{Hash, sha256};

/// Under which the ids of steps are made: drawn once at random, and never changed.
const NAMESPACE: Uuid = Uuid::from_u128(0x52ff_bd60_cb96_4cc7_99a3_07ba_9d40_45fd);
/// What a chain of hashes begins with.
const CHAIN: &[u8] = b"judgement-ledger/import/v1";
/// What the hash of a step of a named import begins with.
const NAMED: &[u8] = b"judgement-ledger/named-import/v1";

/// Gives every step without a request id one of its own: a `UUIDv5`, the same whenever the same file
/// is imported, however it is laid out. A step that occurs twice has two. (Spec §4.3)
///
/// Without a name the id is made from the step and all before it, so that the same step in another
/// file is another one; mending a step changes the ids after it and none before it, which is all
/// that is needed where nothing is sent after a refused step. Under a name the id is made from the
/// name, the step and how often it occurred before, and mending a step changes no other id.
pub(in crate::cli) fn identify(steps: &mut [Step], name: Option<&str>) {
    let mut before = sha256(&[CHAIN]);
    let mut occurred = HashMap::<Hash, u64>::new();
    for step in steps {
        let content = step.message.encode_to_vec();
        let hash = match name {
            None => {
                before = sha256(&[before.as_bytes(), &content]);
                before
            }
            Some(name) => {
                let times = occurred.entry(sha256(&[&content])).or_default();
                *times = times.saturating_add(1);
                let name = sha256(&[name.as_bytes()]);
                sha256(&[NAMED, name.as_bytes(), &times.to_be_bytes(), &content])
            }
        };
        for (index, act) in step.acts_mut().into_iter().enumerate() {
            if act.request_id.is_empty() {
                act.request_id = id(hash, index).to_string();
            }
        }
    }
}

/// The id of the act with this index, from 0, of a step.
fn id(step: Hash, index: usize) -> Uuid {
    let first = Uuid::new_v5(&NAMESPACE, step.as_bytes());
    match index {
        0 => first,
        _ => Uuid::new_v5(&first, index.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::file::parse, *};
    use crate::judgement::RequestId;

    fn ids(text: &str) -> Vec<String> {
        ids_under(None, text)
    }

    fn ids_under(name: Option<&str>, text: &str) -> Vec<String> {
        let mut steps = parse(text, "test").unwrap();
        identify(&mut steps, name);
        let acts = steps.iter_mut().flat_map(Step::acts_mut);
        acts.map(|act| act.request_id.clone()).collect()
    }

    fn grade(area: &str) -> String {
        format!(r#"{{"command": {{"setGrade": {{"area": "{area}"}}}}}}"#)
    }

    #[test]
    fn ids_come_from_content_not_from_layout() {
        let (a, b) = (grade("a"), grade("b"));
        let lines = ids(&format!("{a}\n{b}"));
        assert_eq!(lines, ids(&format!("{{ \"steps\" : [\n\n{a} , {b}] }}")));
        assert!(lines.iter().all(|id| RequestId::parse(id).is_ok()), "{lines:?}");
    }

    #[test]
    fn a_step_that_occurs_twice_has_two_ids() {
        for name in [None, Some("n")] {
            let ids = ids_under(name, &grade("a").repeat(2));
            assert_ne!(ids[0], ids[1]);
        }
    }

    #[test]
    fn under_a_name_mending_a_step_changes_no_other_id() {
        let before = ids_under(Some("n"), &[grade("a"), grade("b"), grade("c")].join("\n"));
        let after = ids_under(Some("n"), &[grade("x"), grade("b"), grade("c")].join("\n"));
        assert_ne!(before[0], after[0]);
        assert_eq!(before[1..], after[1..]);
        let other = ids_under(Some("m"), &[grade("a"), grade("b"), grade("c")].join("\n"));
        assert!(before.iter().all(|id| !other.contains(id)), "another name is another import");
    }

    #[test]
    fn mending_a_later_step_changes_no_id_before_it() {
        let before = ids(&[grade("a"), grade("b"), grade("c")].join("\n"));
        let after = ids(&[grade("a"), grade("x"), grade("c")].join("\n"));
        assert_eq!(before[0], after[0]);
        assert_ne!(before[1], after[1]);
        assert_ne!(before[2], after[2]);
    }

    #[test]
    fn publications_at_once_have_an_id_each() {
        let publication = |name: &str| format!(r#"{{"assessment": "{name}"}}"#);
        let both = [publication("a"), publication("a")].join(", ");
        let step = format!(r#"{{"publishAssessments": {{"publications": [{both}]}}}}"#);
        let made = ids(&step);
        assert_eq!(made.len(), 2);
        assert_ne!(made[0], made[1]);
        assert_eq!(ids(&step), made);
    }

    #[test]
    fn an_id_that_is_given_stays() {
        let given = "0196a5b0-0000-7000-8000-000000000001";
        let step = format!(
            r#"{{"command": {{"setGrade": {{"area": "a", "act": {{"requestId": "{given}"}}}}}}}}"#
        );
        assert_eq!(ids(&step), [given]);
    }

    #[test]
    fn ids_stay_the_same_for_ever() {
        assert_eq!(ids(&grade("being-healthy")), ["53182905-3be4-5001-8ee2-90579ec64426"]);
        let named = ids_under(Some("letters-2006"), &grade("being-healthy"));
        assert_eq!(named, ["3fe0fe09-0e4e-54db-a070-b95e3948aac7"]);
    }
}
