//! What is there already, found for one order before the rules are asked.

use std::sync::Arc;

use super::{Registered, SubmitError, filing, staging::Stage};
use crate::judgement::{
    Act, Assessment, AssessmentId, AssessmentOpened, AssessmentOrder, Known, Order, StreamId, Text,
};

/// What was found, held while the order is decided.
pub(super) enum Found {
    /// For orders that register something: whether that name is taken.
    Name { taken: bool },
    /// For an order that opens an assessment.
    Opening {
        framework: Option<Arc<Registered>>,
        subject: bool,
        taken: bool,
        same_cycle: Option<AssessmentId>,
    },
    /// For every other order on an assessment.
    Assessment(Option<(Arc<Assessment>, Arc<Registered>)>),
}

impl Found {
    pub(super) async fn of(
        stage: &mut Stage<'_>,
        order: &Order<Text>,
    ) -> Result<Self, SubmitError> {
        let stream = stage.stream(&order.stream()).await?;
        let taken = stream.is_some();
        match order {
            Order::RegisterFramework(_) | Order::RegisterSubject(_) => Ok(Self::Name { taken }),
            Order::Assess(id, AssessmentOrder::Open(opening)) => {
                let subject = StreamId::Subject(id.subject().clone());
                Ok(Self::Opening {
                    framework: stage.outlook.catalogue.get(&opening.framework).cloned(),
                    subject: stage.stream(&subject).await?.is_some(),
                    taken,
                    same_cycle: same_cycle(stage, id, opening).await?,
                })
            }
            Order::Assess(_, _) => {
                let assessment = stream.and_then(|stream| stream.assessment);
                Ok(Self::Assessment(assessment.and_then(|assessment| {
                    let registered = stage.outlook.catalogue.get(&assessment.framework)?;
                    Some((assessment, Arc::clone(registered)))
                })))
            }
        }
    }

    /// The same, as the rules take it.
    pub(super) fn known(&self) -> Known<'_> {
        match self {
            Self::Name { taken } => Known::Name { taken: *taken },
            Self::Opening { framework, subject, taken, same_cycle } => Known::Opening {
                framework: framework.as_deref().map(|it| &*it.framework),
                subject: *subject,
                taken: *taken,
                same_cycle: same_cycle.as_ref(),
            },
            Self::Assessment(found) => {
                Known::Assessment(found.as_ref().map(|(assessment, registered)| {
                    (&**assessment, &*registered.framework, &registered.document_sha256)
                }))
            }
        }
    }

    /// Says which record is meant where evidence names an entry's last.
    pub(super) fn settle_evidence(&self, act: &mut Act<Text>) {
        let Self::Assessment(Some((assessment, _))) = self else { return };
        for evidence in &mut act.evidence {
            if let (true, Some(last)) =
                (evidence.is_of_last(), assessment.last_of_entry(&evidence.entry))
            {
                evidence.at = last.at;
            }
        }
    }
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
