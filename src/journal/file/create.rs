//! Creating a journal. `FORMAT` comes last: where it stands, everything else does.

use super::{
    FileOptions, OpenError,
    frame::Chain,
    header::{Header, segment_name, temporary_name},
    note::{CHECKPOINT, CLEAN, FORMAT, ReplaceError},
    open::{damage, holds_frames, note, segment_numbers},
    spare::{self, Wanted},
    store::encode_checkpoint,
    transfer,
};
use crate::{disk::Disk, judgement::Position};

const FIRST: u64 = 1;

/// Creates an empty journal.
///
/// # Errors
/// `Damaged` if there is one already that has lost its `FORMAT`; whatever the disk says.
pub(super) fn create(disk: &dyn Disk, options: &FileOptions) -> Result<(), OpenError> {
    if !is_vacant(disk)? {
        return Err(damage(disk, FORMAT.name, "the file is missing"));
    }
    let wanted = Wanted { number: FIRST, segment_bytes: options.segment_bytes };
    let header = Header {
        ledger: options.ledger_id,
        number: FIRST,
        segment_bytes: options.segment_bytes,
        first: Position::START.next(),
        previous: Chain::START,
    };
    let file = spare::prepare_now(disk, wanted)?;
    transfer::write(file.as_ref(), &header.encode(), 0)?;
    file.sync()?;
    disk.rename(&temporary_name(FIRST), &segment_name(FIRST))?;
    CHECKPOINT.replace(disk, &encode_checkpoint(None)).map_err(ReplaceError::into_source)?;
    FORMAT.replace(disk, &options.ledger_id).map_err(ReplaceError::into_source)?;
    Ok(())
}

/// Whether there is nothing but what a creation leaves that was cut short.
fn is_vacant(disk: &dyn Disk) -> Result<bool, OpenError> {
    let begun = match segment_numbers(disk)?.as_slice() {
        [] => false,
        [FIRST] => holds_frames(disk, FIRST)?,
        _ => true,
    };
    let kept = note(disk, CHECKPOINT)?.is_some_and(|payload| !payload.is_empty());
    Ok(!begun && !kept && note(disk, CLEAN)?.is_none())
}
