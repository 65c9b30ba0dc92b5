//! The frameworks that every ledger has from its first record on. (Spec §3.6)

use std::sync::Arc;

use uuid::Uuid;

use super::{Introduction, Ledger, Mode, Submission, SubmitError};
use crate::{
    judgement::{
        Act, BadId, Caller, Command, Framework, Order, OrganisationId, RegisterFramework,
        RequestId, Role, Text, TextTooLong,
    },
    record::{BadJson, Fault, built_in, document_of, read_framework},
};

/// For whom the service acts when nobody told it to.
const SERVICE: &str = "judgement-ledger";

/// Why a built-in framework is not there.
#[derive(Debug, thiserror::Error)]
pub enum BuiltInError {
    /// Its file is malformed: this build is broken.
    #[error(transparent)]
    Json(#[from] BadJson),
    /// Its file describes no framework: this build is broken.
    #[error("a built-in framework has faults: {0:?}")]
    Faulty(Vec<Fault>),
    /// The service's own name is none: this build is broken.
    #[error(transparent)]
    Name(#[from] BadId),
    /// The service's own name is too long: this build is broken.
    #[error(transparent)]
    Text(#[from] TextTooLong),
    /// The framework could not be recorded.
    #[error(transparent)]
    Submit(#[from] SubmitError),
}

/// How often the service is introduced before that is given up.
const INTRODUCTIONS_MAX: u32 = 8;

impl Ledger {
    /// Registers the built-in frameworks that this ledger does not have yet. The sequencer must
    /// be running.
    ///
    /// # Errors
    /// [`BuiltInError`].
    pub async fn register_built_in(&self) -> Result<(), BuiltInError> {
        for message in built_in()? {
            let (document, _) = document_of(&message);
            let framework = read_framework(&document).map_err(BuiltInError::Faulty)?;
            if self.framework(&framework.id).is_none() {
                self.register(framework, Arc::from(document.as_ref())).await?;
            }
        }
        Ok(())
    }

    /// The service as a caller, introduced if need be.
    ///
    /// # Errors
    /// [`BuiltInError`] if its name is none.
    pub(super) fn service(&self) -> Result<(Caller, Vec<Introduction>), BuiltInError> {
        let organisation = OrganisationId::parse(SERVICE)?;
        let mut introductions = self.introductions();
        let person = introductions.person(&organisation, &Text::parse(SERVICE)?);
        let caller = Caller { person, organisation, roles: vec![Role::Service] };
        Ok((caller, introductions.into_new()))
    }

    async fn register(
        &self,
        framework: Framework,
        document: Arc<[u8]>,
    ) -> Result<(), BuiltInError> {
        // Of this document, for ever: a ledger that was cut off here registers it once.
        let request = Uuid::new_v5(&Uuid::NAMESPACE_OID, &document);
        let order = RegisterFramework { framework: Arc::new(framework), document };
        for _ in 0..INTRODUCTIONS_MAX {
            let (caller, introductions) = self.service()?;
            let command = Command {
                caller,
                act: Act::of_service(RequestId::new(request)),
                order: Order::RegisterFramework(order.clone()),
            };
            let commands = vec![command];
            let submission = Submission { commands, introductions, mode: Mode::Record };
            match self.submit(submission).await {
                // Another process that serves the same ledger has introduced the service just now.
                Err(SubmitError::DirectoryMoved) => {}
                submitted => return Ok(submitted.map(drop)?),
            }
        }
        Err(SubmitError::DirectoryMoved.into())
    }
}
