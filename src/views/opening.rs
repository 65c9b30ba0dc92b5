//! Opening: which views are believed, and what becomes of the others.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    Reason, ViewsError, ViewsOptions,
    contain::within,
    directory::{Directory, wait_until_closed},
    indexer::close,
    store::{Saved, Store},
};

/// How long a database may take to open, every key read if need be. Measured, a million keys take
/// about a second; so this is for a ledger of hundreds of millions of records, or a hang.
const OPEN_PATIENCE: Duration = Duration::from_mins(5);

/// How long an empty database may take.
const MAKE_PATIENCE: Duration = Duration::from_secs(30);

/// An open store and how far it goes.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) store: Store,
    pub(super) saved: Saved,
    /// Where it lies.
    pub(super) database: PathBuf,
    /// Why it was begun from nothing, if it was.
    pub(super) rebuilt: Option<Reason>,
}

impl From<io::Error> for Reason {
    fn from(error: io::Error) -> Self {
        Self::Directory(Arc::new(error))
    }
}

/// Opens what is in the directory if it can be believed; else makes it anew.
pub(super) fn open(path: &Path, options: &ViewsOptions) -> Result<(Directory, Open), ViewsError> {
    let directory = Directory::at(path).map_err(|error| ViewsError::Unopened(error.into()))?;
    let open = present(&directory, options).or_else(|reason| {
        if matches!(reason, Reason::InUse) {
            return Err(reason);
        }
        tracing::info!(%reason, "the views are rebuilt");
        anew(&directory, options, reason)
    });
    let open = open.map_err(ViewsError::Unopened)?;
    Ok((directory, open))
}

/// The present database, if it can be believed.
fn present(directory: &Directory, options: &ViewsOptions) -> Result<Open, Reason> {
    let database = directory.present()?.ok_or(Reason::Absent)?;
    if !wait_until_closed(&database) {
        return Err(Reason::InUse);
    }
    let sealed = match directory.break_seal(&database)? {
        Some(true) => true,
        // Not even shown to sled, which can hang on damaged files.
        Some(false) => return Err(Reason::Altered),
        None => false,
    };
    let (path, pages_bytes) = (database.clone(), options.pages_bytes);
    let ledger = Arc::clone(&options.ledger);
    let (store, saved) = within(OPEN_PATIENCE, move || {
        let store = Store::open(&path, pages_bytes)?;
        let checked = check(&store, &ledger, sealed);
        Ok::<_, Reason>((store, checked))
    })??;
    match saved {
        Ok(saved) => Ok(Open { store, saved, database, rebuilt: None }),
        Err(reason) => {
            close(Arc::new(store));
            Err(reason)
        }
    }
}

/// How far the store goes, if it is this ledger's and has all that was written, and nothing else.
fn check(store: &Store, ledger: &Arc<[u8]>, sealed: bool) -> Result<Saved, Reason> {
    let saved = store.saved()?.ok_or(Reason::Absent)?;
    if saved.ledger != *ledger {
        return Err(Reason::OtherLedger);
    }
    if !sealed && store.sum()? != saved.sum {
        return Err(Reason::Damaged("something is missing, or there that was not written"));
    }
    Ok(saved)
}

/// An empty database; all others are deleted.
fn anew(directory: &Directory, options: &ViewsOptions, reason: Reason) -> Result<Open, Reason> {
    let database = directory.renew()?;
    let saved = Saved::nothing(Arc::clone(&options.ledger));
    let (path, pages_bytes, first) = (database.clone(), options.pages_bytes, saved.clone());
    let store = within(MAKE_PATIENCE, move || {
        let store = Store::open(&path, pages_bytes)?;
        store.commit(&[], &first)?;
        Ok::<_, Reason>(store)
    })??;
    Ok(Open { store, saved, database, rebuilt: Some(reason) })
}
