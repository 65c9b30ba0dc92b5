//! Checkpoints: the text by which a log commits itself to all its entries. (C2SP tlog-checkpoint)

use std::fmt;

use super::{
    decimal::parse_decimal,
    hash::Hash,
    head::TreeHead,
    key::{KeyError, KeyName, Signer, Verifier},
    note::{NoteError, SignedNote},
};

/// Which log a checkpoint is of: by convention a URL without its scheme, and the name of the key
/// that signs. Not empty, on one line, without control characters.
/// (C2SP tlog-checkpoint "Note text")
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(String);

impl Origin {
    /// Reads an origin. A log of one's own should take a [`KeyName`] for it.
    ///
    /// # Errors
    /// `Malformed` for a text that is none.
    pub fn parse(origin: &str) -> Result<Self, CheckpointError> {
        if origin.is_empty() || origin.contains(|it: char| it < ' ') {
            return Err(CheckpointError::Malformed);
        }
        Ok(Self(origin.to_owned()))
    }

    /// The origin as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that the log's key should have.
    ///
    /// # Errors
    /// `Name` for an origin that can be no name: one with a space or a plus.
    pub fn key_name(&self) -> Result<KeyName, KeyError> {
        KeyName::parse(&self.0)
    }
}

impl From<KeyName> for Origin {
    fn from(name: KeyName) -> Self {
        Self(name.as_str().to_owned())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a log of an origin says about itself: its size and root. It displays as the text of the
/// note that is signed. (C2SP tlog-checkpoint "Note text")
///
/// # Examples
/// ```
/// use judgement_ledger::merkle::{Checkpoint, KeyName, Origin, Signer, TreeHead};
///
/// let name = KeyName::parse("audit.example/log1")?;
/// let signer = Signer::new(name.clone(), &[7; 32]);
/// let origin = Origin::from(name);
/// let checkpoint = Checkpoint::new(origin.clone(), TreeHead::empty());
/// let note = checkpoint.sign(&[signer])?;
/// # let signer = Signer::new(origin.key_name()?, &[7; 32]);
/// assert_eq!(Checkpoint::open(&note, &origin, &[signer.verifier()])?, checkpoint);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    origin: Origin,
    head: TreeHead,
    extensions: Vec<String>,
}

impl Checkpoint {
    /// A checkpoint without extension lines, which no auditor could check.
    #[must_use]
    pub const fn new(origin: Origin, head: TreeHead) -> Self {
        Self { origin, head, extensions: Vec::new() }
    }

    /// The same with a further line, which says what no auditor can check. It has no control characters.
    #[must_use]
    pub fn saying(mut self, line: &str) -> Self {
        self.extensions.push(line.to_owned());
        self
    }

    /// Reads the text of a note, of which it believes every word: for a note of others, use
    /// [`Checkpoint::open`].
    ///
    /// # Errors
    /// `Malformed` for a text that is no checkpoint, or not written in the one way there is.
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        Self::read(text).ok_or(CheckpointError::Malformed)
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = Origin::parse(lines.next()?).ok()?;
        let size = parse_decimal(lines.next()?)?;
        let root = Hash::from_base64(lines.next()?).ok()?;
        let extensions: Vec<_> = lines.map(str::to_owned).collect();
        let odd = |line: &String| line.is_empty() || line.contains(|it: char| it < ' ');
        if extensions.iter().any(odd) {
            return None;
        }
        Some(Self { origin, head: TreeHead { size, root }, extensions })
    }

    /// Signs the checkpoint with each of the log's signers.
    ///
    /// A log never signs a checkpoint that is not consistent with all that it signed before; that
    /// is the caller's to see to. (C2SP tlog-checkpoint "Signatures")
    ///
    /// # Errors
    /// As [`SignedNote::sign`].
    pub fn sign(&self, signers: &[Signer]) -> Result<SignedNote, NoteError> {
        SignedNote::sign(self.to_string(), signers)
    }

    /// The checkpoint of the log of this origin, for which at least one of the *log's* keys
    /// vouches. What witnesses say is asked for apart, with [`SignedNote::verify`]: no number of
    /// them stands for the log's own signature.
    ///
    /// # Errors
    /// As [`SignedNote::open`]; `Malformed` for a note that is no checkpoint; `OtherOrigin` for
    /// one of another log.
    pub fn open(
        note: &SignedNote,
        origin: &Origin,
        log: &[Verifier],
    ) -> Result<Self, CheckpointError> {
        let checkpoint = Self::parse(note.open(log)?)?;
        if checkpoint.origin == *origin {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::OtherOrigin)
        }
    }

    /// Which log the checkpoint is of.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The size and the root of its tree.
    #[must_use]
    pub const fn head(&self) -> &TreeHead {
        &self.head
    }

    /// Further lines, which no auditor can check: of others' logs only.
    #[must_use]
    pub fn extensions(&self) -> &[String] {
        &self.extensions
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TreeHead { size, root } = &self.head;
        write!(f, "{}\n{size}\n{}\n", self.origin, root.to_base64())?;
        self.extensions.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// Why a note is no checkpoint, or is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The text has not the form of a checkpoint.
    #[error("this is not a checkpoint")]
    Malformed,
    /// The checkpoint is of another log.
    #[error("the checkpoint is of another log")]
    OtherOrigin,
    /// The note is not believed.
    #[error(transparent)]
    Note(#[from] NoteError),
}
