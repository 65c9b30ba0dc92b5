//! From a request to the ledger and back: read it, hand it in, answer with receipts.

use std::time::Duration;

use tonic::Status;

use super::{
    Identity, status,
    wire::{At, Names, Ordered, Read, read},
};
use crate::{
    judgement::{Caller, Command},
    ledger::{Ledger, Mode, Receipt, Submission, SubmitError},
};

/// The largest command, in bytes as it is encoded. (Spec §4.10)
pub(super) const COMMAND_BYTES_MAX: usize = 256 * 1024;

/// The most commands of a batch.
pub(super) const BATCH_COMMANDS_MAX: usize = 1_000;

/// How often names are resolved, if others introduce the same persons at the same moment. The
/// second time everyone is known; the third is for somebody who is as quick once more.
const RESOLUTIONS_MAX: usize = 3;

/// How long to wait for the introduction that came first to be published: many group commits.
const PUBLICATION_WAIT: Duration = Duration::from_millis(500);

/// What is read from a request: its commands, and whether to record them.
pub(super) type Commands = (Vec<Ordered>, Mode);

/// Reads a request as a submission by `identity`.
///
/// # Errors
/// `INVALID_ARGUMENT` with every violation.
pub(super) fn prepare(
    ledger: &Ledger,
    identity: &Identity,
    request: impl Fn(&At<'_>, &mut Names<'_>) -> Read<Commands>,
) -> Result<Submission, Status> {
    let mut introductions = ledger.introductions();
    let organisation = &identity.organisation;
    let caller = Caller {
        person: introductions.person(organisation, &identity.login),
        organisation: organisation.clone(),
        roles: identity.roles.clone(),
    };
    let mut names = Names { introductions: &mut introductions, organisation };
    let (ordered, mode) = read(|at| request(&at, &mut names)).map_err(status::bad_request)?;
    let command = |it: Ordered| Command { caller: caller.clone(), act: it.act, order: it.order };
    Ok(Submission {
        commands: ordered.into_iter().map(command).collect(),
        introductions: introductions.into_new(),
        mode,
    })
}

/// Hands in `first`, which `request` was read as; reads it again where names have to be resolved
/// again. `path` says where in the request a command stands.
///
/// # Errors
/// What became of it instead.
pub(super) async fn hand_in(
    ledger: &Ledger,
    identity: &Identity,
    request: impl Fn(&At<'_>, &mut Names<'_>) -> Read<Commands>,
    first: Submission,
    path: impl Fn(usize) -> String,
) -> Result<Vec<Receipt>, Status> {
    let mut submission = first;
    for _ in 1..RESOLUTIONS_MAX {
        let commands = submission.commands.len();
        let mut published = ledger.follow();
        match ledger.submit(submission).await {
            Ok(receipts) => return Ok(receipts),
            Err(SubmitError::DirectoryMoved) => {
                // Who came first is published in a moment; if not, the next attempt tells.
                let publication = published.changed();
                drop(tokio::time::timeout(PUBLICATION_WAIT, publication).await);
            }
            Err(error) => return Err(status::of_submit(&error, commands, &path)),
        }
        submission = prepare(ledger, identity, &request)?;
    }
    let commands = submission.commands.len();
    ledger.submit(submission).await.map_err(|error| status::of_submit(&error, commands, &path))
}

/// Reads a request of one command, and hands it in.
///
/// # Errors
/// What is wrong with it, or what became of it instead.
pub(super) async fn submit_one(
    ledger: &Ledger,
    identity: &Identity,
    bytes: usize,
    command: impl Fn(&At<'_>, &mut Names<'_>) -> Read<Ordered>,
) -> Result<Receipt, Status> {
    check_size(bytes, None)?;
    let request = |at: &At<'_>, names: &mut Names<'_>| command(at, names).map(one);
    let first = prepare(ledger, identity, request)?;
    only(hand_in(ledger, identity, request, first, |_| String::new()).await?)
}

/// One command by itself.
pub(super) fn one(ordered: Ordered) -> Commands {
    let mode = ordered.mode;
    (vec![ordered], mode)
}

/// The one receipt for one command.
pub(super) fn only(receipts: Vec<Receipt>) -> Result<Receipt, Status> {
    receipts.into_iter().next().ok_or_else(|| {
        tracing::error!("the ledger answered a command without a receipt");
        status::defect()
    })
}

/// A command has at most 256 KiB. (Spec §4.10)
pub(super) fn check_size(bytes: usize, command: Option<usize>) -> Result<(), Status> {
    if bytes > COMMAND_BYTES_MAX {
        return Err(status::command_too_large(bytes, COMMAND_BYTES_MAX, command));
    }
    Ok(())
}
