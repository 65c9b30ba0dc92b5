//! Orders that erase texts, of records of whichever stream.

use super::{
    At, Names, Ordered, Read,
    act::act,
    closed::one_of,
    order::mode,
    value::{id, typed, typed_if_any},
};
use crate::{
    judgement::{
        ApproveRedaction, FieldPath, Order, Position, Redact, RefuseRedaction, RequestRedaction,
        StreamId,
    },
    pb,
};

/// A request for the redaction of a text of a record of this stream.
pub(in crate::rpc) fn request_redaction(
    at: &At<'_>,
    (stream, given): (&StreamId, &pb::RequestRedactionRequest),
    names: &mut Names<'_>,
) -> Read<Ordered> {
    let act = act(&at.field("act"), given.act.as_ref(), names);
    let record = position(&at.field("position"), given.position);
    let field = id(&at.field("field"), &given.field, FieldPath::parse);
    let basis = one_of(&at.field("legal_basis"), given.legal_basis);
    let reference = typed_if_any(&at.field("reference"), &given.reference);
    let replacement = typed(&at.field("replacement"), &given.replacement);
    let order = Redact::Request(RequestRedaction {
        record: record?,
        field: field?,
        basis: basis?,
        reference: reference?,
        replacement: replacement?,
    });
    let order = Order::Redact(stream.clone(), order);
    Ok(Ordered { act: act?, order, mode: mode(given.validate_only) })
}

/// The approval of a redaction that was asked for in this stream.
pub(in crate::rpc) fn approve_redaction(
    at: &At<'_>,
    (stream, given): (&StreamId, &pb::ApproveRedactionRequest),
    names: &mut Names<'_>,
) -> Read<Ordered> {
    let act = act(&at.field("act"), given.act.as_ref(), names);
    let request = position(&at.field("request_position"), given.request_position);
    let order = Redact::Approve(ApproveRedaction { request: request? });
    let order = Order::Redact(stream.clone(), order);
    Ok(Ordered { act: act?, order, mode: mode(given.validate_only) })
}

/// The refusal of a redaction that was asked for in this stream.
pub(in crate::rpc) fn refuse_redaction(
    at: &At<'_>,
    (stream, given): (&StreamId, &pb::RefuseRedactionRequest),
    names: &mut Names<'_>,
) -> Read<Ordered> {
    let act = act(&at.field("act"), given.act.as_ref(), names);
    let request = position(&at.field("request_position"), given.request_position);
    let ground = typed(&at.field("ground"), &given.ground);
    let order = Redact::Refuse(RefuseRedaction { request: request?, ground: ground? });
    let order = Order::Redact(stream.clone(), order);
    Ok(Ordered { act: act?, order, mode: mode(given.validate_only) })
}

/// A position that must be there; it counts from 1.
fn position(at: &At<'_>, given: u64) -> Read<Position> {
    at.required((given != 0).then_some(given)).map(Position::new)
}
