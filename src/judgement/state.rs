//! The states of an edition and the steps between them: the diagram of Spec §4.1, in one place.
//!
//! What is printed here comes from [`diagram`], and the rules are walked against [`TRANSITIONS`]: a
//! step is taken exactly where the table has it.
//!
//! ```text
//! OPEN       ── lock            ─► LOCKED
//! LOCKED     ── sign off        ─► LOCKED
//! LOCKED     ── sign off (last) ─► SIGNED
//! LOCKED     ── refuse sign-off ─► OPEN
//! LOCKED     ── reopen          ─► OPEN
//! SIGNED     ── reopen          ─► OPEN
//! SIGNED     ── publish         ─► PUBLISHED
//! PUBLISHED  ── reopen          ─► OPEN
//! PUBLISHED  ── withdraw        ─► WITHDRAWN
//! WITHDRAWN  ── reopen          ─► OPEN
//! OPEN       ── withdraw        ─► OPEN
//! LOCKED     ── withdraw        ─► LOCKED
//! SIGNED     ── withdraw        ─► SIGNED
//! ```

/// The state of the working edition, or of the last one where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Grades and entries may change.
    Open,
    /// Closed for signing.
    Locked,
    /// Signed by all who must.
    Signed,
    /// Public; there is no working edition.
    Published,
    /// Taken back; there is no working edition.
    Withdrawn,
}

impl State {
    /// The state as the specification writes it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Locked => "LOCKED",
            Self::Signed => "SIGNED",
            Self::Published => "PUBLISHED",
            Self::Withdrawn => "WITHDRAWN",
        }
    }
}

/// What changes the state of an edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The lead inspector closes it.
    Lock,
    /// An organisation signs, and others have to.
    SignOff,
    /// The last organisation that has to sign does.
    LastSignOff,
    /// An organisation that has not signed objects.
    RefuseSignOff,
    /// It may change again; after a publication that is the next edition.
    Reopen,
    /// It is made public.
    Publish,
    /// The edition in force is taken back; another one may be worked on meanwhile.
    Withdraw,
}

impl Step {
    /// The step in words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lock => "lock",
            Self::SignOff => "sign off",
            Self::LastSignOff => "sign off (last)",
            Self::RefuseSignOff => "refuse sign-off",
            Self::Reopen => "reopen",
            Self::Publish => "publish",
            Self::Withdraw => "withdraw",
        }
    }
}

/// Every step that can be taken: from which state, and to which. That a working edition is open,
/// locked or signed says nothing of an earlier edition that is in force: that can be withdrawn
/// meanwhile, which leaves the working edition as it is.
pub const TRANSITIONS: [(State, Step, State); 13] = [
    (State::Open, Step::Lock, State::Locked),
    (State::Locked, Step::SignOff, State::Locked),
    (State::Locked, Step::LastSignOff, State::Signed),
    (State::Locked, Step::RefuseSignOff, State::Open),
    (State::Locked, Step::Reopen, State::Open),
    (State::Signed, Step::Reopen, State::Open),
    (State::Signed, Step::Publish, State::Published),
    (State::Published, Step::Reopen, State::Open),
    (State::Published, Step::Withdraw, State::Withdrawn),
    (State::Withdrawn, Step::Reopen, State::Open),
    (State::Open, Step::Withdraw, State::Open),
    (State::Locked, Step::Withdraw, State::Locked),
    (State::Signed, Step::Withdraw, State::Signed),
];

/// The table of all steps as text, a line each.
#[must_use]
pub fn diagram() -> String {
    let line = |(from, step, to): &(State, Step, State)| {
        let (from, step, to) = (from.as_str(), step.as_str(), to.as_str());
        format!("{from:<10} ── {step:<15} ─► {to}")
    };
    TRANSITIONS.iter().map(line).collect::<Vec<_>>().join(
        "
",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_docs_print_the_diagram_of_the_code() {
        let printed: Vec<String> = diagram().lines().map(|line| format!("//! {line}")).collect();
        let printed = printed.join(
            "
",
        );
        assert!(include_str!("state.rs").contains(&format!("```text\n{printed}\n//! ```")));
    }

    #[test]
    fn a_step_leads_from_a_state_to_one_other() {
        let starts: BTreeSet<_> = TRANSITIONS.iter().map(|(from, step, _)| (from, step)).collect();
        assert_eq!(starts.len(), TRANSITIONS.len());
    }
}
