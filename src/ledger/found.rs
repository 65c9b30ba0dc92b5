//! What is there already, found for one order before the rules are asked.

use std::sync::Arc;

use super::{Registered, SubmitError, earlier, filing, peers, redactable, staging::Stage};
use crate::{
    judgement::{
        self, About, Act, Assessment, AssessmentId, AssessmentOpened, AssessmentOrder, Command,
        Correctable, EvidenceRef, Item, Known, Order, Peer, StreamId, Text,
    },
    record::Record,
};

/// What was found, held while the order is decided.
pub(super) enum Found {
    /// For orders that register something: whether that name is taken.
    Name { taken: bool },
    /// For an order that renames a subject: its last record.
    Subject { last: Option<Item> },
    /// For an order that opens an assessment.
    Opening {
        framework: Option<Arc<Registered>>,
        subject: bool,
        taken: bool,
        same_cycle: Option<AssessmentId>,
    },
    /// For every other order on an assessment.
    Assessment(Option<Box<Opened>>),
    /// For an order that erases a text.
    Redaction(Box<redactable::Found>),
}

/// An assessment that was opened.
pub(super) struct Opened {
    assessment: Arc<Assessment>,
    registered: Arc<Registered>,
    /// Earlier wordings of its entries that the command cites.
    wordings: Vec<EvidenceRef>,
    /// For a withdrawal: the subject's other assessments that are in force.
    peers: Vec<Peer>,
    /// For a correction: the record to be corrected.
    corrected: Option<Correctable>,
    /// For a draft: the assessment as it was shown.
    draft: Option<Arc<Assessment>>,
}

impl Found {
    pub(super) async fn of(
        stage: &mut Stage<'_>,
        command: &Command<Text>,
    ) -> Result<Self, SubmitError> {
        let order = &command.order;
        if let Order::Redact(stream, order) = order {
            let found = Box::pin(redactable::Found::of(stage, stream, order)).await?;
            return Ok(Self::Redaction(Box::new(found)));
        }
        let stream = stage.stream(&order.stream()).await?;
        let taken = stream.is_some();
        match order {
            // Nothing speaks against an access but the caller's role.
            Order::RecordAccess(_) => Ok(Self::Name { taken: false }),
            Order::RegisterFramework(_)
            | Order::RegisterSubject(_)
            | Order::RotateKey(_)
            | Order::Redact(_, _) => Ok(Self::Name { taken }),
            Order::RenameSubject(_) => Ok(Self::Subject { last: stream.map(|it| it.last) }),
            Order::Assess(id, AssessmentOrder::Open(opening)) => {
                let subject = StreamId::Subject(id.subject().clone());
                Ok(Self::Opening {
                    framework: stage.outlook.catalogue.get(&opening.framework).cloned(),
                    subject: stage.stream(&subject).await?.is_some(),
                    taken,
                    same_cycle: Box::pin(same_cycle(stage, id, opening)).await?,
                })
            }
            Order::Assess(id, order) => {
                let Some(assessment) = stream.and_then(|stream| stream.assessment) else {
                    return Ok(Self::Assessment(None));
                };
                let Some(registered) = stage.outlook.catalogue.get(&assessment.framework) else {
                    return Ok(Self::Assessment(None));
                };
                let registered = Arc::clone(registered);
                let cited = &command.act.evidence;
                let wordings = match cited.as_slice() {
                    [] => Vec::new(),
                    cited => Box::pin(wordings(stage, &assessment, cited)).await?,
                };
                let opened = Opened {
                    assessment,
                    registered,
                    wordings,
                    peers: Vec::new(),
                    corrected: None,
                    draft: None,
                };
                let opened = opened.beside(stage, id, order).await?;
                Ok(Self::Assessment(Some(Box::new(opened))))
            }
        }
    }

    /// The same, as the rules take it.
    pub(super) fn known(&self) -> Known<'_> {
        match self {
            Self::Name { taken } => Known::Name { taken: *taken },
            Self::Subject { last } => Known::Subject { last: *last },
            Self::Opening { framework, subject, taken, same_cycle } => Known::Opening {
                framework: framework.as_deref().map(|it| &*it.framework),
                subject: *subject,
                taken: *taken,
                same_cycle: same_cycle.as_ref(),
            },
            Self::Redaction(found) => Known::Redaction(found.known()),
            Self::Assessment(found) => {
                Known::Assessment(found.as_deref().map(|opened| judgement::Opened {
                    assessment: &opened.assessment,
                    framework: &opened.registered.framework,
                    document: &opened.registered.document_sha256,
                    wordings: &opened.wordings,
                    peers: &opened.peers,
                    corrected: opened.corrected.as_ref(),
                    draft: opened.draft.as_deref(),
                }))
            }
        }
    }

    /// For the approval of a redaction: what is to stand in the place of the text.
    pub(super) fn replacement(&self) -> Option<Text> {
        let Self::Redaction(found) = self else { return None };
        found.replacement.clone()
    }

    /// Says which record is meant where evidence names an entry's last.
    pub(super) fn settle_evidence(&self, act: &mut Act<Text>) {
        let Self::Assessment(Some(found)) = self else { return };
        for evidence in &mut act.evidence {
            if let (true, Some(last)) =
                (evidence.is_of_last(), found.assessment.last_of_entry(&evidence.entry))
            {
                evidence.at = last.at;
            }
        }
    }
}

impl Opened {
    /// With what only some orders are decided against.
    async fn beside(
        self,
        stage: &mut Stage<'_>,
        id: &AssessmentId,
        order: &AssessmentOrder<Text>,
    ) -> Result<Self, SubmitError> {
        match order {
            AssessmentOrder::Withdraw(_) => {
                let peers = Box::pin(peers::of(stage, id)).await?;
                Ok(Self { peers, ..self })
            }
            AssessmentOrder::Correct(order) => {
                let corrected = Box::pin(earlier::correctable(stage, id, order.record)).await?;
                Ok(Self { corrected, ..self })
            }
            AssessmentOrder::ShareDraft(order) => {
                let draft = earlier::as_known(stage, &self.assessment, order.position);
                let draft = Box::pin(draft).await?;
                Ok(Self { draft, ..self })
            }
            AssessmentOrder::Open(_)
            | AssessmentOrder::SetAddressee(_)
            | AssessmentOrder::SetGrade(_)
            | AssessmentOrder::RecordEntry(_)
            | AssessmentOrder::ReviseEntry(_)
            | AssessmentOrder::Lock(_)
            | AssessmentOrder::SignOff(_)
            | AssessmentOrder::Publish(_)
            | AssessmentOrder::RefuseSignOff(_)
            | AssessmentOrder::Reopen(_)
            | AssessmentOrder::PlaceHold(_)
            | AssessmentOrder::ReleaseHold(_)
            | AssessmentOrder::ReceiveChallenge(_)
            | AssessmentOrder::DecideChallenge(_) => Ok(self),
        }
    }
}

/// The evidence cited at a wording that is not its entry's last, as far as there is such a wording:
/// in the group so far, else in the journal.
async fn wordings(
    stage: &Stage<'_>,
    assessment: &Assessment,
    cited: &[EvidenceRef],
) -> Result<Vec<EvidenceRef>, SubmitError> {
    let mut wordings = Vec::new();
    for evidence in cited {
        let last = assessment.last_of_entry(&evidence.entry).map(|item| item.at);
        let earlier = !evidence.is_of_last() && last.is_some_and(|last| evidence.at < last);
        if !earlier || wordings.contains(evidence) {
            continue;
        }
        let mut staged = stage.records.iter().map(|staged| &staged.keep.record);
        let is_there = if let Some(record) = staged.find(|it| it.position == evidence.at) {
            gives_wording(record, &assessment.id, evidence)
        } else {
            let keep = stage.desk.fold.record(evidence.at).await?;
            gives_wording(&keep.record, &assessment.id, evidence)
        };
        if is_there {
            wordings.push(evidence.clone());
        }
    }
    Ok(wordings)
}

/// Whether a record gave an entry of an assessment a wording.
fn gives_wording(record: &Record, assessment: &AssessmentId, cited: &EvidenceRef) -> bool {
    let about = About::of(&record.event) == About::Entry(cited.entry.clone());
    let worded = about && About::is_wording(&record.event);
    worded && record.stream == StreamId::Assessment(assessment.clone())
}

/// An assessment of the same subject under the same framework in the same cycle: in the group so
/// far, else in the journal.
async fn same_cycle(
    stage: &Stage<'_>,
    id: &AssessmentId,
    opening: &AssessmentOpened<Text>,
) -> Result<Option<AssessmentId>, SubmitError> {
    let same = |it: &&Assessment| {
        it.id.subject() == id.subject()
            && it.framework == opening.framework
            && it.cycle == opening.cycle
    };
    let staged = stage.outlook.streams.values().filter_map(|stream| stream.assessment.as_deref());
    if let Some(other) = staged.into_iter().find(same) {
        return Ok(Some(other.id.clone()));
    }
    let key = filing::of_cycle(id.subject(), &opening.framework, &opening.cycle);
    Ok(stage.desk.fold.of_cycle(key, id.subject(), opening, stage.head).await?)
}
