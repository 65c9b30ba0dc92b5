//! Random records, the model of what the views must answer about them, and a codec that needs no
//! format.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use imbl::OrdMap;
use jiff::{Timestamp, civil::Date};
use uuid::Uuid;

use super::super::{
    Applied, Direction, Page, Range, Search, SnapshotCodec, Term, Topic, Topics, Views, ViewsError,
    terms_of,
};
use crate::{
    judgement::{
        Act, AreaId, Assessment, AssessmentId, AssessmentOpened, Award, Basis, ChangeKind, Concept,
        Cycle, Decider, Deciding, EntryContent, EntryId, EntryKind, EntryRecorded, EntryRevised,
        Event, FrameworkId, GradeSet, Label, LevelCode, Milestone, NonGrade, OrganisationId,
        Origin, Panel, PersonId, Position, ReasonCode, RecordId, Recorder, RequestId, Revision,
        Role, ScaleId, SectionId, Standing, StreamId, SubjectId, SubjectRegistered,
    },
    merkle::{Hash, root_of},
    record::{Commitment, Opening, Record},
};

/// `SplitMix64`: a seed printed is a run repeated.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound.max(1)).unwrap();
        usize::try_from(self.next().checked_rem(bound).unwrap()).unwrap()
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    fn hash(&mut self) -> Hash {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.next().to_be_bytes());
        }
        Hash::new(bytes)
    }

    fn uuid(&mut self) -> Uuid {
        Uuid::from_u64_pair(self.next(), self.next())
    }
}

/// Snapshots are kept here, those of all worlds; their bytes only say which. The hash of the last
/// record names them, and it is random.
static SNAPSHOTS: Mutex<Option<HashMap<Vec<u8>, Assessment>>> = Mutex::new(None);

pub(super) fn codec() -> SnapshotCodec {
    SnapshotCodec { encode, decode }
}

fn encode(assessment: &Assessment) -> Vec<u8> {
    let name = assessment.last.hash.as_bytes().to_vec();
    // Of different sizes, as real ones are.
    let padding = usize::from(name[0]).saturating_mul(8);
    let mut snapshots = SNAPSHOTS.lock().unwrap();
    snapshots.get_or_insert_default().insert(name.clone(), assessment.clone());
    [name, vec![7; padding]].concat()
}

fn decode(bytes: &[u8]) -> Option<Assessment> {
    SNAPSHOTS.lock().unwrap().as_ref()?.get(bytes.get(..32)?).cloned()
}

/// How many different things there are in a world.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// So many are worked on at a time.
    pub(super) assessments: usize,
    /// After so many records, the oldest of them gives way to a new one.
    pub(super) records_each: usize,
    pub(super) areas: usize,
    pub(super) entries: usize,
    pub(super) persons: usize,
}

/// Records as a ledger would have made them, as far as the views can tell.
#[derive(Debug)]
pub(super) struct World {
    pub(super) records: Vec<Applied>,
    random: Random,
    size: Size,
    persons: Vec<PersonId>,
    states: HashMap<AssessmentId, Arc<Assessment>>,
    /// The model: every term met so far, and the positions that carry it.
    index: HashMap<Term, Vec<Position>>,
}

pub(super) fn name(of: &str, number: usize) -> String {
    format!("{of}-{number}")
}

impl World {
    pub(super) fn new(seed: u64, size: Size) -> Self {
        // The size is part of the seed: snapshots are named by hashes, and worlds of two sizes
        // have different ones.
        let Size { assessments, records_each, areas, entries, persons } = size;
        let mixed = [assessments, records_each, areas, entries, persons];
        let mut random = mixed.into_iter().fold(Random::new(seed), |mut random, number| {
            Random::new(random.next() ^ u64::try_from(number).unwrap())
        });
        let persons = (0..size.persons).map(|_| PersonId::new(random.uuid())).collect();
        Self {
            records: Vec::new(),
            random,
            size,
            persons,
            states: HashMap::new(),
            index: HashMap::new(),
        }
    }

    /// A world in which everything is often met again.
    pub(super) fn small(seed: u64, records: usize) -> Self {
        let mut world = Self::new(
            seed,
            Size { assessments: 6, records_each: 500, areas: 5, entries: 8, persons: 4 },
        );
        world.grow(records);
        world
    }

    /// Adds records.
    pub(super) fn grow(&mut self, count: usize) {
        for _ in 0..count {
            let gone = self.records.len() / self.size.records_each;
            let number = gone + self.random.below(self.size.assessments);
            if self.random.below(50) == 0 {
                self.register(number);
            } else {
                self.assess(number);
            }
        }
    }

    fn register(&mut self, number: usize) {
        let subject = SubjectId::parse(&name("city", number)).unwrap();
        let label = Label::parse("A city").unwrap();
        let stream = StreamId::Subject(subject.clone());
        let event = SubjectRegistered { subject, name: label.clone(), kind: label };
        self.push(stream, Event::SubjectRegistered(event), Vec::new());
    }

    fn assess(&mut self, number: usize) {
        let subject = SubjectId::parse(&name("city", number / 3)).unwrap();
        let id = AssessmentId::new(subject, &name("apa", number)).unwrap();
        let (event, topics) = if self.states.contains_key(&id) {
            self.event()
        } else {
            let opened = AssessmentOpened {
                framework: FrameworkId::new("apa", "2006").unwrap(),
                cycle: Cycle::parse("2006").unwrap(),
                periods: Vec::new(),
                addressee: None,
                earlier: Vec::new(),
            };
            (Event::AssessmentOpened(opened), Vec::new())
        };
        self.push(StreamId::Assessment(id), event, topics);
    }

    /// Some area. Two of them share a concept, so that a record may have it twice.
    fn topic(&mut self) -> Topic {
        let area = self.random.below(self.size.areas);
        let concept = (area < 4).then(|| Concept::parse(&name("ecm", area / 2)).unwrap());
        Topic { area: AreaId::parse(&name("area", area)).unwrap(), concept }
    }

    fn event(&mut self) -> (Event<Commitment>, Vec<Topic>) {
        let topic = self.topic();
        let area = topic.area.clone();
        let entry = EntryId::parse(&name("ev", self.random.below(self.size.entries))).unwrap();
        match self.random.below(4) {
            0 | 1 => {
                let award = Award { standing: self.standing(), qualifier: None };
                let before = (self.random.below(3) > 0).then(|| self.standing());
                let change = self.random.one(&[
                    ChangeKind::Awarded,
                    ChangeKind::Raised,
                    ChangeKind::Lowered,
                    ChangeKind::Reaffirmed,
                    ChangeKind::Vacated,
                ]);
                (Event::GradeSet(GradeSet { area, award, change, before }), vec![topic])
            }
            2 => {
                let content = content(Some(area));
                (Event::EntryRecorded(EntryRecorded { entry, content }), vec![topic])
            }
            _ => {
                let content = (self.random.below(2) == 0).then(|| content(None));
                // The area that it speaks of, and the one that it spoke of before.
                let topics = [topic, self.topic()].into_iter().take(self.random.below(3));
                (Event::EntryRevised(EntryRevised { entry, content }), topics.collect())
            }
        }
    }

    fn standing(&mut self) -> Standing {
        match self.random.below(3) {
            0 => Standing::NotGraded(NonGrade::NotJudged),
            number => Standing::Level {
                scale: ScaleId::parse("grade").unwrap(),
                level: LevelCode::parse(&number.to_string()).unwrap(),
                word: (self.random.below(2) == 0).then(|| Label::parse("good").unwrap()),
            },
        }
    }

    fn push(&mut self, stream: StreamId, event: Event<Commitment>, areas: Vec<Topic>) {
        let framework = match &stream {
            StreamId::Assessment(_) => Some(FrameworkId::new("apa", "2006").unwrap()),
            StreamId::Subject(_) | StreamId::Framework(_) | StreamId::Ledger => None,
        };
        let passed = [Milestone::DraftShared, Milestone::Signed];
        let passed = passed.into_iter().take(self.random.below(3)).collect();
        let topics = Topics { areas, framework, passed };
        let position = position(self.records.len()).next();
        let random = &mut self.random;
        let organisation = OrganisationId::parse(&name("body", random.below(3))).unwrap();
        let recorded_by =
            Recorder { person: random.one(&self.persons), role: Role::Inspector, organisation };
        let record = Record {
            stream,
            position,
            revision: Revision::new(1),
            id: RecordId::new(random.uuid()),
            recorded_at: Timestamp::UNIX_EPOCH,
            clock: None,
            recorded_on: day(random),
            recorded_by,
            previous: None,
            act: act(random, &self.persons),
            event,
        };
        let hash = random.hash();
        let assessment = self.evolve(&record, hash);
        for term in terms_of(&record, &topics) {
            let positions = self.index.entry(term).or_default();
            assert_ne!(positions.last(), Some(&position), "a term twice in one record");
            positions.push(position);
        }
        self.records.push(Applied { record: Arc::new(record), hash, topics, assessment });
    }

    fn evolve(&mut self, record: &Record, hash: Hash) -> Option<Arc<Assessment>> {
        let StreamId::Assessment(id) = &record.stream else { return None };
        let fact = record.fact(hash);
        let state = match (&record.event, self.states.get(id)) {
            (Event::AssessmentOpened(opened), _) => Assessment::begin(id.clone(), &fact, opened),
            (_, Some(before)) => {
                let mut state = Assessment::clone(before);
                state.evolve(&fact);
                state
            }
            (event, None) => panic!("{} on nothing", event.name()),
        };
        let state = Arc::new(state);
        self.states.insert(id.clone(), Arc::clone(&state));
        Some(state)
    }

    /// All terms of the first `count` records, and some that none carries.
    pub(super) fn terms(&self, count: usize) -> Vec<Term> {
        let none = [Term::Event("Nothing"), Term::Subject(SubjectId::parse("c").unwrap())];
        let met = |(_, positions): &(_, &Vec<Position>)| positions[0] <= position(count);
        let met = self.index.iter().filter(met).map(|(term, _)| term.clone());
        let mut terms: Vec<Term> = none.into_iter().chain(met).collect();
        terms.sort_by_key(Term::key);
        terms
    }

    /// The positions among the first `count` that carry a term of each clause and lie in the range.
    pub(super) fn find(
        &self,
        count: usize,
        clauses: &[Vec<Term>],
        range: Range,
        towards: Direction,
    ) -> Vec<Position> {
        let carry = |term| self.index.get(term).map(Vec::as_slice).unwrap_or_default();
        let mut found: Vec<Position> = (1..=count).map(position).collect();
        for clause in clauses {
            let any = |at: &Position| clause.iter().any(|it| carry(it).binary_search(at).is_ok());
            found.retain(any);
        }
        found.retain(|position| range.after < *position && *position < range.before);
        if towards == Direction::Backwards {
            found.reverse();
        }
        found
    }

    /// Whether the views answer as the model does after the first `count` records; which they
    /// must, unless they answer that they are broken.
    pub(super) fn agrees(
        &self,
        views: &Views,
        count: usize,
        random: &mut Random,
    ) -> Result<(), ViewsError> {
        let terms = self.terms(count);
        for term in &terms {
            for towards in [Direction::Forwards, Direction::Backwards] {
                let found =
                    views.postings(term, Range::ALL, towards).collect::<Result<Vec<_>, _>>();
                let model = self.find(count, &[vec![term.clone()]], Range::ALL, towards);
                assert_eq!(found?, model, "{term:?} {towards:?}");
            }
        }
        for _ in 0..40 {
            self.searches_agree(views, count, &terms, random)?;
        }
        self.tree_agrees(views, count)?;
        self.assessments_agree(views, count)
    }

    fn tree_agrees(&self, views: &Views, count: usize) -> Result<(), ViewsError> {
        let leaves: Vec<_> = self.records[..count].iter().map(|it| it.hash).collect();
        assert_eq!(views.tree().root(), root_of(&leaves));
        let roots: Vec<_> = leaves.chunks_exact(256).map(root_of).collect();
        let full = u64::try_from(roots.len()).unwrap();
        for from in 0..=roots.len() {
            let indices = u64::try_from(from).unwrap()..full;
            assert_eq!(views.tile_roots(0, indices)?.unwrap(), roots[from..]);
        }
        assert_eq!(views.tile_roots(0, 0..full.saturating_add(1))?, None);
        assert_eq!(views.tile_roots(1, 0..1)?, None);
        Ok(())
    }

    fn searches_agree(
        &self,
        views: &Views,
        count: usize,
        terms: &[Term],
        random: &mut Random,
    ) -> Result<(), ViewsError> {
        let towards = random.one(&[Direction::Forwards, Direction::Backwards]);
        // Some clauses of one term, some of several, now and then one of none.
        let clause = |random: &mut Random| {
            let kinds = if random.below(8) == 0 { 5 } else { 4 };
            let count = [1, 1, 2, 5, 0][random.below(kinds)];
            (0..count).map(|_| random.one(terms)).collect()
        };
        let wanted: Vec<Vec<Term>> = (0..random.below(4)).map(|_| clause(random)).collect();
        let range = match random.below(2) {
            0 => Range::ALL,
            _ => Range {
                after: position(random.below(count)),
                before: position(random.below(count.saturating_mul(2))),
            },
        };
        let model = self.find(count, &wanted, range, towards);
        let (limit, steps_max) = (random.below(9), random.below(60));
        let mut found = Vec::new();
        let mut rest = range;
        for _ in 0..=count.saturating_mul(2) {
            let search = Search { clauses: &wanted, range: rest, towards, limit, steps_max };
            let Page { positions, next } = views.search(&search)?;
            assert!(positions.len() <= limit.max(1));
            found.extend(positions);
            match (next, towards) {
                (None, _) => {
                    assert_eq!(found, model, "{wanted:?} {range:?} {towards:?}");
                    return Ok(());
                }
                (Some(next), Direction::Forwards) => rest.after = next,
                (Some(next), Direction::Backwards) => rest.before = next,
            }
        }
        panic!("the pages have no end: {wanted:?} {range:?} {towards:?}");
    }

    fn assessments_agree(&self, views: &Views, count: usize) -> Result<(), ViewsError> {
        let mut states: OrdMap<AssessmentId, Option<Arc<Assessment>>> =
            self.states.keys().map(|id| (id.clone(), None)).collect();
        for applied in &self.records[..count] {
            if let Some(state) = &applied.assessment {
                states.insert(state.id.clone(), Some(Arc::clone(state)));
            }
        }
        for (id, state) in states {
            assert_eq!(views.assessment(&id)?, state, "{id}");
            // Once more, from the cache.
            assert_eq!(views.assessment(&id)?, state, "{id}");
        }
        Ok(())
    }
}

fn position(number: usize) -> Position {
    Position::new(u64::try_from(number).unwrap())
}

fn content(area: Option<AreaId>) -> EntryContent<Commitment> {
    EntryContent {
        kind: EntryKind::Narrative,
        section: SectionId::parse("summary").unwrap(),
        area,
        order: 1,
        text: None,
        quote: None,
        figures: Vec::new(),
        paragraph: None,
        source: None,
        relates_to: Vec::new(),
    }
}

fn day(random: &mut Random) -> Date {
    let month = i8::try_from(random.below(12)).unwrap();
    Date::new(2006, month.saturating_add(1), 1).unwrap()
}

fn act(random: &mut Random, persons: &[PersonId]) -> Act<Commitment> {
    let organisation = OrganisationId::parse(&name("body", random.below(3))).unwrap();
    let who = match random.below(4) {
        0 => None,
        1 => {
            let text = crate::judgement::Text::parse("The panel").unwrap();
            let panel = Commitment::to(&Opening::new([1; 32]), Uuid::nil(), "panel", &text);
            let members = (0..random.below(4)).map(|_| random.one(persons)).collect();
            Some(Deciding::Panel(Panel { name: panel, members, meeting: None, minutes: None }))
        }
        _ => Some(Deciding::Person(random.one(persons))),
    };
    let bases = [
        None,
        Some(Basis::NewEvidence),
        Some(Basis::SameEvidence),
        Some(Basis::DataCorrected),
        Some(Basis::Framework),
        Some(Basis::Error),
    ];
    let reason = ["MODERATION", "INITIAL"][random.below(2)];
    Act {
        request: RequestId::new(random.uuid()),
        decided_by: who.map(|who| Decider { who, role: None, organisation }),
        decided_on: None,
        effective_on: (random.below(2) == 0).then(|| day(random)),
        basis: random.one(&bases),
        instructed_by: None,
        reason: (random.below(2) == 0).then(|| ReasonCode::parse(reason).unwrap()),
        rationale: None,
        evidence: Vec::new(),
        origin: Origin::Witnessed,
    }
}
