//! A text whose erasure is asked for, decided or completed, as an order finds it: in the group so
//! far, else in the journal.

use std::sync::Arc;

use super::{Keep, Registered, SubmitError, erasures, staging::Stage, texts::Opener};
use crate::{
    judgement::{
        self, Asked, Assessment, Event, FieldPath, Holder, Position, Redact, Redactable, StreamId,
        Text,
    },
    record::Record,
};

/// What was found, held while the order is decided.
pub(super) struct Found {
    holder: Option<Holder>,
    asked: Option<Asked>,
    last: Option<judgement::Stage>,
    opened: Option<(Arc<Assessment>, Arc<Registered>)>,
    /// For an approval: what is to stand in the place of the text.
    pub(super) replacement: Option<Text>,
}

impl Found {
    pub(super) async fn of(
        stage: &mut Stage<'_>,
        stream: &StreamId,
        order: &Redact<Text>,
    ) -> Result<Self, SubmitError> {
        let mut found =
            Self { holder: None, asked: None, last: None, opened: None, replacement: None };
        if let StreamId::Assessment(_) = stream {
            let assessment = stage.stream(stream).await?.and_then(|it| it.assessment);
            let registered =
                assessment.as_ref().and_then(|it| stage.outlook.catalogue.get(&it.framework));
            found.opened = assessment.zip(registered.map(Arc::clone));
        }
        let (record, field) = match order {
            Redact::Request(order) => (order.record, order.field.clone()),
            Redact::Approve(_) | Redact::Refuse(_) | Redact::Complete(_) => {
                let Some(keep) = at(stage, stream, named(order)).await? else { return Ok(found) };
                let Some(asked) = asked(&keep.record, order) else { return Ok(found) };
                let opener = Opener { vault: &stage.desk.vault, erasures: &stage.outlook.erasures };
                found.replacement = erasures::replacement(opener, &keep);
                let text = (asked.record, asked.field.clone());
                found.asked = Some(asked);
                text
            }
        };
        let Some(keep) = at(stage, stream, record).await? else { return Ok(found) };
        found.holder = Some(holder(&keep));
        found.last = last(stage, record, &field).await?;
        Ok(found)
    }

    /// The same, as the rules take it.
    pub(super) fn known(&self) -> Redactable<'_> {
        Redactable {
            holder: self.holder.as_ref(),
            asked: self.asked.as_ref(),
            last: self.last,
            assessment: self.opened.as_ref().map(|(assessment, registered)| judgement::Opened {
                assessment,
                framework: &registered.framework,
                document: &registered.document_sha256,
                wordings: &[],
                peers: &[],
                corrected: None,
                draft: None,
            }),
        }
    }
}

/// The record that an order decides or follows.
fn named(order: &Redact<Text>) -> Position {
    match order {
        Redact::Request(order) => order.record,
        Redact::Approve(order) => order.request,
        Redact::Refuse(order) => order.request,
        Redact::Complete(order) => order.order,
    }
}

/// The record at a position, if it is one of the stream.
async fn at(
    stage: &Stage<'_>,
    stream: &StreamId,
    at: Position,
) -> Result<Option<Keep>, SubmitError> {
    if at == Position::START || at >= stage.next() {
        return Ok(None);
    }
    let mut staged = stage.records.iter().map(|staged| &staged.keep);
    let keep = match staged.find(|keep| keep.record.position == at) {
        Some(keep) => keep.clone(),
        None => Box::pin(stage.desk.fold.record(at)).await?,
    };
    Ok(Some(keep).filter(|keep| keep.record.stream == *stream))
}

/// What a record asks for or orders, if it is one that the order can decide or follow.
fn asked(of: &Record, order: &Redact<Text>) -> Option<Asked> {
    let completes = matches!(order, Redact::Complete(_));
    let (at, by) = (of.position, of.recorded_by.person);
    if let (Event::RedactionRequested(it), false) = (&of.event, completes) {
        let (record, field, basis) = (it.record, it.field.clone(), it.basis);
        return Some(Asked { at, by, record, field, basis });
    }
    if let (Event::TextRedacted(it), true) = (&of.event, completes) {
        let (record, field, basis) = (it.record, it.field.clone(), it.basis);
        return Some(Asked { at, by, record, field, basis });
    }
    None
}

/// The texts that a record has.
fn holder(keep: &Keep) -> Holder {
    let texts = keep.record.fields().into_iter().filter_map(|(field, commitment)| {
        Some((FieldPath::parse(&field).ok()?, *commitment.as_bytes()))
    });
    let owner = if let Event::PersonRegistered(person) = &keep.record.event {
        &person.organisation
    } else {
        &keep.record.recorded_by.organisation
    };
    let (item, event) = (keep.item(), keep.record.event.name());
    Holder { item, owner: owner.clone(), event, texts: texts.collect() }
}

/// The last record of the redaction of a text.
async fn last(
    stage: &Stage<'_>,
    record: Position,
    field: &FieldPath,
) -> Result<Option<judgement::Stage>, SubmitError> {
    let of = |it: &Record| {
        let meant = it.event.redacts() == Some((record, field));
        meant.then(|| judgement::Stage::of(it.position, &it.event)).flatten()
    };
    let mut staged = stage.records.iter().rev().map(|staged| &staged.keep.record);
    if let Some(last) = staged.find_map(of) {
        return Ok(Some(last));
    }
    let found = stage.desk.fold.of_text(record, field, stage.head).await?;
    Ok(found.and_then(|keep| of(&keep.record)))
}
