//! The directory of persons: who is behind the opaque ids of the records.
//!
//! Names are texts: they lie sealed in the records of the ledger's own stream and can be erased.
//! What is here is the fold of those records, held in memory: it grows with the number of
//! persons who ever acted, not with the number of records.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use imbl::HashMap as SharedMap;
use uuid::Builder;
use zeroize::Zeroizing;

use super::{Erasure, Shown};
use crate::{
    judgement::{OrganisationId, PersonId, Position, Text},
    merkle::sha256,
    vault::{Entropy, EntropyError},
};

/// A person whom a submission names and the directory does not know yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// The id that the commands of the submission use.
    pub person: PersonId,
    /// For which organisation the person acts.
    pub organisation: OrganisationId,
    /// The login or name.
    pub name: Text,
}

/// All persons, as of some position. Copies are cheap.
#[derive(Debug, Clone, Default)]
pub(crate) struct Directory {
    by_name: SharedMap<OrganisationId, SharedMap<Arc<str>, PersonId>>,
    by_id: SharedMap<PersonId, Known>,
}

/// A person whom the directory knows.
#[derive(Debug, Clone)]
struct Known {
    organisation: OrganisationId,
    name: Shown,
    /// The record that registered the person.
    registered: Position,
}

impl Directory {
    /// Learns of a person whom a record registered.
    pub(crate) fn learn(
        &mut self,
        id: PersonId,
        (organisation, name): (OrganisationId, Shown),
        registered: Position,
    ) {
        if let Shown::Present(text) = &name {
            let named = self.by_name.entry(organisation.clone()).or_default();
            named.insert(Arc::from(text.as_str()), id);
        }
        self.by_id.insert(id, Known { organisation, name, registered });
    }

    /// Forgets the name of whom a record registered, if it did: it was erased. Whoever is called so
    /// from then on is somebody else. It is seldom enough to look at all persons for it.
    pub(crate) fn forget(&mut self, registered: Position, erasure: Arc<Erasure>) {
        let found = self.by_id.iter().find(|(_, known)| known.registered == registered);
        let Some((id, known)) = found.map(|(id, known)| (*id, known.clone())) else { return };
        if let (Shown::Present(name), Some(named)) =
            (&known.name, self.by_name.get_mut(&known.organisation))
        {
            named.remove(name.as_str());
        }
        self.by_id.insert(id, Known { name: Shown::Erased(erasure), ..known });
    }

    /// The person of this name in this organisation.
    pub(crate) fn find(&self, organisation: &OrganisationId, name: &str) -> Option<PersonId> {
        self.by_name.get(organisation)?.get(name).copied()
    }

    /// All persons of this name, in whichever organisation.
    pub(crate) fn named(&self, name: &str) -> Vec<PersonId> {
        self.by_name.values().filter_map(|named| named.get(name)).copied().collect()
    }

    /// The name behind an id.
    pub(crate) fn name(&self, id: PersonId) -> Option<&Shown> {
        self.by_id.get(&id).map(|known| &known.name)
    }
}

const PERSON: &[u8] = b"judgement-ledger/person\0";

/// Draws ids of persons, from one secret that is drawn when the ledger is opened: so nobody who
/// asks who somebody is can be left without an answer because randomness failed just then.
pub(crate) struct PersonIds {
    secret: Zeroizing<[u8; 32]>,
    drawn: AtomicU64,
}

impl PersonIds {
    pub(super) fn new(entropy: &Entropy) -> Result<Self, EntropyError> {
        let mut secret = Zeroizing::new([0; 32]);
        entropy(secret.as_mut_slice())?;
        Ok(Self { secret, drawn: AtomicU64::new(0) })
    }

    /// An id that nobody has: a random UUID, which says nothing of the person.
    pub(super) fn fresh(&self) -> PersonId {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let drawn = sha256(&[PERSON, self.secret.as_slice(), &number]);
        let random = drawn.as_bytes().first_chunk().copied().unwrap_or_default();
        PersonId::new(Builder::from_random_bytes(random).into_uuid())
    }
}

impl fmt::Debug for PersonIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonIds(<secret>)")
    }
}

/// Turns names into persons: known ones are found, new ones are introduced.
#[derive(Debug)]
pub struct Introductions {
    directory: Directory,
    new: BTreeMap<(OrganisationId, String), Introduction>,
    ids: Arc<PersonIds>,
}

impl Introductions {
    pub(crate) fn new(directory: Directory, ids: Arc<PersonIds>) -> Self {
        Self { directory, new: BTreeMap::new(), ids }
    }

    /// The person of this name in this organisation, introduced if need be.
    pub fn person(&mut self, organisation: &OrganisationId, name: &Text) -> PersonId {
        if let Some(known) = self.directory.find(organisation, name.as_str()) {
            return known;
        }
        let key = (organisation.clone(), name.as_str().to_owned());
        self.new
            .entry(key)
            .or_insert_with(|| Introduction {
                person: self.ids.fresh(),
                organisation: organisation.clone(),
                name: name.clone(),
            })
            .person
    }

    /// Whether the directory knows this id.
    #[must_use]
    pub fn knows(&self, id: PersonId) -> bool {
        self.directory.name(id).is_some()
    }

    /// The persons that were introduced.
    #[must_use]
    pub fn into_new(self) -> Vec<Introduction> {
        self.new.into_values().collect()
    }
}

#[cfg(test)]
impl Introductions {
    /// Of a directory that knows these persons only: for tests of layers above.
    pub(crate) fn among(known: &[(PersonId, &OrganisationId, &Text)]) -> Self {
        let mut directory = Directory::default();
        for (id, organisation, name) in known {
            let person = ((*organisation).clone(), Shown::Present((*name).clone()));
            directory.learn(*id, person, Position::START);
        }
        let ids = PersonIds { secret: Zeroizing::new([7; 32]), drawn: AtomicU64::new(0) };
        Self::new(directory, Arc::new(ids))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(secret: u8) -> Vec<PersonId> {
        let entropy: Entropy = Arc::new(move |bytes| {
            bytes.fill(secret);
            Ok(())
        });
        let ids = PersonIds::new(&entropy).unwrap();
        (0..100).map(|_| ids.fresh()).collect()
    }

    #[test]
    fn ids_of_persons_come_from_the_randomness_that_was_passed_in() {
        let ids = drawn(1);
        assert_eq!(ids, drawn(1), "nothing else decides them");
        let others = drawn(2);
        let all: std::collections::HashSet<_> = ids.iter().chain(&others).collect();
        assert_eq!(all.len(), 200, "no id twice, not even under another secret");
        assert!(ids.iter().all(|id| id.uuid().get_version_num() == 4));
    }
}
