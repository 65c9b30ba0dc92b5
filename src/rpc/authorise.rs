//! Lets a caller pass who has, in some case or other, the right to what is called. **Before the request
//! is read**, so that the refusal can tell nothing of what was asked about: the same answer whether it
//! is there, well formed, or neither. (Spec §5.3) Which case it is, and of whose assessment, is decided
//! further in, by the same table.

use std::{collections::HashMap, sync::Arc};

use http::Request;
use tonic::body::Body;

use super::{
    caller::Identity,
    layers::{Answer, Around, Inner, answered},
    status::{self, Problem, Reason},
};
use crate::judgement::{Deed, Role, When, rights};

/// The package of the services.
const PACKAGE: &str = "judgement.ledger.v1";

/// Lets those pass who may.
#[derive(Debug, Clone)]
pub(super) struct Authorise(Arc<HashMap<String, Needs>>);

/// Which roles may, in some case.
#[derive(Debug)]
struct Needs {
    roles: Vec<Role>,
    /// The same in words, with the case where a role may in that alone.
    words: String,
}

impl Needs {
    fn of(deed: Deed) -> Self {
        let roles = rights::roles_in_any_case(deed);
        let cases = |role: Role| {
            let rows = rights::RIGHTS.iter();
            let may = rows.filter(move |row| row.deed == deed && row.roles.contains(&role));
            may.map(|row| row.when).collect::<Vec<_>>()
        };
        let all: Vec<_> = rights::RIGHTS.iter().filter(|row| row.deed == deed).collect();
        let words = roles.iter().map(|role| match cases(*role).as_slice() {
            [When::Transcribed] if all.len() > 1 => {
                format!("{} (where {})", role.as_str(), When::Transcribed.words())
            }
            _ => role.as_str().to_owned(),
        });
        let words = words.collect::<Vec<_>>().join(", ");
        Self { roles, words }
    }

    /// The refusal of who has none of them.
    fn lacking(&self) -> tonic::Status {
        let message = format!("calls of this method need one of the roles {}", self.words);
        let roles: Vec<_> = self.roles.iter().map(|role| role.as_str()).collect();
        Problem::new(Reason::NotPermitted, message).with_list("roles", &roles).status()
    }
}

impl Authorise {
    pub(super) fn new() -> Self {
        let rights = Deed::ALL.iter().map(|deed| (path(*deed), Needs::of(*deed)));
        Self(Arc::new(rights.collect()))
    }
}

/// The path by which a deed is called.
fn path(deed: Deed) -> String {
    let (service, call) = deed.call();
    format!("/{PACKAGE}.{service}/{call}")
}

impl Around for Authorise {
    fn answer<S: Inner>(&self, inner: &mut S, request: Request<Body>) -> Answer {
        let needs = self.0.get(request.uri().path());
        let who = request.extensions().get::<Arc<Identity>>();
        match (needs, who) {
            (Some(needs), Some(who)) if !who.has_one_of(&needs.roles) => answered(needs.lacking()),
            // Nobody is known only where anybody may call.
            (Some(_), None) => answered(status::no_credential()),
            // A path that no right is given to is none of ours: who answers it says so.
            (Some(_), Some(_)) | (None, _) => Box::pin(inner.call(request)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    use super::*;
    use crate::pb;

    /// Spec §5.3: a call without a row would be open to everybody.
    #[test]
    fn every_call_of_the_proto_has_its_rows_and_every_row_its_call() {
        let set = FileDescriptorSet::decode(pb::DESCRIPTORS).unwrap();
        let mut calls = BTreeSet::new();
        for file in set.file.iter().filter(|file| file.package() == PACKAGE) {
            for service in &file.service {
                for method in &service.method {
                    calls.insert(format!("/{PACKAGE}.{}/{}", service.name(), method.name()));
                }
            }
        }
        let deeds = Deed::ALL.iter().filter(|deed| deed.call().0 != "Itself");
        let rows: BTreeSet<_> = deeds.map(|deed| path(*deed)).collect();
        assert_eq!(calls, rows);
    }

    #[test]
    fn a_role_that_will_do_in_one_case_alone_is_named_with_it() {
        let needs = |deed| Needs::of(deed).words;
        assert_eq!(
            needs(Deed::RegisterSubject),
            "framework-admin, records-officer (where history is entered)"
        );
        assert_eq!(needs(Deed::ApproveRedaction), "records-officer");
        assert!(needs(Deed::GetAssessment).ends_with("framework-admin, consumer"));
    }

    #[test]
    fn the_printed_table_is_the_table() {
        let printed = include_str!("rights.md");
        assert!(printed.ends_with(&table()), "src/rpc/rights.md must end with:\n{}", table());
    }

    /// The table as the docs show it.
    fn table() -> String {
        let mut lines = vec![
            "| call | in which case | roles | organisation |".to_owned(),
            "|---|---|---|---|".to_owned(),
        ];
        for right in rights::RIGHTS {
            let (service, call) = right.deed.call();
            let called = match service {
                "Itself" => format!("*{call}*"),
                _ => format!("`{call}`"),
            };
            let roles: Vec<_> = right.roles.iter().map(|role| role.as_str()).collect();
            let (when, whose) = (right.when.words(), right.whose.words());
            lines.push(format!("| {called} | {when} | {} | {whose} |", roles.join(", ")));
        }
        lines.push(String::new());
        lines.join("\n")
    }
}
