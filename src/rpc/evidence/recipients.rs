//! Who received what of an assessment: drafts that were shared, what was published and to which
//! audiences, and what was taken out by whom.

use tonic::Status;

use super::not_opened;
use crate::{
    judgement::{
        AccessKind, AccessRecorded, AssessmentId, AudienceDigest, AudienceId, Event, Framework,
        Position, Recorder, Role, Run, StreamId,
    },
    ledger::{Ledger, ReadRecord, Shown},
    pb,
    record::Record,
    rpc::{accesses, asked::Asked, reads, show, sight::Reach, status},
};

/// The most that one answer lists.
const RECIPIENTS_MAX: usize = 10_000;

/// Who received what.
pub(super) async fn recipients(
    ledger: &Ledger,
    reach: &Reach,
    request: &pb::GetRecipientsRequest,
) -> Result<pb::GetRecipientsResponse, Status> {
    let mut asked = Asked::default();
    let assessment = asked.required("assessment", AssessmentId::parse(&request.assessment));
    let assessment = asked.settle(assessment)?;
    let failed = |error| status::of_read(&error);
    ledger.reached(Position::new(request.min_position)).await.map_err(failed)?;
    // Before anything of it is read.
    if !reads::is_seen_inside(ledger, &assessment, reach).await? {
        return Err(not_opened(&assessment));
    }
    let head = ledger.head();
    let own = StreamId::Assessment(assessment.clone());
    let trail = ledger.stated(&own, head.position).await.map_err(failed)?;
    let first = trail.first().ok_or_else(|| not_opened(&assessment))?;
    let framework = if let Event::AssessmentOpened(opened) = &first.event {
        ledger.framework(&opened.framework)
    } else {
        tracing::error!(%assessment, "an assessment does not begin with its opening");
        None
    };
    let framework = framework.ok_or_else(status::defect)?;
    let about = Position::new(request.position);
    let mut told = Told { ledger, framework: &framework.framework, about, recipients: Vec::new() };
    let mut positions: Vec<Position> = trail
        .iter()
        .filter(|it| matches!(it.event, Event::DraftShared(_) | Event::AssessmentPublished(_)))
        .map(|it| it.position)
        .collect();
    positions.extend(ledger.accesses(&own, head.position).await.map_err(failed)?);
    positions.sort_unstable();
    let (begin, mut drafts) = (first.position, 0);
    for at in positions {
        let read = ledger.record(at).await.map_err(failed)?;
        if let Event::AccessRecorded(access) = &read.event {
            if told.saw(&read.record.recorded_by, access) {
                let run = accesses::run(ledger, &read.record, access).await.map_err(failed)?;
                told.add_taker(&read.record, access, run.unwrap_or_else(|| before(begin, at)));
            }
        } else {
            told.add(&read, begin, &mut drafts);
        }
    }
    let mut recipients = told.recipients;
    recipients.truncate(RECIPIENTS_MAX);
    Ok(pb::GetRecipientsResponse { recipients, read: Some(show::moment(head)) })
}

/// What is told so far.
struct Told<'a> {
    ledger: &'a Ledger,
    framework: &'a Framework,
    /// Only who received this record; all for [`Position::START`].
    about: Position,
    recipients: Vec<pb::Recipient>,
}

impl Told<'_> {
    fn add(&mut self, read: &ReadRecord, begin: Position, drafts: &mut u32) {
        let record = &read.record;
        if let Event::DraftShared(event) = &read.event {
            *drafts = drafts.saturating_add(1);
            let kind = pb::RecipientKind::Draft;
            self.push(pb::Recipient {
                recipient_kind: i32::from(kind),
                name: Some(show::text(&event.recipient)),
                audience: event.digest.audience.to_string(),
                draft: format!("draft-{drafts}"),
                ..seen_in(record, Run { first: begin, last: event.position })
            });
        }
        if let Event::AssessmentPublished(event) = &read.event {
            for AudienceDigest { audience, .. } in &event.audiences {
                self.push(pb::Recipient {
                    recipient_kind: i32::from(self.published_to(audience)),
                    audience: audience.to_string(),
                    edition: event.edition,
                    ..seen_in(record, before(begin, record.position))
                });
            }
        }
    }

    /// Whether somebody was told of this assessment by what was taken: of the whole ledger only what
    /// the taker's organisation judges, unless it was the auditor, who sees all. (Spec §5.3)
    fn saw<T>(&self, taker: &Recorder, access: &AccessRecorded<T>) -> bool {
        let sees_all = taker.role == Role::Auditor;
        access.of.is_some() || sees_all || self.framework.signed_by.contains(&taker.organisation)
    }

    fn add_taker(&mut self, record: &Record, access: &AccessRecorded<Shown>, run: Run) {
        let names = |person| self.ledger.name(person);
        let person = show::person(record.recorded_by.person, &names);
        self.push(pb::Recipient {
            recipient_kind: i32::from(taken(access.kind)),
            person: Some(person),
            organisation: record.recorded_by.organisation.to_string(),
            purpose: access.purpose.as_ref().map(show::text),
            ..seen_in(record, run)
        });
    }

    fn push(&mut self, recipient: pb::Recipient) {
        let about = self.about.get();
        let takes_in = recipient.first_position <= about && about <= recipient.last_position;
        if self.about == Position::START || takes_in {
            self.recipients.push(recipient);
        }
    }

    /// Whether an audience gets the letter or grades alone.
    fn published_to(&self, audience: &AudienceId) -> pb::RecipientKind {
        if self.framework.letter_to.contains(audience) {
            pb::RecipientKind::Letter
        } else {
            pb::RecipientKind::Grades
        }
    }
}

/// The assessment's records before this one.
const fn before(begin: Position, at: Position) -> Run {
    Run { first: begin, last: Position::new(at.get().saturating_sub(1)) }
}

/// Somebody who saw these records, as a record says.
fn seen_in(record: &Record, run: Run) -> pb::Recipient {
    pb::Recipient {
        position: record.position.get(),
        recorded_at: Some(show::timestamp(record.recorded_at)),
        first_position: run.first.get(),
        last_position: run.last.get(),
        ..pb::Recipient::default()
    }
}

const fn taken(kind: AccessKind) -> pb::RecipientKind {
    match kind {
        AccessKind::Trail | AccessKind::EntryBundles | AccessKind::Openings => {
            pb::RecipientKind::Trail
        }
        AccessKind::Case => pb::RecipientKind::Case,
        AccessKind::Evidence => pb::RecipientKind::Evidence,
        AccessKind::Stream => pb::RecipientKind::Stream,
        AccessKind::Letter => pb::RecipientKind::Letter,
    }
}
