//! A subject over the years. (Spec §5, `GetSubjectTimeline`)

use std::collections::BTreeSet;

use tonic::Status;

use crate::{
    judgement::{Assessment, Current, Cycle, Kind, StreamId, SubjectId, current, latest_first},
    ledger::{AsOf, AssessmentRead, Condition, KnownAt, Ledger, Moment, Order, Test, View},
    pb::{self, get_subject_timeline_request, subject_timeline},
    rpc::{
        asked::Asked,
        reads::{self, known_at},
        show::{self, Detail, Scope},
        sight::{Reach, Sight},
        status::{self, Problem, Reason},
    },
};

/// How many assessments a timeline has at most: a subject has some in a year.
const ASSESSMENTS_MAX: usize = 200;

/// A subject's timeline.
///
/// # Errors
/// `BadRequest`, `SUBJECT_NOT_FOUND`, or why the ledger cannot be read.
pub(super) async fn timeline(
    ledger: &Ledger,
    reach: &Reach,
    request: pb::GetSubjectTimelineRequest,
) -> Result<pb::SubjectTimeline, Status> {
    let mut asked = Asked::default();
    let subject = asked.required("subject", SubjectId::parse_name(&request.subject));
    let (position, time) = match &request.known_at {
        None => (None, None),
        Some(get_subject_timeline_request::KnownAt::KnownAtPosition(at)) => (Some(*at), None),
        Some(get_subject_timeline_request::KnownAt::KnownAtTime(time)) => (None, Some(time)),
    };
    let known = known_at(&mut asked, position, time);
    let subject = asked.settle(subject)?;

    reads::reached(ledger, request.min_position).await?;
    let moment = reads::moment(ledger, known).await?;
    let registered = ledger.subject(&subject, moment).await;
    if registered.map_err(|error| status::of_read(&error))?.is_none() {
        let name = StreamId::Subject(subject);
        return Err(reads::unknown(Reason::SubjectNotFound, "subject", &name, "is not registered"));
    }
    let _turn = ledger.turn().await;
    let mut assessments = of_subject(ledger, reach, &subject, None, moment).await?;
    assessments.sort_by_cached_key(|(read, _)| age(&read.assessment));
    let (held, gap_years) = (holding(&assessments), gaps(&assessments));
    let items = Box::pin(followed(ledger, &assessments)).await?;
    let mut shown = Vec::with_capacity(assessments.len());
    for (read, sight) in &assessments {
        shown.push(Box::pin(assessment(ledger, read, sight)).await?);
    }
    Ok(pb::SubjectTimeline {
        subject: StreamId::Subject(subject).to_string(),
        assessments: shown,
        gap_years,
        current: Some(held),
        items,
        read: Some(show::moment(moment)),
    })
}

/// The assessments of a subject, as opened before `moment`, that are to be seen by a caller: in this
/// view, or as they are listed.
pub(super) async fn of_subject(
    ledger: &Ledger,
    reach: &Reach,
    subject: &SubjectId,
    view: Option<View>,
    moment: Moment,
) -> Result<Vec<(AssessmentRead, Sight)>, Status> {
    let tests = [Test::Subject(subject.clone()), Test::Event("AssessmentOpened")];
    let condition = Condition::All(tests.map(Condition::Test).to_vec());
    let known = KnownAt::Position(moment.position);
    let (mut from, mut reads) = (None, Vec::new());
    loop {
        let order = Order::OldestFirst;
        let found = ledger.find(&condition, order, moment, from, ASSESSMENTS_MAX).await;
        let found = found.map_err(|error| status::of_read(&error))?;
        for opening in &found.records {
            let StreamId::Assessment(id) = &opening.record.stream else { continue };
            reads.extend(match view {
                Some(view) => {
                    let as_of = AsOf { view, known, effective: None, stated: None };
                    reads::seen(ledger, id, as_of, reach).await?
                }
                None => reads::listed(ledger, opening, reach, moment).await?,
            });
        }
        if reads.len() > ASSESSMENTS_MAX {
            let message = format!("{subject} has more than {ASSESSMENTS_MAX} assessments");
            return Err(Problem::new(Reason::MessageTooLarge, message).status());
        }
        from = found.next;
        if from.is_none() {
            return Ok(reads);
        }
    }
}

/// What sorts assessments by their cycles: years as numbers, and among equals who was opened first.
pub(super) fn age(assessment: &Assessment) -> (Option<i32>, String, u64) {
    let cycle = assessment.cycle.to_string();
    (year(&assessment.cycle), cycle, assessment.opened.at.get())
}

/// The year that a cycle is, if it is one.
pub(super) fn year(cycle: &Cycle) -> Option<i32> {
    let digits = cycle.as_str();
    let is_year = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_year)
}

async fn assessment(
    ledger: &Ledger,
    read: &AssessmentRead,
    sight: &Sight,
) -> Result<pb::TimelineAssessment, Status> {
    let scope = Scope { detail: Detail::Grades, sight: sight.clone(), as_stated: false };
    let assessment = reads::shown(ledger, read, &scope, Vec::new()).await?;
    let in_force = read.known.in_force().is_some();
    let withdrawn = !in_force && !read.known.published.is_empty();
    Ok(pb::TimelineAssessment { assessment: Some(assessment), in_force, withdrawn })
}

/// What holds under the framework of the latest letter: that assessment, or what its withdrawal
/// fell back to. (Spec §4)
fn holding(assessments: &[(AssessmentRead, Sight)]) -> subject_timeline::Current {
    let known: Vec<&Assessment> = assessments.iter().map(|(read, _)| read.known.as_ref()).collect();
    let latest = latest_first(known.iter().copied());
    let held = latest.first().map(|latest| current(&known, latest.framework.family()));
    match held {
        Some(Current::Rated { assessment, .. }) => {
            subject_timeline::Current::CurrentAssessment(assessment.to_string())
        }
        Some(Current::NotRated { .. }) | None => subject_timeline::Current::NotRated(true),
    }
}

/// The years without an assessment between the first and the last.
fn gaps(assessments: &[(AssessmentRead, Sight)]) -> Vec<i32> {
    let years = assessments.iter().filter_map(|(read, _)| year(&read.assessment.cycle));
    let years: BTreeSet<i32> = years.collect();
    match (years.first(), years.last()) {
        (Some(first), Some(last)) => (*first..*last).filter(|year| !years.contains(year)).collect(),
        (_, _) => Vec::new(),
    }
}

/// An item that is followed up: an entry of an assessment, or one that is only cited.
type Item = (String, String);

/// What became of items: each follow-up joins the item that it names, or that carries it on.
async fn followed(
    ledger: &Ledger,
    assessments: &[(AssessmentRead, Sight)],
) -> Result<Vec<pb::FollowedItem>, Status> {
    let mut items: Vec<(Vec<Item>, pb::FollowedItem)> = Vec::new();
    for (read, sight) in assessments {
        let here = read.assessment.id.clone();
        for (entry, follow_up) in follow_ups(ledger, read, sight).await? {
            let cited = (follow_up.assessment.clone(), follow_up.item.clone());
            let linked = !cited.0.is_empty() && !cited.1.is_empty();
            let known = items.iter_mut().find(|(names, _)| linked && names.contains(&cited));
            let step = pb::FollowedStep {
                assessment: here.to_string(),
                entry_id: entry.clone(),
                status: follow_up.status,
                carried_to: follow_up.carried_to.clone(),
            };
            // From now on the item goes by the names of who follows it up and who carries it on.
            let names = [entry, follow_up.carried_to].map(|name| (here.to_string(), name));
            let names = names.into_iter().filter(|(_, name)| !name.is_empty());
            if let Some((known_as, item)) = known {
                known_as.extend(names);
                item.steps.push(step);
                continue;
            }
            let (assessment, entry_id) = cited.clone();
            let words = follow_up.words;
            let item = pb::FollowedItem { assessment, entry_id, words, steps: vec![step] };
            items.push((names.chain(linked.then_some(cited)).collect(), item));
        }
    }
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

/// The entries of an assessment that follow something up and may be shown.
async fn follow_ups(
    ledger: &Ledger,
    read: &AssessmentRead,
    sight: &Sight,
) -> Result<Vec<(String, pb::FollowUp)>, Status> {
    let scope = Scope { detail: Detail::Full, sight: sight.clone(), as_stated: false };
    let mut follow_ups = Vec::new();
    for (id, at) in scope.entries(read) {
        let written = read.assessment.entries.get(id);
        if written.is_none_or(|written| written.kind != Kind::FollowUp) {
            continue;
        }
        let entry = reads::entry(ledger, read, (id, at), sight).await;
        let entry = entry.map_err(|error| status::of_read(&error))?;
        let follow_up = entry.content.and_then(|content| content.follow_up);
        follow_ups.extend(follow_up.map(|follow_up| (id.to_string(), follow_up)));
    }
    Ok(follow_ups)
}
