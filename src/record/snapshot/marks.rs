//! Holds, challenges, drafts and corrections in a snapshot.

use super::{Numbered, id, message, optional_id, read_date, read_item, store_date, store_item};
use crate::judgement::{
    Amendment, AreaId, AudienceId, Challenge, ChallengeId, ChallengeKind, Challenged,
    CorrectedField, Draft, EntryId, Hold, HoldId, HoldKind, Item, PointOutcome, Position, Raised,
    Stops,
};

pub(super) fn store_hold(hold: &HoldId, it: &Hold) -> message::Hold {
    message::Hold {
        id: hold.to_string(),
        placed: Some(store_item(&it.placed)),
        kind: it.kind.number(),
        stops: it.stops.number(),
        released: it.released.as_ref().map(store_item),
    }
}

pub(super) fn read_hold(it: &message::Hold) -> Option<(HoldId, Hold)> {
    let hold = Hold {
        placed: read_item(it.placed.as_ref()?)?,
        kind: HoldKind::numbered(it.kind)?,
        stops: Stops::numbered(it.stops)?,
        released: optional_item(it.released.as_ref()).ok()?,
    };
    Some((id(&it.id, HoldId::parse)?, hold))
}

/// The item of a field that may be absent.
///
/// # Errors
/// [`NoItem`] if it is there and cannot be read.
pub(super) fn optional_item(it: Option<&message::Item>) -> Result<Option<Item>, NoItem> {
    it.map(|item| read_item(item).ok_or(NoItem)).transpose()
}

/// A field that holds no item.
#[derive(Debug, Clone, Copy)]
pub(super) struct NoItem;

pub(super) fn store_challenge(challenge: &ChallengeId, it: &Challenge) -> message::Challenge {
    message::Challenge {
        id: challenge.to_string(),
        item: Some(store_item(&it.item)),
        kind: it.kind.number(),
        due: it.due.map(store_date),
        points: it.points.iter().map(store_raised).collect(),
    }
}

pub(super) fn read_challenge(it: &message::Challenge) -> Option<(ChallengeId, Challenge)> {
    let challenge = Challenge {
        item: read_item(it.item.as_ref()?)?,
        kind: ChallengeKind::numbered(it.kind)?,
        due: match it.due {
            Some(days) => Some(read_date(days)?),
            None => None,
        },
        points: it.points.iter().map(read_raised).collect::<Option<_>>()?,
    };
    Some((id(&it.id, ChallengeId::parse)?, challenge))
}

fn store_raised(it: &Raised) -> message::Raised {
    let (area, entry) = match &it.about {
        Challenged::Area(area) => (Some(area.to_string()), None),
        Challenged::Entry(entry) => (None, Some(entry.to_string())),
    };
    message::Raised {
        area,
        entry,
        against: it.against.as_ref().map(store_item),
        decided: it.decided.as_ref().map(|(item, _)| store_item(item)),
        outcome: it.decided.map_or(0, |(_, outcome)| outcome.number()),
    }
}

fn read_raised(it: &message::Raised) -> Option<Raised> {
    let area = optional_id(it.area.as_ref(), AreaId::parse).ok()?;
    let entry = optional_id(it.entry.as_ref(), EntryId::parse).ok()?;
    let about = match (area, entry) {
        (Some(area), None) => Challenged::Area(area),
        (None, Some(entry)) => Challenged::Entry(entry),
        (None, None) | (Some(_), Some(_)) => return None,
    };
    let decided = match optional_item(it.decided.as_ref()).ok()? {
        Some(item) => Some((item, PointOutcome::numbered(it.outcome)?)),
        None => None,
    };
    Some(Raised { about, against: optional_item(it.against.as_ref()).ok()?, decided })
}

pub(super) fn store_draft(it: &Draft) -> message::Draft {
    message::Draft {
        item: Some(store_item(&it.item)),
        position: it.position.get(),
        audience: it.audience.to_string(),
    }
}

pub(super) fn read_draft(it: &message::Draft) -> Option<Draft> {
    Some(Draft {
        item: read_item(it.item.as_ref()?)?,
        position: Position::new(it.position),
        audience: id(&it.audience, AudienceId::parse)?,
    })
}

pub(super) fn store_corrected(record: Position, all: &[Amendment]) -> message::Corrected {
    let amendment = |it: &Amendment| message::Amendment {
        item: Some(store_item(&it.item)),
        field: it.field.number(),
    };
    message::Corrected { record: record.get(), amendments: all.iter().map(amendment).collect() }
}

pub(super) fn read_corrected(it: &message::Corrected) -> Option<(Position, Vec<Amendment>)> {
    let amendment = |one: &message::Amendment| {
        let field = CorrectedField::numbered(one.field)?;
        Some(Amendment { item: read_item(one.item.as_ref()?)?, field })
    };
    let all = it.amendments.iter().map(amendment).collect::<Option<_>>()?;
    Some((Position::new(it.record), all))
}
