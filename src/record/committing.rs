//! From texts to commitments, and back.

use std::convert::Infallible;

use super::{Commitment, Opening, Record};
use crate::judgement::{Act, Event, RecordId, Text, Texts};

/// An act and its event as a record holds them, and the texts to be sealed beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// The circumstances, without a text.
    pub act: Act<Commitment>,
    /// What happened, without a text.
    pub event: Event<Commitment>,
    /// The texts in the walker's order: the act's, then the event's.
    pub texts: Vec<CommittedText>,
}

/// A text of a record with all that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedText {
    /// The path of its field, which no other text of the record has.
    pub field: String,
    /// What the record holds.
    pub commitment: Commitment,
    /// The salt, to be sealed and erased with the text.
    pub opening: Opening,
    /// The text.
    pub text: Text,
}

/// Replaces every text by its commitment in the record `record`. `draw` gives a fresh random
/// opening for each.
///
/// # Errors
/// The first error of `draw`.
pub fn commit<E>(
    record: RecordId,
    act: Act<Text>,
    event: Event<Text>,
    draw: &mut dyn FnMut() -> Result<Opening, E>,
) -> Result<Committed, E> {
    let mut texts = Vec::new();
    let mut visit = |field: &str, text: Text| {
        let opening = draw()?;
        let commitment = Commitment::to(&opening, record.uuid(), field, &text);
        texts.push(CommittedText { field: field.to_owned(), commitment, opening, text });
        Ok(commitment)
    };
    let act = act.map_texts("", &mut visit)?;
    let event = event.map_texts("", &mut visit)?;
    Ok(Committed { act, event, texts })
}

impl Record {
    /// Every field that holds a commitment, in the order of [`Committed::texts`].
    #[must_use]
    pub fn fields(&self) -> Vec<(String, Commitment)> {
        let mut fields = Vec::new();
        self.with_texts(&mut |field, commitment| fields.push((field.to_owned(), commitment)));
        fields
    }

    /// The act and the event with whatever `find` gives for each field; it is asked in the order
    /// of [`Self::fields`].
    pub fn with_texts<X>(&self, find: &mut dyn FnMut(&str, Commitment) -> X) -> (Act<X>, Event<X>) {
        map_both(self.act.clone(), self.event.clone(), find)
    }
}

/// Passes every text of both through `visit`: the act's first.
pub(super) fn map_both<T, U>(
    act: Act<T>,
    event: Event<T>,
    visit: &mut dyn FnMut(&str, T) -> U,
) -> (Act<U>, Event<U>) {
    let mut visit = |field: &str, text: T| Ok::<U, Infallible>(visit(field, text));
    let Ok(act) = act.map_texts("", &mut visit);
    let Ok(event) = event.map_texts("", &mut visit);
    (act, event)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::record::samples::any_sample;

    proptest! {
        #[test]
        fn every_commitment_admits_its_text_at_its_field(sample in any_sample()) {
            let id = sample.record.id.uuid();
            for text in &sample.committed.texts {
                let CommittedText { field, commitment, opening, text } = text;
                prop_assert!(commitment.admits(opening, id, field, text), "{}", field);
            }
            let listed = sample.committed.texts.iter().map(|it| (it.field.clone(), it.commitment));
            prop_assert_eq!(sample.record.fields(), listed.collect::<Vec<_>>());
        }

        #[test]
        fn no_two_texts_of_a_record_share_a_field(sample in any_sample()) {
            let fields = sample.record.fields();
            let distinct: BTreeSet<_> = fields.iter().map(|(field, _)| field).collect();
            prop_assert_eq!(distinct.len(), fields.len());
        }

        #[test]
        fn the_texts_lead_back_to_the_act_and_the_event(sample in any_sample()) {
            let mut texts = sample.committed.texts.iter();
            let (act, event) = sample.record.with_texts(&mut |field, commitment| {
                let next = texts.next().unwrap();
                assert_eq!((next.field.as_str(), next.commitment), (field, commitment));
                next.text.clone()
            });
            prop_assert_eq!((act, event), (sample.act, sample.event));
        }
    }
}
