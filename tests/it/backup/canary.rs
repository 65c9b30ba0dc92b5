//! What a backup holds, searched byte for byte: no text, before it is erased or after, and no key that
//! would open one. A backup that was made after an erasure brings nothing back.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Restoring, back_up, elsewhere};
use crate::{
    binary::{Home, Running, copy},
    erasure::{CHILD, erase_wholly, rationale, redacted, unsealed, with_a_child},
    secrets::digits,
};

/// What must be in no file of a backup, in the forms in which it could be written.
struct Searched(Vec<(&'static str, Vec<u8>)>);

impl Searched {
    /// A text that can be erased, and the key that opens the keyring.
    fn of(home: &Home) -> Self {
        let file = fs::read(home.path("master.key")).unwrap();
        let raw = digits(&file);
        let utf16 = CHILD.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut all = vec![("the text", CHILD.into()), ("the text in UTF-16", utf16)];
        // A part of it would be too much already.
        for part in raw.chunks_exact(8) {
            all.push(("the master key", part.to_vec()));
        }
        for part in file.trim_ascii_end().chunks_exact(16) {
            all.push(("the master key in hexadecimal", part.to_vec()));
            all.push(("the master key in hexadecimal", part.to_ascii_uppercase()));
        }
        Self(all)
    }

    /// What is found in the files of a directory, or in a file, and where.
    fn found(&self, at: &Path) -> Vec<(&'static str, PathBuf)> {
        let mut files = Vec::new();
        let mut folders = vec![at.to_owned()];
        while let Some(path) = folders.pop() {
            if path.is_dir() {
                folders.extend(fs::read_dir(&path).unwrap().map(|it| it.unwrap().path()));
            } else {
                files.push(path);
            }
        }
        assert!(!files.is_empty(), "there is nothing in {}", at.display());
        let mut found = Vec::new();
        for path in files {
            let bytes = fs::read(&path).unwrap();
            for (name, what) in &self.0 {
                if bytes.windows(what.len()).any(|part| part == what) {
                    found.push((*name, path.clone()));
                }
            }
        }
        found
    }

    /// The same search finds each of them, wherever in a file it stands.
    fn finds_what_is_planted(&self, home: &Home) {
        for (number, (name, what)) in self.0.iter().enumerate() {
            let folder = home.path(&format!("planted-{number}"));
            copy(&home.path("backup"), &folder);
            let part = folder.join("part-0001.backup");
            let mut bytes = fs::read(&part).unwrap();
            let middle = bytes.len() / 2;
            bytes.splice(middle..middle, what.iter().copied());
            fs::write(&part, bytes).unwrap();
            assert_eq!(self.found(&folder), [(*name, part)]);
            fs::remove_dir_all(&folder).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_holds_no_text_and_after_an_erasure_no_key_of_it_either() {
    let home = Home::new();
    let running = Running::start(home.serve());
    let (name, set) = with_a_child(&running.clients()).await;
    back_up(&home);
    let searched = Searched::of(&home);
    let nothing = |at: &str| assert_eq!(searched.found(&home.path(at)), [], "{at}");
    let in_both = || ["backup", "keyring"].map(nothing);
    in_both();
    searched.finds_what_is_planted(&home);
    assert!(running.stop().success());

    // The control of what comes: the keyring of before has the key.
    let before = elsewhere(&home);
    Restoring::of(&home, &before).succeeds();
    assert_eq!(unsealed(&before, "data/keys", set).await.as_deref(), Some(CHILD));

    let running = Running::start(home.serve());
    let order = erase_wholly(&running.clients(), set, "rationale").await;
    back_up(&home);
    assert!(home.path("backup/part-0002.backup").exists());
    in_both();
    assert!(running.stop().success());

    let after = elsewhere(&home);
    Restoring::of(&home, &after).succeeds();
    assert_eq!(unsealed(&after, "data/keys", set).await, None, "its key is in no file");
    let running = Running::start(after.serve());
    let shown = rationale(&running.clients(), &name).await;
    assert_eq!(redacted(&shown).position, order);
    assert!(running.stop().success());
    assert_eq!(unsealed(&after, "data/keys", set).await, None, "nor did it come back");
}
