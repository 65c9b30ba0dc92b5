//! Request ids for steps that have none.

use prost::Message as _;
use uuid::Uuid;

use super::file::Step;
use crate::merkle::sha256;

/// Under which the ids of steps are made: drawn once at random, and never changed.
const NAMESPACE: Uuid = Uuid::from_u128(0x52ff_bd60_cb96_4cc7_99a3_07ba_9d40_45fd);
/// What the chain of hashes begins with.
const DOMAIN: &[u8] = b"judgement-ledger/import/v1";

/// Gives every step without a request id one of its own: a `UUIDv5` over a hash of the step and of
/// all before it. So the same file has the same ids, however it is laid out; a step that occurs
/// twice has two; and mending a later step changes no id before it. (Spec §4.3)
pub(in crate::cli) fn identify(steps: &mut [Step]) {
    let mut before = sha256(&[DOMAIN]);
    for step in steps {
        before = sha256(&[before.as_bytes(), &step.message.encode_to_vec()]);
        let id = Uuid::new_v5(&NAMESPACE, before.as_bytes());
        if let Some(act) = step.act_mut()
            && act.request_id.is_empty()
        {
            act.request_id = id.to_string();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::file::parse, *};
    use crate::judgement::RequestId;

    fn ids(text: &str) -> Vec<String> {
        let mut steps = parse(text, "test").unwrap();
        identify(&mut steps);
        steps.iter_mut().map(|step| step.act_mut().unwrap().request_id.clone()).collect()
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
        let ids = ids(&grade("a").repeat(2));
        assert_ne!(ids[0], ids[1]);
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
    }
}
