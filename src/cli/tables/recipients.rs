//! Who received what, in a table.

use super::{keep, lines, listing};
use crate::{
    pb,
    wording::{person, text, time, words},
};

/// Who received what, oldest first.
pub(in crate::cli) fn recipients(width: u16, recipients: &[pb::Recipient]) -> Vec<String> {
    if recipients.is_empty() {
        return vec!["nobody received anything".to_owned()];
    }
    let mut table = listing(width, ["Record", "When", "Who", "What", "For what"]);
    keep(&mut table, [0, 1]);
    for one in recipients {
        table.add_row([
            one.position.to_string(),
            time(one.recorded_at.as_ref()),
            who(one),
            what(one),
            text(one.purpose.as_ref()).unwrap_or_default(),
        ]);
    }
    lines(&table)
}

fn who(one: &pb::Recipient) -> String {
    let named = text(one.name.as_ref()).or_else(|| one.person.as_ref().map(|it| person(Some(it))));
    let of =
        [one.organisation.as_str(), one.audience.as_str()].into_iter().find(|it| !it.is_empty());
    match (named, of) {
        (Some(named), Some(of)) => format!("{named} ({of})"),
        (Some(named), None) => named,
        (None, of) => of.unwrap_or_default().to_owned(),
    }
}

fn what(one: &pb::Recipient) -> String {
    let kind = words(one.recipient_kind().as_str_name(), "RECIPIENT_KIND_");
    let which = match one.recipient_kind() {
        pb::RecipientKind::Draft => format!(" {}, as of record {}", one.draft, one.last_position),
        pb::RecipientKind::Letter | pb::RecipientKind::Grades => {
            format!(" of edition {}", one.edition)
        }
        pb::RecipientKind::Trail
        | pb::RecipientKind::Case
        | pb::RecipientKind::Evidence
        | pb::RecipientKind::Stream
        | pb::RecipientKind::Unspecified => {
            format!(", records {} to {}", one.first_position, one.last_position)
        }
    };
    format!("{kind}{which}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_recipient_has_a_line() {
        let said = |text: &str| pb::Text { state: Some(pb::text::State::Present(text.to_owned())) };
        let draft = pb::Recipient {
            recipient_kind: i32::from(pb::RecipientKind::Draft),
            position: 40,
            name: Some(said("the council")),
            audience: "addressee".to_owned(),
            draft: "draft-1".to_owned(),
            last_position: 39,
            ..pb::Recipient::default()
        };
        let letter = pb::Recipient {
            recipient_kind: i32::from(pb::RecipientKind::Letter),
            position: 50,
            audience: "addressee".to_owned(),
            edition: 1,
            ..pb::Recipient::default()
        };
        let case = pb::Recipient {
            recipient_kind: i32::from(pb::RecipientKind::Case),
            position: 60,
            person: Some(pb::Person { name: Some(said("rita")), ..pb::Person::default() }),
            organisation: "ofsted".to_owned(),
            purpose: Some(said("CO/1234/2007")),
            first_position: 10,
            last_position: 50,
            ..pb::Recipient::default()
        };
        let shown = recipients(120, &[draft, letter, case]).join("\n");
        for part in [
            "the council (addressee)",
            "draft draft-1, as of record 39",
            "letter of edition 1",
            "rita (ofsted)",
            "case, records 10 to 50",
            "CO/1234/2007",
        ] {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
        assert_eq!(recipients(80, &[]), ["nobody received anything"]);
    }
}
