//! The script of the demonstration: who plays, and what happens when.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    cli::{
        failure::Failure,
        import::{Step, identify},
        wiring::Login,
    },
    judgement::{OrganisationId, Role, Text},
    record::line_of,
};

/// The letter to Leicester of 1 November 2006, as scenes.
const LEICESTER: &str = include_str!("leicester-2006.json");
/// How messages call the script.
const ORIGIN: &str = "leicester-2006.json";
/// The scenes last some months by the demonstration clock, and credentials with them.
const VALID: Duration = Duration::from_hours(200 * 24);

/// Who plays, and what happens when.
#[derive(Debug)]
pub(super) struct Script {
    /// The logins that send steps.
    pub(super) cast: Vec<Cast>,
    /// The login that reads at the end.
    pub(super) auditor: Login,
    /// What happens, in order.
    pub(super) scenes: Vec<Scene>,
}

/// A login, and how steps call it.
#[derive(Debug)]
pub(super) struct Cast {
    /// As steps call it.
    pub(super) credential: String,
    /// Who it is.
    pub(super) login: Login,
}

/// One step at its time.
#[derive(Debug)]
pub(super) struct Scene {
    /// When it happens, by the demonstration clock.
    pub(super) at: Timestamp,
    /// What is sent.
    pub(super) step: Step,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptFile<'a> {
    #[serde(rename = "notice")]
    _notice: String,
    auditor: CastFile,
    cast: Vec<CastFile>,
    #[serde(borrow)]
    scenes: Vec<SceneFile<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CastFile {
    credential: String,
    login: String,
    organisation: String,
    roles: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SceneFile<'a> {
    at: String,
    #[serde(borrow)]
    step: &'a RawValue,
}

impl Script {
    /// The script that is part of this program.
    pub(super) fn built_in() -> Result<Self, Failure> {
        Self::parse(LEICESTER)
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let bad = |line: usize, what: String| Failure::Malformed {
            origin: ORIGIN.to_owned(),
            line,
            what,
        };
        let file: ScriptFile<'_> =
            serde_json::from_str(text).map_err(|error| bad(error.line(), error.to_string()))?;
        let mut times = Vec::with_capacity(file.scenes.len());
        let mut steps = Vec::with_capacity(file.scenes.len());
        for scene in &file.scenes {
            let number = steps.len().saturating_add(1);
            let line = line_of(text, scene.step.get());
            steps.push(Step::read(scene.step.get(), number, (ORIGIN, line))?);
            times
                .push(scene.at.parse().map_err(|_| bad(line, format!("{} is no time", scene.at)))?);
        }
        identify(&mut steps, None);
        let cast = file.cast.iter().map(|cast| {
            let credential = cast.credential.clone();
            login(cast).map(|login| Cast { credential, login }).map_err(|what| bad(1, what))
        });
        Ok(Self {
            cast: cast.collect::<Result<_, _>>()?,
            auditor: login(&file.auditor).map_err(|what| bad(1, what))?,
            scenes: times.into_iter().zip(steps).map(|(at, step)| Scene { at, step }).collect(),
        })
    }

    /// When the first scene plays.
    pub(super) fn begins(&self) -> Result<Timestamp, Failure> {
        let first = self.scenes.first().map(|scene| scene.at);
        first.ok_or_else(|| Failure::Malformed {
            origin: ORIGIN.to_owned(),
            line: 1,
            what: "there are no scenes".to_owned(),
        })
    }
}

fn login(cast: &CastFile) -> Result<Login, String> {
    let role =
        |written: &String| Role::parse(written).ok_or_else(|| format!("{written} is not a role"));
    Ok(Login {
        name: Text::parse(cast.login.as_str()).map_err(|error| error.to_string())?,
        organisation: OrganisationId::parse(&cast.organisation)
            .map_err(|error| error.to_string())?,
        roles: cast.roles.iter().map(role).collect::<Result<_, _>>()?,
        valid: VALID,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::pb::{self, command::Order, import_step};

    fn orders() -> Vec<(String, Order)> {
        let scenes = Script::built_in().unwrap().scenes;
        let orders = scenes.into_iter().filter_map(|scene| {
            let credential = scene.step.credential().to_owned();
            match scene.step.message.step {
                Some(import_step::Step::Command(command)) => Some((credential, command.order?)),
                Some(_) | None => None,
            }
        });
        orders.collect()
    }

    fn entries() -> Vec<(String, pb::EntryContent)> {
        let entries = orders().into_iter().filter_map(|(_, order)| {
            let Order::RecordEntry(order) = order else { return None };
            Some((order.entry_id, order.content?))
        });
        entries.collect()
    }

    #[test]
    fn time_never_goes_back_and_everybody_who_sends_is_cast() {
        let script = Script::built_in().unwrap();
        assert!(script.scenes.is_sorted_by_key(|scene| scene.at));
        let cast: BTreeSet<_> = script.cast.iter().map(|cast| cast.credential.as_str()).collect();
        let sends: BTreeSet<_> = script.scenes.iter().map(|it| it.step.credential()).collect();
        assert_eq!(cast, sends);
    }

    /// What is ordered until an edition is published, that order included.
    fn until(edition: u32) -> Vec<Order> {
        let mut orders: Vec<_> = orders().into_iter().map(|(_, order)| order).collect();
        let published = orders.iter().position(
            |order| matches!(order, Order::PublishAssessment(order) if order.edition == edition),
        );
        orders.truncate(published.unwrap().saturating_add(1));
        orders
    }

    fn grades(orders: Vec<Order>) -> BTreeMap<String, String> {
        let mut grades = BTreeMap::new();
        for order in orders {
            let Order::SetGrade(order) = order else { continue };
            let grade = order.grade.unwrap();
            let qualifier = grade.qualifier;
            let award = match grade.award.unwrap() {
                pb::grade::Award::Level(level) => level,
                pb::grade::Award::Word(word) => word,
                pb::grade::Award::NotGraded(_) => panic!("not graded"),
            };
            grades.insert(order.area, format!("{award} {qualifier}").trim().to_owned());
        }
        grades
    }

    #[test]
    fn the_last_grade_of_each_area_is_the_letters_and_one_is_raised_after_it() {
        let letter = [
            ("achieving-economic-well-being", "adequate with an overall improving trend"),
            ("being-healthy", "good"),
            ("capacity-to-improve", "3"),
            ("childrens-services", "3"),
            ("enjoying-and-achieving", "adequate"),
            ("making-a-positive-contribution", "good"),
            ("social-care", "3"),
            ("staying-safe", "good"),
        ];
        let letter = letter.map(|(area, grade)| (area.to_owned(), grade.to_owned()));
        let mut expected = BTreeMap::from(letter);
        assert_eq!(grades(until(1)), expected);
        expected.insert("childrens-services".to_owned(), "4".to_owned());
        assert_eq!(grades(until(2)), expected);
    }

    #[test]
    fn entries_are_as_many_as_in_the_letter_and_refer_to_what_is_there() {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        let mut known = BTreeSet::new();
        let entries = entries();
        for (id, content) in &entries {
            *counts.entry(content.kind().as_str_name()).or_default() += 1;
            let carried = content.follow_up.iter().map(|it| &it.carried_to);
            let refers = content.relates_to.iter().chain([&content.paragraph]).chain(carried);
            for entry in refers.filter(|entry| !entry.is_empty()) {
                assert!(known.contains(entry), "{id} refers to {entry}, which comes later");
            }
            assert!(known.insert(id.clone()), "{id} occurs twice");
        }
        assert_eq!(counts["ENTRY_KIND_STRENGTH"], 13);
        assert_eq!(counts["ENTRY_KIND_AREA_FOR_IMPROVEMENT"], 10);
        assert_eq!(counts["ENTRY_KIND_ASPECT_FOR_FOCUS"], 2);
        assert_eq!(counts["ENTRY_KIND_FOLLOW_UP"], 4);
        assert!((12..=20).contains(&counts["ENTRY_KIND_EVIDENCE"]), "{counts:?}");
    }

    #[test]
    fn who_changes_a_grade_says_why_and_that_it_is_invented() {
        let mut judged = BTreeSet::new();
        for (_, order) in orders() {
            let Order::SetGrade(order) = order else { continue };
            let act = order.act.unwrap();
            if !judged.insert(order.area.clone()) {
                assert!(act.rationale.starts_with("[invented]"), "{}", order.area);
                assert!(!act.reason.is_empty() && order.expected.is_some(), "{}", order.area);
            }
        }
    }

    #[test]
    fn each_edition_is_signed_by_both_and_published_on_its_day() {
        for (edition, expected) in [(1, (2006, 11, 1)), (2, (2006, 12, 18))] {
            let mut last = until(edition).into_iter().rev();
            let Some(Order::PublishAssessment(published)) = last.next() else { panic!("last") };
            let day = published.letter_date.unwrap();
            assert_eq!((day.year, day.month, day.day), expected);
            let signers = last.take(2).map(|order| {
                let Order::SignOffAssessment(order) = order else { panic!("signed before") };
                assert_eq!(order.edition, edition);
                order.organisation
            });
            assert_eq!(signers.collect::<BTreeSet<_>>(), ["csci", "ofsted"].map(Into::into).into());
        }
        assert_eq!(until(2).len(), orders().len(), "nothing comes after");
    }
}
