//! Scenario 1, its last part: the letter as it is rendered has every text, in the letter's order.

use std::fs;

use judgement_ledger::pb::{self, LetterFormat};
use serde_json::Value;

use super::{data, name, send, steps::steps, strings};
use crate::served::{Served, act, date};

/// The letter itself, as it was sent.
const LETTER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/leicester-2006.txt");

#[tokio::test]
async fn scenario_1_the_letter_is_rendered_with_every_text_in_its_order() {
    let Some((letter, data)) = data::read() else { return };
    let served = Served::start().await;
    served.at("2006-11-01T09:00:00Z");
    send(&served, &steps(&letter, act)).await;

    let html = rendered(&served, "auditor", LetterFormat::Html).await;
    assert_eq!((html.edition, html.letter_date), (1, Some(date(2006, 11, 1))));
    assert_eq!((html.media_type.as_str(), html.superseded_by), ("text/html; charset=utf-8", 0));
    let markdown = rendered(&served, "auditor", LetterFormat::Markdown).await;
    for text in [plain_of_html(&html.text), plain_of_markdown(&markdown.text)] {
        check_order(&text, &data);
        check_quotes(&text, &data);
        check_letter(&text);
    }
    check_page(&html.text);
    // Its addressee gets the same letter.
    for format in [LetterFormat::Html, LetterFormat::Markdown] {
        let sent = rendered(&served, "council", format).await;
        assert_eq!(sent, rendered(&served, "auditor", format).await);
    }
    if let Ok(folder) = std::env::var("JUDGEMENT_LEDGER_LETTER_OUT") {
        fs::write(format!("{folder}/letter.html"), &html.text).unwrap();
        fs::write(format!("{folder}/letter.md"), &markdown.text).unwrap();
    }
    served.stop().await;
}

async fn rendered(served: &Served, login: &str, format: LetterFormat) -> pb::RenderLetterResponse {
    let request = pb::RenderLetterRequest {
        name: name(),
        format: format.into(),
        ..pb::RenderLetterRequest::default()
    };
    served.assessments(login).render_letter(request).await.unwrap().into_inner()
}

/// What a reader of the page reads, white space made one.
fn plain_of_html(html: &str) -> String {
    let body = html.split("<body>").nth(1).unwrap();
    let mut text = String::new();
    for piece in body.split('<') {
        let (tag, said) = piece.split_once('>').unwrap_or(("", piece));
        // What is emphasised or set high stands within a sentence; all else begins a new one.
        if !matches!(tag.trim_start_matches('/'), "em" | "sup" | "strong") {
            text.push(' ');
        }
        text.push_str(said);
    }
    for (entity, letter) in
        [("&#39;", "'"), ("&#34;", "\""), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")]
    {
        text = text.replace(entity, letter);
    }
    assert!(!text.contains("&#"), "an entity is left: {text}");
    one_spaced(&text)
}

/// What a reader of the rendered Markdown reads, white space made one.
fn plain_of_markdown(markdown: &str) -> String {
    let mut text = String::new();
    for line in markdown.replace("<br>", " ").lines() {
        if line.starts_with("| ---") {
            continue;
        }
        let line = line.trim_start_matches(['#', '-']).trim_end_matches('\\');
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => text.extend(letters.next()),
                '*' | '|' | '•' => {}
                letter => text.push(letter),
            }
        }
        text.push(' ');
    }
    one_spaced(&text)
}

fn one_spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The parts of the letter follow each other as in the letter.
fn check_order(text: &str, data: &Value) {
    let mut rest = text;
    let mut after = "the beginning".to_owned();
    for said in in_order(data) {
        let Some((_, from)) = rest.split_once(&said) else {
            panic!("{said:?} does not stand after {after:?} in {rest}")
        };
        (rest, after) = (from, said);
    }
    assert_eq!(rest.trim(), "", "nothing follows");
}

fn in_order(data: &Value) -> Vec<String> {
    let said = |value: &Value| one_spaced(value.as_str().unwrap());
    let list = |value: &Value, key: &str| -> Vec<String> {
        value.as_array().unwrap().iter().map(|it| said(&it[key])).collect()
    };
    let heads = &data["letterhead"]["organisations"];
    let ofsted = &heads[1];
    let mut parts = vec![said(&heads[0]["name"]), said(&heads[0]["strapline"])];
    parts.extend([said(&ofsted["name"]), said(&ofsted["strapline_fragment"])]);
    parts.extend(["address", "telephone", "email", "web"].map(|key| said(&ofsted[key])));
    let to = &data["addressee"];
    parts.extend(["name", "role", "organisation", "quote"].map(|key| said(&to[key])));
    parts.extend([&data["letter_date"]["text"], &data["salutation"], &data["title"]].map(said));
    parts.extend(data["opening"].as_array().unwrap().iter().map(said));
    parts.push("Summary".to_owned());
    let framework = &data["framework"];
    parts.extend([said(&framework["table_heading"]), said(&framework["grade_heading"])]);
    for row in data["table_judgements"].as_array().unwrap() {
        parts.extend([said(&row["text"]), said(&row["grade"])]);
    }
    let sets = &framework["scale"]["descriptor_sets"];
    parts.extend(["Grade".to_owned(), said(&sets["service"]), said(&sets["capacity_to_improve"])]);
    for level in framework["scale"]["levels"].as_array().unwrap() {
        parts.extend(["code", "service", "capacity_to_improve"].map(|key| said(&level[key])));
    }
    let mut area = "summary".to_owned();
    let mut headings = data["section_headings"].as_array().unwrap().iter().skip(1);
    for paragraph in data["narrative"].as_array().unwrap() {
        if paragraph["area"] != area {
            area = said(&paragraph["area"]);
            parts.push(said(headings.next().unwrap()));
        }
        parts.push(said(&paragraph["text"]));
    }
    parts.push(said(headings.next().unwrap()));
    parts.extend(["Key strengths".to_owned(), "Key areas for improvement".to_owned()]);
    let of = |kind: &str, area: &Value| -> Vec<String> {
        let all = data[kind].as_array().unwrap().iter();
        all.filter(|it| it["area"] == *area).map(|it| said(&it["text"])).collect()
    };
    let worded = data["worded_judgements"].as_array().unwrap().iter();
    for heading in worded.filter(|it| it["area"] != "management") {
        parts.extend(of("strengths", &heading["area"]));
        parts.extend(of("areas_for_improvement", &heading["area"]));
    }
    parts.push("Management of children's services:".to_owned());
    parts.extend(of("strengths", &Value::from("management")));
    parts.extend(of("areas_for_improvement", &Value::from("management")));
    parts.push(said(headings.next().unwrap()));
    parts.extend(list(&data["aspects_for_focus"], "text"));
    parts.extend([said(&data["publication_rule"]["quote"]), said(&data["closing"])]);
    for signatory in data["signatories"].as_array().unwrap() {
        let keys = ["signature_as_transcribed", "name_printed", "role", "organisation_printed"];
        parts.extend(keys.map(|key| said(&signatory[key])));
    }
    parts
}

/// Every text and quote of the data stands in the letter.
fn check_quotes(text: &str, data: &Value) {
    let mut seen = 0;
    strings(data, &mut |key, said| {
        if matches!(key, "text" | "quote" | "status_quote") {
            assert!(text.contains(&one_spaced(said)), "{said:?} does not stand in the letter");
            seen += 1;
        }
    });
    assert!(seen > 51 + 13 + 10 + 2 + 87, "{seen} texts were looked for");
}

/// Letter for letter the letter as it was sent, but for the names in its letterhead, which were
/// pictures there.
fn check_letter(text: &str) {
    let Ok(sent) = fs::read_to_string(LETTER) else {
        println!("SKIPPED: {LETTER} is not there, so the letter was not compared with it");
        return;
    };
    let letters = |text: &str| -> Vec<char> {
        text.replace("<i>", "")
            .replace("</i>", "")
            .chars()
            .filter(|it| it.is_alphanumeric())
            .collect()
    };
    let text = text.replacen("Commission for Social Care Inspection", "", 1);
    let text = text.replacen("Office for Standards in Education", "", 1);
    let (rendered, sent) = (letters(&text), letters(&sent));
    let differs = rendered.iter().zip(&sent).position(|(one, other)| one != other);
    let at = differs.unwrap_or(rendered.len().min(sent.len()));
    let near = |letters: &[char]| -> String {
        letters.iter().skip(at.saturating_sub(30)).take(80).collect()
    };
    assert!(rendered == sent, "rendered …{}… but sent …{}…", near(&rendered), near(&sent));
}

/// The page is accessible, self-contained and prints.
fn check_page(html: &str) {
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en-GB\">"));
    for absent in
        ["<script", "javascript:", "http:", "https:", "url(", "<img", "onload", "{{", "{%"]
    {
        assert!(!html.contains(absent), "{absent}");
    }
    assert!(html.contains("@page { size: A4;"));
    assert_eq!(html.matches("<h1>").count(), 1);
    let levels: Vec<_> =
        html.split("<h").skip(1).filter_map(|after| after.chars().next()?.to_digit(10)).collect();
    assert_eq!(levels, [1, 2, 2, 2, 2, 2, 2, 2, 2, 2], "headings in order, none left out");
    assert_eq!(html.matches("<thead>").count(), html.matches("<table").count());
    assert_eq!(html.matches("scope=\"col\"").count(), 2 + 3 + 2);
    assert_eq!(html.matches("scope=\"row\"").count(), 3 + 4);
}
