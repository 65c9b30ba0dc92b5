//! One side of a comparison: which assessment, in which state.

use tonic::Status;

use crate::{
    judgement::AssessmentId,
    ledger::{AsOf, AssessmentRead, KnownAt, Ledger, Moment, View},
    pb::{self, compared_state},
    rpc::{
        asked::Asked,
        reads::{self, known_at},
        sight::{Reach, Recipient, Sight},
        status,
    },
};

/// What is asked of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Side {
    pub(super) assessment: AssessmentId,
    state: State,
    as_of: AsOf,
}

/// A state by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    View(View),
    /// When a draft was shared, from 1.
    Draft(u32),
}

impl Side {
    /// Takes a side of a request; `field` is what it is called there.
    pub(super) fn take(
        asked: &mut Asked,
        field: &str,
        given: Option<&pb::ComparedState>,
    ) -> Option<Self> {
        let Some(given) = given else { return asked.violation(field, "is required") };
        let at = |name: &str| format!("{field}.{name}");
        let assessment = asked.required(&at("assessment"), AssessmentId::parse(&given.assessment));
        let (position, time) = match &given.known_at {
            None => (None, None),
            Some(compared_state::KnownAt::KnownAtPosition(known)) => (Some(*known), None),
            Some(compared_state::KnownAt::KnownAtTime(time)) => (None, Some(time)),
        };
        let state = named(&given.state).or_else(|| {
            let what = "is no state: say working, published, edition-2 or draft-1";
            asked.violation(&at("state"), what)
        });
        if let Some(State::Draft(_)) = state
            && given.known_at.is_some()
        {
            asked.note(&at("known_at"), "is not to be given together with a draft");
        }
        if given.stated_at.is_some() && given.effective_at.is_some() {
            asked.note(&at("stated_at"), "is not to be given together with effective_at");
        }
        let as_of = AsOf {
            view: View::Working,
            known: known_at(asked, position, time),
            effective: asked.day(&at("effective_at"), given.effective_at.as_ref()),
            stated: asked.day(&at("stated_at"), given.stated_at.as_ref()),
        };
        Some(Self { assessment: assessment?, state: state?, as_of })
    }

    /// Refuses who may not see such a state, whatever is compared. (Spec §5.3)
    pub(super) fn check(&self, reach: &Reach) -> Result<(), Status> {
        reads::dates_are_for_insiders(self.as_of, reach)?;
        match self.state {
            State::View(View::Published | View::Edition(_)) => Ok(()),
            State::View(View::Working) => reach.must_go_inside("working views"),
            State::Draft(_) => reach.must_go_inside("drafts"),
        }
    }

    /// Whether its entries and grades follow dates that sources state.
    pub(super) fn as_stated(&self) -> bool {
        self.as_of.stated.is_some()
    }

    /// Reads it; `now` is the moment that both sides mean by "now". Answers as whom it is seen, too: a
    /// draft as it was shown.
    pub(super) async fn read(
        &self,
        ledger: &Ledger,
        reach: &Reach,
        now: Moment,
    ) -> Result<(AssessmentRead, Sight), Status> {
        let known = match self.as_of.known {
            KnownAt::Now => now.position,
            KnownAt::Position(position) => position,
            // A time to come is another moment with each page: what is known now is meant.
            known @ KnownAt::Time(_) => {
                reads::moment(ledger, known).await?.position.min(now.position)
            }
        };
        let known = KnownAt::Position(known);
        let (view, known, shown_to) = match self.state {
            State::View(view) => (view, known, None),
            State::Draft(number) => {
                let draft = reads::draft(ledger, &self.assessment, number, (now, reach)).await?;
                let shown_to = Recipient::of_audience(&draft.audience);
                let shown_to = shown_to.ok_or_else(status::defect)?;
                let then = KnownAt::Position(draft.position);
                (View::Working, then, Some(Sight::Published(shown_to)))
            }
        };
        let as_of = AsOf { view, known, ..self.as_of };
        reads::moment(ledger, known).await?;
        let Some((read, own)) = reads::seen(ledger, &self.assessment, as_of, reach).await? else {
            return Err(Box::pin(reads::absent(ledger, &self.assessment, as_of, reach)).await);
        };
        let sight = shown_to.unwrap_or(own);
        // To the public there is nothing in what was withdrawn.
        let withdrawn = reads::is_public(&sight) && reads::was_withdrawn(&read, view);
        Ok((if withdrawn { read.withdrawn() } else { read }, sight))
    }
}

fn named(given: &str) -> Option<State> {
    let number = |digits: &str| {
        let number: u32 = digits.parse().ok().filter(|number| *number > 0)?;
        (number.to_string() == digits).then_some(number)
    };
    match given {
        "" | "working" => Some(State::View(View::Working)),
        "published" => Some(State::View(View::Published)),
        _ => match given.split_once('-')? {
            ("edition", digits) => number(digits).map(|it| State::View(View::Edition(it))),
            ("draft", digits) => number(digits).map(State::Draft),
            (_, _) => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_a_name() {
        assert_eq!(named(""), Some(State::View(View::Working)));
        assert_eq!(named("working"), Some(State::View(View::Working)));
        assert_eq!(named("published"), Some(State::View(View::Published)));
        assert_eq!(named("edition-2"), Some(State::View(View::Edition(2))));
        assert_eq!(named("draft-1"), Some(State::Draft(1)));
        for bad in ["edition", "edition-", "edition-0", "edition-02", "draft--1", "Draft-1", "x-1"]
        {
            assert_eq!(named(bad), None, "{bad}");
        }
    }
}
