//! Persons and panels: who recorded, who decided.

use super::{
    Names,
    value::{date, optional_text, role, text},
};
use crate::{
    judgement::{Decider, Deciding, Panel, PersonId, Recorder},
    ledger::Shown,
    pb,
};

/// A person, by the opaque id and by the name behind it, as far as that can be shown.
pub(crate) fn person(id: PersonId, names: Names<'_>) -> pb::Person {
    pb::Person { person_id: id.to_string(), name: Some(text(&names(id))) }
}

/// Who decided, as stated.
pub(crate) fn decider(decider: &Decider<Shown>, names: Names<'_>) -> pb::Decider {
    let who = match &decider.who {
        Deciding::Person(id) => pb::decider::Who::Person(person(*id, names)),
        Deciding::Panel(who) => pb::decider::Who::Panel(panel(who, names)),
    };
    pb::Decider {
        who: Some(who),
        role: decider.role.map_or(0, role),
        organisation: decider.organisation.to_string(),
    }
}

/// The recorder as the decider: so it is where nobody else was stated.
pub(crate) fn recorder_as_decider(recorder: &Recorder, names: Names<'_>) -> pb::Decider {
    pb::Decider {
        who: Some(pb::decider::Who::Person(person(recorder.person, names))),
        role: role(recorder.role),
        organisation: recorder.organisation.to_string(),
    }
}

fn panel(panel: &Panel<Shown>, names: Names<'_>) -> pb::Panel {
    pb::Panel {
        name: Some(text(&panel.name)),
        members: panel.members.iter().map(|id| person(*id, names)).collect(),
        meeting: panel.meeting.map(date),
        minutes: optional_text(panel.minutes.as_ref()),
    }
}
