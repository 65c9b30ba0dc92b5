//! The circumstances of a command, and the persons that it names.

use super::{
    At, Read,
    closed::{basis_if_any, role_if_any},
    value::{date_if_any, id, id_if_any, sha256, typed, typed_if_any},
};
use crate::{
    judgement::{
        Act, BadId, Decider, Deciding, EntryId, EvidenceRef, OrganisationId, Origin, Panel,
        PersonId, Position, ReasonCode, RequestId, Text,
    },
    ledger::Introductions,
    pb::{self, stated_decider::Who},
};

/// The most entries that one act rests on: what fits into a record (Spec §4.10), and few enough to
/// look up the wording of each.
const EVIDENCE_MAX: usize = 1_000;

/// How names in a request become persons.
pub(in crate::rpc) struct Names<'n> {
    /// Finds or introduces them.
    pub(in crate::rpc) introductions: &'n mut Introductions,
    /// The caller's organisation: whom a request names without one acts for it.
    pub(in crate::rpc) organisation: &'n OrganisationId,
}

impl Names<'_> {
    /// A person by id, who must be known, or by login or name in an organisation.
    fn person(&mut self, at: &At<'_>, of: &OrganisationId, given: &str) -> Read<PersonId> {
        let name = typed(at, given)?;
        match PersonId::parse(given) {
            Ok(id) if self.introductions.knows(id) => Ok(id),
            Ok(_) => Err(at.violated("is a person's id that the directory does not know")),
            Err(_) => Ok(self.introductions.person(of, &name)),
        }
    }
}

pub(super) fn act(at: &At<'_>, given: Option<&pb::Act>, names: &mut Names<'_>) -> Read<Act<Text>> {
    let given = at.required(given)?;
    let request = id(&at.field("request_id"), &given.request_id, request_id);
    let decided_by = decider(&at.field("decided_by"), given.decided_by.as_ref(), names);
    let decided_on = date_if_any(&at.field("decided_on"), given.decided_on);
    let effective_on = date_if_any(&at.field("effective_on"), given.effective_on);
    let basis = basis_if_any(&at.field("basis"), given.basis);
    let instructed_by = decider(&at.field("instructed_by"), given.instructed_by.as_ref(), names);
    let reason = id_if_any(&at.field("reason"), &given.reason, ReasonCode::parse);
    let rationale = typed_if_any(&at.field("rationale"), &given.rationale);
    let evidence = all_evidence(&at.field("evidence"), &given.evidence);
    let origin = origin(&at.field("transcription"), given.transcription.as_ref());
    Ok(Act {
        request: request?,
        decided_by: decided_by?,
        decided_on: decided_on?,
        effective_on: effective_on?,
        basis: basis?,
        instructed_by: instructed_by?,
        reason: reason?,
        rationale: rationale?,
        evidence: evidence?,
        origin: origin?,
    })
}

/// A UUID in the form that answers show: one spelling each, so that logs can be searched.
fn request_id(given: &str) -> Result<RequestId, BadId> {
    const HYPHENATED_BYTES: usize = 36;
    let shape = "a UUID in hyphenated form that is not nil";
    RequestId::parse(given).ok().filter(|_| given.len() == HYPHENATED_BYTES).ok_or_else(|| BadId {
        what: "a request id",
        shape,
        given: given.chars().take(HYPHENATED_BYTES).collect(),
    })
}

fn all_evidence(at: &At<'_>, given: &[pb::EvidenceCited]) -> Read<Vec<EvidenceRef>> {
    let count = given.len();
    if count > EVIDENCE_MAX {
        return Err(at.violated(format_args!("has {count} entries; at most {EVIDENCE_MAX} fit")));
    }
    at.each(given, evidence)
}

/// Position 0 stays what it is: the rules find the entry's last record.
fn evidence(at: &At<'_>, given: &pb::EvidenceCited) -> Read<EvidenceRef> {
    let entry = id(&at.field("entry"), &given.entry, EntryId::parse)?;
    Ok(EvidenceRef { entry, at: Position::new(given.position) })
}

fn origin(at: &At<'_>, given: Option<&pb::Transcription>) -> Read<Origin<Text>> {
    let Some(given) = given else { return Ok(Origin::Witnessed) };
    let source = typed(&at.field("source"), &given.source);
    let stated = !given.source_sha256.is_empty();
    let digest = stated.then(|| sha256(&at.field("source_sha256"), &given.source_sha256));
    let digest = digest.transpose();
    Ok(Origin::Transcribed { source: source?, sha256: digest? })
}

pub(super) fn decider(
    at: &At<'_>,
    given: Option<&pb::StatedDecider>,
    names: &mut Names<'_>,
) -> Read<Option<Decider<Text>>> {
    let Some(given) = given else { return Ok(None) };
    let role = role_if_any(&at.field("role"), given.role);
    let stated = id_if_any(&at.field("organisation"), &given.organisation, OrganisationId::parse);
    let own = names.organisation.clone();
    let organisation = stated.map(|stated| stated.unwrap_or(own));
    // Nobody is introduced into an organisation that is no id; the rest is read all the same.
    let of = organisation.clone().unwrap_or_else(|_| names.organisation.clone());
    let who = match &given.who {
        Some(Who::Person(person)) => {
            names.person(&at.field("person"), &of, person).map(Deciding::Person)
        }
        Some(Who::Panel(given)) => {
            panel(&at.field("panel"), given, &of, names).map(Deciding::Panel)
        }
        None => Err(at.violated("needs a person or a panel")),
    };
    Ok(Some(Decider { who: who?, role: role?, organisation: organisation? }))
}

fn panel(
    at: &At<'_>,
    given: &pb::StatedPanel,
    of: &OrganisationId,
    names: &mut Names<'_>,
) -> Read<Panel<Text>> {
    let name = typed(&at.field("display_name"), &given.display_name);
    let one = |here: &At<'_>, sat: &pb::StatedMember| member(here, sat, of, names);
    let members = at.field("members").each(&given.members, one);
    let meeting = date_if_any(&at.field("meeting"), given.meeting);
    let minutes = typed_if_any(&at.field("minutes"), &given.minutes);
    Ok(Panel { name: name?, members: members?, meeting: meeting?, minutes: minutes? })
}

/// A member of a panel of the organisation `of`: of another one, if that is stated.
fn member(
    at: &At<'_>,
    given: &pb::StatedMember,
    of: &OrganisationId,
    names: &mut Names<'_>,
) -> Read<PersonId> {
    let stated = id_if_any(&at.field("organisation"), &given.organisation, OrganisationId::parse);
    let own = stated.as_ref().ok().and_then(Option::as_ref).unwrap_or(of);
    let person = names.person(&at.field("person"), own, &given.person);
    stated.and(person)
}
