#![no_main]
#[allow(dead_code)]
#[path = "../decoders.rs"]
mod decoders;
#[allow(dead_code)]
#[path = "../../it/sim_disk.rs"]
mod sim_disk;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decoders::backup(bytes));
