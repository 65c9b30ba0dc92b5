//! Who has signed in: a browser keeps the id of a session, the server what it stands for.
//!
//! The credential never goes back to the browser. Sessions are in memory: they end with the server, with
//! the credential, after [`LONGEST`], or when somebody signs out. Only who shows a credential that counts
//! gets one, and only so many are kept, so that nobody fills the memory.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::HeaderValue;
use jiff::Timestamp;

/// How many are kept. An inspectorate has some hundreds of readers; a session holds at most 8 KiB.
const SESSIONS_MAX: usize = 1_024;

/// How many of one person: a browser or two, and some that were never signed out.
const OF_ONE_MAX: usize = 16;

/// A working day: who reads on signs in again.
const LONGEST: Duration = Duration::from_hours(10);

/// Bytes of an id and of a token against forged forms: beyond guessing.
const SECRET_BYTES: usize = 32;

/// A session that goes on.
#[derive(Debug, Clone)]
pub(super) struct Session {
    /// The `authorization` of its calls.
    pub(super) token: HeaderValue,
    /// What its forms must carry.
    pub(super) form_token: String,
    /// Who it is, for [`OF_ONE_MAX`].
    person: String,
    until: Timestamp,
}

/// All sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<String, Session>>);

/// The system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no randomness")]
pub(super) struct NoRandomness(#[from] getrandom::Error);

/// A secret that nobody guesses, for a cookie or a form.
pub(super) fn secret() -> Result<String, NoRandomness> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// Whether something has the form of one.
pub(super) fn is_secret(given: &str) -> bool {
    BASE64_URL_SAFE_NO_PAD.decode(given).is_ok_and(|it| it.len() == SECRET_BYTES)
}

impl Sessions {
    /// Begins one for `person`, who bears this token until then; its id. Where there are too many, the one
    /// that would end first makes room.
    pub(super) fn begin(
        &self,
        person: &str,
        token: HeaderValue,
        until: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<String, NoRandomness> {
        let (id, form_token) = (secret()?, secret()?);
        let longest = now.saturating_add(LONGEST).unwrap_or(Timestamp::MAX);
        let until = until.map_or(longest, |until| until.min(longest));
        let session = Session { token, form_token, person: person.to_owned(), until };
        let mut held = self.held();
        held.retain(|_, it| it.until > now);
        while held.values().filter(|it| it.person == person).count() >= OF_ONE_MAX {
            end_first(&mut held, |it| it.person == person);
        }
        if held.len() >= SESSIONS_MAX {
            end_first(&mut held, |_| true);
        }
        held.insert(id.clone(), session);
        Ok(id)
    }

    /// The session of this id, if it goes on.
    pub(super) fn find(&self, id: &str, now: Timestamp) -> Option<Session> {
        self.held().get(id).filter(|it| it.until > now).cloned()
    }

    /// Ends it.
    pub(super) fn end(&self, id: &str) {
        self.held().remove(id);
    }

    /// Held for a look; a panic while it was held leaves a map that is whole.
    fn held(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the one of these that would end first.
fn end_first(held: &mut HashMap<String, Session>, of: impl Fn(&Session) -> bool) {
    let among = held.iter().filter(|(_, it)| of(it));
    let first = among.min_by_key(|(_, it)| it.until).map(|(id, _)| id.clone());
    first.and_then(|id| held.remove(&id));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn begin(sessions: &Sessions, person: &str, until: i64) -> String {
        let token = HeaderValue::from_static("Bearer x");
        sessions.begin(person, token, Some(at(until)), at(0)).unwrap()
    }

    #[test]
    fn a_session_ends_with_its_credential_its_day_or_its_bearer() {
        let sessions = Sessions::default();
        let short = begin(&sessions, "a", 60);
        assert!(sessions.find(&short, at(59)).is_some());
        assert!(sessions.find(&short, at(60)).is_none());
        let long = begin(&sessions, "a", 1_000_000);
        assert!(sessions.find(&long, at(10 * 3_600 - 1)).is_some());
        assert!(sessions.find(&long, at(10 * 3_600)).is_none());
        sessions.end(&short);
        assert!(sessions.find(&short, at(0)).is_none());
        assert_ne!(short, long);
    }

    #[test]
    fn one_person_and_all_have_so_many_and_the_first_to_end_makes_room() {
        let sessions = Sessions::default();
        let others = begin(&sessions, "b", 1);
        let first = begin(&sessions, "a", 2);
        let rest: Vec<_> = (0..OF_ONE_MAX).map(|_| begin(&sessions, "a", 100)).collect();
        assert!(sessions.find(&first, at(0)).is_none());
        assert!(rest.iter().all(|id| sessions.find(id, at(0)).is_some()));
        assert!(sessions.find(&others, at(0)).is_some());
        for person in 0..SESSIONS_MAX {
            begin(&sessions, &person.to_string(), 50);
        }
        assert!(sessions.find(&others, at(0)).is_none());
        assert_eq!(sessions.held().len(), SESSIONS_MAX);
    }
}
