//! `compare`: how two assessments differ, or two moments of one.

use clap::Args;

use super::{
    client::Client,
    failure::Failure,
    flags::{self, ClientFlags},
    json,
    output::{Format, Output},
    tables, wording,
};
use crate::pb::{self, compared_state::KnownAt};

/// How many entries are asked for at once.
const PAGE: i32 = 1000;

/// What `compare` is told.
#[derive(Debug, Clone, Args)]
pub struct CompareFlags {
    /// What stood before: an assessment, `leicester-city/apa-2006`, and behind an @ which state of
    /// it: `edition-1`, `draft-1`, `published`, a record's position, or a time. Default: as it is in
    /// work now.
    #[arg(value_name = "BEFORE", value_parser = state)]
    pub before: pb::ComparedState,
    /// What stands after, likewise; `@edition-2` alone is of the same assessment.
    #[arg(value_name = "AFTER")]
    pub after: String,
    /// The answer must know at least this position, a receipt's.
    #[arg(long, value_name = "POSITION", env = "JUDGEMENT_LEDGER_MIN_POSITION")]
    pub min_position: Option<u64>,
    /// Where to ask, and how.
    #[command(flatten)]
    pub client: ClientFlags,
}

/// Reads `leicester-city/apa-2006@edition-1`.
fn state(given: &str) -> Result<pb::ComparedState, String> {
    let (assessment, which) = given.split_once('@').unwrap_or((given, ""));
    let assessment = flags::assessment(assessment)?.to_string();
    let state = pb::ComparedState { assessment, ..pb::ComparedState::default() };
    if let Ok(position) = which.parse() {
        return Ok(pb::ComparedState {
            known_at: Some(KnownAt::KnownAtPosition(position)),
            ..state
        });
    }
    if let Ok(time) = which.parse::<jiff::Timestamp>() {
        let known_at = Some(KnownAt::KnownAtTime(wording::timestamp(time)));
        return Ok(pb::ComparedState { known_at, ..state });
    }
    Ok(pb::ComparedState { state: which.to_owned(), ..state })
}

/// Shows what differs.
pub(super) async fn run(flags: &CompareFlags, output: &mut Output) -> Result<(), Failure> {
    let after = match flags.after.strip_prefix('@') {
        Some(which) => format!("{}@{which}", flags.before.assessment),
        None => flags.after.clone(),
    };
    let after = state(&after).map_err(Failure::misused)?;
    let client = Client::connect(&flags.client).await?;
    let mut request = pb::CompareAssessmentsRequest {
        before: Some(flags.before.clone()),
        after: Some(after),
        page_size: PAGE,
        page_token: String::new(),
        min_position: flags.min_position.unwrap_or_default(),
    };
    let mut whole: Option<pb::CompareAssessmentsResponse> = None;
    loop {
        let answer = client.reports().compare_assessments(request.clone()).await;
        let answer = answer.map_err(|status| Failure::refused("the comparison", status))?;
        let mut page = answer.into_inner();
        request.page_token = std::mem::take(&mut page.next_page_token);
        match &mut whole {
            Some(whole) => whole.entries.append(&mut page.entries),
            None => whole = Some(page),
        }
        if request.page_token.is_empty() {
            break;
        }
    }
    let whole = whole.unwrap_or_default();
    match flags.client.format {
        Format::Json => output.line(&json::line(&whole)?),
        Format::Table => output.lines(&tables::comparison(output.width(), &whole)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_named_behind_the_assessment() {
        let name = "subjects/leicester-city/assessments/apa-2006";
        let read = |given: &str| state(given).unwrap();
        let now = pb::ComparedState { assessment: name.to_owned(), ..Default::default() };
        assert_eq!(read("leicester-city/apa-2006"), now);
        let edition = pb::ComparedState { state: "edition-1".to_owned(), ..now.clone() };
        assert_eq!(read("leicester-city/apa-2006@edition-1"), edition);
        assert_eq!(read(&format!("{name}@82")).known_at, Some(KnownAt::KnownAtPosition(82)));
        let time = read("leicester-city/apa-2006@2006-10-15T12:00:00Z").known_at;
        let noon = wording::timestamp("2006-10-15T12:00:00Z".parse().unwrap());
        assert_eq!(time, Some(KnownAt::KnownAtTime(noon)));
        assert!(state("leicester-city@edition-1").is_err());
    }
}
