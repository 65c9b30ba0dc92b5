//! Pages of lists: how many, from where on, and as of which moment.
//!
//! A page token holds the last position that was examined and the moment that the first page
//! reflected, so that all pages of a list reflect that moment, whatever is recorded meanwhile. It
//! is bound to the request that it continues.
//!
//! A token is opaque and versioned, but no secret: its checksum has no key, so that it outlives a
//! restart and is good at every replica. The checksum protects callers from their own mistakes: a
//! token of another list, of the same list filtered differently, cut short or mistyped. It is no
//! protection against forgery and need not be: two positions are all that a forger could choose,
//! and every page is authorised and filtered anew.

use std::ops::ControlFlow;

use prost::Message;

use super::asked::Asked;
use crate::{
    judgement::Position,
    ledger::KnownAt,
    merkle::{Hash, sha256},
};

/// The size of a page where none is asked for: a screenful.
const PAGE_DEFAULT: usize = 50;

/// The largest page, in rows.
const PAGE_MAX: usize = 1_000;

/// The largest page, in bytes as encoded: clients take messages of 4 MiB unless told otherwise,
/// and a row may carry a rationale of 64 KiB.
const PAGE_BYTES_MAX: usize = 3 * 1024 * 1024;

/// The domain of the checksum; the version of the format is part of it.
const TOKEN: &[u8] = b"judgement-ledger/page-token/v1";

/// The domain of the digest of the request that a token is bound to.
const REQUEST: &[u8] = b"judgement-ledger/list-request/v1";

/// What every token of this version begins with.
const VERSION: &str = "1";

/// The hexadecimal digits of a position in a token.
const POSITION_DIGITS: usize = 16;

/// The page of a list that a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Paging {
    request: Hash,
    /// At most so many rows.
    pub(crate) limit: usize,
    token: Option<PageToken>,
}

/// Where a list goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PageToken {
    /// The last position that was examined.
    last: Position,
    /// The moment that all pages reflect.
    moment: Position,
}

impl Paging {
    /// Takes the fields `page_size` and `page_token` of a request. `method` and `request`, the
    /// message without the fields that only say which page and when it is answered, say what is
    /// listed: a token is good for that alone.
    pub(crate) fn take(
        asked: &mut Asked,
        method: &'static str,
        request: &impl Message,
        size: i32,
        token: &str,
    ) -> Option<Self> {
        let request = sha256(&[REQUEST, method.as_bytes(), &[0], &request.encode_to_vec()]);
        let limit = match usize::try_from(size) {
            Ok(0) => Some(PAGE_DEFAULT),
            Ok(size) => Some(size.min(PAGE_MAX)),
            Err(_) => asked.violation("page_size", "must not be negative"),
        };
        if token.is_empty() {
            return Some(Self { request, limit: limit?, token: None });
        }
        let given = PageToken::read(token, &request).or_else(|| {
            let what = "is no token of this list: give back the next_page_token of the page \
                        before, with all other fields as they were";
            asked.violation("page_token", what)
        });
        Some(Self { request, limit: limit?, token: Some(given?) })
    }

    /// The position after which this page begins; `None` for the first page.
    pub(crate) fn from(&self) -> Option<Position> {
        self.token.map(|token| token.last)
    }

    /// The moment that this page reflects: that of the first page, on which it is `asked`.
    pub(crate) fn known(&self, asked: KnownAt) -> KnownAt {
        self.token.map_or(asked, |token| KnownAt::Position(token.moment))
    }

    /// The token of the page after `last`; empty if there is none.
    pub(crate) fn next(&self, last: Option<Position>, moment: Position) -> String {
        last.map_or_else(String::new, |last| PageToken { last, moment }.write(&self.request))
    }
}

/// The rows of a page, as they fit into one message.
#[derive(Debug)]
pub(crate) struct Page<M> {
    /// The rows, in the order of the list.
    pub(crate) rows: Vec<M>,
    /// Where the next page goes on: after this position. `None` at the end.
    pub(crate) next: Option<Position>,
    last: Option<Position>,
    bytes: usize,
}

impl<M: Message> Page<M> {
    /// A page without a row; unless it overflows, the list goes on after `next`.
    pub(crate) fn new(next: Option<Position>) -> Self {
        Self { rows: Vec::new(), next, last: None, bytes: 0 }
    }

    /// As [`Page::new`], in an answer that has `bytes` without its rows.
    pub(crate) fn beside(bytes: usize, next: Option<Position>) -> Self {
        Self { bytes, ..Self::new(next) }
    }

    /// Takes a row while there is room; one row always has room. Once a row had none, the list
    /// goes on with that row and nothing more must be taken.
    pub(crate) fn take(&mut self, at: Position, row: M) -> ControlFlow<()> {
        let bytes = self.bytes.saturating_add(row.encoded_len());
        if self.last.is_some() && bytes > PAGE_BYTES_MAX {
            self.next = self.last;
            return ControlFlow::Break(());
        }
        (self.last, self.bytes) = (Some(at), bytes);
        self.rows.push(row);
        ControlFlow::Continue(())
    }
}

impl PageToken {
    fn write(self, request: &Hash) -> String {
        let (last, moment) = (self.last.get(), self.moment.get());
        let bound = [TOKEN, request.as_bytes(), &last.to_be_bytes(), &moment.to_be_bytes()];
        format!("{VERSION}{last:016x}{moment:016x}{}", sha256(&bound))
    }

    /// The token that is written so, if it is one of `request`. Whether it is shows in writing it
    /// again: so there is one way to write each token.
    fn read(written: &str, request: &Hash) -> Option<Self> {
        let digits = written.strip_prefix(VERSION)?;
        let (last, rest) = digits.split_at_checked(POSITION_DIGITS)?;
        let (moment, _) = rest.split_at_checked(POSITION_DIGITS)?;
        let position = |part| u64::from_str_radix(part, 16).map(Position::new).ok();
        let token = Self { last: position(last)?, moment: position(moment)? };
        (token.write(request) == written).then_some(token)
    }
}

/// See [`crate::fuzzing::page_token`].
pub(crate) fn fuzzed_page_token(written: &str) -> Option<String> {
    let request = sha256(&[REQUEST]);
    PageToken::read(written, &request).map(|token| token.write(&request))
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt;

    use super::*;
    use crate::pb;

    fn request(parent: &str) -> pb::ListAssessmentsRequest {
        pb::ListAssessmentsRequest { parent: parent.to_owned(), ..Default::default() }
    }

    fn take(
        method: &'static str,
        parent: &str,
        size: i32,
        token: &str,
    ) -> Result<Paging, Vec<String>> {
        let mut asked = Asked::default();
        let paging = Paging::take(&mut asked, method, &request(parent), size, token);
        asked.settle(paging).map_err(|status| {
            let violations = status.get_details_bad_request().unwrap().field_violations;
            violations.into_iter().map(|violation| violation.field).collect()
        })
    }

    fn first(parent: &str) -> Paging {
        take("ListAssessments", parent, 0, "").unwrap()
    }

    #[test]
    fn a_token_goes_on_after_the_last_position_at_the_same_moment() {
        let token = first("subjects/a").next(Some(Position::new(17)), Position::new(40));
        let next = take("ListAssessments", "subjects/a", 3, &token).unwrap();
        assert_eq!(next.from(), Some(Position::new(17)));
        assert_eq!(next.known(KnownAt::Now), KnownAt::Position(Position::new(40)));
        assert_eq!(next.limit, 3, "the size of a page is no part of what is listed");
    }

    #[test]
    fn the_first_page_begins_at_the_beginning_at_the_moment_asked_for() {
        assert_eq!(first("").from(), None);
        assert_eq!(first("").known(KnownAt::Now), KnownAt::Now);
        assert_eq!(first("").next(None, Position::new(40)), "");
    }

    #[test]
    fn a_token_of_another_list_is_refused() {
        let token = first("subjects/a").next(Some(Position::new(17)), Position::new(40));
        for (method, parent) in [("ListAssessments", "subjects/b"), ("ListSubjects", "subjects/a")]
        {
            let refused = take(method, parent, 0, &token).unwrap_err();
            assert_eq!(refused, ["page_token"], "{method} {parent}");
        }
    }

    #[test]
    fn a_token_that_was_tampered_with_is_refused() {
        let token = first("").next(Some(Position::new(17)), Position::new(40));
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] = if bytes[index] == b'0' { b'1' } else { b'0' };
            let tampered = String::from_utf8(bytes).unwrap();
            assert!(take("ListAssessments", "", 0, &tampered).is_err(), "digit {index}");
            let cut: String = token.chars().take(index.max(1)).collect();
            assert!(take("ListAssessments", "", 0, &cut).is_err(), "{index} digits");
        }
        for other in ["17", "é", &format!("{token}0"), &token.to_uppercase(), &format!("+{token}")]
        {
            assert!(take("ListAssessments", "", 0, other).is_err(), "{other}");
        }
    }

    #[test]
    fn a_page_has_50_rows_unless_asked_and_1000_at_most() {
        for (size, limit) in [(0, 50), (1, 1), (1_000, 1_000), (1_001, 1_000), (i32::MAX, 1_000)] {
            assert_eq!(take("ListAssessments", "", size, "").unwrap().limit, limit, "{size}");
        }
        assert_eq!(take("ListAssessments", "", -1, "x").unwrap_err(), ["page_size", "page_token"]);
    }

    #[test]
    fn a_page_ends_before_it_is_too_large_and_the_list_goes_on_there() {
        let row = |bytes| pb::Subject { name: "x".repeat(bytes), ..Default::default() };
        let mut page = Page::new(Some(Position::new(9)));
        assert!(page.take(Position::new(1), row(PAGE_BYTES_MAX)).is_continue(), "one always fits");
        assert!(page.take(Position::new(2), row(1)).is_break());
        assert_eq!((page.rows.len(), page.next), (1, Some(Position::new(1))));

        let mut beside = Page::beside(PAGE_BYTES_MAX, None);
        assert!(beside.take(Position::new(1), row(1)).is_continue(), "one always fits");
        assert!(beside.take(Position::new(2), row(1)).is_break());
        assert_eq!(beside.next, Some(Position::new(1)));

        let mut roomy = Page::new(Some(Position::new(9)));
        assert!(roomy.take(Position::new(1), row(100)).is_continue());
        assert!(roomy.take(Position::new(2), row(100)).is_continue());
        assert_eq!((roomy.rows.len(), roomy.next), (2, Some(Position::new(9))));
    }
}
