//! Who records is who the credential says: no request has a field for it, and no header changes it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use judgement_ledger::pb;
use prost_reflect::{DescriptorPool, Kind, MessageDescriptor};
use prost_types::{
    DescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MethodDescriptorProto, ServiceDescriptorProto,
    field_descriptor_proto::{Label, Type},
};
use tonic::{Request, Status};

use crate::{
    calls::PROTO,
    served::{Served, act, identity, present, text},
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
const HEADERS: [&str; 9] = [
    "x-actor",
    "x-role",
    "x-roles",
    "x-organisation",
    "x-user",
    "x-forwarded-user",
    "x-forwarded-email",
    "x-remote-user",
    "from",
];

/// A request that says in each of these headers that somebody else makes it.
fn pretending<M>(message: M, somebody: &str) -> Request<M> {
    let mut request = Request::new(message);
    for header in HEADERS {
        request.metadata_mut().insert(header, somebody.parse().unwrap());
    }
    request
}

#[tokio::test]
async fn headers_that_name_somebody_change_nobodys_records() {
    let seed = std::env::var("JUDGEMENT_LEDGER_SEED").ok().and_then(|it| it.parse().ok());
    let seed = seed.unwrap_or_else(|| Timestamp::now().as_microsecond().unsigned_abs());
    println!("JUDGEMENT_LEDGER_SEED={seed}");
    let mut random = Seeded(seed);
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let logins = ["inspector", "csci-inspector", "lead", "moderator", "newspaper", "auditor"];
    let mut expected = BTreeMap::new();
    let mut refused = 0_usize;
    for _ in 0..300 {
        let login = logins[random.below(logins.len() as u64) as usize];
        let somebody = ["moderator@ofsted", "framework-admin", "ofsted", "inspector@ofsted"]
            [random.below(4) as usize];
        let request = pb::RecordEntryRequest {
            assessment: name.clone(),
            act: Some(act()),
            entry_id: format!("nar-{}", uuid::Uuid::new_v4().simple()),
            content: Some(pb::EntryContent {
                kind: pb::EntryKind::Narrative.into(),
                section: "staying-safe".to_owned(),
                area: "staying-safe".to_owned(),
                order: 1,
                text: Some(present("as it was seen")),
                ..pb::EntryContent::default()
            }),
            ..pb::RecordEntryRequest::default()
        };
        let mut client = served.assessments(login);
        let receipt = if random.below(3) == 0 {
            streamed(&mut client, request, somebody).await
        } else {
            let told = client.record_entry(pretending(request, somebody)).await;
            told.map(tonic::Response::into_inner)
        };
        match receipt {
            Ok(receipt) => {
                expected.insert(receipt.position, login);
            }
            // Whoever may not may not in another's name.
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 50 && expected.len() > 50, "{refused} refused, {} done", expected.len());
    let mut asked = pb::QueryAuditRequest { page_size: 1_000, ..pb::QueryAuditRequest::default() };
    loop {
        let request = pretending(asked.clone(), "moderator@ofsted");
        let page = served.audits().query_audit(request).await.unwrap().into_inner();
        for row in page.rows {
            let Some(login) = expected.remove(&row.position) else { continue };
            let who = identity(login);
            assert_eq!(text(&row.recorded_by.as_ref().unwrap().name), who.login.as_str());
            assert_eq!(row.recorder_organisation, who.organisation.as_str());
            let role = row.recorder_role().as_str_name().to_lowercase().replace('_', "-");
            assert!(who.roles.iter().any(|it| role.ends_with(it.as_str())), "{role} of {login}");
        }
        if page.next_page_token.is_empty() {
            break;
        }
        asked.page_token = page.next_page_token;
    }
    assert!(expected.is_empty(), "{expected:?} are not among the rows");
    served.stop().await;
}

/// The same command in a stream of its own.
async fn streamed(
    client: &mut pb::assessment_service_client::AssessmentServiceClient<crate::served::Authorised>,
    request: pb::RecordEntryRequest,
    somebody: &str,
) -> Result<pb::Receipt, Status> {
    let order = Some(pb::command::Order::RecordEntry(request));
    let command = pb::ApplyStreamRequest { command: Some(pb::Command { order }) };
    let request = pretending(tokio_stream::once(command), somebody);
    let mut answers = client.apply_stream(request).await?.into_inner();
    match answers.message().await?.unwrap().outcome.unwrap() {
        pb::apply_stream_response::Outcome::Receipt(receipt) => Ok(receipt),
        pb::apply_stream_response::Outcome::Refusal(refusal) => {
            Err(Status::new(refusal.code.into(), refusal.message))
        }
    }
}
