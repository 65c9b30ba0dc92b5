//! A story told to a server: every event, every kind of entry, odd characters, long texts.
//!
//! One chapter is one council's assessment, from its registration to the edition that came out after
//! the first was withdrawn.

use judgement_ledger::pb::{
    self, Basis, EntryKind, FollowUpStatus, LetterPart, NonGrade, Role, command::Order,
    figure_value::Stated, grade::Award, revision_expectation::State,
};

use crate::served::{Clients, act, date, explained, last, member, present};

/// Characters that are easily lost: accents that combine, right to left, four bytes each, zero
/// width, and the line ends of three systems.
pub const ODD: &str = "Éire e\u{301} Ünïcödé 香港 العربية 𝕏🧒🏽 \u{200b}\u{feff} “„ \r\n\r\n\t– end";

/// How the story is told.
#[derive(Debug, Clone, Copy)]
pub struct Telling {
    /// The bytes of the long text of each chapter.
    pub long_text_bytes: usize,
    /// How many entries of evidence there are beside one of each kind.
    pub evidence: usize,
}

/// Tells one chapter; the receipts in the order in which they came.
pub async fn tell(clients: &Clients, chapter: usize, telling: Telling) -> Vec<pb::Receipt> {
    tell_pausing(clients, chapter, telling, &|| ()).await
}

/// The same, with a pause after each part of the chapter.
pub async fn tell_pausing(
    clients: &Clients,
    chapter: usize,
    telling: Telling,
    pause: &(dyn Fn() + Sync),
) -> Vec<pb::Receipt> {
    let subject = format!("subjects/council-{chapter}");
    let name = format!("{subject}/assessments/apa-2006");
    let mut teller = Teller { clients, name, receipts: Vec::new() };
    teller.register(&subject, chapter).await;
    pause();
    teller.open().await;
    pause();
    teller.grade().await;
    pause();
    teller.write(telling).await;
    pause();
    teller.moderate().await;
    pause();
    teller.transcribe().await;
    pause();
    teller.note().await;
    teller.object().await;
    pause();
    teller.publish(1).await;
    pause();
    teller.take_back().await;
    pause();
    teller.publish(2).await;
    teller.receipts
}

/// The assessment of a chapter.
pub fn assessment_of(chapter: usize) -> String {
    format!("subjects/council-{chapter}/assessments/apa-2006")
}

struct Teller<'c> {
    clients: &'c Clients,
    name: String,
    receipts: Vec<pb::Receipt>,
}

impl Teller<'_> {
    async fn register(&mut self, subject: &str, chapter: usize) {
        let request = pb::RegisterSubjectRequest {
            act: Some(act()),
            subject: subject.to_owned(),
            display_name: format!("Council № {chapter} – Åby/香港"),
            kind: "local authority".to_owned(),
            ..pb::RegisterSubjectRequest::default()
        };
        let response = self.clients.frameworks("admin").register_subject(request).await;
        self.receipts.push(response.unwrap().into_inner());
        let rename = pb::RenameSubjectRequest {
            act: Some(act()),
            subject: subject.to_owned(),
            display_name: format!("Council № {chapter}"),
            expected: Some(any()),
            ..pb::RenameSubjectRequest::default()
        };
        let response = self.clients.frameworks("admin").rename_subject(rename).await;
        self.receipts.push(response.unwrap().into_inner());
    }

    /// Sends commands as one batch.
    async fn send(&mut self, login: &str, orders: Vec<Order>) -> Vec<pb::Receipt> {
        let commands = orders.into_iter().map(|it| pb::Command { order: Some(it) }).collect();
        let request = pb::ApplyBatchRequest { commands, validate_only: false };
        let response = self.clients.assessments(login).apply_batch(request).await;
        let receipts = response.unwrap_or_else(|error| panic!("{login}: {error:?}"));
        let receipts = receipts.into_inner().receipts;
        self.receipts.extend(receipts.iter().cloned());
        receipts
    }

    async fn open(&mut self) {
        let year = |year| pb::AssessedPeriod {
            first_day: Some(date(year, 4, 1)),
            last_day: Some(date(year + 1, 3, 31)),
        };
        let open = pb::OpenAssessmentRequest {
            assessment: self.name.clone(),
            act: Some(act()),
            framework: "frameworks/apa/versions/2006".to_owned(),
            cycle: "2006".to_owned(),
            periods: vec![year(2004), year(2005)],
            addressee: Some(addressee("Ms S. O’Lock", 1)),
            ..pb::OpenAssessmentRequest::default()
        };
        let set = pb::SetAddresseeRequest {
            assessment: self.name.clone(),
            act: Some(act()),
            addressee: Some(addressee(ODD, 6)),
            expected: Some(any()),
            ..pb::SetAddresseeRequest::default()
        };
        self.send("lead", vec![Order::OpenAssessment(open), Order::SetAddressee(set)]).await;
    }

    fn set(&self, area: &str, award: Award, act: pb::Act) -> pb::SetGradeRequest {
        pb::SetGradeRequest {
            assessment: self.name.clone(),
            act: Some(act),
            area: area.to_owned(),
            grade: Some(pb::Grade { award: Some(award), ..pb::Grade::default() }),
            ..pb::SetGradeRequest::default()
        }
    }

    async fn grade(&mut self) {
        let numbers = [("childrens-services", "3"), ("capacity-to-improve", "2")];
        let words = ["being-healthy", "staying-safe", "enjoying-and-achieving"];
        let mut orders: Vec<_> = numbers
            .map(|(area, level)| self.set(area, Award::Level(level.to_owned()), act()))
            .into();
        orders.extend(words.map(|area| self.set(area, Award::Word("good".to_owned()), act())));
        let unjudged = Award::NotGraded(NonGrade::NotJudged.into());
        orders.push(self.set("social-care", unjudged, act()));
        for area in ["making-a-positive-contribution", "achieving-economic-well-being"] {
            let mut qualified = self.set(area, Award::Word("adequate".to_owned()), act());
            let grade = qualified.grade.as_mut().unwrap();
            "with an overall improving trend – Ä".clone_into(&mut grade.qualifier);
            orders.push(qualified);
        }
        self.send("inspector", orders.into_iter().map(Order::SetGrade).collect()).await;
    }

    fn entry(&self, id: &str, order: u32, content: pb::EntryContent) -> Order {
        Order::RecordEntry(pb::RecordEntryRequest {
            assessment: self.name.clone(),
            act: Some(act()),
            entry_id: id.to_owned(),
            content: Some(pb::EntryContent { order, ..content }),
            ..pb::RecordEntryRequest::default()
        })
    }

    /// One entry of each kind, evidence, a revision and a strike.
    async fn write(&mut self, telling: Telling) {
        let long: String = ODD.chars().cycle().scan(0, within(telling.long_text_bytes)).collect();
        let kinds = [
            ("nar", EntryKind::Narrative, "staying-safe", long.as_str()),
            ("str", EntryKind::Strength, "key-strengths-and-areas-for-improvement", "kind staff"),
            ("afi", EntryKind::AreaForImprovement, "key-strengths-and-areas-for-improvement", ODD),
            ("asp", EntryKind::AspectForFocus, "aspects-for-focus", "attendance"),
            ("fup", EntryKind::FollowUp, "staying-safe", ""),
            ("let", EntryKind::LetterPart, "letter", "Yours sincerely"),
            ("not", EntryKind::TranscriptionNote, "transcription", "two spaces in the title"),
            ("ten", EntryKind::Tension, "transcription", "praise beside a low grade"),
        ];
        for (order, (id, kind, section, said)) in (1..).zip(kinds) {
            let content = pb::EntryContent {
                kind: kind.into(),
                section: section.to_owned(),
                area: if section == "staying-safe" { section.to_owned() } else { String::new() },
                text: (!said.is_empty()).then(|| present(said)),
                relates_to: if id == "asp" { vec!["afi".to_owned()] } else { Vec::new() },
                follow_up: (kind == EntryKind::FollowUp).then(follow_up),
                letter_part: match kind {
                    EntryKind::LetterPart => LetterPart::Valediction.into(),
                    _ => LetterPart::Unspecified.into(),
                },
                ..pb::EntryContent::default()
            };
            let entry = self.entry(id, order, content);
            self.send("inspector", vec![entry]).await;
        }
        for number in 0..telling.evidence {
            let order = u32::try_from(number + 1).unwrap();
            let entry = self.entry(&format!("ev-{number}"), order, evidence(number));
            self.send("inspector", vec![entry]).await;
        }
        let written = pb::EntryContent { text: Some(present("mended")), ..narrative() };
        let revise = self.revise("nar", pb::revise_entry_request::Revision::Content(written));
        let strike = self.revise("not", pb::revise_entry_request::Revision::Strike(true));
        self.send("inspector", vec![revise, strike]).await;
    }

    fn revise(&self, entry: &str, revision: pb::revise_entry_request::Revision) -> Order {
        Order::ReviseEntry(pb::ReviseEntryRequest {
            assessment: self.name.clone(),
            act: Some(explained("CLERICAL_ERROR")),
            entry_id: entry.to_owned(),
            revision: Some(revision),
            expected: Some(any()),
            ..pb::ReviseEntryRequest::default()
        })
    }

    /// Raised, lowered, reaffirmed and vacated; by a panel, on instruction, resting on evidence.
    async fn moderate(&mut self) {
        let panel = pb::StatedPanel {
            display_name: "consistency panel".to_owned(),
            members: ["second.moderator@ofsted", "Ørsted, Ðorđe"].map(|it| member(it, "")).to_vec(),
            meeting: Some(date(2006, 9, 28)),
            minutes: "minute 4 §2".to_owned(),
        };
        let decider = |who| pb::StatedDecider {
            who: Some(who),
            role: Role::Moderator.into(),
            organisation: "csci".to_owned(),
        };
        let panelled = pb::Act {
            decided_by: Some(decider(pb::stated_decider::Who::Panel(panel))),
            decided_on: Some(date(2006, 9, 28)),
            effective_on: Some(date(2006, 9, 20)),
            basis: Basis::SameEvidence.into(),
            instructed_by: Some(decider(pb::stated_decider::Who::Person("chief@csci".to_owned()))),
            rationale: format!("weighed again: {ODD}"),
            evidence: vec![pb::EvidenceCited { entry: "afi".to_owned(), position: 0 }],
            ..explained("MODERATION")
        };
        let level = |level: &str| Award::Level(level.to_owned());
        let changes = [
            ("capacity-to-improve", level("3"), panelled),
            ("enjoying-and-achieving", Award::Word("adequate".to_owned()), explained("MODERATION")),
            ("childrens-services", level("3"), explained("MODERATION")),
        ];
        let mut at = 0;
        for (area, award, act) in changes {
            let mut set = self.set(area, award, act);
            set.expected = Some(any());
            at = self.send("moderator", vec![Order::SetGrade(set)]).await[0].position;
        }
        let review = Award::NotGraded(NonGrade::SubjectToReview.into());
        let mut vacate = self.set("childrens-services", review, explained("COURT_ORDER"));
        vacate.expected = Some(last(at));
        let mut again = self.set("childrens-services", level("4"), explained("COURT_ORDER"));
        again.expected =
            Some(pb::Expectation { last: Some(pb::expectation::Last::PreviousInBatch(true)) });
        let orders = [vacate, again].map(Order::SetGrade).into();
        self.send("inspector", orders).await;
    }

    /// History entered later, from its source.
    async fn transcribe(&mut self) {
        let transcription = pb::Transcription {
            source: "letter of 1 November 2006, page 2".to_owned(),
            source_sha256: vec![0xa5; 32].into(),
        };
        let decider = pb::StatedDecider {
            who: Some(pb::stated_decider::Who::Person("lead@ofsted".to_owned())),
            role: Role::LeadInspector.into(),
            organisation: "ofsted".to_owned(),
        };
        let act = pb::Act {
            decided_by: Some(decider),
            decided_on: Some(date(2006, 9, 30)),
            transcription: Some(transcription),
            ..explained("CLERICAL_ERROR")
        };
        let mut set = self.set("social-care", Award::Level("3".to_owned()), act);
        set.expected = Some(any());
        self.send("officer", vec![Order::SetGrade(set)]).await;
    }

    /// The digest of what stands.
    async fn digest(&self) -> bytes::Bytes {
        let request = pb::GetAssessmentRequest {
            name: self.name.clone(),
            content: pb::AssessmentContent::Full.into(),
            ..pb::GetAssessmentRequest::default()
        };
        let read = self.clients.assessments("auditor").get_assessment(request).await.unwrap();
        read.into_inner().digest
    }

    /// What is noted beside the grades, and put right in a record.
    async fn note(&mut self) {
        let assessment = self.name.clone();
        let hold = pb::PlaceHoldRequest {
            assessment: assessment.clone(),
            act: Some(explained("COURT_ORDER")),
            hold_id: "court-1".to_owned(),
            kind: pb::HoldKind::Court.into(),
            stops: pb::HoldStops::Both.into(),
            ..pb::PlaceHoldRequest::default()
        };
        let release = pb::ReleaseHoldRequest {
            assessment: assessment.clone(),
            act: Some(explained("COURT_ORDER")),
            hold_id: "court-1".to_owned(),
            expected: Some(any()),
            ..pb::ReleaseHoldRequest::default()
        };
        self.send("officer", vec![Order::PlaceHold(hold), Order::ReleaseHold(release)]).await;
        let area = pb::stated_point::About::Area("being-healthy".to_owned());
        let point = pb::StatedPoint { about: Some(area), text: ODD.to_owned() };
        let challenge = pb::ReceiveChallengeRequest {
            assessment: assessment.clone(),
            act: Some(act()),
            challenge_id: "council-1".to_owned(),
            received_from: "the director – Ä".to_owned(),
            kind: pb::ChallengeKind::Representation.into(),
            points: vec![point],
            due: Some(date(2006, 12, 1)),
            ..pb::ReceiveChallengeRequest::default()
        };
        let decide = pb::DecideChallengeRequest {
            assessment: assessment.clone(),
            act: Some(act()),
            challenge_id: "council-1".to_owned(),
            point: 1,
            outcome: pb::PointOutcome::Refused.into(),
            why: ODD.to_owned(),
            ..pb::DecideChallengeRequest::default()
        };
        let draft = pb::ShareDraftRequest {
            assessment: assessment.clone(),
            act: Some(act()),
            recipient: ODD.to_owned(),
            audience: "addressee".to_owned(),
            ..pb::ShareDraftRequest::default()
        };
        let noted = vec![
            Order::ReceiveChallenge(challenge),
            Order::DecideChallenge(decide),
            Order::ShareDraft(draft),
        ];
        let at = self.send("lead", noted).await[0].position;
        let person = pb::stated_decider::Who::Person("chief@ofsted".to_owned());
        let decider = pb::StatedDecider { who: Some(person), ..pb::StatedDecider::default() };
        let field = pb::stated_correction::Field::DecidedBy(decider);
        let correct = pb::CorrectRecordRequest {
            assessment,
            act: Some(explained("CLERICAL_ERROR")),
            position: at,
            to: Some(pb::StatedCorrection { field: Some(field) }),
            ..pb::CorrectRecordRequest::default()
        };
        self.send("officer", vec![Order::CorrectRecord(correct)]).await;
    }

    /// An organisation will not sign what was locked.
    async fn object(&mut self) {
        self.lock().await;
        let refuse = pb::RefuseSignOffRequest {
            assessment: self.name.clone(),
            act: Some(act()),
            organisation: "csci".to_owned(),
            edition: 1,
            digest: self.digest().await,
            objection: ODD.to_owned(),
            ..pb::RefuseSignOffRequest::default()
        };
        self.send("csci", vec![Order::RefuseSignOff(refuse)]).await;
    }

    /// The first edition is withdrawn, and the next begun.
    async fn take_back(&mut self) {
        let expected = Some(pb::RevisionExpectation { state: Some(State::Any(true)) });
        let withdraw = pb::WithdrawAssessmentRequest {
            assessment: self.name.clone(),
            act: Some(explained("COMPLAINT_UPHELD")),
            edition: 1,
            expected,
            ..pb::WithdrawAssessmentRequest::default()
        };
        let reopen = pb::ReopenAssessmentRequest {
            assessment: self.name.clone(),
            act: Some(explained("COMPLAINT_UPHELD")),
            authority: "the chief inspector – Œ".to_owned(),
            reference: "minute 4 §2".to_owned(),
            expected,
            ..pb::ReopenAssessmentRequest::default()
        };
        let orders = vec![Order::WithdrawAssessment(withdraw), Order::ReopenAssessment(reopen)];
        self.send("publisher", orders).await;
    }

    async fn lock(&mut self) {
        let lock = pb::LockAssessmentRequest {
            assessment: self.name.clone(),
            act: Some(act()),
            digest: self.digest().await,
            expected: Some(pb::RevisionExpectation { state: Some(State::Any(true)) }),
            ..pb::LockAssessmentRequest::default()
        };
        self.send("lead", vec![Order::LockAssessment(lock)]).await;
    }

    async fn publish(&mut self, edition: u32) {
        self.lock().await;
        let expected = Some(pb::RevisionExpectation { state: Some(State::Any(true)) });
        for (login, name) in [("ofsted", "FLO HADLEY"), ("csci", "J. Phillips Œ")] {
            let sign = pb::SignOffAssessmentRequest {
                assessment: self.name.clone(),
                act: Some(act()),
                organisation: login.to_owned(),
                edition,
                digest: self.digest().await,
                signature: Some(pb::Signature {
                    name: Some(present(name)),
                    role: Some(present("Divisional Manager")),
                    organisation: Some(present(login)),
                    transcribed: Some(present("F.Hadny")),
                }),
                expected,
                ..pb::SignOffAssessmentRequest::default()
            };
            self.send(login, vec![Order::SignOffAssessment(sign)]).await;
        }
        let publish = pb::PublishAssessmentRequest {
            assessment: self.name.clone(),
            act: Some(act()),
            edition,
            letter_date: Some(date(2006, 11, 1)),
            expected,
            ..pb::PublishAssessmentRequest::default()
        };
        self.send("publisher", vec![Order::PublishAssessment(publish)]).await;
    }
}

fn any() -> pb::Expectation {
    pb::Expectation { last: Some(pb::expectation::Last::Any(true)) }
}

fn addressee(name: &str, lines: usize) -> pb::Addressee {
    pb::Addressee {
        name: Some(present(name)),
        role: Some(present("Director of Children’s Services")),
        organisation: Some(present("City Council")),
        lines: (0..lines).map(|line| present(&format!("line {line}"))).collect(),
    }
}

fn narrative() -> pb::EntryContent {
    pb::EntryContent {
        kind: EntryKind::Narrative.into(),
        section: "staying-safe".to_owned(),
        area: "staying-safe".to_owned(),
        order: 1,
        ..pb::EntryContent::default()
    }
}

fn follow_up() -> pb::FollowUp {
    pb::FollowUp {
        label: Some(present("last year’s APA")),
        cited_kind: Some(present("weakness")),
        words: Some(present("early years advice")),
        status: FollowUpStatus::Remains.into(),
        carried_to: "afi".to_owned(),
        ..pb::FollowUp::default()
    }
}

/// A figure with a value of each kind in turn, and comparators.
fn evidence(number: usize) -> pb::EntryContent {
    let stated = match number % 4 {
        0 => Some(Stated::Decimal(pb::google::r#type::Decimal { value: "53.80".to_owned() })),
        1 => Some(Stated::Date(date(2006, 12, 31))),
        2 => Some(Stated::Words(present("almost twice"))),
        _ => None,
    };
    let value = stated.map(|stated| pb::FigureValue { stated: Some(stated) });
    let target = pb::Comparator {
        kind: "target".to_owned(),
        name: Some(present("similar areas")),
        relation: Some(present("above")),
        value: value.clone(),
        unit: Some(present("%")),
        due: Some(date(2007, 3, 31)),
        ..pb::Comparator::default()
    };
    let figure = pb::Figure {
        measure: Some(present(&format!("measure {number}"))),
        group: Some(present("looked after children")),
        value,
        unit: Some(present("%")),
        trend: Some(present("rising")),
        comparators: vec![target],
        ..pb::Figure::default()
    };
    pb::EntryContent {
        kind: EntryKind::Evidence.into(),
        section: "being-healthy".to_owned(),
        area: "being-healthy".to_owned(),
        quote: Some(present("as the letter says")),
        figures: vec![figure],
        paragraph: "nar".to_owned(),
        ..pb::EntryContent::default()
    }
}

/// Takes characters while they fit into so many bytes.
fn within(bytes_max: usize) -> impl FnMut(&mut usize, char) -> Option<char> {
    move |taken, character| {
        *taken += character.len_utf8();
        (*taken <= bytes_max).then_some(character)
    }
}
