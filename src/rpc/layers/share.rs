//! How much of the room for calls one caller may take, and of the queue for what is to be recorded.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::Request;
use tonic::{Status, body::Body};

use super::{
    Answer, Around, Inner, Method, Shape, answered,
    limit::hold,
    weighed::{EVERYWHERE_BYTES, encoded},
};
use crate::{
    judgement::OrganisationId,
    ledger::QUEUE_MAX,
    rpc::{caller::Identity, options::Limits, status},
};

/// Answers `RESOURCE_EXHAUSTED` to who has half of all calls or streams under way, or of the bytes of answers
/// that may wait: there is always room for somebody else. Stands behind whatever says who calls. Where one caller may call as
/// often as it likes, it may also have all that there is.
///
/// A stream is one call, and so is a batch, however many commands they bring: those are counted by
/// [`Waiting`], and one caller may have half as many waiting as may wait in all. With the calls of one
/// command that others make, of which there are no more than the other half, the queue is never full
/// because of one caller alone.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Share(Option<Arc<Shares>>);

#[derive(Debug)]
struct Shares {
    calls_max: usize,
    streams_max: usize,
    waiting_max: usize,
    bytes_max: usize,
    /// What is under way, of each caller who has something. Held for a count.
    taken: Mutex<HashMap<Caller, Taken>>,
}

type Caller = (OrganisationId, Box<str>);

#[derive(Debug, Default)]
struct Taken {
    calls: usize,
    streams: usize,
    waiting: usize,
    bytes: usize,
}

/// What a caller takes up.
#[derive(Debug, Clone, Copy)]
enum What {
    Call(Shape),
    /// Commands of its streams and batches that are not answered yet.
    Commands(usize),
    /// Bytes of an answer that is not taken yet.
    Bytes(usize),
}

impl What {
    fn count(self) -> usize {
        match self {
            Self::Call(_) => 1,
            Self::Commands(count) | Self::Bytes(count) => count,
        }
    }
}

impl Taken {
    fn of(&mut self, what: What) -> &mut usize {
        match what {
            What::Call(Shape::Unary) => &mut self.calls,
            What::Call(Shape::Streaming) => &mut self.streams,
            What::Commands(_) => &mut self.waiting,
            What::Bytes(_) => &mut self.bytes,
        }
    }

    fn is_nothing(&self) -> bool {
        self.calls == 0 && self.streams == 0 && self.waiting == 0 && self.bytes == 0
    }
}

/// What a caller takes up, until this is dropped.
#[derive(Debug)]
struct Part {
    of: Arc<Shares>,
    caller: Caller,
    what: What,
}

impl Share {
    /// Half of what there is.
    pub(in crate::rpc) fn new(limits: &Limits) -> Self {
        let shares = || Shares {
            calls_max: limits.calls_max.div_ceil(2),
            streams_max: limits.streams_max.div_ceil(2),
            waiting_max: QUEUE_MAX.div_ceil(2),
            bytes_max: usize::try_from(EVERYWHERE_BYTES / 2).unwrap_or(usize::MAX),
            taken: Mutex::default(),
        };
        Self(limits.caller_calls_per_second.map(|_| Arc::new(shares())))
    }
}

impl Shares {
    /// Something more of a caller who has less of it than may be. What comes at once is taken whole:
    /// else a batch that is larger than the share could never come.
    fn another(self: &Arc<Self>, caller: &Caller, what: What) -> Option<Part> {
        let most = match what {
            What::Call(Shape::Unary) => self.calls_max,
            What::Call(Shape::Streaming) => self.streams_max,
            What::Commands(_) => self.waiting_max,
            What::Bytes(_) => self.bytes_max,
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(caller.clone()).or_default().of(what);
        if *count >= most {
            return None;
        }
        *count = count.saturating_add(what.count());
        Some(Part { of: Arc::clone(self), caller: caller.clone(), what })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut all = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = all.get_mut(&self.caller) {
            let count = taken.of(self.what);
            *count = count.saturating_sub(self.what.count());
            if taken.is_nothing() {
                all.remove(&self.caller);
            }
        }
    }
}

/// What a caller may have waiting of the commands of its streams and batches; stands among the
/// extensions of each request whose caller is known.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Waiting(Option<(Arc<Shares>, Caller)>);

/// Room for commands that wait, until this is dropped.
#[derive(Debug)]
pub(in crate::rpc) struct Room {
    _part: Option<Part>,
}

impl Waiting {
    /// What the caller of a request may have.
    ///
    /// # Errors
    /// INTERNAL if no [`Share`] stands before the service.
    pub(in crate::rpc) fn of<T>(request: &tonic::Request<T>) -> Result<Self, Status> {
        request.extensions().get::<Self>().cloned().ok_or_else(status::defect)
    }

    /// Room for so many commands.
    ///
    /// # Errors
    /// `RESOURCE_EXHAUSTED` if half of the queue is the caller's already.
    pub(in crate::rpc) fn room(&self, commands: usize) -> Result<Room, Status> {
        let Some((shares, caller)) = &self.0 else { return Ok(Room { _part: None }) };
        let part = shares.another(caller, What::Commands(commands));
        part.map(|part| Room { _part: Some(part) }).ok_or_else(status::too_many_waiting_of_one)
    }
}

impl Around for Share {
    fn answer<S: Inner>(&self, inner: &mut S, mut request: Request<Body>) -> Answer {
        let identity = request.extensions().get::<Arc<Identity>>();
        let known = identity.map(|it| (it.organisation.clone(), it.login.as_str().into()));
        let (Some(shares), Some(caller)) = (&self.0, known) else {
            request.extensions_mut().insert(Waiting(None));
            return Box::pin(inner.call(request));
        };
        let shape = Method::of(&request);
        let Some(call) = shares.another(&caller, What::Call(shape)) else {
            return answered(status::too_many_of_one());
        };
        request.extensions_mut().insert(Waiting(Some((Arc::clone(shares), caller.clone()))));
        let (shares, answer) = (Arc::clone(shares), inner.call(request));
        Box::pin(async move {
            let answer = answer.await?;
            if shape == Shape::Streaming {
                return Ok(hold(answer, call));
            }
            let (encoded, bytes) = encoded(answer).await;
            Ok(match shares.another(&caller, What::Bytes(bytes)) {
                Some(weight) => hold(encoded, (call, weight)),
                None => status::too_much_unread().into_http(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(shares: &Arc<Shares>, login: &str) -> Waiting {
        let organisation = OrganisationId::parse("ofsted").unwrap();
        Waiting(Some((Arc::clone(shares), (organisation, login.into()))))
    }

    #[test]
    fn no_caller_has_more_than_half_of_the_queue_and_what_is_answered_makes_room() {
        let Share(shares) = Share::new(&Limits::STANDARD);
        let shares = shares.unwrap();
        let (greedy, other) = (waiting(&shares, "a.greedy"), waiting(&shares, "b.other"));
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
        assert!(shares.taken.lock().unwrap().is_empty(), "nobody is remembered");
    }

    #[test]
    fn no_caller_has_more_than_half_of_the_bytes_that_wait() {
        let Share(shares) = Share::new(&Limits::STANDARD);
        let shares = shares.unwrap();
        let (organisation, half) = (OrganisationId::parse("ofsted").unwrap(), shares.bytes_max);
        let (one, other) = ((organisation.clone(), "one".into()), (organisation, "other".into()));
        let answer = |of, bytes| shares.another(of, What::Bytes(bytes));
        // One answer may always wait, however large it is.
        let first = answer(&one, half.saturating_mul(2)).unwrap();
        assert!(answer(&one, 1).is_none());
        assert!(answer(&other, half).is_some(), "the rest is for others");
        drop(first);
        assert!(answer(&one, 1).is_some());
        assert!(shares.taken.lock().unwrap().is_empty(), "nobody is remembered");
    }

    #[test]
    fn without_a_rate_one_caller_may_have_all() {
        let without = Limits { caller_calls_per_second: None, ..Limits::STANDARD };
        let Share(shares) = Share::new(&without);
        assert!(shares.is_none());
        let all: Vec<_> = (0..QUEUE_MAX * 2).map(|_| Waiting(None).room(1)).collect();
        assert!(all.iter().all(Result::is_ok));
    }
}
