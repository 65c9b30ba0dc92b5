//! Expressions as they are read and refused.

use jiff::civil::Date;
use tonic_types::StatusExt as _;

use super::*;
use crate::{
    judgement::{AreaId, ChangeKind, Concept, Milestone, PersonId, ReasonCode},
    ledger::Within,
};

const ADA: &str = "0198f3a0-0000-4000-8000-000000000001";

fn settled(text: &str, by: Asker) -> Result<Condition, Vec<String>> {
    let mut asked = Asked::default();
    let named = |name: &str| match name {
        "ada@ofsted" => Some(vec![PersonId::parse(ADA).unwrap()]),
        _ => None,
    };
    let taken = take(&mut asked, text, by, &named);
    asked.settle(taken).map_err(|status| {
        let violations = status.get_details_bad_request().unwrap().field_violations;
        assert!(violations.iter().all(|violation| violation.field == "expression"));
        violations.into_iter().map(|violation| violation.description).collect()
    })
}

fn read(text: &str) -> Condition {
    settled(text, Asker::Query).unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"))
}

fn refused(text: &str) -> Vec<String> {
    settled(text, Asker::Query).unwrap_err()
}

fn reason(code: &str) -> Condition {
    Condition::Test(Test::Reason(ReasonCode::parse(code).unwrap()))
}

fn not(condition: Condition) -> Condition {
    Condition::Not(Box::new(condition))
}

#[test]
fn or_binds_tighter_than_and_and_terms_side_by_side_are_joined_by_and() {
    let (a, b, c) = (reason("A"), reason("B"), reason("C"));
    let either = Condition::Any(vec![b.clone(), c.clone()]);
    let both = Condition::All(vec![a.clone(), either.clone()]);
    assert_eq!(read("reason = A AND reason = B OR reason = C"), both);
    assert_eq!(read("reason = A reason = B OR reason = C"), both);
    let grouped = Condition::Any(vec![Condition::All(vec![a, b]), c]);
    assert_eq!(read("(reason=A AND reason=B) OR reason:C"), grouped);
    assert_eq!(read("NOT (reason = B OR reason = C)"), not(either.clone()));
    assert_eq!(read("-(reason = B OR reason = C)"), not(either));
    assert_eq!(read("  "), Condition::EVERYTHING);
}

#[test]
fn every_field_is_understood_as_its_example_says() {
    for name in Field::names().split(", ") {
        let field = Field::named(name).unwrap();
        read(field.example());
        assert!(field.example().starts_with(name), "{name}");
    }
    assert_eq!(read("recorded_by = ada@ofsted"), read("actor = ada@ofsted"));
    assert_eq!(read("decided_by : ada@ofsted"), read("decider = \"ada@ofsted\""));
    assert_eq!(read("after_draft"), Condition::Test(Test::After(Milestone::DraftShared)));
    assert_eq!(
        read("after_signature = false"),
        not(Condition::Test(Test::After(Milestone::Signed)))
    );
    let concept = Concept::parse("ecm.staying-safe").unwrap();
    assert_eq!(read("concept = ecm.staying-safe"), Condition::Test(Test::Concept(concept)));
    let area = AreaId::parse("staying-safe").unwrap();
    assert_eq!(read("area != staying-safe"), not(Condition::Test(Test::Area(area))));
    assert_eq!(read("subject = subjects/leicester-city"), read("subject = leicester-city"));
    assert_eq!(
        read("assessment = subjects/leicester-city/assessments/apa-2006"),
        read("assessment = leicester-city/apa-2006")
    );
    assert_eq!(read("framework = frameworks/apa/versions/2006"), read("framework = apa/2006"));
    assert_eq!(read("role = lead-inspector"), read("role = LEAD_INSPECTOR"));
    assert_eq!(read("change = LOWERED"), Condition::Test(Test::Change(ChangeKind::Lowered)));
}

#[test]
fn days_and_times_are_compared_as_they_are_meant() {
    let day = |day| Date::new(2006, 10, day).unwrap();
    let effective = |from, to| Condition::Test(Test::EffectiveOn(Within { from, to }));
    assert_eq!(read("effective > 2006-10-01"), effective(Some(day(2)), None));
    assert_eq!(read("effective >= 2006-10-01"), effective(Some(day(1)), None));
    assert_eq!(read("effective < 2006-10-02"), effective(None, Some(day(1))));
    assert_eq!(read("effective_on = 2006-10-02"), effective(Some(day(2)), Some(day(2))));
    let recorded = |from: Option<&str>, to: Option<&str>| {
        let time = |it: &str| it.parse().unwrap();
        Condition::Test(Test::RecordedAt(Within { from: from.map(time), to: to.map(time) }))
    };
    let (first, last) = ("2006-10-01T00:00:00Z", "2006-10-01T23:59:59.999999999Z");
    assert_eq!(read("recorded = 2006-10-01"), recorded(Some(first), Some(last)));
    assert_eq!(read("recorded <= 2006-10-01"), recorded(None, Some(last)));
    assert_eq!(read("recorded > 2006-10-01"), recorded(Some("2006-10-02T00:00:00Z"), None));
    assert_eq!(
        read("recorded_at < \"2006-10-01T02:00:00+02:00\""),
        recorded(None, Some("2006-09-30T23:59:59.999999999Z"))
    );
    let late = |from, to| Condition::Test(Test::BackdatedDays(Within { from, to }));
    assert_eq!(read("backdated_days > 30"), late(Some(31), None));
    assert_eq!(read("backdated_days != -3"), not(late(Some(-3), Some(-3))));
    assert_eq!(read("backdated_days > 2147483647"), Condition::Any(Vec::new()));
}

#[test]
fn what_is_wrong_is_told_with_its_column_and_what_is_right_there() {
    for (text, told) in [
        ("reason = A AND colour = red", "column 16, `colour`: is no field; there are actor, "),
        ("é = 1", "column 1, `é`: is no field"),
        ("change = LOWERD", "column 10, `LOWERD`: is no change; there are AWARDED, RAISED, "),
        ("basis = GUESS", "column 9, `GUESS`: is no basis; there are NEW_EVIDENCE, "),
        ("role = KING", "column 8, `KING`: is no role; there are INSPECTOR, LEAD_INSPECTOR, "),
        ("event:Gone", "column 7, `Gone`: is no event; there are PersonRegistered, "),
        ("level_after < 3", "column 15, `3`: is compared by = or !=, not by <"),
        ("reason = \"MOD*\"", "column 10, `\"MOD*\"`: has a `*`"),
        ("effective = 2006-02-30", "column 13, `2006-02-30`: is no day, for example"),
        ("recorded = yesterday", "column 12, `yesterday`: is neither a time nor a day"),
        ("backdated_days > 1.5", "column 18, `1.5`: is no whole number"),
        (
            "actor = nobody",
            "column 9, `nobody`: is nobody known here: give a login, a name as records show it, or a person's id; a panel is found by its members",
        ),
        (
            "area = a and area = b",
            "column 10, `and`: joins comparisons in capitals only: AND, OR, NOT",
        ),
        ("after_draft = maybe", "column 15, `maybe`: is neither true nor false"),
        ("area = Staying", "column 8, `Staying`: "),
        ("area", "column 1, `area`: lacks a comparison: say area = staying-safe"),
        ("regex(area, \"x\")", "column 1, `regex`: is no field"),
        ("area = (a OR b)", "column 9, `a`: is no value that can be compared"),
        ("recorded > 2006-10-01T09:00:00Z", "column 25, `:00:00Z`: unexpected input; a value"),
        ("area = ", "column 8, at the end: unexpected end"),
        ("(area = a", "column 10, at the end: expected ')'"),
    ] {
        let wrong = refused(text);
        assert!(wrong.first().is_some_and(|it| it.starts_with(told)), "{text}: {wrong:?}");
    }
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let wrong = refused("colour = red AND change = UP OR NOT flavour:sweet AND role = KING");
    let columns: Vec<_> = wrong.iter().map(|it| it.split(':').next().unwrap()).collect();
    let expected =
        ["column 1, `colour`", "column 27, `UP`", "column 37, `flavour`", "column 62, `KING`"];
    assert_eq!(columns, expected);
}

#[test]
fn an_expression_is_bounded() {
    let long = format!("area = {}", "a".repeat(EXPRESSION_BYTES_MAX));
    assert_eq!(refused(&long), ["is longer than 4096 bytes"]);
    let many = vec!["reason=A"; TESTS_MAX + 1].join(" ");
    assert_eq!(
        refused(&many),
        ["column 577, `reason`: is one comparison too many: 65, of 64 at most"]
    );
    read(&vec!["reason=A"; TESTS_MAX].join(" "));
    let deep = format!("{}area=a{}", "(".repeat(40), ")".repeat(40));
    assert_eq!(refused(&deep), ["column 33, `(`: is nested deeper than 32 levels"]);
}

#[test]
fn a_stream_is_asked_for_what_records_tell() {
    let stream = |text| settled(text, Asker::Stream);
    assert!(stream("actor = \"ada@ofsted\" AND NOT change = RAISED OR level_after = 3").is_ok());
    for (text, column) in [
        ("change = RAISED AND concept = ecm.staying-safe", "column 21, `concept`"),
        ("area = staying-safe", "column 1, `area`"),
        ("hours_to_publication < 3", "column 1, `hours_to_publication`"),
        ("after_draft = true", "column 1, `after_draft`"),
        ("after_draft", "column 1, `after_draft`"),
    ] {
        let wrong = stream(text).unwrap_err();
        assert!(wrong[0].starts_with(column), "{text}: {wrong:?}");
    }
}
