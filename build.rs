//! Compiles the protos with `protox`, so that no protoc has to be installed.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let mut compiler = protox::Compiler::new(["proto"])?;
    compiler.include_source_info(true).include_imports(true);
    compiler.open_files([
        "judgement/ledger/v1/assessment_service.proto",
        "judgement/ledger/v1/audit_service.proto",
        "judgement/ledger/v1/errors.proto",
        "judgement/ledger/v1/framework_service.proto",
        "judgement/ledger/v1/import.proto",
        "judgement/ledger/v1/record.proto",
    ])?;

    // The bytes as compiled, not the typed set encoded again: that would drop custom options.
    let descriptors = PathBuf::from(env::var("OUT_DIR")?).join("descriptors.binpb");
    fs::write(descriptors, compiler.encode_file_descriptor_set())?;

    tonic_prost_build::configure()
        .bytes(".judgement.ledger.v1")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
