//! What leaves the ledger: disclosures as a table, scores as lines.

use super::{at_least, keep, lines, listing};
use crate::{
    pb::{self, feed_item::Kind},
    wording::{NOTHING, award, date, label, rows::stream},
};

/// Wide enough for the names of most areas.
const AREA_WIDTH: u16 = 36;

/// What one recipient sees of an edition.
pub(in crate::cli) fn disclosure(width: u16, it: &pb::Disclosure) -> Vec<String> {
    let dated = date(it.letter_date.as_ref()).unwrap_or_else(|| NOTHING.to_owned());
    let audiences = match it.audiences.as_slice() {
        [] => "no audience of the framework".to_owned(),
        audiences => audiences.join(", "),
    };
    let mut out = vec![
        it.name.clone(),
        format!("Edition {} of {dated}, as {} sees it ({audiences}).", it.edition, it.recipient),
        if it.letter { "The letter is sent to it." } else { "It gets no letter." }.to_owned(),
    ];
    out.extend(it.feeds.iter().map(|feed| {
        let block = if feed.block.is_empty() { "the whole" } else { &feed.block };
        format!("It is fed {} as {block} of {}.", feed.area, feed.scheme)
    }));
    out.push(String::new());
    if it.judgements.is_empty() {
        out.push("No grade is visible to it.".to_owned());
        return out;
    }
    let mut table = listing(width, ["Area for judgement", "Grade", "Record"]);
    for judgement in &it.judgements {
        let grade = match judgement.description.as_str() {
            "" => award(judgement.award.as_ref()),
            called => format!("{}: {called}", award(judgement.award.as_ref())),
        };
        let position = judgement.position.to_string();
        table.add_row([label(&judgement.area_label), grade, position]);
    }
    keep(&mut table, [2]);
    at_least(&mut table, 0, AREA_WIDTH);
    out.extend(lines(&table));
    out
}

/// What one publication brought about: of each item the score, and where it comes from.
pub(in crate::cli) fn scores(update: &pb::FeedUpdate) -> Vec<String> {
    let score = |it: &pb::FeedItem| {
        let block = if it.block.is_empty() { &it.scheme } else { &it.block };
        let given = value(it.kind(), it.award.as_ref());
        let fallback = if it.fallback { " (fallback)" } else { "" };
        let (subject, assessment) = (stream(&it.subject), stream(&it.assessment));
        let from = match it.position {
            0 => String::new(),
            position => format!(", record {position}"),
        };
        let corrected = it.corrects.as_ref().map(|was| {
            let before = Kind::try_from(was.kind).unwrap_or(Kind::Unspecified);
            let former = value(before, was.award.as_ref());
            let elsewhere = if was.assessment == it.assessment {
                String::new()
            } else {
                format!(" of {}", stream(&was.assessment))
            };
            format!("; corrects {former} of edition {}{elsewhere}", was.edition)
        });
        let corrected = corrected.unwrap_or_default();
        [
            format!("{:>6}  {subject}  {block}: {given}{fallback}", update.position),
            format!("        edition {} of {assessment}{from}{corrected}", it.edition),
        ]
    };
    update.items.iter().flat_map(score).collect()
}

/// The value as its consumer writes it.
fn value(kind: Kind, given: Option<&pb::Award>) -> String {
    match kind {
        Kind::Score => award(given),
        Kind::SubjectToReview => "S/R".to_owned(),
        Kind::NotApplicable => "N/A".to_owned(),
        Kind::NotRated => "not rated".to_owned(),
        Kind::Unspecified => NOTHING.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::tables::sample, pb::google::r#type::Date};

    fn three() -> pb::Award {
        pb::Award { scale: "apa-1-4".to_owned(), level: "3".to_owned(), ..pb::Award::default() }
    }

    #[test]
    fn a_disclosure_says_who_sees_what_and_what_else_they_get() {
        let mut it = pb::Disclosure {
            name: "subjects/leicester-city/assessments/apa-2006".to_owned(),
            recipient: "audit-commission".to_owned(),
            audiences: vec!["audit-commission".to_owned()],
            edition: 1,
            letter_date: Some(Date { year: 2006, month: 11, day: 1 }),
            judgements: vec![pb::Judgement {
                area_label: "*Children's services*".to_owned(),
                award: Some(three()),
                description: "Good".to_owned(),
                position: 70,
                ..pb::Judgement::default()
            }],
            feeds: vec![pb::DisclosedFeed {
                area: "childrens-services".to_owned(),
                scheme: "CPA".to_owned(),
                block: String::new(),
            }],
            ..pb::Disclosure::default()
        };
        assert_eq!(
            disclosure(80, &it).join("\n"),
            "subjects/leicester-city/assessments/apa-2006
Edition 1 of 2006-11-01, as audit-commission sees it (audit-commission).
It gets no letter.
It is fed childrens-services as the whole of CPA.

 Area for judgement                   Grade     Record
───────────────────────────────────────────────────────
 Children's services                  3: Good   70"
        );
        it.judgements.clear();
        let blind = disclosure(80, &it);
        assert_eq!(blind.last().map(String::as_str), Some("No grade is visible to it."));
    }

    #[test]
    fn a_score_says_where_it_comes_from_and_what_it_corrects() {
        let mut update = sample::score();
        assert_eq!(
            scores(&update),
            [
                "    82  leicester-city  children: 4",
                "        edition 2 of leicester-city/apa-2006, record 77; corrects 3 of edition 1"
            ]
        );
        let item = &mut update.items[0];
        (item.kind, item.position, item.fallback) = (Kind::NotRated.into(), 0, true);
        let corrects = item.corrects.as_mut().unwrap();
        corrects.kind = Kind::SubjectToReview.into();
        corrects.assessment = "subjects/leicester-city/assessments/apa-2005".to_owned();
        assert_eq!(
            scores(&update),
            [
                "    82  leicester-city  children: not rated (fallback)",
                "        edition 2 of leicester-city/apa-2006; corrects S/R of edition 1 of \
                 leicester-city/apa-2005"
            ]
        );
    }
}
