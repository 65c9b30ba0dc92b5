//! The filter language of auditors: what it finds is what a look at every record finds.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::Arc,
};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use judgement_ledger::pb::{
    self, corrected_value::Value, record::Event, record_corrected::To, stated_correction::Field,
};
use tonic_types::StatusExt as _;

use crate::{
    account::records,
    editions::Editing,
    served::{Ground, Served, act, date, explained, last},
    sim_disk::Seeded,
    simulation::variable,
    story::{Telling, tell_pausing},
};

/// Between the parts of a story, in microseconds.
const HOURS_13: i64 = 13 * 3_600_000_000;

const AREAS: [&str; 3] = ["being-healthy", "staying-safe", "enjoying-and-achieving"];

/// Everything that a test knows of a record, gathered from records and answers alone.
struct Known {
    row: pb::AuditRow,
    record: pb::Record,
    areas: BTreeSet<String>,
    framework: String,
    recorded_at: Timestamp,
    effective_on: Date,
    /// What it puts in the place of another record's mistake.
    put_right: Option<Value>,
    /// When the next edition of its assessment was published, by which record.
    published: Option<(u64, Timestamp)>,
    changes: bool,
    /// Whether a draft of its assessment had been shared before, and whether it had been signed.
    after_draft: bool,
    after_signature: bool,
}

/// Whether a comparison holds of a record, as known at a position.
type Holds = Box<dyn Fn(&Known, u64) -> bool>;

/// A comparison as it is written, and what it means.
struct Atom {
    text: String,
    holds: Holds,
}

/// A tree of comparisons.
enum Tree {
    Atom(usize),
    Not(Box<Tree>),
    And(Vec<Tree>),
    Or(Vec<Tree>),
}

impl Tree {
    fn draw(random: &mut Seeded, atoms: usize, depth: usize) -> Self {
        let below = |random: &mut Seeded, bound: u64| random.next() % bound;
        let kind = if depth == 0 { 0 } else { below(random, 6) };
        let mut several = || {
            let count = 2 + below(random, 2);
            (0..count).map(|_| Self::draw(random, atoms, depth - 1)).collect::<Vec<_>>()
        };
        match kind {
            0..=2 => Self::Atom(below(random, atoms as u64) as usize),
            3 => Self::Not(Box::new(Self::draw(random, atoms, depth - 1))),
            4 => Self::And(several()),
            _ => Self::Or(several()),
        }
    }

    fn text(&self, atoms: &[Atom]) -> String {
        let joined = |each: &[Self], with: &str| {
            let each: Vec<_> = each.iter().map(|it| format!("({})", it.text(atoms))).collect();
            each.join(with)
        };
        match self {
            Self::Atom(index) => atoms[*index].text.clone(),
            Self::Not(inner) => format!("NOT ({})", inner.text(atoms)),
            Self::And(each) => joined(each, " AND "),
            Self::Or(each) => joined(each, " OR "),
        }
    }

    fn holds(&self, atoms: &[Atom], known: &Known, at: u64) -> bool {
        match self {
            Self::Atom(index) => (atoms[*index].holds)(known, at),
            Self::Not(inner) => !inner.holds(atoms, known, at),
            Self::And(each) => each.iter().all(|it| it.holds(atoms, known, at)),
            Self::Or(each) => each.iter().any(|it| it.holds(atoms, known, at)),
        }
    }
}

impl Known {
    /// Who decided as it was recorded, and who is put in the place of a mistake.
    fn deciders(&self) -> Vec<pb::Decider> {
        let formers = self.row.corrections.iter().filter_map(|it| it.former.clone()?.value);
        let mut formers = formers.filter_map(|it| match it {
            Value::DecidedBy(decider) => Some(decider),
            _ => None,
        });
        let first = formers.next().or_else(|| self.row.decided_by.clone());
        let put_right = match &self.put_right {
            Some(Value::DecidedBy(decider)) => Some(decider.clone()),
            _ => None,
        };
        first.into_iter().chain(put_right).collect()
    }

    fn reasons(&self) -> Vec<String> {
        let mut reasons = vec![self.record.reason.clone()];
        if let Some(Value::Reason(code)) = &self.put_right {
            reasons.push(code.clone());
        }
        reasons
    }

    /// Whether a day from which it holds, or what it puts right, is such.
    fn is_effective(&self, such: impl Fn(Date) -> bool) -> bool {
        let put_right = match &self.put_right {
            Some(Value::EffectiveOn(day)) => Some(civil(Some(day))),
            _ => None,
        };
        such(self.effective_on) || put_right.is_some_and(such)
    }
}

fn instant(time: Option<&prost_types::Timestamp>) -> Timestamp {
    let time = time.unwrap();
    Timestamp::new(time.seconds, time.nanos).unwrap()
}

fn civil(day: Option<&pb::google::r#type::Date>) -> Date {
    let day = day.unwrap();
    Date::new(day.year as i16, day.month as i8, day.day as i8).unwrap()
}

/// Every record, oldest first, with what is said of it elsewhere.
async fn known(served: &Served) -> Vec<Known> {
    let (records, ended) = records(&served.clients()).await;
    ended.unwrap();
    let mut rows = Vec::new();
    let mut request = pb::QueryAuditRequest {
        order: pb::AuditOrder::OldestFirst.into(),
        page_size: 1_000,
        ..pb::QueryAuditRequest::default()
    };
    loop {
        let page = served.audits().query_audit(request.clone()).await.unwrap().into_inner();
        rows.extend(page.rows);
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(rows.len(), records.len());
    let mut entries: BTreeMap<(String, String), String> = BTreeMap::new();
    let mut points: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    let mut frameworks: BTreeMap<String, String> = BTreeMap::new();
    let (mut drafted, mut signed) = (BTreeSet::new(), BTreeSet::new());
    let mut known: Vec<Known> = Vec::new();
    for (row, record) in rows.into_iter().zip(records) {
        let record = record.record.unwrap();
        let mut areas = BTreeSet::new();
        let mut written = |entry: &str, area: Option<&str>| {
            let key = (record.stream.clone(), entry.to_owned());
            let before = entries.remove(&key);
            areas.extend(before.filter(|it| !it.is_empty()));
            if let Some(area) = area {
                areas.extend((!area.is_empty()).then(|| area.to_owned()));
                entries.insert(key, area.to_owned());
            }
        };
        let changes = match record.event.as_ref().unwrap() {
            Event::GradeSet(set) => {
                areas.insert(set.area.clone());
                set.change() != pb::ChangeKind::Reaffirmed
            }
            Event::EntryRecorded(event) => {
                written(&event.entry, event.content.as_ref().map(|it| it.area.as_str()));
                true
            }
            Event::EntryRevised(event) => {
                written(&event.entry, event.content.as_ref().map(|it| it.area.as_str()));
                true
            }
            Event::AddresseeSet(_) => true,
            Event::ChallengeReceived(event) => {
                let about = event.points.iter().map(|point| {
                    let key = (record.stream.clone(), point.entry.clone());
                    entries.get(&key).cloned().unwrap_or_else(|| point.area.clone())
                });
                let about: Vec<String> = about.collect();
                let key = (record.stream.clone(), event.challenge.clone());
                areas.extend(about.iter().filter(|area| !area.is_empty()).cloned());
                points.insert(key, about);
                false
            }
            Event::ChallengeDecided(event) => {
                let key = (record.stream.clone(), event.challenge.clone());
                let about = points[&key][event.point as usize - 1].clone();
                areas.extend((!about.is_empty()).then_some(about));
                false
            }
            Event::RecordCorrected(event) => {
                let key = (record.stream.clone(), event.entry.clone());
                let about = entries.get(&key).cloned().unwrap_or_else(|| event.area.clone());
                areas.extend((!about.is_empty()).then_some(about));
                matches!(event.to, Some(To::Transcription(_)))
            }
            Event::AssessmentOpened(event) => {
                frameworks.insert(record.stream.clone(), event.framework.clone());
                false
            }
            Event::FrameworkRegistered(_) => {
                frameworks.insert(record.stream.clone(), record.stream.clone());
                false
            }
            _ => false,
        };
        let recorded_at = instant(row.recorded_at.as_ref());
        if let Event::AssessmentPublished(_) = record.event.as_ref().unwrap() {
            let of = known.iter_mut().filter(|it| it.record.stream == record.stream);
            for before in of.filter(|it| it.published.is_none()) {
                before.published = Some((row.position, recorded_at));
            }
        }
        let (after_draft, after_signature) =
            (drafted.contains(&record.stream), signed.contains(&record.stream));
        match record.event.as_ref().unwrap() {
            Event::DraftShared(_) => _ = drafted.insert(record.stream.clone()),
            Event::SignedOff(_) => _ = signed.insert(record.stream.clone()),
            _ => {}
        }
        known.push(Known {
            after_draft,
            after_signature,
            framework: frameworks.get(&record.stream).cloned().unwrap_or_default(),
            effective_on: civil(record.effective_on.as_ref().or(record.recorded_on.as_ref())),
            put_right: row.correction.clone().and_then(|it| it.corrected?.value),
            row,
            record,
            areas,
            recorded_at,
            published: None,
            changes,
        });
    }
    known
}

fn persons(decider: &pb::Decider) -> Vec<String> {
    let name = |person: &pb::Person| crate::served::text(&person.name).to_owned();
    match decider.who.as_ref() {
        Some(pb::decider::Who::Person(person)) => vec![name(person)],
        Some(pb::decider::Who::Panel(panel)) => panel.members.iter().map(name).collect(),
        None => Vec::new(),
    }
}

fn levels(award: Option<&pb::Award>) -> Vec<String> {
    let Some(award) = award else { return Vec::new() };
    let not_graded = match award.not_graded() {
        pb::NonGrade::Unspecified => String::new(),
        value => value.as_str_name().trim_start_matches("NON_GRADE_").to_owned(),
    };
    [award.level.clone(), award.word.clone(), not_graded].to_vec()
}

/// Comparisons of every field, by values that are there and some that are not.
fn atoms(all: &[Known]) -> Vec<Atom> {
    let mut atoms: Vec<Atom> = Vec::new();
    let mut add = |text: String, holds: Holds| {
        atoms.push(Atom { text, holds });
    };
    /// A comparison with each of some values, of a field that is a set of texts.
    macro_rules! each {
        ($field:literal, $values:expr, $of:expr) => {
            for value in $values {
                let value: String = value.to_string();
                let sought = value.clone();
                let of = $of;
                add(
                    format!(concat!($field, " = \"{}\""), value),
                    Box::new(move |it: &Known, _| of(it).contains(&sought)),
                );
            }
        };
    }
    each!("area", AREAS.iter().chain(&["nowhere"]), |it: &Known| it.areas.clone());
    each!("concept", ["ecm.staying-safe", "ecm.none"], |it: &Known| {
        it.areas.iter().map(|area| format!("ecm.{area}")).collect::<Vec<_>>()
    });
    each!("event", ["GradeSet", "EntryRevised", "SignedOff"], |it: &Known| vec![
        it.row.event.clone()
    ]);
    each!("subject", ["council-1", "leicester-city"], |it: &Known| {
        let subject = it.row.stream.strip_prefix("subjects/").unwrap_or_default();
        vec![subject.split('/').next().unwrap().to_owned()]
    });
    each!("assessment", ["leicester-city/apa-2006", "council-1/apa-2006"], |it: &Known| {
        let short = it.row.stream.replace("subjects/", "").replace("/assessments/", "/");
        vec![short]
    });
    each!("framework", ["apa/2006", "apa/2005"], |it: &Known| {
        vec![it.framework.replace("frameworks/", "").replace("/versions/", "/")]
    });
    each!("actor", ["inspector@ofsted", "officer@ofsted"], |it: &Known| {
        let name = it.row.recorded_by.as_ref().unwrap();
        vec![crate::served::text(&name.name).to_owned()]
    });
    each!("decider", ["moderator@ofsted", "inspector@ofsted", "chief@ofsted"], |it: &Known| {
        it.deciders().iter().flat_map(persons).collect::<Vec<_>>()
    });
    each!("organisation", ["csci", "ofsted"], |it: &Known| {
        let decided = it.deciders().into_iter().map(|it| it.organisation);
        let mut all = vec![it.row.recorder_organisation.clone(), it.row.signed_for.clone()];
        all.extend(decided);
        all
    });
    each!("role", ["MODERATOR", "RECORDS_OFFICER", "SERVICE"], |it: &Known| {
        let decided = it.deciders().into_iter().map(|it| it.role());
        let roles = [it.row.recorder_role()].into_iter().chain(decided);
        roles.map(|it| it.as_str_name().replace("ROLE_", "")).collect::<Vec<_>>()
    });
    each!("reason", ["MODERATION", "CLERICAL_ERROR", "NEVER"], Known::reasons);
    each!("basis", ["SAME_EVIDENCE", "ERROR"], |it: &Known| {
        vec![it.row.basis().as_str_name().replace("BASIS_", "")]
    });
    each!("change", ["AWARDED", "LOWERED", "REAFFIRMED"], |it: &Known| {
        let change = it.row.grade.as_ref().map(|it| it.change().as_str_name());
        change.map(|it| it.replace("CHANGE_KIND_", "")).into_iter().collect::<Vec<_>>()
    });
    each!("level_before", ["good", "2", "SUBJECT_TO_REVIEW"], |it: &Known| {
        levels(it.row.grade.as_ref().and_then(|it| it.before.as_ref()))
    });
    each!("level_after", ["good", "adequate", "3"], |it: &Known| {
        levels(it.row.grade.as_ref().and_then(|it| it.after.as_ref()))
    });
    for known in [&all[all.len() / 3], &all[all.len() / 2], &all[all.len() * 3 / 4]] {
        let (day, time) = (known.effective_on, known.recorded_at);
        let late = |it: &Known, effective: Date| {
            let recorded = TimeZone::UTC.to_datetime(it.recorded_at).date();
            recorded.since(effective).unwrap().get_days()
        };
        add(format!("effective >= {day}"), Box::new(move |it, _| it.is_effective(|it| it >= day)));
        add(format!("effective < {day}"), Box::new(move |it, _| it.is_effective(|it| it < day)));
        add(format!("effective != {day}"), Box::new(move |it, _| !it.is_effective(|it| it == day)));
        add(format!("recorded > \"{time}\""), Box::new(move |it, _| it.recorded_at > time));
        add(format!("recorded <= \"{time}\""), Box::new(move |it, _| it.recorded_at <= time));
        let recorded = TimeZone::UTC.to_datetime(time).date();
        add(
            format!("recorded : {recorded}"),
            Box::new(move |it, _| TimeZone::UTC.to_datetime(it.recorded_at).date() == recorded),
        );
        let days = late(known, known.effective_on).max(1);
        let is_late = move |it: &Known, such: &dyn Fn(i32) -> bool| {
            it.is_effective(|day| such(late(it, day)))
        };
        add(
            format!("backdated_days >= {days}"),
            Box::new(move |it, _| is_late(it, &|late| late >= days)),
        );
        add(
            format!("backdated_days < {days}"),
            Box::new(move |it, _| is_late(it, &|late| late < days)),
        );
        add("backdated_days = 3".to_owned(), Box::new(move |it, _| is_late(it, &|late| late == 3)));
    }
    add("after_draft = true".to_owned(), Box::new(|it, _| it.changes && it.after_draft));
    add("after_signature".to_owned(), Box::new(|it, _| it.changes && it.after_signature));
    add("after_draft = false".to_owned(), Box::new(|it, _| !(it.changes && it.after_draft)));
    let until = |it: &Known, at: u64| {
        let (position, time) = it.published.filter(|_| it.changes)?;
        (position <= at).then(|| time.duration_since(it.recorded_at).as_hours())
    };
    let hours: BTreeSet<i64> = all.iter().filter_map(|it| until(it, u64::MAX)).collect();
    let (first, last) = (*hours.first().unwrap(), *hours.last().unwrap());
    for hours in [first, i64::midpoint(first, last)] {
        add(
            format!("hours_to_publication <= {hours}"),
            Box::new(move |it, at| until(it, at).is_some_and(|it| it <= hours)),
        );
        add(
            format!("hours_to_publication > {hours}"),
            Box::new(move |it, at| until(it, at).is_some_and(|it| it > hours)),
        );
    }
    atoms
}

/// Stories of three councils, and many changes to two assessments of a fourth.
async fn world(ground: Ground, random: &mut Seeded) -> Served {
    let hands = Arc::clone(&ground.hands);
    let pause = || hands.turn(HOURS_13, HOURS_13.unsigned_abs());
    let served = Served::start_on(ground).await;
    for chapter in 0..3 {
        let telling = Telling { long_text_bytes: 100, evidence: 2 };
        tell_pausing(&served.clients(), chapter, telling, &pause).await;
    }
    let editing = Editing::graded(&served).await;
    let other = served.open_under("apa-2005", "frameworks/apa/versions/2005", "2005").await;
    let names = [editing.name.clone(), other];
    let mut lasts = BTreeMap::new();
    for area in AREAS {
        let rows = served.history(&editing.name, area).await;
        lasts.insert((editing.name.clone(), area), rows.last().unwrap().position);
    }
    for step in 0..120_u64 {
        served.at(&format!("2006-{:02}-{:02}T09:00:00Z", 11 + step / 60, 1 + (step % 60) / 2));
        let name = &names[(random.next() % 2) as usize];
        let area = AREAS[(random.next() % 3) as usize];
        let word = ["inadequate", "adequate", "good"][(random.next() % 3) as usize];
        let before = lasts.get(&(name.clone(), area)).copied();
        let reason =
            ["INITIAL", "FACTUAL_ACCURACY", "CLERICAL_ERROR"][(random.next() % 3) as usize];
        let mut how = if before.is_some() { explained(reason) } else { explained("INITIAL") };
        how.basis = (1 + (random.next() % 5)) as i32;
        if random.next().is_multiple_of(2) {
            how.effective_on = Some(date(2006, 9, 1 + (random.next() % 30) as i32));
        }
        let set = served.set_as("inspector", name, area, word, how, before.map(last)).await;
        // Not every area of one framework takes words in the other.
        if let Ok(receipt) = set {
            lasts.insert((name.clone(), area), receipt.position);
        }
        match step {
            20 | 50 | 80 | 110 => {
                let of_name = lasts.iter().filter(|((of, _), _)| of == name);
                let positions: Vec<u64> = of_name.map(|(_, at)| *at).collect();
                let at = positions[random.next() as usize % positions.len()];
                correct(&served, random, (name, at)).await;
            }
            30 => share_draft(&served, &editing.name).await,
            60 => {
                // Signed once, and then open again.
                editing.lock().await;
                editing.sign("ofsted", 1).await.unwrap();
                editing.refuse("csci", 1).await.unwrap();
            }
            _ => {}
        }
        if step % 40 == 7 {
            // The second time it is there.
            if let Ok(written) = served.narrate(name, area, "Children are save.").await {
                let said = Some(crate::served::present("Children are safe."));
                let right = pb::Wording { text: said, ..pb::Wording::default() };
                correct_in(&served, name, written.position, Field::Transcription(right)).await;
            }
        }
    }
    served
}

/// Puts right what a record of a grade says of who decided it, from when it holds, or why.
async fn correct(served: &Served, random: &mut Seeded, (name, position): (&str, u64)) {
    let person = pb::stated_decider::Who::Person("chief@ofsted".to_owned());
    let decider = pb::StatedDecider { who: Some(person), ..pb::StatedDecider::default() };
    for field in [
        Field::DecidedBy(decider),
        Field::EffectiveOn(date(2006, 8, 1 + (random.next() % 30) as i32)),
        Field::Reason("MODERATION".to_owned()),
    ] {
        correct_in(served, name, position, field).await;
    }
}

async fn correct_in(served: &Served, name: &str, position: u64, field: Field) {
    let request = pb::CorrectRecordRequest {
        assessment: name.to_owned(),
        act: Some(explained("CLERICAL_ERROR")),
        position,
        to: Some(pb::StatedCorrection { field: Some(field) }),
        expected: Some(pb::Expectation { last: Some(pb::expectation::Last::Any(true)) }),
        ..pb::CorrectRecordRequest::default()
    };
    served.assessments("officer").correct_record(request).await.unwrap();
}

async fn share_draft(served: &Served, name: &str) {
    let request = pb::ShareDraftRequest {
        assessment: name.to_owned(),
        act: Some(act()),
        recipient: "the director of children's services".to_owned(),
        audience: "addressee".to_owned(),
        ..pb::ShareDraftRequest::default()
    };
    served.assessments("lead").share_draft(request).await.unwrap();
}

/// The positions that an expression finds, in whichever pages.
async fn found(
    served: &Served,
    expression: &str,
    order: pb::AuditOrder,
    at: u64,
    page_size: i32,
) -> Vec<u64> {
    let mut request = pb::QueryAuditRequest {
        expression: expression.to_owned(),
        order: order.into(),
        page_size,
        known_at: Some(pb::query_audit_request::KnownAt::KnownAtPosition(at)),
        ..pb::QueryAuditRequest::default()
    };
    let mut positions = Vec::new();
    loop {
        let page = served.audits().query_audit(request.clone()).await;
        let page = page.unwrap_or_else(|error| panic!("{expression}: {error:?}")).into_inner();
        assert!(page.rows.len() <= usize::try_from(page_size).unwrap());
        assert_eq!(page.read.unwrap().position, at);
        positions.extend(page.rows.iter().map(|row| row.position));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            return positions;
        }
    }
}

/// `JUDGEMENT_LEDGER_FILTERS=5000` asks so many expressions instead of 300;
/// `JUDGEMENT_LEDGER_FILTERS_SEED` is the seed.
#[tokio::test(flavor = "multi_thread")]
async fn an_expression_finds_what_a_look_at_every_record_finds() {
    let seed = variable("JUDGEMENT_LEDGER_FILTERS_SEED")
        .unwrap_or_else(|| Timestamp::now().as_microsecond().unsigned_abs());
    println!("JUDGEMENT_LEDGER_FILTERS_SEED={seed}");
    let mut random = Seeded(seed);
    let served = world(Ground::new(), &mut random).await;
    let all = known(&served).await;
    let atoms = atoms(&all);
    let mut hits = vec![0; atoms.len()];
    check(&served, &all, &atoms, &mut random, &mut hits).await;
    // Each comparison must hold of something, or nothing was compared.
    let idle = atoms.iter().zip(&hits).filter(|(_, hits)| **hits == 0);
    let idle: Vec<_> = idle.map(|(atom, _)| atom.text.as_str()).collect();
    let meant = ["nowhere", "ecm.none", "NEVER", "backdated_days = 3"];
    let unmeant = idle.iter().filter(|text| !meant.iter().any(|it| text.contains(it)));
    assert_eq!(unmeant.collect::<Vec<_>>(), Vec::<&&str>::new());
    // The same from views that are folded anew, from the journal.
    let served = served.without_views().await;
    check(&served, &all, &atoms, &mut random, &mut hits).await;
    served.stop().await;
}

async fn check(
    served: &Served,
    all: &[Known],
    atoms: &[Atom],
    random: &mut Seeded,
    hits: &mut [usize],
) {
    let head = all.len() as u64;
    let single = (0..atoms.len()).map(Tree::Atom);
    let count = variable("JUDGEMENT_LEDGER_FILTERS").unwrap_or(300);
    let drawn: Vec<_> = (0..count).map(|_| Tree::draw(random, atoms.len(), 3)).collect();
    for tree in single.chain(drawn) {
        let text = tree.text(atoms);
        let at = if random.next().is_multiple_of(3) { 1 + random.next() % head } else { head };
        let page_size = [1_000, 7][(random.next() % 2) as usize];
        let (order, reversed) = match random.next() % 2 {
            0 => (pb::AuditOrder::OldestFirst, false),
            _ => (pb::AuditOrder::NewestFirst, true),
        };
        let until = all.iter().filter(|it| it.row.position <= at);
        let mut expected: Vec<u64> =
            until.filter(|it| tree.holds(atoms, it, at)).map(|it| it.row.position).collect();
        if reversed {
            expected.reverse();
        }
        let found = found(served, &text, order, at, page_size).await;
        assert_eq!(found, expected, "{text} at {at}, {order:?}");
        if let Tree::Atom(index) = tree {
            hits[index] += all.iter().filter(|it| tree.holds(atoms, it, head)).count();
        }
    }
}

#[tokio::test]
async fn a_field_and_the_comparison_of_its_name_are_one() {
    let served = Served::start().await;
    served.at("2006-10-12T09:00:00Z");
    let name = served.open("apa-2006").await;
    let first = served.award(&name, AREAS[1], "good").await.position;
    let second = served.moderate(&name, AREAS[1], "adequate", first).await.position;
    served.award(&name, AREAS[0], "good").await;
    let positions = async |filter: pb::AuditFilter, expression: &str| {
        let expression = expression.to_owned();
        let request =
            pb::QueryAuditRequest { filter: Some(filter), expression, ..Default::default() };
        let rows = served.audits().query_audit(request).await.unwrap().into_inner().rows;
        rows.iter().map(|row| row.position).collect::<Vec<_>>()
    };
    let area = pb::AuditFilter { area: AREAS[1].to_owned(), ..Default::default() };
    let stated = positions(area.clone(), "").await;
    assert_eq!(stated, [second, first]);
    assert_eq!(positions(pb::AuditFilter::default(), "area = staying-safe").await, stated);
    assert_eq!(positions(area.clone(), "reason = MODERATION").await, [second]);
    assert!(positions(area, "area = being-healthy").await.is_empty(), "both must be met");
    served.stop().await;
}

#[tokio::test]
async fn what_is_wrong_with_an_expression_is_told_with_its_column() {
    let served = Served::start().await;
    let request = pb::QueryAuditRequest {
        expression: "change = LOWERED AND colour = red".to_owned(),
        ..pb::QueryAuditRequest::default()
    };
    let status = served.audits().query_audit(request).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::InvalidArgument);
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].field, "expression");
    let told = &violations[0].description;
    assert!(told.starts_with("column 22, `colour`: is no field; there are actor, "), "{told}");
    served.stop().await;
}

#[tokio::test]
async fn a_stream_carries_what_meets_its_expression_and_refuses_what_no_record_tells() {
    let served = Served::start().await;
    served.at("2006-10-12T09:00:00Z");
    let name = served.open("apa-2006").await;
    let first = served.award(&name, AREAS[1], "good").await.position;
    let second = served.moderate(&name, AREAS[1], "adequate", first).await.position;
    let stream = async |expression: &str| {
        let request = pb::StreamRecordsRequest {
            expression: expression.to_owned(),
            catch_up_only: true,
            ..pb::StreamRecordsRequest::default()
        };
        let mut stream = served.audits().stream_records(request).await?.into_inner();
        let mut positions = Vec::new();
        while let Some(message) = stream.message().await? {
            if let Some(pb::stream_records_response::Message::Record(record)) = message.message {
                positions.push(record.record.unwrap().position);
            }
        }
        Ok::<_, tonic::Status>(positions)
    };
    let graded = "level_after = good OR decider = moderator@ofsted AND event = GradeSet";
    assert_eq!(stream(graded).await.unwrap(), [first, second]);
    assert_eq!(stream("NOT reason = MODERATION AND event = GradeSet").await.unwrap(), [first]);
    let refused = stream("concept = ecm.staying-safe").await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::InvalidArgument);
    served.stop().await;
}

/// Runs the binary's `audit` against a server.
fn audit(served: &Served, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(crate::binary::program())
        .arg("audit")
        .args(["--server", &format!("http://{}", served.address)])
        .args(arguments)
        .env("JUDGEMENT_LEDGER_TOKEN", served.token("auditor"))
        .output()
        .unwrap();
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(said).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_repeated_to_the_byte_at_its_position() {
    let served = Served::start().await;
    served.at("2006-10-12T09:00:00Z");
    let name = served.open("apa-2006").await;
    let first = served.award(&name, AREAS[1], "good").await.position;
    let second = served.moderate(&name, AREAS[1], "adequate", first).await.position;
    let filter = "event = GradeSet AND area = staying-safe";
    let mut later = second;
    for format in ["csv", "jsonl"] {
        let export = |more: &[&str]| {
            let ask = ["--filter", filter, "--order", "oldest-first", "--format", format];
            let (done, said) = audit(&served, &[&ask, more].concat());
            assert!(done, "{said}");
            said
        };
        let exported = export(&[]);
        let head = served.head().await;
        let lines: Vec<&str> = exported.lines().collect();
        assert!(lines[0].contains(filter) && lines[0].contains(&head.to_string()), "{exported}");
        assert!(lines[0].contains("oldest-first"), "{exported}");
        let rows = &lines[if format == "csv" { 2 } else { 1 }..];
        assert_eq!(rows.len(), if format == "csv" { 2 } else { 3 }, "{exported}");
        assert!(rows[0].contains(&first.to_string()) && rows[1].contains(&second.to_string()));
        let word = if format == "csv" { "good" } else { "adequate" };
        let expected = Some(last(later));
        let how = explained("FACTUAL_ACCURACY");
        let changed = served.set_as("inspector", &name, AREAS[1], word, how, expected).await;
        later = changed.unwrap().position;
        assert_ne!(export(&[]), exported, "one more row");
        assert_eq!(export(&["--known-at", &head.to_string()]), exported);
        assert_eq!(exported.ends_with("\r\n"), format == "csv");
    }
    let (done, said) = audit(&served, &["--filter", "change = LOWERD", "--format", "csv"]);
    assert!(!done && said.contains("column 10, `LOWERD`: is no change"), "{said}");
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_holds_all_pages_of_a_large_answer_in_order() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let entry = |number: usize| pb::Command {
        order: Some(pb::command::Order::RecordEntry(pb::RecordEntryRequest {
            assessment: name.clone(),
            act: Some(act()),
            entry_id: format!("e-{number}"),
            content: Some(pb::EntryContent {
                kind: pb::EntryKind::Narrative.into(),
                section: "staying-safe".to_owned(),
                order: 1,
                text: Some(crate::served::present("=1+1")),
                ..pb::EntryContent::default()
            }),
            ..pb::RecordEntryRequest::default()
        })),
    };
    for chunk in (0..1_100).collect::<Vec<_>>().chunks(50) {
        served.batch(chunk.iter().copied().map(entry).collect()).await.unwrap();
    }
    let ask = ["--filter", "event = EntryRecorded", "--format", "jsonl", "--order", "oldest-first"];
    let (done, said) = audit(&served, &ask);
    assert!(done, "{said}");
    let entries: Vec<_> = said
        .lines()
        .skip(1)
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["entryId"].clone())
        .collect();
    let expected: Vec<_> = (0..1_100).map(|number| format!("e-{number}")).collect();
    assert_eq!(entries, expected);
    let (_, limited) = audit(&served, &[&ask[..], &["--limit", "3"]].concat());
    assert_eq!(limited.lines().count(), 4);
    served.stop().await;
}
