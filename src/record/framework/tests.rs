//! Frameworks, and every fault that one can have.

use super::*;
use crate::judgement::{AreaId, AudienceId, LevelCode, ScaleId, SectionId};

fn apa_2006() -> pb::Framework {
    let mut built_in = built_in().unwrap().into_iter();
    built_in.find(|it| it.name == "frameworks/apa/versions/2006").unwrap()
}

fn faults_of(message: &pb::Framework) -> Vec<String> {
    told(&framework_of(message).err().unwrap_or_default())
}

fn told(faults: &[Fault]) -> Vec<String> {
    assert!(faults.iter().all(|fault| !fault.next.is_empty()), "each says what to do: {faults:?}");
    faults.iter().map(ToString::to_string).collect()
}

/// One spoiling of a sound framework, and all the faults that it then has.
type Row = (fn(&mut pb::Framework), &'static [&'static str]);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    // Ids and what must be there.
    (|it| it.name = "apa/2006".into(),
        &["name: a framework name is frameworks/{family}/versions/{version}; \"apa/2006\" is not"]),
    (|it| it.title.clear(), &["title: is missing"]),
    (|it| it.areas[8].label.clear(), &["areas[8].label: is missing"]),
    (|it| it.areas[0].feeds[0].scheme.clear(), &["areas[0].feeds[0].scheme: is missing"]),
    (|it| it.letter_to = vec!["public".into()],
        &["letter_to[0]: names the audience \"public\", which there is not"]),
    (|it| it.areas[0].feeds[0].consumer.clear(), &["areas[0].feeds[0].consumer: is missing"]),
    (|it| it.descriptor_sets[0].descriptors[1].text.clear(),
        &["descriptor_sets[0].descriptors[1].text: is missing"]),
    (|it| it.scales[0].levels[0].words.push(String::new()),
        &["scales[0].levels[0].words[0]: is missing"]),
    (|it| it.scales[0].kind = 0, &["scales[0].kind: is not stated or not known"]),
    (|it| it.non_grades[1] = 9, &["non_grades[1]: is not stated or not known"]),
    (|it| it.entry_kinds[0].kind = 0, &["entry_kinds[0].kind: is not stated or not known"]),
    (|it| it.letter.as_mut().unwrap().letterheads[1].organisation.clear(),
        &["letter.letterheads[1].organisation: is missing"]),
    (|it| it.letter.as_mut().unwrap().footnotes[0].marker.clear(),
        &["letter.footnotes[0].marker: is missing"]),
    (|it| it.letter.as_mut().unwrap().footnotes[0].attached_to.clear(),
        &["letter.footnotes[0].attached_to: is missing"]),
    (|it| it.signed_by.clear(), &[
        "signed_by: names nobody: an edition must be signed",
        "letter.letterheads[0].organisation: names the signing organisation \"csci\", which there is not",
        "letter.letterheads[1].organisation: names the signing organisation \"ofsted\", which there is not",
    ]),
    (|it| { it.areas.clear(); it.letter = None; }, &["areas: has no area"]),
    (|it| it.scales[0].levels.clear(), &[
        "scales[0].levels: has no level",
        "descriptor_sets[0].descriptors[0].level: names the level of apa-1-4 \"4\", which there is not",
        "descriptor_sets[0].descriptors[1].level: names the level of apa-1-4 \"3\", which there is not",
        "descriptor_sets[0].descriptors[2].level: names the level of apa-1-4 \"2\", which there is not",
        "descriptor_sets[0].descriptors[3].level: names the level of apa-1-4 \"1\", which there is not",
        "descriptor_sets[1].descriptors[0].level: names the level of apa-1-4 \"4\", which there is not",
        "descriptor_sets[1].descriptors[1].level: names the level of apa-1-4 \"3\", which there is not",
        "descriptor_sets[1].descriptors[2].level: names the level of apa-1-4 \"2\", which there is not",
        "descriptor_sets[1].descriptors[3].level: names the level of apa-1-4 \"1\", which there is not",
    ]),
    (|it| it.reasons.retain(|reason| !reason.code.starts_with('C')),
        &["reasons: lacks COMPLAINT_UPHELD, COURT_ORDER, CLERICAL_ERROR"]),
    // What stands once.
    (|it| it.scales[1].levels[1].code = "outstanding".into(),
        &["scales[1].levels[1].code: is the same as scales[1].levels[0].code"]),
    (|it| it.scales[0].levels[3].rank = 2,
        &["scales[0].levels[3].rank: is the same as scales[0].levels[2].rank"]),
    (|it| it.scales[1].levels[3].words.push("good".into()),
        &["scales[1].levels: has the word \"good\" twice"]),
    (|it| {
        it.scales[0].levels[0].words.push("good".into());
        it.areas[3].scales.push("apa-1-4".into());
    }, &["areas[3].scales: has the word \"good\" twice"]),
    (|it| { let it = &mut it.descriptor_sets[1].descriptors; it[1].level = "4".into(); }, &[
        "descriptor_sets[1].descriptors[1]: is the same as descriptor_sets[1].descriptors[0]",
        "descriptor_sets[1].descriptors: lacks the level \"3\" of apa-1-4",
    ]),
    (|it| it.areas[4].concept = "ecm.being-healthy".into(),
        &["areas[4].concept: is the same as areas[3].concept"]),
    (|it| {
        let feed = it.areas[0].feeds[0].clone();
        it.areas[2].feeds.push(feed);
        it.areas[2].visible_to.push("audit-commission".into());
    }, &["areas[2].feeds[0]: is the same as areas[0].feeds[0]"]),
    (|it| it.letter.as_mut().unwrap().letterheads[1].organisation = "csci".into(), &[
        "letter.letterheads[1].organisation: is the same as letter.letterheads[0].organisation",
    ]),
    (|it| { let it = &mut it.letter.as_mut().unwrap().footnotes; it.push(it[0].clone()); },
        &["letter.footnotes[1].marker: is the same as letter.footnotes[0].marker"]),
    (|it| it.letter.as_mut().unwrap().sections.push("summary".into()),
        &["letter.sections[9]: is the same as letter.sections[0]"]),
    (|it| it.letter.as_mut().unwrap().table_areas.push("social-care".into()),
        &["letter.table_areas[3]: is the same as letter.table_areas[2]"]),
    (|it| it.areas[8].id = "staying-safe".into(), &["areas[8].id: is the same as areas[4].id"]),
    (|it| it.sections[11].id = "summary".into(),
        &["sections[11].id: is the same as sections[1].id"]),
    (|it| it.areas[0].scales.push("apa-1-4".into()),
        &["areas[0].scales[1]: is the same as areas[0].scales[0]"]),
    (|it| it.areas[0].visible_to.push("csci".into()),
        &["areas[0].visible_to[3]: is the same as areas[0].visible_to[1]"]),
    (|it| it.descriptor_sets.push(it.descriptor_sets[0].clone()),
        &["descriptor_sets[2].id: is the same as descriptor_sets[0].id"]),
    (|it| it.scales.push(it.scales[0].clone()), &["scales[2].id: is the same as scales[0].id"]),
    (|it| it.scales[0].ranks_with.push("apa-words".into()),
        &["scales[0].ranks_with[1]: is the same as scales[0].ranks_with[0]"]),
    (|it| it.non_grades.push(1), &["non_grades[3]: is the same as non_grades[0]"]),
    (|it| it.entry_kinds.push(it.entry_kinds[4]),
        &["entry_kinds[9].kind: is the same as entry_kinds[4].kind"]),
    (|it| it.reasons.push(it.reasons[1].clone()),
        &["reasons[9].code: is the same as reasons[1].code"]),
    (|it| it.signed_by.push("ofsted".into()), &["signed_by[2]: is the same as signed_by[0]"]),
    (|it| it.audiences.push("csci".into()), &["audiences[3]: is the same as audiences[1]"]),
    (|it| it.letter_to.push("addressee".into()),
        &["letter_to[1]: is the same as letter_to[0]"]),
    (|it| it.comparable_with.push(it.comparable_with[0].clone()),
        &["comparable_with[3]: is the same as comparable_with[0]"]),
    // What refers to something.
    (|it| it.areas[3].section = "healthy".into(),
        &["areas[3].section: names the section \"healthy\", which there is not"]),
    (|it| it.areas[3].parent = "outcomes".into(),
        &["areas[3].parent: names the area \"outcomes\", which there is not"]),
    (|it| it.areas[3].scales = vec!["words".into()],
        &["areas[3].scales[0]: names the scale \"words\", which there is not"]),
    (|it| it.areas[0].descriptor_set = "services".into(),
        &["areas[0].descriptor_set: names the descriptor set \"services\", which there is not"]),
    (|it| it.areas[1].visible_to = vec!["public".into()],
        &["areas[1].visible_to[0]: names the audience \"public\", which there is not"]),
    (|it| it.areas[0].feeds[0].consumer = "public".into(),
        &["areas[0].feeds[0].consumer: names the audience \"public\", which there is not"]),
    (|it| it.descriptor_sets[0].descriptors[0].scale = "apa".into(), &[
        "descriptor_sets[0].descriptors[0].scale: names the scale \"apa\", which there is not",
        "descriptor_sets[0].descriptors: lacks the level \"4\" of apa-1-4",
    ]),
    (|it| it.descriptor_sets[0].descriptors[0].level = "5".into(), &[
        "descriptor_sets[0].descriptors[0].level: names the level of apa-1-4 \"5\", which there is not",
        "descriptor_sets[0].descriptors: lacks the level \"4\" of apa-1-4",
    ]),
    (|it| it.letter.as_mut().unwrap().letterheads[0].organisation = "hmic".into(), &[
        "letter.letterheads[0].organisation: names the signing organisation \"hmic\", which there is not",
    ]),
    (|it| it.letter.as_mut().unwrap().sections[8] = "annex".into(),
        &["letter.sections[8]: names the section \"annex\", which there is not"]),
    (|it| it.letter.as_mut().unwrap().table_section = "context".into(),
        &["letter.table_section: names the printed section \"context\", which there is not"]),
    (|it| it.letter.as_mut().unwrap().table_areas[0] = "overall".into(),
        &["letter.table_areas[0]: names the area \"overall\", which there is not"]),
    (|it| it.letter.as_mut().unwrap().footnotes[0].attached_to = "Grades".into(), &[
        "letter.footnotes[0].attached_to: names the heading \"Grades\", which there is not",
    ]),
    (|it| it.scales[1].ranks_with = vec!["apa".into()],
        &["scales[1].ranks_with[0]: names the scale \"apa\", which there is not"]),
    // What makes no sense.
    (|it| it.scales[0].kind = pb::scale::Kind::Nominal.into(), &[
        "scales[0].ranks_with: ranks a nominal scale, which has no ranks",
        "scales[1].ranks_with: ranks a nominal scale, which has no ranks",
    ]),
    (|it| it.scales[0].kind = pb::scale::Kind::Binary.into(),
        &["scales[0].levels: has not the two levels of a binary scale"]),
    (|it| it.areas[8].demanded = true,
        &["areas[8].demanded: is demanded of an area without a scale"]),
    (|it| it.areas[0].label = "The *council".into(),
        &["areas[0].label: emphasises without beginning or end"]),
    (|it| it.areas[0].label = "The ** council".into(),
        &["areas[0].label: emphasises without beginning or end"]),
    (|it| it.areas[2].feeds = it.areas[0].feeds.drain(..).collect(), &[
        "areas[2].feeds[0].consumer: feeds \"audit-commission\", to whom the area is not visible",
    ]),
    (|it| {
        it.areas[8].feeds = it.areas[0].feeds.drain(..).collect();
        it.areas[8].visible_to.push("audit-commission".into());
    }, &["areas[8].feeds: takes scores from an area without a scale"]),
    (|it| it.scales[0].ranks_with[0] = "apa-1-4".into(),
        &["scales[0].ranks_with: names the scale itself"]),
    (|it| it.comparable_with[0] = "frameworks/apa/versions/2006".into(),
        &["comparable_with: names the framework itself"]),
    (|it| it.letter.as_mut().unwrap().title = "APA OF {council".into(),
        &["letter.title: has a brace without its other"]),
    (|it| it.letter.as_mut().unwrap().title = "APA OF {council} IN {subject}".into(),
        &["letter.title: has {council}, for which nothing stands"]),
    (|it| it.letter.as_mut().unwrap().salutation = "Dear {subject}}".into(), &[
        "letter.salutation: has {subject}, for which nothing stands",
        "letter.salutation: has a brace without its other",
    ]),
    (|it| it.letter.as_mut().unwrap().table_areas.push("management".into()), &[
        "letter.table_areas[3]: puts an area into the table of grades that takes none",
    ]),
    (|it| {
        it.entry_kinds[0].demanded = 1;
        it.sections.clear();
        it.letter = None;
        it.areas.iter_mut().for_each(|area| area.section.clear());
    }, &["entry_kinds[0].demanded: demands entries, for which there is no section"]),
    (|it| it.areas[3].parent = "being-healthy".into(),
        &["areas[3].parent: makes it part of itself"]),
    (|it| {
        it.areas[3].parent = "staying-safe".into();
        it.areas[4].parent = "being-healthy".into();
        it.areas[5].parent = "staying-safe".into();
    }, &["areas[3].parent: makes it part of itself", "areas[4].parent: makes it part of itself"]),
    // All at once, and a bad id is told once only.
    (|it| {
        it.scales[1].id = "APA words".into();
        it.areas[3].scales = vec!["APA words".into()];
        it.areas[1].label.clear();
    }, &[
        "scales[1].id: a scale id is 1 to 63 of a-z, 0-9 and '-', beginning and ending with a \
         letter or digit; \"APA words\" is not",
        "areas[1].label: is missing",
        "areas[3].scales[0]: a scale id is 1 to 63 of a-z, 0-9 and '-', beginning and ending with \
         a letter or digit; \"APA words\" is not",
        "scales[0].ranks_with[0]: names the scale \"apa-words\", which there is not",
        "areas[4].scales[0]: names the scale \"apa-words\", which there is not",
        "areas[5].scales[0]: names the scale \"apa-words\", which there is not",
        "areas[6].scales[0]: names the scale \"apa-words\", which there is not",
        "areas[7].scales[0]: names the scale \"apa-words\", which there is not",
    ]),
];

#[test]
fn every_fault_is_told_with_its_place() {
    for (index, (spoil, expected)) in ROWS.iter().enumerate() {
        let mut message = apa_2006();
        spoil(&mut message);
        assert_eq!(faults_of(&message), *expected, "row {index}");
    }
}

#[test]
fn a_nominal_scale_needs_no_distinct_ranks() {
    let mut message = apa_2006();
    let levels = ["met", "partly", "missed"];
    let level = |code: &str| pb::Level { code: code.to_owned(), ..Default::default() };
    message.scales.push(pb::Scale {
        id: "nominal".to_owned(),
        kind: pb::scale::Kind::Nominal.into(),
        levels: levels.into_iter().map(level).collect(),
        ranks_with: Vec::new(),
    });
    assert_eq!(faults_of(&message), Vec::<String>::new());
}

#[test]
fn the_built_in_frameworks_are_sound_and_read_back_equal() {
    let names: Vec<_> = built_in()
        .unwrap()
        .into_iter()
        .map(|message| {
            let framework = framework_of(&message).unwrap();
            let (document, hash) = document_of(&message);
            assert_eq!(read_framework(&document), Ok(framework.clone()));
            assert_eq!(hash, sha256(&[&document]));
            let json = framework_to_json(&message).unwrap();
            assert_eq!(framework_from_json(&json).unwrap(), message);
            framework.id.to_string()
        })
        .collect();
    let expected = [
        "frameworks/apa/versions/2005",
        "frameworks/apa/versions/2006",
        "frameworks/apa/versions/2007",
        "frameworks/apa/versions/2008",
        "frameworks/sif/versions/2013",
        "frameworks/report-card/versions/2025",
    ];
    assert_eq!(names, expected);
}

#[test]
fn the_framework_of_2006_is_that_of_the_letter() {
    let framework = framework_of(&apa_2006()).unwrap();
    let id = |id: &str| AreaId::parse(id).unwrap();
    let number = ScaleId::parse("apa-1-4").unwrap();
    let three = LevelCode::parse("3").unwrap();
    let descriptor = |area: &str| framework.descriptor(&id(area), &number, &three);
    assert_eq!(descriptor("capacity-to-improve"), Some("Good"));
    assert_eq!(
        descriptor("social-care"),
        Some("A service that consistently delivers above minimum requirements for users")
    );
    assert_eq!(framework.area(&id("education")), None);
    assert_eq!(framework.area(&id("management")).map(|area| area.scales.len()), Some(0));

    let audience = |given: &str| AudienceId::parse(given).unwrap();
    let seen_by = |who: &AudienceId| -> Vec<&str> {
        let seen = framework.areas.iter().filter(|area| area.visible_to.contains(who));
        seen.map(|area| area.id.as_str()).collect()
    };
    assert_eq!(seen_by(&audience("audit-commission")), ["childrens-services"]);
    assert_eq!(seen_by(&audience("csci")), ["childrens-services", "social-care"]);
    assert_eq!(seen_by(&audience("addressee")).len(), framework.areas.len());
    for section in ["letter", "summary", "context", "management", "transcription"] {
        assert!(framework.section(&SectionId::parse(section).unwrap()).is_some(), "{section}");
    }
}

#[test]
fn a_document_that_is_no_framework_is_refused() {
    let read = |document: &[u8]| read_framework(document).map_err(|it| told(&it));
    let only = |what: &str| Err(vec![format!("framework: {what}")]);
    assert_eq!(read(b"\xff"), only("is no Framework message"));
    let (document, _) = document_of(&apa_2006());
    // Field 100, a number: something that a newer ledger knows.
    let newer = [document.as_ref(), &[0xa0, 0x06, 0x01]].concat();
    assert_eq!(read(&newer), only("has fields that this ledger does not know"));
    let long = vec![0; DOCUMENT_BYTES_MAX + 1];
    let too_long = only("has 262145 bytes; at most 262144 are kept");
    assert_eq!(read(&long), too_long);

    let mut message = apa_2006();
    message.remarks = vec!["x".repeat(DOCUMENT_BYTES_MAX)];
    let excess = message.encoded_len().checked_sub(DOCUMENT_BYTES_MAX + 1).unwrap();
    message.remarks = vec!["x".repeat(DOCUMENT_BYTES_MAX - excess)];
    assert_eq!(framework_of(&message).map_err(|it| told(&it)), too_long);
}

#[test]
fn what_refers_to_nothing_is_told_what_there_is() {
    let mut message = apa_2006();
    message.letter_to = vec!["public".into()];
    let faults = framework_of(&message).unwrap_err();
    let next = "name one of addressee, audit-commission, csci, or declare it";
    assert_eq!(faults.iter().map(|it| it.next.as_str()).collect::<Vec<_>>(), [next]);
}

/// The schema, as a validator that is not ours reads it.
fn validator() -> jsonschema::Validator {
    let schema: serde_json::Value = serde_json::from_str(&framework_schema().unwrap()).unwrap();
    jsonschema::draft202012::meta::validate(&schema).unwrap();
    jsonschema::draft202012::new(&schema).unwrap()
}

#[test]
fn every_built_in_file_is_as_the_schema_says() {
    let validator = validator();
    for message in built_in().unwrap() {
        let json = serde_json::from_str(&framework_to_json(&message).unwrap()).unwrap();
        let errors: Vec<_> = validator.iter_errors(&json).map(|it| it.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{}", message.name);
    }
    for file in built_in::FILES {
        assert!(validator.is_valid(&serde_json::from_str(file).unwrap()));
    }
}

/// One spoiling of a sound file, at a pointer.
#[test]
fn what_the_schema_can_tell_is_refused_by_it() {
    let validator = validator();
    let sound: serde_json::Value =
        serde_json::from_str(&framework_to_json(&apa_2006()).unwrap()).unwrap();
    for (place, spoilt) in [
        ("/name", serde_json::json!("apa/2006")),
        ("/title", serde_json::json!("")),
        ("/areas", serde_json::json!([])),
        ("/areas/3/id", serde_json::json!("Being healthy")),
        ("/areas/3/label", serde_json::json!(3)),
        ("/areas/3/scales/0", serde_json::json!("apa words")),
        ("/scales/0/kind", serde_json::json!("KIND_UNSPECIFIED")),
        ("/scales/0/levels/0/rank", serde_json::json!(4.5)),
        ("/reasons/0/code", serde_json::json!("initial")),
        ("/nonGrades/0", serde_json::json!("NON_GRADE_ILL")),
        ("/areas/0/feeds/0/scheme", serde_json::json!("")),
        ("/letter", serde_json::json!({ "heading": "x" })),
    ] {
        let mut file = sound.clone();
        *file.pointer_mut(place).unwrap() = spoilt;
        assert!(!validator.is_valid(&file), "{place}");
    }
    for required in ["name", "title", "areas", "reasons"] {
        let mut file = sound.clone();
        file.as_object_mut().unwrap().remove(required);
        assert!(!validator.is_valid(&file), "without {required}");
    }
    assert!(validator.is_valid(&sound));
}

#[test]
fn the_schema_describes_every_field_in_the_words_of_the_proto() {
    let schema: serde_json::Value = serde_json::from_str(&framework_schema().unwrap()).unwrap();
    let definitions = schema["$defs"].as_object().unwrap();
    let objects = definitions.values().chain([&schema]);
    let mut described = 0;
    for object in objects.filter(|it| it["type"] == "object") {
        for (name, field) in object["properties"].as_object().unwrap() {
            let said = field["description"].as_str().unwrap();
            assert!(!said.is_empty(), "{}.{name} says nothing", object["title"]);
            described += 1;
        }
    }
    assert!(described > 60, "{described} fields");
    let said = definitions["Level"]["properties"]["rank"]["description"].as_str().unwrap();
    assert_eq!(said, "How good it is: higher is better, whatever the code says.");
    // Every pattern belongs to a field that is there.
    let patterned = serde_json::to_string(&schema).unwrap().matches("\"pattern\"").count();
    assert_eq!(patterned, schema::PATTERNS.len());
}
