//! Faults as they are collected: none hides another, and each says what to do next.

use std::collections::{BTreeMap, BTreeSet};

use super::Fault;

/// The faults found so far, in the order of the document.
pub(super) struct Faults(pub(super) Vec<Fault>);

impl Faults {
    /// Notes a fault, if there is one.
    pub(super) fn when(&mut self, faulty: bool, at: &str, what: &str, next: &str) {
        if faulty {
            self.0.push(Fault::new(at, what, next));
        }
    }

    /// A reference that may be absent: if it is there, it names something that is declared.
    pub(super) fn reference(
        &mut self,
        at: &str,
        id: &str,
        (what, declared): (&str, &BTreeSet<&str>),
    ) {
        if !id.is_empty() && !declared.contains(id) {
            self.dangling(at, id, (what, declared));
        }
    }

    /// References of which each names something that is declared.
    pub(super) fn known(
        &mut self,
        at: &str,
        ids: &[String],
        (what, declared): (&str, &BTreeSet<&str>),
    ) {
        for (index, id) in ids.iter().enumerate() {
            self.reference(&format!("{at}[{index}]"), id, (what, declared));
        }
    }

    /// A reference to what is not declared.
    pub(super) fn dangling(
        &mut self,
        at: &str,
        id: &str,
        (what, declared): (&str, &BTreeSet<&str>),
    ) {
        let declared: Vec<_> = declared.iter().copied().filter(|it| !it.is_empty()).collect();
        let next = match declared.as_slice() {
            [] => format!("declare a {what} of this id: there is none yet"),
            ids => format!("name one of {}, or declare it", ids.join(", ")),
        };
        self.when(true, at, &format!("names the {what} {id:?}, which there is not"), &next);
    }

    /// Each key stands once; `field` is the part of the element that the key was taken from.
    pub(super) fn unique<K: Ord>(
        &mut self,
        at: &str,
        field: &str,
        keys: impl IntoIterator<Item = K>,
    ) {
        let placed = keys.into_iter().enumerate();
        self.unique_at(placed.map(|(index, key)| (format!("{at}[{index}]{field}"), key)));
    }

    /// Each key stands once, wherever it stands.
    pub(super) fn unique_at<K: Ord>(&mut self, keys: impl IntoIterator<Item = (String, K)>) {
        let mut first: BTreeMap<K, String> = BTreeMap::new();
        for (at, key) in keys {
            match first.get(&key) {
                Some(earlier) => {
                    let what = format!("is the same as {earlier}");
                    self.when(true, &at, &what, "say something else, or leave one of them out");
                }
                None => _ = first.insert(key, at),
            }
        }
    }

    /// Each word stands once.
    pub(super) fn unique_words<'a>(&mut self, at: &str, words: impl Iterator<Item = &'a String>) {
        let mut seen = BTreeSet::new();
        for word in words {
            let what = format!("has the word {word:?} twice");
            let next = "let one level alone accept it";
            self.when(!seen.insert(word), at, &what, next);
        }
    }
}
