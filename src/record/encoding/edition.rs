//! What ends an edition, as records hold it.

use super::{
    Read, Stored,
    fields::{array, name, optional_name, store_bytes},
    read_optional, read_required, store_optional,
};
use crate::{
    judgement::{
        AssessmentId, AssessmentReopened, AssessmentWithdrawn, Fallback, OrganisationId,
        SignOffRefused,
    },
    merkle::Hash,
    pb,
    record::Commitment,
};

impl Stored for SignOffRefused<Commitment> {
    type Message = pb::SignOffRefused;

    fn store(&self) -> pb::SignOffRefused {
        pb::SignOffRefused {
            organisation: self.organisation.to_string(),
            edition: self.edition,
            digest: store_bytes(self.digest.as_bytes()),
            objection: Some(self.objection.store()),
        }
    }

    fn read(message: &pb::SignOffRefused) -> Read<Self> {
        Ok(Self {
            organisation: name(
                &message.organisation,
                OrganisationId::parse,
                "SignOffRefused.organisation",
            )?,
            edition: message.edition,
            digest: Hash::new(array(&message.digest, "SignOffRefused.digest")?),
            objection: read_required(message.objection.as_ref(), "SignOffRefused.objection")?,
        })
    }
}

impl Stored for AssessmentReopened<Commitment> {
    type Message = pb::AssessmentReopened;

    fn store(&self) -> pb::AssessmentReopened {
        pb::AssessmentReopened {
            edition: self.edition,
            authority: Some(self.authority.store()),
            reference: store_optional(self.reference.as_ref()),
        }
    }

    fn read(message: &pb::AssessmentReopened) -> Read<Self> {
        Ok(Self {
            edition: message.edition,
            authority: read_required(message.authority.as_ref(), "AssessmentReopened.authority")?,
            reference: read_optional(message.reference.as_ref())?,
        })
    }
}

impl Stored for AssessmentWithdrawn {
    type Message = pb::AssessmentWithdrawn;

    fn store(&self) -> pb::AssessmentWithdrawn {
        let fallback = match &self.fallback {
            Fallback::Assessment(assessment) => assessment.to_string(),
            Fallback::NotRated => String::new(),
        };
        pb::AssessmentWithdrawn { edition: self.edition, fallback }
    }

    fn read(message: &pb::AssessmentWithdrawn) -> Read<Self> {
        let fallback =
            optional_name(&message.fallback, AssessmentId::parse, "AssessmentWithdrawn.fallback")?;
        Ok(Self {
            edition: message.edition,
            fallback: fallback.map_or(Fallback::NotRated, Fallback::Assessment),
        })
    }
}
