//! What became of a redaction that was asked for or decided, and what comes next.

use super::{lines, plain};
use crate::{
    pb,
    wording::{rows::stream, time, words},
};

/// A redaction was asked for.
pub(in crate::cli) fn redaction_requested(
    width: u16,
    asked: &pb::RequestRedactionRequest,
    receipt: &pb::Receipt,
) -> Vec<String> {
    let basis = words(asked.legal_basis().as_str_name(), "LEGAL_BASIS_");
    let mut told = vec![
        ("Asked for", recorded(receipt)),
        ("What", format!("{} of record {} ({basis})", asked.field, asked.position)),
        ("Instead", asked.replacement.clone()),
    ];
    if !asked.reference.is_empty() {
        told.push(("Reference", asked.reference.clone()));
    }
    if !receipt.validated_only {
        let at = receipt.position;
        let next = format!(
            "another records officer decides: `judgement-ledger redact approve {at}`, or `refuse`"
        );
        told.push(("Next", next));
    }
    table(width, told)
}

/// It was ordered.
pub(in crate::cli) fn redaction_ordered(
    width: u16,
    request: u64,
    receipt: &pb::Receipt,
) -> Vec<String> {
    let mut told = vec![("Ordered", recorded(receipt)), ("Asked for", format!("record {request}"))];
    if !receipt.validated_only {
        let next = "nobody reads the text any more, and its key is destroyed soon: \
                    `judgement-ledger audit --event RedactionCompleted` says when";
        told.push(("Next", next.to_owned()));
    }
    table(width, told)
}

/// It was refused.
pub(in crate::cli) fn redaction_refused(
    width: u16,
    (request, ground): (u64, &str),
    receipt: &pb::Receipt,
) -> Vec<String> {
    let told = vec![
        ("Refused", recorded(receipt)),
        ("Asked for", format!("record {request}")),
        ("Why not", ground.to_owned()),
    ];
    table(width, told)
}

/// Where and when something was recorded, or that it was only checked.
fn recorded(receipt: &pb::Receipt) -> String {
    let of = stream(&receipt.stream);
    if receipt.validated_only {
        return format!("of {of}: only checked, nothing was recorded");
    }
    let again = if receipt.replayed { ", already" } else { "" };
    let at = time(receipt.recorded_at.as_ref());
    format!("record {} of {of}, {at} UTC{again}", receipt.position)
}

fn table(width: u16, told: Vec<(&str, String)>) -> Vec<String> {
    let mut table = plain(width);
    for (label, said) in told {
        table.add_row([label.to_owned(), said]);
    }
    lines(&table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> pb::Receipt {
        let seconds = 1_164_016_800;
        pb::Receipt {
            stream: "subjects/leicester-city/assessments/apa-2006".to_owned(),
            position: 15,
            recorded_at: Some(prost_types::Timestamp { seconds, nanos: 0 }),
            ..pb::Receipt::default()
        }
    }

    #[test]
    fn what_is_asked_for_says_who_comes_next() {
        let asked = pb::RequestRedactionRequest {
            position: 12,
            field: "rationale".to_owned(),
            legal_basis: pb::LegalBasis::ErasureRequest.into(),
            replacement: "a child".to_owned(),
            reference: "2006/17".to_owned(),
            ..pb::RequestRedactionRequest::default()
        };
        assert_eq!(
            redaction_requested(100, &asked, &receipt()).join("\n"),
            " Asked for  record 15 of leicester-city/apa-2006, 2006-11-20 10:00:00 UTC
 What       rationale of record 12 (erasure request)
 Instead    a child
 Reference  2006/17
 Next       another records officer decides: `judgement-ledger redact approve 15`, or `refuse`"
        );
    }

    #[test]
    fn a_decision_says_what_it_was_made_on() {
        let ordered = redaction_ordered(100, 15, &pb::Receipt { replayed: true, ..receipt() });
        assert!(ordered[0].ends_with("10:00:00 UTC, already"), "{ordered:?}");
        assert_eq!(ordered[1], " Asked for  record 15");
        let checked = pb::Receipt { validated_only: true, ..receipt() };
        assert_eq!(
            redaction_ordered(100, 15, &checked).join("\n"),
            " Ordered    of leicester-city/apa-2006: only checked, nothing was recorded
 Asked for  record 15"
        );
        let refused = redaction_refused(100, (15, "a court has it"), &receipt());
        assert_eq!(refused[2], " Why not    a court has it");
    }
}
