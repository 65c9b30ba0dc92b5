//! Messages of the ledger in words: dates, grades, persons, texts. No layout: the command line puts them into
//! tables, the console into pages.

pub(crate) mod rows;

use prost_types::Timestamp;

use crate::pb::{
    self,
    corrected_value::Value,
    decider, figure_value,
    google::r#type::{Date, Decimal},
    text,
};

/// What stands where there is nothing to say.
pub(crate) const NOTHING: &str = "–";

/// A text, or in brackets why it cannot be shown.
pub(crate) fn text(text: Option<&pb::Text>) -> Option<String> {
    match text?.state.as_ref()? {
        text::State::Present(text) => Some(text.clone()),
        text::State::Redacted(erased) => Some(redacted(erased)),
        text::State::Withheld(_) => Some("[withheld]".to_owned()),
        text::State::Missing(_) => Some("[missing: the ledger's texts are damaged]".to_owned()),
    }
}

/// That a text was erased, by which record, on what basis, and what stands in its place.
fn redacted(erased: &text::Erased) -> String {
    let basis = words(erased.basis().as_str_name(), "LEGAL_BASIS_");
    let instead = Some(&erased.replacement).filter(|text| !text.is_empty());
    let instead = instead.map(|text| format!(": {text}")).unwrap_or_default();
    format!("[redacted by record {}, {basis}{instead}]", erased.position)
}

/// A day as `2006-10-12`; shorter where month or day is not stated.
pub(crate) fn date(date: Option<&Date>) -> Option<String> {
    let Date { year, month, day } = date?;
    Some(match (month, day) {
        (0, _) => format!("{year:04}"),
        (month, 0) => format!("{year:04}-{month:02}"),
        (month, day) => format!("{year:04}-{month:02}-{day:02}"),
    })
}

/// A time as `2006-10-12 14:00:00`, in UTC.
pub(crate) fn time(time: Option<&Timestamp>) -> String {
    time.and_then(|it| jiff::Timestamp::new(it.seconds, it.nanos).ok())
        .map_or_else(|| NOTHING.to_owned(), |it| it.strftime("%F %T").to_string())
}

/// A time as programs read it, `2006-10-12T14:00:00Z`; empty if there is none.
pub(crate) fn instant(time: Option<&Timestamp>) -> String {
    let time = time.and_then(|it| jiff::Timestamp::new(it.seconds, it.nanos).ok());
    time.map_or_else(String::new, |it| it.to_string())
}

/// A time on the command line as a message.
pub(crate) fn timestamp(time: jiff::Timestamp) -> Timestamp {
    Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

/// A day on the command line as a message.
pub(crate) fn day(day: jiff::civil::Date) -> Date {
    Date { year: i32::from(day.year()), month: i32::from(day.month()), day: i32::from(day.day()) }
}

/// What stands for an area: its word with what bends it, else its level, else why there is none.
pub(crate) fn award(award: Option<&pb::Award>) -> String {
    let Some(award) = award else { return NOTHING.to_owned() };
    let level = if award.word.is_empty() { &award.level } else { &award.word };
    let level = match award.not_graded() {
        pb::NonGrade::Unspecified => level.clone(),
        value @ (pb::NonGrade::NotJudged
        | pb::NonGrade::NotApplicable
        | pb::NonGrade::SubjectToReview) => words(value.as_str_name(), "NON_GRADE_"),
    };
    match text(award.qualifier.as_ref()) {
        Some(qualifier) => format!("{level} {qualifier}"),
        None => level,
    }
}

/// The part of an area's label that the letter emphasises, else the whole, with a capital.
pub(crate) fn label(label: &str) -> String {
    let emphasised = label.split('*').nth(1).unwrap_or(label).trim();
    let mut letters = emphasised.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The name of an enum's value in words: `ROLE_LEAD_INSPECTOR` is `lead inspector`.
pub(crate) fn words(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', " ")
}

/// How a grade changed, in the capitals of the specification.
pub(crate) fn change(change: pb::ChangeKind) -> &'static str {
    change.as_str_name().trim_start_matches("CHANGE_KIND_")
}

/// A role, if stated.
pub(crate) fn role(role: pb::Role) -> Option<String> {
    (role != pb::Role::Unspecified).then(|| words(role.as_str_name(), "ROLE_"))
}

/// A person by name, or by id where the name is gone.
pub(crate) fn person(person: Option<&pb::Person>) -> String {
    let Some(person) = person else { return NOTHING.to_owned() };
    text(person.name.as_ref()).unwrap_or_else(|| person.person_id.clone())
}

/// Who recorded a row, in which role, for whom.
pub(crate) fn recorder(row: &pb::AuditRow) -> String {
    let acting = acting(row.recorder_role(), &row.recorder_organisation);
    format!("{}{acting}", person(row.recorded_by.as_ref()))
}

/// Who decided, in which role, for whom: one person, or a panel by its name.
pub(crate) fn decider_named(decider: Option<&pb::Decider>) -> Option<String> {
    let decider = decider?;
    let acting = acting(decider.role(), &decider.organisation);
    match decider.who.as_ref()? {
        decider::Who::Person(one) => Some(format!("{}{acting}", person(Some(one)))),
        decider::Who::Panel(panel) => Some(format!("{}{acting}", panel_name(panel))),
    }
}

fn panel_name(panel: &pb::Panel) -> String {
    text(panel.name.as_ref()).unwrap_or_else(|| "a panel".to_owned())
}

/// Who decided; for a panel also who sat on it, when it met and where its minutes are.
pub(crate) fn decider(decider: Option<&pb::Decider>) -> Option<String> {
    let named = decider_named(decider)?;
    match decider?.who.as_ref()? {
        decider::Who::Person(_) => Some(named),
        decider::Who::Panel(panel) => {
            let members: Vec<_> = panel.members.iter().map(|it| person(Some(it))).collect();
            let members = (!members.is_empty()).then(|| format!(": {}", members.join(", ")));
            let meeting = date(panel.meeting.as_ref()).map(|day| format!("; met {day}"));
            let minutes = text(panel.minutes.as_ref()).map(|it| format!("; minutes {it}"));
            Some(format!("{named}{}", parts([members, meeting, minutes])))
        }
    }
}

/// ` (role, organisation)`, as far as stated.
fn acting(acting: pb::Role, organisation: &str) -> String {
    let organisation = (!organisation.is_empty()).then(|| organisation.to_owned());
    let stated: Vec<_> = role(acting).into_iter().chain(organisation).collect();
    if stated.is_empty() { String::new() } else { format!(" ({})", stated.join(", ")) }
}

/// What marks what another record put right.
pub(crate) fn corrected(by: u64) -> String {
    if by == 0 { String::new() } else { format!(" (corrected by record {by})") }
}

/// What was put right in a row, a line each: the mistake, what is right, by which record, and why.
pub(crate) fn corrections(row: &pb::AuditRow) -> Vec<String> {
    let one = |it: &pb::Correction| {
        let field = words(it.field().as_str_name(), "CORRECTED_FIELD_");
        let (former, right) = (value(it.former.as_ref()), value(it.corrected.as_ref()));
        let by = person(it.recorded_by.as_ref());
        let why = text(it.rationale.as_ref()).map(|why| format!(", {why}")).unwrap_or_default();
        format!("{field}: not {former} but {right} (record {}, {by}{why})", it.position)
    };
    row.corrections.iter().map(one).collect()
}

/// What is said in a field that is corrected.
pub(crate) fn value(value: Option<&pb::CorrectedValue>) -> String {
    let said = match value.and_then(|it| it.value.as_ref()) {
        Some(Value::DecidedBy(by)) => decider(Some(by)),
        Some(Value::DecidedOn(day) | Value::EffectiveOn(day)) => date(Some(day)),
        Some(Value::Reason(code)) => Some(code.clone()),
        Some(Value::Transcription(wording)) => text(wording.text.as_ref()),
        None => None,
    };
    said.unwrap_or_else(|| NOTHING.to_owned())
}

/// Which text is redacted, on what basis, what stands in its place, or why it is not.
pub(crate) fn redaction_of(redaction: &pb::Redaction) -> String {
    let basis = words(redaction.legal_basis().as_str_name(), "LEGAL_BASIS_");
    let basis =
        (redaction.legal_basis() != pb::LegalBasis::Unspecified).then(|| format!(" ({basis})"));
    let asked = text(redaction.reference.as_ref()).map(|it| format!(", reference {it}"));
    let instead = text(redaction.replacement.as_ref()).map(|it| format!(", instead: {it}"));
    let ground = text(redaction.ground.as_ref()).map(|it| format!(": {it}"));
    let (field, record) = (&redaction.field, redaction.redacted_record);
    format!("{field} of record {record}{}", parts([basis, asked, instead, ground]))
}

/// A key that the ledger signs with, and what became of it.
pub(crate) fn signing_key(key: &pb::SigningKey) -> String {
    format!("{}: {}", key.vkey, words(key.change().as_str_name(), "KEY_CHANGE_"))
}

/// What was taken out of the ledger, of what, and for what.
pub(crate) fn taken(access: &pb::Access) -> String {
    let kind = words(access.kind().as_str_name(), "ACCESS_KIND_");
    let of = (!access.of.is_empty()).then(|| format!(" of {}", access.of));
    let run = (access.first_position != 0)
        .then(|| format!(", records {} to {}", access.first_position, access.last_position));
    let purpose = text(access.purpose.as_ref()).map(|it| format!(": {it}"));
    format!("{kind}{}", parts([of, run, purpose]))
}

/// What marks history entered later.
pub(crate) fn mark(transcribed: bool) -> &'static str {
    if transcribed { " (transcribed)" } else { "" }
}

/// Why, in a code, on what, and in words.
pub(crate) fn why(row: &pb::AuditRow) -> Option<String> {
    let code = (!row.reason.is_empty()).then(|| row.reason.clone());
    let basis = match row.basis() {
        pb::Basis::Unspecified => None,
        basis @ (pb::Basis::NewEvidence
        | pb::Basis::SameEvidence
        | pb::Basis::DataCorrected
        | pb::Basis::Framework
        | pb::Basis::Error) => Some(format!("on {}", words(basis.as_str_name(), "BASIS_"))),
    };
    let stated: Vec<_> = code.into_iter().chain(basis).collect();
    let stated = (!stated.is_empty()).then(|| stated.join(" "));
    let reasons: Vec<_> = stated.into_iter().chain(text(row.rationale.as_ref())).collect();
    (!reasons.is_empty()).then(|| reasons.join(": "))
}

/// A measured value with what bends it, its group, unit, period and trend, and what it is
/// compared with.
pub(crate) fn figure(figure: &pb::Figure) -> String {
    let named = text(figure.measure.as_ref()).unwrap_or_default();
    let group = text(figure.group.as_ref()).map(|it| format!(" of {it}"));
    let stated: Vec<_> =
        [text(figure.qualifier.as_ref()), quantity(figure.value.as_ref(), figure.unit.as_ref())]
            .into_iter()
            .flatten()
            .collect();
    let stated = if stated.is_empty() { "not stated".to_owned() } else { stated.join(" ") };
    let period = text(figure.period.as_ref()).map(|it| format!(", {it}"));
    let trend = text(figure.trend.as_ref()).map(|it| format!(", trend: {it}"));
    let compared: String = figure.comparators.iter().map(comparator).collect();
    format!("{named}{}: {stated}{}{compared}", parts([group]), parts([period, trend]))
}

fn comparator(against: &pb::Comparator) -> String {
    let kind = against.kind.replace('_', " ");
    let name = text(against.name.as_ref()).map(|it| format!(" {it}"));
    let relation = text(against.relation.as_ref()).map(|it| format!(" {it}"));
    let value = quantity(against.value.as_ref(), against.unit.as_ref()).map(|it| format!(" {it}"));
    let period = text(against.period.as_ref()).map(|it| format!(", {it}"));
    let due = date(against.due.as_ref()).map(|it| format!(", due {it}"));
    format!("; {kind}{}", parts([name, relation, value, period, due]))
}

fn quantity(value: Option<&pb::FigureValue>, unit: Option<&pb::Text>) -> Option<String> {
    let value = match value?.stated.as_ref()? {
        figure_value::Stated::Decimal(Decimal { value }) => value.clone(),
        figure_value::Stated::Date(day) => date(Some(day))?,
        figure_value::Stated::Words(words) => text(Some(words))?,
    };
    let unit = text(unit).map(|unit| format!(" {unit}"));
    Some(format!("{value}{}", parts([unit])))
}

/// What became of an item of an earlier assessment.
pub(crate) fn follow_up(follow_up: &pb::FollowUp) -> String {
    let status = words(follow_up.status().as_str_name(), "FOLLOW_UP_STATUS_");
    let cited_as = text(follow_up.label.as_ref()).map(|it| format!(" since {it}"));
    let kind = text(follow_up.cited_kind.as_ref()).map(|it| format!(" ({it})"));
    let item = text(follow_up.words.as_ref()).map(|it| format!(": {it}"));
    let carried = (!follow_up.carried_to.is_empty())
        .then(|| format!("; carried to {}", follow_up.carried_to));
    let of = [follow_up.item.as_str(), follow_up.assessment.as_str()];
    let of: Vec<_> = of.into_iter().filter(|it| !it.is_empty()).collect();
    let linked = (!of.is_empty()).then(|| format!("; follows {}", of.join(" of ")));
    format!("{status}{}", parts([cited_as, kind, item, linked, carried]))
}

/// What is there of `parts`, one after the other.
fn parts<const N: usize>(parts: [Option<String>; N]) -> String {
    parts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn present(words: &str) -> pb::Text {
        pb::Text { state: Some(text::State::Present(words.to_owned())) }
    }

    #[test]
    fn days_are_as_long_as_they_are_stated() {
        let day = |year, month, day| date(Some(&Date { year, month, day })).unwrap();
        assert_eq!(day(2006, 11, 1), "2006-11-01");
        assert_eq!(day(2006, 12, 0), "2006-12");
        assert_eq!(day(2006, 0, 0), "2006");
    }

    #[test]
    fn a_word_hides_its_level_and_keeps_what_bends_it() {
        let award = pb::Award {
            level: "2".to_owned(),
            word: "adequate".to_owned(),
            qualifier: Some(present("with an overall improving trend")),
            ..pb::Award::default()
        };
        assert_eq!(super::award(Some(&award)), "adequate with an overall improving trend");
        let none = pb::Award { not_graded: pb::NonGrade::NotJudged.into(), ..Default::default() };
        assert_eq!(super::award(Some(&none)), "not judged");
        assert_eq!(super::award(None), "–");
    }

    #[test]
    fn a_label_is_what_the_letter_emphasises() {
        let long = "The contribution of *the local authority's children's services* in improving";
        assert_eq!(label(long), "The local authority's children's services");
        assert_eq!(label("Being healthy"), "Being healthy");
        assert_eq!(label(""), "");
    }

    #[test]
    fn a_redacted_text_says_so() {
        let redacted = text::State::Redacted(text::Erased {
            basis: pb::LegalBasis::ErasureRequest.into(),
            replacement: "a child".to_owned(),
            time: None,
            position: 12,
        });
        let redacted = pb::Text { state: Some(redacted) };
        let said = "[redacted by record 12, erasure request: a child]";
        assert_eq!(text(Some(&redacted)).unwrap(), said);
    }

    #[test]
    fn a_redaction_and_what_was_taken_read_as_sentences() {
        let asked = pb::Redaction {
            redacted_record: 12,
            field: "rationale".to_owned(),
            legal_basis: pb::LegalBasis::CourtOrder.into(),
            reference: Some(present("2006/17")),
            replacement: Some(present("a child")),
            ..pb::Redaction::default()
        };
        let said = "rationale of record 12 (court order), reference 2006/17, instead: a child";
        assert_eq!(redaction_of(&asked), said);
        let refused = pb::Redaction {
            redacted_record: 12,
            field: "text".to_owned(),
            ground: Some(present("a court has it")),
            ..pb::Redaction::default()
        };
        assert_eq!(redaction_of(&refused), "text of record 12: a court has it");
        let access = pb::Access {
            kind: pb::AccessKind::EntryBundles.into(),
            first_position: 1,
            last_position: 9,
            purpose: Some(present("an audit")),
            ..pb::Access::default()
        };
        assert_eq!(taken(&access), "entry bundles, records 1 to 9: an audit");
        let change = pb::KeyChange::Retired.into();
        let key = pb::SigningKey { vkey: "a+530d903a+Aeky".to_owned(), change };
        assert_eq!(signing_key(&key), "a+530d903a+Aeky: retired");
    }

    #[test]
    fn a_figure_reads_as_a_sentence() {
        let decimal = |value: &str| pb::FigureValue {
            stated: Some(figure_value::Stated::Decimal(Decimal { value: value.to_owned() })),
        };
        let similar = pb::Comparator {
            kind: "similar_areas".to_owned(),
            relation: Some(present("above")),
            ..pb::Comparator::default()
        };
        let target = pb::Comparator {
            kind: "target".to_owned(),
            value: Some(decimal("1.5")),
            due: Some(Date { year: 2006, month: 12, day: 0 }),
            ..pb::Comparator::default()
        };
        let exclusions = pb::Figure {
            measure: Some(present("permanent exclusions, secondary")),
            qualifier: Some(present("almost")),
            value: Some(decimal("2")),
            unit: Some(present("times")),
            period: Some(present("2004-2005")),
            comparators: vec![similar, target],
            ..pb::Figure::default()
        };
        assert_eq!(
            figure(&exclusions),
            "permanent exclusions, secondary: almost 2 times, 2004-2005; similar areas above; \
             target 1.5, due 2006-12"
        );
    }
}
