//! Witnesses: others who sign what the ledger signed, once it was proven to them that the ledger
//! only grew. (C2SP tlog-witness)

use std::{sync::Arc, time::Duration};

use ureq::Agent;

use crate::merkle::{
    AddCheckpoint, Cosignatures, CosignedSize, KeyError, SignatureType, SignedNote, Verifier,
    WitnessError,
};

/// How long a witness may take: nobody waits for it, but it is asked again only when it has
/// answered.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest answer that is read.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// A witness that is asked to sign, and the key by which it is believed.
#[derive(Debug, Clone)]
pub struct Witness {
    url: Arc<str>,
    key: Verifier,
    agent: Agent,
}

/// What a witness answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It signs: 200.
    Cosigned(Cosignatures),
    /// It signed a tree of another size last: 409.
    Knows(u64),
}

/// Why a witness did not sign.
#[derive(Debug, thiserror::Error)]
pub enum WitnessFailure {
    /// It cannot be reached, or takes too long.
    #[error("the witness cannot be reached")]
    Unreachable(#[source] Box<ureq::Error>),
    /// It refuses: a code of HTTP, and what it said.
    #[error("the witness refuses: {code} {said}")]
    Refused {
        /// The code.
        code: u16,
        /// What it said, in its own words.
        said: String,
    },
    /// Its answer is none.
    #[error("the witness answers what is no answer")]
    Malformed(#[from] WitnessError),
}

/// Why a text names no witness.
#[derive(Debug, thiserror::Error)]
pub enum BadWitness {
    /// It has another form.
    #[error("say URL=VKEY, such as https://witness.example/=witness.example+…")]
    Form,
    /// Its key is none.
    #[error("the witness's key: {0}")]
    Key(#[from] KeyError),
    /// Its key is not one of witnesses.
    #[error("this is a key of a log, not of a witness: its type is 1, not 4")]
    Type,
}

impl Witness {
    /// Reads `URL=VKEY`: the submission prefix, and the key whose cosignatures are believed.
    ///
    /// # Errors
    /// [`BadWitness`].
    pub fn parse(text: &str) -> Result<Self, BadWitness> {
        let (url, vkey) = text.split_once('=').ok_or(BadWitness::Form)?;
        let web = url.starts_with("http://") || url.starts_with("https://");
        if !web {
            return Err(BadWitness::Form);
        }
        let key = Verifier::parse(vkey)?;
        match key.signature_type() {
            SignatureType::Cosignature => {}
            SignatureType::Ed25519 => return Err(BadWitness::Type),
        }
        let settings = Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .http_status_as_error(false)
            .max_redirects(0);
        let url = Arc::from(url.trim_end_matches('/'));
        Ok(Self { url, key, agent: settings.build().into() })
    }

    /// Its key.
    #[must_use]
    pub const fn key(&self) -> &Verifier {
        &self.key
    }

    /// Asks it to sign. Blocks for some seconds at most.
    ///
    /// # Errors
    /// [`WitnessFailure`].
    pub fn ask(&self, request: &AddCheckpoint) -> Result<Answered, WitnessFailure> {
        let url = format!("{}/{}", self.url, AddCheckpoint::PATH);
        let unreachable = |error| WitnessFailure::Unreachable(Box::new(error));
        let posted = self.agent.post(&url).send(request.to_string());
        let mut answer = posted.map_err(unreachable)?;
        let code = answer.status().as_u16();
        let read = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec();
        let body = read.map_err(unreachable)?;
        match code {
            200 => Ok(Answered::Cosigned(Cosignatures::parse(&body)?)),
            409 => Ok(Answered::Knows(CosignedSize::parse(&body)?.0)),
            code => {
                let said = String::from_utf8_lossy(&body);
                let said = said.lines().next().unwrap_or_default().chars().take(200).collect();
                Err(WitnessFailure::Refused { code, said })
            }
        }
    }

    /// The checkpoint with what the witness signed, if its key really has.
    #[must_use]
    pub fn believed(&self, signed: &Cosignatures, note: &SignedNote) -> Option<SignedNote> {
        signed.add_to(note, std::slice::from_ref(&self.key)).ok()
    }
}
