//! Orders that register frameworks and subjects.

use std::sync::Arc;

use super::{
    At, Names, Ordered, Read,
    act::act,
    order::mode,
    value::{expected, id},
};
use crate::{
    judgement::{Label, Order, RegisterFramework, RegisterSubject, RenameSubject, SubjectId},
    pb,
    record::{Fault, document_of, framework_of},
};

/// The document is the message as the ledger encodes it: what it does not know is not kept.
pub(in crate::rpc) fn register_framework(
    at: &At<'_>,
    given: &pb::RegisterFrameworkRequest,
    names: &mut Names<'_>,
) -> Read<Ordered> {
    let act = act(&at.field("act"), given.act.as_ref(), names);
    let at_framework = at.field("framework");
    let message = at_framework.required(given.framework.as_ref());
    let order = message.and_then(|message| {
        let framework = framework_of(message).map_err(|faults| {
            let noted = |fault: &Fault| at_framework.violated_below(&fault.path, &fault.what);
            let whole = || at_framework.violated("is not a framework");
            faults.iter().map(noted).reduce(|_, last| last).unwrap_or_else(whole)
        })?;
        let (bytes, _) = document_of(message);
        let document = Arc::from(bytes.as_ref());
        Ok(Order::RegisterFramework(RegisterFramework { framework: Arc::new(framework), document }))
    });
    Ok(Ordered { act: act?, order: order?, mode: mode(given.validate_only) })
}

pub(in crate::rpc) fn register_subject(
    at: &At<'_>,
    given: &pb::RegisterSubjectRequest,
    names: &mut Names<'_>,
) -> Read<Ordered> {
    let act = act(&at.field("act"), given.act.as_ref(), names);
    let subject = id(&at.field("subject"), &given.subject, SubjectId::parse_name);
    let name = id(&at.field("display_name"), &given.display_name, Label::parse);
    let kind = id(&at.field("kind"), &given.kind, Label::parse);
    let order = RegisterSubject { subject: subject?, name: name?, kind: kind? };
    let order = Order::RegisterSubject(order);
    Ok(Ordered { act: act?, order, mode: mode(given.validate_only) })
}

pub(in crate::rpc) fn rename_subject(
    at: &At<'_>,
    given: &pb::RenameSubjectRequest,
    names: &mut Names<'_>,
) -> Read<Ordered> {
    let act = act(&at.field("act"), given.act.as_ref(), names);
    let subject = id(&at.field("subject"), &given.subject, SubjectId::parse_name);
    let name = id(&at.field("display_name"), &given.display_name, Label::parse);
    let expected = expected(&at.field("expected"), given.expected.as_ref());
    let order = RenameSubject { subject: subject?, name: name?, expected: expected? };
    let order = Order::RenameSubject(order);
    Ok(Ordered { act: act?, order, mode: mode(given.validate_only) })
}
