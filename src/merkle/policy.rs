//! Whom to trust: which logs, which witnesses, and how many of them. (C2SP tlog-policy)

use std::{collections::BTreeSet, fmt};

use super::{
    checkpoint::{Checkpoint, CheckpointError},
    decimal::parse_decimal,
    key::{KeyError, SignatureType, Verified, Verifier},
    note::SignedNote,
};

/// A trust policy. It displays as a policy file, without the comments of the one that was read.
///
/// A policy that is kept outside a ledger is what makes its proofs worth something: whoever takes
/// the keys from the ledger trusts the ledger.
///
/// # Examples
/// ```
/// use judgement_ledger::merkle::Policy;
///
/// let log = "audit.judgements.example/log1+5b2ad1c8+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4";
/// let witness = "witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X";
/// let policy = format!("log {log}\nwitness w1 {witness}\nquorum w1\n");
/// assert_eq!(Policy::parse(&policy)?.to_string(), policy);
/// # Ok::<(), judgement_ledger::merkle::PolicyError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<PolicyLog>,
    named: Vec<Named>,
    quorum: Option<String>,
}

/// A log whose checkpoints are trusted. (C2SP tlog-policy "Defining a log")
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyLog {
    /// The key; its name is the log's origin.
    pub key: Verifier,
    /// Where the log is found; its meaning is the reader's.
    pub url: Option<String>,
}

/// A witness whose cosignatures are trusted. (C2SP tlog-policy "Defining a witness")
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyWitness {
    /// What the policy calls the witness: its key may have another name.
    pub name: String,
    /// The key, which makes cosignatures.
    pub key: Verifier,
    /// Where the witness takes requests: its submission prefix.
    pub url: Option<String>,
}

/// What a name of a policy stands for. Members come before the group that names them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Witness(Box<PolicyWitness>),
    Group { name: String, threshold: usize, members: Vec<String> },
}

impl Named {
    fn name(&self) -> &str {
        match self {
            Self::Witness(witness) => &witness.name,
            Self::Group { name, .. } => name,
        }
    }
}

/// The name that stands for no witness at all.
const NONE: &str = "none";

/// The name of the one group of a policy made by [`Policy::new`].
const WITNESSES: &str = "witnesses";

impl Policy {
    /// The longest policy that is read, in bytes: room for hundreds of keys.
    pub const BYTES_MAX: usize = 100_000;

    /// The policy that trusts any of these logs' keys, once so many of these witnesses have
    /// cosigned; with a threshold of 0, no witness is needed.
    ///
    /// # Errors
    /// `Form` for a name or URL with a space, `NoCosigner` for a witness's key of another type,
    /// `Duplicate` for a key or a name that is there twice, `Threshold` for more witnesses than
    /// there are.
    pub fn new(
        logs: Vec<PolicyLog>,
        witnesses: Vec<PolicyWitness>,
        threshold: usize,
    ) -> Result<Self, PolicyFault> {
        let mut policy = Self { logs: Vec::new(), named: Vec::new(), quorum: None };
        logs.into_iter().try_for_each(|log| policy.add_log(log))?;
        let names: Vec<_> = witnesses.iter().map(|it| it.name.clone()).collect();
        witnesses.into_iter().try_for_each(|witness| policy.add_witness(witness))?;
        if threshold > 0 {
            policy.add_group(WITNESSES, threshold, names)?;
            policy.quorum = Some(WITNESSES.to_owned());
        }
        Ok(policy)
    }

    /// Reads a policy file. Names must be UTF-8, which the format recommends.
    ///
    /// # Errors
    /// `Line` with the first line that is wrong, from 1, and why; `NoQuorum`; `TooLong`.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        if text.len() > Self::BYTES_MAX {
            return Err(PolicyError::TooLong);
        }
        let mut policy = Self { logs: Vec::new(), named: Vec::new(), quorum: None };
        let mut has_quorum = false;
        for (number, line) in (1_usize..).zip(text.split_inclusive('\n')) {
            let read = policy.read(line, &mut has_quorum);
            read.map_err(|fault| PolicyError::Line { number, fault })?;
        }
        if has_quorum { Ok(policy) } else { Err(PolicyError::NoQuorum) }
    }

    fn read(&mut self, line: &str, has_quorum: &mut bool) -> Result<(), PolicyFault> {
        let line = line.strip_suffix('\n').ok_or(PolicyFault::Form)?;
        if line.contains(|it: char| it.is_ascii_control() && it != '\t') {
            return Err(PolicyFault::Form);
        }
        let words: Vec<_> = line.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with('#') => Ok(()),
            ["log", key, url @ ..] => {
                self.add_log(PolicyLog { key: Verifier::parse(key)?, url: one(url)? })
            }
            ["witness", name, key, url @ ..] => self.add_witness(PolicyWitness {
                name: (*name).to_owned(),
                key: Verifier::parse(key)?,
                url: one(url)?,
            }),
            ["group", name, threshold, members @ ..] => {
                let threshold = match *threshold {
                    "any" => Some(1),
                    "all" => Some(members.len()),
                    number => parse_decimal(number).and_then(|it| usize::try_from(it).ok()),
                };
                let members = members.iter().map(|&member| member.to_owned()).collect();
                self.add_group(name, threshold.ok_or(PolicyFault::Form)?, members)
            }
            ["quorum", name] if !*has_quorum => {
                *has_quorum = true;
                let known = *name == NONE || self.find(name).is_some();
                self.quorum = (*name != NONE).then(|| (*name).to_owned());
                if known { Ok(()) } else { Err(PolicyFault::UnknownName) }
            }
            [..] => Err(PolicyFault::Form),
        }
    }

    fn add_log(&mut self, log: PolicyLog) -> Result<(), PolicyFault> {
        if !log.url.as_deref().is_none_or(is_word) {
            return Err(PolicyFault::Form);
        }
        if self.logs.iter().any(|it| it.key.public_key() == log.key.public_key()) {
            return Err(PolicyFault::Duplicate);
        }
        self.logs.push(log);
        Ok(())
    }

    fn add_witness(&mut self, witness: PolicyWitness) -> Result<(), PolicyFault> {
        if !witness.url.as_deref().is_none_or(is_word) {
            return Err(PolicyFault::Form);
        }
        if witness.key.signature_type() != SignatureType::Cosignature {
            return Err(PolicyFault::NoCosigner);
        }
        if self.witnesses().any(|it| it.key.public_key() == witness.key.public_key()) {
            return Err(PolicyFault::Duplicate);
        }
        self.add(Named::Witness(Box::new(witness)))
    }

    fn add_group(
        &mut self,
        name: &str,
        threshold: usize,
        members: Vec<String>,
    ) -> Result<(), PolicyFault> {
        if threshold < 1 || threshold > members.len() {
            return Err(PolicyFault::Threshold);
        }
        // "Each defined name can be listed as a group member at most once."
        let mut taken = self.members();
        for member in &members {
            if self.find(member).is_none() {
                return Err(PolicyFault::UnknownName);
            }
            if !taken.insert(member) {
                return Err(PolicyFault::Duplicate);
            }
        }
        self.add(Named::Group { name: name.to_owned(), threshold, members })
    }

    fn add(&mut self, named: Named) -> Result<(), PolicyFault> {
        if !is_word(named.name()) {
            return Err(PolicyFault::Form);
        }
        if named.name() == NONE || self.find(named.name()).is_some() {
            return Err(PolicyFault::Duplicate);
        }
        self.named.push(named);
        Ok(())
    }

    fn find(&self, name: &str) -> Option<&Named> {
        self.named.iter().find(|it| it.name() == name)
    }

    /// All names that are a member of a group.
    fn members(&self) -> BTreeSet<&str> {
        let groups = self.named.iter().flat_map(|named| match named {
            Named::Witness(_) => [].iter(),
            Named::Group { members, .. } => members.iter(),
        });
        groups.map(String::as_str).collect()
    }

    /// The logs, in their order.
    #[must_use]
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses, in their order.
    pub fn witnesses(&self) -> impl Iterator<Item = &PolicyWitness> {
        self.named.iter().filter_map(|named| match named {
            Named::Witness(witness) => Some(witness.as_ref()),
            Named::Group { .. } => None,
        })
    }

    /// The checkpoint, if one of the logs signed it and enough witnesses cosigned it.
    ///
    /// # Errors
    /// `UnknownLog` for a checkpoint of none of the logs, `Checkpoint` for one that is not
    /// believed, a bad cosignature of a known witness included, `NoQuorum` for one that too few
    /// have witnessed.
    pub fn check(&self, note: &SignedNote) -> Result<Checkpoint, Distrust> {
        let said = Checkpoint::parse(note.unverified_text())?;
        // "[The key's] name MUST correspond to the log's origin line".
        let keys = self.logs.iter().map(|log| &log.key);
        let by_origin = keys.filter(|key| key.name().as_str() == said.origin().as_str());
        let log: Vec<_> = by_origin.cloned().collect();
        if log.is_empty() {
            return Err(Distrust::UnknownLog);
        }
        let checkpoint = Checkpoint::open(note, said.origin(), &log)?;
        let witnesses: Vec<_> = self.witnesses().map(|it| it.key.clone()).collect();
        let cosigned = note.verify(&witnesses).map_err(CheckpointError::from)?;
        if self.is_met_by(&cosigned) { Ok(checkpoint) } else { Err(Distrust::NoQuorum) }
    }

    /// Whether these cosignatures, which were found good, are a quorum.
    #[must_use]
    pub fn is_met_by(&self, cosigned: &[Verified]) -> bool {
        let mut met: BTreeSet<&str> = BTreeSet::new();
        for named in &self.named {
            let is_met = match named {
                Named::Witness(witness) => {
                    let key = &witness.key;
                    cosigned.iter().any(|it| it.name == *key.name() && it.id == key.id())
                }
                Named::Group { threshold, members, .. } => {
                    members.iter().filter(|it| met.contains(it.as_str())).count() >= *threshold
                }
            };
            if is_met {
                met.insert(named.name());
            }
        }
        self.quorum.as_ref().is_none_or(|quorum| met.contains(quorum.as_str()))
    }
}

/// Whether a text can stand between the spaces of a line.
fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|it: char| it == ' ' || it.is_ascii_control())
}

/// The one word that may end a line, if it is there.
fn one(words: &[&str]) -> Result<Option<String>, PolicyFault> {
    match words {
        [] => Ok(None),
        [word] => Ok(Some((*word).to_owned())),
        [..] => Err(PolicyFault::Form),
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = |url: &Option<String>| match url {
            Some(url) => format!(" {url}"),
            None => String::new(),
        };
        for PolicyLog { key, url } in &self.logs {
            writeln!(f, "log {key}{}", after(url))?;
        }
        for named in &self.named {
            match named {
                Named::Witness(witness) => {
                    let PolicyWitness { name, key, url } = witness.as_ref();
                    writeln!(f, "witness {name} {key}{}", after(url))?;
                }
                Named::Group { name, threshold, members } => {
                    writeln!(f, "group {name} {threshold} {}", members.join(" "))?;
                }
            }
        }
        writeln!(f, "quorum {}", self.quorum.as_deref().unwrap_or(NONE))
    }
}

/// Why a text is no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A line is wrong.
    #[error("line {number} of the policy: {fault}")]
    Line {
        /// Which line, from 1.
        number: usize,
        /// What is wrong with it.
        fault: PolicyFault,
    },
    /// "A policy file must include exactly one quorum line": this one has none.
    #[error("the policy has no quorum line")]
    NoQuorum,
    /// The policy is longer than any that is read.
    #[error("a policy has at most {} bytes", Policy::BYTES_MAX)]
    TooLong,
}

/// What is wrong with a line of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// The line has not the form of any, or is a second quorum.
    #[error("this is no line of a policy, or a second quorum")]
    Form,
    /// The key is none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key of a witness does not make cosignatures.
    #[error("the key of a witness is of type 0x04")]
    NoCosigner,
    /// The key, the name or the member was there before, or the name is `none`.
    #[error("the key, the name or the member was there before, or the name is taken")]
    Duplicate,
    /// No line before this one defines the name.
    #[error("no line before this one defines the name")]
    UnknownName,
    /// A group asks for more members than it has, or for none.
    #[error("a group asks for at least one and at most all of its members")]
    Threshold,
}

/// Why a checkpoint is not trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// None of the policy's logs has the checkpoint's origin.
    #[error("the checkpoint is of no log that the policy names")]
    UnknownLog,
    /// The checkpoint is not believed.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Too few witnesses have seen the checkpoint.
    #[error("too few of the policy's witnesses have cosigned the checkpoint")]
    NoQuorum,
}
