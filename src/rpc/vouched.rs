//! Whether those who vouched for a client certificate still do. It was checked when its connection was
//! made, and a connection stays for half an hour; meanwhile the authority may take it back, or be
//! trusted no more. So it is asked again: once the files were exchanged, and now and then, since a
//! revocation list ends by the clock alone.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;
use tokio_rustls::rustls::pki_types::CertificateDer;

use super::{
    caller::Now,
    tls::{Spoken, Tls, Verdict},
};

/// How long an answer holds while the files are the same. It costs a signature's check or two.
const HOLDS: Duration = Duration::from_mins(1);

/// The certificates that a client showed, and who is asked about them.
pub(crate) struct Vouched {
    chain: Vec<CertificateDer<'static>>,
    tls: Arc<Tls>,
    now: Now,
    /// Held while they are checked, so that it is done once.
    last: Mutex<Option<Last>>,
}

/// What was found last.
struct Last {
    by: Arc<Spoken>,
    at: Timestamp,
    found: Verdict,
}

impl Vouched {
    /// By `tls`, for what a client showed: its own certificate first.
    pub(super) fn new(chain: &[CertificateDer<'_>], tls: &Arc<Tls>, now: &Now) -> Self {
        let chain = chain.iter().map(|each| each.clone().into_owned()).collect();
        Self { chain, tls: Arc::clone(tls), now: Arc::clone(now), last: Mutex::new(None) }
    }

    /// Whether a connection that showed this would be let in now.
    pub(super) fn judged(&self) -> Verdict {
        let (by, at) = (self.tls.current(), (self.now)());
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = last.as_ref()
            && Arc::ptr_eq(&last.by, &by)
            && Duration::try_from(at.duration_since(last.at)).is_ok_and(|ago| ago < HOLDS)
        {
            return last.found;
        }
        let found = by.judge(&self.chain, at);
        *last = Some(Last { by, at, found });
        found
    }
}

impl fmt::Debug for Vouched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vouched").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}
