//! A ledger in which two organisations work: the one who asks, and the one of which nothing is to be
//! learnt.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use judgement_ledger::{
    judgement::{OrganisationId, Role, Text},
    pb,
    rpc::{Credentials, Identity},
};
use prost_reflect::{DynamicMessage, prost::Message as _};
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::{
    plain::{self, record},
    private::{AMENDED, Assessed, Kind, LAST, Step, act},
};
use crate::{
    calls::{begin, call, method, whole},
    editions::Editing,
    served::{KEY, SUBJECT, Served, date},
};

/// Whose framework is whose: of the second nothing may be learnt by the first.
pub const OURS: &str = "frameworks/ours/versions/1";
pub const THEIRS: &str = "frameworks/theirs/versions/1";

/// The organisation that asks, and the other.
pub const US: &str = "ofsted";
pub const THEM: &str = "estyn";

pub fn token(login: &str, organisation: &str, roles: &[Role]) -> String {
    let identity = Identity {
        login: Text::parse(format!("{login}@{organisation}")).unwrap(),
        organisation: OrganisationId::parse(organisation).unwrap(),
        roles: roles.to_vec(),
    };
    let now = "2006-10-01T08:00:00Z".parse().unwrap();
    Credentials::new(&KEY).unwrap().mint(&identity, now, Duration::from_hours(9_000)).unwrap()
}

pub const WRITING: [Role; 6] = [
    Role::LeadInspector,
    Role::Inspector,
    Role::Signatory,
    Role::Publisher,
    Role::RecordsOfficer,
    Role::FrameworkAdmin,
];

/// A ledger, and what was done in it so far.
pub struct World {
    pub served: Served,
    /// An assessment that both organisations and the public may see.
    pub published: String,
    /// What each works on. The first of theirs is published.
    opened: BTreeMap<&'static str, Vec<Assessed>>,
    /// That with which each does everything once.
    whole: BTreeMap<&'static str, Assessed>,
    /// What succeeded.
    pub done: BTreeMap<&'static str, BTreeSet<Kind>>,
    /// What an insider is told by a stream that goes on since the world began.
    live: JoinHandle<Vec<Value>>,
}

/// What the assessment is called by which a stream knows that it has seen all.
const END: &str = "the-end";

/// The framework of an organisation.
fn framework_of(organisation: &str) -> &'static str {
    if organisation == US { OURS } else { THEIRS }
}

impl World {
    pub async fn new() -> Self {
        let served = Served::start().await;
        for (name, signer) in [(OURS, US), (THEIRS, THEM)] {
            let request = json!({"name": "frameworks/sif/versions/2013"});
            let admin = token("admin", US, &[Role::FrameworkAdmin]);
            let sif = call(&served.channel, &admin, "GetFramework", &request).await.unwrap();
            let mut framework = sif[0].clone();
            framework["name"] = name.into();
            framework["signedBy"] = json!([signer]);
            framework["comparableWith"] = json!([]);
            let request = json!({"framework": framework,
                "act": {"requestId": Uuid::new_v4().to_string()}});
            call(&served.channel, &admin, "RegisterFramework", &request).await.unwrap();
        }
        // Under a framework that feeds scores to a consumer.
        let editing = Editing::graded(&served).await;
        editing.published(1, date(2006, 10, 1)).await;
        let published = editing.name;
        for organisation in [US, THEM] {
            // That somebody waits for erasures is recorded once, and here.
            let (login, all) = (waiter(organisation), json!({"catchUpOnly": true}));
            call(&served.channel, &login, "StreamRecords", &all).await.unwrap();
        }
        let live = follow(&served).await;
        let (opened, whole, done) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut world = Self { served, published, opened, whole, done, live };
        world.publish_theirs().await;
        world.done.clear();
        world
    }

    /// What everybody knows of the other organisation: one published edition.
    async fn publish_theirs(&mut self) {
        let of_first = |kind, number| Step { kind, assessment: Some(0), number };
        for kind in [Kind::Open, Kind::Narrate, Kind::Lock, Kind::Sign] {
            self.take(THEM, of_first(kind, 2_005)).await.unwrap();
        }
        let first = &mut self.opened.get_mut(THEM).unwrap()[0];
        let message = json!({"assessment": first.name, "edition": 1, "act": act(),
            "expected": {"any": true}, "letterDate": {"year": 2006, "month": 10, "day": 1}});
        let login = token("somebody", THEM, &WRITING);
        call(&self.served.channel, &login, "PublishAssessment", &message).await.unwrap();
        first.published();
    }

    /// The assessments of an organisation that the public does not see; that with which it does
    /// everything is the last.
    pub fn private(&self, organisation: &str) -> Vec<String> {
        let opened = self.opened.get(organisation).into_iter().flatten();
        let all = opened.chain(self.whole.get(organisation)).map(|it| it.name.clone());
        all.filter(|name| organisation == US || *name != self.public()).collect()
    }

    /// That of theirs of which an edition is published.
    pub fn public(&self) -> String {
        self.opened[THEM][0].name.clone()
    }

    /// Takes a turn of a round: what is of everything must succeed.
    pub async fn take_turn(&mut self, organisation: &'static str, step: Step) {
        let told = self.take(organisation, step).await;
        assert!(told.is_ok() || step.assessment.is_some(), "{organisation}: {step:?}: {told:?}");
    }

    /// Begins to amend what is published, which must succeed.
    pub async fn amend(&mut self, number: u64) {
        for kind in AMENDED {
            let step = Step { kind, assessment: Some(0), number };
            assert_eq!(self.take(THEM, step).await, Ok(()), "{step:?}");
        }
    }

    /// Does one thing for an organisation.
    ///
    /// # Errors
    /// Why it was not done, which mostly does not matter.
    pub async fn take(&mut self, organisation: &'static str, step: Step) -> Result<(), String> {
        if step.kind == Kind::Open {
            return self.open(organisation, step).await;
        }
        let Some(mut assessed) = self.lend(organisation, step.assessment) else {
            return Err("nothing is opened".to_owned());
        };
        let told = self.do_with(&mut assessed, organisation, step).await;
        *self.lent(organisation, step.assessment).unwrap() = assessed;
        if told.is_ok() {
            self.done.entry(organisation).or_default().insert(step.kind);
        }
        told
    }

    fn lent(&mut self, organisation: &str, at: Option<usize>) -> Option<&mut Assessed> {
        let Some(at) = at else { return self.whole.get_mut(organisation) };
        let opened = self.opened.get_mut(organisation)?;
        let places = opened.len();
        opened.get_mut(if at == LAST { places - 1 } else { at % places })
    }

    fn lend(&mut self, organisation: &str, at: Option<usize>) -> Option<Assessed> {
        self.lent(organisation, at).map(std::mem::take)
    }

    async fn open(&mut self, organisation: &'static str, step: Step) -> Result<(), String> {
        let Step { assessment, number, .. } = step;
        let name = format!("{SUBJECT}/assessments/{organisation}-{number}");
        let message = json!({"assessment": name, "framework": framework_of(organisation),
            "cycle": number.to_string(), "act": act(),
            "addressee": {"name": {"present": format!("Ms Lock {number}")}}});
        let login = token("somebody", organisation, &WRITING);
        let told = call(&self.served.channel, &login, Kind::Open.method(), &message).await;
        told.map_err(|status| status.message().to_owned())?;
        let assessed = Assessed::new(name);
        match assessment {
            Some(_) => self.opened.entry(organisation).or_default().push(assessed),
            None => assert!(self.whole.insert(organisation, assessed).is_none(), "opened once"),
        }
        self.done.entry(organisation).or_default().insert(Kind::Open);
        Ok(())
    }

    async fn do_with(
        &self,
        assessed: &mut Assessed,
        organisation: &str,
        step: Step,
    ) -> Result<(), String> {
        let login = token("somebody", organisation, &WRITING);
        if step.kind == Kind::Lock {
            self.prepare_to_lock(assessed, &login).await?;
        }
        if step.kind == Kind::Trail {
            // It goes as far as is signed: whether it is taken at all must not hang on when that is.
            let covered = json!({"minSize": self.served.head().await.to_string()});
            self.ask(&login, "GetCheckpoint", &covered).await?;
        }
        let Some(message) = assessed.message(step, organisation) else {
            return Err("there is nothing to do it with".to_owned());
        };
        // Who asks for an erasure does not decide that.
        let decides = matches!(step.kind, Kind::Erase | Kind::KeepText);
        let login = if decides { token("second", organisation, &WRITING) } else { login };
        let told = self.ask(&login, step.kind.method(), &message).await?;
        let told = told.first().cloned().unwrap_or_default();
        let receipt = if step.kind == Kind::Stream { &told["receipt"] } else { &told };
        if step.kind == Kind::Stream && !receipt.is_object() {
            return Err(told.to_string());
        }
        let position = receipt["position"].as_str().map(|it| it.parse().unwrap());
        if let (Kind::Erase, Some(position)) = (step.kind, position) {
            self.erased_after(organisation, position).await;
        }
        assessed.remember(step, position);
        Ok(())
    }

    async fn ask(&self, login: &str, name: &str, message: &Value) -> Result<Vec<Value>, String> {
        // Cases hold bytes of any length, of which JSON is made slowly.
        if name == Kind::Case.method() {
            let whole = whole(&self.served.channel, login, name, message).await;
            return whole.end.map(|()| Vec::new()).map_err(|it| it.message().to_owned());
        }
        let told = call(&self.served.channel, login, name, message).await;
        told.map_err(|status| status.message().to_owned())
    }

    /// Gives all grades that are demanded and not there, and looks at what is to be locked.
    async fn prepare_to_lock(&self, assessed: &mut Assessed, login: &str) -> Result<(), String> {
        if let Some(batch) = assessed.missing_grades() {
            self.ask(login, "ApplyBatch", &batch).await?;
            assessed.graded();
        }
        let message = json!({"name": assessed.name, "content": "ASSESSMENT_CONTENT_FULL"});
        let told = self.ask(login, "GetAssessment", &message).await?;
        assessed.digest = told[0]["digest"].clone();
        Ok(())
    }

    /// Waits until the key of a text is destroyed, of which the ledger makes a record by itself: where
    /// it stands among the others must not hang on how fast a machine is.
    async fn erased_after(&self, organisation: &str, order: u64) {
        let login = waiter(organisation);
        let message = json!({"afterPosition": order.to_string(), "events": ["RedactionCompleted"]});
        let begun = begin(&self.served.channel, &login, "StreamRecords", &message).await;
        let mut coming = begun.unwrap().into_inner();
        loop {
            let bytes = coming.message().await.unwrap().expect("the stream goes on");
            let message = pb::StreamRecordsResponse::decode(bytes.as_slice()).unwrap();
            if let Some(pb::stream_records_response::Message::Record(_)) = message.message {
                return;
            }
        }
    }

    /// What the stream told that went on all the while, up to a last assessment of ours.
    pub async fn told_live(self) -> (Served, Vec<Value>) {
        let login = token("somebody", US, &WRITING);
        let message = json!({"assessment": format!("{SUBJECT}/assessments/{END}"),
            "framework": OURS, "cycle": END, "act": act()});
        call(&self.served.channel, &login, "OpenAssessment", &message).await.unwrap();
        (self.served, self.live.await.unwrap())
    }
}

/// Who waits for erasures.
fn waiter(organisation: &str) -> String {
    token("waiter", organisation, &WRITING)
}

/// Follows the records as an insider of ours, until the last of them.
async fn follow(served: &Served) -> JoinHandle<Vec<Value>> {
    let login = token("reader", US, &WRITING);
    let begun = begin(&served.channel, &login, "StreamRecords", &json!({})).await;
    let mut coming = begun.unwrap().into_inner();
    tokio::spawn(async move {
        let mut told = Vec::new();
        loop {
            let bytes = coming.message().await.unwrap().expect("the stream goes on");
            let message = pb::StreamRecordsResponse::decode(bytes.as_slice()).unwrap();
            let Some(pb::stream_records_response::Message::Record(of)) = message.message else {
                // Signs of life and of where a reader stands.
                continue;
            };
            let answer = method("StreamRecords").output();
            told.push(plain::message(&DynamicMessage::decode(answer, bytes.as_slice()).unwrap()));
            if record(&of).stream.ends_with(END) {
                return told;
            }
        }
    })
}
