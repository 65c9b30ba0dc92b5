//! Rules for erasing texts. (Spec §4)

use super::{check_dates, check_no_evidence, check_reason};
use crate::judgement::{
    Act, ApproveRedaction, Caller, CompleteRedaction, Event, FieldPath, HoldId, Item, Known,
    LegalBasis, Opened, OrganisationId, PersonId, Position, Redact, RedactionCompleted,
    RedactionRefused, RedactionRequested, Refusal, RefuseRedaction, RequestRedaction, Role,
    Situation, Text, TextRedacted,
};

/// What an order that erases a text is decided against, as far as it is there.
#[derive(Debug, Clone, Copy)]
pub struct Redactable<'a> {
    /// The record that has the text.
    pub holder: Option<&'a Holder>,
    /// The record that the order decides or follows: a request, or for the service an order.
    pub asked: Option<&'a Asked>,
    /// The last record of the redaction of this text, if there is any.
    pub last: Option<Stage>,
    /// The assessment that has the record, if one does.
    pub assessment: Option<Opened<'a>>,
}

impl Redactable<'_> {
    /// Nothing of it is there.
    pub(super) const NOTHING: Self =
        Self { holder: None, asked: None, last: None, assessment: None };

    /// Whether it is a matter of this caller's organisation: one that judges the assessment which has
    /// the record, or else whose record it is. (Spec §5.3)
    pub(super) fn concerns(&self, caller: &Caller) -> bool {
        match (&self.assessment, self.holder) {
            (Some(opened), _) => opened.is_judged_by(caller),
            (None, Some(holder)) => caller.is(Role::Service) || holder.owner == caller.organisation,
            (None, None) => true,
        }
    }
}

/// A record that has texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The record.
    pub item: Item,
    /// The organisation whose it is, where no assessment has it: the person's whom it introduces, else
    /// of who recorded it.
    pub owner: OrganisationId,
    /// The name of its event.
    pub event: &'static str,
    /// Where its texts stand, each with its commitment.
    pub texts: Vec<(FieldPath, [u8; 32])>,
}

/// A record that asks for the redaction of a text, or orders it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Where it stands.
    pub at: Position,
    /// Whose login recorded it.
    pub by: PersonId,
    /// The record that has the text.
    pub record: Position,
    /// Where in it the text stands.
    pub field: FieldPath,
    /// What allows it by law.
    pub basis: LegalBasis,
}

/// How far the redaction of a text has come: the last of its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It was asked for.
    Requested(Position),
    /// It was ordered, or is completed.
    Ordered(Position),
    /// It was refused.
    Refused(Position),
}

impl Stage {
    /// The stage that a record leaves the redaction of its text at; nothing for any other event.
    #[must_use]
    pub fn of<T>(at: Position, event: &Event<T>) -> Option<Self> {
        match event {
            Event::RedactionRequested(_) => Some(Self::Requested(at)),
            Event::TextRedacted(_) | Event::RedactionCompleted(_) => Some(Self::Ordered(at)),
            Event::RedactionRefused(_) => Some(Self::Refused(at)),
            Event::PersonRegistered(_)
            | Event::FrameworkRegistered(_)
            | Event::SubjectRegistered(_)
            | Event::SubjectRenamed(_)
            | Event::AssessmentOpened(_)
            | Event::AddresseeSet(_)
            | Event::GradeSet(_)
            | Event::EntryRecorded(_)
            | Event::EntryRevised(_)
            | Event::AssessmentLocked(_)
            | Event::SignedOff(_)
            | Event::AssessmentPublished(_)
            | Event::SignOffRefused(_)
            | Event::AssessmentReopened(_)
            | Event::AssessmentWithdrawn(_)
            | Event::HoldPlaced(_)
            | Event::HoldReleased(_)
            | Event::ChallengeReceived(_)
            | Event::ChallengeDecided(_)
            | Event::DraftShared(_)
            | Event::RecordCorrected(_)
            | Event::KeyRotated(_)
            | Event::AccessRecorded(_) => None,
        }
    }

    const fn at(self) -> Position {
        match self {
            Self::Requested(at) | Self::Ordered(at) | Self::Refused(at) => at,
        }
    }
}

/// Decides an order that erases a text.
pub(super) fn redact(
    situation: &Situation<'_>,
    (caller, act): (&Caller, &Act<Text>),
    order: &Redact<Text>,
) -> Result<Event<Text>, Refusal> {
    let found = match situation.known {
        Known::Redaction(found) => found,
        Known::Name { .. }
        | Known::Subject { .. }
        | Known::Opening { .. }
        | Known::Assessment(_) => Redactable::NOTHING,
    };
    let case = Case { situation, caller, act, found };
    match order {
        Redact::Request(order) => case.request(order),
        Redact::Approve(order) => case.approve(order),
        Redact::Refuse(order) => case.refuse(order),
        Redact::Complete(order) => case.complete(order),
    }
}

struct Case<'a> {
    situation: &'a Situation<'a>,
    caller: &'a Caller,
    act: &'a Act<Text>,
    found: Redactable<'a>,
}

impl Case<'_> {
    fn request(&self, order: &RequestRedaction<Text>) -> Result<Event<Text>, Refusal> {
        let RequestRedaction { record, field, basis, reference, replacement } = order.clone();
        let Some(holder) = self.found.holder else {
            return Err(Refusal::NoRecord { position: record });
        };

        holder.check_has(&field)?;
        self.check_act()?;
        match self.found.last {
            None | Some(Stage::Refused(_)) => {}
            Some(Stage::Requested(request)) => return Err(Refusal::RedactionPending { request }),
            Some(Stage::Ordered(position)) => return Err(Refusal::AlreadyRedacted { position }),
        }
        self.check_no_hold()?;
        Ok(Event::RedactionRequested(RedactionRequested {
            record,
            record_hash: holder.item.hash,
            field,
            basis,
            reference,
            replacement,
        }))
    }

    fn approve(&self, order: &ApproveRedaction) -> Result<Event<Text>, Refusal> {
        let (holder, asked) = self.asked(order.request)?;
        let commitment = holder.check_has(&asked.field)?;

        self.check_act()?;
        self.check_undecided(asked)?;
        self.check_other_person(asked)?;
        self.check_no_hold()?;
        Ok(Event::TextRedacted(TextRedacted {
            request: asked.at,
            record: asked.record,
            record_hash: holder.item.hash,
            record_id: holder.item.record,
            field: asked.field.clone(),
            commitment,
            basis: asked.basis,
        }))
    }

    /// A hold stops erasure, not its refusal.
    fn refuse(&self, order: &RefuseRedaction<Text>) -> Result<Event<Text>, Refusal> {
        let (_, asked) = self.asked(order.request)?;

        self.check_act()?;
        self.check_undecided(asked)?;
        self.check_other_person(asked)?;
        Ok(Event::RedactionRefused(RedactionRefused {
            request: asked.at,
            record: asked.record,
            field: asked.field.clone(),
            ground: order.ground.clone(),
        }))
    }

    /// The service's own: a hold that was placed since the order comes too late.
    fn complete(&self, order: &CompleteRedaction) -> Result<Event<Text>, Refusal> {
        let (_, asked) = self.asked(order.order)?;
        self.check_undecided(asked)?;
        Ok(Event::RedactionCompleted(RedactionCompleted {
            order: asked.at,
            record: asked.record,
            field: asked.field.clone(),
            checkpoint_size: order.checkpoint_size,
        }))
    }

    /// The record that is decided or followed, and the one that has the text.
    fn asked(&self, position: Position) -> Result<(&Holder, &Asked), Refusal> {
        let found = self.found.holder.zip(self.found.asked);
        found.ok_or(Refusal::UnknownRedaction { position })
    }

    fn check_act(&self) -> Result<(), Refusal> {
        if let Some(opened) = self.found.assessment {
            check_reason(opened.framework, self.act)?;
        }
        check_no_evidence(self.act)?;
        check_dates(self.situation, self.act)
    }

    /// Nothing came of it yet: it is the last record of the redaction of its text.
    fn check_undecided(&self, asked: &Asked) -> Result<(), Refusal> {
        let last = self.found.last.map_or(asked.at, Stage::at);
        Refusal::RedactionDecided { request: asked.at, last }.when(last != asked.at)
    }

    /// Two persons' credentials are needed. (Spec §4)
    fn check_other_person(&self, asked: &Asked) -> Result<(), Refusal> {
        Refusal::SelfApproval { request: asked.at }.when(self.caller.person == asked.by)
    }

    /// No hold stops erasure.
    fn check_no_hold(&self) -> Result<(), Refusal> {
        let holds: Vec<HoldId> = self.found.assessment.map_or_else(Vec::new, |opened| {
            let all = opened.assessment.holds.iter();
            let stop = all.filter(|(_, it)| it.released.is_none() && it.stops.erasure());
            stop.map(|(id, _)| id.clone()).collect()
        });
        let held = !holds.is_empty();
        Refusal::OnHold { what: "erasure", holds }.when(held)
    }
}

impl Holder {
    /// The record has this text; its commitment.
    fn check_has(&self, field: &FieldPath) -> Result<[u8; 32], Refusal> {
        let found = self.texts.iter().find(|(path, _)| path == field);
        found.map(|(_, commitment)| *commitment).ok_or_else(|| Refusal::NotErasable {
            field: field.clone(),
            event: self.event,
            fields: self.texts.iter().map(|(path, _)| path.clone()).collect(),
        })
    }
}
