//! The reference: every call, field, value and error of the protos as Markdown, a page for each file.

use prost_reflect::{
    Cardinality, DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor,
    FileDescriptor, Kind, MessageDescriptor, MethodDescriptor, ServiceDescriptor, Value,
    prost_types::{MethodOptions, method_options::IdempotencyLevel, source_code_info::Location},
};

use crate::cli::failure::Failure;

/// The package that is described.
const PACKAGE: &str = "judgement.ledger.v1";

/// Options that are shown.
const FIELD_BEHAVIOR: &str = "google.api.field_behavior";
const GRPC_CODE: &str = "judgement.ledger.v1.grpc_code";

/// One page.
pub(super) struct Page {
    /// Where it lies, relative to the protos.
    pub(super) path: String,
    /// Its Markdown.
    pub(super) text: String,
}

/// The pages of a set of compiled files, and one that leads to them.
pub(super) fn pages(descriptors: &[u8]) -> Result<Vec<Page>, Failure> {
    let pool = DescriptorPool::decode(descriptors).map_err(|error| Failure::Json(error.into()))?;
    let described = |file: &FileDescriptor| file.package_name() == PACKAGE;
    let mut files: Vec<_> = pool.files().filter(described).collect();
    files.sort_by(|one, other| one.name().cmp(other.name()));
    let options = Options {
        field_behavior: pool.get_extension_by_name(FIELD_BEHAVIOR),
        grpc_code: pool.get_extension_by_name(GRPC_CODE),
    };
    let mut pages: Vec<_> = files.iter().map(|file| Writer::page(file, &options)).collect();
    pages.insert(0, contents(&files));
    Ok(pages)
}

/// The options that say something to a client.
struct Options {
    field_behavior: Option<ExtensionDescriptor>,
    grpc_code: Option<ExtensionDescriptor>,
}

/// The page that leads to the others.
fn contents(files: &[FileDescriptor]) -> Page {
    let mut text = format!(
        "# Reference of {PACKAGE}\n\nMade from the protos; `judgement-ledger proto --out DIR` writes it.\n"
    );
    let mut add = |line: String| text.push_str(&line);
    add("\n| service | call | |\n|---|---|---|\n".to_owned());
    for service in files.iter().flat_map(FileDescriptor::services) {
        for method in service.methods() {
            let page = page_of(&service.parent_file());
            let said = said(&service.parent_file(), method.path());
            let first = said.split_inclusive(". ").next().unwrap_or_default().trim();
            let (service, call) = (service.name(), method.name());
            let line = format!(
                "| {service} | [{call}]({page}#{}) | {} |\n",
                call.to_lowercase(),
                cell(first)
            );
            add(line);
        }
    }
    add("\n| file | |\n|---|---|\n".to_owned());
    for file in files {
        let head = head(file);
        let first = head.split_inclusive(". ").next().unwrap_or_default().trim();
        add(format!("| [{}]({}) | {} |\n", file.name(), page_of(file), cell(first)));
    }
    Page { path: "reference/README.md".to_owned(), text }
}

/// The name of a file's page.
fn page_of(file: &FileDescriptor) -> String {
    let name = file.name().rsplit('/').next().unwrap_or_default();
    format!("{}.md", name.strip_suffix(".proto").unwrap_or(name))
}

/// What stands before the syntax of a file.
fn head(file: &FileDescriptor) -> String {
    /// `FileDescriptorProto.syntax`.
    const SYNTAX: [i32; 1] = [12];
    said(file, &SYNTAX)
}

/// What is said of an element, in one line for each paragraph.
fn said(file: &FileDescriptor, path: &[i32]) -> String {
    let source = file.file_descriptor_proto().source_code_info.as_ref();
    let locations: &[Location] = source.map_or(&[], |it| it.location.as_slice());
    let found = locations.iter().find(|location| location.path == path);
    let comment = found.map_or("", |location| location.leading_comments());
    let paragraphs = comment.split("\n\n").map(|paragraph| {
        paragraph.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned()
    });
    paragraphs.filter(|it| !it.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// The same within a table.
fn cell(text: &str) -> String {
    text.replace("\n\n", "<br>").replace('|', "\\|")
}

/// Writes the page of a file.
struct Writer<'f> {
    file: &'f FileDescriptor,
    options: &'f Options,
    text: String,
}

impl<'f> Writer<'f> {
    fn page(file: &'f FileDescriptor, options: &'f Options) -> Page {
        let mut writer = Self { file, options, text: String::new() };
        writer.paragraph(&format!("# {}", file.name()));
        writer.paragraph(&head(file));
        file.services().for_each(|it| writer.service(&it));
        file.messages().for_each(|it| writer.message(&it));
        file.enums().for_each(|it| writer.values(&it));
        let extensions: Vec<_> = file.extensions().collect();
        if !extensions.is_empty() {
            writer.paragraph("## Options");
            for option in extensions {
                let (name, number, of) =
                    (option.name(), option.number(), option.containing_message());
                let said = said(file, option.path());
                writer.paragraph(&format!("`{name}` ({number}) of `{}`: {said}", of.full_name()));
            }
        }
        let text = format!("{}\n", writer.text.trim_end());
        Page { path: format!("reference/{}", page_of(file)), text }
    }

    fn paragraph(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push_str("\n\n");
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text);
        self.text.push('\n');
    }

    fn service(&mut self, service: &ServiceDescriptor) {
        self.paragraph(&format!("## {}", service.name()));
        self.paragraph(&said(self.file, service.path()));
        service.methods().for_each(|it| self.method(&it));
    }

    fn method(&mut self, method: &MethodDescriptor) {
        self.paragraph(&format!("### {}", method.name()));
        let side = |streams: bool, message: &MessageDescriptor| {
            let stream = if streams { "stream of " } else { "" };
            format!("{stream}{}", self.link(message.full_name(), &message.parent_file()))
        };
        let takes = side(method.is_client_streaming(), &method.input());
        let answers = side(method.is_server_streaming(), &method.output());
        let options = method.method_descriptor_proto().options.as_ref();
        let repeated = match options.map(MethodOptions::idempotency_level) {
            Some(IdempotencyLevel::NoSideEffects) => "changes nothing",
            Some(IdempotencyLevel::Idempotent) => "may be repeated",
            Some(IdempotencyLevel::IdempotencyUnknown) | None => "each call counts",
        };
        self.paragraph(&format!("{takes} → {answers}; {repeated}"));
        self.paragraph(&said(self.file, method.path()));
    }

    fn message(&mut self, message: &MessageDescriptor) {
        if message.is_map_entry() {
            return;
        }
        self.paragraph(&format!("## {}", short(message.full_name())));
        self.paragraph(&said(self.file, message.path()));
        if message.fields().len() > 0 {
            self.line("| field | no. | type | |\n|---|---|---|---|");
            let mut fields: Vec<_> = message.fields().collect();
            fields.sort_by_key(|field| field.path().last().copied());
            for field in &fields {
                self.field(field);
            }
            self.line("");
        }
        message.child_messages().for_each(|it| self.message(&it));
        message.child_enums().for_each(|it| self.values(&it));
    }

    fn field(&mut self, field: &FieldDescriptor) {
        let mut what = self.type_of(&field.kind());
        if field.cardinality() == Cardinality::Repeated {
            what = format!("repeated {what}");
        } else if field.field_descriptor_proto().proto3_optional() {
            what = format!("optional {what}");
        } else if let Some(one_of) = field.containing_oneof() {
            what = format!("{what}, one of *{}*", one_of.name());
        }
        let required = if self.is_required(field) { "**Required.** " } else { "" };
        let said = cell(&said(self.file, field.path()));
        let (name, number) = (field.name(), field.number());
        self.line(&format!("| `{name}` | {number} | {what} | {required}{said} |"));
    }

    fn is_required(&self, field: &FieldDescriptor) -> bool {
        /// `google.api.FieldBehavior.REQUIRED`.
        const REQUIRED: Value = Value::EnumNumber(2);
        let Some(option) = &self.options.field_behavior else { return false };
        let options = field.options();
        let behaviors = options.get_extension(option);
        behaviors.as_list().is_some_and(|all| all.contains(&REQUIRED))
    }

    fn type_of(&self, kind: &Kind) -> String {
        match kind {
            Kind::Message(message) => self.link(message.full_name(), &message.parent_file()),
            Kind::Enum(values) => self.link(values.full_name(), &values.parent_file()),
            Kind::Double
            | Kind::Float
            | Kind::Int32
            | Kind::Int64
            | Kind::Uint32
            | Kind::Uint64
            | Kind::Sint32
            | Kind::Sint64
            | Kind::Fixed32
            | Kind::Fixed64
            | Kind::Sfixed32
            | Kind::Sfixed64
            | Kind::Bool
            | Kind::String
            | Kind::Bytes => format!("{kind:?}"),
        }
    }

    /// A name that leads to what it names, if that is described.
    fn link(&self, full_name: &str, file: &FileDescriptor) -> String {
        if file.package_name() != PACKAGE {
            return full_name.to_owned();
        }
        let name = short(full_name);
        let anchor = name.to_lowercase().replace('.', "");
        let page = if file == self.file { String::new() } else { page_of(file) };
        format!("[{name}]({page}#{anchor})")
    }

    fn values(&mut self, values: &EnumDescriptor) {
        self.paragraph(&format!("## {}", short(values.full_name())));
        self.paragraph(&said(self.file, values.path()));
        self.line("| value | no. | |\n|---|---|---|");
        for value in values.values() {
            let mut what = cell(&said(self.file, value.path()));
            let options = value.options();
            let code = self.options.grpc_code.as_ref().filter(|it| options.has_extension(it));
            if let Some(option) = code {
                let stated = options.get_extension(option).as_enum_number();
                let kind = option.kind();
                let named = stated.and_then(|it| kind.as_enum()?.get_value(it));
                let named = named.map(|it| it.name().to_owned()).unwrap_or_default();
                what = format!("{named}. {what}");
            }
            self.line(&format!("| `{}` | {} | {what} |", value.name(), value.number()));
        }
        self.line("");
    }
}

/// A name without its package.
fn short(full_name: &str) -> &str {
    full_name.strip_prefix(PACKAGE).map_or(full_name, |rest| rest.trim_start_matches('.'))
}
