//! The acceptance scenarios of the specification (§8), against the real server.

use judgement_ledger::pb;
use tonic::Code;

use crate::served::{Served, act, assessment, date, explained, grade, last, reason_of, text, time};

const GOOD: &str = "good";
const ADEQUATE: &str = "adequate";
const ENJOYING: &str = "enjoying-and-achieving";

#[tokio::test]
async fn scenario_2_a_grades_history_has_a_row_for_each_change() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    served.at("2006-10-09T09:00:00Z");
    let first = served.award(&name, ENJOYING, GOOD).await;
    served.at("2006-10-11T14:30:00Z");
    let second = served.moderate(&name, ENJOYING, ADEQUATE, first.position).await;
    assert_eq!(second.change(), pb::ChangeKind::Lowered);

    let rows = served.history(&name, ENJOYING).await;
    assert_eq!(rows.len(), 2);
    let changes: Vec<_> = rows.iter().map(|row| row.grade.as_ref().unwrap().change()).collect();
    assert_eq!(changes, [pb::ChangeKind::Awarded, pb::ChangeKind::Lowered]);
    let lowered = &rows[1];
    let change = lowered.grade.as_ref().unwrap();
    assert_eq!(change.before.as_ref().unwrap().word, GOOD);
    assert_eq!(change.after.as_ref().unwrap().word, ADEQUATE);
    assert_eq!(lowered.reason, "MODERATION");
    assert_eq!(lowered.basis(), pb::Basis::SameEvidence);
    assert_eq!(text(&lowered.rationale), "the panel weighed the key stage results again");
    assert_eq!(lowered.recorder_role(), pb::Role::Moderator);
    assert_eq!(lowered.recorder_organisation, "ofsted");
    assert_eq!(text(&lowered.recorded_by.as_ref().unwrap().name), "moderator@ofsted");
    match lowered.decided_by.as_ref().unwrap().who.as_ref().unwrap() {
        pb::decider::Who::Panel(panel) => {
            assert_eq!(text(&panel.name), "consistency panel");
            assert_eq!(panel.members.len(), 2);
        }
        pb::decider::Who::Person(person) => panic!("{person:?} is no panel"),
    }
    assert_eq!(lowered.recorded_at, Some(time("2006-10-11T14:30:00Z")));
    assert_eq!(lowered.decided_on, Some(date(2006, 10, 11)));
    served.stop().await;
}

#[tokio::test]
async fn scenario_3_a_read_knows_what_was_known_then() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    served.at("2006-10-09T09:00:00Z");
    let first = served.award(&name, ENJOYING, GOOD).await;
    served.at("2006-10-11T14:30:00Z");
    served.moderate(&name, ENJOYING, ADEQUATE, first.position).await;

    let then = pb::get_assessment_request::KnownAt::KnownAtTime(time("2006-10-10T00:00:00Z"));
    let at_position = pb::get_assessment_request::KnownAt::KnownAtPosition(first.position);
    for known_at in [then, at_position] {
        let read = served
            .get(pb::GetAssessmentRequest { known_at: Some(known_at), ..assessment(&name) })
            .await;
        assert_eq!(grade(&read, ENJOYING), GOOD);
        assert_eq!(read.read.as_ref().unwrap().position, first.position);
    }
    assert_eq!(grade(&served.get(assessment(&name)).await, ENJOYING), ADEQUATE);
    served.stop().await;
}

#[tokio::test]
async fn scenario_4_a_backdated_grade_holds_from_its_day_and_is_known_from_its_record() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let capacity = "capacity-to-improve";
    let first_of_october = Some(date(2006, 10, 1));
    served.at("2006-10-10T09:00:00Z");
    let act_1 = pb::Act {
        effective_on: first_of_october,
        rationale: "as agreed at the start of the round".to_owned(),
        ..act()
    };
    let first = served.set_as("inspector", &name, capacity, "2", act_1, None).await.unwrap();
    served.at("2006-10-20T09:00:00Z");
    let act_2 = pb::Act { effective_on: first_of_october, ..explained("FACTUAL_ACCURACY") };
    let expected = Some(last(first.position));
    served.set_as("inspector", &name, capacity, "3", act_2, expected).await.unwrap();

    let read = |known: &str, effective| pb::GetAssessmentRequest {
        known_at: Some(pb::get_assessment_request::KnownAt::KnownAtTime(time(known))),
        effective_at: Some(effective),
        ..assessment(&name)
    };
    let on_5 = date(2006, 10, 5);
    let known_15 = served.get(read("2006-10-15T00:00:00Z", on_5)).await;
    assert_eq!(grade(&known_15, capacity), "2");
    let known_25 = served.get(read("2006-10-25T00:00:00Z", on_5)).await;
    assert_eq!(grade(&known_25, capacity), "3");
    let before = served.get(read("2006-10-25T00:00:00Z", date(2006, 9, 30))).await;
    assert!(before.judgements.is_empty(), "nothing held in September");
    served.stop().await;
}

#[tokio::test]
async fn scenario_5_a_grade_outside_the_scale_is_refused_with_the_valid_ones() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let before = served.get(assessment(&name)).await.revision;
    for outside in ["5", "satisfactory"] {
        let status = served
            .set_as("inspector", &name, "staying-safe", outside, act(), None)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let (reason, metadata) = reason_of(&status);
        assert_eq!(reason, "LEVEL_NOT_ON_SCALE");
        for valid in ["outstanding", "good", "adequate", "inadequate"] {
            assert!(metadata["valid"].contains(valid), "{metadata:?}");
        }
    }
    assert_eq!(served.get(assessment(&name)).await.revision, before);
    served.stop().await;
}

#[tokio::test]
async fn scenario_6_an_area_of_another_years_framework_is_refused() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let status =
        served.set_as("inspector", &name, "education", "3", act(), None).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "AREA_NOT_IN_FRAMEWORK");

    let earlier = served.open_under("apa-2005", "frameworks/apa/versions/2005", "2005").await;
    let receipt = served.set_as("inspector", &earlier, "education", "3", act(), None).await;
    assert_eq!(receipt.unwrap().change(), pb::ChangeKind::Awarded);
    served.stop().await;
}

#[tokio::test]
async fn scenario_7_an_ungraded_area_takes_writing_but_no_number() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let status =
        served.set_as("inspector", &name, "management", "3", act(), None).await.unwrap_err();
    assert_eq!(
        (status.code(), reason_of(&status).0.as_str()),
        (Code::InvalidArgument, "AREA_NOT_GRADABLE")
    );
    let receipt = served.narrate(&name, "management", "leadership is strong").await.unwrap();
    assert!(receipt.position > 0);
    served.stop().await;
}

#[tokio::test]
async fn scenario_8_of_two_at_once_one_wins_and_a_third_elsewhere_succeeds() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let social = "social-care";
    let first = served.award(&name, social, "3").await;
    let expected = || Some(last(first.position));
    let (one, two, third) = tokio::join!(
        served.set_as("moderator", &name, social, "2", explained("MODERATION"), expected()),
        served.set_as("moderator-2", &name, social, "4", explained("MODERATION"), expected()),
        served.set_as("inspector", &name, "capacity-to-improve", "3", act(), None),
    );
    assert_eq!(third.unwrap().change(), pb::ChangeKind::Awarded);
    let (winner, loser) = match (one, two) {
        (Ok(winner), Err(loser)) | (Err(loser), Ok(winner)) => (winner, loser),
        both => panic!("{both:?}"),
    };
    assert_eq!(loser.code(), Code::Aborted);
    let (reason, metadata) = reason_of(&loser);
    assert_eq!(reason, "STALE_EXPECTATION");
    assert_eq!(metadata["position"], winner.position.to_string());
    assert_eq!(metadata["record_id"], winner.record_id);
    served.stop().await;
}

#[tokio::test]
async fn scenario_9_a_retry_gets_the_first_answer_and_another_content_is_refused() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let same = pb::Act { rationale: "as the evidence shows".to_owned(), ..act() };
    let set = |grade: &'static str, act: &pb::Act| {
        served.set_as("inspector", &name, "social-care", grade, act.clone(), None)
    };
    let first = set("3", &same).await.unwrap();
    assert!(!first.replayed);
    for _ in 0..2 {
        let again = set("3", &same).await.unwrap();
        assert_eq!(again, pb::Receipt { replayed: true, ..first.clone() });
    }
    let reworded = pb::Act { rationale: "on a whim".to_owned(), ..same.clone() };
    for (grade, act) in [("4", &same), ("3", &reworded)] {
        let status = set(grade, act).await.unwrap_err();
        assert_eq!(status.code(), Code::AlreadyExists);
        let (reason, metadata) = reason_of(&status);
        assert_eq!(reason, "KEY_REUSED");
        assert_eq!(metadata["position"], first.position.to_string());
    }
    assert_eq!(served.history(&name, "social-care").await.len(), 1);

    // For ever: also after the ledger was closed and opened again.
    let served = served.restart().await;
    let again = served.set_as("inspector", &name, "social-care", "3", same, None).await.unwrap();
    assert_eq!(again, pb::Receipt { replayed: true, ..first });
    served.stop().await;
}

#[tokio::test]
async fn scenario_20_a_consumer_that_stopped_at_n_goes_on_at_n_plus_1() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    for area in ["childrens-services", "capacity-to-improve", "social-care"] {
        served.award(&name, area, "3").await;
    }
    let all = served.stream_to_end(0).await;
    let head = *all.last().unwrap();
    assert_eq!(all, (1..=head).collect::<Vec<_>>());
    let stopped_at = head - 2;
    assert_eq!(served.stream_to_end(stopped_at).await, [head - 1, head]);

    let served = served.restart().await;
    assert_eq!(served.stream_to_end(stopped_at).await, [head - 1, head]);
    served.stop().await;
}

#[tokio::test]
async fn a_stream_goes_live_and_sees_what_is_recorded_next() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let mut live = served.stream_live().await;
    let receipt = served.award(&name, "social-care", "3").await;
    let seen = live.until(receipt.position).await;
    assert_eq!(seen, (1..=receipt.position).collect::<Vec<_>>(), "each once, in order");
    served.stop().await;
}

#[tokio::test]
async fn a_receipt_is_readable_at_once() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let mut before = 0;
    for round in 0..20 {
        let receipt = if round == 0 {
            served.award(&name, "social-care", "3").await
        } else {
            let level = if round % 2 == 0 { "3" } else { "2" };
            let act = explained("FACTUAL_ACCURACY");
            let expected = Some(last(before));
            served.set_as("inspector", &name, "social-care", level, act, expected).await.unwrap()
        };
        before = receipt.position;
        let read = served
            .get(pb::GetAssessmentRequest { min_position: receipt.position, ..assessment(&name) })
            .await;
        assert_eq!(read.judgements[0].position, receipt.position);
        assert!(read.read.unwrap().position >= receipt.position);
    }
    served.stop().await;
}

#[tokio::test]
async fn a_batch_is_recorded_whole_or_not_at_all() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let head = served.head().await;
    let commands = |second: &str| {
        vec![
            served.set_command(&name, "social-care", "3", act(), None),
            served.set_command(&name, "capacity-to-improve", second, act(), None),
        ]
    };
    let status = served.batch(commands("9")).await.unwrap_err();
    let (reason, metadata) = reason_of(&status);
    assert_eq!((reason.as_str(), metadata["command"].as_str()), ("LEVEL_NOT_ON_SCALE", "1"));
    assert_eq!(served.head().await, head, "nothing was recorded");

    let receipts = served.batch(commands("3")).await.unwrap();
    assert_eq!(receipts[1].position, receipts[0].position + 1);
    served.stop().await;
}

#[tokio::test]
async fn a_command_can_be_validated_without_being_recorded() {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    let head = served.head().await;
    let mut order = served.set_request(&name, "social-care", "3", act(), None);
    order.validate_only = true;
    let receipt = served.assessments("inspector").set_grade(order.clone()).await.unwrap();
    let receipt = receipt.into_inner();
    assert!(receipt.validated_only && receipt.position == 0, "{receipt:?}");
    order.grade = Some(pb::Grade {
        award: Some(pb::grade::Award::Level("9".to_owned())),
        ..pb::Grade::default()
    });
    let status = served.assessments("inspector").set_grade(order).await.unwrap_err();
    assert_eq!(reason_of(&status).0, "LEVEL_NOT_ON_SCALE");
    assert_eq!(served.head().await, head);
    served.stop().await;
}
