//! From the document's strings to ids, collecting what is none instead of stopping at it.

use std::collections::BTreeSet;

use super::Fault;
use crate::{
    judgement::{
        Area, AreaId, AudienceId, BadId, Concept, Descriptor, DescriptorSet, DescriptorSetId,
        EntryKindRule, Framework, FrameworkId, Label, Level, LevelCode, NonGrade, OrganisationId,
        Reason, ReasonCode, Scale, ScaleId, ScaleKind, Section, SectionId, SelfModeration,
    },
    pb,
    record::Numbered,
};

/// The framework, as far as its strings are ids, and a fault for each that is none.
pub(super) fn framework(message: &pb::Framework) -> (Option<Framework>, Vec<Fault>) {
    let mut reader = Reader { faults: Vec::new() };
    let framework = reader.framework(message);
    (framework, reader.faults)
}

const MISSING: &str = "is missing";
const UNKNOWN: &str = "is not stated or not known";
const STATE_VALUE: &str = "state one of the values that `judgement-ledger framework schema` lists";

struct Reader {
    faults: Vec<Fault>,
}

type Parse<T> = fn(&str) -> Result<T, BadId>;

impl Reader {
    fn framework(&mut self, it: &pb::Framework) -> Option<Framework> {
        let id = self.id("name", &it.name, FrameworkId::parse);
        let title = self.id("title", &it.title, Label::parse);
        let scales = self.each("scales", &it.scales, Self::scale);
        let descriptor_sets = self.each("descriptor_sets", &it.descriptor_sets, Self::set);
        let areas = self.each("areas", &it.areas, Self::area);
        let sections = self.each("sections", &it.sections, Self::section);
        let values = &it.non_grades;
        let non_grades: Vec<NonGrade> =
            self.each("non_grades", values, |reader, at, value| reader.value(at, *value));
        let kinds = &it.entry_kinds;
        let entry_kinds =
            self.each("entry_kinds", kinds, |reader, at, rule| reader.entry_kind(at, *rule));
        let reasons = self.each("reasons", &it.reasons, Self::reason);
        let signed_by = self.ids("signed_by", &it.signed_by, OrganisationId::parse);
        let audiences = self.ids("audiences", &it.audiences, AudienceId::parse);
        let letter_to = self.ids("letter_to", &it.letter_to, AudienceId::parse);
        let comparable_with = self.ids("comparable_with", &it.comparable_with, FrameworkId::parse);
        let self_moderation = if it.self_moderation_allowed {
            SelfModeration::Allowed
        } else {
            SelfModeration::Forbidden
        };
        Some(Framework {
            id: id?,
            title: title?,
            areas,
            sections,
            scales,
            descriptor_sets,
            non_grades: non_grades.into_iter().collect(),
            entry_kinds,
            reasons,
            signed_by: signed_by.into_iter().collect(),
            self_moderation,
            audiences,
            letter_to: letter_to.into_iter().collect(),
            comparable_with: comparable_with.into_iter().collect(),
        })
    }

    fn scale(&mut self, at: &str, it: &pb::Scale) -> Option<Scale> {
        let id = self.id(&format!("{at}.id"), &it.id, ScaleId::parse);
        let kind = match pb::scale::Kind::try_from(it.kind) {
            Ok(pb::scale::Kind::Ordered) => Some(ScaleKind::Ordered),
            Ok(pb::scale::Kind::Binary) => Some(ScaleKind::Binary),
            Ok(pb::scale::Kind::Nominal) => Some(ScaleKind::Nominal),
            Ok(pb::scale::Kind::Unspecified) | Err(_) => {
                self.fault(&format!("{at}.kind"), UNKNOWN, STATE_VALUE)
            }
        };
        let levels = self.each(&format!("{at}.levels"), &it.levels, Self::level);
        let ranks_with: BTreeSet<_> = self
            .ids(&format!("{at}.ranks_with"), &it.ranks_with, ScaleId::parse)
            .into_iter()
            .collect();
        Some(Scale { id: id?, kind: kind?, levels, ranks_with })
    }

    fn level(&mut self, at: &str, it: &pb::Level) -> Option<Level> {
        let code = self.id(&format!("{at}.code"), &it.code, LevelCode::parse);
        let words = self.ids(&format!("{at}.words"), &it.words, Label::parse);
        Some(Level { code: code?, rank: it.rank, words })
    }

    fn set(&mut self, at: &str, it: &pb::DescriptorSet) -> Option<DescriptorSet> {
        let id = self.id(&format!("{at}.id"), &it.id, DescriptorSetId::parse);
        let at = format!("{at}.descriptors");
        let descriptors = self.each(&at, &it.descriptors, Self::descriptor);
        Some(DescriptorSet { id: id?, heading: it.heading.clone(), descriptors })
    }

    fn descriptor(&mut self, at: &str, it: &pb::Descriptor) -> Option<Descriptor> {
        let scale = self.id(&format!("{at}.scale"), &it.scale, ScaleId::parse);
        let level = self.id(&format!("{at}.level"), &it.level, LevelCode::parse);
        let text = self.words(&format!("{at}.text"), &it.text);
        Some(Descriptor { scale: scale?, level: level?, text: text? })
    }

    fn area(&mut self, at: &str, it: &pb::Area) -> Option<Area> {
        let under = |field: &str| format!("{at}.{field}");
        let id = self.id(&under("id"), &it.id, AreaId::parse);
        let label = self.words(&under("label"), &it.label);
        let section = self.optional(&under("section"), &it.section, SectionId::parse);
        let parent = self.optional(&under("parent"), &it.parent, AreaId::parse);
        let scales = self.ids(&under("scales"), &it.scales, ScaleId::parse);
        let set = &it.descriptor_set;
        let descriptor_set = self.optional(&under("descriptor_set"), set, DescriptorSetId::parse);
        let concept = self.optional(&under("concept"), &it.concept, Concept::parse);
        let visible_to = self.ids(&under("visible_to"), &it.visible_to, AudienceId::parse);
        self.each(&under("feeds"), &it.feeds, Self::feed);
        Some(Area {
            id: id?,
            label: label?,
            section,
            parent,
            scales,
            descriptor_set,
            concept,
            demanded: it.demanded,
            visible_to: visible_to.into_iter().collect(),
        })
    }

    /// Feeds are read from the document where they are served; here they are only checked, as the
    /// letter's layout is beside this.
    fn feed(&mut self, at: &str, it: &pb::Feed) -> Option<()> {
        self.id(&format!("{at}.consumer"), &it.consumer, AudienceId::parse);
        self.words(&format!("{at}.scheme"), &it.scheme).map(drop)
    }

    fn section(&mut self, at: &str, it: &pb::Section) -> Option<Section> {
        let id = self.id(&format!("{at}.id"), &it.id, SectionId::parse)?;
        Some(Section { id, heading: it.heading.clone() })
    }

    fn entry_kind(&mut self, at: &str, it: pb::EntryKindRule) -> Option<EntryKindRule> {
        let kind = self.value(&format!("{at}.kind"), it.kind)?;
        Some(EntryKindRule { kind, demanded: it.demanded })
    }

    fn reason(&mut self, at: &str, it: &pb::Reason) -> Option<Reason> {
        let code = self.id(&format!("{at}.code"), &it.code, ReasonCode::parse)?;
        Some(Reason { code, moderation: it.moderation })
    }

    fn value<N: Numbered>(&mut self, at: &str, number: i32) -> Option<N> {
        let value = N::numbered(number);
        if value.is_none() { self.fault(at, UNKNOWN, STATE_VALUE) } else { value }
    }

    fn id<T>(&mut self, at: &str, given: &str, parse: Parse<T>) -> Option<T> {
        match parse(given) {
            Ok(id) => Some(id),
            Err(_) if given.is_empty() => self.fault(at, MISSING, "state it"),
            Err(bad) => self.fault(at, &bad.to_string(), "write it as it must be written"),
        }
    }

    fn optional<T>(&mut self, at: &str, given: &str, parse: Parse<T>) -> Option<T> {
        if given.is_empty() { None } else { self.id(at, given, parse) }
    }

    fn ids<T>(&mut self, at: &str, given: &[String], parse: Parse<T>) -> Vec<T> {
        self.each(at, given, |reader, path, id| reader.id(path, id, parse))
    }

    fn words(&mut self, at: &str, given: &str) -> Option<String> {
        if given.is_empty() { self.fault(at, MISSING, "state it") } else { Some(given.to_owned()) }
    }

    fn each<M, T>(
        &mut self,
        at: &str,
        messages: &[M],
        read: impl Fn(&mut Self, &str, &M) -> Option<T>,
    ) -> Vec<T> {
        let numbered = messages.iter().enumerate();
        numbered.filter_map(|(index, it)| read(self, &format!("{at}[{index}]"), it)).collect()
    }

    fn fault<T>(&mut self, path: &str, what: &str, next: &str) -> Option<T> {
        self.faults.push(Fault::new(path, what, next));
        None
    }
}
