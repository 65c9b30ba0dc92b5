//! Who is believed: the issuers whose tokens are taken, and for whom client certificates speak.
//!
//! Nobody speaks for an organisation for which another does: a person who has a token of one and a
//! certificate of the other under another login would be two, and could approve of itself. So client
//! certificates name nobody beside issuers, unless the operator says of which organisations they do.
//!
//! The file of issuers and the certificates that it names are looked at every few seconds and when the
//! process is told to. Where they make a whole, the next call sees it: roles that stand for others, an
//! issuer that is gone. Where they do not, those before stay, and the log says why. The keys of an
//! issuer that stays where it was are kept.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;

use super::issuer::{self, Issuer, IssuersError};
use crate::judgement::OrganisationId;

/// Issuers that are believed together.
pub(super) type Issuers = Arc<Vec<Issuer>>;

/// Who is believed.
pub(super) struct Trust {
    issuers: ArcSwap<Vec<Issuer>>,
    certified: Certified,
    /// Nowhere where the issuers were given, and never change.
    file: Option<PathBuf>,
    /// What was read last, and how it failed. Held while the files are read.
    last: Mutex<Last>,
}

/// Whom client certificates may name.
enum Certified {
    /// Logins of any organisation: nobody else speaks for one.
    Anybody,
    /// Logins of these.
    Of(Vec<OrganisationId>),
}

struct Last {
    read: Read,
    failed: Option<String>,
}

/// What lies in the files: the issuers, and the certificates that vouch for where their keys are.
#[derive(PartialEq, Eq)]
struct Read {
    document: Vec<u8>,
    authorities: Vec<Option<Vec<u8>>>,
}

impl Trust {
    /// These, who never change. Client certificates name whom they like.
    pub(super) fn of(issuers: Vec<Issuer>) -> Self {
        let read = Read { document: Vec::new(), authorities: Vec::new() };
        Self::new(issuers, Certified::Anybody, None, read)
    }

    /// The issuers of a document, who never change. Client certificates name nobody.
    ///
    /// # Errors
    /// [`IssuersError`].
    pub(super) fn stated(document: &[u8], folder: &Path) -> Result<Self, IssuersError> {
        let issuers = issuer::read(document, folder)?;
        Ok(Self { certified: Certified::Of(Vec::new()), ..Self::of(issuers) })
    }

    /// The issuers of a file. Client certificates name nobody.
    ///
    /// # Errors
    /// [`IssuersError`].
    pub(super) fn open(file: &Path) -> Result<Self, IssuersError> {
        let read = Read::from(file)?;
        let issuers = issuer::read(&read.document, folder_of(file))?;
        Ok(Self::new(issuers, Certified::Of(Vec::new()), Some(file.to_owned()), read))
    }

    fn new(issuers: Vec<Issuer>, certified: Certified, file: Option<PathBuf>, read: Read) -> Self {
        let last = Mutex::new(Last { read, failed: None });
        Self { issuers: ArcSwap::from_pointee(issuers), certified, file, last }
    }

    /// The same, where client certificates name logins of these organisations alone.
    ///
    /// # Errors
    /// [`IssuersError::Certified`].
    pub(super) fn certifying(self, those: Vec<OrganisationId>) -> Result<Self, IssuersError> {
        let trust = Self { certified: Certified::Of(those), ..self };
        trust.certified.beside(&trust.issuers.load())?;
        Ok(trust)
    }

    /// Whether client certificates may name logins of an organisation.
    pub(super) fn certifies(&self, organisation: &OrganisationId) -> bool {
        match &self.certified {
            Certified::Anybody => true,
            Certified::Of(those) => those.contains(organisation),
        }
    }

    /// The issuers that are believed now.
    pub(super) fn issuers(&self) -> Issuers {
        self.issuers.load_full()
    }

    /// Whether these are still the ones that are believed.
    pub(super) fn holds(&self, issuers: &Issuers) -> bool {
        Arc::ptr_eq(&self.issuers.load(), issuers)
    }

    /// Looks at the files again. Blocks.
    pub(super) fn refresh(&self) {
        let Some(file) = &self.file else { return };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let tried = Read::from(file).and_then(|read| {
            let changed = read != last.read;
            let issuers = changed.then(|| self.read(&read, folder_of(file))).transpose()?;
            Ok(issuers.map(|issuers| (read, issuers)))
        });
        match tried {
            Ok(None) => last.failed = None,
            Ok(Some((read, issuers))) => {
                self.issuers.store(Arc::new(issuers));
                *last = Last { read, failed: None };
                tracing::info!("the issuers were exchanged");
            }
            Err(error) => {
                let said = error.to_string();
                if last.failed.as_ref() != Some(&said) {
                    tracing::error!(%error, "the issuers are not exchanged; those before stay");
                    last.failed = Some(said);
                }
            }
        }
    }

    fn read(&self, read: &Read, folder: &Path) -> Result<Vec<Issuer>, IssuersError> {
        let mut issuers = issuer::read(&read.document, folder)?;
        self.certified.beside(&issuers)?;
        for before in self.issuers.load().iter() {
            let same = issuers.iter_mut().filter(|issuer| issuer.name == before.name);
            same.for_each(|issuer| issuer.keep_keys_of(before));
        }
        Ok(issuers)
    }
}

impl Certified {
    /// Whether issuers may be believed beside these.
    ///
    /// # Errors
    /// [`IssuersError::Certified`].
    fn beside(&self, issuers: &[Issuer]) -> Result<(), IssuersError> {
        let Self::Of(those) = self else { return Ok(()) };
        let mut spoken_for = issuers.iter().flat_map(Issuer::organisations);
        match spoken_for.find(|organisation| those.contains(organisation)) {
            Some(both) => Err(IssuersError::Certified { organisation: both.clone() }),
            None => Ok(()),
        }
    }
}

impl Read {
    fn from(file: &Path) -> Result<Self, IssuersError> {
        let document = fs::read(file)?;
        let paths = issuer::authorities(&document, folder_of(file));
        let authorities = paths.into_iter().map(|path| fs::read(path).ok()).collect();
        Ok(Self { document, authorities })
    }
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new(""))
}
