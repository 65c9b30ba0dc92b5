//! A framework: what may be graded, on which scales, by whom signed, for whom to see. Data, not
//! code. (Spec §3)

use std::collections::BTreeSet;

use super::{
    AreaId, AudienceId, Concept, DescriptorSetId, FrameworkId, Kind, Label, LevelCode, NonGrade,
    OrganisationId, ReasonCode, ScaleId, SectionId, Written,
};

/// An immutable, versioned description of how a body is judged, checked once when it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Framework {
    /// Family and version.
    pub id: FrameworkId,
    /// What the framework is called.
    pub title: Label,
    /// The areas for judgement, in the letter's order.
    pub areas: Vec<Area>,
    /// The sections of the letter, in order; every area that is written about has one.
    pub sections: Vec<Section>,
    /// The scales.
    pub scales: Vec<Scale>,
    /// What levels are called, per set.
    pub descriptor_sets: Vec<DescriptorSet>,
    /// The values that are no grade and may be given.
    pub non_grades: BTreeSet<NonGrade>,
    /// The kinds of entries that may be recorded, in the letter's order.
    pub entry_kinds: Vec<EntryKindRule>,
    /// The reasons that may be given.
    pub reasons: Vec<Reason>,
    /// Every organisation that must sign.
    pub signed_by: BTreeSet<OrganisationId>,
    /// Whether the last decider of a grade may moderate it.
    pub self_moderation: SelfModeration,
    /// The audiences that editions are digested for.
    pub audiences: Vec<AudienceId>,
    /// Those of them that get the whole letter; the others see grades alone.
    pub letter_to: BTreeSet<AudienceId>,
    /// Other frameworks whose areas may be compared with this one's by concept.
    pub comparable_with: BTreeSet<FrameworkId>,
}

/// What is graded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Its id.
    pub id: AreaId,
    /// Its label, with `*` around what the letter emphasises.
    pub label: String,
    /// The section in which it is written about.
    pub section: Option<SectionId>,
    /// The area of which it is a part.
    pub parent: Option<AreaId>,
    /// The scales on which it may be given a level; none: it takes no grade.
    pub scales: Vec<ScaleId>,
    /// How its levels are described.
    pub descriptor_set: Option<DescriptorSetId>,
    /// What it has in common with areas of other frameworks.
    pub concept: Option<Concept>,
    /// Whether an edition may be locked without a judgement of it.
    pub demanded: bool,
    /// Who sees it once it is published, beside the organisations that judge.
    pub visible_to: BTreeSet<AudienceId>,
}

/// Where writing belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its id.
    pub id: SectionId,
    /// Its heading in the letter.
    pub heading: String,
}

/// An ordered, binary or nominal list of levels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scale {
    /// Its id.
    pub id: ScaleId,
    /// How its levels relate.
    pub kind: ScaleKind,
    /// Its levels.
    pub levels: Vec<Level>,
    /// Scales whose ranks mean the same, so that a change between them has a direction.
    pub ranks_with: BTreeSet<ScaleId>,
}

/// How levels relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScaleKind {
    /// A higher rank is better.
    Ordered,
    /// Met or not met; the higher rank is "met".
    Binary,
    /// Levels differ, none is better.
    Nominal,
}

/// One level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// How it is written.
    pub code: LevelCode,
    /// How good it is: higher is better, whatever the code says. (Spec §3.3)
    pub rank: i32,
    /// The words in which it is awarded: then its code is not accepted, since an award in words
    /// keeps the word as stated (Spec §3.4). None: only its code is accepted.
    pub words: Vec<Label>,
}

/// What the levels of a scale are called in one column of the letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescriptorSet {
    /// Its id.
    pub id: DescriptorSetId,
    /// The heading of the column.
    pub heading: String,
    /// A description per level.
    pub descriptors: Vec<Descriptor>,
}

/// What one level is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Descriptor {
    /// The scale.
    pub scale: ScaleId,
    /// The level.
    pub level: LevelCode,
    /// What it is called.
    pub text: String,
}

/// A kind of entry that may be recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryKindRule {
    /// The kind.
    pub kind: Kind,
    /// How many an edition needs at least before it can be locked.
    pub demanded: u32,
}

/// A reason that may be given for a grade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Its code.
    pub code: ReasonCode,
    /// Whether it is one of moderation: then a moderator gives it, not an inspector.
    pub moderation: bool,
}

/// Whether a decider may moderate their own grade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfModeration {
    /// Yes.
    Allowed,
    /// No: somebody else must.
    Forbidden,
}

impl Framework {
    /// The area of this id.
    #[must_use]
    pub fn area(&self, id: &AreaId) -> Option<&Area> {
        self.areas.iter().find(|area| area.id == *id)
    }

    /// The section of this id.
    #[must_use]
    pub fn section(&self, id: &SectionId) -> Option<&Section> {
        self.sections.iter().find(|section| section.id == *id)
    }

    /// The scale of this id.
    #[must_use]
    pub fn scale(&self, id: &ScaleId) -> Option<&Scale> {
        self.scales.iter().find(|scale| scale.id == *id)
    }

    /// The reason of this code.
    #[must_use]
    pub fn reason(&self, code: &ReasonCode) -> Option<&Reason> {
        self.reasons.iter().find(|reason| reason.code == *code)
    }

    /// Whether an entry may be shown where only some areas are: it speaks of one that is, or of
    /// none in particular.
    #[must_use]
    pub fn shows(&self, written: &Written, shown: impl Fn(&Area) -> bool) -> bool {
        written.area.as_ref().is_none_or(|area| self.area(area).is_some_and(shown))
    }

    /// The rule for entries of this kind; `None` if they may not be recorded.
    #[must_use]
    pub fn entry_kind(&self, kind: Kind) -> Option<EntryKindRule> {
        self.entry_kinds.iter().copied().find(|rule| rule.kind == kind)
    }

    /// The scales that an area accepts, in its order.
    pub fn scales_of<'a>(&'a self, area: &'a Area) -> impl Iterator<Item = &'a Scale> {
        area.scales.iter().filter_map(|id| self.scale(id))
    }

    /// What a level is called for an area, if the framework says.
    #[must_use]
    pub fn descriptor(&self, area: &AreaId, scale: &ScaleId, level: &LevelCode) -> Option<&str> {
        let set = self.area(area)?.descriptor_set.as_ref()?;
        self.descriptor_sets
            .iter()
            .find(|candidate| candidate.id == *set)?
            .descriptors
            .iter()
            .find(|descriptor| descriptor.scale == *scale && descriptor.level == *level)
            .map(|descriptor| descriptor.text.as_str())
    }
}

impl Scale {
    /// The level of this code.
    #[must_use]
    pub fn level(&self, code: &LevelCode) -> Option<&Level> {
        self.levels.iter().find(|level| level.code == *code)
    }

    /// The level that accepts this word.
    #[must_use]
    pub fn level_worded(&self, word: &Label) -> Option<&Level> {
        self.levels.iter().find(|level| level.words.contains(word))
    }

    /// Whether a move from a level of this scale to one of `other` has a direction.
    #[must_use]
    pub fn ranks_against(&self, other: &Self) -> bool {
        let ordered = self.kind != ScaleKind::Nominal && other.kind != ScaleKind::Nominal;
        let alike = self.id == other.id
            || self.ranks_with.contains(&other.id)
            || other.ranks_with.contains(&self.id);
        ordered && alike
    }
}
