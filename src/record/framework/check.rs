//! What the parts of a document say of each other. Compared are the strings as given: an id that
//! is none is told once, where it stands, and not again by everything that refers to it.

use std::collections::BTreeSet;

use prost::Message as _;

use super::{DOCUMENT_BYTES_MAX, Fault, faults::Faults};
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
    Err(Fault::new("framework", what, "shorten its texts and remarks"))
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
    faults.known("letter_to", &message.letter_to, ("audience", &declared.audiences));
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

impl Faults {
    fn scale(&mut self, at: &str, it: &pb::Scale, all: &pb::Framework, declared: &Declared<'_>) {
        let nominal = is_nominal(it);
        let levels = || it.levels.iter();
        let named =
            |id: &String| all.scales.iter().any(|scale| scale.id == *id && is_nominal(scale));
        let at_levels = format!("{at}.levels");
        let at_ranks = format!("{at}.ranks_with");

        self.when(it.levels.is_empty(), &at_levels, "has no level", "state its levels");
        let binary = it.kind == i32::from(Kind::Binary) && it.levels.len() != 2;
        let not_two = "has not the two levels of a binary scale";
        self.when(binary, &at_levels, not_two, "state two levels, or another kind of scale");
        self.unique(&at_levels, ".code", levels().map(|level| level.code.as_str()));
        if !nominal {
            self.unique(&at_levels, ".rank", levels().map(|level| level.rank));
        }
        let words = it.levels.iter().flat_map(|level| &level.words);
        self.unique_words(&at_levels, words);
        self.known(&at_ranks, &it.ranks_with, ("scale", &declared.scales));
        self.unique(&at_ranks, "", &it.ranks_with);
        let ranked = !it.ranks_with.is_empty() && (nominal || it.ranks_with.iter().any(named));
        let unranked = "ranks a nominal scale, which has no ranks";
        self.when(ranked, &at_ranks, unranked, "name ordered and binary scales alone");
        let itself = !it.id.is_empty() && it.ranks_with.contains(&it.id);
        self.when(itself, &at_ranks, "names the scale itself", "leave it out");
    }

    fn descriptors(&mut self, at: &str, set: &pb::DescriptorSet, all: &pb::Framework) {
        for (index, it) in set.descriptors.iter().enumerate() {
            let at = format!("{at}.descriptors[{index}]");
            let scales = || all.scales.iter();
            match scales().find(|scale| scale.id == it.scale) {
                None => {
                    let declared = scales().map(|scale| scale.id.as_str()).collect();
                    self.dangling(&format!("{at}.scale"), &it.scale, ("scale", &declared));
                }
                Some(scale) => {
                    let what = format!("level of {}", it.scale);
                    let codes = scale.levels.iter().map(|level| level.code.as_str()).collect();
                    self.reference(&format!("{at}.level"), &it.level, (&what, &codes));
                }
            }
        }
        let pairs = || set.descriptors.iter().map(|it| (it.scale.as_str(), it.level.as_str()));
        self.unique(&format!("{at}.descriptors"), "", pairs());
        let described: BTreeSet<_> = pairs().collect();
        for scale in &all.scales {
            let is_described =
                |level: &&pb::Level| described.contains(&(scale.id.as_str(), level.code.as_str()));
            let lacking: Vec<_> = scale.levels.iter().filter(|it| !is_described(it)).collect();
            if lacking.len() < scale.levels.len() {
                for level in lacking {
                    let what = format!("lacks the level {:?} of {}", level.code, scale.id);
                    let next = "describe all levels of a scale, or none";
                    self.when(true, &format!("{at}.descriptors"), &what, next);
                }
            }
        }
    }

    fn area(&mut self, at: &str, it: &pb::Area, all: &pb::Framework, declared: &Declared<'_>) {
        let under = |field: &str| format!("{at}.{field}");
        self.reference(&under("section"), &it.section, ("section", &declared.sections));
        self.reference(&under("parent"), &it.parent, ("area", &declared.areas));
        let sets = ("descriptor set", &declared.sets);
        self.reference(&under("descriptor_set"), &it.descriptor_set, sets);
        self.known(&under("scales"), &it.scales, ("scale", &declared.scales));
        self.unique(&under("scales"), "", &it.scales);
        self.known(&under("visible_to"), &it.visible_to, ("audience", &declared.audiences));
        self.unique(&under("visible_to"), "", &it.visible_to);
        let unpaired = !is_emphasised_in_pairs(&it.label);
        let half = "emphasises without beginning or end";
        self.when(unpaired, &under("label"), half, "put `*` before and after what is emphasised");
        self.feeds(at, it, declared);
        let demanded = "is demanded of an area without a scale";
        let unjudgable = it.demanded && it.scales.is_empty();
        self.when(unjudgable, &under("demanded"), demanded, "give it a scale, or do not demand it");
        let next = "name an area that it is a part of, or none";
        self.when(is_within_itself(it, all), &under("parent"), "makes it part of itself", next);
        let scales: BTreeSet<&String> = it.scales.iter().collect();
        let own = all.scales.iter().filter(|scale| scales.contains(&scale.id));
        if scales.len() > 1 {
            // Within one scale this is told at the scale.
            let words = own.flat_map(|scale| {
                let words: BTreeSet<_> =
                    scale.levels.iter().flat_map(|level| &level.words).collect();
                words
            });
            self.unique_words(&under("scales"), words);
        }
    }

    /// A feed takes a grade to somebody: there must be a grade, and they must be let to see it.
    fn feeds(&mut self, at: &str, it: &pb::Area, declared: &Declared<'_>) {
        let nothing = !it.feeds.is_empty() && it.scales.is_empty();
        let scoreless = "takes scores from an area without a scale";
        self.when(nothing, &format!("{at}.feeds"), scoreless, "give it a scale, or no feed");
        for (index, feed) in it.feeds.iter().enumerate() {
            let at = format!("{at}.feeds[{index}].consumer");
            let consumer = &feed.consumer;
            self.reference(&at, consumer, ("audience", &declared.audiences));
            let hidden =
                declared.audiences.contains(consumer.as_str()) && !it.visible_to.contains(consumer);
            let what = format!("feeds {consumer:?}, to whom the area is not visible");
            self.when(hidden, &at, &what, "add it to `visible_to`, or take the feed away");
        }
    }

    fn uniqueness(&mut self, it: &pb::Framework) {
        self.unique("scales", ".id", it.scales.iter().map(|it| it.id.as_str()));
        self.unique("descriptor_sets", ".id", it.descriptor_sets.iter().map(|it| it.id.as_str()));
        self.unique("areas", ".id", it.areas.iter().map(|it| it.id.as_str()));
        let concepts = it.areas.iter().enumerate().filter(|(_, area)| !area.concept.is_empty());
        self.unique_at(concepts.map(|(at, area)| (format!("areas[{at}].concept"), &area.concept)));
        self.unique_at(it.areas.iter().enumerate().flat_map(|(area, it)| {
            let key = |to: &pb::Feed| (to.consumer.clone(), to.scheme.clone(), to.block.clone());
            let place = move |feed: usize| format!("areas[{area}].feeds[{feed}]");
            it.feeds.iter().enumerate().map(move |(number, feed)| (place(number), key(feed)))
        }));
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
        self.when(it.areas.is_empty(), "areas", "has no area", "state what is judged");
        let unsigned = "names nobody: an edition must be signed";
        self.when(it.signed_by.is_empty(), "signed_by", unsigned, "state who signs");
        let has = |code: &&str| it.reasons.iter().any(|reason| reason.code == **code);
        let missing: Vec<_> = REASONS.into_iter().filter(|code| !has(code)).collect();
        let lacking = format!("lacks {}", missing.join(", "));
        self.when(!missing.is_empty(), "reasons", &lacking, "add what every framework has");
        let itself = !it.name.is_empty() && it.comparable_with.contains(&it.name);
        self.when(itself, "comparable_with", "names the framework itself", "leave it out");
        let kinds = it.entry_kinds.iter().enumerate();
        for (index, _) in kinds.filter(|(_, rule)| rule.demanded > 0 && it.sections.is_empty()) {
            let what = "demands entries, for which there is no section";
            let next = "state a section, or demand none";
            self.when(true, &format!("entry_kinds[{index}].demanded"), what, next);
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

/// Whether each `*` that begins emphasis has one that ends it, with something between them.
fn is_emphasised_in_pairs(label: &str) -> bool {
    let parts: Vec<_> = label.split('*').collect();
    let mut emphasised = parts.iter().skip(1).step_by(2);
    parts.len() % 2 == 1 && emphasised.all(|part| !part.trim().is_empty())
}
