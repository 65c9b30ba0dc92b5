//! The directory of persons: who is behind the opaque ids of the records.
//!
//! Names are texts: they lie sealed in the records of the ledger's own stream and can be erased.
//! What is here is the fold of those records, held in memory: it grows with the number of
//! persons who ever acted, not with the number of records.

use std::{collections::BTreeMap, sync::Arc};

use imbl::HashMap as SharedMap;
use uuid::Uuid;

use super::Shown;
use crate::judgement::{OrganisationId, PersonId, Text};

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
    by_name: SharedMap<(OrganisationId, Arc<str>), PersonId>,
    by_id: SharedMap<PersonId, (OrganisationId, Shown)>,
}

impl Directory {
    /// Learns of a person.
    pub(crate) fn learn(&mut self, id: PersonId, organisation: OrganisationId, name: Shown) {
        if let Shown::Present(text) = &name {
            self.by_name.insert((organisation.clone(), Arc::from(text.as_str())), id);
        }
        self.by_id.insert(id, (organisation, name));
    }

    /// The person of this name in this organisation.
    pub(crate) fn find(&self, organisation: &OrganisationId, name: &str) -> Option<PersonId> {
        self.by_name.get(&(organisation.clone(), Arc::from(name))).copied()
    }

    /// All persons of this name, in whichever organisation.
    pub(crate) fn named(&self, name: &str) -> Vec<PersonId> {
        let same = self.by_name.iter().filter(|((_, known), _)| &**known == name);
        same.map(|(_, id)| *id).collect()
    }

    /// The organisation and name behind an id.
    pub(crate) fn get(&self, id: PersonId) -> Option<&(OrganisationId, Shown)> {
        self.by_id.get(&id)
    }
}

/// Turns names into persons: known ones are found, new ones are introduced.
#[derive(Debug)]
pub struct Introductions {
    directory: Directory,
    new: BTreeMap<(OrganisationId, String), Introduction>,
    fresh: fn() -> Uuid,
}

impl Introductions {
    pub(crate) fn new(directory: Directory) -> Self {
        Self { directory, new: BTreeMap::new(), fresh: Uuid::new_v4 }
    }

    /// The person of this name in this organisation, introduced if need be.
    pub fn person(&mut self, organisation: &OrganisationId, name: &Text) -> PersonId {
        if let Some(known) = self.directory.find(organisation, name.as_str()) {
            return known;
        }
        let key = (organisation.clone(), name.as_str().to_owned());
        let fresh = self.fresh;
        self.new
            .entry(key)
            .or_insert_with(|| Introduction {
                person: PersonId::new(fresh()),
                organisation: organisation.clone(),
                name: name.clone(),
            })
            .person
    }

    /// Whether the directory knows this id.
    #[must_use]
    pub fn knows(&self, id: PersonId) -> bool {
        self.directory.get(id).is_some()
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
            directory.learn(*id, (*organisation).clone(), Shown::Present((*name).clone()));
        }
        Self::new(directory)
    }
}
