//! Who and what was registered: the directory of persons and the catalogue of frameworks, found
//! through the journal alone, so that a ledger that opens can decide before its views are there.

use std::sync::Arc;

use imbl::HashMap as SharedMap;

use super::{
    Keep, OpenError, Registered,
    directory::Directory,
    filing, fold,
    replay::PAGE,
    staging::Catalogue,
    texts::{self, Opener},
};
use crate::{
    journal::Journal,
    judgement::{Event, Position, RegisterFramework},
    record::{Headline, read_framework},
};

/// The directory and the catalogue as all records up to `head` make them.
///
/// # Errors
/// [`OpenError`] if one of these records cannot be read, or what lies beside it.
pub(super) async fn read(
    journal: &dyn Journal,
    opener: Opener<'_>,
    head: Position,
) -> Result<(Directory, Catalogue), OpenError> {
    let mut directory = Directory::default();
    let mut catalogue = SharedMap::new();
    for at in positions(journal, head).await? {
        let keep = fold::keep(journal, at).await?;
        learn((&mut directory, &mut catalogue), opener, &keep)?;
    }
    Ok((directory, catalogue))
}

/// Learns of whom or what a record registers, if it registers anybody or anything.
///
/// # Errors
/// [`OpenError`] if what lies beside the record cannot be read.
pub(super) fn learn(
    (directory, catalogue): (&mut Directory, &mut Catalogue),
    opener: Opener<'_>,
    keep: &Keep,
) -> Result<(), OpenError> {
    let position = keep.record.position;
    if let Event::PersonRegistered(event) = &keep.record.event {
        // Without it nobody could say whose acts these are, and the login would become another
        // person with the next command.
        let name = opener.first(keep).map_err(|source| OpenError::Name { position, source })?;
        directory.learn(event.person, (event.organisation.clone(), name), position);
    }
    if let Event::FrameworkRegistered(_) = &keep.record.event {
        let registered = registered(keep)?;
        catalogue.insert(registered.framework.id.clone(), Arc::new(registered));
    }
    Ok(())
}

/// Where all registrations stand, oldest first.
///
/// The journal files them under a key of their own. Earlier versions did not: what stands before
/// the first that is filed so is read through. A ledger of today begins with a registration, so
/// that there is nothing before it.
async fn positions(journal: &dyn Journal, head: Position) -> Result<Vec<Position>, OpenError> {
    let mut found = Vec::new();
    let mut before = head.next();
    while let Some(at) = journal.latest(filing::of_registrations(), before).await? {
        found.push(at);
        before = at;
    }
    found.reverse();
    let mut all = unfiled(journal, before).await?;
    all.extend(found);
    Ok(all)
}

/// Where registrations stand before `before`, whatever they are filed under.
async fn unfiled(journal: &dyn Journal, before: Position) -> Result<Vec<Position>, OpenError> {
    let mut found = Vec::new();
    let mut at = Position::START;
    while at.next() < before {
        let stored = journal.read(at, PAGE).await?;
        let Some(last) = stored.last() else { break };
        at = last.position;
        let registers = |record: &[u8]| Headline::of(record).is_some_and(|it| it.registers());
        let here = stored.iter().filter(|it| it.position < before && registers(&it.entry.record));
        found.extend(here.map(|it| it.position));
    }
    Ok(found)
}

/// The framework that a record registered, read from the document beside it.
fn registered(keep: &Keep) -> Result<Registered, OpenError> {
    let position = keep.record.position;
    let bad = |fault: String| OpenError::Framework { position, fault };
    let document =
        texts::document(keep).ok_or_else(|| bad("its document is missing".to_owned()))?;
    let framework = read_framework(&document)
        .map_err(|faults| bad(faults.first().map(ToString::to_string).unwrap_or_default()))?;
    let document = Arc::from(document.as_ref());
    let order = RegisterFramework { framework: Arc::new(framework), document };
    let registered = Registered::new(&order, keep.item());
    if let Event::FrameworkRegistered(event) = &keep.record.event
        && event.document == registered.document_sha256
    {
        return Ok(registered);
    }
    Err(bad("its document is not the one that was registered".to_owned()))
}
