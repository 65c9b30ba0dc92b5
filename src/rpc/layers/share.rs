//! How much of the room for calls one caller may take.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::Request;
use tonic::body::Body;

use super::{
    Answer, Around, Inner, Method, Shape, answered,
    limit::hold,
    weighed::{self, encoded},
};
use crate::{
    judgement::OrganisationId,
    rpc::{caller::Identity, options::Limits, status},
};

/// Answers `RESOURCE_EXHAUSTED` to who has half of all calls, or half of all streams, under way, or half of
/// all bytes of answers waiting: there is always room for somebody else. Stands behind whatever says who calls. Where one caller may call as
/// often as it likes, it may also have all that there is.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Share(Option<Arc<Shares>>);

#[derive(Debug)]
struct Shares {
    calls_max: usize,
    streams_max: usize,
    bytes_max: usize,
    /// What is under way, of each caller who has something. Held for a count.
    taken: Mutex<HashMap<Caller, Taken>>,
}

type Caller = (OrganisationId, Box<str>);

#[derive(Debug, Default)]
struct Taken {
    calls: usize,
    streams: usize,
    /// Of answers to its calls.
    bytes: usize,
}

impl Taken {
    fn of(&mut self, shape: Shape) -> &mut usize {
        match shape {
            Shape::Unary => &mut self.calls,
            Shape::Streaming => &mut self.streams,
        }
    }
}

/// One call of a caller, until this is dropped.
struct Part {
    of: Arc<Shares>,
    caller: Caller,
    shape: Shape,
    bytes: usize,
}

impl Share {
    /// Half of what there is.
    pub(in crate::rpc) fn new(limits: &Limits) -> Self {
        let shares = || Shares {
            calls_max: limits.calls_max.div_ceil(2),
            streams_max: limits.streams_max.div_ceil(2),
            bytes_max: usize::try_from(weighed::EVERYWHERE_BYTES / 2).unwrap_or(usize::MAX),
            taken: Mutex::default(),
        };
        Self(limits.caller_calls_per_second.map(|_| Arc::new(shares())))
    }
}

impl Shares {
    fn another(self: &Arc<Self>, caller: Caller, shape: Shape) -> Option<Part> {
        let most = match shape {
            Shape::Unary => self.calls_max,
            Shape::Streaming => self.streams_max,
        };
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(caller.clone()).or_default().of(shape);
        if *count >= most {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Part { of: Arc::clone(self), caller, shape, bytes: 0 })
    }
}

impl Part {
    /// So many bytes answer it, if there may be so many. One answer may always be there.
    fn weighs(&mut self, bytes: usize) -> Option<()> {
        let mut all = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = all.get_mut(&self.caller)?;
        let more = taken.bytes.saturating_add(bytes);
        if taken.bytes > 0 && more > self.of.bytes_max {
            return None;
        }
        (taken.bytes, self.bytes) = (more, bytes);
        Some(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut all = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = all.get_mut(&self.caller) {
            let count = taken.of(self.shape);
            *count = count.saturating_sub(1);
            taken.bytes = taken.bytes.saturating_sub(self.bytes);
            if taken.calls == 0 && taken.streams == 0 {
                all.remove(&self.caller);
            }
        }
    }
}

impl Around for Share {
    fn answer<S: Inner>(&self, inner: &mut S, request: Request<Body>) -> Answer {
        let (Some(shares), Some(identity)) = (&self.0, request.extensions().get::<Arc<Identity>>())
        else {
            return Box::pin(inner.call(request));
        };
        let caller = (identity.organisation.clone(), identity.login.as_str().into());
        let shape = Method::of(&request);
        let Some(mut part) = shares.another(caller, shape) else {
            return answered(status::too_many_of_one());
        };
        let answer = inner.call(request);
        Box::pin(async move {
            let answer = answer.await?;
            if shape == Shape::Streaming {
                return Ok(hold(answer, part));
            }
            let (encoded, bytes) = encoded(answer).await;
            match part.weighs(bytes) {
                Some(()) => Ok(hold(encoded, part)),
                None => Ok(status::too_much_unread().into_http()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_caller_has_at_most_half_of_the_bytes_that_wait() {
        let half = usize::try_from(weighed::EVERYWHERE_BYTES / 2).unwrap();
        let Share(Some(shares)) = Share::new(&Limits::STANDARD) else { panic!("there is a limit") };
        let call = |login: &str| {
            let caller = (OrganisationId::parse("ofsted").unwrap(), login.into());
            shares.another(caller, Shape::Unary).unwrap()
        };
        let (mut first, mut second, mut third) = (call("one"), call("one"), call("one"));
        assert!(first.weighs(half).is_some());
        assert!(second.weighs(1).is_none());
        assert!(call("other").weighs(half).is_some(), "the rest is for others");
        drop(first);
        assert!(second.weighs(half.saturating_mul(2)).is_some(), "one answer may always wait");
        assert!(third.weighs(1).is_none());
        drop((second, third));
        assert!(shares.taken.lock().unwrap().is_empty());
    }
}
