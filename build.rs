//! Compiles the protos with `protox`, so that no protoc has to be installed.

use std::{
    env,
    error::Error,
    fs,
    path::{Path, PathBuf},
};

/// What `rpc::served` answers in the place of a message.
const SERVED: [(&str, &str); 2] =
    [("Assessment", "AssessmentAnswer"), ("StreamRecordsResponse", "StreamRecordsAnswer")];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files([
        "judgement/ledger/v1/assessment_service.proto",
        "judgement/ledger/v1/audit_service.proto",
        "judgement/ledger/v1/errors.proto",
        "judgement/ledger/v1/evidence_service.proto",
        "judgement/ledger/v1/framework_service.proto",
        "judgement/ledger/v1/import.proto",
        "judgement/ledger/v1/record.proto",
        "judgement/ledger/v1/report_service.proto",
        "judgement/ledger/v1/transparency_service.proto",
        // No message of ours has these; refusals do, and tools that are told of them can show them.
        "google/rpc/error_details.proto",
    ])?;

    // The bytes as compiled, not the typed set encoded again: that would drop custom options.
    let descriptors = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.binpb");
    fs::write(descriptors, compiler.encode_file_descriptor_set())?;

    // What the operator's socket serves is in a set of its own: nobody else is told of it.
    compiler.open_file("judgement/ledger/v1/admin_service.proto")?;
    let of_operator = PathBuf::from(env::var("OUT_DIR")?).join("admin_descriptors.binpb");
    fs::write(of_operator, compiler.encode_file_descriptor_set())?;

    // Messages know their names: what is counted of them before they are read goes by these.
    let mut named = tonic_prost_build::Config::new();
    named.enable_type_names();
    tonic_prost_build::configure()
        .bytes(".judgement.ledger.v1")
        .compile_fds_with_config(compiler.file_descriptor_set(), named)?;

    // The servers once more, as `rpc::served` has them: with answers that are encoded already in
    // the place of some messages.
    let served = PathBuf::from(env::var("OUT_DIR")?).join("served");
    fs::create_dir_all(&served)?;
    let mut servers = tonic_prost_build::configure()
        .build_client(false)
        .codec_path("crate::rpc::served::Codec")
        .extern_path(".judgement.ledger.v1", "crate::pb")
        .out_dir(served);
    for (message, answer) in SERVED {
        let (message, answer) =
            (format!(".judgement.ledger.v1.{message}"), format!("crate::rpc::served::{answer}"));
        servers = servers.extern_path(message, answer);
    }
    servers.compile_fds(compiler.file_descriptor_set())?;
    handed_out(Path::new("proto"))
}

/// Names all files of the protos with their contents, for `judgement-ledger proto`. What is made from
/// them is left out: it is made anew.
fn handed_out(protos: &Path) -> Result<(), Box<dyn Error>> {
    let (mut folders, mut files) = (vec![protos.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.strip_prefix(protos)?.to_owned();
            if path.is_dir() && name != Path::new("reference") {
                folders.push(path);
            } else if path.is_file() && name.extension().is_none_or(|it| it != "binpb") {
                let [name, path] =
                    [name, path.canonicalize()?].map(|it| it.into_os_string().into_string());
                let no_text = "a file of the protos has a name that is no text";
                files.push((name.map_err(|_| no_text)?, path.map_err(|_| no_text)?));
            }
        }
    }
    files.sort();
    let lines = files.iter().map(|(name, path)| format!("({name:?}, include_bytes!({path:?})),\n"));
    let list = format!(
        "/// The files of the protos, by their paths.\nconst FILES: &[(&str, &[u8])] = &[\n{}];\n",
        lines.collect::<String>()
    );
    Ok(fs::write(PathBuf::from(env::var("OUT_DIR")?).join("proto_files.rs"), list)?)
}
