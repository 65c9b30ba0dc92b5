//! `proto`: writes what a client is generated from, so that nobody needs this repository for it.
//!
//! All of `proto/` is in the binary as it is; the reference and the descriptors are made from what was
//! compiled. In the repository `cargo run -- proto --out proto` brings its reference up to date.

mod reference;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    failure::Failure,
    output::{Output, note},
};
use crate::pb::ADMIN_DESCRIPTORS;

include!(concat!(env!("OUT_DIR"), "/proto_files.rs"));

/// All files as a set, for tools that take no sources.
const DESCRIPTORS: &str = "descriptors.binpb";

/// What `proto --help` says at its end.
pub(super) const AFTER_HELP: &str = "\
What is written:
  judgement/, google/   the protos, and those of Google's that they use
  descriptors.binpb     the same compiled, with comments and options (grpcurl -protoset, buf)
  buf.gen.yaml          `buf generate` makes clients in seven languages with it, offline
  service-config.json   what a channel should be given: deadlines and retries
  reference/            every call, field and error, to be read

Files that are there under these names are replaced.";

/// What `proto` is told.
#[derive(Debug, Clone, Args)]
pub struct ProtoFlags {
    /// The directory to write into; it is made if it is not there.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_PROTO_OUT")]
    pub out: PathBuf,
}

/// Writes all files and says what comes next.
pub(super) fn run(flags: &ProtoFlags, output: &mut Output) -> Result<(), Failure> {
    let described = reference::pages(ADMIN_DESCRIPTORS)?;
    let pages = described.iter().map(|page| (page.path.as_str(), page.text.as_bytes()));
    let mut written = 0_usize;
    for (path, content) in
        FILES.iter().copied().chain([(DESCRIPTORS, ADMIN_DESCRIPTORS)]).chain(pages)
    {
        write(&flags.out.join(path), content)?;
        written = written.saturating_add(1);
    }
    output.line(&format!("{written} files are in {}", flags.out.display()))?;
    note(&format!("README.md there says how to go on: cd {} && buf generate", flags.out.display()));
    Ok(())
}

fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed =
        |source: io::Error| Failure::File { doing: "write", path: path.to_owned(), source };
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(failed)?;
    fs::write(path, content).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What generated code is made of is all there, however many files there will be.
    #[test]
    fn every_file_that_was_compiled_is_handed_out_as_it_is() {
        let handed: BTreeSet<_> = FILES.iter().map(|(path, _)| *path).collect();
        let pool = prost_reflect::DescriptorPool::decode(ADMIN_DESCRIPTORS).unwrap();
        let compiled = pool.files().map(|file| file.name().to_owned());
        for name in compiled.filter(|name| !name.starts_with("google/protobuf/")) {
            assert!(handed.contains(name.as_str()), "{name} is not handed out");
        }
        for beside in
            ["README.md", "buf.gen.yaml", "service-config.json", "google/LICENSE", "google/NOTICE"]
        {
            assert!(handed.contains(beside), "{beside} is not handed out");
        }
    }

    /// A new call must not be without a deadline, nor a new stream with one.
    #[test]
    fn the_service_config_names_every_service_and_leaves_every_stream_out() {
        let (_, config) = FILES.iter().find(|(path, _)| *path == "service-config.json").unwrap();
        let config: serde_json::Value = serde_json::from_slice(config).unwrap();
        let names = |entry: usize| -> BTreeSet<String> {
            let names = config["methodConfig"][entry]["name"].as_array().unwrap();
            let part =
                |it: &serde_json::Value, part: &str| it[part].as_str().unwrap_or("").to_owned();
            names
                .iter()
                .map(|it| format!("{}/{}", part(it, "service"), part(it, "method")))
                .collect()
        };
        let pool = prost_reflect::DescriptorPool::decode(ADMIN_DESCRIPTORS).unwrap();
        let (mut services, mut streams) = (BTreeSet::new(), BTreeSet::new());
        for service in pool.services() {
            services.insert(format!("{}/", service.full_name()));
            let of = service.methods();
            let of = of.filter(|it| it.is_client_streaming() || it.is_server_streaming());
            streams.extend(of.map(|it| format!("{}/{}", service.full_name(), it.name())));
        }
        assert_eq!((names(0), names(1)), (services, streams));
        let unlimited = config["methodConfig"][1].as_object().unwrap();
        assert_eq!(unlimited.keys().collect::<Vec<_>>(), ["name"]);
    }

    /// What messages of C++ and Java have already: a field of that name does not compile there.
    #[test]
    fn no_field_is_called_as_generated_code_calls_its_own() {
        const TAKEN: [&str; 9] = [
            "descriptor",
            "descriptor_for_type",
            "default_instance",
            "default_instance_for_type",
            "all_fields",
            "class",
            "parser_for_type",
            "serialized_size",
            "unknown_fields",
        ];
        let pool = prost_reflect::DescriptorPool::decode(ADMIN_DESCRIPTORS).unwrap();
        let ours = pool.all_messages().filter(|it| it.package_name().starts_with("judgement"));
        for message in ours {
            for field in message.fields() {
                assert!(!TAKEN.contains(&field.name()), "{}", field.full_name());
            }
        }
    }

    /// Where types have no types within them, generators join the names: `Outer.Inner` is `OuterInner`.
    #[test]
    fn joined_names_of_types_are_no_other_types() {
        let pool = prost_reflect::DescriptorPool::decode(ADMIN_DESCRIPTORS).unwrap();
        let (messages, enums) = (pool.all_messages(), pool.all_enums());
        let names = messages.map(|it| it.full_name().to_owned());
        let names = names.chain(enums.map(|it| it.full_name().to_owned()));
        let ours = names.filter_map(|it| Some(it.strip_prefix("judgement.ledger.v1.")?.to_owned()));
        let mut joined = std::collections::BTreeMap::new();
        for name in ours {
            let before = joined.insert(name.replace('.', "").to_lowercase(), name.clone());
            assert_eq!(before, None, "{name}");
        }
        assert!(joined.contains_key("texterased") && joined.contains_key("textredacted"));
    }

    #[test]
    fn the_reference_in_the_repository_is_what_the_protos_say() {
        let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto/reference");
        let pages = reference::pages(ADMIN_DESCRIPTORS).unwrap();
        let named: BTreeSet<_> = pages
            .iter()
            .map(|page| page.path.strip_prefix("reference/").unwrap().to_owned())
            .collect();
        let found = fs::read_dir(&committed).unwrap();
        let found: BTreeSet<_> =
            found.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(found, named);
        for page in &pages {
            let there = fs::read_to_string(committed.join("..").join(&page.path)).unwrap();
            assert!(
                there == page.text,
                "{} is not what the protos say: cargo run -- proto --out proto",
                page.path
            );
        }
    }

    #[test]
    fn a_directory_is_filled_and_filled_again() {
        let home = tempfile::tempdir().unwrap();
        let flags = ProtoFlags { out: home.path().join("new/protos") };
        for _ in 0..2 {
            run(&flags, &mut Output::stdout()).unwrap();
            let common = fs::read(flags.out.join("judgement/ledger/v1/common.proto")).unwrap();
            assert!(common.starts_with(b"// "));
            assert_eq!(fs::read(flags.out.join(DESCRIPTORS)).unwrap(), ADMIN_DESCRIPTORS);
            assert!(flags.out.join("reference/errors.md").exists());
        }
        fs::write(home.path().join("file"), "").unwrap();
        let inside_a_file = ProtoFlags { out: home.path().join("file/protos") };
        let refused = run(&inside_a_file, &mut Output::stdout()).unwrap_err();
        assert!(refused.to_string().starts_with("cannot write"), "{refused}");
    }
}
