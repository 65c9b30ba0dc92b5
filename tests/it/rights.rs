//! Who may do what, tried cell by cell: each call in each of its cases, by each role, of an
//! organisation that judges and of one that does not, on the real server. The table that is tried is
//! [`RIGHTS`], from which the docs are printed, too; that it is what the specification says is seen in
//! [`clauses`], where that is written out by hand.

mod clauses;

use std::{collections::BTreeSet, time::Duration};

use judgement_ledger::{
    judgement::{Deed, OrganisationId, RIGHTS, Role, Text, When, Whose, rights},
    pb::{self, apply_stream_response, audit_service_client::AuditServiceClient},
    rpc::{Credentials, Identity},
};
use prost_reflect::prost::Message as _;
use serde_json::{Value, json};
use tonic::{Code, Status, transport::Channel};
use uuid::Uuid;

use crate::{
    calls::{call, whole},
    editions::Editing,
    served::{KEY, SUBJECT, Served, date, explained, reason_of},
};

/// Of nothing that is there.
const DIGEST: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

type Answer = Result<Vec<Value>, Status>;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// It is done, or refused for what it says.
    Allowed,
    /// The caller may not, whatever it says.
    Denied,
    /// There is nothing of the kind.
    Hidden,
}

fn outcome(answer: &Answer) -> Outcome {
    let Err(status) = answer else { return Outcome::Allowed };
    // To whom a letter goes is no matter of rights, but of what is shown to whom.
    if status.message().contains("goes to others") {
        return Outcome::Allowed;
    }
    match reason_of(status).0.as_str() {
        "NOT_PERMITTED" | "WRONG_ORGANISATION" => Outcome::Denied,
        "ASSESSMENT_NOT_FOUND" | "RECORD_NOT_FOUND" | "REDACTION_NOT_FOUND" => Outcome::Hidden,
        "CREDENTIAL_MISSING" | "CREDENTIAL_INVALID" | "" => panic!("{status:?}"),
        _ => Outcome::Allowed,
    }
}

/// What the table says of a call in a case.
fn expected((deed, when): (Deed, When), role: Role, judges: bool) -> Outcome {
    let has = |when| rights::roles(deed, when).contains(&role);
    if !rights::roles_in_any_case(deed).contains(&role) {
        return Outcome::Denied;
    }
    let whose = RIGHTS.iter().find(|it| it.deed == deed && it.when == when).unwrap().whose;
    let not_there = rights::roles(deed, When::NotThere);
    let inside = judges || whose == Whose::Any || role == Role::Auditor;
    let may = if inside || not_there.is_empty() || when == When::Transcribed {
        has(when)
    } else {
        has(When::NotThere)
    };
    match (may, inside, whose) {
        (false, _, _) => Outcome::Denied,
        (true, true, _) | (true, false, Whose::Shown) => Outcome::Allowed,
        // What is asked about is a framework, which everybody sees.
        (true, false, _) if matches!(deed, Deed::OpenAssessment | Deed::SummarizeGrades) => {
            Outcome::Denied
        }
        (true, false, _) => Outcome::Hidden,
    }
}

/// A call in one of its cases.
struct Case {
    when: When,
    message: Value,
}

fn login(role: Role, organisation: &str) -> String {
    login_called(role.as_str(), role, organisation)
}

fn login_called(name: &str, role: Role, organisation: &str) -> String {
    let identity = Identity {
        login: Text::parse(format!("{name}@{organisation}")).unwrap(),
        organisation: OrganisationId::parse(organisation).unwrap(),
        roles: vec![role],
    };
    let now = "2006-10-01T08:00:00Z".parse().unwrap();
    Credentials::new(&KEY).unwrap().mint(&identity, now, Duration::from_hours(9_000)).unwrap()
}

/// Assessments in each state, and a request for a redaction.
struct World {
    open: String,
    published: String,
    amending: String,
    /// A record with a text, and the request to erase that.
    record: u64,
    request: u64,
    /// A framework that is registered.
    framework: Value,
}

async fn world(served: &Served) -> World {
    let open = served.open("apa-2006").await;
    let reasoned = explained("INITIAL");
    let set = served.set_as("inspector", &open, "staying-safe", "good", reasoned, None).await;
    let record = set.unwrap().position;
    let mut request = order(Deed::RequestRedaction, &open, (record, 0)).unwrap();
    request["act"] = act(false);
    let officer = login(Role::RecordsOfficer, "ofsted");
    let asked = call(&served.channel, &officer, "RequestRedaction", &request).await.unwrap();
    let request = asked[0]["position"].as_str().unwrap().parse().unwrap();
    let published = Editing::published_2005(served).await.name;
    let framework = "frameworks/apa/versions/2005";
    let amending = served.open_under("apa-2004", framework, "2004").await;
    let editing = Editing::of(served, &amending);
    editing.award_demanded().await;
    editing.published(1, date(2004, 12, 1)).await;
    editing.reopen("publisher", "REPRESENTATION_UPHELD").await.unwrap();
    let question = question(Deed::GetFramework, When::Always, "");
    let framework = call(&served.channel, &officer, "GetFramework", &question).await.unwrap();
    World { open, published, amending, record, request, framework: framework[0].clone() }
}

/// The circumstances of a command, recorded as it happens or from a source.
fn act(transcribed: bool) -> Value {
    let mut act = json!({"requestId": Uuid::new_v4().to_string(), "rationale": "a reason",
        "reason": "INITIAL"});
    if transcribed {
        act["transcription"] = json!({"source": "a file"});
        act["decidedOn"] = json!({"year": 2004, "month": 1, "day": 1});
    }
    act
}

/// What a command says beside its circumstances, on this assessment: enough to be looked at.
fn order(deed: Deed, name: &str, (record, request): (u64, u64)) -> Option<Value> {
    let any = json!({"any": true});
    Some(match deed {
        Deed::OpenAssessment => json!({"assessment": format!("{SUBJECT}/assessments/new"),
            "framework": "frameworks/apa/versions/2006", "cycle": "2007"}),
        Deed::SetAddressee => json!({"assessment": name, "expected": any,
            "addressee": {"name": {"present": "Ms S Lock"}}}),
        Deed::SetGrade => json!({"assessment": name, "area": "staying-safe",
            "grade": {"word": "adequate"}, "expected": any}),
        Deed::RecordEntry => json!({"assessment": name, "entryId": "a", "content": {
            "kind": "ENTRY_KIND_NARRATIVE", "section": "staying-safe", "order": 1,
            "text": {"present": "a"}}}),
        Deed::ReviseEntry => json!({"assessment": name, "entryId": "a", "expected": any,
            "strike": true}),
        Deed::LockAssessment => json!({"assessment": name, "expected": any, "digest": DIGEST}),
        Deed::SignOffAssessment => json!({"assessment": name, "organisation": "ofsted",
            "edition": 9, "digest": DIGEST, "signature": {"name": {"present": "a"}}}),
        Deed::RefuseSignOff => json!({"assessment": name, "organisation": "ofsted", "edition": 9,
            "digest": DIGEST, "objection": "a"}),
        Deed::PublishAssessment => json!({"assessment": name, "edition": 9, "expected": any,
            "letterDate": {"year": 2006, "month": 11, "day": 1}}),
        Deed::ReopenAssessment => {
            json!({"assessment": name, "expected": any, "authority": "a"})
        }
        Deed::WithdrawAssessment => json!({"assessment": name, "edition": 9, "expected": any}),
        Deed::PlaceHold => json!({"assessment": name, "holdId": "h", "kind": "HOLD_KIND_COURT",
            "stops": "HOLD_STOPS_ERASURE"}),
        Deed::ReleaseHold => json!({"assessment": name, "holdId": "h", "expected": any}),
        Deed::ReceiveChallenge => json!({"assessment": name, "challengeId": "c",
            "kind": "CHALLENGE_KIND_ACCURACY", "receivedFrom": "a",
            "points": [{"text": "a", "area": "staying-safe"}]}),
        Deed::DecideChallenge => json!({"assessment": name, "challengeId": "c", "point": 1,
            "outcome": "POINT_OUTCOME_UPHELD", "why": "a", "expected": any}),
        Deed::ShareDraft => json!({"assessment": name, "recipient": "a", "audience": "addressee",
            "knownAtPosition": record.to_string()}),
        Deed::CorrectRecord => json!({"assessment": name, "position": record.to_string(),
            "expected": any, "to": {"effectiveOn": {"year": 2006, "month": 1, "day": 1}}}),
        Deed::RequestRedaction => json!({"position": record.to_string(), "field": "rationale",
            "legalBasis": "LEGAL_BASIS_ERASURE_REQUEST", "replacement": "a"}),
        Deed::ApproveRedaction => json!({"requestPosition": request.to_string()}),
        Deed::RefuseRedaction => {
            json!({"requestPosition": request.to_string(), "ground": "a"})
        }
        Deed::RegisterSubject => json!({"subject": "subjects/leicester-city",
            "displayName": "a", "kind": "a"}),
        Deed::RenameSubject => json!({"subject": "subjects/leicester-city", "displayName": "a",
            "expected": any}),
        _ => return None,
    })
}

/// The wrapping of a command in a batch or a stream.
fn wrapped(deed: Deed, command: &Value) -> Option<Value> {
    match deed {
        Deed::ApplyBatch => {
            let mut command = command.clone();
            command.as_object_mut().unwrap().remove("validateOnly");
            Some(json!({"commands": [{"setGrade": command}], "validateOnly": true}))
        }
        Deed::ApplyStream => Some(json!({"command": {"setGrade": command}})),
        _ => None,
    }
}

impl World {
    /// The cases of a call in which it is tried.
    fn cases(&self, deed: Deed) -> Vec<Case> {
        let rows = RIGHTS.iter().filter(|it| it.deed == deed && it.when != When::NotThere);
        rows.map(|row| Case { when: row.when, message: self.message(deed, row.when) }).collect()
    }

    fn message(&self, deed: Deed, when: When) -> Value {
        let name = match when {
            When::Published | When::Outside | When::ForAnother => &self.published,
            When::Amending => &self.amending,
            _ => &self.open,
        };
        if let Some(mut order) = order(deed, name, (self.record, self.request)) {
            order["act"] = act(when == When::Transcribed);
            order["validateOnly"] = true.into();
            if when == When::Moderating {
                order["act"]["reason"] = "MODERATION".into();
            }
            return order;
        }
        if deed == Deed::RegisterFramework {
            let act = act(when == When::Transcribed);
            return json!({"framework": self.framework, "act": act, "validateOnly": true});
        }
        if deed == Deed::PublishAssessments {
            let mut publication =
                order(Deed::PublishAssessment, name, (self.record, self.request)).unwrap();
            publication["act"] = act(when == When::Transcribed);
            return json!({"publications": [publication], "validateOnly": true});
        }
        question(deed, when, name)
    }
}

/// What a question asks.
fn question(deed: Deed, when: When, name: &str) -> Value {
    let recipient = if when == When::ForAnother { "csci" } else { "" };
    let outside = when != When::Inside;
    let state = if outside { "published" } else { "working" };
    let side = json!({"assessment": name, "state": state});
    match deed {
        Deed::GetAssessment => {
            let view =
                if outside { "ASSESSMENT_VIEW_PUBLISHED" } else { "ASSESSMENT_VIEW_WORKING" };
            json!({"name": name, "view": view})
        }
        Deed::RenderLetter if !outside => json!({"name": name, "draft": 1}),
        Deed::RenderLetter | Deed::GetDisclosure => json!({"name": name, "recipient": recipient}),
        Deed::GetFeed => json!({"scheme": "CPA", "recipient": recipient, "catchUpOnly": true}),
        Deed::GetGradeHistory | Deed::GetTrail | Deed::GetRecipients => {
            json!({"assessment": name})
        }
        Deed::StreamRecords => json!({"catchUpOnly": true}),
        Deed::ExportCase => {
            json!({"assessment": name, "caseKind": "CASE_KIND_COURT", "purpose": "a"})
        }
        Deed::CompareAssessments => json!({"before": side, "after": side}),
        Deed::SummarizeGrades => {
            json!({"framework": "frameworks/apa/versions/2006", "published": outside})
        }
        Deed::GetSubjectTimeline => json!({"subject": SUBJECT}),
        Deed::GetFramework => json!({"name": "frameworks/apa/versions/2006"}),
        Deed::GetSubject => json!({"name": SUBJECT}),
        Deed::GetInclusionProof => json!({"position": "1"}),
        Deed::GetConsistencyProof => json!({"fromSize": "1", "toSize": "2"}),
        Deed::GetTile | Deed::GetEntryBundle => json!({"width": 1}),
        _ => json!({}),
    }
}

/// Calls in which others come.
fn wraps(deed: Deed) -> bool {
    matches!(deed, Deed::ApplyBatch | Deed::ApplyStream)
}

/// Calls, and takes what is refused within a stream for the refusal of the call: a stream tells of each
/// command by itself. Whatever is not refused has one receipt for the one command.
async fn call_of_one(channel: &Channel, token: &str, deed: Deed, message: &Value) -> Answer {
    let name = deed.call().1;
    if !wraps(deed) {
        return call(channel, token, name, message).await;
    }
    let told = whole(channel, token, name, message).await;
    told.end?;
    let [answer] = told.answers.as_slice() else { panic!("{deed:?}: {:?}", told.answers) };
    if deed == Deed::ApplyBatch {
        let receipts = pb::ApplyBatchResponse::decode(answer.as_slice()).unwrap().receipts;
        assert_eq!(receipts.len(), 1, "{deed:?}");
        return Ok(Vec::new());
    }
    match pb::ApplyStreamResponse::decode(answer.as_slice()).unwrap().outcome.unwrap() {
        apply_stream_response::Outcome::Receipt(_) => Ok(Vec::new()),
        apply_stream_response::Outcome::Refusal(it) => {
            let details = it.encode_to_vec();
            Err(Status::with_details(Code::from(it.code), it.message, details.into()))
        }
    }
}

/// Calls that answer everybody with what each may see: nothing of them is denied, and what they show
/// to whom is tried elsewhere (`apart`).
fn shows_each_what_it_may(deed: Deed) -> bool {
    matches!(
        deed,
        Deed::ListAssessments
            | Deed::GetSubjectTimeline
            | Deed::QueryAudit
            | Deed::StreamRecords
            | Deed::GetFeed
    )
}

#[tokio::test]
async fn every_cell_of_the_table_of_rights_is_as_it_says() {
    let served = Served::start().await;
    let world = world(&served).await;
    let logins = Role::ALL.into_iter().filter(|role| *role != Role::Service);
    let logins: Vec<_> = logins
        .flat_map(|role| [("ofsted", true), ("estyn", false)].map(|it| (role, it.0, it.1)))
        .map(|(role, organisation, judges)| (role, judges, login(role, organisation)))
        .collect();
    let (mut cells, mut wrong, mut kinds) = (0, Vec::new(), BTreeSet::new());
    for deed in Deed::ALL.iter().copied().filter(|deed| deed.call().0 != "Itself") {
        for mut case in world.cases(deed) {
            for (role, judges, token) in &logins {
                if let Some(act) = case.message.get_mut("act") {
                    act["requestId"] = Uuid::new_v4().to_string().into();
                }
                if let Some(wrapped) = wrapped(deed, &world.message(Deed::SetGrade, When::Grading))
                {
                    case.message = wrapped;
                }
                let answer = call_of_one(&served.channel, token, deed, &case.message).await;
                let (found, mut told) =
                    (outcome(&answer), expected((deed, case.when), *role, *judges));
                if shows_each_what_it_may(deed) && told == Outcome::Hidden {
                    told = Outcome::Allowed;
                }
                if case.when != When::ForAnother
                    && shows_each_what_it_may(deed)
                    && rights::roles_in_any_case(deed).contains(role)
                {
                    told = Outcome::Allowed;
                }
                if wraps(deed) && told != Outcome::Denied {
                    // Each command in it is decided by itself, as if it had come alone.
                    told = expected((Deed::SetGrade, When::Grading), *role, *judges);
                }
                if found != told {
                    let (when, status) =
                        (case.when, answer.err().map(|it| it.message().to_owned()));
                    wrong.push(format!(
                        "{deed:?} {when:?} {role:?} {judges}: {found:?}, not {told:?}: {status:?}"
                    ));
                }
                kinds.insert(format!("{found:?}"));
                cells += 1;
            }
        }
    }
    println!("{cells} cells");
    assert!(wrong.is_empty(), "{} of {cells}\n{}", wrong.len(), wrong.join("\n"));
    assert!(cells > 1_000 && kinds.len() == 3, "{kinds:?}");
    served.stop().await;
}

/// Spec §5.3, AIP-211: who may not is told so before anything else, whatever is asked about.
#[tokio::test]
async fn a_denial_tells_nothing_of_what_was_asked_about() {
    let served = Served::start().await;
    let open = served.open("apa-2006").await;
    let consumer = login(Role::Consumer, "audit-commission");
    let inspector = login(Role::Inspector, "estyn");
    let never = format!("{SUBJECT}/assessments/never");
    let told = async |token: &str, name: &str, message: Value| {
        let status = call(&served.channel, token, name, &message).await.unwrap_err();
        (status.code(), status.message().to_owned(), status.details().to_vec())
    };
    // A command that is there, not there, and no command at all.
    let mut of_consumers = Vec::new();
    for message in [json!({"assessment": open}), json!({"assessment": never}), json!({})] {
        of_consumers.push(told(&consumer, "SetGrade", message).await);
    }
    assert!(of_consumers.windows(2).all(|two| two[0] == two[1]), "{of_consumers:?}");
    // An insider of another organisation hears of what is there what it hears of what is not.
    let without_name = |(code, message, _): (Code, String, Vec<u8>), name: &str| {
        (code, message.replace(name, "NAME"))
    };
    for (method, body) in [
        ("GetAssessment", json!({"name": "NAME"})),
        ("GetGradeHistory", json!({"assessment": "NAME"})),
        ("GetTrail", json!({"assessment": "NAME"})),
        ("GetRecipients", json!({"assessment": "NAME"})),
        ("GetDisclosure", json!({"name": "NAME"})),
        ("RenderLetter", json!({"name": "NAME"})),
        (
            "CompareAssessments",
            json!({"before": {"assessment": "NAME"}, "after": {"assessment": "NAME"}}),
        ),
    ] {
        let named = |name: &str| -> Value {
            serde_json::from_str(&body.to_string().replace("NAME", name)).unwrap()
        };
        let there = without_name(told(&inspector, method, named(&open)).await, &open);
        let nowhere = without_name(told(&inspector, method, named(&never)).await, &never);
        assert_eq!(there, nowhere, "{method}");
    }
    served.stop().await;
}

/// What was answered, whichever record was asked about.
fn without_position(status: &Status, position: u64) -> (Code, String, String, String) {
    let (reason, metadata) = reason_of(status);
    let plain = |said: String| said.replace(&position.to_string(), "POSITION");
    (status.code(), plain(status.message().to_owned()), reason, plain(format!("{metadata:?}")))
}

/// The record of the ledger's own stream, or of a framework or a subject, that this tells of.
async fn position_of(served: &Served, event: &str, tells: &dyn Fn(&Value) -> bool) -> u64 {
    let auditor = served.token("auditor");
    let asked = json!({"catchUpOnly": true, "events": [event]});
    let told = call(&served.channel, &auditor, "StreamRecords", &asked).await.unwrap();
    let found = told.iter().rev().find(|it| it["record"]["record"].is_object() && tells(it));
    let found = found.unwrap_or_else(|| panic!("{event}: {told:#?}"));
    found["record"]["record"]["position"].as_str().unwrap().parse().unwrap()
}

/// Spec §5.3: what is erased of records that no assessment has is for records officers of the
/// organisation whose it is: the person's, the taker's, the registrar's. To others it is not there.
#[tokio::test]
async fn no_text_is_erased_by_officers_of_another_organisation() {
    let served = Served::start().await;
    served.at("2006-10-12T08:00:00Z");
    let name = served.open("apa-2006").await;
    let set = served.award(&name, "staying-safe", "good").await;
    served.moderate(&name, "staying-safe", "adequate", set.position).await;
    let why = json!({"requestId": Uuid::new_v4().to_string(), "rationale": "asked for"});
    let admin = served.token("admin");
    let subject = json!({"subject": "subjects/derby", "displayName": "a", "kind": "a", "act": why});
    call(&served.channel, &admin, "RegisterSubject", &subject).await.unwrap();
    let framework = json!({"name": "frameworks/apa/versions/2006"});
    let framework = call(&served.channel, &admin, "GetFramework", &framework).await.unwrap();
    let mut framework = framework[0].clone();
    framework["name"] = "frameworks/apa/versions/2009".into();
    let why = json!({"requestId": Uuid::new_v4().to_string(), "rationale": "asked for"});
    let framework = json!({"framework": framework, "act": why});
    call(&served.channel, &admin, "RegisterFramework", &framework).await.unwrap();
    let officer = served.token("officer");
    let case = json!({"assessment": name, "caseKind": "CASE_KIND_COURT", "purpose": "a court"});
    call(&served.channel, &officer, "ExportCase", &case).await.unwrap();

    let called = |login: &'static str| move |it: &Value| it.to_string().contains(login);
    let any = |_: &Value| true;
    let at = async |event, tells: &dyn Fn(&Value) -> bool| position_of(&served, event, tells).await;
    let of_court = |it: &Value| it.to_string().contains("a court");
    let rows = [
        ("name", at("PersonRegistered", &called("inspector@ofsted")).await, "ofsted"),
        ("name", at("PersonRegistered", &called("second moderator")).await, "csci"),
        ("purpose", at("AccessRecorded", &of_court).await, "ofsted"),
        ("rationale", at("SubjectRegistered", &any).await, "ofsted"),
        ("rationale", at("FrameworkRegistered", &any).await, "ofsted"),
    ];
    let never = served.head().await + 1_000;
    for (field, position, owner) in rows {
        let ask = async |organisation: &str, position: u64, field: &str, dry: bool| {
            let token = login(Role::RecordsOfficer, organisation);
            let message = json!({"position": position.to_string(), "field": field,
                "legalBasis": "LEGAL_BASIS_ERASURE_REQUEST", "replacement": "somebody",
                "act": {"requestId": Uuid::new_v4().to_string()}, "validateOnly": dry});
            call(&served.channel, &token, "RequestRedaction", &message).await
        };
        for stranger in ["estyn", "csci", "ofsted"].into_iter().filter(|it| *it != owner) {
            // Nor are they told what the record is, and which texts it has.
            for (field, dry) in [(field, true), ("nothing", true), (field, false)] {
                let there = ask(stranger, position, field, dry).await;
                let there = there.expect_err(&format!("{stranger}: {field} of {position}"));
                let nowhere = ask(stranger, never, field, dry).await.unwrap_err();
                let there = without_position(&there, position);
                assert_eq!(there, without_position(&nowhere, never), "{stranger}: {field}");
            }
        }
        assert!(ask(owner, position, field, true).await.is_ok(), "{owner}: {field}");
        let asked = ask(owner, position, field, false).await.unwrap();
        let request: u64 = asked[0]["position"].as_str().unwrap().parse().unwrap();
        for decide in ["ApproveRedaction", "RefuseRedaction"] {
            let decided = async |token: &str, request: u64| {
                let mut message = json!({"requestPosition": request.to_string(),
                    "act": {"requestId": Uuid::new_v4().to_string()}, "validateOnly": true});
                if decide == "RefuseRedaction" {
                    message["ground"] = "a".into();
                }
                call(&served.channel, token, decide, &message).await
            };
            for stranger in ["estyn", "csci", "ofsted"].into_iter().filter(|it| *it != owner) {
                let token = login(Role::RecordsOfficer, stranger);
                let there = decided(&token, request).await;
                let there = there.expect_err(&format!("{stranger}: {decide} {request}"));
                let nowhere = decided(&token, never).await.unwrap_err();
                let there = without_position(&there, request);
                assert_eq!(there, without_position(&nowhere, never), "{stranger}: {decide}");
            }
            // Two persons' credentials are needed.
            let second = login_called("second", Role::RecordsOfficer, owner);
            assert!(decided(&second, request).await.is_ok(), "{owner}: {decide}");
        }
    }
    served.stop().await;
}

/// What headers and bodies of others name a caller by.
const STATED: [&str; 8] = [
    "x-role",
    "x-roles",
    "role",
    "roles",
    "x-login",
    "x-organisation",
    "x-forwarded-user",
    "x-forwarded-groups",
];

#[tokio::test]
async fn a_role_that_a_call_states_itself_does_not_count() {
    let served = Served::start().await;
    let mut audits = AuditServiceClient::new(served.channel.clone());
    let asked = |login: Option<&str>| {
        let mut request = tonic::Request::new(pb::QueryAuditRequest::default());
        for name in STATED {
            request.metadata_mut().insert(name, "auditor".parse().unwrap());
        }
        if let Some(login) = login {
            let bearer = format!("Bearer {}", served.token(login));
            request.metadata_mut().insert("authorization", bearer.parse().unwrap());
        }
        request
    };
    let refused = audits.query_audit(asked(Some("consumer"))).await.unwrap_err();
    assert_eq!(reason_of(&refused).0, "NOT_PERMITTED");
    let nobody = audits.query_audit(asked(None)).await.unwrap_err();
    assert_eq!(reason_of(&nobody).0, "CREDENTIAL_MISSING");
    assert!(audits.query_audit(asked(Some("auditor"))).await.is_ok());
    served.stop().await;
}
