//! An assessment as it stands: grades in the framework's order, entries in the letter's.
//!
//! The fold keeps no words, only where they are recorded. So an assessment is shown in two steps:
//! [`Scope::needs`] names the records that hold what is to be shown, and [`Scope::show`] takes
//! them. Entries, which may be many, are shown one by one: [`Scope::entries`] and [`entry`].

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{
    correction::content_of,
    entry::{addressee, content, signature},
    marks,
    value::{date, moment, non_grade, optional_name, optional_text, timestamp},
};
use crate::{
    judgement::{
        Addressee, Area, Assessment, Correction, Edition, EntryContent, EntryId, Event, Fallback,
        Framework, Judgement, Period, Position, RecordCorrected, Standing, State, Withdrawal,
        edition_digest,
    },
    ledger::{AssessmentRead, Holds, ReadError, ReadRecord, Shown},
    pb,
    rpc::sight::Sight,
};

/// How much of an assessment is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Grades and state.
    Grades,
    /// Also addressee, entries, signatures, and the digest of it all.
    Full,
}

/// What of an assessment is shown, and to whom.
#[derive(Debug, Clone)]
pub(crate) struct Scope {
    /// How much is asked for.
    pub(crate) detail: Detail,
    /// What the caller may see.
    pub(crate) sight: Sight,
    /// Whether the assessment was read by the dates that sources state.
    pub(crate) as_stated: bool,
}

/// The records that hold what is shown, by position.
pub(crate) type Records = BTreeMap<Position, ReadRecord>;

impl Scope {
    /// Whether the texts of the letter are shown. Spec §5.3: addressee, entries and signatures only
    /// to an audience that gets the letter, whatever it asks for.
    fn is_full(&self, read: &AssessmentRead) -> bool {
        let (framework, subject) =
            (read.framework.framework.as_ref(), read.assessment.id.subject());
        match (self.detail, read.holds) {
            (Detail::Full, Holds::AsAsked) => self.sight.takes_in_letter(framework, subject),
            // Of what was withdrawn nothing is shown but that it was.
            (Detail::Full, Holds::Withdrawn) | (Detail::Grades, _) => false,
        }
    }

    /// Whether what is noted beside the letter is shown: to who may see working views.
    fn notes(&self, read: &AssessmentRead) -> bool {
        let sees_all = match &self.sight {
            Sight::All => true,
            Sight::Published(_) => false,
        };
        sees_all && self.is_full(read)
    }

    /// The records that [`Scope::show`] needs, each once, by rising position.
    pub(crate) fn needs(&self, read: &AssessmentRead) -> BTreeSet<Position> {
        let AssessmentRead { assessment, framework, .. } = read;
        let framework = framework.framework.as_ref();
        let judged = self.judged(assessment, framework).filter(|(_, it)| it.qualified);
        let mut needs: BTreeSet<_> = judged.map(|(_, it)| it.item.at).collect();
        if self.is_full(read) {
            needs.extend(assessment.addressee.map(|item| item.at));
            needs.extend(assessment.signatures().map(|(_, item)| item.at));
        }
        if self.notes(read) {
            needs.extend(marks::needs(&read.known));
        }
        needs
    }

    /// The entries in scope, in force and in sight, each with the record that holds its wording: in
    /// the letter's order, which is that of the edition's digest.
    pub(crate) fn entries<'a>(&self, read: &'a AssessmentRead) -> Vec<(&'a EntryId, Position)> {
        let framework = read.framework.framework.as_ref();
        if !self.is_full(read) {
            return Vec::new();
        }
        let mut entries = read.assessment.entries_in_letter_order(framework);
        let subject = read.assessment.id.subject();
        entries.retain(|(_, it)| framework.shows(it, |area| self.sight.takes_in(area, subject)));
        entries.into_iter().map(|(id, written)| (id, written.item.at)).collect()
    }

    /// The assessment, as far as it is in scope, without its entries.
    ///
    /// # Errors
    /// [`ReadError`] if a record that it needs is absent or tells of something else.
    pub(crate) fn show(
        &self,
        read: &AssessmentRead,
        records: &Records,
    ) -> Result<pb::Assessment, ReadError> {
        let AssessmentRead { assessment, framework, moment: known, .. } = read;
        let document = &framework.document_sha256;
        let framework = framework.framework.as_ref();
        let mut shown = pb::Assessment {
            name: assessment.id.to_string(),
            framework: assessment.framework.to_string(),
            cycle: assessment.cycle.to_string(),
            periods: assessment.periods.iter().copied().map(period).collect(),
            addressee: None,
            earlier: assessment.earlier.iter().map(ToString::to_string).collect(),
            state: i32::from(state(assessment, framework)),
            edition: assessment.edition,
            revision: assessment.revision.get(),
            judgements: self.judgements(read, records)?,
            entries: Vec::new(),
            signatures: Vec::new(),
            editions: editions(read, &self.sight),
            digest: Bytes::new(),
            read: Some(moment(*known)),
            as_stated: self.as_stated,
            next_page_token: String::new(),
            holds: Vec::new(),
            challenges: Vec::new(),
            drafts: Vec::new(),
        };
        if self.notes(read) {
            shown.holds = marks::holds(&read.known);
            shown.challenges = marks::challenges(&read.known, records)?;
            shown.drafts = marks::drafts(&read.known, records)?;
        }
        if self.is_full(read) {
            shown.addressee = sent_to(assessment, records)?;
            shown.signatures = signatures(assessment, records)?;
            let digest = edition_digest(assessment, framework, document);
            shown.digest = Bytes::copy_from_slice(digest.as_bytes());
        }
        Ok(shown)
    }

    /// The judgements in sight, in the framework's order.
    fn judged<'a>(
        &'a self,
        assessment: &'a Assessment,
        framework: &'a Framework,
    ) -> impl Iterator<Item = (&'a Area, &'a Judgement)> {
        let subject = assessment.id.subject();
        let in_sight =
            framework.areas.iter().filter(move |area| self.sight.takes_in(area, subject));
        in_sight.filter_map(|area| Some((area, assessment.judgements.get(&area.id)?.as_ref())))
    }

    fn judgements(
        &self,
        read: &AssessmentRead,
        records: &Records,
    ) -> Result<Vec<pb::Judgement>, ReadError> {
        let framework = read.framework.framework.as_ref();
        self.judged(&read.assessment, framework)
            .map(|(area, judgement)| {
                let qualifier = qualifier(judgement, records)?;
                Ok(pb::Judgement {
                    area: area.id.to_string(),
                    area_label: area.label.clone(),
                    award: Some(award(&judgement.standing, qualifier)),
                    description: descriptor(framework, area, &judgement.standing),
                    position: judgement.item.at.get(),
                    effective_on: Some(date(judgement.effective_on)),
                    recorded_at: Some(timestamp(judgement.recorded_at)),
                    transcribed: judgement.transcribed,
                    corrected_at: last_correction(read, judgement.item.at),
                })
            })
            .collect()
    }
}

/// An entry as a record words it, or as `corrected` puts that right.
///
/// # Errors
/// [`ReadError`] if a record tells of something else.
pub(crate) fn entry(
    id: &EntryId,
    record: &ReadRecord,
    corrected: Option<&ReadRecord>,
) -> Result<pb::Entry, ReadError> {
    let worded = wording(record)?;
    let mut entry = pb::Entry {
        entry_id: id.to_string(),
        position: record.record.position.get(),
        recorded_at: Some(timestamp(record.record.recorded_at)),
        content: Some(content(worded)),
        transcribed: record.record.act.origin.is_transcribed(),
        corrected_at: 0,
        former: None,
    };
    if let Some(by) = corrected {
        let Event::RecordCorrected(RecordCorrected {
            to: Correction::Transcription(right), ..
        }) = &by.event
        else {
            return Err(ReadError::other(&by.record, "a correction of an entry"));
        };
        entry.former = entry.content.replace(content(&right.within(worded)));
        entry.corrected_at = by.record.position.get();
    }
    Ok(entry)
}

/// What stands for an area, and the words that bend it. No number is shown or derived where the
/// award was made in words: the level is the one that accepts the word. (Spec §3.4)
pub(crate) fn award(standing: &Standing, qualifier: Option<&Shown>) -> pb::Award {
    let qualifier = optional_text(qualifier);
    match standing {
        Standing::Level { scale, level, word } => pb::Award {
            scale: scale.to_string(),
            level: level.to_string(),
            word: optional_name(word.as_ref()),
            qualifier,
            not_graded: 0,
        },
        Standing::NotGraded(value) => {
            pb::Award { qualifier, not_graded: non_grade(*value), ..pb::Award::default() }
        }
    }
}

/// The last record that corrects a record, whichever state is read; 0 if none does.
fn last_correction(read: &AssessmentRead, record: Position) -> u64 {
    let corrections = read.known.corrections.get(&record);
    corrections.and_then(|all| all.last()).map_or(0, |last| last.item.at.get())
}

fn descriptor(framework: &Framework, area: &Area, standing: &Standing) -> String {
    let called = match standing {
        Standing::Level { scale, level, .. } => framework.descriptor(&area.id, scale, level),
        Standing::NotGraded(_) => None,
    };
    called.map_or_else(String::new, ToOwned::to_owned)
}

/// The state of the working edition. (Spec §4.1)
fn state(assessment: &Assessment, framework: &Framework) -> pb::AssessmentState {
    match assessment.state(framework) {
        State::Open => pb::AssessmentState::Open,
        State::Locked => pb::AssessmentState::Locked,
        State::Signed => pb::AssessmentState::Signed,
        State::Published => pb::AssessmentState::Published,
        State::Withdrawn => pb::AssessmentState::Withdrawn,
    }
}

fn period(period: Period) -> pb::AssessedPeriod {
    pb::AssessedPeriod { first_day: Some(date(period.from)), last_day: Some(date(period.to)) }
}

/// The editions published by the moment read, each with what became of it: whichever state is read,
/// since what became of an edition is recorded after it.
pub(crate) fn editions(read: &AssessmentRead, sight: &Sight) -> Vec<pb::PublishedEdition> {
    read.known.published.iter().map(|it| edition(it, sight)).collect()
}

fn edition(edition: &Edition, sight: &Sight) -> pb::PublishedEdition {
    pb::PublishedEdition {
        withdrawn: edition.withdrawn.as_ref().map(|it| withdrawal(it, sight)),
        edition: edition.number,
        position: edition.item.at.get(),
        letter_date: Some(date(edition.letter_date)),
        digest: Bytes::copy_from_slice(edition.digest.as_bytes()),
    }
}

fn withdrawal(withdrawal: &Withdrawal, sight: &Sight) -> pb::Withdrawal {
    let recorder = &withdrawal.recorded_by;
    // The name behind the id is the directory's to give.
    let person = || pb::Person { person_id: recorder.person.to_string(), name: None };
    pb::Withdrawal {
        position: withdrawal.item.at.get(),
        recorded_at: Some(timestamp(withdrawal.recorded_at)),
        reason: optional_name(withdrawal.reason.as_ref()),
        recorded_by: match sight {
            Sight::All => Some(person()),
            Sight::Published(_) => None,
        },
        recorder_organisation: recorder.organisation.to_string(),
        fallback: match &withdrawal.fallback {
            Fallback::Assessment(assessment) => assessment.to_string(),
            Fallback::NotRated => String::new(),
        },
    }
}

/// The signatures under the edition that stands.
fn signatures(
    assessment: &Assessment,
    records: &Records,
) -> Result<Vec<pb::SignedSignature>, ReadError> {
    let shown = assessment.signatures().map(|(organisation, item)| {
        let record = at(records, item.at)?;
        let Event::SignedOff(signed) = &record.event else {
            return Err(ReadError::other(&record.record, "a signature"));
        };
        Ok(pb::SignedSignature {
            organisation: organisation.to_string(),
            position: item.at.get(),
            recorded_at: Some(timestamp(record.record.recorded_at)),
            signature: Some(signature(&signed.signature)),
            transcribed: record.record.act.origin.is_transcribed(),
        })
    });
    shown.collect()
}

fn sent_to(assessment: &Assessment, records: &Records) -> Result<Option<pb::Addressee>, ReadError> {
    let Some(item) = assessment.addressee else {
        return Ok(None);
    };
    let record = at(records, item.at)?;
    let named: Option<&Addressee<Shown>> = match &record.event {
        Event::AddresseeSet(set) => Some(&set.addressee),
        Event::AssessmentOpened(opened) => opened.addressee.as_ref(),
        Event::PersonRegistered(_)
        | Event::FrameworkRegistered(_)
        | Event::SubjectRegistered(_)
        | Event::GradeSet(_)
        | Event::EntryRecorded(_)
        | Event::EntryRevised(_)
        | Event::AssessmentLocked(_)
        | Event::SignedOff(_)
        | Event::AssessmentPublished(_)
        | Event::HoldPlaced(_)
        | Event::HoldReleased(_)
        | Event::ChallengeReceived(_)
        | Event::ChallengeDecided(_)
        | Event::DraftShared(_)
        | Event::RecordCorrected(_)
        | Event::SubjectRenamed(_)
        | Event::RedactionRequested(_)
        | Event::TextRedacted(_)
        | Event::RedactionRefused(_)
        | Event::RedactionCompleted(_)
        | Event::KeyRotated(_)
        | Event::AccessRecorded(_)
        | Event::SignOffRefused(_)
        | Event::AssessmentReopened(_)
        | Event::AssessmentWithdrawn(_) => None,
    };
    named
        .map(|named| Some(addressee(named)))
        .ok_or_else(|| ReadError::other(&record.record, "an addressee"))
}

/// What an entry says, as a record words it.
///
/// # Errors
/// [`ReadError`] if the record tells of something else.
pub(crate) fn wording(record: &ReadRecord) -> Result<&EntryContent<Shown>, ReadError> {
    content_of(&record.event)
        .ok_or_else(|| ReadError::other(&record.record, "the wording of an entry"))
}

/// The words that bend a judgement, if any do.
fn qualifier<'a>(
    judgement: &Judgement,
    records: &'a Records,
) -> Result<Option<&'a Shown>, ReadError> {
    if !judgement.qualified {
        return Ok(None);
    }
    let record = at(records, judgement.item.at)?;
    let Event::GradeSet(set) = &record.event else {
        return Err(ReadError::other(&record.record, "a grade"));
    };
    Ok(set.award.qualifier.as_ref())
}

fn at(records: &Records, position: Position) -> Result<&ReadRecord, ReadError> {
    records.get(&position).ok_or(ReadError::NoRecord(position))
}

#[cfg(test)]
mod tests;
