//! What the parts of a document say of each other. Compared are the strings as given: an id that
//! is none is told once, where it stands, and not again by everything that refers to it.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;

use super::{DOCUMENT_BYTES_MAX, Fault};
use crate::pb::{self, scale::Kind};

/// The reasons that every framework has. (Spec §3.1)
const REASONS: [&str; 9] = [
    "INITIAL",
    "MODERATION",
    "FACTUAL_ACCURACY",
    "REPRESENTATION_UPHELD",
    "COMPLAINT_UPHELD",
    "LIMITER",
    "DATA_CORRECTED",
    "COURT_ORDER",
    "CLERICAL_ERROR",
];

/// Whether a document is short enough.
pub(super) fn length(bytes: usize) -> Result<(), Fault> {
    if bytes <= DOCUMENT_BYTES_MAX {
        return Ok(());
    }
    let what = format!("has {bytes} bytes; at most {DOCUMENT_BYTES_MAX} are kept");
    Err(Fault { path: "framework".to_owned(), what })
}

/// Every fault in how the parts refer to each other.
pub(super) fn framework(message: &pb::Framework) -> Vec<Fault> {
    let mut faults = Faults(Vec::new());
    faults.0.extend(length(message.encoded_len()).err());
    let declared = Declared::by(message);
    for (index, scale) in message.scales.iter().enumerate() {
        faults.scale(&format!("scales[{index}]"), scale, message, &declared);
    }
    for (index, set) in message.descriptor_sets.iter().enumerate() {
        faults.descriptors(&format!("descriptor_sets[{index}]"), set, message);
    }
    for (index, area) in message.areas.iter().enumerate() {
        faults.area(&format!("areas[{index}]"), area, message, &declared);
    }
    faults.known("letter_to", &message.letter_to, &declared.audiences, "audience");
    faults.uniqueness(message);
    faults.completeness(message);
    faults.0
}

/// The ids that others may refer to.
struct Declared<'a> {
    scales: BTreeSet<&'a str>,
    sets: BTreeSet<&'a str>,
    areas: BTreeSet<&'a str>,
    sections: BTreeSet<&'a str>,
    audiences: BTreeSet<&'a str>,
}

impl<'a> Declared<'a> {
    fn by(it: &'a pb::Framework) -> Self {
        Self {
            scales: it.scales.iter().map(|scale| scale.id.as_str()).collect(),
            sets: it.descriptor_sets.iter().map(|set| set.id.as_str()).collect(),
            areas: it.areas.iter().map(|area| area.id.as_str()).collect(),
            sections: it.sections.iter().map(|section| section.id.as_str()).collect(),
            audiences: it.audiences.iter().map(String::as_str).collect(),
        }
    }
}

struct Faults(Vec<Fault>);

impl Faults {
    fn scale(&mut self, at: &str, it: &pb::Scale, all: &pb::Framework, declared: &Declared<'_>) {
        let nominal = is_nominal(it);
        let levels = || it.levels.iter();
        let named =
            |id: &String| all.scales.iter().any(|scale| scale.id == *id && is_nominal(scale));

        self.when(it.levels.is_empty(), &format!("{at}.levels"), "has no level");
        let binary = it.kind == i32::from(Kind::Binary) && it.levels.len() != 2;
        self.when(binary, &format!("{at}.levels"), "has not the two levels of a binary scale");
        self.unique(&format!("{at}.levels"), ".code", levels().map(|level| level.code.as_str()));
        if !nominal {
            self.unique(&format!("{at}.levels"), ".rank", levels().map(|level| level.rank));
        }
        let words = it.levels.iter().flat_map(|level| &level.words);
        self.unique_words(&format!("{at}.levels"), words);
        self.known(&format!("{at}.ranks_with"), &it.ranks_with, &declared.scales, "scale");
        self.unique(&format!("{at}.ranks_with"), "", &it.ranks_with);
        let ranked = !it.ranks_with.is_empty() && (nominal || it.ranks_with.iter().any(named));
        self.when(ranked, &format!("{at}.ranks_with"), "ranks a nominal scale, which has no ranks");
    }

    fn descriptors(&mut self, at: &str, set: &pb::DescriptorSet, all: &pb::Framework) {
        for (index, it) in set.descriptors.iter().enumerate() {
            let at = format!("{at}.descriptors[{index}]");
            let scale = all.scales.iter().find(|scale| scale.id == it.scale);
            let has = |levels: &[pb::Level]| levels.iter().any(|level| level.code == it.level);
            match scale {
                None => self.dangling(&format!("{at}.scale"), "scale", &it.scale),
                Some(scale) if !has(&scale.levels) => {
                    let what = format!("level of {}", it.scale);
                    self.dangling(&format!("{at}.level"), &what, &it.level);
                }
                Some(_) => {}
            }
        }
        let pairs = set.descriptors.iter().map(|it| (it.scale.as_str(), it.level.as_str()));
        self.unique(&format!("{at}.descriptors"), "", pairs);
    }

    fn area(&mut self, at: &str, it: &pb::Area, all: &pb::Framework, declared: &Declared<'_>) {
        self.reference(&format!("{at}.section"), &it.section, &declared.sections, "section");
        self.reference(&format!("{at}.parent"), &it.parent, &declared.areas, "area");
        let sets = &declared.sets;
        self.reference(&format!("{at}.descriptor_set"), &it.descriptor_set, sets, "descriptor set");
        self.known(&format!("{at}.scales"), &it.scales, &declared.scales, "scale");
        self.unique(&format!("{at}.scales"), "", &it.scales);
        self.known(&format!("{at}.visible_to"), &it.visible_to, &declared.audiences, "audience");
        self.unique(&format!("{at}.visible_to"), "", &it.visible_to);
        for (index, feed) in it.feeds.iter().enumerate() {
            let at = format!("{at}.feeds[{index}].consumer");
            self.reference(&at, &feed.consumer, &declared.audiences, "audience");
        }
        let unjudgable = it.demanded && it.scales.is_empty();
        self.when(unjudgable, &format!("{at}.demanded"), "is demanded of an area without a scale");
        self.when(is_within_itself(it, all), &format!("{at}.parent"), "makes it part of itself");
        let scales: BTreeSet<&String> = it.scales.iter().collect();
        let own = all.scales.iter().filter(|scale| scales.contains(&scale.id));
        if scales.len() > 1 {
            // Within one scale this is told at the scale.
            let words = own.flat_map(|scale| {
                let words: BTreeSet<_> =
                    scale.levels.iter().flat_map(|level| &level.words).collect();
                words
            });
            self.unique_words(&format!("{at}.scales"), words);
        }
    }

    fn uniqueness(&mut self, it: &pb::Framework) {
        self.unique("scales", ".id", it.scales.iter().map(|it| it.id.as_str()));
        self.unique("descriptor_sets", ".id", it.descriptor_sets.iter().map(|it| it.id.as_str()));
        self.unique("areas", ".id", it.areas.iter().map(|it| it.id.as_str()));
        self.unique("sections", ".id", it.sections.iter().map(|it| it.id.as_str()));
        self.unique("non_grades", "", &it.non_grades);
        self.unique("entry_kinds", ".kind", it.entry_kinds.iter().map(|it| it.kind));
        self.unique("reasons", ".code", it.reasons.iter().map(|it| it.code.as_str()));
        self.unique("signed_by", "", &it.signed_by);
        self.unique("audiences", "", &it.audiences);
        self.unique("letter_to", "", &it.letter_to);
        self.unique("comparable_with", "", &it.comparable_with);
    }

    fn completeness(&mut self, it: &pb::Framework) {
        self.when(it.areas.is_empty(), "areas", "has no area");
        self.when(it.signed_by.is_empty(), "signed_by", "names nobody: an edition must be signed");
        let has = |code: &&str| it.reasons.iter().any(|reason| reason.code == **code);
        let missing: Vec<_> = REASONS.into_iter().filter(|code| !has(code)).collect();
        let what = format!("lacks {}", missing.join(", "));
        self.when(!missing.is_empty(), "reasons", &what);
    }

    /// A reference that may be absent.
    fn reference(&mut self, at: &str, id: &str, declared: &BTreeSet<&str>, what: &str) {
        if !id.is_empty() && !declared.contains(id) {
            self.dangling(at, what, id);
        }
    }

    fn known(&mut self, at: &str, ids: &[String], declared: &BTreeSet<&str>, what: &str) {
        for (index, id) in ids.iter().enumerate() {
            self.reference(&format!("{at}[{index}]"), id, declared, what);
        }
    }

    fn dangling(&mut self, at: &str, what: &str, id: &str) {
        self.when(true, at, &format!("names the {what} {id:?}, which there is not"));
    }

    /// Each key stands once; `field` is the part of the element that the key was taken from.
    fn unique<K: Ord>(&mut self, at: &str, field: &str, keys: impl IntoIterator<Item = K>) {
        let mut first = BTreeMap::new();
        for (index, key) in keys.into_iter().enumerate() {
            let of_first = *first.entry(key).or_insert(index);
            let what = format!("is the same as {at}[{of_first}]{field}");
            self.when(of_first != index, &format!("{at}[{index}]{field}"), &what);
        }
    }

    fn unique_words<'a>(&mut self, at: &str, words: impl Iterator<Item = &'a String>) {
        let mut seen = BTreeSet::new();
        for word in words {
            let what = format!("has the word {word:?} twice");
            self.when(!seen.insert(word), at, &what);
        }
    }

    fn when(&mut self, faulty: bool, path: &str, what: &str) {
        if faulty {
            self.0.push(Fault { path: path.to_owned(), what: what.to_owned() });
        }
    }
}

fn is_nominal(scale: &pb::Scale) -> bool {
    scale.kind == i32::from(Kind::Nominal)
}

/// Whether going up from an area leads back to it.
fn is_within_itself(area: &pb::Area, all: &pb::Framework) -> bool {
    let mut above = BTreeSet::new();
    let mut next = area.parent.as_str();
    while !next.is_empty() && above.insert(next) {
        let parent = all.areas.iter().find(|candidate| candidate.id == next);
        next = parent.map_or("", |parent| parent.parent.as_str());
    }
    above.contains(area.id.as_str())
}
