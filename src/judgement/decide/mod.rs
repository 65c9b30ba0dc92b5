//! The rules: what a command does to what stands, or why it is refused.
//!
//! Each rule is one line, in a fixed precedence: who may, what exists, whether the order makes
//! sense under the framework, whether it says what it must, whether the state allows it, whether
//! somebody else was first. `tests/tables/precedence.txt` has a row for each. `decide` changes
//! nothing; what it answers is folded in by [`Assessment::evolve`].

mod corrections;
mod editions;
mod entries;
mod grades;
mod marks;
mod redactions;
mod registration;

use jiff::civil::Date;

pub use corrections::Correctable;
pub use redactions::{Asked, Holder, Redactable, Stage};

use super::{
    Act, Assessment, AssessmentId, AssessmentOrder, AudienceId, Caller, Command, Dangling, Deed,
    Event, EvidenceRef, Expected, ExpectedRevision, Framework, FrameworkId, Item, Lack, NamedBy,
    Order, Phase, Place, Position, ReasonCode, Redact, Refusal, Role, Text, When, rights::roles,
};
use crate::merkle::sha256;

/// What a command is decided against: all that the ledger knows and the rules need.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// Today, in the ledger's time zone.
    pub today: Date,
    /// The first position of the batch that the command belongs to.
    pub batch_from: Position,
    /// Fresh randomness, for salts.
    pub seed: [u8; 32],
    /// What is there already.
    pub known: Known<'a>,
}

/// What is there already.
#[derive(Debug, Clone, Copy)]
pub enum Known<'a> {
    /// For orders that register something: whether that name is taken.
    Name {
        /// Whether it is.
        taken: bool,
    },
    /// For an order that renames a subject: its last record, if it is registered.
    Subject {
        /// That record.
        last: Option<Item>,
    },
    /// For an order that opens an assessment.
    Opening {
        /// The framework asked for, if it is registered.
        framework: Option<&'a Framework>,
        /// Whether the subject is registered.
        subject: bool,
        /// Whether an assessment of that name exists.
        taken: bool,
        /// An assessment of the same subject under the same framework in the same cycle.
        same_cycle: Option<&'a AssessmentId>,
    },
    /// For every other order on an assessment: what it is about, if it was opened.
    Assessment(Option<Opened<'a>>),
    /// For an order that erases a text: what it is about.
    Redaction(Redactable<'a>),
}

/// An assessment that was opened, and what its rules are asked against beside it.
#[derive(Debug, Clone, Copy)]
pub struct Opened<'a> {
    /// What stands.
    pub assessment: &'a Assessment,
    /// Its framework.
    pub framework: &'a Framework,
    /// The hash of the framework's document.
    pub document: &'a [u8; 32],
    /// Earlier wordings of its entries: all that the command cites and that there are.
    pub wordings: &'a [EvidenceRef],
    /// For a withdrawal: the subject's other assessments that are in force, latest first.
    pub peers: &'a [Peer],
    /// For a correction: the record to be corrected, if it is one of the assessment's.
    pub corrected: Option<&'a Correctable>,
    /// For a draft: the assessment as it was shown, if it was there then.
    pub draft: Option<&'a Assessment>,
}

impl Opened<'_> {
    /// Whether the caller is of an organisation that judges it, or the service itself. (Spec §5.3)
    fn is_judged_by(&self, caller: &Caller) -> bool {
        caller.is(Role::Service) || self.framework.signed_by.contains(&caller.organisation)
    }
}

/// Another assessment of the same subject that is in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Which one.
    pub assessment: AssessmentId,
    /// The framework that it is pinned to.
    pub framework: FrameworkId,
}

/// What the rules make of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What happens.
    pub event: Event<Text>,
    /// The role that allowed it.
    pub role: Role,
}

/// Decides one command: the event that it causes, or the first rule that it breaks.
///
/// # Errors
/// The [`Refusal`]; then nothing happens.
pub fn decide(situation: &Situation<'_>, command: &Command<Text>) -> Result<Decision, Refusal> {
    let Command { caller, act, order } = command;
    let situation = &situation.as_seen_by(caller);
    let deed = deed_of(order);
    let role = permit(caller, roles(deed, case_of(situation, act, deed)))?;
    let event = match order {
        Order::RotateKey(rotated) => Event::KeyRotated(rotated.clone()),
        Order::RegisterFramework(order) => registration::framework(situation, act, order)?,
        Order::RegisterSubject(order) => registration::subject(situation, act, order)?,
        Order::RenameSubject(order) => registration::rename(situation, act, order)?,
        Order::RecordAccess(order) => Event::AccessRecorded(order.clone()),
        Order::Redact(_, order) => redactions::redact(situation, (caller, act), order)?,
        Order::Assess(id, AssessmentOrder::Open(order)) => {
            registration::open(situation, (caller, act), id, order)?
        }
        Order::Assess(id, order) => {
            let Known::Assessment(Some(opened)) = situation.known else {
                return Err(Refusal::UnknownAssessment { assessment: id.clone() });
            };
            let Opened { assessment, framework, document, wordings, peers, corrected, draft } =
                opened;
            let case = Case {
                situation,
                caller,
                act,
                assessment,
                framework,
                document,
                wordings,
                peers,
                corrected,
                draft,
            };
            match order {
                // Decided above: an assessment that is being opened is not known yet.
                AssessmentOrder::Open(_) => {
                    return Err(Refusal::Exists { name: id.to_string() });
                }
                AssessmentOrder::SetGrade(order) => grades::set(&case, order)?,
                AssessmentOrder::RecordEntry(order) => entries::record(&case, order)?,
                AssessmentOrder::ReviseEntry(order) => entries::revise(&case, order)?,
                AssessmentOrder::SetAddressee(order) => entries::set_addressee(&case, order)?,
                AssessmentOrder::Lock(order) => editions::lock(&case, order)?,
                AssessmentOrder::SignOff(order) => editions::sign_off(&case, order)?,
                AssessmentOrder::Publish(order) => editions::publish(&case, order)?,
                AssessmentOrder::RefuseSignOff(order) => editions::refuse(&case, order)?,
                AssessmentOrder::Reopen(order) => editions::reopen(&case, order)?,
                AssessmentOrder::Withdraw(order) => editions::withdraw(&case, order)?,
                AssessmentOrder::PlaceHold(order) => marks::place_hold(&case, order)?,
                AssessmentOrder::ReleaseHold(order) => marks::release_hold(&case, order)?,
                AssessmentOrder::ReceiveChallenge(order) => marks::receive(&case, order)?,
                AssessmentOrder::DecideChallenge(order) => marks::decide(&case, order)?,
                AssessmentOrder::ShareDraft(order) => marks::share(&case, order)?,
                AssessmentOrder::Correct(order) => corrections::correct(&case, order)?,
            }
        }
    };
    // Past this line nothing may refuse.
    Ok(Decision { event, role })
}

/// An order on an assessment that was opened, with all that it is decided against.
#[derive(Debug, Clone, Copy)]
struct Case<'a> {
    situation: &'a Situation<'a>,
    caller: &'a Caller,
    act: &'a Act<Text>,
    assessment: &'a Assessment,
    framework: &'a Framework,
    document: &'a [u8; 32],
    wordings: &'a [EvidenceRef],
    peers: &'a [Peer],
    corrected: Option<&'a Correctable>,
    draft: Option<&'a Assessment>,
}

/// What an order does, as the table of rights calls it.
const fn deed_of(order: &Order<Text>) -> Deed {
    match order {
        Order::RotateKey(_) => Deed::RotateKey,
        Order::RegisterFramework(_) => Deed::RegisterFramework,
        Order::RegisterSubject(_) => Deed::RegisterSubject,
        Order::RenameSubject(_) => Deed::RenameSubject,
        Order::RecordAccess(_) => Deed::RecordAccess,
        Order::Redact(_, Redact::Request(_)) => Deed::RequestRedaction,
        Order::Redact(_, Redact::Approve(_)) => Deed::ApproveRedaction,
        Order::Redact(_, Redact::Refuse(_)) => Deed::RefuseRedaction,
        Order::Redact(_, Redact::Complete(_)) => Deed::CompleteRedaction,
        Order::Assess(_, order) => match order {
            AssessmentOrder::Open(_) => Deed::OpenAssessment,
            AssessmentOrder::SetAddressee(_) => Deed::SetAddressee,
            AssessmentOrder::SetGrade(_) => Deed::SetGrade,
            AssessmentOrder::RecordEntry(_) => Deed::RecordEntry,
            AssessmentOrder::ReviseEntry(_) => Deed::ReviseEntry,
            AssessmentOrder::Lock(_) => Deed::LockAssessment,
            AssessmentOrder::SignOff(_) => Deed::SignOffAssessment,
            AssessmentOrder::RefuseSignOff(_) => Deed::RefuseSignOff,
            AssessmentOrder::Publish(_) => Deed::PublishAssessment,
            AssessmentOrder::Reopen(_) => Deed::ReopenAssessment,
            AssessmentOrder::Withdraw(_) => Deed::WithdrawAssessment,
            AssessmentOrder::PlaceHold(_) => Deed::PlaceHold,
            AssessmentOrder::ReleaseHold(_) => Deed::ReleaseHold,
            AssessmentOrder::ReceiveChallenge(_) => Deed::ReceiveChallenge,
            AssessmentOrder::DecideChallenge(_) => Deed::DecideChallenge,
            AssessmentOrder::ShareDraft(_) => Deed::ShareDraft,
            AssessmentOrder::Correct(_) => Deed::CorrectRecord,
        },
    }
}

/// In which case a right is needed. Of an assessment that is not there nothing is known: whoever might
/// act in some case may hear that.
fn case_of(situation: &Situation<'_>, act: &Act<Text>, deed: Deed) -> When {
    if act.origin.is_transcribed() {
        return When::Transcribed; // §4.9
    }
    let opened = match situation.known {
        Known::Assessment(opened) => opened,
        Known::Name { .. }
        | Known::Subject { .. }
        | Known::Opening { .. }
        | Known::Redaction(_) => None,
    };
    match (deed, opened) {
        (Deed::SetGrade, None) if act.reason.is_none() => When::Grading,
        (
            Deed::SetGrade
            | Deed::ReopenAssessment
            | Deed::ReceiveChallenge
            | Deed::DecideChallenge,
            None,
        ) => When::NotThere,
        (Deed::SetGrade, Some(opened)) => {
            if moderates(opened.framework, act) {
                When::Moderating
            } else {
                When::Grading
            }
        }
        (
            Deed::ReopenAssessment | Deed::ReceiveChallenge | Deed::DecideChallenge,
            Some(Opened { assessment, .. }),
        ) => match (assessment.published.is_empty(), &assessment.phase) {
            (true, _) => When::Unpublished,
            (false, Phase::Published) => When::Published,
            (false, Phase::Open | Phase::Locked { .. }) => When::Amending,
        },
        (_, _) => When::Always,
    }
}

/// Whether the reason given is one of moderation under the framework.
fn moderates(framework: &Framework, act: &Act<Text>) -> bool {
    let reason = act.reason.as_ref().and_then(|reason| framework.reason(reason));
    reason.is_some_and(|reason| reason.moderation)
}

impl Situation<'_> {
    /// What there is for this caller. Whoever is not of an organisation that judges an assessment is
    /// told nothing of it, not even that it is there; nor is anybody of records whose texts are another
    /// organisation's to erase. (Spec §5.3)
    fn as_seen_by(&self, caller: &Caller) -> Self {
        let known = match self.known {
            Known::Assessment(opened) => {
                Known::Assessment(opened.filter(|opened| opened.is_judged_by(caller)))
            }
            Known::Redaction(found) if !found.concerns(caller) => {
                Known::Redaction(Redactable::NOTHING)
            }
            known @ (Known::Name { .. }
            | Known::Subject { .. }
            | Known::Opening { .. }
            | Known::Redaction(_)) => known,
        };
        Self { known, ..*self }
    }
}

/// The first of the caller's roles that allows the order.
fn permit(caller: &Caller, needs: &'static [Role]) -> Result<Role, Refusal> {
    needs.iter().copied().find(|role| caller.is(*role)).ok_or(Refusal::NotPermitted { needs })
}

/// The rules about dates that every command keeps. (Spec §4.5, §4.9)
fn check_dates(situation: &Situation<'_>, act: &Act<Text>) -> Result<(), Refusal> {
    let future = |date: Option<Date>| date.is_some_and(|date| date > situation.today);
    let past = |date: Option<Date>| date.is_some_and(|date| date < situation.today);
    let transcribed = act.origin.is_transcribed();
    let backdating = "a rationale: effective_on lies before today";

    Refusal::DateInFuture { field: "decided_on" }.when(future(act.decided_on))?;
    Refusal::DateInFuture { field: "effective_on" }.when(future(act.effective_on))?;
    Refusal::TranscriptionUndated.when(transcribed && act.decided_on.is_none())?;
    Refusal::RationaleRequired { needs: backdating }
        .when(past(act.effective_on) && act.rationale.is_none() && !transcribed)
}

/// What changes something existing says what it believes to be there. (Spec §4.2)
fn check_stated(last: Option<Item>, expected: Option<Expected>) -> Result<(), Refusal> {
    Refusal::ExpectationRequired { last: last.map(|it| it.at) }
        .when(last.is_some() && expected.is_none())
}

/// The last record of an item is the one that is expected. (Spec §4.2)
fn check_last(
    situation: &Situation<'_>,
    item: impl FnOnce() -> String,
    last: Option<Item>,
    expected: Option<Expected>,
) -> Result<(), Refusal> {
    let at = last.map(|it| it.at);
    let holds = match expected {
        None | Some(Expected::NoneYet) => at.is_none(),
        Some(Expected::At(position)) => at == Some(position),
        Some(Expected::PreviousInBatch) => at.is_some_and(|at| at >= situation.batch_from),
        Some(Expected::Any) => true,
    };
    if holds {
        return Ok(());
    }
    let record = last.map(|it| it.record);
    Err(Refusal::StaleExpectation { item: item(), last: at, record })
}

/// A salt for what an audience sees: fresh for each command, and another for each audience.
fn salt(situation: &Situation<'_>, audience: &AudienceId) -> [u8; 32] {
    *sha256(&[&situation.seed, audience.as_str().as_bytes()]).as_bytes()
}

/// The reason, if given, is one of the framework's.
fn check_reason(framework: &Framework, act: &Act<Text>) -> Result<(), Refusal> {
    act.reason.as_ref().map_or(Ok(()), |reason| check_is_reason(framework, reason))
}

/// A reason is one of the framework's.
fn check_is_reason(framework: &Framework, reason: &ReasonCode) -> Result<(), Refusal> {
    let reasons = || framework.reasons.iter().map(|it| it.code.clone()).collect();
    match framework.reason(reason) {
        Some(_) => Ok(()),
        None => Err(Refusal::ReasonNotInFramework { reason: reason.clone(), reasons: reasons() }),
    }
}

/// What is there before any entry rests on none.
fn check_no_evidence(act: &Act<Text>) -> Result<(), Refusal> {
    let nowhere = act.evidence.iter().enumerate().map(|(index, evidence)| Dangling {
        place: Place::Evidence(index),
        entry: evidence.entry.clone(),
        lack: Lack::Entry,
    });
    check_references(nowhere.collect())
}

/// No reference leads nowhere.
fn check_references(references: Vec<Dangling>) -> Result<(), Refusal> {
    let dangling = !references.is_empty();
    Refusal::DanglingReference { references }.when(dangling)
}

impl Case<'_> {
    /// The rules about its circumstances that every order on an assessment keeps.
    fn check_act(&self) -> Result<(), Refusal> {
        check_reason(self.framework, self.act)?;
        self.check_evidence()?;
        check_dates(self.situation, self.act)
    }

    /// The evidence referred to is there: each is an entry at one of its own wordings.
    fn check_evidence(&self) -> Result<(), Refusal> {
        let cited = self.act.evidence.iter().enumerate();
        let dangling = cited.filter_map(|(index, it)| {
            let (place, entry) = (Place::Evidence(index), it.entry.clone());
            Some(Dangling { place, entry, lack: self.lack_of(it)? })
        });
        check_references(dangling.collect())
    }

    /// Why evidence leads nowhere, if it does. An entry that was struck has no wording any more;
    /// what it said can still be cited by the record that said it.
    fn lack_of(&self, cited: &EvidenceRef) -> Option<Lack> {
        let Some(written) = self.assessment.entries.get(&cited.entry) else {
            return Some(Lack::Entry);
        };
        let last = written.item.at;
        if cited.is_of_last() || cited.at == last {
            return written.struck.then_some(Lack::Struck);
        }
        let is_there = self.wordings.contains(cited);
        (!is_there).then_some(Lack::Wording { at: cited.at, last })
    }

    /// Grades and entries change in an open edition only. (Spec §4.1)
    fn check_open(&self) -> Result<(), Refusal> {
        let open = match self.assessment.phase {
            Phase::Open => true,
            Phase::Locked { .. } | Phase::Published => false,
        };
        let phase = self.assessment.phase.as_str();
        Refusal::NotOpen { edition: self.assessment.edition, phase }.when(!open)
    }

    /// Nobody else was first. (Spec §4.2)
    fn check_expected(
        &self,
        item: impl FnOnce() -> String,
        last: Option<Item>,
        expected: Option<Expected>,
    ) -> Result<(), Refusal> {
        check_last(self.situation, item, last, expected)
    }

    /// Who changes a whole assessment knows its revision. (Spec §4.2)
    fn check_revision(&self, expected: Option<ExpectedRevision>) -> Result<(), Refusal> {
        let revision = self.assessment.revision;
        match expected {
            None => Err(Refusal::RevisionRequired { revision }),
            Some(expected) => self.check_revision_is(expected),
        }
    }

    /// The assessment has the revision that is expected.
    fn check_revision_is(&self, expected: ExpectedRevision) -> Result<(), Refusal> {
        let (revision, last) = (self.assessment.revision, self.assessment.last.at);
        let stale = match expected {
            ExpectedRevision::Any => false,
            ExpectedRevision::At(known) => known != revision,
        };
        Refusal::StaleRevision { revision, last }.when(stale)
    }

    /// The area of the order is one of the framework's.
    fn area(&self, id: &super::AreaId, named_by: NamedBy) -> Result<&super::Area, Refusal> {
        self.framework.area(id).ok_or_else(|| Refusal::AreaNotInFramework {
            area: id.clone(),
            framework: self.framework.id.clone(),
            areas: self.framework.areas.iter().map(|area| area.id.clone()).collect(),
            named_by,
        })
    }
}
