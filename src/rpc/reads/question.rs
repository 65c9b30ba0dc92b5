//! Which state of an assessment is asked for, and how much of it.

use crate::{
    judgement::Position,
    ledger::{AsOf, KnownAt, View},
    pb::{self, get_assessment_request},
    rpc::{asked::Asked, show::Detail},
};

/// What a `GetAssessment` asks of the assessment that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Question {
    /// Which state.
    pub(super) as_of: AsOf,
    /// How much of it.
    pub(super) detail: Detail,
}

impl Question {
    /// Takes the fields of the request. What is wrong is noted, and stands for what is least.
    pub(super) fn take(asked: &mut Asked, request: &pb::GetAssessmentRequest) -> Self {
        if request.stated_at.is_some() && request.effective_at.is_some() {
            asked.note("stated_at", "is not to be given together with effective_at");
        }
        let (position, time) = match &request.known_at {
            None => (None, None),
            Some(get_assessment_request::KnownAt::KnownAtPosition(at)) => (Some(*at), None),
            Some(get_assessment_request::KnownAt::KnownAtTime(time)) => (None, Some(time)),
        };
        let as_of = AsOf {
            view: view(asked, request),
            known: known_at(asked, position, time),
            effective: asked.day("effective_at", request.effective_at.as_ref()),
            stated: asked.day("stated_at", request.stated_at.as_ref()),
        };
        Self { as_of, detail: detail(asked, request.content) }
    }
}

/// A moment as a request names it: by position, by time, or not at all.
pub(crate) fn known_at(
    asked: &mut Asked,
    position: Option<u64>,
    time: Option<&prost_types::Timestamp>,
) -> KnownAt {
    match (position, asked.time("known_at_time", time)) {
        (Some(position), _) => KnownAt::Position(Position::new(position)),
        (None, Some(time)) => KnownAt::Time(time),
        (None, None) => KnownAt::Now,
    }
}

fn view(asked: &mut Asked, request: &pb::GetAssessmentRequest) -> View {
    let view = pb::AssessmentView::try_from(request.view);
    if request.edition > 0 {
        if view != Ok(pb::AssessmentView::Unspecified) {
            asked.note("edition", "is given instead of a view");
        }
        return View::Edition(request.edition);
    }
    match view {
        Ok(pb::AssessmentView::Unspecified | pb::AssessmentView::Working) => View::Working,
        Ok(pb::AssessmentView::Published) => View::Published,
        Err(_) => {
            asked.note("view", "is no view");
            View::Working
        }
    }
}

fn detail(asked: &mut Asked, content: i32) -> Detail {
    match pb::AssessmentContent::try_from(content) {
        Ok(pb::AssessmentContent::Unspecified | pb::AssessmentContent::Grades) => Detail::Grades,
        Ok(pb::AssessmentContent::Full) => Detail::Full,
        Err(_) => {
            asked.note("content", "is no content");
            Detail::Grades
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::Date;

    use super::*;
    use crate::pb::google::r#type as google;

    fn take(request: &pb::GetAssessmentRequest) -> Result<Question, tonic::Status> {
        let mut asked = Asked::default();
        let question = Question::take(&mut asked, request);
        asked.settle(Some(question))
    }

    #[test]
    fn nothing_asked_is_the_working_view_now_with_grades() {
        let as_of =
            AsOf { view: View::Working, known: KnownAt::Now, effective: None, stated: None };
        let question = take(&pb::GetAssessmentRequest::default()).unwrap();
        assert_eq!(question, Question { as_of, detail: Detail::Grades });
    }

    #[test]
    fn a_state_is_asked_for_by_view_edition_moment_and_day() {
        let day = google::Date { year: 2006, month: 10, day: 5 };
        let request = pb::GetAssessmentRequest {
            edition: 2,
            known_at: Some(get_assessment_request::KnownAt::KnownAtPosition(7)),
            effective_at: Some(day),
            content: i32::from(pb::AssessmentContent::Full),
            ..Default::default()
        };
        let as_of = AsOf {
            view: View::Edition(2),
            known: KnownAt::Position(Position::new(7)),
            effective: Some(Date::new(2006, 10, 5).unwrap()),
            stated: None,
        };
        assert_eq!(take(&request).unwrap(), Question { as_of, detail: Detail::Full });

        let view = i32::from(pb::AssessmentView::Published);
        let published = pb::GetAssessmentRequest { view, ..Default::default() };
        assert_eq!(take(&published).unwrap().as_of.view, View::Published);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let day = Some(google::Date { year: 2006, month: 12, day: 7 });
        let both =
            pb::GetAssessmentRequest { effective_at: day, stated_at: day, ..Default::default() };
        assert!(take(&both).is_err());
        let published = i32::from(pb::AssessmentView::Published);
        for (view, edition, content) in [(published, 1, 0), (77, 0, 0), (0, 0, 77)] {
            let request = pb::GetAssessmentRequest { view, edition, content, ..Default::default() };
            assert!(take(&request).is_err(), "{view} {edition} {content}");
        }
    }
}
