//! The format of framework files as a JSON Schema, made from the proto: its fields, their comments,
//! what is required, and how ids are written. What the parts of a file say of each other no schema
//! can tell; that is what [`super::framework_of`] checks.

use std::collections::BTreeSet;

use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind, MessageDescriptor, Value,
};
use serde_json::{Map, Value as Json, json};

use super::MESSAGE;
use crate::record::json::{self, BadJson};

/// Where the option is declared that says whether a field is required.
const BEHAVIOUR: &str = "google.api.field_behavior";
/// Its value for a field that is.
const REQUIRED: i32 = 2;

/// How ids are written; see `judgement::id`.
const SLUG: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";
const CODE: &str = "^[a-zA-Z0-9._+-]{1,63}$";
const CONSTANT: &str = "^[A-Z][A-Z0-9_]{0,62}$";
const FRAMEWORK: &str =
    "^frameworks/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/versions/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

/// The fields that hold ids, and how these are written. A field that may be absent is left out of
/// the file, or empty.
pub(super) const PATTERNS: [(&str, &str); 27] = [
    ("Framework.name", FRAMEWORK),
    ("Framework.signed_by", SLUG),
    ("Framework.audiences", SLUG),
    ("Framework.letter_to", SLUG),
    ("Framework.comparable_with", FRAMEWORK),
    ("Scale.id", SLUG),
    ("Scale.ranks_with", SLUG),
    ("Level.code", CODE),
    ("DescriptorSet.id", CODE),
    ("Descriptor.scale", SLUG),
    ("Descriptor.level", CODE),
    ("Area.id", SLUG),
    ("Area.section", SLUG),
    ("Area.parent", SLUG),
    ("Area.scales", SLUG),
    ("Area.descriptor_set", CODE),
    ("Area.concept", CODE),
    ("Area.visible_to", SLUG),
    ("Feed.consumer", SLUG),
    ("Section.id", SLUG),
    ("Reason.code", CONSTANT),
    ("LetterLayout.table_section", SLUG),
    ("LetterLayout.table_areas", SLUG),
    ("LetterLayout.sections", SLUG),
    ("Letterhead.organisation", SLUG),
    ("Framework.title", "^[^\\u0000]{1,200}$"),
    ("Level.words", "^[^\\u0000]{1,200}$"),
];

/// The schema of framework files, draft 2020-12, as JSON over several lines.
///
/// # Errors
/// None in fact; [`BadJson`] if the build's descriptors are broken.
pub fn framework_schema() -> Result<String, BadJson> {
    let framework = json::descriptor(MESSAGE)?;
    let mut schema = Schema { definitions: Map::new(), begun: BTreeSet::new() };
    let root = schema.object(&framework);
    let mut whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": "Made by `judgement-ledger framework schema`. `judgement-ledger framework \
                     check FILE` also tells what the parts of a file say of each other.",
    });
    if let (Some(whole), Json::Object(root)) = (whole.as_object_mut(), root) {
        whole.extend(root);
        whole.insert("$defs".to_owned(), Json::Object(schema.definitions));
    }
    Ok(serde_json::to_string_pretty(&whole)?)
}

struct Schema {
    definitions: Map<String, Json>,
    /// What is defined, or about to be.
    begun: BTreeSet<String>,
}

impl Schema {
    fn object(&mut self, message: &MessageDescriptor) -> Json {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for field in message.fields() {
            properties.insert(field.json_name().to_owned(), self.field(&field));
            if is_required(&field) {
                required.push(Json::from(field.json_name()));
            }
        }
        let mut object = json!({
            "title": message.name(),
            "description": comment(&message.parent_file(), message.path()),
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        });
        if let Some(object) = object.as_object_mut().filter(|_| !required.is_empty()) {
            object.insert("required".to_owned(), Json::Array(required));
        }
        object
    }

    fn field(&mut self, field: &FieldDescriptor) -> Json {
        let required = is_required(field);
        let mut value = self.value(field);
        if field.is_list() {
            value = json!({ "type": "array", "items": value });
            if let Some(value) = value.as_object_mut().filter(|_| required) {
                value.insert("minItems".to_owned(), Json::from(1));
            }
        }
        if let Some(value) = value.as_object_mut() {
            let said = comment(&field.parent_file(), field.path());
            value.insert("description".to_owned(), Json::from(said));
        }
        value
    }

    fn value(&mut self, field: &FieldDescriptor) -> Json {
        match field.kind() {
            Kind::Message(message) => self.reference(message.name(), |it| it.object(&message)),
            Kind::Enum(values) => self.reference(values.name(), |_| enumeration(&values)),
            Kind::Bool => json!({ "type": "boolean" }),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => {
                json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX })
            }
            Kind::Uint32 | Kind::Fixed32 => {
                json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
            }
            // Framework files have strings beside these; what protobuf's mapping writes as strings
            // is one, too.
            Kind::String
            | Kind::Bytes
            | Kind::Int64
            | Kind::Sint64
            | Kind::Sfixed64
            | Kind::Uint64
            | Kind::Fixed64
            | Kind::Float
            | Kind::Double => string(field),
        }
    }

    fn reference(&mut self, name: &str, define: impl FnOnce(&mut Self) -> Json) -> Json {
        if self.begun.insert(name.to_owned()) {
            let definition = define(self);
            self.definitions.insert(name.to_owned(), definition);
        }
        json!({ "$ref": format!("#/$defs/{name}") })
    }
}

fn string(field: &FieldDescriptor) -> Json {
    let required = is_required(field);
    let named = format!("{}.{}", field.parent_message().name(), field.name());
    let pattern = PATTERNS.iter().find(|(name, _)| *name == named).map(|(_, pattern)| *pattern);
    match pattern {
        Some(pattern) if required || field.is_list() => {
            json!({ "type": "string", "pattern": pattern })
        }
        Some(pattern) => json!({ "type": "string", "pattern": format!("^$|{pattern}") }),
        None if required => json!({ "type": "string", "minLength": 1 }),
        None => json!({ "type": "string" }),
    }
}

/// The names of an enum, but for the one that says nothing.
fn enumeration(values: &EnumDescriptor) -> Json {
    let stated = values.values().filter(|value| value.number() != 0);
    let names: Vec<Json> = stated.map(|value| Json::from(value.name())).collect();
    let said = comment(&values.parent_file(), values.path());
    json!({ "title": values.name(), "description": said, "enum": names })
}

fn is_required(field: &FieldDescriptor) -> bool {
    let option = field.parent_pool().get_extension_by_name(BEHAVIOUR);
    let options: DynamicMessage = field.options();
    option.is_some_and(|option| {
        let behaviours = options.get_extension(&option);
        let listed = behaviours.as_list().unwrap_or_default();
        listed.iter().any(|value| matches!(value, Value::EnumNumber(REQUIRED)))
    })
}

/// What the proto says of the thing at `path`, on one line.
fn comment(file: &FileDescriptor, path: &[i32]) -> String {
    let Some(source) = file.file_descriptor_proto().source_code_info.as_ref() else {
        return String::new();
    };
    let location = source.location.iter().find(|it| it.path == path);
    let said = location.map_or("", |it| it.leading_comments());
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}
