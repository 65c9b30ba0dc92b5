//! What is walked says what is decoded; what is not walked is decoded.

use proptest::prelude::*;
use prost::Message as _;

use super::*;
use crate::{
    pb,
    record::samples::{any_sample, bare_frame, bytes_of},
};

/// Whether prost would write these very bytes again: then they are a record that is known whole.
fn is_whole(bytes: &[u8]) -> bool {
    pb::Record::decode(bytes).is_ok_and(|message| message.encode_to_vec() == bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_walked_says_what_is_decoded(sample in any_sample()) {
        let bytes = bytes_of(&sample.record);
        let walked = Outline::walked(&bytes);
        prop_assert_eq!(walked, Some(Outline::of_decoded(&sample.record)));
    }

    #[test]
    fn only_a_record_that_is_known_whole_is_walked(
        sample in any_sample(),
        cut in any::<prop::sample::Index>(),
        put in prop::collection::vec(any::<u8>(), 0..4),
        taken in 0_usize..4,
    ) {
        let mut bytes = bytes_of(&sample.record).to_vec();
        let at = cut.index(bytes.len());
        let until = at.saturating_add(taken).min(bytes.len());
        bytes.splice(at..until, put);
        if let Some(outline) = Outline::walked(&bytes) {
            prop_assert!(is_whole(&bytes));
            if let Ok(record) = Record::decode(&bytes) {
                prop_assert_eq!(outline, Outline::of_decoded(&record));
            }
        } else if let Ok(record) = Record::decode(&bytes) {
            prop_assert!(false, "not walked, yet a record: {:?}", record);
        }
    }

    #[test]
    fn any_bytes_have_an_outline_or_none(bytes in any::<Vec<u8>>()) {
        prop_assert_eq!(Outline::of(&bytes).is_ok(), Record::decode(&bytes).is_ok());
    }
}

#[test]
fn what_is_not_written_as_a_ledger_writes_is_not_walked() {
    let bare = bytes_of(&bare_frame());
    assert!(Outline::walked(&bare).is_some());
    let head = &bare[..2];
    let [0x0a, length] = *head else { panic!("the stream comes first") };
    let rest = &bare[2..];
    for (what, bytes) in [
        ("a length in two bytes", [&[0x0a, length | 0x80, 0x00], rest].concat()),
        ("a key in two bytes", [&[0x8a, 0x00, length], rest].concat()),
        ("an unknown field", [&[0xa0, 0x01, 0x01], bare.as_ref()].concat()),
        ("a field twice", [&bare[..usize::from(length) + 2], bare.as_ref()].concat()),
        ("a field out of order", [bare.as_ref(), &[0x10, 0x01]].concat()),
        ("another event", [bare.as_ref(), bare.as_ref()].concat()),
        ("a cut", bare[..bare.len() - 1].to_vec()),
    ] {
        assert!(!is_whole(&bytes), "{what}");
        assert_eq!(Outline::walked(&bytes), None, "{what}");
    }
}

#[test]
fn a_newer_record_is_named_as_decoding_names_it() {
    let bare = bytes_of(&bare_frame());
    let mut message = pb::Record::decode(bare.clone()).unwrap();
    message.event = None;
    let newer = [message.encode_to_vec().as_slice(), &[0xda, 0x03, 0x01, 0x00]].concat();
    assert_eq!(Outline::of(&newer), Err(Unreadable::Newer { field: 59 }));
    let none = Err(Unreadable::Malformed { what: "Record.event" });
    assert_eq!(Outline::of(&message.encode_to_vec()), none);
}
