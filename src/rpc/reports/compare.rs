//! How two assessments differ, or two moments of one. (Spec §5, `CompareAssessments`)

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;
use tonic::Status;

use super::{difference, page::comparison, side::Side};
use crate::{
    judgement::{Area, AreaId, Comparison, EntryId, Framework, Position, compare as compared},
    ledger::{AssessmentRead, KnownAt, Ledger, ReadError},
    pb::{self, EntryDifference},
    rpc::{
        asked::Asked,
        page_token::{Page, Paging},
        reads,
        show::{self, Detail, Scope},
        sight::Reach,
        status,
    },
};

/// Compares what a request names.
///
/// # Errors
/// `BadRequest`, `NOT_PERMITTED`, `ASSESSMENT_NOT_FOUND`, `EDITION_NOT_FOUND`, or why the ledger
/// cannot be read.
pub(super) async fn compare(
    ledger: &Ledger,
    reach: &Reach,
    request: pb::CompareAssessmentsRequest,
) -> Result<pb::CompareAssessmentsResponse, Status> {
    let mut asked = Asked::default();
    let before = Side::take(&mut asked, "before", request.before.as_ref());
    let after = Side::take(&mut asked, "after", request.after.as_ref());
    let listed = pb::CompareAssessmentsRequest {
        page_size: 0,
        page_token: String::new(),
        min_position: 0,
        ..request.clone()
    };
    // Who does not ask for less gets all that fits at once.
    let size = if request.page_size == 0 { i32::MAX } else { request.page_size };
    let token = request.page_token.as_str();
    let paging = Paging::take(&mut asked, "CompareAssessments", &listed, size, token);
    let ((before, after), paging) = asked.settle(before.zip(after).zip(paging))?;
    before.check(reach)?;
    after.check(reach)?;

    reads::reached(ledger, request.min_position).await?;
    let now = reads::moment(ledger, paging.known(KnownAt::Now)).await?;
    let _turn = ledger.turn().await;
    let compared = Compared {
        one_assessment: before.assessment == after.assessment,
        before: Shown::read(ledger, &before, reach, now).await?,
        after: Shown::read(ledger, &after, reach, now).await?,
    };
    let mut answer = pb::CompareAssessmentsResponse {
        areas: compared.areas(),
        entries: Vec::new(),
        read_before: Some(show::moment(compared.before.read.moment)),
        read_after: Some(show::moment(compared.after.read.moment)),
        next_page_token: String::new(),
    };
    let page = compared.entries(ledger, &paging, answer.encoded_len()).await;
    let page = page.map_err(|error| status::of_read(&error))?;
    answer.entries = page.rows;
    answer.next_page_token = paging.next(page.next, now.position);
    Ok(answer)
}

/// A side as it is shown to who asked.
struct Shown {
    read: AssessmentRead,
    scope: Scope,
    awards: BTreeMap<String, pb::Award>,
}

impl Shown {
    async fn read(
        ledger: &Ledger,
        side: &Side,
        reach: &Reach,
        now: crate::ledger::Moment,
    ) -> Result<Self, Status> {
        let (read, sight) = side.read(ledger, reach, now).await?;
        let as_stated = side.as_stated();
        let grades = Scope { detail: Detail::Grades, sight: sight.clone(), as_stated };
        let shown = Box::pin(reads::shown(ledger, &read, &grades, Vec::new())).await?;
        let awards = shown.judgements.into_iter();
        let awards = awards.filter_map(|it| Some((it.area, it.award?))).collect();
        Ok(Self { read, scope: Scope { detail: Detail::Full, sight, as_stated }, awards })
    }

    fn framework(&self) -> &Framework {
        &self.read.framework.framework
    }

    /// What is not in sight is not there: nothing is said of it, not even that it is hidden.
    fn in_sight(&self) -> impl Iterator<Item = &Area> {
        self.framework().areas.iter().filter(|area| self.shows(area))
    }

    fn shows(&self, area: &Area) -> bool {
        self.scope.sight.takes_in(area, self.read.assessment.id.subject())
    }

    fn award(&self, area: &AreaId) -> Option<pb::Award> {
        self.awards.get(area.as_str()).cloned()
    }
}

/// Both sides.
struct Compared {
    before: Shown,
    after: Shown,
    one_assessment: bool,
}

impl Compared {
    /// The areas of which something in sight is said.
    fn areas(&self) -> Vec<pb::AreaComparison> {
        let mut met: BTreeSet<&AreaId> = BTreeSet::new();
        let mut areas = Vec::new();
        for area in self.after.in_sight() {
            let before = self.before.framework().counterpart(area, self.after.framework());
            let before = before.filter(|it| self.before.shows(it));
            met.extend(before.map(|it| &it.id));
            areas.extend(self.area(before, Some(area)));
        }
        let left = self.before.in_sight().filter(|area| !met.contains(&area.id));
        areas.extend(left.filter_map(|area| self.area(Some(area), None)));
        areas
    }

    fn area(&self, before: Option<&Area>, after: Option<&Area>) -> Option<pb::AreaComparison> {
        let standing = |side: &Shown, area: Option<&Area>| {
            let judgements = &side.read.assessment.judgements;
            area.and_then(|area| judgements.get(&area.id)).map(|it| it.standing.clone())
        };
        let (stood, stands) = (standing(&self.before, before), standing(&self.after, after));
        let told = compared(
            (stood.as_ref(), self.before.framework()),
            (stands.as_ref(), self.after.framework()),
        )?;
        // An area that the other framework does not have is neither new nor dropped.
        let paired = before.is_some() && after.is_some();
        let told = if paired { told } else { Comparison::NotComparable };
        let named = after.or(before)?;
        let concept = named.concept.as_ref().map(ToString::to_string);
        let award = |side: &Shown, area: Option<&Area>| area.and_then(|area| side.award(&area.id));
        let name = |area: Option<&Area>| area.map(|area| area.id.to_string()).unwrap_or_default();
        Some(pb::AreaComparison {
            concept: concept.unwrap_or_default(),
            area_before: name(before),
            area_after: name(after),
            area_label: named.label.clone(),
            before: award(&self.before, before),
            after: award(&self.after, after),
            comparison: comparison(told),
        })
    }

    /// The entries in sight that may differ: where they stand before and after.
    fn changed(&self) -> Vec<(&EntryId, Option<Position>, Option<Position>)> {
        if !self.one_assessment {
            return Vec::new();
        }
        // A correction changes what an entry says, and not the record that worded it.
        let worded = |side: &Shown, id: &EntryId| {
            let written = side.read.assessment.entries.get(id);
            written.and_then(|written| written.corrected).map(|item| item.at)
        };
        let before = self.before.scope.entries(&self.before.read);
        let after = self.after.scope.entries(&self.after.read);
        let stood: BTreeMap<_, _> = before.iter().copied().collect();
        let stands: BTreeMap<_, _> = after.iter().copied().collect();
        let now = after.iter().map(|(id, at)| (*id, stood.get(id).copied(), Some(*at)));
        let now = now.filter(|(id, was, is)| {
            was != is || worded(&self.before, id) != worded(&self.after, id)
        });
        let gone = before.iter().filter(|(id, _)| !stands.contains_key(id));
        let gone = gone.map(|(id, at)| (*id, Some(*at), None));
        now.chain(gone).collect()
    }

    /// A page of the entries that differ, beside `taken` bytes of other things. The places in a
    /// page token are those among all that may differ, from 1: at one moment they do not change.
    async fn entries(
        &self,
        ledger: &Ledger,
        paging: &Paging,
        taken: usize,
    ) -> Result<Page<pb::EntryComparison>, ReadError> {
        let changed = self.changed();
        let place = |index: usize| Position::new(u64::try_from(index).unwrap_or(u64::MAX));
        let from = paging.from().map_or(0, |at| usize::try_from(at.get()).unwrap_or(usize::MAX));
        let until = from.saturating_add(paging.limit);
        let mut page = Page::beside(taken, (until < changed.len()).then(|| place(until)));
        let these = (1..).zip(changed).skip(from).take(paging.limit);
        for (index, (id, before, after)) in these {
            let before = entry(ledger, &self.before, id, before).await?;
            let after = entry(ledger, &self.after, id, after).await?;
            if let Some(differs) = differing(id, before, after)
                && page.take(place(index), differs).is_break()
            {
                break;
            }
        }
        Ok(page)
    }
}

async fn entry(
    ledger: &Ledger,
    side: &Shown,
    id: &EntryId,
    at: Option<Position>,
) -> Result<Option<pb::Entry>, ReadError> {
    match at {
        Some(at) => reads::entry(ledger, &side.read, (id, at), &side.scope.sight).await.map(Some),
        None => Ok(None),
    }
}

/// How an entry differs; nothing if it was recorded anew and says the same.
fn differing(
    id: &EntryId,
    before: Option<pb::Entry>,
    after: Option<pb::Entry>,
) -> Option<pb::EntryComparison> {
    let said = |entry: &Option<pb::Entry>| entry.as_ref().and_then(|it| it.content.clone());
    let (difference, texts) = match (said(&before), said(&after)) {
        (None, None) => return None,
        (None, Some(_)) => (EntryDifference::Added, Vec::new()),
        (Some(_), None) => (EntryDifference::Struck, Vec::new()),
        (Some(before), Some(after)) if before == after => return None,
        (Some(before), Some(after)) => {
            (EntryDifference::Changed, difference::texts(&before, &after))
        }
    };
    let difference = difference.into();
    Some(pb::EntryComparison { entry_id: id.to_string(), difference, before, after, texts })
}
