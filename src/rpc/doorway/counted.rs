//! Connections, counted by where they come from.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// How many connections there are from each address, of which each may have so many.
#[derive(Debug)]
pub(super) struct ByAddress {
    most: usize,
    /// Held for a count.
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// One of the connections of an address, until this is dropped; or one that is not counted.
#[derive(Debug)]
pub(super) struct OneOf(Option<(Arc<ByAddress>, IpAddr)>);

impl OneOf {
    /// Comes from where nobody counts.
    pub(super) fn uncounted() -> Self {
        Self(None)
    }
}

impl ByAddress {
    pub(super) fn at_most(most: usize) -> Arc<Self> {
        Arc::new(Self { most, counts: Mutex::default() })
    }

    /// One more from there, if there may be.
    pub(super) fn one_more(self: &Arc<Self>, address: IpAddr) -> Option<OneOf> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count = count.saturating_add(1);
        Some(OneOf(Some((Arc::clone(self), address))))
    }
}

impl Drop for OneOf {
    fn drop(&mut self) {
        let Some((all, address)) = &self.0 else { return };
        let mut counts = all.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(address) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                counts.remove(address);
            }
        }
    }
}
