//! `summary`: how often which level stands, and how grades moved.

use std::collections::BTreeMap;

use clap::Args;
use prost::Message;

use super::{
    client::Client,
    failure::Failure,
    flags::{self, ClientFlags, KnownAt, KnownFlags},
    json,
    output::{Format, Output},
    tables, wording,
};
use crate::{
    judgement::FrameworkId,
    pb::{self, summarize_grades_request},
};

/// What `summary` is told.
#[derive(Debug, Clone, Args)]
pub struct SummaryFlags {
    /// The framework: `frameworks/apa/versions/2006`, or in short `apa/2006`.
    #[arg(value_parser = flags::framework)]
    pub framework: FrameworkId,
    /// Only this cycle, for example `2006`. Default: all.
    #[arg(long, env = "JUDGEMENT_LEDGER_CYCLE")]
    pub cycle: Option<String>,
    /// Count what is published, not what is in work.
    #[arg(long, env = "JUDGEMENT_LEDGER_PUBLISHED")]
    pub published: bool,
    /// What the ledger is asked to know.
    #[command(flatten)]
    pub known: KnownFlags,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// Shows the sums over all pages.
pub(super) async fn run(flags: &SummaryFlags, output: &mut Output) -> Result<(), Failure> {
    let client = Client::connect(&flags.client).await?;
    let mut request = pb::SummarizeGradesRequest {
        framework: flags.framework.to_string(),
        cycle: flags.cycle.clone().unwrap_or_default(),
        published: flags.published,
        known_at: flags.known.known_at.map(known_at),
        min_position: flags.known.min_position.unwrap_or_default(),
        ..pb::SummarizeGradesRequest::default()
    };
    let mut sum = pb::SummarizeGradesResponse::default();
    loop {
        let answer = client.reports().summarize_grades(request.clone()).await;
        let answer = answer.map_err(|status| Failure::refused("the summary", status))?;
        let page = answer.into_inner();
        request.page_token.clone_from(&page.next_page_token);
        add(&mut sum, page);
        if request.page_token.is_empty() {
            break;
        }
    }
    match flags.client.format {
        Format::Json => output.line(&json::line(&sum)?),
        Format::Table => output.lines(&tables::grade_summary(output.width(), &sum)),
    }
}

fn known_at(moment: KnownAt) -> summarize_grades_request::KnownAt {
    match moment {
        KnownAt::Position(position) => summarize_grades_request::KnownAt::KnownAtPosition(position),
        KnownAt::Time(time) => {
            summarize_grades_request::KnownAt::KnownAtTime(wording::timestamp(time))
        }
    }
}

/// Adds a page to the sum: counts of the same are added up, others come behind.
fn add(sum: &mut pb::SummarizeGradesResponse, page: pb::SummarizeGradesResponse) {
    sum.assessments = sum.assessments.saturating_add(page.assessments);
    sum.read = sum.read.take().or(page.read);
    let grade = |it: &mut pb::GradeCount, count| it.count = count;
    merge(&mut sum.grades, page.grades, |it| it.count, grade);
    let movement = |it: &mut pb::MovementCount, count| it.count = count;
    merge(&mut sum.movements, page.movements, |it| it.count, movement);
}

/// Adds the counts of `more` to those of the same in `sum`.
fn merge<M: Message + Clone>(
    sum: &mut Vec<M>,
    more: Vec<M>,
    count: impl Fn(&M) -> u32,
    set: impl Fn(&mut M, u32),
) {
    // What is counted: all but the count.
    let counted = |it: &M| {
        let mut bare = it.clone();
        set(&mut bare, 0);
        bare.encode_to_vec()
    };
    let mut places: BTreeMap<_, _> = sum.iter_mut().map(|it| (counted(it), it)).collect();
    let mut new = Vec::new();
    for row in more {
        match places.get_mut(&counted(&row)) {
            Some(known) => {
                let total = count(known).saturating_add(count(&row));
                set(known, total);
            }
            None => new.push(row),
        }
    }
    sum.extend(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grades(counts: &[(&str, u32)]) -> pb::SummarizeGradesResponse {
        let count = |(area, count): &(&str, u32)| pb::GradeCount {
            area: (*area).to_owned(),
            count: *count,
            ..pb::GradeCount::default()
        };
        let grades = counts.iter().map(count).collect();
        let moved = pb::MovementCount { count: 1, ..pb::MovementCount::default() };
        pb::SummarizeGradesResponse {
            assessments: 2,
            grades,
            movements: vec![moved],
            ..pb::SummarizeGradesResponse::default()
        }
    }

    #[test]
    fn pages_are_added_up() {
        let mut sum = grades(&[("a", 1), ("b", 2)]);
        add(&mut sum, grades(&[("b", 3), ("c", 4)]));
        let counted: Vec<_> = sum.grades.iter().map(|it| (it.area.as_str(), it.count)).collect();
        assert_eq!(counted, [("a", 1), ("b", 5), ("c", 4)]);
        let moved: Vec<_> = sum.movements.iter().map(|it| it.count).collect();
        assert_eq!((sum.assessments, moved), (4, vec![2]));
    }
}
