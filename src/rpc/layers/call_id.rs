//! The id of a call: by it a client's report and the server's log find each other.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;

/// The header in which a client may say it, and in which it is always answered. It is the call's
/// own; the request id of a command, which makes it safe to send again, stands in the message.
pub(in crate::rpc) const CALL_ID_HEADER: &str = "x-request-id";

/// The longest id that is taken from a client: a UUID and a prefix.
const CALL_ID_BYTES_MAX: usize = 64;

/// The id of a call: short, and of letters, digits, `-`, `_` and `.` alone, so that it can stand in
/// a log as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CallId(HeaderValue);

impl CallId {
    /// As it is sent back.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// As it stands in the log.
    pub(super) fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The one that a client gave, if it is one.
    fn given(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(CALL_ID_HEADER).iter();
        let given = all.next()?;
        let sane = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        let bytes = given.as_bytes();
        let taken = all.next().is_none()
            && !bytes.is_empty()
            && bytes.len() <= CALL_ID_BYTES_MAX
            && bytes.iter().all(sane);
        taken.then(|| Self(given.clone()))
    }
}

/// Makes ids: of a server that runs, and counted.
#[derive(Debug, Clone)]
pub(super) struct CallIds {
    server: Arc<str>,
    made: Arc<AtomicU64>,
}

impl CallIds {
    /// Ids of a server that starts now: no other one makes them, nor this one after its next start, if
    /// they do not start within the same microsecond.
    pub(super) fn since(start: Timestamp) -> Self {
        Self { server: Arc::from(format!("{:x}", start.as_microsecond())), made: Arc::default() }
    }

    /// The id of a call: the client's, if it gave one that can be taken.
    pub(super) fn of(&self, headers: &HeaderMap) -> CallId {
        CallId::given(headers).unwrap_or_else(|| self.make())
    }

    fn make(&self) -> CallId {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let made = HeaderValue::try_from(format!("{}-{number:x}", self.server));
        // Hexadecimal digits and a dash always make a header.
        CallId(made.unwrap_or(const { HeaderValue::from_static("unknown") }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(given: &[&[u8]]) -> String {
        let mut headers = HeaderMap::new();
        for one in given {
            headers.append(CALL_ID_HEADER, HeaderValue::from_bytes(one).unwrap());
        }
        CallIds { server: Arc::from("made"), made: Arc::default() }.of(&headers).as_str().to_owned()
    }

    #[test]
    fn an_id_is_taken_from_the_client_if_it_can_stand_in_a_log() {
        let longest = "x".repeat(64);
        for good in ["018f0000-0000-7000-8000-000000000001", "a", "gate_7.retry-2", &longest] {
            assert_eq!(id(&[good.as_bytes()]), good);
        }
        let longer = "x".repeat(65);
        let bad: [&[u8]; 7] =
            [b"", b"a b", b"a\"b", b"a\tb", b"\xc3\xa4", b"a=b", longer.as_bytes()];
        for given in bad {
            assert_eq!(id(&[given]), "made-0");
        }
        assert_eq!(id(&[]), "made-0");
        assert_eq!(id(&[b"a", b"b"]), "made-0", "of two, neither is the one");
    }

    #[test]
    fn two_servers_and_two_calls_have_other_ids() {
        let at = |start| CallIds::since(Timestamp::from_microsecond(start).unwrap());
        let (one, other) = (at(1_162_339_200_000_000), at(1_162_339_200_000_001));
        let of = |ids: &CallIds| ids.of(&HeaderMap::new()).as_str().to_owned();
        let all = [of(&one), of(&one), of(&other)];
        assert_eq!(all, ["421242f1fe000-0", "421242f1fe000-1", "421242f1fe001-0"]);
    }
}
