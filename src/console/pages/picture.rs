//! A picture of how grades changed: a lane for each area, a step for each change, and a line across all
//! lanes where an edition was published or withdrawn.
//!
//! Time runs to the right, and to scale but where changes are so close that their signs would cover each
//! other. A better level is higher. Where a value stands that is no grade there is no line.

use std::{cmp::Reverse, collections::BTreeMap};

use super::rows::{class, details, record_page};
use crate::{
    pb,
    wording::{award, label, rows::sign},
};

/// Units of the drawing, which is scaled to the page.
const WIDTH: i64 = 960;
const LEFT: i64 = 184;
const RIGHT: i64 = 110;
const TOP: i64 = 46;
const LEVEL: i64 = 20;
const BETWEEN_LANES: i64 = 34;

/// How far lines stay from the edge.
const EDGE: i64 = 30;

/// The least between two signs of a lane, between two moments, and between two days under the drawing.
const SIGNS: i64 = 22;
const APART: i64 = 6;
const DAYS: i64 = 84;

/// The drawing.
pub(super) struct Picture {
    /// Whether the days are those that sources state.
    pub(super) by_sources: bool,
    pub(super) width: i64,
    /// How far the lines of levels go.
    pub(super) edge: i64,
    pub(super) height: i64,
    pub(super) lanes: Vec<Lane>,
    pub(super) across: Vec<Across>,
    pub(super) days: Vec<(i64, String)>,
}

/// One area.
pub(super) struct Lane {
    pub(super) area: String,
    pub(super) y: i64,
    /// What the lines stand for, best first.
    pub(super) levels: Vec<(i64, String)>,
    /// The steps, as a path of SVG.
    pub(super) path: String,
    pub(super) changes: Vec<Change>,
}

/// One change.
pub(super) struct Change {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) sign: char,
    pub(super) class: &'static str,
    pub(super) page: String,
    /// Who, when, why: a line each.
    pub(super) said: Vec<String>,
}

/// What happened to all areas at once.
pub(super) struct Across {
    pub(super) x: i64,
    pub(super) class: &'static str,
    pub(super) said: String,
}

/// What time runs to the right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// When the ledger recorded something.
    Ledger,
    /// When it was decided, as the sources of a history say that was entered later as a whole.
    Sources,
}

impl Clock {
    fn of(rows: &[pb::AuditRow]) -> Self {
        let stated =
            |row: &pb::AuditRow| row.transcribed_from.is_some() && row.decided_on.is_some();
        if !rows.is_empty() && rows.iter().all(stated) { Self::Sources } else { Self::Ledger }
    }

    /// In which order it stands: the ledger's own, or that of the days.
    fn by(self, row: &pb::AuditRow) -> i64 {
        match self {
            Self::Ledger => 0,
            Self::Sources => self.second(row),
        }
    }

    /// Seconds since 1970.
    fn second(self, row: &pb::AuditRow) -> i64 {
        let recorded = row.recorded_at.as_ref().map_or(0, |it| it.seconds);
        match self {
            Self::Ledger => recorded,
            Self::Sources => row.decided_on.as_ref().and_then(midnight).unwrap_or(recorded),
        }
    }
}

fn midnight(day: &pb::google::r#type::Date) -> Option<i64> {
    let part = |it: i32| i8::try_from(it.max(1)).ok();
    let year = i16::try_from(day.year).ok()?;
    let day = jiff::civil::Date::new(year, part(day.month)?, part(day.day)?).ok()?;
    let start =
        jiff::tz::TimeZone::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
    start.ok().map(jiff::Timestamp::as_second)
}

/// Where each record that is drawn lies: in the order of the ledger, to scale, but no closer than can be told
/// apart.
struct Places {
    at: BTreeMap<u64, i64>,
    last: i64,
}

impl Places {
    /// The places of these, which are in the order of the ledger.
    fn of(moments: &[&pb::AuditRow], clock: Clock) -> Self {
        let seconds = |row: &pb::AuditRow| clock.second(row);
        let from = moments.first().map_or(0, |row| seconds(row));
        let to = moments.last().map_or(0, |row| seconds(row));
        let wide = WIDTH.saturating_sub(LEFT).saturating_sub(RIGHT);
        let long = to.saturating_sub(from).max(1);
        let (mut at, mut last, mut last_second) = (BTreeMap::new(), LEFT, from);
        let mut of_area: BTreeMap<&str, i64> = BTreeMap::new();
        for row in moments {
            let since = seconds(row).saturating_sub(from).clamp(0, long);
            let to_scale =
                LEFT.saturating_add(since.saturating_mul(wide).checked_div(long).unwrap_or(0));
            let apart = if seconds(row) == last_second { 0 } else { APART };
            let mut x = to_scale.max(last.saturating_add(apart));
            if let Some(grade) = &row.grade {
                let sign = of_area.entry(&grade.area).or_insert(i64::MIN);
                x = x.max(sign.saturating_add(SIGNS));
                *sign = x;
            }
            at.insert(row.position, x);
            (last, last_second) = (x, seconds(row));
        }
        Self { at, last }
    }

    fn x(&self, row: &pb::AuditRow) -> i64 {
        self.at.get(&row.position).copied().unwrap_or(LEFT)
    }

    /// How wide the drawing is.
    fn width(&self) -> i64 {
        self.last.saturating_add(RIGHT).max(WIDTH)
    }

    /// How far lines go.
    fn edge(&self) -> i64 {
        self.width().saturating_sub(EDGE)
    }
}

impl Picture {
    /// Draws these changes, and what happened beside them. What stands since the last of it goes on to
    /// the edge.
    pub(super) fn of(
        rows: &[pb::AuditRow],
        events: &[pb::AuditRow],
        framework: &pb::Framework,
    ) -> Self {
        let drawn = rows.iter().chain(events.iter().filter(|row| is_across(row)));
        let mut moments: Vec<_> =
            drawn.filter(|row| row.grade.is_some() || is_across(row)).collect();
        let clock = Clock::of(rows);
        moments.sort_by_key(|row| (clock.by(row), row.position));
        let places = Places::of(&moments, clock);
        let mut areas: Vec<(&str, Vec<&pb::AuditRow>)> = Vec::new();
        let mut in_order: Vec<_> = rows.iter().collect();
        in_order.sort_by_key(|row| (clock.by(row), row.position));
        for row in in_order {
            let Some(grade) = &row.grade else { continue };
            match areas.iter_mut().find(|(area, _)| *area == grade.area) {
                Some((_, changes)) => changes.push(row),
                None => areas.push((&grade.area, vec![row])),
            }
        }
        let order = |area: &str| framework.areas.iter().position(|it| it.id == area);
        areas.sort_by_key(|(area, _)| order(area));
        let (mut lanes, mut y) = (Vec::new(), TOP);
        for (area, changes) in areas {
            let lane = Lane::of(area, &changes, framework, (&places, y));
            y = lane.bottom().saturating_add(BETWEEN_LANES);
            lanes.push(lane);
        }
        let across = Across::all(events, &places);
        let days = days(&moments, &places, clock);
        let (width, edge) = (places.width(), places.edge());
        let by_sources = clock == Clock::Sources;
        Self { by_sources, width, edge, height: y.saturating_add(10), lanes, across, days }
    }
}

impl Lane {
    fn of(
        area: &str,
        rows: &[&pb::AuditRow],
        framework: &pb::Framework,
        (places, top): (&Places, i64),
    ) -> Self {
        let (named, ranks) = levels(area, rows, framework);
        let at = |index: usize| {
            let index = i64::try_from(index).unwrap_or(0);
            top.saturating_add(LEVEL.saturating_mul(index.saturating_add(1)))
        };
        let heights: Vec<_> =
            ranks.iter().enumerate().map(|(index, it)| (it.0, at(index))).collect();
        let under = at(ranks.len());
        let place = |given: Option<&pb::Award>| {
            let rank = rank(given?, framework)?;
            heights.iter().find(|(of, _)| *of == rank).map(|(_, y)| *y)
        };
        let (mut changes, mut path) = (Vec::<Change>::new(), Vec::new());
        let mut line: Option<i64> = None;
        for row in rows {
            let Some(grade) = &row.grade else { continue };
            let after = place(grade.after.as_ref());
            let x = places.x(row);
            match (line, after) {
                (Some(_), Some(y)) => path.push(format!("H{x}V{y}")),
                (None, Some(y)) => path.push(format!("M{x} {y}")),
                (Some(_), None) => path.push(format!("H{x}")),
                (None, None) => {}
            }
            line = after;
            let mut said = vec![format!("record {}", row.position)];
            said.extend(details(row).into_iter().map(|(name, value)| format!("{name}: {value}")));
            changes.push(Change {
                x,
                y: after.unwrap_or(under),
                sign: sign(grade.change()),
                class: class(grade.change()),
                page: record_page(row.position),
                said,
            });
        }
        if line.is_some() {
            path.push(format!("H{}", places.edge()));
        }
        let levels = ranks.into_iter().zip(heights).map(|((_, said), (_, y))| (y, said)).collect();
        Self { area: named, y: top, levels, path: path.concat(), changes }
    }

    fn bottom(&self) -> i64 {
        let levels = i64::try_from(self.levels.len()).unwrap_or(0).saturating_add(1);
        self.y.saturating_add(LEVEL.saturating_mul(levels))
    }
}

/// How good an award is; nothing if it is no grade.
fn rank(award: &pb::Award, framework: &pb::Framework) -> Option<i32> {
    let scale = framework.scales.iter().find(|it| it.id == award.scale)?;
    scale.levels.iter().find(|it| it.code == award.level).map(|it| it.rank)
}

/// What an area is called, and the ranks that it may have, best first, each as its scale writes it.
fn levels(
    area: &str,
    rows: &[&pb::AuditRow],
    framework: &pb::Framework,
) -> (String, Vec<(i32, String)>) {
    let named = rows.iter().find_map(|it| it.grade.as_ref());
    let named = named.map(|it| label(&it.area_label)).unwrap_or_default();
    let used = rows.iter().filter_map(|row| row.grade.as_ref()?.after.as_ref());
    let defined = framework.areas.iter().find(|it| it.id == area);
    let first = used.clone().map(|it| it.scale.as_str()).find(|it| !it.is_empty());
    let first = first.or_else(|| defined?.scales.first().map(String::as_str)).unwrap_or_default();
    let scale = framework.scales.iter().find(|it| it.id == first);
    let mut ranks: Vec<_> = scale
        .iter()
        .flat_map(|it| it.levels.iter())
        .map(|it| (it.rank, it.words.first().unwrap_or(&it.code).clone()))
        .collect();
    for award in used {
        let Some(rank) = rank(award, framework) else { continue };
        if !ranks.iter().any(|(of, _)| *of == rank) {
            ranks.push((rank, self::award(Some(award))));
        }
    }
    ranks.sort_by_key(|(rank, _)| Reverse(*rank));
    (named, ranks)
}

impl Across {
    /// What is drawn of these; the first publication is that of the first edition, and so on.
    fn all(events: &[pb::AuditRow], places: &Places) -> Vec<Self> {
        let (mut published, mut shared) = (0_u32, 0_u32);
        let drawn = events.iter().filter(|row| is_across(row)).map(|row| {
            let count = |number: &mut u32| {
                *number = number.saturating_add(1);
                *number
            };
            let (class, said) = match row.event.as_str() {
                PUBLISHED => ("published", format!("edition {} published", count(&mut published))),
                WITHDRAWN => ("withdrawn", format!("edition {} withdrawn", row.edition)),
                _ => ("shared", format!("draft {} shown", count(&mut shared))),
            };
            Self { x: places.x(row), class, said }
        });
        drawn.collect()
    }
}

const PUBLISHED: &str = "AssessmentPublished";
const WITHDRAWN: &str = "AssessmentWithdrawn";
const SHARED: &str = "DraftShared";

fn is_across(row: &pb::AuditRow) -> bool {
    [PUBLISHED, WITHDRAWN, SHARED].contains(&row.event.as_str())
}

/// The days on which something happened, as far as there is room to write them.
fn days(moments: &[&pb::AuditRow], places: &Places, clock: Clock) -> Vec<(i64, String)> {
    let mut days: Vec<(i64, String)> = Vec::new();
    for row in moments {
        let x = places.x(row);
        let day = jiff::Timestamp::from_second(clock.second(row));
        let day = day.map(|it| it.strftime("%F").to_string()).unwrap_or_default();
        let has_room =
            days.last().is_none_or(|(last, said)| x.saturating_sub(*last) >= DAYS && *said != day);
        if has_room {
            days.push((x, day));
        }
    }
    days
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(position: u64, second: i64, area: &str) -> pb::AuditRow {
        let grade = pb::GradeChange { area: area.to_owned(), ..pb::GradeChange::default() };
        pb::AuditRow {
            position,
            recorded_at: Some(prost_types::Timestamp { seconds: second, nanos: 0 }),
            grade: (!area.is_empty()).then_some(grade),
            event: if area.is_empty() { PUBLISHED } else { "GradeSet" }.to_owned(),
            ..pb::AuditRow::default()
        }
    }

    #[test]
    fn what_came_before_is_drawn_before_however_close_it_is() {
        const DAY: i64 = 86_400;
        // A month, in which an area was changed twice within hours of a publication.
        let moments = [
            (0, "a"),
            (29 * DAY, "a"),
            (29 * DAY + 18_000, "a"),
            (29 * DAY + 21_600, ""),
            (29 * DAY + 21_600, "b"),
            (30 * DAY, "a"),
        ];
        let rows = (1..).zip(moments).map(|(position, (second, area))| row(position, second, area));
        let rows: Vec<_> = rows.collect();
        let rows: Vec<_> = rows.iter().collect();
        let places = Places::of(&rows, Clock::Ledger);
        let x: Vec<_> = rows.iter().map(|row| places.x(row)).collect();
        assert!(x.is_sorted(), "{x:?}");
        assert_eq!(x[0], LEFT);
        assert!(x[2] - x[1] >= SIGNS && x[3] > x[2] && x[4] == x[3], "{x:?}");
        assert!(places.width() >= x[5] + RIGHT && places.edge() > x[5], "{x:?}");
        let many: Vec<_> = (1..=100).map(|it| row(it, 5, "a")).collect();
        let many: Vec<_> = many.iter().collect();
        assert!(Places::of(&many, Clock::Ledger).width() > WIDTH);
    }

    #[test]
    fn a_history_entered_later_is_drawn_by_the_days_that_its_sources_state() {
        let day = |month, day| Some(pb::google::r#type::Date { year: 2008, month, day });
        let stated = |position, on| pb::AuditRow {
            transcribed_from: Some(pb::TranscribedFrom::default()),
            decided_on: on,
            ..row(position, 1_790_000_000, "a")
        };
        let rows = [stated(1, day(12, 8)), stated(2, day(3, 1)), stated(3, None)];
        assert_eq!(Clock::of(&rows), Clock::Ledger);
        let rows = &rows[..2];
        assert_eq!(Clock::of(rows), Clock::Sources);
        let picture = Picture::of(rows, &[], &pb::Framework::default());
        let days: Vec<_> = picture.days.iter().map(|(_, said)| said.as_str()).collect();
        assert_eq!(days, ["2008-03-01", "2008-12-08"]);
        let positions: Vec<_> = picture.lanes[0].changes.iter().map(|it| it.page.clone()).collect();
        assert_eq!(positions, [record_page(2), record_page(1)]);
    }
}
