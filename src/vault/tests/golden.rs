//! The bytes of format 1, which must open for ever.

use super::*;

const BLOCK: &str = include_str!("../../../tests/vault/block-v1.hex");
const SEALED: &str = include_str!("../../../tests/vault/sealed-v1.hex");
const NAME: &str = "block-0000000001.keys";

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> = hexadecimal.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}

/// A block with one slot destroyed, and the sealed texts of one record under it.
fn written_now() -> (Vec<u8>, Bytes) {
    let disk = MemoryDisk::default();
    let vault = open(&disk, &seeded(2026)).unwrap();
    let blob = vault.seal(&Record::new(1, 2).sealings()).unwrap();
    vault.destroy(&slots_of(&blob).unwrap()[1..]).unwrap();
    (disk.files().remove(NAME).unwrap(), blob)
}

#[test]
fn the_bytes_of_format_1_open() {
    let disk = MemoryDisk::default().with_file(NAME, &bytes(BLOCK));
    let reader = Reader::open(Arc::new(disk), master(), LEDGER).unwrap();
    let record = Record::new(1, 2);
    let opened = reader.unseal_all(&bytes(SEALED), &record.bindings()).unwrap();
    let opened: Vec<Unsealed> = opened.into_iter().map(Result::unwrap).collect();
    assert_eq!(opened, [record.present(0), Unsealed::Destroyed]);
}

#[test]
fn the_bytes_of_format_1_are_still_what_is_written() {
    let (block, blob) = written_now();
    assert!(block == bytes(BLOCK), "the block");
    assert_eq!(blob, bytes(SEALED));
}
