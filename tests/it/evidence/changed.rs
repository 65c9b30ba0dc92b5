//! Folders of evidence that somebody changed with care: each file agrees with the others again.

use std::{collections::BTreeSet, fs, path::Path};

use judgement_ledger::{
    evidence::{CaseManifest, OpenedText, Place, Wrong, schedule},
    judgement::Position,
    record::Record,
};

use super::{Copied, Folder, told::told};

/// A case as somebody writes it who changes it.
struct Forged {
    copied: Copied,
    manifest: CaseManifest,
}

impl Forged {
    fn of(folder: &Path) -> Self {
        let copied = Copied::of(folder);
        let manifest = serde_json::from_str(&copied.text("case.json")).unwrap();
        Self { copied, manifest }
    }

    /// Takes a record out of every file that tells of it.
    fn drop_record(&mut self, at: u64) {
        self.manifest.records.retain(|it| it.position != at);
        self.manifest.exemptions.retain(|it| it.position != at);
        let lines = self.lines(|it| it.position.get() != at);
        self.copied.write("texts.jsonl", lines);
        self.copied.remove(&format!("proofs/{at}.tlog-proof"));
        drop(fs::remove_file(self.copied.file(&format!("records/{at}.record"))));
        self.settle();
    }

    /// The lines of texts that are to stay.
    fn lines(&self, stays: impl Fn(&OpenedText) -> bool) -> String {
        let lines = self.copied.text("texts.jsonl");
        let texts = lines.lines().map(|line| OpenedText::read(line).unwrap());
        texts.filter(stays).map(|it| it.to_line()).collect()
    }

    /// Writes manifest and schedule as they follow from one another.
    fn settle(&self) {
        let record = |at: Position| {
            let bytes = fs::read(self.copied.file(&format!("records/{at}.record"))).ok()?;
            Some(Record::decode(&bytes).unwrap())
        };
        self.copied.write("case.json", self.manifest.to_bytes());
        self.copied.write("schedule.csv", schedule(&self.manifest, &record));
    }

    fn wrong(&self) -> Wrong {
        Folder::Case.verify(self.copied.path(), &[told().key.clone()]).unwrap_err()
    }

    /// The assessment's records, oldest first.
    fn own(&self) -> Vec<u64> {
        let own = self.manifest.records.iter();
        let own = own.filter(|it| it.part == judgement_ledger::evidence::Part::Assessment);
        own.map(|it| it.position).collect()
    }
}

fn at(position: u64) -> Place {
    Place::Record(Position::new(position))
}

#[test]
fn a_case_that_is_written_as_it_was_is_whole() {
    for folder in [told().court(), told().withheld()] {
        let forged = Forged::of(&folder);
        let before = super::files_in(forged.copied.path());
        forged.settle();
        assert_eq!(super::files_in(forged.copied.path()), before, "the forger writes as we do");
        Folder::Case.verify(forged.copied.path(), &[told().key.clone()]).unwrap();
    }
}

#[test]
fn a_case_that_is_cut_at_its_end_contradicts_what_the_ledger_stated_when_it_handed_it_out() {
    for folder in [told().court(), told().withheld()] {
        let mut forged = Forged::of(&folder);
        let last = *forged.own().last().unwrap();
        forged.drop_record(last);
        let wrong = forged.wrong();
        assert_eq!(wrong.place, at(forged.manifest.handed_out_at));
        let said =
            "it does not state that these records were handed out, from the first to the last";
        assert_eq!(wrong.what, said);
    }
}

#[test]
fn a_case_that_lacks_a_record_in_its_midst_is_refused_at_the_next() {
    let own = Forged::of(&told().court()).own();
    // Each, but for the first and the last.
    for pair in own[1..].windows(2) {
        let mut forged = Forged::of(&told().court());
        forged.drop_record(pair[0]);
        let wrong = forged.wrong();
        // An order whose record is gone, or a text whose order is gone, is told of first.
        let refused = wrong.place == at(pair[1]) && wrong.what.contains("a record is missing");
        let claimed = wrong.to_string().contains("is not what") || wrong.what.contains("what was");
        assert!(refused || claimed, "{}: {wrong}", pair[0]);
    }
    let mut forged = Forged::of(&told().court());
    forged.drop_record(own[0]);
    let wrong = forged.wrong();
    assert!(wrong.place == at(own[1]), "{wrong}");
}

#[test]
fn a_withheld_record_is_accounted_for_by_its_hash() {
    // Not even a record that nobody sees can be left out or exchanged.
    let signature = told().story.signature;
    let mut forged = Forged::of(&told().withheld());
    forged.drop_record(signature);
    let wrong = forged.wrong();
    assert!(wrong.what.contains("a record is missing"), "{wrong}");

    let mut forged = Forged::of(&told().withheld());
    let of = forged.manifest.records.iter_mut().find(|it| it.position == signature).unwrap();
    of.leaf_hash = "0".repeat(64);
    forged.settle();
    assert_eq!(forged.wrong().place, Place::File(format!("proofs/{signature}.tlog-proof")));

    // Withholding more than the ledger did shows in its own schedule, and nowhere else: so it is for
    // whoever gets the case to read that. What is withheld may not be there.
    let mut forged = Forged::of(&told().court());
    let of = forged.manifest.records.iter_mut().find(|it| it.position == signature).unwrap();
    of.exemption = Some("s.40".to_owned());
    forged.settle();
    let wrong = forged.wrong();
    assert_eq!(wrong.place, Place::File("texts.jsonl".to_owned()), "{wrong}");
}

#[test]
fn hashes_of_a_case_are_written_in_one_way() {
    for (folder, at) in [(told().court(), 0), (told().withheld(), 0), (told().court(), 9)] {
        let mut forged = Forged::of(&folder);
        let of = &mut forged.manifest.records[at];
        let (position, capitals) = (of.position, of.leaf_hash.to_uppercase());
        assert_ne!(capitals, of.leaf_hash);
        of.leaf_hash = capitals;
        forged.settle();
        let said = format!("record {position}: its hash is not written in lower case");
        let wrong = forged.wrong();
        assert_eq!((wrong.place, wrong.what), (Place::File("case.json".to_owned()), said));
    }
}

#[test]
fn texts_of_a_case_are_those_of_its_records() {
    let (at_, field, _) = told().story.open;
    // One text for another.
    let forged = Forged::of(&told().court());
    let swapped = forged.copied.text("texts.jsonl").replace("weighed again\"", "weighed once\"");
    forged.copied.write("texts.jsonl", swapped);
    assert_eq!(forged.wrong().what, "its rationale is not the text that it commits to");

    // One that is withheld, given all the same.
    let forged = Forged::of(&told().withheld());
    let whole = Copied::of(&told().court());
    let missing = whole.text("texts.jsonl");
    let meant = |it: &OpenedText| it.position.get() == at_ && it.field == field;
    let line = missing.lines().find(|it| meant(&OpenedText::read(it).unwrap())).unwrap().to_owned();
    let mut lines: Vec<_> = forged.copied.text("texts.jsonl").lines().map(str::to_owned).collect();
    lines.push(line);
    lines.sort_by_key(|it| OpenedText::read(it).unwrap().position);
    forged.copied.write("texts.jsonl", lines.join("\n") + "\n");
    let wrong = forged.wrong();
    assert_eq!(
        (wrong.place, wrong.what.as_str()),
        (at(at_), "its rationale is here, though it is withheld")
    );

    // One that is not withheld, and not there.
    let forged = Forged::of(&told().court());
    forged.copied.write("texts.jsonl", forged.lines(|it| !meant(it)));
    let wrong = forged.wrong();
    assert_eq!(wrong.place, at(at_));
    let said = "its rationale is missing, and no order to erase it explains it";
    assert!(wrong.what.starts_with(said), "{wrong}");

    // One of a record that is withheld, or of none.
    for other in [told().story.signature, 9_999] {
        let forged = Forged::of(&told().withheld());
        let line = OpenedText { position: Position::new(other), ..any_text(&forged) }.to_line();
        let mut lines: BTreeSet<_> = BTreeSet::new();
        let all = forged.copied.text("texts.jsonl") + &line;
        lines.extend(all.lines().map(|it| {
            let read = OpenedText::read(it).unwrap();
            (read.position, read.field, it.to_owned())
        }));
        let all: String = lines.into_iter().map(|(_, _, line)| line + "\n").collect();
        forged.copied.write("texts.jsonl", all);
        let wrong = forged.wrong();
        assert_eq!(wrong.place, Place::File("texts.jsonl".to_owned()), "{wrong}");
        assert!(wrong.what.contains("is no text of this case"), "{wrong}");
    }
}

fn any_text(forged: &Forged) -> OpenedText {
    OpenedText::read(forged.copied.text("texts.jsonl").lines().next().unwrap()).unwrap()
}

#[test]
fn an_erased_text_is_not_passed_off_as_withheld() {
    let redacted = told().story.redacted;
    let mut forged = Forged::of(&told().court());
    forged.manifest.exemptions.push(judgement_ledger::evidence::ExemptText {
        position: redacted,
        field: "rationale".to_owned(),
        exemption: "s.40".to_owned(),
    });
    forged.settle();
    let wrong = forged.wrong();
    assert_eq!(wrong.place, at(redacted));
    assert!(wrong.what.contains("still there"), "{wrong}");
}

#[test]
fn a_file_too_many_is_remarked_on_and_one_too_few_is_missing() {
    for (folder, kind) in [
        (told().court(), Folder::Case),
        (told().withheld(), Folder::Case),
        (told().whole(), Folder::Whole),
    ] {
        let key = [told().key.clone()];
        let copied = Copied::of(&folder);
        copied.write("notes.txt", "remember the milk");
        let report = kind.verify(copied.path(), &key).unwrap();
        assert!(report.remarks.iter().any(|it| it.starts_with("notes.txt: no file of this ")));
        copied.remove("notes.txt");
        for (name, content) in super::files_in(copied.path()) {
            copied.remove(&name);
            let wrong = kind.verify(copied.path(), &key).unwrap_err().to_string();
            let number: String = name.chars().filter(char::is_ascii_digit).collect();
            let document = name.starts_with("documents/")
                && wrong == format!("record {number}: the framework's document is missing");
            assert!(wrong == format!("{name}: the file is missing") || document, "{wrong}");
            copied.write(&name, content);
        }
        kind.verify(copied.path(), &key).unwrap();
    }
}

#[test]
fn a_text_of_the_whole_that_is_gone_or_another_names_its_record() {
    let (position, field, _) = told().story.open;
    let meant = |line: &str| {
        let text = OpenedText::read(line).unwrap();
        text.position.get() == position && text.field == field
    };
    let verify = |change: &dyn Fn(&str) -> Vec<String>| {
        let copied = Copied::of(&told().whole());
        let lines = copied.text("texts.jsonl");
        let lines: Vec<_> = lines
            .lines()
            .flat_map(|it| if meant(it) { change(it) } else { vec![it.to_owned()] })
            .collect();
        copied.write("texts.jsonl", lines.join("\n") + "\n");
        Folder::Whole.verify(copied.path(), &[told().key.clone()])
    };
    verify(&|line| vec![line.to_owned()]).unwrap();
    let wrong = verify(&|_| Vec::new()).unwrap_err();
    assert_eq!(wrong.place, at(position));
    assert!(wrong.what.starts_with("its rationale is missing, and no order"), "{wrong}");
    let wrong = verify(&|line| vec![line.replace("weighed again", "weighed once")]).unwrap_err();
    let said = "its rationale is not the text that it commits to";
    assert_eq!((wrong.place, wrong.what.as_str()), (at(position), said));
    let twice = verify(&|line| vec![line.to_owned(), line.to_owned()]).unwrap_err();
    assert_eq!(twice.place, Place::File("texts.jsonl".to_owned()));
}
