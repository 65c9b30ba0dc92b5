//! How much of the queue for what is to be recorded one caller may take.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::Request;
use tonic::{Status, body::Body};

use super::{Answer, Around, Inner};
use crate::{
    judgement::OrganisationId,
    ledger::QUEUE_MAX,
    rpc::{caller::Identity, options::Limits, status},
};

/// Counts the commands of each caller's streams and batches that wait to be recorded. A stream is one
/// call, and so is a batch, however many commands they bring. With half as many as may wait in all one
/// caller has enough: together with the calls of one command, of which there are no more than the other
/// half, they fit into the queue, so that it is never full because of one caller alone. Several who agree
/// can fill it.
///
/// Stands behind whatever says who calls. Where one caller may call as often as it likes, it may also have
/// all that there is.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Queue(Option<Arc<Counts>>);

#[derive(Debug)]
struct Counts {
    most: usize,
    /// What waits, of each caller who has something. Held for a count.
    waiting: Mutex<HashMap<Caller, usize>>,
}

type Caller = (OrganisationId, Box<str>);

impl Queue {
    /// Half of what there is.
    pub(in crate::rpc) fn new(limits: &Limits) -> Self {
        let counts = || Counts { most: QUEUE_MAX.div_ceil(2), waiting: Mutex::default() };
        Self(limits.caller_calls_per_second.map(|_| Arc::new(counts())))
    }

    fn of(&self, identity: Option<&Arc<Identity>>) -> Waiting {
        let (Some(counts), Some(who)) = (&self.0, identity) else { return Waiting(None) };
        let caller = (who.organisation.clone(), who.login.as_str().into());
        Waiting(Some((Arc::clone(counts), caller)))
    }
}

impl Around for Queue {
    fn answer<S: Inner>(&self, inner: &mut S, mut request: Request<Body>) -> Answer {
        let waiting = self.of(request.extensions().get());
        request.extensions_mut().insert(waiting);
        Box::pin(inner.call(request))
    }
}

/// What the caller of a request may have waiting; stands among the extensions of each.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Waiting(Option<(Arc<Counts>, Caller)>);

/// Room for commands that wait, until this is dropped.
#[derive(Debug)]
pub(in crate::rpc) struct Room {
    taken: Option<(Arc<Counts>, Caller)>,
    commands: usize,
}

impl Waiting {
    /// What the caller of a request may have.
    ///
    /// # Errors
    /// INTERNAL if no [`Queue`] stands before the service.
    pub(in crate::rpc) fn of<T>(request: &tonic::Request<T>) -> Result<Self, Status> {
        request.extensions().get::<Self>().cloned().ok_or_else(status::defect)
    }

    /// Room for so many commands, for a caller who has less than may be. They are taken whole: else a
    /// batch that is larger than what is left could never come.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` if half of the queue is the caller's already.
    pub(in crate::rpc) fn room(&self, commands: usize) -> Result<Room, Status> {
        let Some((counts, caller)) = &self.0 else { return Ok(Room { taken: None, commands }) };
        let mut all = counts.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(caller.clone()).or_default();
        if *count >= counts.most {
            return Err(status::too_many_waiting_of_one());
        }
        *count = count.saturating_add(commands);
        Ok(Room { taken: Some((Arc::clone(counts), caller.clone())), commands })
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let Some((counts, caller)) = &self.taken else { return };
        let mut all = counts.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = all.get_mut(caller) {
            *count = count.saturating_sub(self.commands);
            if *count == 0 {
                all.remove(caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judgement::{Role, Text};

    fn who(login: &str) -> Arc<Identity> {
        Arc::new(Identity {
            login: Text::parse(login).unwrap(),
            organisation: OrganisationId::parse("ofsted").unwrap(),
            roles: vec![Role::Inspector],
        })
    }

    #[test]
    fn no_caller_has_more_than_half_of_the_queue_and_what_is_answered_makes_room() {
        let queue = Queue::new(&Limits::STANDARD);
        let (greedy, other) = (queue.of(Some(&who("a.greedy"))), queue.of(Some(&who("b.other"))));
        let mut held: Vec<_> = (0..QUEUE_MAX / 2).map(|_| greedy.room(1).unwrap()).collect();
        assert_eq!(greedy.room(1).unwrap_err().code(), tonic::Code::ResourceExhausted);
        let others: Vec<_> = (0..QUEUE_MAX / 2).map(|_| other.room(1).unwrap()).collect();
        held.pop();
        // A batch is taken whole or not at all, and counts with all of its commands.
        let batch = greedy.room(1_000).unwrap();
        held.truncate(500);
        greedy.room(1).unwrap_err();
        drop(batch);
        greedy.room(1).unwrap();
        drop((held, others));
        assert!(queue.0.unwrap().waiting.lock().unwrap().is_empty(), "nobody is remembered");
    }

    #[test]
    fn without_a_rate_one_caller_may_have_all() {
        let limits = Limits { caller_calls_per_second: None, ..Limits::STANDARD };
        let waiting = Queue::new(&limits).of(Some(&who("a.greedy")));
        let all: Vec<_> = (0..QUEUE_MAX * 2).map(|_| waiting.room(1)).collect();
        assert!(all.iter().all(Result::is_ok));
    }
}
