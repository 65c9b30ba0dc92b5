//! What of the ledger is told to whom it concerns only in part: an insider of an organisation learns of
//! the assessments that it judges, and of frameworks and subjects, which are for everybody. (Spec §5.3)

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use crate::{
    judgement::{AssessmentId, OrganisationId, PersonId, StreamId},
    ledger::{AsOf, Condition, KnownAt, Ledger, ReadError, Streamed, Test, View},
    rpc::{show::newer_stream, sight::Reach},
};

/// The events of frameworks and subjects.
const OF_EVERYBODY: [&str; 3] = ["FrameworkRegistered", "SubjectRegistered", "SubjectRenamed"];

/// How many assessments a stream remembers: more than most ledgers work on in a year.
const KNOWN_MAX: usize = 16_384;

/// What a query must meet beside what was asked, so that nothing else is found; nothing for who sees
/// all.
pub(super) fn reached(ledger: &Ledger, reach: &Reach) -> Option<Condition> {
    let organisation = match reach {
        Reach::Everything => return None,
        Reach::Judged(organisation) => Some(organisation),
        Reach::Published(_) => None,
    };
    let of_its_own = ledger.frameworks().into_iter().filter_map(|registered| {
        let framework = &registered.framework;
        let signs = organisation.is_some_and(|own| framework.signed_by.contains(own));
        signs.then(|| Test::Framework(framework.id.clone()))
    });
    let of_everybody = OF_EVERYBODY.map(Test::Event);
    Some(Condition::Any(of_its_own.chain(of_everybody).map(Condition::Test).collect()))
}

/// Who is called so. That nobody is hears only who sees all: to others a login that only another
/// organisation's records name, and one that none does, are found in no record alike.
pub(super) fn named<'a>(
    ledger: &'a Ledger,
    reach: &Reach,
) -> impl Fn(&str) -> Option<Vec<PersonId>> + Sync + use<'a> {
    let sees_all = *reach == Reach::Everything;
    move |name| {
        let persons = ledger.persons_named(name);
        (!sees_all || !persons.is_empty()).then_some(persons)
    }
}

/// Which records of a stream its reader is told of.
pub(in crate::rpc) struct Within {
    ledger: Ledger,
    organisation: Option<OrganisationId>,
    /// Whether the reader's organisation judges an assessment. Held for a look.
    judged: Mutex<HashMap<AssessmentId, bool>>,
}

impl Within {
    /// Nothing for who sees all.
    pub(super) fn of(ledger: &Ledger, reach: &Reach) -> Option<Self> {
        let organisation = match reach {
            Reach::Everything => return None,
            Reach::Judged(organisation) => Some(organisation.clone()),
            Reach::Published(_) => None,
        };
        Some(Self { ledger: ledger.clone(), organisation, judged: Mutex::default() })
    }

    /// Looks up what must be known of a page before it is told.
    ///
    /// # Errors
    /// [`ReadError`] if the views cannot be read.
    pub(super) async fn learn(&self, page: &[Streamed]) -> Result<(), ReadError> {
        make_room(&mut self.judged.lock().unwrap_or_else(PoisonError::into_inner), page.len());
        for streamed in page {
            let Some(StreamId::Assessment(id)) = stream(streamed) else { continue };
            if self.is_judged(&id).is_some() {
                continue;
            }
            let as_of =
                AsOf { view: View::Working, known: KnownAt::Now, effective: None, stated: None };
            // A batch is published whole, so that its opening is known here.
            self.ledger.reached(streamed.position()).await?;
            let read = Box::pin(self.ledger.assessment(&id, as_of)).await?;
            let judged = read.is_some_and(|read| {
                let signers = &read.framework.framework.signed_by;
                self.organisation.as_ref().is_some_and(|own| signers.contains(own))
            });
            self.judged.lock().unwrap_or_else(PoisonError::into_inner).insert(id, judged);
        }
        Ok(())
    }

    /// Whether a record of a page that was learnt is told.
    pub(super) fn tells(&self, streamed: &Streamed) -> bool {
        match stream(streamed) {
            Some(StreamId::Assessment(id)) => self.is_judged(&id).unwrap_or(false),
            Some(StreamId::Framework(_) | StreamId::Subject(_)) => true,
            // Who took out what, and who is who.
            Some(StreamId::Ledger) | None => false,
        }
    }

    fn is_judged(&self, id: &AssessmentId) -> Option<bool> {
        self.judged.lock().unwrap_or_else(PoisonError::into_inner).get(id).copied()
    }
}

/// Forgets what was known where so much more does not fit. Before a page, never within one: what was
/// learnt of its first record must be known when that is told.
fn make_room<K, V>(known: &mut HashMap<K, V>, coming: usize) {
    if known.len().saturating_add(coming) > KNOWN_MAX {
        known.clear();
    }
}

fn stream(streamed: &Streamed) -> Option<StreamId> {
    match streamed {
        Streamed::Record(passed_on) => StreamId::parse(passed_on.stream()).ok(),
        Streamed::Newer(_, bytes) => newer_stream(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::audit::pump::ENTRIES_MAX;

    #[test]
    fn what_a_page_taught_is_known_until_the_page_is_told() {
        let (page, mut known) = (ENTRIES_MAX, HashMap::new());
        for first in (0..3 * KNOWN_MAX).step_by(page) {
            make_room(&mut known, page);
            let learnt = first..first + page;
            known.extend(learnt.clone().map(|assessment| (assessment, true)));
            assert!(learnt.clone().all(|assessment| known.contains_key(&assessment)));
            assert!(known.len() <= KNOWN_MAX);
        }
    }
}
