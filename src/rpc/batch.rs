//! Several commands on one assessment, or publications of several, recorded all or none. (Spec §4.7)

use std::collections::HashMap;

use prost::Message;
use tonic::Status;

use super::{
    Identity,
    submit::{BATCH_COMMANDS_MAX, Commands, check_size, hand_in, prepare},
    wire::{At, Names, Noted, Ordered, Read, any_order, assessment_of, receipt, validate_only_of},
};
use crate::{
    ledger::{Ledger, Mode},
    pb::{self, command::Order},
};

/// Records a batch.
pub(super) async fn apply_batch(
    ledger: &Ledger,
    identity: &Identity,
    batch: pb::ApplyBatchRequest,
) -> Result<pb::ApplyBatchResponse, Status> {
    for (index, command) in batch.commands.iter().enumerate() {
        check_size(command.encoded_len(), Some(index))?;
    }
    let request = |at: &At<'_>, names: &mut Names<'_>| read_batch(at, &batch, names);
    let first = prepare(ledger, identity, request)?;
    let path = |index: usize| {
        let order = batch.commands.get(index).and_then(|command| command.order.as_ref());
        let field = order.map_or("", |order| assessment_of(order).1);
        format!("commands[{index}].{field}")
    };
    let receipts = hand_in(ledger, identity, request, first, path).await?;
    Ok(pb::ApplyBatchResponse { receipts: receipts.iter().map(receipt).collect() })
}

/// Publishes several assessments at once. One group holds them all, and readers see a group whole or
/// not at all.
pub(super) async fn publish_assessments(
    ledger: &Ledger,
    identity: &Identity,
    batch: pb::PublishAssessmentsRequest,
) -> Result<pb::PublishAssessmentsResponse, Status> {
    for (index, publication) in batch.publications.iter().enumerate() {
        check_size(publication.encoded_len(), Some(index))?;
    }
    let mode = if batch.validate_only { Mode::Validate } else { Mode::Record };
    let orders: Vec<_> = batch.publications.into_iter().map(Order::PublishAssessment).collect();
    let request =
        |at: &At<'_>, names: &mut Names<'_>| Ok((read_publications(at, &orders, names)?, mode));
    let first = prepare(ledger, identity, request)?;
    let path = |index: usize| format!("publications[{index}]");
    let receipts = hand_in(ledger, identity, request, first, path).await?;
    Ok(pb::PublishAssessmentsResponse { receipts: receipts.iter().map(receipt).collect() })
}

/// The publications of a batch.
fn read_publications(at: &At<'_>, orders: &[Order], names: &mut Names<'_>) -> Read<Vec<Ordered>> {
    let at = at.field("publications");
    check_count(&at, orders.len())?;
    let publications = at.each(orders, |at, order| {
        let ordered = any_order(at, order, names);
        check_unmarked(at, order).and(ordered)
    })?;
    check_requests(&publications, |index, what| at.index(index).violated_below(REQUEST_ID, what))?;
    Ok(publications)
}

/// Where a command has its request id.
const REQUEST_ID: &str = "act.request_id";

/// Each command is a request of its own. Two under one id would both be recorded, and neither could be
/// repeated: the id would answer with one of them. (Spec §4.3)
fn check_requests(commands: &[Ordered], violated: impl Fn(usize, String) -> Noted) -> Read<()> {
    let mut seen = HashMap::with_capacity(commands.len());
    for (index, command) in commands.iter().enumerate() {
        if let Some(first) = seen.insert(command.act.request, index) {
            return Err(violated(index, format!("is that of command {first} already")));
        }
    }
    Ok(())
}

/// A batch has some commands, and not too many.
fn check_count(at: &At<'_>, count: usize) -> Read<()> {
    if count == 0 {
        return Err(at.violated("is required"));
    }
    if count > BATCH_COMMANDS_MAX {
        let what = format!("has {count} commands; at most {BATCH_COMMANDS_MAX} are taken");
        return Err(at.violated(what));
    }
    Ok(())
}

/// Whether it is recorded is said once, of the whole batch.
fn check_unmarked(at: &At<'_>, order: &Order) -> Read<()> {
    if validate_only_of(order) {
        let what = "must not be set in a batch: the batch has its own";
        return Err(at.field("validate_only").violated(what));
    }
    Ok(())
}

/// The commands of a batch, and whether to record them.
pub(super) fn read_batch(
    at: &At<'_>,
    batch: &pb::ApplyBatchRequest,
    names: &mut Names<'_>,
) -> Read<Commands> {
    let at_commands = at.field("commands");
    check_count(&at_commands, batch.commands.len())?;
    let first = batch.commands.first().and_then(|command| command.order.as_ref());
    let same = first.map_or("", |order| assessment_of(order).0);
    let commands = at_commands
        .each(&batch.commands, |at_one, command| read_command(at_one, command, same, names))?;
    check_requests(&commands, |index, what| {
        let order = batch.commands.get(index).and_then(|command| command.order.as_ref());
        let field = order.map_or("", |order| assessment_of(order).1);
        at_commands.index(index).violated_below(&format!("{field}.{REQUEST_ID}"), what)
    })?;
    let mode = if batch.validate_only { Mode::Validate } else { Mode::Record };
    Ok((commands, mode))
}

/// One command of a batch on the assessment `same`.
fn read_command(
    at: &At<'_>,
    command: &pb::Command,
    same: &str,
    names: &mut Names<'_>,
) -> Read<Ordered> {
    let Some(order) = &command.order else {
        return Err(at.violated("is required"));
    };
    let (assessment, field) = assessment_of(order);
    let at = at.field(field);
    let ordered = any_order(&at, order, names);
    let on_same = if assessment == same {
        Ok(())
    } else {
        Err(at.field("assessment").violated(format_args!("must be {same}, as in the first")))
    };
    let unmarked = check_unmarked(&at, order);
    on_same.and(unmarked).and(ordered)
}
