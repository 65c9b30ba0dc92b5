//! Opening: the wrong key, the wrong ledger, damage and newer formats are told apart.

use super::*;
use crate::disk::Disk;

/// A keyring with one block and a sealed text.
fn used() -> (MemoryDisk, Record, Bytes) {
    let disk = MemoryDisk::default();
    let record = Record::new(1, 1);
    let blob = open(&disk, &seeded(1)).unwrap().seal(&record.sealings()).unwrap();
    (disk, record, blob)
}

fn refusal(disk: &MemoryDisk, master: MasterKey, setup: Setup) -> VaultError {
    let before = disk.files();
    let disk_again = Arc::new(disk.clone());
    let error = Vault::open(disk_again, master, seeded(9), setup).err().expect("a refusal");
    assert_eq!(disk.files(), before, "nothing is written: {error}");
    error
}

#[test]
fn a_wrong_master_key_is_named() {
    let (disk, ..) = used();
    let error = refusal(&disk, MasterKey::new([1; 32]), setup());
    assert_eq!(
        error.to_string(),
        "memory/block-0000000001.keys: the master key is not the one this keyring was made with"
    );
}

#[test]
fn another_ledgers_keyring_is_named() {
    let (disk, ..) = used();
    let error = refusal(&disk, master(), Setup { ledger: Uuid::nil(), ..setup() });
    assert!(matches!(error, VaultError::OtherLedger { found: LEDGER, .. }), "{error}");
}

#[test]
fn a_keyring_older_than_the_journal_is_refused() {
    let (disk, ..) = used();
    let last_slot = Some(Slot::new(2 * 1024));
    let error = refusal(&disk, master(), Setup { last_slot, ..setup() });
    assert!(matches!(error, VaultError::OlderThanJournal { .. }), "{error}");
    let last_slot = Some(Slot::new(2 * 1024 - 1));
    let reached = Setup { last_slot, ..setup() };
    assert!(Vault::open(Arc::new(disk), master(), seeded(9), reached).is_ok());
}

#[test]
fn a_second_vault_is_refused_and_a_reader_is_not() {
    let (disk, record, blob) = used();
    let vault = open(&disk, &seeded(2)).unwrap();
    let error = open(&disk, &seeded(3)).err().expect("a refusal");
    assert_eq!(error.to_string(), "memory/keyring.lock: another process has the keyring open");
    let before = disk.files();
    let reader = Reader::open(Arc::new(disk.clone()), master(), LEDGER).unwrap();
    let unsealed = reader.unseal(&blob, 0, &record.bindings()[0]).unwrap();
    assert_eq!(unsealed, record.present(0));
    assert_eq!(disk.files(), before, "a reader writes nothing");
    drop(vault);
    assert!(open(&disk, &seeded(3)).is_ok());
}

#[test]
fn damage_is_named_with_its_file_and_place() {
    let (disk, ..) = used();
    let name = "block-0000000001.keys";
    let good = disk.files().remove(name).unwrap();
    let with = |bytes: Vec<u8>| {
        let disk = MemoryDisk::default().with_file(name, &bytes);
        refusal(&disk, master(), setup())
    };
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        with(bytes)
    };
    let resummed = |at: usize, byte: u8| {
        let mut bytes = good[..33_952].to_vec();
        bytes[at] = byte;
        let checksum = crc32c::crc32c(&bytes);
        bytes.extend(checksum.to_be_bytes());
        with(bytes)
    };
    let cases = [
        (flipped(0), 0, "the file is not a block of keys"),
        (flipped(40), 33_952, "the checksum is not that of the file"),
        (flipped(5000), 33_952, "the checksum is not that of the file"),
        (flipped(33_955), 33_952, "the checksum is not that of the file"),
        (resummed(11, 0), 8, "there is no format 0"),
        (resummed(15, 1), 12, "the number of slots is not 1024"),
        (resummed(23, 7), 16, "the file bears the name of another block"),
        (resummed(31, 0), 24, "there is no generation 0"),
        (resummed(200, 0), 144, "the slots are not authentic"),
        (with(good[..7].to_vec()), 7, "the file is cut off"),
        (with(good[..33_955].to_vec()), 33_955, "the file is cut off"),
        (with([&good[..], &[0]].concat()), 33_956, "the file is longer than a block"),
        (with(Vec::new()), 0, "the file is cut off"),
    ];
    for (error, offset, what) in cases {
        let VaultError::Damaged(damage) = error else { panic!("{what}: {error}") };
        let file = format!("memory/{name}");
        assert_eq!(damage, Damage { file, offset, what });
    }
    let generation = resummed(31, 9);
    assert!(matches!(generation, VaultError::WrongMasterKey { .. }), "it is bound: {generation}");
}

#[test]
fn a_newer_format_is_refused_untouched() {
    let mut bytes = b"jl-keys\n\0\0\0\x02".to_vec();
    bytes.extend([7; 100]);
    let disk = MemoryDisk::default()
        .with_file("block-0000000007.keys", &bytes)
        .with_file("block-0000000003.keys.new", b"unfinished");
    let error = refusal(&disk, master(), setup());
    assert_eq!(
        error.to_string(),
        "memory/block-0000000007.keys: format 2 is newer than this program; \
         use the program that wrote it"
    );
}

#[test]
fn unfinished_files_are_removed_and_others_are_not() {
    let disk = MemoryDisk::default()
        .with_file("block-0000000003.keys.new", b"unfinished")
        .with_file("README", b"kept")
        .with_file("master.key.new", b"kept");
    let vault = open(&disk, &seeded(1)).unwrap();
    let names = || disk.files().into_keys().collect::<Vec<_>>();
    assert_eq!(names(), ["README", "master.key.new"], "no text is sealed, so no key is made");
    vault.seal(&Record::new(1, 1).sealings()).unwrap();
    assert_eq!(names(), ["README", "block-0000000001.keys", "master.key.new"]);
}

/// A killed process destroyed a key and did not come to flush the directory: what the next one reads as
/// destroyed it calls destroyed, so that must outlive a power cut.
#[test]
fn what_a_killed_process_renamed_is_durable_once_the_keyring_is_open() {
    let name = "block-0000000001.keys";
    let (disk, _, blob) = used();
    let other = disk.after_power_cut(Kept::All);
    open(&other, &seeded(2)).unwrap().destroy(&slots_of(&blob).unwrap()).unwrap();
    let rewritten = other.files().remove(name).unwrap();
    let file = Disk::create(&disk, "unfinished").unwrap();
    crate::disk::whole::write_all(&*file, &rewritten).unwrap();
    file.sync().unwrap();
    Disk::rename(&disk, "unfinished", name).unwrap();

    let vault = open(&disk, &seeded(3)).unwrap();
    vault.destroy(&slots_of(&blob).unwrap()).unwrap();
    drop(vault);
    assert_eq!(disk.after_power_cut(Kept::Synced).files().remove(name).unwrap(), rewritten);
}

#[test]
fn a_master_key_is_made_once_and_read_again() {
    let disk = MemoryDisk::default();
    let made = MasterKey::load_or_create(&disk, "master.key", &seeded(4)).unwrap();
    let cut = disk.after_power_cut(Kept::Synced);
    let read = MasterKey::load_or_create(&cut, "master.key", &seeded(5)).unwrap();
    assert_eq!(made.key().as_bytes(), read.key().as_bytes());
    assert_eq!(disk.files()["master.key"].len(), 65);
    assert_eq!(disk.list().unwrap(), ["master.key"]);
    assert_eq!(format!("{made:?}"), "MasterKey(<secret>)");
}

#[test]
fn a_master_key_has_digits_or_raw_bytes() {
    let load = |content: &[u8]| {
        let disk = MemoryDisk::default().with_file("master.key", content);
        MasterKey::load_or_create(&disk, "master.key", &seeded(4))
            .map(|master| *master.key().as_bytes())
    };
    let digits = "5A".repeat(32);
    for content in [digits.clone(), format!("{digits}\n"), format!("{digits}\r\n")] {
        assert_eq!(load(content.as_bytes()).unwrap(), [0x5a; 32]);
    }
    assert_eq!(load(&[0x5a; 32]).unwrap(), [0x5a; 32]);

    let wrong = ["", "5a", &"5".repeat(63), &"5g".repeat(32), &"5".repeat(65), &"5".repeat(999)];
    for content in wrong {
        let error = load(content.as_bytes()).unwrap_err();
        let bytes = content.len();
        assert_eq!(
            error.to_string(),
            format!(
                "memory/master.key: a master key is 64 hexadecimal digits or 32 raw bytes; \
                 the file has {bytes} bytes"
            )
        );
    }
}
