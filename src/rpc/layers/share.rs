//! How much of the room for calls one caller may take.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::Request;
use tonic::body::Body;

use super::{Answer, Around, Inner, Method, Shape, answered, limit::hold};
use crate::{
    judgement::OrganisationId,
    rpc::{caller::Identity, options::Limits, status},
};

/// Answers `RESOURCE_EXHAUSTED` to who has half of all calls, or half of all streams, under way: there is
/// always room for somebody else. Stands behind whatever says who calls. Where one caller may call as
/// often as it likes, it may also have all that there is.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Share(Option<Arc<Shares>>);

#[derive(Debug)]
struct Shares {
    calls_max: usize,
    streams_max: usize,
    /// What is under way, of each caller who has something. Held for a count.
    taken: Mutex<HashMap<Caller, Taken>>,
}

type Caller = (OrganisationId, Box<str>);

#[derive(Debug, Default)]
struct Taken {
    calls: usize,
    streams: usize,
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
}

impl Share {
    /// Half of what there is.
    pub(in crate::rpc) fn new(limits: &Limits) -> Self {
        let shares = || Shares {
            calls_max: limits.calls_max.div_ceil(2),
            streams_max: limits.streams_max.div_ceil(2),
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
        Some(Part { of: Arc::clone(self), caller, shape })
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut all = self.of.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(taken) = all.get_mut(&self.caller) {
            let count = taken.of(self.shape);
            *count = count.saturating_sub(1);
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
        let Some(part) = shares.another(caller, Method::of(&request)) else {
            return answered(status::too_many_of_one());
        };
        let answer = inner.call(request);
        Box::pin(async move { Ok(hold(answer.await?, part)) })
    }
}
