//! The rules, against the table of their precedence, and the fold that they are asked against.

use jiff::{Timestamp, civil::Date};
use judgement_ledger::{
    judgement::{
        Act, Addressee, Area, Assessment, AssessmentId, AssessmentLocked, AssessmentOpened,
        AssessmentOrder, AudienceId, Award, Caller, ChangeKind, Citation, Command, Correctable,
        Cycle, EntryContent, EntryId, EntryKind, EntryKindRule, EntryRecorded, EntryRevised, Event,
        EvidenceRef, Expected, ExpectedRevision, Fact, FollowUp, FollowUpStatus, Framework,
        FrameworkId, Grade, GradeSet, HoldId, HoldKind, HoldPlaced, Item, Kind, Known, Label,
        Level, LevelCode, LockAssessment, NonGrade, Opened, Order, OrganisationId, Origin, Peer,
        Period, PersonId, Position, PublishAssessment, Reason, ReasonCode, RecordEntry, RecordId,
        Recorder, Refusal, RegisterSubject, RequestId, ReviseEntry, Revision, Role, Scale, ScaleId,
        ScaleKind, Section, SectionId, SelfModeration, SetAddressee, SetGrade, SignOff, Signature,
        SignedOff, Situation, Standing, Stops, SubjectId, Text, decide, edition_digest,
    },
    merkle::leaf_hash,
};
use uuid::Uuid;

pub const TABLE: &str = include_str!("../tables/precedence.txt");
pub const TODAY: Date = jiff::civil::date(2006, 10, 20);
pub const TOMORROW: Date = jiff::civil::date(2006, 10, 21);
pub const YESTERDAY: Date = jiff::civil::date(2006, 10, 19);
pub const DOCUMENT: [u8; 32] = [7; 32];

pub fn person(number: u128) -> PersonId {
    PersonId::new(Uuid::from_u128(number))
}

pub fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

pub fn organisation(id: &str) -> OrganisationId {
    OrganisationId::parse(id).unwrap()
}

pub fn assessment_id() -> AssessmentId {
    AssessmentId::parse("subjects/leicester-city/assessments/apa-2006").unwrap()
}

pub fn entry_id(id: &str) -> EntryId {
    EntryId::parse(id).unwrap()
}

fn scale(id: &str, levels: &[(&str, i32, &[&str])]) -> Scale {
    let level = |(code, rank, words): &(&str, i32, &[&str])| Level {
        code: LevelCode::parse(code).unwrap(),
        rank: *rank,
        words: words.iter().map(|word| Label::parse(word).unwrap()).collect(),
    };
    Scale {
        id: ScaleId::parse(id).unwrap(),
        kind: ScaleKind::Ordered,
        levels: levels.iter().map(level).collect(),
        ranks_with: [].into(),
    }
}

fn area(id: &str, scales: &[&str], demanded: bool) -> Area {
    Area {
        id: judgement_ledger::judgement::AreaId::parse(id).unwrap(),
        label: id.to_owned(),
        section: None,
        parent: None,
        scales: scales.iter().map(|id| ScaleId::parse(id).unwrap()).collect(),
        descriptor_set: None,
        concept: None,
        demanded,
        visible_to: [].into(),
    }
}

/// A framework with one area in words, one with a number where 1 is best, and one without grade.
pub fn framework() -> Framework {
    let reason =
        |code: &str, moderation| Reason { code: ReasonCode::parse(code).unwrap(), moderation };
    Framework {
        id: FrameworkId::new("apa", "2006").unwrap(),
        title: Label::parse("Annual performance assessment").unwrap(),
        areas: vec![
            area("staying-safe", &["words"], true),
            area("behaviour", &["one-is-best"], false),
            area("standing", &["colours"], false),
            area("management", &[], false),
        ],
        sections: vec![Section {
            id: SectionId::parse("staying-safe").unwrap(),
            heading: "Staying safe".to_owned(),
        }],
        scales: vec![
            scale("words", &[("good", 3, &["good"]), ("adequate", 2, &["adequate"])]),
            scale("one-is-best", &[("1", 4, &[]), ("2", 3, &[]), ("3", 2, &[]), ("4", 1, &[])]),
            Scale {
                kind: ScaleKind::Nominal,
                ..scale("colours", &[("red", 2, &["red", "scarlet"]), ("blue", 1, &["blue"])])
            },
        ],
        descriptor_sets: Vec::new(),
        non_grades: [NonGrade::NotJudged, NonGrade::SubjectToReview].into(),
        entry_kinds: vec![
            EntryKindRule { kind: Kind::Narrative, demanded: 0 },
            EntryKindRule { kind: Kind::Evidence, demanded: 0 },
            EntryKindRule { kind: Kind::FollowUp, demanded: 0 },
        ],
        reasons: vec![reason("INITIAL", false), reason("MODERATION", true)],
        signed_by: [organisation("csci"), organisation("ofsted")].into(),
        self_moderation: SelfModeration::Forbidden,
        audiences: vec![AudienceId::parse("addressee").unwrap()],
        letter_to: [].into(),
        comparable_with: [].into(),
    }
}

/// A past told in events, one record each.
pub struct Past {
    pub assessment: Option<Assessment>,
    pub records: u64,
    /// The subject's other assessments that are in force.
    pub peers: Vec<Peer>,
    /// The record that is to be corrected.
    pub corrected: Option<Correctable>,
    /// What a draft showed.
    pub draft: Option<Assessment>,
}

impl Past {
    /// Before anything.
    pub fn empty() -> Self {
        let (peers, corrected) = (Vec::new(), None);
        Self { assessment: None, records: 0, peers, corrected, draft: None }
    }
}

pub fn given(events: &[Event<Text>]) -> Past {
    let mut past = Past::empty();
    for event in events {
        past.tell(event, &act(1), person(1));
    }
    past
}

impl Past {
    pub fn tell(&mut self, event: &Event<Text>, act: &Act<Text>, by: PersonId) {
        self.records += 1;
        let recorded_by =
            Recorder { person: by, role: Role::Inspector, organisation: organisation("ofsted") };
        let fact = Fact {
            item: Item {
                at: Position::new(self.records),
                record: RecordId::new(Uuid::from_u128(u128::from(self.records))),
                hash: leaf_hash(&self.records.to_be_bytes()),
            },
            revision: Revision::new(self.records),
            recorded_at: Timestamp::from_second(1_161_000_000).unwrap(),
            recorded_on: YESTERDAY,
            recorded_by: &recorded_by,
            act,
            event,
        };
        self.assessment = Assessment::after(self.assessment.take(), &assessment_id(), &fact);
    }

    pub fn decide(&self, command: &Command<Text>) -> Result<Event<Text>, Refusal> {
        let framework = framework();
        let opened = |assessment| Opened {
            assessment,
            framework: &framework,
            document: &DOCUMENT,
            wordings: &[],
            peers: &self.peers,
            corrected: self.corrected.as_ref(),
            draft: self.draft.as_ref(),
        };
        ask(Known::Assessment(self.assessment.as_ref().map(opened)), command)
    }

    pub fn digest(&self) -> judgement_ledger::merkle::Hash {
        edition_digest(self.assessment.as_ref().unwrap(), &framework(), &DOCUMENT)
    }
}

/// What the rules make of a command. Whatever that is, to an insider of an organisation that does not
/// judge it is as if there were no such assessment. (Spec §5.3)
pub fn ask(known: Known<'_>, command: &Command<Text>) -> Result<Event<Text>, Refusal> {
    let asked = |known, command: &Command<Text>| {
        let (batch_from, seed) = (Position::new(99), [1; 32]);
        let situation = Situation { today: TODAY, batch_from, seed, known };
        decide(&situation, command).map(|decision| decision.event)
    };
    if let Known::Assessment(Some(_)) = known {
        let mut command = command.clone();
        command.caller.organisation = organisation("estyn");
        command.caller.roles.retain(|role| *role != Role::Service);
        let told = asked(known, &command);
        assert_eq!(told, asked(Known::Assessment(None), &command), "{:?}", command.order);
        assert!(matches!(
            told,
            Err(Refusal::NotPermitted { .. } | Refusal::UnknownAssessment { .. })
        ));
    }
    asked(known, command)
}

pub fn act(request: u128) -> Act<Text> {
    Act::of_service(RequestId::new(Uuid::from_u128(request)))
}

pub fn opened() -> Event<Text> {
    Event::AssessmentOpened(opening())
}

pub fn opening() -> AssessmentOpened<Text> {
    AssessmentOpened {
        framework: framework().id,
        cycle: Cycle::parse("2006").unwrap(),
        periods: Vec::new(),
        addressee: Some(addressee()),
        earlier: Vec::new(),
    }
}

pub fn addressee() -> Addressee<Text> {
    Addressee { name: text("Ms S Lock"), role: None, organisation: None, lines: Vec::new() }
}

pub fn word(word: &str) -> Standing {
    Standing::Level {
        scale: ScaleId::parse("words").unwrap(),
        level: LevelCode::parse(word).unwrap(),
        word: Some(Label::parse(word).unwrap()),
    }
}

pub fn graded(area: &str, standing: Standing) -> Event<Text> {
    Event::GradeSet(GradeSet {
        area: judgement_ledger::judgement::AreaId::parse(area).unwrap(),
        award: Award { standing, qualifier: None },
        change: ChangeKind::Awarded,
        before: None,
    })
}

pub fn narrative(said: Option<&str>) -> EntryContent<Text> {
    EntryContent {
        kind: EntryKind::Narrative,
        section: SectionId::parse("staying-safe").unwrap(),
        area: None,
        order: 1,
        text: said.map(text),
        quote: None,
        figures: Vec::new(),
        paragraph: None,
        source: None,
        relates_to: Vec::new(),
    }
}

pub fn written(entry: &str) -> Event<Text> {
    Event::EntryRecorded(EntryRecorded { entry: entry_id(entry), content: narrative(Some("it")) })
}

pub fn command(act: Act<Text>, order: AssessmentOrder<Text>) -> Command<Text> {
    let roles = Role::ALL.into_iter().filter(|role| *role != Role::Consumer).collect();
    let caller = Caller { person: person(2), organisation: organisation("ofsted"), roles };
    Command { caller, act, order: Order::Assess(assessment_id(), order) }
}

pub fn set(grade: Grade, expected: Option<Expected>) -> AssessmentOrder<Text> {
    let area = judgement_ledger::judgement::AreaId::parse("staying-safe").unwrap();
    AssessmentOrder::SetGrade(SetGrade { area, grade, qualifier: None, expected })
}

pub fn level(code: &str) -> Grade {
    Grade::Level(None, LevelCode::parse(code).unwrap())
}

pub fn worded(word: &str) -> Grade {
    Grade::Word(Label::parse(word).unwrap())
}

pub fn explained(request: u128) -> Act<Text> {
    let reason = ReasonCode::parse("MODERATION").unwrap();
    Act { reason: Some(reason), rationale: Some(text("weighed again")), ..act(request) }
}

/// One row: which rules are broken, and which refusal that gives; `-` for none.
pub struct Row<'a> {
    pub line: usize,
    pub broken: Vec<&'a str>,
    pub refusal: &'a str,
}

impl Row<'_> {
    pub fn breaks(&self, rule: &str) -> bool {
        self.broken.contains(&rule)
    }
}

/// The rows of one order's table.
pub fn rows(order: &str) -> Vec<Row<'static>> {
    let heading = format!("[{order}]");
    let numbered = TABLE.lines().enumerate().map(|(index, line)| (index + 1, line));
    let mut lines = numbered.skip_while(|(_, line)| *line != heading).skip(1);
    let (_, rules) = lines.next().unwrap();
    let rules: Vec<&str> = rules.split_whitespace().collect();
    lines
        .take_while(|(_, line)| !line.is_empty())
        .map(|(line, row)| {
            let cells: Vec<&str> = row.split_whitespace().collect();
            assert_eq!(cells.len(), rules.len() + 1, "precedence.txt:{line}");
            let broken = rules.iter().zip(&cells).filter(|(_, cell)| **cell == "!");
            Row {
                line,
                broken: broken.map(|(rule, _)| *rule).collect(),
                refusal: cells[rules.len()],
            }
        })
        .collect()
}

pub fn check(order: &str, decide: impl Fn(&Row<'_>) -> Result<Event<Text>, Refusal>) {
    for row in rows(order) {
        let found = match decide(&row) {
            Ok(_) => "-".to_owned(),
            Err(refusal) => {
                let shown = format!("{refusal:?}");
                shown.split([' ', '{', '(']).next().unwrap().to_owned()
            }
        };
        assert_eq!(found, row.refusal, "precedence.txt:{} {:?}", row.line, row.broken);
    }
}

/// The parts that break alike in every order on an assessment.
pub fn common(row: &Row<'_>, act: &mut Act<Text>) {
    if row.breaks("reason") {
        act.reason = Some(ReasonCode::parse("WHIM").unwrap());
    }
    if row.breaks("evidence") {
        act.evidence.push(EvidenceRef { entry: entry_id("nowhere"), at: Position::new(1) });
    }
    if row.breaks("decided") {
        act.decided_on = Some(TOMORROW);
    }
    if row.breaks("effective") {
        act.effective_on = Some(TOMORROW);
    }
    if row.breaks("rationale") {
        (act.reason, act.rationale) = (act.reason.take().filter(|_| row.breaks("reason")), None);
    }
}

pub fn finish(
    row: &Row<'_>,
    mut past: Past,
    mut command: Command<Text>,
) -> Result<Event<Text>, Refusal> {
    if row.breaks("role") {
        command.caller.roles = vec![Role::Consumer];
    }
    if row.breaks("open") {
        let digest = past.digest();
        let locked = Event::AssessmentLocked(AssessmentLocked { edition: 1, digest });
        past.tell(&locked, &act(5), person(1));
    }
    if row.breaks("assessment") {
        past.assessment = None;
    }
    past.decide(&command)
}

pub fn expected(row: &Row<'_>, last: u64) -> Option<Expected> {
    match (row.breaks("stated"), row.breaks("current")) {
        (true, _) => None,
        (false, true) => Some(Expected::At(Position::new(77))),
        (false, false) => Some(Expected::At(Position::new(last))),
    }
}

pub fn expected_revision(row: &Row<'_>, revision: u64) -> Option<ExpectedRevision> {
    match (row.breaks("stated"), row.breaks("current")) {
        (true, _) => None,
        (false, true) => Some(ExpectedRevision::At(Revision::new(77))),
        (false, false) => Some(ExpectedRevision::At(Revision::new(revision))),
    }
}

#[test]
fn grades_are_refused_in_the_order_of_the_table() {
    check("SetGrade", |row| {
        let mut past = given(&[opened()]);
        let decider = if row.breaks("self") { person(2) } else { person(1) };
        past.tell(&graded("staying-safe", word("good")), &act(2), decider);
        let mut act = explained(3);
        common(row, &mut act);
        if row.breaks("source") {
            act.origin = Origin::Transcribed { source: text("minutes"), sha256: None };
        }
        if row.breaks("backdated") {
            act.effective_on = Some(YESTERDAY);
        }
        let grade = if row.breaks("level") { level("9") } else { worded("adequate") };
        let mut order = set(grade, expected(row, 2));
        if let AssessmentOrder::SetGrade(order) = &mut order {
            let area = match (row.breaks("area"), row.breaks("gradable")) {
                (true, _) => "education",
                (false, true) => "management",
                (false, false) => "staying-safe",
            };
            order.area = judgement_ledger::judgement::AreaId::parse(area).unwrap();
        }
        finish(row, past, command(act, order))
    });
}

#[test]
fn entries_are_refused_in_the_order_of_the_table() {
    check("RecordEntry", |row| {
        let past = given(&[opened(), written("taken")]);
        let mut act = act(3);
        common(row, &mut act);
        let mut content = narrative((!row.breaks("content")).then_some("something"));
        if row.breaks("kind") {
            content.kind = EntryKind::Strength;
        }
        if row.breaks("section") {
            content.section = SectionId::parse("nowhere").unwrap();
        }
        if row.breaks("area") {
            content.area = Some(judgement_ledger::judgement::AreaId::parse("education").unwrap());
        }
        if row.breaks("reference") {
            content.relates_to = vec![entry_id("nowhere")];
        }
        let entry = entry_id(if row.breaks("taken") { "taken" } else { "new" });
        let order = AssessmentOrder::RecordEntry(RecordEntry { entry, content });
        finish(row, past, command(act, order))
    });
}

#[test]
fn revisions_are_refused_in_the_order_of_the_table() {
    check("ReviseEntry", |row| {
        let mut past = given(&[opened(), written("one")]);
        let mut act = explained(3);
        common(row, &mut act);
        let mut content = Some(narrative((!row.breaks("content")).then_some("something")));
        if row.breaks("kind") {
            content = Some(EntryContent { kind: EntryKind::Evidence, ..narrative(None) });
        }
        let mut last = 2;
        if row.breaks("struck") {
            let struck = EntryRevised { entry: entry_id("one"), content: None };
            past.tell(&Event::EntryRevised(struck), &act, person(1));
            (content, last) = (None, 3);
        }
        let entry = entry_id(if row.breaks("entry") { "nowhere" } else { "one" });
        let order = ReviseEntry { entry, content, expected: expected(row, last) };
        finish(row, past, command(act, AssessmentOrder::ReviseEntry(order)))
    });
}

#[test]
fn addressees_are_refused_in_the_order_of_the_table() {
    check("SetAddressee", |row| {
        let mut act = act(3);
        common(row, &mut act);
        let order = SetAddressee { addressee: addressee(), expected: expected(row, 1) };
        finish(row, given(&[opened()]), command(act, AssessmentOrder::SetAddressee(order)))
    });
}

#[test]
fn locking_is_refused_in_the_order_of_the_table() {
    check("Lock", |row| {
        let mut past = given(&[opened()]);
        if !row.breaks("complete") {
            past.tell(&graded("staying-safe", word("good")), &act(2), person(1));
        }
        let mut act = act(3);
        common(row, &mut act);
        let digest = if row.breaks("digest") { leaf_hash(b"other") } else { past.digest() };
        let expected = expected_revision(row, past.records);
        let order = AssessmentOrder::Lock(LockAssessment { digest, expected });
        finish(row, past, command(act, order))
    });
}

pub fn locked(row: &Row<'_>, signed: &[&str]) -> Past {
    let mut past = given(&[opened(), graded("staying-safe", word("good"))]);
    let digest = past.digest();
    if !row.breaks("locked") {
        let locked = Event::AssessmentLocked(AssessmentLocked { edition: 1, digest });
        past.tell(&locked, &act(4), person(1));
    }
    for signer in signed {
        let signed = SignedOff {
            organisation: organisation(signer),
            edition: 1,
            digest,
            signature: signature(),
        };
        past.tell(&Event::SignedOff(signed), &act(5), person(1));
    }
    past
}

pub fn signature() -> Signature<Text> {
    Signature { name: text("FLO HADLEY"), role: None, organisation: None, transcribed: None }
}

#[test]
fn signatures_are_refused_in_the_order_of_the_table() {
    check("SignOff", |row| {
        let signed: &[&str] = if row.breaks("twice") { &["ofsted"] } else { &[] };
        let past = locked(row, signed);
        let mut act = act(6);
        common(row, &mut act);
        let order = SignOff {
            organisation: organisation(if row.breaks("own") { "csci" } else { "ofsted" }),
            edition: if row.breaks("edition") { 2 } else { 1 },
            digest: if row.breaks("digest") { leaf_hash(b"other") } else { past.digest() },
            signature: signature(),
            expected: row.breaks("stale").then(|| ExpectedRevision::At(Revision::new(77))),
        };
        finish(row, past, command(act, AssessmentOrder::SignOff(order)))
    });
}

#[test]
fn publication_is_refused_in_the_order_of_the_table() {
    check("Publish", |row| {
        let signed: &[&str] = if row.breaks("signed") { &["ofsted"] } else { &["ofsted", "csci"] };
        let mut past = locked(row, signed);
        if row.breaks("held") {
            let (kind, stops) = (HoldKind::Court, Stops::Both);
            let hold = HoldId::parse("court-1").unwrap();
            let placed = Event::HoldPlaced(HoldPlaced { hold, kind, stops });
            past.tell(&placed, &act(9), person(1));
        }
        let mut act = act(6);
        common(row, &mut act);
        let order = PublishAssessment {
            edition: if row.breaks("edition") { 2 } else { 1 },
            letter_date: jiff::civil::date(2006, 11, 1),
            expected: expected_revision(row, past.records),
        };
        finish(row, past, command(act, AssessmentOrder::Publish(order)))
    });
}

#[test]
fn opening_is_refused_in_the_order_of_the_table() {
    check("Open", |row| {
        let framework = framework();
        let other = AssessmentId::parse("subjects/leicester-city/assessments/other").unwrap();
        let mut act = act(1);
        common(row, &mut act);
        let mut opening = opening();
        if row.breaks("period") {
            opening.periods = vec![Period { from: TODAY, to: YESTERDAY }];
        }
        let mut command = command(act, AssessmentOrder::Open(opening));
        if row.breaks("role") {
            command.caller.roles = vec![Role::Inspector];
        }
        if row.breaks("judges") {
            command.caller.organisation = organisation("estyn");
        }
        let known = Known::Opening {
            framework: (!row.breaks("framework")).then_some(&framework),
            subject: !row.breaks("subject"),
            taken: row.breaks("taken"),
            same_cycle: row.breaks("cycle").then_some(&other),
        };
        ask(known, &command)
    });
}

#[test]
fn registration_is_refused_in_the_order_of_the_table() {
    check("Register", |row| {
        let order = RegisterSubject {
            subject: SubjectId::parse("leicester-city").unwrap(),
            name: Label::parse("Leicester City Council").unwrap(),
            kind: Label::parse("local authority").unwrap(),
        };
        let roles = vec![if row.breaks("role") { Role::Inspector } else { Role::FrameworkAdmin }];
        let caller = Caller { person: person(2), organisation: organisation("ofsted"), roles };
        let mut act = act(1);
        common(row, &mut act);
        let command = Command { caller, act, order: Order::RegisterSubject(order) };
        ask(Known::Name { taken: row.breaks("taken") }, &command)
    });
}

/// What a grade becomes in an area whose scale is `on`.
fn standing(on: &str, grade: &Grade) -> Standing {
    let scale = ScaleId::parse(on).unwrap();
    let framework = framework();
    match grade {
        Grade::Level(_, code) => Standing::Level { scale, level: code.clone(), word: None },
        Grade::Word(word) => {
            let level = framework.scale(&scale).unwrap().level_worded(word).unwrap().code.clone();
            Standing::Level { scale, level, word: Some(word.clone()) }
        }
        Grade::NotGraded(value) => Standing::NotGraded(*value),
    }
}

/// Sets `now` over `before` in an area, and says how that changed the grade.
fn change_in(area: &str, before: &Grade, now: Grade) -> ChangeKind {
    let framework = framework();
    let area = judgement_ledger::judgement::AreaId::parse(area).unwrap();
    let on = framework.area(&area).unwrap().scales[0].as_str().to_owned();
    let past = given(&[opened(), graded(area.as_str(), standing(&on, before))]);
    let mut order = set(now, Some(Expected::Any));
    if let AssessmentOrder::SetGrade(order) = &mut order {
        order.area = area;
    }
    match past.decide(&command(explained(3), order)).unwrap() {
        Event::GradeSet(event) => {
            assert_eq!(event.before, Some(standing(&on, before)));
            event.change
        }
        other => panic!("{} is no grade", other.name()),
    }
}

/// As [`change_in`], where 1 is best.
fn change(before: &Grade, now: Grade) -> ChangeKind {
    change_in("behaviour", before, now)
}

#[test]
fn direction_comes_from_rank_where_1_is_best() {
    assert_eq!(change(&level("3"), level("1")), ChangeKind::Raised);
    assert_eq!(change(&level("1"), level("4")), ChangeKind::Lowered);
    assert_eq!(change(&level("2"), level("2")), ChangeKind::Reaffirmed);
}

#[test]
fn the_same_level_again_is_reaffirmed_whatever_its_word_and_its_scale() {
    let change = |before: &str, now: &str| change_in("standing", &worded(before), worded(now));
    assert_eq!(change("red", "red"), ChangeKind::Reaffirmed);
    assert_eq!(change("red", "scarlet"), ChangeKind::Reaffirmed, "two words of one level");
    assert_eq!(change("red", "blue"), ChangeKind::Awarded, "levels that cannot be ranked");
}

#[test]
fn a_level_taken_away_is_vacated_and_one_given_after_that_is_awarded() {
    let none = || Grade::NotGraded(NonGrade::SubjectToReview);
    assert_eq!(change(&level("2"), none()), ChangeKind::Vacated);
    assert_eq!(change(&none(), level("2")), ChangeKind::Awarded);
    assert_eq!(change(&none(), none()), ChangeKind::Reaffirmed);
    let other = Grade::NotGraded(NonGrade::NotJudged);
    assert_eq!(change(&none(), other), ChangeKind::Awarded, "no level was there to be taken away");
}

#[test]
fn a_level_that_has_words_is_awarded_in_words_alone() {
    let past = given(&[opened()]);
    let refusal = past.decide(&command(act(2), set(level("good"), None))).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the level good of staying-safe is awarded in words: send `word`, one of good"
    );
    assert!(past.decide(&command(act(2), set(worded("good"), None))).is_ok());
}

#[test]
fn a_scale_that_the_area_does_not_have_is_named() {
    let on = |scale: &str| {
        let scale = ScaleId::parse(scale).unwrap();
        let mut order = set(Grade::Level(Some(scale), LevelCode::parse("9").unwrap()), None);
        if let AssessmentOrder::SetGrade(order) = &mut order {
            order.area = judgement_ledger::judgement::AreaId::parse("behaviour").unwrap();
        }
        given(&[opened()]).decide(&command(act(2), order)).unwrap_err().to_string()
    };
    assert_eq!(on("nope"), "area behaviour has no scale nope; it has one-is-best");
    assert_eq!(on("words"), "area behaviour has no scale words; it has one-is-best");
    assert_eq!(
        on("one-is-best"),
        "the level \"9\" of the scale one-is-best is not on the scale of behaviour; it takes 1, \
         2, 3, 4, NOT_JUDGED, SUBJECT_TO_REVIEW"
    );
}

#[test]
fn who_moderates_what_was_never_opened_hears_that_it_is_not_there() {
    let past = Past::empty();
    let refusal = |role: Role, act: Act<Text>| {
        let mut command = command(act, set(worded("good"), None));
        command.caller.roles = vec![role];
        past.decide(&command).unwrap_err()
    };
    let unknown = Refusal::UnknownAssessment { assessment: assessment_id() };
    assert_eq!(refusal(Role::Moderator, explained(1)), unknown);
    assert_eq!(refusal(Role::Inspector, explained(1)), unknown);
    let needs = &[Role::Inspector, Role::Moderator];
    assert_eq!(refusal(Role::Consumer, explained(1)), Refusal::NotPermitted { needs });
    let needs = &[Role::Inspector];
    assert_eq!(
        refusal(Role::Moderator, act(1)),
        Refusal::NotPermitted { needs },
        "who gives no reason does not moderate, under whichever framework"
    );
}

/// What recording an entry comes to, beside a narrative `nar`, evidence `ev` and what was struck.
fn recording(content: EntryContent<Text>) -> Result<Event<Text>, Refusal> {
    let order = RecordEntry { entry: entry_id("new"), content };
    referred_to().decide(&command(act(9), AssessmentOrder::RecordEntry(order)))
}

fn referred_to() -> Past {
    let evidence = EntryContent { kind: EntryKind::Evidence, ..narrative(Some("75 %")) };
    let evidence = EntryRecorded { entry: entry_id("ev"), content: evidence };
    let struck = EntryRevised { entry: entry_id("struck"), content: None };
    given(&[
        opened(),
        written("nar"),
        Event::EntryRecorded(evidence),
        written("struck"),
        Event::EntryRevised(struck),
    ])
}

fn follows_up(assessment: &AssessmentId, item: &str) -> EntryContent<Text> {
    let cited = Citation {
        assessment: Some(assessment.clone()),
        item: Some(entry_id(item)),
        label: None,
        kind: None,
        words: None,
    };
    let status = FollowUpStatus::Resolved;
    let kind = EntryKind::FollowUp(FollowUp { cited, status, carried_to: None });
    EntryContent { kind, ..narrative(None) }
}

#[test]
fn an_item_followed_up_in_this_same_assessment_must_be_there() {
    let earlier = AssessmentId::parse("subjects/leicester-city/assessments/apa-2005").unwrap();
    assert!(recording(follows_up(&earlier, "nope")).is_ok(), "it need not be in the ledger");
    assert!(recording(follows_up(&assessment_id(), "ev")).is_ok());
    for dangling in ["nope", "struck", "new"] {
        let refusal = recording(follows_up(&assessment_id(), dangling)).unwrap_err();
        assert!(format!("{refusal:?}").starts_with("DanglingReference"), "{dangling}: {refusal}");
    }
}

#[test]
fn a_paragraph_is_a_narrative() {
    let found_in = |paragraph: &str| {
        let content = narrative(Some("see there"));
        recording(EntryContent { paragraph: Some(entry_id(paragraph)), ..content })
    };
    assert!(found_in("nar").is_ok());
    let refusal = found_in("ev").unwrap_err();
    assert_eq!(refusal.to_string(), "ev is no narrative entry");
    assert_eq!(found_in("nope").unwrap_err().to_string(), "this assessment has no entry nope");
}

#[test]
fn what_is_struck_takes_no_new_reference_but_keeps_those_it_has() {
    let refers = || EntryContent {
        relates_to: vec![entry_id("struck")],
        paragraph: Some(entry_id("struck")),
        ..narrative(Some("see there"))
    };
    assert_eq!(recording(refers()).unwrap_err().to_string(), "entry struck was struck");
    let revise = |content| {
        let expected = Some(Expected::Any);
        let order = ReviseEntry { entry: entry_id("nar"), content: Some(content), expected };
        referred_to().decide(&command(explained(9), AssessmentOrder::ReviseEntry(order)))
    };
    assert!(revise(refers()).is_ok(), "what refers to it can still be reworded");
    let itself = EntryContent { relates_to: vec![entry_id("nar")], ..refers() };
    assert_eq!(revise(itself).unwrap_err().to_string(), "entry nar cannot refer to itself");
}

#[test]
fn a_first_grade_needs_neither_reason_nor_expectation() {
    let order = set(worded("good"), None);
    let event = given(&[opened()]).decide(&command(act(2), order)).unwrap();
    assert_eq!(event, graded("staying-safe", word("good")));
}

#[test]
fn a_word_of_another_scale_is_refused_with_the_valid_ones() {
    let order = set(worded("satisfactory"), None);
    let refusal = given(&[opened()]).decide(&command(act(2), order)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the word \"satisfactory\" is not on the scale of staying-safe; it takes good, adequate, \
         NOT_JUDGED, SUBJECT_TO_REVIEW"
    );
}

#[test]
fn history_may_be_told_by_a_records_officer_alone() {
    let order = || set(worded("good"), None);
    let origin = Origin::Transcribed { source: text("minutes"), sha256: None };
    let act = Act { origin, decided_on: Some(YESTERDAY), ..act(2) };
    let mut inspector = command(act.clone(), order());
    inspector.caller.roles = vec![Role::Inspector];
    let past = given(&[opened()]);
    assert_eq!(
        past.decide(&inspector).unwrap_err(),
        Refusal::NotPermitted { needs: &[Role::RecordsOfficer] }
    );
    let mut officer = command(act, order());
    officer.caller.roles = vec![Role::RecordsOfficer];
    assert!(past.decide(&officer).is_ok());
}

#[test]
fn the_digest_changes_with_every_item_and_with_nothing_else() {
    let one = given(&[opened(), graded("staying-safe", word("good"))]);
    let two = given(&[opened(), graded("staying-safe", word("good")), written("one")]);
    assert_eq!(one.digest(), given(&[opened(), graded("staying-safe", word("good"))]).digest());
    assert_ne!(one.digest(), two.digest());
    let other = edition_digest(two.assessment.as_ref().unwrap(), &framework(), &[8; 32]);
    assert_ne!(two.digest(), other, "the framework's document is part of it");
}
