//! Rows for auditors, labelled and marked by what is known of their assessments.

use std::collections::HashMap;

use tonic::Status;

use crate::{
    judgement::{AssessmentId, StreamId},
    ledger::{AsOf, AssessmentRead, Found, KnownAt, Ledger, Moment, ReadRecord, View},
    pb,
    rpc::{page_token::Page, show, status},
};

/// Makes the rows of one page. An assessment is looked up once for the page.
pub(super) struct Rows<'a> {
    ledger: &'a Ledger,
    moment: Moment,
    assessments: HashMap<AssessmentId, Option<AssessmentRead>>,
}

impl<'a> Rows<'a> {
    /// Rows as of `moment`.
    pub(super) fn new(ledger: &'a Ledger, moment: Moment) -> Self {
        Self { ledger, moment, assessments: HashMap::new() }
    }

    /// Knows an assessment beforehand.
    pub(super) fn know(&mut self, assessment: AssessmentRead) {
        self.assessments.insert(assessment.known.id.clone(), Some(assessment));
    }

    /// The rows of what was found, as many as fit into one message.
    pub(super) async fn page(mut self, found: Found) -> Result<Page<pb::AuditRow>, Status> {
        let ledger = self.ledger;
        let names = |person| ledger.name(person);
        let mut page = Page::new(found.next);
        for record in &found.records {
            let within = self.within(record).await?;
            let corrections = corrections(ledger, record, within).await?;
            let row = show::audit_row(record, within, &corrections, &names);
            if page.take(record.record.position, row).is_break() {
                break;
            }
        }
        Ok(page)
    }

    /// The assessment of a record: it labels the area of a grade, and knows what became of what was
    /// recorded.
    async fn within(&mut self, record: &ReadRecord) -> Result<Option<&AssessmentRead>, Status> {
        let StreamId::Assessment(assessment) = &record.record.stream else { return Ok(None) };
        if !self.assessments.contains_key(assessment) {
            let known = KnownAt::Position(self.moment.position);
            let as_of = AsOf { view: View::Working, known, effective: None, stated: None };
            let read = Box::pin(self.ledger.assessment(assessment, as_of)).await;
            let read = read.map_err(|error| status::of_read(&error))?;
            self.assessments.insert(assessment.clone(), read);
        }
        Ok(self.assessments.get(assessment).and_then(Option::as_ref))
    }
}

/// The records that correct a record, oldest first.
async fn corrections(
    ledger: &Ledger,
    record: &ReadRecord,
    within: Option<&AssessmentRead>,
) -> Result<Vec<ReadRecord>, Status> {
    let known = within.and_then(|it| it.known.corrections.get(&record.record.position));
    let Some(known) = known else { return Ok(Vec::new()) };
    let at: Vec<_> = known.iter().map(|it| it.item.at).collect();
    Box::pin(ledger.records_at(&at)).await.map_err(|error| status::of_read(&error))
}
