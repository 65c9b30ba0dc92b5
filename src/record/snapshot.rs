//! What stands in an assessment, as bytes for the views' store.
//!
//! A snapshot saves folding an assessment's records again. It is disposable: another first byte,
//! or bytes that do not read, mean that the records are folded again. It is no evidence and has
//! no place in the protos.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::{Timestamp, civil::Date};
use prost::Message as _;
use uuid::Uuid;

use super::Numbered;
use crate::{
    judgement::{
        AreaId, Assessment, AssessmentId, BadId, Cycle, Edition, EntryId, Fallback, FrameworkId,
        Item, Judgement, Kind, Label, Lapsed, LevelCode, Milestone, NonGrade, OrganisationId,
        Period, PersonId, Phase, Position, ReasonCode, RecordId, Recorder, Revision, Role, ScaleId,
        SectionId, Standing, Withdrawal, Written,
    },
    merkle::Hash,
};

mod marks;
mod message;

/// The first byte of every snapshot: one more for each change to the messages or their meaning.
const VERSION: u8 = 6;

/// The snapshot of an assessment.
#[must_use]
pub fn snapshot_of(assessment: &Assessment) -> Vec<u8> {
    let message = store(assessment);
    let mut snapshot = vec![VERSION];
    snapshot.extend(message.encode_to_vec());
    snapshot
}

/// The assessment that `snapshot` holds; `None` if another version wrote it or it is damaged: then
/// the records are to be folded again.
#[must_use]
pub fn read_snapshot(snapshot: &[u8]) -> Option<Assessment> {
    let (version, bytes) = snapshot.split_first()?;
    if *version != VERSION {
        return None;
    }
    read(&message::Assessment::decode(bytes).ok()?)
}

fn store(it: &Assessment) -> message::Assessment {
    message::Assessment {
        id: it.id.to_string(),
        framework: it.framework.to_string(),
        cycle: it.cycle.to_string(),
        periods: it.periods.iter().copied().map(store_period).collect(),
        earlier: it.earlier.iter().map(ToString::to_string).collect(),
        revision: it.revision.get(),
        last: Some(store_item(&it.last)),
        opened: Some(store_item(&it.opened)),
        addressee: it.addressee.as_ref().map(store_item),
        judgements: it.judgements.iter().map(|(area, held)| store_judgement(area, held)).collect(),
        entries: it.entries.iter().map(|(entry, held)| store_written(entry, held)).collect(),
        edition: it.edition,
        phase: Some(store_phase(&it.phase)),
        published: it.published.iter().map(store_edition).collect(),
        lapsed: it.lapsed.iter().map(store_lapsed).collect(),
        holds: it.holds.iter().map(|(hold, held)| marks::store_hold(hold, held)).collect(),
        challenges: it.challenges.iter().map(|(id, it)| marks::store_challenge(id, it)).collect(),
        drafts: it.drafts.iter().map(marks::store_draft).collect(),
        corrections: it
            .corrections
            .iter()
            .map(|(record, all)| marks::store_corrected(*record, all))
            .collect(),
        draft_shared: it.passed.contains(&Milestone::DraftShared),
        signed: it.passed.contains(&Milestone::Signed),
    }
}

fn read(it: &message::Assessment) -> Option<Assessment> {
    Some(Assessment {
        id: id(&it.id, AssessmentId::parse)?,
        framework: id(&it.framework, FrameworkId::parse)?,
        cycle: id(&it.cycle, Cycle::parse)?,
        periods: it.periods.iter().copied().map(read_period).collect::<Option<_>>()?,
        earlier: it.earlier.iter().map(|it| id(it, AssessmentId::parse)).collect::<Option<_>>()?,
        revision: Revision::new(it.revision),
        last: read_item(it.last.as_ref()?)?,
        opened: read_item(it.opened.as_ref()?)?,
        addressee: match &it.addressee {
            Some(item) => Some(read_item(item)?),
            None => None,
        },
        judgements: it.judgements.iter().map(read_judgement).collect::<Option<_>>()?,
        entries: it.entries.iter().map(read_written).collect::<Option<_>>()?,
        edition: it.edition,
        phase: read_phase(it.phase.as_ref()?)?,
        published: it.published.iter().map(read_edition).collect::<Option<_>>()?,
        lapsed: it.lapsed.iter().map(read_lapsed).collect::<Option<_>>()?,
        holds: it.holds.iter().map(marks::read_hold).collect::<Option<_>>()?,
        challenges: it.challenges.iter().map(marks::read_challenge).collect::<Option<_>>()?,
        drafts: it.drafts.iter().map(marks::read_draft).collect::<Option<_>>()?,
        corrections: it.corrections.iter().map(marks::read_corrected).collect::<Option<_>>()?,
        passed: read_passed(it),
    })
}

fn read_passed(it: &message::Assessment) -> BTreeSet<Milestone> {
    let passed = [(it.draft_shared, Milestone::DraftShared), (it.signed, Milestone::Signed)];
    passed.into_iter().filter_map(|(passed, milestone)| passed.then_some(milestone)).collect()
}

fn store_period(it: Period) -> message::Period {
    message::Period { from: store_date(it.from), to: store_date(it.to) }
}

fn read_period(it: message::Period) -> Option<Period> {
    Some(Period { from: read_date(it.from)?, to: read_date(it.to)? })
}

fn store_item(it: &Item) -> message::Item {
    message::Item {
        at: it.at.get(),
        record: it.record.uuid().as_bytes().to_vec(),
        hash: it.hash.as_bytes().to_vec(),
    }
}

fn read_item(it: &message::Item) -> Option<Item> {
    Some(Item {
        at: Position::new(it.at),
        record: RecordId::new(Uuid::from_slice(&it.record).ok()?),
        hash: read_hash(&it.hash)?,
    })
}

fn read_hash(bytes: &[u8]) -> Option<Hash> {
    bytes.try_into().map(Hash::new).ok()
}

fn store_judgement(area: &AreaId, it: &Judgement) -> message::Judgement {
    let mut message = message::Judgement {
        area: area.to_string(),
        item: Some(store_item(&it.item)),
        qualified: it.qualified,
        deciders: it.deciders.iter().map(|it| it.uuid().as_bytes().to_vec()).collect(),
        effective_on: store_date(it.effective_on),
        recorded_at: it.recorded_at.as_microsecond(),
        transcribed: it.transcribed,
        ..message::Judgement::default()
    };
    match &it.standing {
        Standing::Level { scale, level, word } => {
            message.scale = scale.to_string();
            message.level = level.to_string();
            message.word = word.as_ref().map(ToString::to_string);
        }
        Standing::NotGraded(value) => message.not_graded = Some(value.number()),
    }
    message
}

fn read_judgement(it: &message::Judgement) -> Option<(AreaId, Arc<Judgement>)> {
    let person = |bytes: &Vec<u8>| Uuid::from_slice(bytes).map(PersonId::new).ok();
    let standing = match it.not_graded {
        Some(value) => Standing::NotGraded(NonGrade::numbered(value)?),
        None => Standing::Level {
            scale: id(&it.scale, ScaleId::parse)?,
            level: id(&it.level, LevelCode::parse)?,
            word: optional_id(it.word.as_ref(), Label::parse).ok()?,
        },
    };
    let judgement = Judgement {
        item: read_item(it.item.as_ref()?)?,
        standing,
        qualified: it.qualified,
        deciders: it.deciders.iter().map(person).collect::<Option<_>>()?,
        effective_on: read_date(it.effective_on)?,
        recorded_at: Timestamp::from_microsecond(it.recorded_at).ok()?,
        transcribed: it.transcribed,
    };
    Some((id(&it.area, AreaId::parse)?, Arc::new(judgement)))
}

fn store_written(entry: &EntryId, it: &Written) -> message::Written {
    message::Written {
        entry: entry.to_string(),
        item: Some(store_item(&it.item)),
        kind: it.kind.number(),
        section: it.section.to_string(),
        area: it.area.as_ref().map(ToString::to_string),
        order: it.order,
        struck: it.struck,
        corrected: it.corrected.as_ref().map(store_item),
    }
}

fn read_written(it: &message::Written) -> Option<(EntryId, Arc<Written>)> {
    let written = Written {
        item: read_item(it.item.as_ref()?)?,
        kind: Kind::numbered(it.kind)?,
        section: id(&it.section, SectionId::parse)?,
        area: optional_id(it.area.as_ref(), AreaId::parse).ok()?,
        order: it.order,
        struck: it.struck,
        corrected: marks::optional_item(it.corrected.as_ref()).ok()?,
    };
    Some((id(&it.entry, EntryId::parse)?, Arc::new(written)))
}

fn store_phase(phase: &Phase) -> message::Phase {
    match phase {
        Phase::Open => message::Phase::Open(message::Nothing {}),
        Phase::Locked { digest, signatures } => message::Phase::Locked(message::Locked {
            digest: digest.as_bytes().to_vec(),
            signatures: store_signatures(signatures),
        }),
        Phase::Published => message::Phase::Published(message::Nothing {}),
    }
}

fn read_phase(phase: &message::Phase) -> Option<Phase> {
    match phase {
        message::Phase::Open(_) => Some(Phase::Open),
        message::Phase::Locked(locked) => Some(Phase::Locked {
            digest: read_hash(&locked.digest)?,
            signatures: read_signatures(&locked.signatures)?,
        }),
        message::Phase::Published(_) => Some(Phase::Published),
    }
}

fn store_signatures(signatures: &BTreeMap<OrganisationId, Item>) -> Vec<message::Signed> {
    let signed = signatures.iter().map(|(organisation, item)| message::Signed {
        organisation: organisation.to_string(),
        item: Some(store_item(item)),
    });
    signed.collect()
}

fn read_signatures(signatures: &[message::Signed]) -> Option<BTreeMap<OrganisationId, Item>> {
    let signed = signatures.iter().map(|it| {
        let organisation = id(&it.organisation, OrganisationId::parse)?;
        Some((organisation, read_item(it.item.as_ref()?)?))
    });
    signed.collect()
}

fn store_edition(it: &Edition) -> message::Edition {
    message::Edition {
        number: it.number,
        item: Some(store_item(&it.item)),
        letter_date: store_date(it.letter_date),
        digest: it.digest.as_bytes().to_vec(),
        signatures: store_signatures(&it.signatures),
        withdrawn: it.withdrawn.as_ref().map(store_withdrawal),
    }
}

fn read_edition(it: &message::Edition) -> Option<Edition> {
    Some(Edition {
        number: it.number,
        item: read_item(it.item.as_ref()?)?,
        letter_date: read_date(it.letter_date)?,
        digest: read_hash(&it.digest)?,
        signatures: read_signatures(&it.signatures)?,
        withdrawn: match &it.withdrawn {
            Some(withdrawal) => Some(read_withdrawal(withdrawal)?),
            None => None,
        },
    })
}

fn store_withdrawal(it: &Withdrawal) -> message::Withdrawal {
    let fallback = match &it.fallback {
        Fallback::Assessment(assessment) => Some(assessment.to_string()),
        Fallback::NotRated => None,
    };
    message::Withdrawal {
        item: Some(store_item(&it.item)),
        fallback,
        recorded_at: it.recorded_at.as_microsecond(),
        person: it.recorded_by.person.uuid().as_bytes().to_vec(),
        role: it.recorded_by.role.number(),
        organisation: it.recorded_by.organisation.to_string(),
        reason: it.reason.as_ref().map(ToString::to_string),
    }
}

fn read_withdrawal(it: &message::Withdrawal) -> Option<Withdrawal> {
    let fallback = optional_id(it.fallback.as_ref(), AssessmentId::parse).ok()?;
    Some(Withdrawal {
        item: read_item(it.item.as_ref()?)?,
        recorded_at: Timestamp::from_microsecond(it.recorded_at).ok()?,
        recorded_by: Recorder {
            person: PersonId::new(Uuid::from_slice(&it.person).ok()?),
            role: Role::numbered(it.role)?,
            organisation: id(&it.organisation, OrganisationId::parse)?,
        },
        reason: optional_id(it.reason.as_ref(), ReasonCode::parse).ok()?,
        fallback: fallback.map_or(Fallback::NotRated, Fallback::Assessment),
    })
}

fn store_lapsed(it: &Lapsed) -> message::Lapsed {
    message::Lapsed {
        organisation: it.organisation.to_string(),
        item: Some(store_item(&it.item)),
        by: Some(store_item(&it.by)),
    }
}

fn read_lapsed(it: &message::Lapsed) -> Option<Lapsed> {
    Some(Lapsed {
        organisation: id(&it.organisation, OrganisationId::parse)?,
        item: read_item(it.item.as_ref()?)?,
        by: read_item(it.by.as_ref()?)?,
    })
}

const UNIX_DAY: Date = Date::constant(1970, 1, 1);

/// The days since 1970, which every date has.
fn store_date(date: Date) -> i32 {
    date.since(UNIX_DAY).map_or(0, |span| span.get_days())
}

fn read_date(days: i32) -> Option<Date> {
    let span = jiff::Span::new().try_days(days).ok()?;
    UNIX_DAY.checked_add(span).ok()
}

fn id<T>(given: &str, parse: fn(&str) -> Result<T, BadId>) -> Option<T> {
    parse(given).ok()
}

fn optional_id<T>(
    given: Option<&String>,
    parse: fn(&str) -> Result<T, BadId>,
) -> Result<Option<T>, BadId> {
    given.map(|given| parse(given)).transpose()
}

#[cfg(test)]
mod tests;
