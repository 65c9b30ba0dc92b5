//! Recording that somebody takes evidence out of the ledger, before it is handed out. (Spec §4)

use super::{Ledger, Mode, ReadError, Receipt, Submission, SubmitError, filing, fold};
use crate::{
    judgement::{
        AccessRecorded, Act, Caller, Command, Order, OrganisationId, Position, RequestId, Role,
        StreamId, Text,
    },
    record::Record,
};

/// How often it is tried, if others introduce the same login at the same moment: the second time it is
/// known.
const ATTEMPTS_MAX: usize = 3;

/// Who takes something out, as the credential says.
#[derive(Debug, Clone)]
pub struct Taker {
    /// The login.
    pub login: Text,
    /// Its organisation.
    pub organisation: OrganisationId,
    /// What it may do.
    pub roles: Vec<Role>,
}

impl Ledger {
    /// Records that `taker` takes something out; once this is answered it may be handed out.
    ///
    /// # Errors
    /// [`SubmitError`]: then nothing may be handed out.
    pub async fn record_access(
        &self,
        taker: &Taker,
        access: &AccessRecorded<Text>,
    ) -> Result<Receipt, SubmitError> {
        let mut attempt = 1;
        loop {
            match self.submit(self.access(taker, access)).await {
                Err(SubmitError::DirectoryMoved) if attempt < ATTEMPTS_MAX => {
                    attempt = attempt.saturating_add(1);
                }
                outcome => {
                    let receipt = outcome?.into_iter().next();
                    // For one command there is one receipt.
                    return receipt.ok_or(SubmitError::OutcomeUnknown);
                }
            }
        }
    }

    fn access(&self, taker: &Taker, access: &AccessRecorded<Text>) -> Submission {
        let Taker { login, organisation, roles } = taker;
        let mut introductions = self.introductions();
        let person = introductions.person(organisation, login);
        // Nobody repeats it: each handing out is one of its own.
        let request = RequestId::new(self.shared.persons.fresh().uuid());
        let command = Command {
            caller: Caller { person, organisation: organisation.clone(), roles: roles.clone() },
            act: Act::of_service(request),
            order: Order::RecordAccess(access.clone()),
        };
        let introductions = introductions.into_new();
        Submission { commands: vec![command], introductions, mode: Mode::Record }
    }

    /// The records of what was taken out of a stream, or else of the whole ledger, newest first, at
    /// most `limit`.
    ///
    /// # Errors
    /// As [`Ledger::records`].
    pub async fn last_accesses(
        &self,
        of: Option<&StreamId>,
        until: Position,
        limit: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let (journal, key) = (&*self.shared.journal, filing::of_access(of));
        let (mut found, mut before) = (Vec::new(), until.next());
        while found.len() < limit
            && let Some(at) = journal.latest(key, before).await?
        {
            found.push(fold::keep(journal, at).await?.record);
            before = at;
        }
        Ok(found)
    }

    /// What was taken out of a stream, or of the whole ledger, up to a position: where it is recorded,
    /// oldest first.
    ///
    /// # Errors
    /// As [`Ledger::records`].
    pub async fn accesses(
        &self,
        of: &StreamId,
        until: Position,
    ) -> Result<Vec<Position>, ReadError> {
        let mut found = Vec::new();
        for key in [filing::of_access(Some(of)), filing::of_access(None)] {
            let mut before = until.next();
            while let Some(at) = self.shared.journal.latest(key, before).await? {
                found.push(at);
                before = at;
            }
        }
        found.sort_unstable();
        found.dedup();
        Ok(found)
    }
}
