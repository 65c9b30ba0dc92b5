//! Whether a request that comes again says the same again. (Spec §4.3)

use super::{Opening, Record, committing::map_both};
use crate::judgement::{Act, Order, Text};

impl Record {
    /// Whether this record may be the answer to `order`: the structural fields that a client
    /// states are equal, and every text is admitted by its commitment here. `opening` gives the
    /// opening of the text at a place in the order of [`Record::fields`]; `None` if that text was
    /// erased: then nothing is compared of it but that there is one.
    #[must_use]
    pub fn is_caused_by(
        &self,
        act: &Act<Text>,
        order: &Order<Text>,
        opening: &mut dyn FnMut(usize) -> Option<Opening>,
    ) -> bool {
        let Some(event) = order.as_recorded(&self.event) else { return false };
        let mut stated = Vec::new();
        let mut hold = |field: &str, text| stated.push((field.to_owned(), text));
        let structure = map_both(act.clone(), event, &mut hold);
        let same = structure == self.with_texts(&mut |_, _| ()) && order.stream() == self.stream;

        // The structures being equal, the same texts stand at the same places.
        same && stated.iter().zip(self.fields()).enumerate().all(
            |(place, ((field, text), (_, commitment)))| {
                opening(place)
                    .is_none_or(|opening| commitment.admits(&opening, self.id.uuid(), field, text))
            },
        )
    }
}

#[cfg(test)]
mod tests;
