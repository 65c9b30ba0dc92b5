//! Answers that show the grades of an assessment and nothing else, kept to be given again.
//!
//! What such an answer says depends on the assessment's revision, on what was recorded of it since,
//! and on who may see what. Only the moment is another each time, and what became of the editions,
//! and these are not kept. So it is made and encoded once a revision, as long as it shows no text:
//! texts can be erased, and then must not come from here.

use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use lru::LruCache;
use prost::Message as _;

use crate::{
    judgement::{AssessmentId, Revision},
    ledger::AssessmentRead,
    pb,
    rpc::sight::Sight,
};

/// Of how many assessments answers are kept, at some kilobytes each.
const KEPT_MAX: NonZeroUsize = NonZeroUsize::new(1_024).unwrap();

/// For how many sights the answers of one assessment are kept: those who judge, and some audiences.
const SIGHTS_MAX: usize = 8;

/// The last answers for each assessment.
pub(crate) struct KeptGrades(Mutex<LruCache<AssessmentId, Kept>>);

/// The answers that were given while the assessment had a revision.
struct Kept {
    known: Revision,
    answers: Vec<Begun>,
}

/// An answer as it is encoded, without what is not kept.
struct Begun {
    for_whom: Sight,
    /// Of which revision: that of an edition may be older than the assessment's.
    revision: Revision,
    answer: Bytes,
}

impl Default for KeptGrades {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(KEPT_MAX)))
    }
}

impl KeptGrades {
    /// The answer that was kept of this very revision, when nothing more was recorded: the fields
    /// before `editions`, as they are encoded.
    pub(super) fn get(&self, of: &AssessmentRead, sight: &Sight) -> Option<Bytes> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = kept.get(&of.known.id).filter(|it| it.known == of.known.revision)?;
        let begun = kept.answers.iter().find(|it| it.is(of, sight))?;
        Some(begun.answer.clone())
    }

    /// Keeps an answer without texts.
    pub(super) fn keep(&self, of: &AssessmentRead, sight: &Sight, answer: &pb::Assessment) {
        let answer = pb::Assessment { editions: Vec::new(), read: None, ..answer.clone() };
        let answer = Bytes::from(answer.encode_to_vec());
        let begun = Begun { for_whom: sight.clone(), revision: of.assessment.revision, answer };
        let (id, known) = (&of.known.id, of.known.revision);
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Kept { answers, .. }) = kept.get_mut(id).filter(|it| it.known == known) {
            answers.retain(|it| !it.is(of, sight));
            answers.truncate(SIGHTS_MAX.saturating_sub(1));
            answers.push(begun);
            return;
        }
        kept.put(id.clone(), Kept { known, answers: vec![begun] });
    }
}

impl Begun {
    fn is(&self, of: &AssessmentRead, sight: &Sight) -> bool {
        self.revision == of.assessment.revision && self.for_whom == *sight
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        judgement::{Assessment, AssessmentOpened, Cycle, Event, FrameworkId, OrganisationId},
        rpc::{
            show::fixture::{read, record},
            sight::Recipient,
        },
    };

    fn opened() -> AssessmentRead {
        let event = Event::AssessmentOpened(AssessmentOpened {
            framework: FrameworkId::new("apa", "2006").unwrap(),
            cycle: Cycle::parse("2006").unwrap(),
            periods: Vec::new(),
            addressee: None,
            earlier: Vec::new(),
        });
        read(&[record(1, event)]).0
    }

    fn next(of: &Assessment) -> Arc<Assessment> {
        Arc::new(Assessment { revision: of.revision.next(), ..of.clone() })
    }

    fn answer(name: &str) -> pb::Assessment {
        let read = Some(pb::ReadToken { position: 1, recorded_at: None });
        pb::Assessment { name: name.to_owned(), read, ..pb::Assessment::default() }
    }

    fn audience(number: usize) -> Sight {
        let id = OrganisationId::parse(&format!("audience-{number}")).unwrap();
        Sight::Published(Recipient::Organisation(id))
    }

    #[test]
    fn an_answer_is_given_again_at_its_revision_to_whom_it_was_for() {
        let (kept, read) = (KeptGrades::default(), opened());
        assert_eq!(kept.get(&read, &Sight::All), None);
        kept.keep(&read, &Sight::All, &answer("all"));
        kept.keep(&read, &audience(1), &answer("one"));
        let begun = |name: &str| {
            let begun = pb::Assessment { read: None, ..answer(name) };
            Some(Bytes::from(begun.encode_to_vec()))
        };
        assert_eq!(kept.get(&read, &Sight::All), begun("all"));
        assert_eq!(kept.get(&read, &audience(1)), begun("one"));
        assert_eq!(kept.get(&read, &audience(2)), None);

        // Something was recorded since of which this state knows nothing.
        let since = AssessmentRead { known: next(&read.known), ..read.clone() };
        assert_eq!(kept.get(&since, &Sight::All), None);
        kept.keep(&since, &Sight::All, &answer("since"));
        assert_eq!(kept.get(&since, &Sight::All), begun("since"));
        let changed = AssessmentRead { assessment: next(&read.assessment), ..since.clone() };
        assert_eq!(kept.get(&changed, &Sight::All), None, "another state at the same time");
        kept.keep(&changed, &Sight::All, &answer("changed"));
        assert_eq!(kept.get(&changed, &Sight::All), begun("changed"));
        assert_eq!(kept.get(&since, &Sight::All), begun("since"));
        assert_eq!(kept.get(&read, &audience(1)), None, "of the revision before");
    }

    #[test]
    fn many_audiences_of_one_assessment_take_little_room() {
        let (kept, read) = (KeptGrades::default(), opened());
        for number in 0..100 {
            kept.keep(&read, &audience(number), &answer("theirs"));
            assert!(kept.get(&read, &audience(number)).is_some());
        }
        let found = (0..100).filter(|it| kept.get(&read, &audience(*it)).is_some());
        assert_eq!(found.count(), SIGHTS_MAX);
    }
}
