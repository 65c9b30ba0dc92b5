//! Orders on an assessment.

use super::{
    At, Names, Read,
    act::act,
    closed::non_grade,
    content::{addressee, entry_content},
    edition::{lock, publish, refuse_sign_off, reopen, sign_off, withdraw},
    marks,
    value::{affirmed, date, expected, id, id_if_any, typed_if_any},
};
use crate::{
    judgement::{
        Act, AreaId, AssessmentId, AssessmentOpened, AssessmentOrder, Cycle, EntryId, FrameworkId,
        Grade, Label, LevelCode, Order, Period, RecordEntry, ReviseEntry, ScaleId, SetAddressee,
        SetGrade, Text,
    },
    ledger::Mode,
    pb::{self, command::Order as Given, grade::Award, revise_entry_request::Revision},
};

/// A request as read: what is ordered, under which circumstances, whether to record it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rpc) struct Ordered {
    /// The circumstances.
    pub(in crate::rpc) act: Act<Text>,
    /// What is ordered.
    pub(in crate::rpc) order: Order<Text>,
    /// Whether it is recorded.
    pub(in crate::rpc) mode: Mode,
}

/// Any order on an assessment; `at` is its own message.
pub(in crate::rpc) fn any_order(
    at: &At<'_>,
    given: &Given,
    names: &mut Names<'_>,
) -> Read<Ordered> {
    match given {
        Given::OpenAssessment(given) => ordered(at, given, names, open),
        Given::SetAddressee(given) => ordered(at, given, names, set_addressee),
        Given::SetGrade(given) => ordered(at, given, names, set_grade),
        Given::RecordEntry(given) => ordered(at, given, names, record_entry),
        Given::ReviseEntry(given) => ordered(at, given, names, revise_entry),
        Given::LockAssessment(given) => ordered(at, given, names, lock),
        Given::SignOffAssessment(given) => ordered(at, given, names, sign_off),
        Given::PublishAssessment(given) => ordered(at, given, names, publish),
        Given::RefuseSignOff(given) => ordered(at, given, names, refuse_sign_off),
        Given::ReopenAssessment(given) => ordered(at, given, names, reopen),
        Given::WithdrawAssessment(given) => ordered(at, given, names, withdraw),
        Given::PlaceHold(given) => ordered(at, given, names, marks::place_hold),
        Given::ReleaseHold(given) => ordered(at, given, names, marks::release_hold),
        Given::ReceiveChallenge(given) => ordered(at, given, names, marks::receive_challenge),
        Given::DecideChallenge(given) => ordered(at, given, names, marks::decide_challenge),
        Given::ShareDraft(given) => ordered(at, given, names, marks::share_draft),
        Given::CorrectRecord(given) => ordered_by_name(at, given, names, marks::correct_record),
    }
}

/// What all requests on one assessment have in common.
trait OnAssessment {
    fn assessment(&self) -> &str;
    fn act(&self) -> Option<&pb::Act>;
    fn validate_only(&self) -> bool;
}

macro_rules! on_assessment {
    ($($request:ident by $arm:ident as $field:literal,)+) => {
        $(impl OnAssessment for pb::$request {
            fn assessment(&self) -> &str {
                &self.assessment
            }

            fn act(&self) -> Option<&pb::Act> {
                self.act.as_ref()
            }

            fn validate_only(&self) -> bool {
                self.validate_only
            }
        })+

        /// The name of the assessment that a command is on, as given, and the field of
        /// `Command` that the command stands in.
        pub(in crate::rpc) fn assessment_of(given: &Given) -> (&str, &'static str) {
            match given {
                $(Given::$arm(given) => (given.assessment(), $field),)+
            }
        }

        /// Whether a command asks by itself to be checked only.
        pub(in crate::rpc) fn validate_only_of(given: &Given) -> bool {
            match given {
                $(Given::$arm(given) => given.validate_only(),)+
            }
        }
    };
}

on_assessment! {
    OpenAssessmentRequest by OpenAssessment as "open_assessment",
    SetAddresseeRequest by SetAddressee as "set_addressee",
    SetGradeRequest by SetGrade as "set_grade",
    RecordEntryRequest by RecordEntry as "record_entry",
    ReviseEntryRequest by ReviseEntry as "revise_entry",
    LockAssessmentRequest by LockAssessment as "lock_assessment",
    SignOffAssessmentRequest by SignOffAssessment as "sign_off_assessment",
    PublishAssessmentRequest by PublishAssessment as "publish_assessment",
    RefuseSignOffRequest by RefuseSignOff as "refuse_sign_off",
    ReopenAssessmentRequest by ReopenAssessment as "reopen_assessment",
    WithdrawAssessmentRequest by WithdrawAssessment as "withdraw_assessment",
    PlaceHoldRequest by PlaceHold as "place_hold",
    ReleaseHoldRequest by ReleaseHold as "release_hold",
    ReceiveChallengeRequest by ReceiveChallenge as "receive_challenge",
    DecideChallengeRequest by DecideChallenge as "decide_challenge",
    ShareDraftRequest by ShareDraft as "share_draft",
    CorrectRecordRequest by CorrectRecord as "correct_record",
}

fn ordered<R: OnAssessment>(
    at: &At<'_>,
    given: &R,
    names: &mut Names<'_>,
    order: fn(&At<'_>, &R) -> Read<AssessmentOrder<Text>>,
) -> Read<Ordered> {
    ordered_by_name(at, given, names, |at, given, _| order(at, given))
}

/// The same, of an order that names persons itself.
fn ordered_by_name<R: OnAssessment>(
    at: &At<'_>,
    given: &R,
    names: &mut Names<'_>,
    order: impl FnOnce(&At<'_>, &R, &mut Names<'_>) -> Read<AssessmentOrder<Text>>,
) -> Read<Ordered> {
    let assessment = id(&at.field("assessment"), given.assessment(), AssessmentId::parse);
    let act = act(&at.field("act"), given.act(), names);
    let order = order(at, given, names);
    Ok(Ordered {
        act: act?,
        order: Order::Assess(assessment?, order?),
        mode: mode(given.validate_only()),
    })
}

pub(super) const fn mode(validate_only: bool) -> Mode {
    if validate_only { Mode::Validate } else { Mode::Record }
}

fn open(at: &At<'_>, given: &pb::OpenAssessmentRequest) -> Read<AssessmentOrder<Text>> {
    let framework = id(&at.field("framework"), &given.framework, FrameworkId::parse);
    let cycle = id(&at.field("cycle"), &given.cycle, Cycle::parse);
    let periods = at.field("periods").each(&given.periods, period);
    let to = given.addressee.as_ref();
    let addressee = to.map(|to| addressee(&at.field("addressee"), Some(to))).transpose();
    let name = |here: &At<'_>, name: &String| id(here, name, AssessmentId::parse);
    let earlier = at.field("earlier").each(&given.earlier, name);
    Ok(AssessmentOrder::Open(AssessmentOpened {
        framework: framework?,
        cycle: cycle?,
        periods: periods?,
        addressee: addressee?,
        earlier: earlier?,
    }))
}

fn period(at: &At<'_>, given: &pb::AssessedPeriod) -> Read<Period> {
    let from = date(&at.field("first_day"), given.first_day);
    let to = date(&at.field("last_day"), given.last_day);
    Ok(Period { from: from?, to: to? })
}

fn set_addressee(at: &At<'_>, given: &pb::SetAddresseeRequest) -> Read<AssessmentOrder<Text>> {
    let addressee = addressee(&at.field("addressee"), given.addressee.as_ref());
    let expected = expected(&at.field("expected"), given.expected.as_ref());
    Ok(AssessmentOrder::SetAddressee(SetAddressee { addressee: addressee?, expected: expected? }))
}

fn set_grade(at: &At<'_>, given: &pb::SetGradeRequest) -> Read<AssessmentOrder<Text>> {
    let area = id(&at.field("area"), &given.area, AreaId::parse);
    let stated = given.grade.as_ref();
    let qualifier = stated.map_or("", |stated| &stated.qualifier);
    let qualifier = typed_if_any(&at.field("grade").field("qualifier"), qualifier);
    let grade = grade(&at.field("grade"), stated);
    let expected = expected(&at.field("expected"), given.expected.as_ref());
    Ok(AssessmentOrder::SetGrade(SetGrade {
        area: area?,
        grade: grade?,
        qualifier: qualifier?,
        expected: expected?,
    }))
}

fn grade(at: &At<'_>, given: Option<&pb::Grade>) -> Read<Grade> {
    let given = at.required(given)?;
    let scale = id_if_any(&at.field("scale"), &given.scale, ScaleId::parse);
    let no_scale = |stated: Option<ScaleId>| match stated {
        Some(_) => Err(at.field("scale").violated("is for a level only")),
        None => Ok(()),
    };
    match &given.award {
        Some(Award::Level(level)) => {
            let level = id(&at.field("level"), level, LevelCode::parse);
            Ok(Grade::Level(scale?, level?))
        }
        Some(Award::Word(word)) => {
            let word = id(&at.field("word"), word, Label::parse);
            scale.and_then(no_scale)?;
            word.map(Grade::Word)
        }
        Some(Award::NotGraded(value)) => {
            let value = non_grade(&at.field("not_graded"), *value);
            scale.and_then(no_scale)?;
            value.map(Grade::NotGraded)
        }
        None => Err(at.violated("needs a level, a word or not_graded")),
    }
}

fn record_entry(at: &At<'_>, given: &pb::RecordEntryRequest) -> Read<AssessmentOrder<Text>> {
    let entry = id(&at.field("entry_id"), &given.entry_id, EntryId::parse);
    let content = entry_content(&at.field("content"), given.content.as_ref());
    Ok(AssessmentOrder::RecordEntry(RecordEntry { entry: entry?, content: content? }))
}

fn revise_entry(at: &At<'_>, given: &pb::ReviseEntryRequest) -> Read<AssessmentOrder<Text>> {
    let entry = id(&at.field("entry_id"), &given.entry_id, EntryId::parse);
    let content = match &given.revision {
        Some(Revision::Content(content)) => {
            entry_content(&at.field("content"), Some(content)).map(Some)
        }
        Some(Revision::Strike(stated)) => affirmed(&at.field("strike"), *stated).map(|()| None),
        None => Err(at.field("content").violated("is required, unless strike is set")),
    };
    let expected = expected(&at.field("expected"), given.expected.as_ref());
    Ok(AssessmentOrder::ReviseEntry(ReviseEntry {
        entry: entry?,
        content: content?,
        expected: expected?,
    }))
}
