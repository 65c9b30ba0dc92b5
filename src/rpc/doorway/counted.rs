//! Connections and streams, counted by where they come from.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, PoisonError},
};

/// How many there are from each address, of which each may have so many. Of IPv6, addresses are taken
/// together that one network has (64 bits): whoever has one of them has all. (RFC 4291 §2.5.4)
#[derive(Debug)]
pub(crate) struct ByAddress {
    most: usize,
    /// Held for a count.
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// One of those of an address, until this is dropped; or one that is not counted.
#[derive(Debug)]
pub(crate) struct OneOf(Option<(Arc<ByAddress>, IpAddr)>);

impl OneOf {
    /// Comes from where nobody counts.
    pub(crate) fn uncounted() -> Self {
        Self(None)
    }
}

impl ByAddress {
    pub(crate) fn at_most(most: usize) -> Arc<Self> {
        Arc::new(Self { most, counts: Mutex::default() })
    }

    /// One more from there, if there may be. Whatever comes from this machine may have come through a
    /// proxy, from anywhere, and is not counted.
    pub(crate) fn one_more_from_elsewhere(self: &Arc<Self>, address: IpAddr) -> Option<OneOf> {
        if address.to_canonical().is_loopback() {
            return Some(OneOf::uncounted());
        }
        self.one_more(address)
    }

    /// One more from there, if there may be.
    pub(super) fn one_more(self: &Arc<Self>, address: IpAddr) -> Option<OneOf> {
        let address = network(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.most {
            return None;
        }
        *count = count.saturating_add(1);
        Some(OneOf(Some((Arc::clone(self), address))))
    }
}

/// What stands for all addresses that one peer is sure to have.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        of_four @ IpAddr::V4(_) => of_four,
        IpAddr::V6(of_six) => {
            let [a, b, c, d, ..] = of_six.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_network_are_one_peer() {
        let all = ByAddress::at_most(1);
        let one_more = |address: &str| all.one_more(address.parse().unwrap());
        let first = one_more("2001:db8:0:1::1");
        assert!(first.is_some());
        assert!(one_more("2001:db8:0:1:ffff::2").is_none(), "the same network");
        let others = [one_more("2001:db8:0:2::1"), one_more("192.0.2.1"), one_more("192.0.2.2")];
        assert!(others.iter().all(Option::is_some));
        assert!(one_more("::ffff:192.0.2.1").is_none(), "the same address, written otherwise");
        drop(first);
        assert!(one_more("2001:db8:0:1::3").is_some());
    }
}
