//! What `audit` looks for: an expression, and flags that stand for comparisons.

use clap::Args;
use jiff::{Timestamp, civil::Date};

use crate::{
    cli::flags,
    judgement::{AreaId, AssessmentId, SubjectId},
    pb,
};

/// What a row must meet: every flag that is given.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Filters")]
pub struct FilterFlags {
    /// An expression of AIP-160: comparisons joined by AND, OR and NOT, of which OR binds tightest.
    /// For example: `change = LOWERED AND after_signature = true AND NOT reason = MODERATION`.
    #[arg(
        long,
        value_name = "EXPRESSION",
        env = "JUDGEMENT_LEDGER_FILTER",
        allow_hyphen_values = true
    )]
    pub filter: Option<String>,
    /// The assessment, long or short.
    #[arg(long, env = "JUDGEMENT_LEDGER_ASSESSMENT", value_parser = flags::assessment)]
    pub assessment: Option<AssessmentId>,
    /// The subject, for example `subjects/leicester-city` or `leicester-city`.
    #[arg(long, env = "JUDGEMENT_LEDGER_SUBJECT", value_parser = flags::subject)]
    pub subject: Option<SubjectId>,
    /// The area, for example `staying-safe`.
    #[arg(long, env = "JUDGEMENT_LEDGER_AREA", value_parser = flags::area)]
    pub area: Option<AreaId>,
    /// What areas of several frameworks have in common, for example `ecm.staying-safe`.
    #[arg(long, env = "JUDGEMENT_LEDGER_CONCEPT")]
    pub concept: Option<String>,
    /// Who recorded it: a login, name or id.
    #[arg(long, value_name = "PERSON", env = "JUDGEMENT_LEDGER_RECORDED_BY")]
    pub recorded_by: Option<String>,
    /// Who decided it, alone or on a panel: a login, name or id.
    #[arg(long, value_name = "PERSON", env = "JUDGEMENT_LEDGER_DECIDED_BY")]
    pub decided_by: Option<String>,
    /// The organisation of who recorded or decided it, or whose signature it is.
    #[arg(long, env = "JUDGEMENT_LEDGER_ORGANISATION")]
    pub organisation: Option<String>,
    /// The reason code, for example `MODERATION`.
    #[arg(long, env = "JUDGEMENT_LEDGER_REASON")]
    pub reason: Option<String>,
    /// On what the decision rests.
    #[arg(long, env = "JUDGEMENT_LEDGER_BASIS", value_parser = flags::basis())]
    pub basis: Option<pb::Basis>,
    /// How a grade changed.
    #[arg(long, env = "JUDGEMENT_LEDGER_CHANGE", value_parser = flags::change_kind())]
    pub change: Option<pb::ChangeKind>,
    /// The event's name, for example `GradeSet`.
    #[arg(long, env = "JUDGEMENT_LEDGER_EVENT")]
    pub event: Option<String>,
    /// Holds from this day or later.
    #[arg(long, value_name = "DAY", env = "JUDGEMENT_LEDGER_EFFECTIVE_FROM", value_parser = flags::day)]
    pub effective_from: Option<Date>,
    /// Holds from this day or earlier.
    #[arg(long, value_name = "DAY", env = "JUDGEMENT_LEDGER_EFFECTIVE_TO", value_parser = flags::day)]
    pub effective_to: Option<Date>,
    /// Recorded at this time or later.
    #[arg(long, value_name = "TIME", env = "JUDGEMENT_LEDGER_RECORDED_FROM", value_parser = flags::time)]
    pub recorded_from: Option<Timestamp>,
    /// Recorded before this time.
    #[arg(long, value_name = "TIME", env = "JUDGEMENT_LEDGER_RECORDED_BEFORE", value_parser = flags::time)]
    pub recorded_before: Option<Timestamp>,
}

impl FilterFlags {
    /// All of it as one expression: that which is given, and each flag as a comparison. `AND` binds
    /// loosest, so that nothing needs parentheses, and what is wrong with the expression that is
    /// given has the column that it has there.
    pub(super) fn expression(&self) -> String {
        let text = |it: &Option<String>| it.as_deref().map(quoted);
        let name = |it: Option<String>| it.map(|it| quoted(&it));
        let basis = self.basis.map(|it| short(it.as_str_name(), "BASIS_"));
        let change = self.change.map(|it| short(it.as_str_name(), "CHANGE_KIND_"));
        let compared = [
            ("assessment =", name(self.assessment.as_ref().map(ToString::to_string))),
            ("subject =", name(self.subject.as_ref().map(ToString::to_string))),
            ("area =", name(self.area.as_ref().map(ToString::to_string))),
            ("concept =", text(&self.concept)),
            ("actor =", text(&self.recorded_by)),
            ("decider =", text(&self.decided_by)),
            ("organisation =", text(&self.organisation)),
            ("reason =", text(&self.reason)),
            ("basis =", basis),
            ("change =", change),
            ("event =", text(&self.event)),
            ("effective >=", self.effective_from.map(|day| day.to_string())),
            ("effective <=", self.effective_to.map(|day| day.to_string())),
            ("recorded >=", self.recorded_from.map(|time| quoted(&time.to_string()))),
            ("recorded <", self.recorded_before.map(|time| quoted(&time.to_string()))),
        ];
        let given = self.filter.clone().filter(|it| !it.trim().is_empty());
        let flags =
            compared.into_iter().filter_map(|(field, value)| Some(format!("{field} {}", value?)));
        given.into_iter().chain(flags).collect::<Vec<_>>().join(" AND ")
    }
}

fn short(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix).to_owned()
}

/// A value in quotes, so that nothing in it is read as anything else.
fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::{Cli, Verb};

    fn expression(words: &[&str]) -> String {
        let words = ["jl", "audit"].iter().chain(words);
        let Verb::Audit(flags) = Cli::try_parse_from(words).unwrap().verb else { panic!("audit") };
        flags.stated.expression()
    }

    #[test]
    fn every_flag_is_a_comparison_beside_the_expression() {
        assert_eq!(expression(&[]), "");
        assert_eq!(expression(&["--filter", "area = a OR area = b"]), "area = a OR area = b");
        let all = expression(&[
            "--filter",
            "after_draft",
            "--assessment",
            "leicester-city/apa-2006",
            "--subject",
            "leicester-city",
            "--area",
            "staying-safe",
            "--concept",
            "ecm.staying-safe",
            "--recorded-by",
            "a \\ \"b\"",
            "--decided-by",
            "b",
            "--organisation",
            "ofsted",
            "--reason",
            "MODERATION",
            "--basis",
            "same-evidence",
            "--change",
            "lowered",
            "--event",
            "GradeSet",
            "--effective-from",
            "2006-10-01",
            "--effective-to",
            "2006-10-31",
            "--recorded-from",
            "2006-10-01T00:00:00Z",
            "--recorded-before",
            "2006-11-01T00:00:00Z",
        ]);
        let expected = [
            "after_draft",
            "assessment = \"subjects/leicester-city/assessments/apa-2006\"",
            "subject = \"leicester-city\"",
            "area = \"staying-safe\"",
            "concept = \"ecm.staying-safe\"",
            "actor = \"a \\\\ \\\"b\\\"\"",
            "decider = \"b\"",
            "organisation = \"ofsted\"",
            "reason = \"MODERATION\"",
            "basis = SAME_EVIDENCE",
            "change = LOWERED",
            "event = \"GradeSet\"",
            "effective >= 2006-10-01",
            "effective <= 2006-10-31",
            "recorded >= \"2006-10-01T00:00:00Z\"",
            "recorded < \"2006-11-01T00:00:00Z\"",
        ];
        assert_eq!(all, expected.join(" AND "));
        assert!(aip_160::parse_filter(&all).is_ok(), "{all}");
    }
}
