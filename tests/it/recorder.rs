//! Who records is who the credential says: no request has a field for it, and no header changes it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use judgement_ledger::pb::{
    self, assessment_service_client::AssessmentServiceClient, command::Order,
    evidence_service_client::EvidenceServiceClient,
};
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};
use tonic::{
    Request, Status,
    service::{Interceptor, interceptor::InterceptedService},
    transport::Channel,
};

use crate::{
    calls::PROTO,
    served::{
        Bearer, Clients, SUBJECT, Served, act, explained, identity, last, present, reason_of, text,
    },
    sim_disk::Seeded,
};

/// What a field's name has among its words that says who somebody is, or on whose behalf.
const WORDS: [&str; 24] = [
    "account",
    "actor",
    "agent",
    "author",
    "behalf",
    "by",
    "caller",
    "creator",
    "editor",
    "identity",
    "impersonate",
    "login",
    "member",
    "operator",
    "organisation",
    "owner",
    "person",
    "principal",
    "recorder",
    "role",
    "roles",
    "sender",
    "user",
    "who",
];

/// The fields of requests that name somebody all the same: each names somebody else than the caller,
/// or asks about what others recorded.
const NAMED: [(&str, &str); 19] = [
    (
        "Act.decided_by",
        "who decided, as the recorder states it: a claim, recorded beside the recorder",
    ),
    ("Act.instructed_by", "who told the decider to, stated likewise"),
    ("Addressee.organisation", "to whom a letter goes"),
    ("Addressee.role", "to whom a letter goes"),
    ("AuditFilter.decided_by", "asks who is said to have decided"),
    ("AuditFilter.organisation", "asks for whose records"),
    ("AuditFilter.recorded_by", "asks who recorded"),
    ("Framework.signed_by", "which organisations must sign what is judged under the framework"),
    ("Letterhead.organisation", "in whose name a letter is printed"),
    (
        "RefuseSignOffRequest.organisation",
        "whose signature is refused: held against the credential's",
    ),
    (
        "SignOffAssessmentRequest.organisation",
        "whose signature it is: held against the credential's",
    ),
    ("Signature.organisation", "words under a signature, as the letter shows them"),
    ("Signature.role", "words under a signature, as the letter shows them"),
    ("StatedCorrection.decided_by", "puts right who is said to have decided"),
    ("StatedDecider.organisation", "for whom somebody is said to have decided"),
    ("StatedDecider.person", "who is said to have decided"),
    ("StatedDecider.role", "in which role somebody is said to have decided"),
    ("StatedMember.organisation", "for whom somebody is said to have sat on a panel"),
    ("StatedMember.person", "who is said to have sat on a panel"),
];

/// The fields of this name among those of a message and of all messages in it.
fn fields(of: &MessageDescriptor, seen: &mut BTreeSet<String>, found: &mut BTreeSet<String>) {
    if !seen.insert(of.full_name().to_owned()) {
        return;
    }
    for field in of.fields() {
        if field.name().split('_').any(|word| WORDS.contains(&word)) {
            found.insert(format!("{}.{}", of.name(), field.name()));
        }
        if let Kind::Message(within) = field.kind() {
            fields(&within, seen, found);
        }
    }
}

/// The fields of all that a client may send.
fn of_requests(pool: &DescriptorPool) -> BTreeSet<String> {
    let (mut seen, mut found) = (BTreeSet::new(), BTreeSet::new());
    for service in pool.services() {
        for method in service.methods() {
            fields(&method.input(), &mut seen, &mut found);
        }
    }
    found
}

#[test]
fn no_request_says_who_records_it() {
    let named: BTreeMap<_, _> = NAMED.into_iter().collect();
    assert_eq!(named.len(), NAMED.len(), "each stands here once");
    let found = of_requests(&PROTO);
    let unexplained: Vec<_> = found.iter().filter(|it| !named.contains_key(it.as_str())).collect();
    assert!(unexplained.is_empty(), "who is named there? {unexplained:#?}");
    let gone: Vec<_> = named.keys().filter(|it| !found.contains(**it)).collect();
    assert!(gone.is_empty(), "no request has them any more: {gone:?}");
}

#[test]
fn a_field_that_says_who_records_is_found_however_deep_it_lies() {
    let field = |name: &str, number, message: Option<&str>| FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(if message.is_some() { Type::Message } else { Type::String }.into()),
        type_name: message.map(str::to_owned),
        ..FieldDescriptorProto::default()
    };
    let message = |name: &str, field: Vec<FieldDescriptorProto>| DescriptorProto {
        name: Some(name.to_owned()),
        field,
        ..DescriptorProto::default()
    };
    let method = MethodDescriptorProto {
        name: Some("Set".to_owned()),
        input_type: Some(".planted.SetRequest".to_owned()),
        output_type: Some(".planted.Told".to_owned()),
        ..MethodDescriptorProto::default()
    };
    let file = FileDescriptorProto {
        name: Some("planted.proto".to_owned()),
        package: Some("planted".to_owned()),
        syntax: Some("proto3".to_owned()),
        message_type: vec![
            message("SetRequest", vec![field("act", 1, Some(".planted.Act"))]),
            message("Act", vec![field("why", 1, None), field("deeper", 2, Some(".planted.Deep"))]),
            // What contains itself is walked once.
            message(
                "Deep",
                vec![field("changed_by", 1, None), field("deep", 2, Some(".planted.Deep"))],
            ),
            message("Told", vec![field("recorded_by", 1, None)]),
        ],
        service: vec![ServiceDescriptorProto {
            name: Some("Planted".to_owned()),
            method: vec![method],
            ..ServiceDescriptorProto::default()
        }],
        ..FileDescriptorProto::default()
    };
    let pool = DescriptorPool::from_file_descriptor_set(FileDescriptorSet { file: vec![file] });
    // What is answered may say who recorded.
    assert_eq!(of_requests(&pool.unwrap()), BTreeSet::from(["Deep.changed_by".to_owned()]));
}

/// What gateways and others write who somebody is into.
const HEADERS: [&str; 14] = [
    "x-actor",
    "x-role",
    "x-roles",
    "x-organisation",
    "x-user",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-forwarded-client-cert",
    "x-auth-request-user",
    "x-remote-user",
    "remote-user",
    "x-authenticated-userid",
    "x-amzn-oidc-identity",
    "from",
];

/// What the headers claim: logins, roles and organisations.
const CLAIMED: [&str; 6] = [
    "moderator@ofsted",
    "inspector@ofsted",
    "csci-inspector@csci",
    "framework-admin",
    "ofsted",
    "records-officer",
];

/// Who gives commands, whether they may or not.
const LOGINS: [&str; 11] = [
    "inspector",
    "csci-inspector",
    "lead",
    "moderator",
    "moderator-2",
    "publisher",
    "officer",
    "admin",
    "auditor",
    "newspaper",
    "council",
];

/// How many random calls are made: as many as `JUDGEMENT_LEDGER_CALLS` says, else `quick`.
pub fn calls(quick: usize) -> usize {
    std::env::var("JUDGEMENT_LEDGER_CALLS").map_or(quick, |it| it.parse().unwrap())
}

/// What is random, by a seed that is printed.
pub fn seeded() -> Seeded {
    let seed = std::env::var("JUDGEMENT_LEDGER_SEED").ok().and_then(|it| it.parse().ok());
    let seed = seed.unwrap_or_else(|| Timestamp::now().as_microsecond().unsigned_abs());
    println!("JUDGEMENT_LEDGER_SEED={seed}");
    Seeded(seed)
}

/// One of these.
fn any<T: Copy>(of: &[T], random: &mut Seeded) -> T {
    of[random.below(of.len() as u64) as usize]
}

/// A request that says in each of these headers that somebody else makes it.
fn pretending<M>(message: M, somebody: &str) -> Request<M> {
    let mut request = Request::new(message);
    for header in HEADERS {
        request.metadata_mut().insert(header, somebody.parse().unwrap());
    }
    request
}

/// A command that was done: what it leaves in the ledger, where, and who gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Done {
    event: &'static str,
    login: &'static str,
    /// What is answered by files has no receipt.
    position: Option<u64>,
}

/// What must stand in the trail: that each command was recorded by who gave it, and before the first
/// command of somebody that the directory learned of that person.
fn expected(done: &[Done], known: &[&'static str]) -> Vec<Done> {
    let mut known: BTreeSet<_> = known.iter().copied().collect();
    let mut rows = Vec::new();
    for it in done {
        if known.insert(it.login) {
            rows.push(Done { event: "PersonRegistered", login: it.login, position: None });
        }
        rows.push(it.clone());
    }
    rows
}

/// The places at which the trail is not what must stand there.
fn unlike(trail: &[pb::AuditRow], expected: &[Done]) -> Vec<usize> {
    let longer = trail.len().max(expected.len());
    let is = |at: &usize| match (trail.get(*at), expected.get(*at)) {
        (Some(row), Some(expected)) => says(row, expected),
        (_, _) => false,
    };
    (0..longer).filter(|at| !is(at)).collect()
}

/// Whether a row says that this was done, by this login, for its organisation, in a role of its own.
fn says(row: &pb::AuditRow, done: &Done) -> bool {
    let who = identity(done.login);
    let role = row.recorder_role().as_str_name().to_lowercase().replace('_', "-");
    let fits = if done.event == "PersonRegistered" {
        row.recorder_role() == pb::Role::Service
    } else {
        who.roles.iter().any(|it| role == format!("role-{}", it.as_str()))
    };
    fits && row.event == done.event
        && done.position.is_none_or(|at| at == row.position)
        && text(&row.recorded_by.as_ref().unwrap().name) == who.login.as_str()
        && row.recorder_organisation == who.organisation.as_str()
}

/// What can be done, by whom at random.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Open,
    Address,
    Grade,
    Moderate,
    Record,
    Revise,
    Hold,
    Register,
    Rename,
    TakeOut,
}

/// Grades and entries come more often than the rest.
const DEEDS: [Deed; 15] = [
    Deed::Open,
    Deed::Address,
    Deed::Grade,
    Deed::Grade,
    Deed::Grade,
    Deed::Moderate,
    Deed::Moderate,
    Deed::Record,
    Deed::Record,
    Deed::Record,
    Deed::Revise,
    Deed::Hold,
    Deed::Register,
    Deed::Rename,
    Deed::TakeOut,
];

impl Deed {
    /// What it leaves in the ledger.
    fn event(self) -> &'static str {
        match self {
            Self::Open => "AssessmentOpened",
            Self::Address => "AddresseeSet",
            Self::Grade | Self::Moderate => "GradeSet",
            Self::Record => "EntryRecorded",
            Self::Revise => "EntryRevised",
            Self::Hold => "HoldPlaced",
            Self::Register => "SubjectRegistered",
            Self::Rename => "SubjectRenamed",
            Self::TakeOut => "AccessRecorded",
        }
    }

    /// Who may do it.
    fn may(self) -> &'static [&'static str] {
        match self {
            Self::Open | Self::Address => &["lead"],
            Self::Grade | Self::Record | Self::Revise => &["inspector", "csci-inspector"],
            Self::Moderate => &["moderator", "moderator-2"],
            Self::Hold => &["publisher", "officer"],
            Self::Register | Self::Rename => &["admin"],
            Self::TakeOut => &["auditor", "officer"],
        }
    }
}

/// Where the callers are, as far as they were told.
struct Callers {
    served: Served,
    /// The assessment that is worked on.
    name: String,
    /// Where each area of it was graded last.
    graded: BTreeMap<&'static str, u64>,
    /// Its entries, and where each was written last.
    entries: Vec<(String, u64)>,
    /// Subjects, and where each was named last.
    subjects: Vec<(String, u64)>,
    made: usize,
}

impl Callers {
    async fn new() -> Self {
        let served = Served::start().await;
        let name = served.open("apa-2006").await;
        let (graded, entries, subjects) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { served, name, graded, entries, subjects, made: 0 }
    }

    fn content(&mut self) -> pb::EntryContent {
        pb::EntryContent {
            kind: pb::EntryKind::Narrative.into(),
            section: "staying-safe".to_owned(),
            area: "staying-safe".to_owned(),
            order: 1,
            text: Some(present(&format!("as it was seen, {}", self.made))),
            ..pb::EntryContent::default()
        }
    }

    /// A command of an assessment.
    fn order(&mut self, deed: Deed, random: &mut Seeded) -> Order {
        self.made += 1;
        let area = any(&["staying-safe", "being-healthy", "enjoying-and-achieving"], random);
        match deed {
            Deed::Open => Order::OpenAssessment(pb::OpenAssessmentRequest {
                assessment: format!("{SUBJECT}/assessments/apa-{}", self.made),
                act: Some(act()),
                framework: "frameworks/apa/versions/2006".to_owned(),
                cycle: format!("cycle-{}", self.made),
                ..pb::OpenAssessmentRequest::default()
            }),
            Deed::Address => Order::SetAddressee(pb::SetAddresseeRequest {
                assessment: self.name.clone(),
                act: Some(act()),
                addressee: Some(pb::Addressee {
                    name: Some(present("Ms S Lock")),
                    ..pb::Addressee::default()
                }),
                expected: Some(whatever()),
                ..pb::SetAddresseeRequest::default()
            }),
            Deed::Grade | Deed::Moderate => {
                let reason = if deed == Deed::Grade { "FACTUAL_ACCURACY" } else { "MODERATION" };
                let word = any(&["good", "adequate", "outstanding", "inadequate"], random);
                let expected = self.graded.get(area).copied().map(last);
                let name = self.name.clone();
                let act = explained(reason);
                Order::SetGrade(self.served.set_request(&name, area, word, act, expected))
            }
            Deed::Record => Order::RecordEntry(pb::RecordEntryRequest {
                assessment: self.name.clone(),
                act: Some(act()),
                entry_id: format!("nar-{}", self.made),
                content: Some(self.content()),
                ..pb::RecordEntryRequest::default()
            }),
            Deed::Revise => {
                let one = random.below(self.entries.len().max(1) as u64) as usize;
                let entry = self.entries.get(one).cloned();
                let (entry_id, at) = entry.unwrap_or(("nar-0".to_owned(), 1));
                Order::ReviseEntry(pb::ReviseEntryRequest {
                    assessment: self.name.clone(),
                    act: Some(explained("DATA_CORRECTED")),
                    entry_id,
                    revision: Some(pb::revise_entry_request::Revision::Content(self.content())),
                    expected: Some(last(at)),
                    ..pb::ReviseEntryRequest::default()
                })
            }
            Deed::Hold => Order::PlaceHold(pb::PlaceHoldRequest {
                assessment: self.name.clone(),
                act: Some(pb::Act { rationale: "a court asks".to_owned(), ..act() }),
                hold_id: format!("hold-{}", self.made),
                kind: pb::HoldKind::Court.into(),
                stops: pb::HoldStops::Erasure.into(),
                ..pb::PlaceHoldRequest::default()
            }),
            Deed::Register | Deed::Rename | Deed::TakeOut => unreachable!("{deed:?} is elsewhere"),
        }
    }

    /// Has a login do something in somebody's name; where that was recorded, if a receipt says so.
    async fn go(
        &mut self,
        deed: Deed,
        login: &'static str,
        somebody: &str,
        random: &mut Seeded,
    ) -> Result<Option<u64>, Status> {
        match deed {
            Deed::Register => {
                self.made += 1;
                let subject = format!("subjects/council-{}", self.made);
                let request = pb::RegisterSubjectRequest {
                    act: Some(act()),
                    subject: subject.clone(),
                    display_name: "A council".to_owned(),
                    kind: "local authority".to_owned(),
                    ..pb::RegisterSubjectRequest::default()
                };
                let mut frameworks = self.served.frameworks(login);
                let told = frameworks.register_subject(pretending(request, somebody)).await?;
                let at = told.into_inner().position;
                self.subjects.push((subject, at));
                Ok(Some(at))
            }
            Deed::Rename => {
                let nobody = ("subjects/nowhere".to_owned(), 1);
                let (subject, at) = self.subjects.last().cloned().unwrap_or(nobody);
                let request = pb::RenameSubjectRequest {
                    act: Some(pb::Act { rationale: "by statute".to_owned(), ..act() }),
                    subject,
                    display_name: format!("A council, {at}"),
                    expected: Some(last(at)),
                    ..pb::RenameSubjectRequest::default()
                };
                let mut frameworks = self.served.frameworks(login);
                let told = frameworks.rename_subject(pretending(request, somebody)).await?;
                let at = told.into_inner().position;
                self.subjects.last_mut().unwrap().1 = at;
                Ok(Some(at))
            }
            Deed::TakeOut => {
                let request = pb::ExportCaseRequest {
                    assessment: self.name.clone(),
                    case_kind: pb::CaseKind::Court.into(),
                    purpose: "a court asks".to_owned(),
                    ..pb::ExportCaseRequest::default()
                };
                let bearer = Bearer::new(&self.served.token(login));
                let channel = self.served.channel.clone();
                let mut evidence = EvidenceServiceClient::with_interceptor(channel, bearer);
                let told = evidence.export_case(pretending(request, somebody)).await?;
                let mut files = told.into_inner();
                while files.message().await?.is_some() {}
                Ok(None)
            }
            Deed::Open
            | Deed::Address
            | Deed::Grade
            | Deed::Moderate
            | Deed::Record
            | Deed::Revise
            | Deed::Hold => {
                let order = self.order(deed, random);
                let mut client = self.served.assessments(login);
                let receipt = match random.below(3) {
                    0 => streamed(&mut client, order.clone(), somebody).await,
                    1 => batched(&mut client, order.clone(), somebody).await,
                    _ => alone(&mut client, order.clone(), somebody).await,
                }?;
                self.learn(order, receipt.position);
                Ok(Some(receipt.position))
            }
        }
    }

    /// Remembers what was done, so that what comes next can rest on it.
    fn learn(&mut self, order: Order, at: u64) {
        match order {
            Order::OpenAssessment(opened) => {
                self.name = opened.assessment;
                self.graded.clear();
                self.entries.clear();
            }
            Order::SetGrade(set) => {
                let areas = ["staying-safe", "being-healthy", "enjoying-and-achieving"];
                let area = areas.into_iter().find(|it| *it == set.area).unwrap();
                self.graded.insert(area, at);
            }
            Order::RecordEntry(recorded) => self.entries.push((recorded.entry_id, at)),
            Order::ReviseEntry(revised) => {
                let entry = self.entries.iter_mut().find(|it| it.0 == revised.entry_id);
                entry.unwrap().1 = at;
            }
            _ => {}
        }
    }

    /// What was recorded after a position, oldest first. Who asks pretends, too.
    async fn trail(&self, after: u64) -> Vec<pb::AuditRow> {
        let mut asked = pb::QueryAuditRequest {
            order: pb::AuditOrder::OldestFirst.into(),
            page_size: 1_000,
            ..pb::QueryAuditRequest::default()
        };
        let mut rows = Vec::new();
        loop {
            let request = pretending(asked.clone(), "moderator@ofsted");
            let page = self.served.audits().query_audit(request).await.unwrap().into_inner();
            rows.extend(page.rows.into_iter().filter(|row| row.position > after));
            if page.next_page_token.is_empty() {
                return rows;
            }
            asked.page_token = page.next_page_token;
        }
    }
}

/// Any last record will do.
fn whatever() -> pb::Expectation {
    pb::Expectation { last: Some(pb::expectation::Last::Any(true)) }
}

#[tokio::test]
async fn headers_that_name_somebody_change_nobodys_records() {
    let (calls, mut random) = (calls(300), seeded());
    let mut callers = Callers::new().await;
    let before = callers.served.head().await;
    let mut done = Vec::new();
    let (mut refused, mut kinds) = (0_usize, BTreeMap::<Deed, usize>::new());
    let mut reasons = BTreeMap::<(Deed, String), usize>::new();
    for call in 0..calls {
        // At first each is done by who may do it; then half of the calls are made by who may make them.
        let (deed, those) = if let Some(deed) = DEEDS.get(call) {
            (*deed, deed.may())
        } else {
            let deed = any(&DEEDS, &mut random);
            (deed, if random.below(2) == 0 { deed.may() } else { &LOGINS })
        };
        let (login, somebody) = (any(those, &mut random), any(&CLAIMED, &mut random));
        match callers.go(deed, login, somebody, &mut random).await {
            Ok(position) => {
                done.push(Done { event: deed.event(), login, position });
                *kinds.entry(deed).or_default() += 1;
            }
            // Whoever may not may not in another's name.
            Err(status) => {
                refused += 1;
                *reasons.entry((deed, reason_of(&status).0)).or_default() += 1;
            }
        }
    }
    println!("{refused} refused, {} done: {kinds:?}; {reasons:?}", done.len());
    assert!(refused > calls / 6 && done.len() > calls / 6, "{refused} refused, {}", done.len());
    let all: BTreeSet<_> = DEEDS.into_iter().collect();
    assert!(kinds.keys().copied().eq(all), "each is done once at least: {kinds:?}");
    let (trail, expected) = (callers.trail(before).await, expected(&done, &["admin", "lead"]));
    let wrong = unlike(&trail, &expected);
    let first = wrong.first().map(|at| (trail.get(*at), expected.get(*at)));
    assert_eq!(wrong, Vec::<usize>::new(), "{first:#?}");
    // Each row by itself, as it would be if the headers were believed, and one that is not there or is
    // there twice.
    for at in 0..trail.len().min(200) {
        for believed in [as_named, as_of, in_the_role_of] {
            let mut trail = trail.clone();
            believed(&mut trail[at]);
            assert_eq!(unlike(&trail, &expected), [at], "{:#?}", trail[at]);
        }
    }
    for at in [0, trail.len() / 2, trail.len() - 1] {
        let (mut fewer, mut more) = (trail.clone(), trail.clone());
        fewer.remove(at);
        more.insert(at, trail[at].clone());
        assert!(!unlike(&fewer, &expected).is_empty() && !unlike(&more, &expected).is_empty());
    }
    callers.served.stop().await;
}

/// A row as it would be if the login were taken from a header: nobody here is called so.
fn as_named(row: &mut pb::AuditRow) {
    row.recorded_by.as_mut().unwrap().name = Some(present("somebody@ofsted"));
}

/// A row as it would be if the organisation were.
fn as_of(row: &mut pb::AuditRow) {
    "nobodys".clone_into(&mut row.recorder_organisation);
}

/// A row as it would be if the role were.
fn in_the_role_of(row: &mut pb::AuditRow) {
    row.set_recorder_role(pb::Role::Signatory);
}

/// A gateway that takes a header's word for who calls.
#[derive(Clone)]
struct Believing(Clients);

impl Interceptor for Believing {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let named = request.metadata().get("x-user").unwrap().to_str().unwrap();
        let login = named.split_once('@').map_or(named, |(login, _)| login).to_owned();
        let bearer = format!("Bearer {}", self.0.token(&login)).parse().unwrap();
        request.metadata_mut().insert("authorization", bearer);
        Ok(request)
    }
}

#[tokio::test]
async fn a_header_that_is_believed_is_found_out() {
    let mut random = seeded();
    let mut callers = Callers::new().await;
    let before = callers.served.head().await;
    let believing = Believing(callers.served.clients());
    let channel = callers.served.channel.clone();
    let mut client = AssessmentServiceClient::with_interceptor(channel, believing);
    let mut done = Vec::new();
    for somebody in ["csci-inspector@csci", "inspector@ofsted", "csci-inspector@csci"] {
        let order = callers.order(Deed::Record, &mut random);
        let told = alone(&mut client, order, somebody).await.unwrap();
        // All of them were sent by the same one.
        done.push(Done {
            event: "EntryRecorded",
            login: "inspector",
            position: Some(told.position),
        });
    }
    // Without what the directory learned of: who is introduced is another question.
    let mut trail = callers.trail(before).await;
    trail.retain(|row| row.event != "PersonRegistered");
    assert_eq!(unlike(&trail, &done), [0, 2]);
    callers.served.stop().await;
}

type Client<I> = AssessmentServiceClient<InterceptedService<Channel, I>>;

/// A command by the call that is made for it.
async fn alone<I: Interceptor>(
    client: &mut Client<I>,
    order: Order,
    somebody: &str,
) -> Result<pb::Receipt, Status> {
    let told = match order {
        Order::OpenAssessment(it) => client.open_assessment(pretending(it, somebody)).await,
        Order::SetAddressee(it) => client.set_addressee(pretending(it, somebody)).await,
        Order::SetGrade(it) => client.set_grade(pretending(it, somebody)).await,
        Order::RecordEntry(it) => client.record_entry(pretending(it, somebody)).await,
        Order::ReviseEntry(it) => client.revise_entry(pretending(it, somebody)).await,
        Order::PlaceHold(it) => client.place_hold(pretending(it, somebody)).await,
        other => unreachable!("{other:?} is never given here"),
    };
    told.map(tonic::Response::into_inner)
}

/// The same command in a batch of its own.
async fn batched<I: Interceptor>(
    client: &mut Client<I>,
    order: Order,
    somebody: &str,
) -> Result<pb::Receipt, Status> {
    let commands = vec![pb::Command { order: Some(order) }];
    let request = pb::ApplyBatchRequest { commands, validate_only: false };
    let told = client.apply_batch(pretending(request, somebody)).await?;
    Ok(told.into_inner().receipts.remove(0))
}

/// The same command in a stream of its own.
async fn streamed<I: Interceptor>(
    client: &mut Client<I>,
    order: Order,
    somebody: &str,
) -> Result<pb::Receipt, Status> {
    let command = pb::Command { order: Some(order) };
    let command = pb::ApplyStreamRequest { command: Some(command) };
    let request = pretending(tokio_stream::once(command), somebody);
    let mut answers = client.apply_stream(request).await?.into_inner();
    match answers.message().await?.unwrap().outcome.unwrap() {
        pb::apply_stream_response::Outcome::Receipt(receipt) => Ok(receipt),
        pb::apply_stream_response::Outcome::Refusal(refusal) => {
            let details = prost::Message::encode_to_vec(&refusal);
            Err(Status::with_details(refusal.code.into(), refusal.message, details.into()))
        }
    }
}
