//! How often one caller may call.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use governor::{
    DefaultKeyedRateLimiter, Quota,
    clock::{Clock as _, DefaultClock},
};
use http::Request;
use tonic::body::Body;

use super::{Answer, Around, Inner, answered};
use crate::{
    judgement::OrganisationId,
    rpc::{caller::Identity, status},
};

/// After how many calls those are forgotten who have not called for a while.
const FORGET_EVERY: u32 = 65_536;

/// Answers `RESOURCE_EXHAUSTED` to who calls too often, with when to come back. Stands behind whatever
/// says who calls: nobody uses up what is another's. Who is not known is limited elsewhere.
#[derive(Debug, Clone)]
pub(in crate::rpc) struct Rate(Option<Arc<Limiter>>);

#[derive(Debug)]
struct Limiter {
    callers: DefaultKeyedRateLimiter<(OrganisationId, Box<str>)>,
    calls: AtomicU32,
}

impl Rate {
    /// So many calls in a second, and as many saved up.
    pub(in crate::rpc) fn new(per_second: Option<NonZeroU32>) -> Self {
        let limiter = |rate| Limiter {
            callers: DefaultKeyedRateLimiter::keyed(Quota::per_second(rate)),
            calls: AtomicU32::new(0),
        };
        Self(per_second.map(limiter).map(Arc::new))
    }
}

impl Around for Rate {
    fn answer<S: Inner>(&self, inner: &mut S, request: Request<Body>) -> Answer {
        if let (Some(limiter), Some(identity)) =
            (&self.0, request.extensions().get::<Arc<Identity>>())
        {
            if limiter.calls.fetch_add(1, Ordering::Relaxed) % FORGET_EVERY == FORGET_EVERY - 1 {
                limiter.callers.retain_recent();
            }
            let caller = (identity.organisation.clone(), identity.login.as_str().into());
            if let Err(not_until) = limiter.callers.check_key(&caller) {
                let again_in = not_until.wait_time_from(DefaultClock::default().now());
                return answered(status::too_frequent(again_in));
            }
        }
        Box::pin(inner.call(request))
    }
}
