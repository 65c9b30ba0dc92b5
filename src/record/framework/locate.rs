//! Where in a framework file a fault lies: its path as the file spells it, and its line.

use std::collections::BTreeMap;

use prost_reflect::FieldDescriptor;
use serde_json::value::RawValue;

use super::MESSAGE;
use crate::record::json;

/// The path of a fault in the spelling of the file `json`, and the line, from 1, on which it lies:
/// that of the nearest thing around it that is there. The path is that of the proto where the file
/// cannot be read.
#[must_use]
pub fn locate(text: &str, path: &str) -> (String, usize) {
    let mut message = json::descriptor(MESSAGE).ok();
    let mut here = serde_json::from_str::<&RawValue>(text).ok().map(RawValue::get);
    let mut last = here.unwrap_or(text);
    let mut spelt = Vec::new();
    for part in path.split('.') {
        let (name, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
        let field = message.as_ref().and_then(|it| it.get_field_by_name(name));
        let json_name = field.as_ref().map_or(name, FieldDescriptor::json_name).to_owned();
        here = here.and_then(|here| member(here, &[&json_name, name]));
        last = here.unwrap_or(last);
        for index in indices.split(['[', ']']).filter_map(|index| index.parse().ok()) {
            here = here.and_then(|here| element(here, index));
            last = here.unwrap_or(last);
        }
        message = field.and_then(|field| field.kind().as_message().cloned());
        spelt.push(format!("{json_name}{indices}"));
    }
    (spelt.join("."), line_of(text, last))
}

fn member<'a>(object: &'a str, names: &[&str]) -> Option<&'a str> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(object).ok()?;
    names.iter().find_map(|name| members.get(*name)).map(|value| value.get())
}

fn element(list: &str, index: usize) -> Option<&str> {
    let elements: Vec<&RawValue> = serde_json::from_str(list).ok()?;
    elements.get(index).map(|value| value.get())
}

/// The line of `text`, from 1, on which `part`, a slice of it, begins.
#[must_use]
pub fn line_of(text: &str, part: &str) -> usize {
    let before = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
    text.get(..before).unwrap_or_default().matches('\n').count().saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_found_in_the_file_on_its_line_and_in_its_spelling() {
        let file = "{\n \"descriptorSets\": [\n  {\"descriptors\": [\n   {\"scale\": \"a\"},\n   \
                    {\n\"text\": \"\"}\n  ]}\n ],\n \"letter\": {\"table_section\": \"x\"}\n}";
        for (path, spelt, line) in [
            (
                "descriptor_sets[0].descriptors[0].scale",
                "descriptorSets[0].descriptors[0].scale",
                4,
            ),
            ("descriptor_sets[0].descriptors[1].text", "descriptorSets[0].descriptors[1].text", 6),
            // What is missing is told where it is missing.
            (
                "descriptor_sets[0].descriptors[1].level",
                "descriptorSets[0].descriptors[1].level",
                5,
            ),
            ("descriptor_sets[7].id", "descriptorSets[7].id", 2),
            ("letter.table_section", "letter.tableSection", 9),
            ("signed_by", "signedBy", 1),
            ("framework", "framework", 1),
        ] {
            assert_eq!(locate(file, path), (spelt.to_owned(), line), "{path}");
        }
    }
}
