//! Rows for auditors, labelled by the frameworks of their assessments.

use std::{collections::HashMap, sync::Arc};

use tonic::Status;

use crate::{
    judgement::{AssessmentId, Event, StreamId},
    ledger::{AsOf, Found, KnownAt, Ledger, Moment, ReadRecord, Registered, View},
    pb,
    rpc::{page_token::Page, show, status},
};

/// Makes the rows of one page. The framework of an assessment is looked up once for the page.
pub(super) struct Rows<'a> {
    ledger: &'a Ledger,
    moment: Moment,
    frameworks: HashMap<AssessmentId, Option<Arc<Registered>>>,
}

impl<'a> Rows<'a> {
    /// Rows as of `moment`.
    pub(super) fn new(ledger: &'a Ledger, moment: Moment) -> Self {
        Self { ledger, moment, frameworks: HashMap::new() }
    }

    /// Knows the framework of an assessment beforehand.
    pub(super) fn know(&mut self, assessment: AssessmentId, framework: Arc<Registered>) {
        self.frameworks.insert(assessment, Some(framework));
    }

    /// The rows of what was found, as many as fit into one message.
    pub(super) async fn page(mut self, found: Found) -> Result<Page<pb::AuditRow>, Status> {
        let ledger = self.ledger;
        let names = |person| ledger.name(person);
        let mut page = Page::new(found.next);
        for record in &found.records {
            let registered = self.framework_of(record).await?;
            let framework = registered.as_ref().map(|it| it.framework.as_ref());
            let row = show::audit_row(record, framework, &names);
            if page.take(record.record.position, row).is_break() {
                break;
            }
        }
        Ok(page)
    }

    /// The framework that labels the area of a grade; other rows need none.
    async fn framework_of(
        &mut self,
        record: &ReadRecord,
    ) -> Result<Option<Arc<Registered>>, Status> {
        let (StreamId::Assessment(assessment), Event::GradeSet(_)) =
            (&record.record.stream, &record.event)
        else {
            return Ok(None);
        };
        if let Some(known) = self.frameworks.get(assessment) {
            return Ok(known.clone());
        }
        let known = KnownAt::Position(self.moment.position);
        let as_of = AsOf { view: View::Working, known, effective: None, stated: None };
        let read = self.ledger.assessment(assessment, as_of).await;
        let read = read.map_err(|error| status::of_read(&error))?;
        let framework = read.map(|read| read.framework);
        self.frameworks.insert(assessment.clone(), framework.clone());
        Ok(framework)
    }
}
