//! One assessment as its records make it: the fold, and nothing but the fold.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use imbl::OrdMap;
use jiff::{Timestamp, civil::Date};

use super::{
    About, Act, Amendment, AreaId, AssessmentId, AssessmentOpened, AssessmentPublished,
    AssessmentWithdrawn, Award, Bearing, Challenge, ChallengeId, ChallengeReceived, Challenged,
    CorrectedField, Correction, Cycle, Draft, Edition, EntryContent, EntryId, Event, Framework,
    FrameworkId, Hold, HoldId, HoldPlaced, Item, Kind, Lapsed, Milestone, OrganisationId, Period,
    PersonId, Phase, Point, Position, Raised, RecordCorrected, Recorder, Revision, SectionId,
    Standing, State, Withdrawal,
};

/// What stands in an assessment after some of its records. Copies are cheap: they share what
/// they have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// Which one.
    pub id: AssessmentId,
    /// The framework it is pinned to.
    pub framework: FrameworkId,
    /// Which round of that framework.
    pub cycle: Cycle,
    /// The times that are assessed.
    pub periods: Arc<[Period]>,
    /// Earlier assessments that it looks back on.
    pub earlier: Arc<[AssessmentId]>,
    /// How many records it has.
    pub revision: Revision,
    /// Its last record.
    pub last: Item,
    /// The record that opened it.
    pub opened: Item,
    /// The record that named the addressee, if any did.
    pub addressee: Option<Item>,
    /// The areas judged so far.
    pub judgements: OrdMap<AreaId, Arc<Judgement>>,
    /// What was written so far, struck entries included.
    pub entries: OrdMap<EntryId, Arc<Written>>,
    /// The working edition, from 1: the number advances only after a publication.
    pub edition: u32,
    /// What state the working edition is in. (Spec §4.1)
    pub phase: Phase,
    /// The editions published so far.
    pub published: Vec<Edition>,
    /// The signatures that count no more, in the order in which they lapsed.
    pub lapsed: Vec<Lapsed>,
    /// The holds, released ones included.
    pub holds: OrdMap<HoldId, Hold>,
    /// The challenges, decided ones included.
    pub challenges: OrdMap<ChallengeId, Challenge>,
    /// The drafts that were shared, in the order in which they were.
    pub drafts: Vec<Draft>,
    /// The corrections of each record that was corrected, by its position, oldest first.
    pub corrections: OrdMap<Position, Vec<Amendment>>,
    /// What it has passed, after which a change is suspicious.
    pub passed: BTreeSet<Milestone>,
}

/// The judgement of one area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Its last record.
    pub item: Item,
    /// What stands.
    pub standing: Standing,
    /// Whether words bend it; the words are found in the record.
    pub qualified: bool,
    /// Who decided it; nobody where the source of transcribed history does not say.
    pub deciders: Vec<PersonId>,
    /// From when it holds.
    pub effective_on: Date,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// Whether it is history entered later.
    pub transcribed: bool,
}

impl Judgement {
    fn put_right<T>(&mut self, correction: &Correction<T>) {
        match correction {
            Correction::DecidedBy(decider) => self.deciders = decider.persons().to_vec(),
            Correction::EffectiveOn(day) => self.effective_on = *day,
            Correction::DecidedOn(_) | Correction::Reason(_) | Correction::Transcription(_) => {}
        }
    }
}

/// One entry, without its words: they are found in the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Its last record.
    pub item: Item,
    /// What sort of writing it is.
    pub kind: Kind,
    /// Where it belongs.
    pub section: SectionId,
    /// The area it speaks of.
    pub area: Option<AreaId>,
    /// Its place among its kind.
    pub order: u32,
    /// Whether it was struck.
    pub struck: bool,
    /// The record that last corrected the text or figures of that record, if any did.
    pub corrected: Option<Item>,
}

/// A record as the fold sees it. Texts may be held in any way: the fold never reads them.
#[derive(Debug)]
pub struct Fact<'a, T> {
    /// The record: its place in the ledger, id and hash.
    pub item: Item,
    /// Its place in the stream.
    pub revision: Revision,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The day of recording in the ledger's time zone.
    pub recorded_on: Date,
    /// Who recorded it.
    pub recorded_by: &'a Recorder,
    /// Its circumstances.
    pub act: &'a Act<T>,
    /// What happened.
    pub event: &'a Event<T>,
}

impl<T> Fact<'_, T> {
    /// Who decided: as stated, else the recorder. History entered later never counts as the act of
    /// whoever entered it: where its source does not say who decided, nobody is known to have.
    /// (Spec §4.9)
    #[must_use]
    pub fn deciders(&self) -> Vec<PersonId> {
        match &self.act.decided_by {
            Some(decider) => decider.persons().to_vec(),
            None if self.act.origin.is_transcribed() => Vec::new(),
            None => vec![self.recorded_by.person],
        }
    }

    /// From when it holds: as stated, else the day of recording. (Spec §4.5)
    #[must_use]
    pub fn effective_on(&self) -> Date {
        self.act.effective_on.unwrap_or(self.recorded_on)
    }
}

impl Assessment {
    /// The assessment that `opened` begins.
    #[must_use]
    pub fn begin<T>(id: AssessmentId, fact: &Fact<'_, T>, opened: &AssessmentOpened<T>) -> Self {
        Self {
            id,
            framework: opened.framework.clone(),
            cycle: opened.cycle.clone(),
            periods: Arc::from(opened.periods.as_slice()),
            earlier: Arc::from(opened.earlier.as_slice()),
            revision: fact.revision,
            last: fact.item,
            opened: fact.item,
            addressee: opened.addressee.as_ref().map(|_| fact.item),
            judgements: OrdMap::new(),
            entries: OrdMap::new(),
            edition: 1,
            phase: Phase::Open,
            published: Vec::new(),
            lapsed: Vec::new(),
            holds: OrdMap::new(),
            challenges: OrdMap::new(),
            drafts: Vec::new(),
            corrections: OrdMap::new(),
            passed: BTreeSet::new(),
        }
    }

    /// What stands after one more record of the stream `id`; `None` while nothing was opened.
    #[must_use]
    pub fn after<T>(before: Option<Self>, id: &AssessmentId, fact: &Fact<'_, T>) -> Option<Self> {
        match (before, fact.event) {
            (Some(mut assessment), _) => {
                assessment.evolve(fact);
                Some(assessment)
            }
            (None, Event::AssessmentOpened(opened)) => Some(Self::begin(id.clone(), fact, opened)),
            (None, _) => None,
        }
    }

    /// This assessment after one more of its records. Refuses nothing.
    pub fn evolve<T>(&mut self, fact: &Fact<'_, T>) {
        self.revision = fact.revision;
        self.last = fact.item;
        if let Bearing::Passes(milestone) = fact.event.bearing() {
            self.passed.insert(milestone);
        }
        match fact.event {
            Event::AddresseeSet(_) => self.addressee = Some(fact.item),
            Event::GradeSet(event) => self.judge(fact, &event.area, &event.award),
            Event::EntryRecorded(event) => self.write(fact, &event.entry, Some(&event.content)),
            Event::EntryRevised(event) => self.write(fact, &event.entry, event.content.as_ref()),
            Event::AssessmentLocked(event) => {
                let signatures = BTreeMap::new();
                self.phase = Phase::Locked { digest: event.digest, signatures };
            }
            Event::SignedOff(event) => {
                if let Phase::Locked { signatures, .. } = &mut self.phase {
                    signatures.insert(event.organisation.clone(), fact.item);
                }
            }
            Event::AssessmentPublished(event) => self.publish(fact, event),
            Event::SignOffRefused(_) => self.open_again(fact.item),
            Event::AssessmentReopened(event) => {
                self.open_again(fact.item);
                self.edition = event.edition;
            }
            Event::AssessmentWithdrawn(event) => self.withdraw(fact, event),
            Event::HoldPlaced(event) => self.hold(fact.item, event),
            Event::HoldReleased(event) => {
                if let Some(hold) = self.holds.get_mut(&event.hold) {
                    hold.released = Some(fact.item);
                }
            }
            Event::ChallengeReceived(event) => self.receive(fact.item, event),
            Event::ChallengeDecided(event) => {
                let challenge = self.challenges.get_mut(&event.challenge);
                if let Some(point) = challenge.and_then(|it| it.point_mut(event.point)) {
                    point.decided = Some((fact.item, event.outcome));
                }
            }
            Event::DraftShared(event) => self.drafts.push(Draft {
                item: fact.item,
                position: event.position,
                audience: event.digest.audience.clone(),
            }),
            Event::RecordCorrected(event) => self.correct(fact.item, event),
            // These stand on other streams, or begin this one.
            Event::PersonRegistered(_)
            | Event::FrameworkRegistered(_)
            | Event::SubjectRegistered(_)
            | Event::SubjectRenamed(_)
            | Event::RedactionRequested(_)
            | Event::TextRedacted(_)
            | Event::RedactionRefused(_)
            | Event::RedactionCompleted(_)
            | Event::KeyRotated(_)
            | Event::AccessRecorded(_)
            | Event::AssessmentOpened(_) => {}
        }
    }

    fn publish<T>(&mut self, fact: &Fact<'_, T>, event: &AssessmentPublished) {
        let signatures = match std::mem::replace(&mut self.phase, Phase::Published) {
            Phase::Locked { signatures, .. } => signatures,
            Phase::Open | Phase::Published => BTreeMap::new(),
        };
        self.published.push(Edition {
            number: event.edition,
            item: fact.item,
            letter_date: event.letter_date,
            digest: event.digest,
            signatures,
            withdrawn: None,
        });
    }

    fn withdraw<T>(&mut self, fact: &Fact<'_, T>, event: &AssessmentWithdrawn) {
        let withdrawal = Withdrawal {
            item: fact.item,
            recorded_at: fact.recorded_at,
            recorded_by: fact.recorded_by.clone(),
            reason: fact.act.reason.clone(),
            fallback: event.fallback.clone(),
        };
        let mut editions = self.published.iter_mut();
        if let Some(edition) = editions.find(|it| it.number == event.edition) {
            edition.withdrawn = Some(withdrawal);
        }
    }

    fn hold(&mut self, placed: Item, event: &HoldPlaced) {
        let HoldPlaced { hold, kind, stops } = event.clone();
        self.holds.insert(hold, Hold { placed, kind, stops, released: None });
    }

    fn receive<T>(&mut self, item: Item, event: &ChallengeReceived<T>) {
        let raised = |point: &Point<T>| Raised {
            about: point.about.clone(),
            against: match &point.about {
                Challenged::Area(area) => self.last_of_area(area),
                Challenged::Entry(entry) => self.last_of_entry(entry),
            },
            decided: None,
        };
        let points = event.points.iter().map(raised).collect();
        let challenge = Challenge { item, kind: event.kind, due: event.due, points };
        self.challenges.insert(event.challenge.clone(), challenge);
    }

    /// Notes a correction, and puts right what stands by the corrected record.
    fn correct<T>(&mut self, item: Item, event: &RecordCorrected<T>) {
        let field = event.to.field();
        let amendment = Amendment { item, field };
        self.corrections.entry(event.record).or_default().push(amendment);
        match &event.about {
            About::Area(area) => {
                let judgement = self.judgements.get_mut(area);
                if let Some(judgement) = judgement.filter(|it| it.item.at == event.record) {
                    Arc::make_mut(judgement).put_right(&event.to);
                }
            }
            About::Entry(entry) if field == CorrectedField::Transcription => {
                let written = self.entries.get_mut(entry);
                if let Some(written) = written.filter(|it| it.item.at == event.record) {
                    Arc::make_mut(written).corrected = Some(item);
                }
            }
            About::Entry(_) | About::Neither => {}
        }
    }

    /// The working edition may change again: what was signed of it lapses.
    fn open_again(&mut self, by: Item) {
        match std::mem::replace(&mut self.phase, Phase::Open) {
            Phase::Locked { signatures, .. } => {
                let lapsed = |(organisation, item)| Lapsed { organisation, item, by };
                self.lapsed.extend(signatures.into_iter().map(lapsed));
            }
            Phase::Open | Phase::Published => {}
        }
    }

    fn judge<T>(&mut self, fact: &Fact<'_, T>, area: &AreaId, award: &Award<T>) {
        let judgement = Judgement {
            item: fact.item,
            standing: award.standing.clone(),
            qualified: award.qualifier.is_some(),
            deciders: fact.deciders(),
            effective_on: fact.effective_on(),
            recorded_at: fact.recorded_at,
            transcribed: fact.act.origin.is_transcribed(),
        };
        self.judgements.insert(area.clone(), Arc::new(judgement));
    }

    fn write<T>(&mut self, fact: &Fact<'_, T>, id: &EntryId, content: Option<&EntryContent<T>>) {
        let item = fact.item;
        match content {
            Some(content) => {
                let written = Written {
                    item,
                    kind: content.kind.kind(),
                    section: content.section.clone(),
                    area: content.area.clone(),
                    order: content.order,
                    struck: false,
                    corrected: None,
                };
                self.entries.insert(id.clone(), Arc::new(written));
            }
            None => {
                if let Some(written) = self.entries.get_mut(id) {
                    let written = Arc::make_mut(written);
                    (written.item, written.struck, written.corrected) = (item, true, None);
                }
            }
        }
    }

    /// The last record of an area, if it has any.
    #[must_use]
    pub fn last_of_area(&self, area: &AreaId) -> Option<Item> {
        self.judgements.get(area).map(|judgement| judgement.item)
    }

    /// The last record of an entry, if it has any.
    #[must_use]
    pub fn last_of_entry(&self, entry: &EntryId) -> Option<Item> {
        self.entries.get(entry).map(|written| written.item)
    }

    /// The signatures under the edition that stands: the working one, or once it is out, the one
    /// published last.
    pub fn signatures(&self) -> impl Iterator<Item = (&OrganisationId, &Item)> {
        let signed = match &self.phase {
            Phase::Open => None,
            Phase::Locked { signatures, .. } => Some(signatures),
            Phase::Published => self.published.last().map(|edition| &edition.signatures),
        };
        signed.into_iter().flatten()
    }

    /// The last correction of a field of the record at a position, if there is any.
    #[must_use]
    pub fn last_correction(&self, record: Position, field: CorrectedField) -> Option<Item> {
        let all = self.corrections.get(&record)?;
        all.iter().rev().find(|it| it.field == field).map(|it| it.item)
    }

    /// The record by which the signature recorded at a position lapsed, if it did.
    #[must_use]
    pub fn lapsed_by(&self, signed_at: Position) -> Option<Item> {
        self.lapsed.iter().find(|it| it.item.at == signed_at).map(|it| it.by)
    }

    /// The state of the working edition: signed once all have signed who must. (Spec §4.1)
    #[must_use]
    pub fn state(&self, framework: &Framework) -> State {
        match &self.phase {
            Phase::Open => State::Open,
            Phase::Locked { signatures, .. } => {
                let signed = |signer| signatures.contains_key(signer);
                if framework.signed_by.iter().all(signed) { State::Signed } else { State::Locked }
            }
            Phase::Published if self.in_force().is_none() => State::Withdrawn,
            Phase::Published => State::Published,
        }
    }

    /// The edition that is in force: the one published last, unless it was withdrawn. A superseded
    /// one never returns by itself. (Spec §4)
    #[must_use]
    pub fn in_force(&self) -> Option<&Edition> {
        self.published.last().filter(|edition| edition.withdrawn.is_none())
    }

    /// The entries in force in the order of the letter: by section and kind as the framework has
    /// them, then by their own order and id. (Spec §4.8)
    #[must_use]
    pub fn entries_in_letter_order(&self, framework: &Framework) -> Vec<(&EntryId, &Written)> {
        let entries = self.entries.iter().map(|(id, written)| (id, written.as_ref()));
        let mut in_force: Vec<_> = entries.filter(|(_, written)| !written.struck).collect();
        in_force.sort_by_cached_key(|(id, written)| {
            let sections = &framework.sections;
            let section = sections.iter().position(|section| section.id == written.section);
            let kind = framework.entry_kinds.iter().position(|rule| rule.kind == written.kind);
            (section, kind, written.order, *id)
        });
        in_force
    }

    /// Whether an entry exists and is not struck.
    #[must_use]
    pub fn has_entry(&self, entry: &EntryId) -> bool {
        self.entries.get(entry).is_some_and(|written| !written.struck)
    }
}
