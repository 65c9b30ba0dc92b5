//! Several commands on one assessment, recorded all or none. (Spec §4.7)

use prost::Message;
use tonic::Status;

use super::{
    Identity,
    submit::{BATCH_COMMANDS_MAX, Commands, check_size, hand_in, prepare},
    wire::{At, Names, Ordered, Read, any_order, assessment_of, receipt, validate_only_of},
};
use crate::{
    ledger::{Ledger, Mode},
    pb,
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

/// The commands of a batch, and whether to record them.
pub(super) fn read_batch(
    at: &At<'_>,
    batch: &pb::ApplyBatchRequest,
    names: &mut Names<'_>,
) -> Read<Commands> {
    let at_commands = at.field("commands");
    let Some(first) = batch.commands.first() else {
        return Err(at_commands.violated("is required"));
    };
    let count = batch.commands.len();
    if count > BATCH_COMMANDS_MAX {
        let what = format!("has {count} commands; at most {BATCH_COMMANDS_MAX} are taken");
        return Err(at_commands.violated(what));
    }
    let same = first.order.as_ref().map_or("", |order| assessment_of(order).0);
    let commands = at_commands
        .each(&batch.commands, |at_one, command| read_command(at_one, command, same, names))?;
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
    let unmarked = if validate_only_of(order) {
        let what = "must not be set in a batch: the batch has its own";
        Err(at.field("validate_only").violated(what))
    } else {
        Ok(())
    };
    on_same.and(unmarked).and(ordered)
}
