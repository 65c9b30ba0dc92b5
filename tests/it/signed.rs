//! What the ledger signs and proves, over gRPC and as files, checked by whoever receives it; and
//! what becomes of a journal that is not the one that was signed.

use std::{fs, process::Command, time::Duration};

use judgement_ledger::{
    merkle::{
        Checkpoint, ConsistencyProof, EntryBundle, Hash, InclusionProof, Origin, SignedNote, Tile,
        TilePath, TlogProof, TreeHead, Verifier, leaf_hash,
    },
    pb::{self, transparency_service_client::TransparencyServiceClient},
    record::Record,
    rpc::WRITES,
};
use prost::Message as _;
use tonic::{Code, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt as _;

use crate::{
    binary::{Ended, Home, Running, copy, ended},
    served::{Authorised, Clients, Served},
    web::fetch,
};

type Transparency = TransparencyServiceClient<Authorised>;

fn hash(bytes: &[u8]) -> Hash {
    Hash::new(bytes.try_into().unwrap())
}

fn hashes(all: &[bytes::Bytes]) -> Vec<Hash> {
    all.iter().map(|bytes| hash(bytes)).collect()
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// The head of a checkpoint, for which one of its keys vouches.
fn opened(checkpoint: &pb::Checkpoint) -> TreeHead {
    let note = SignedNote::parse(&checkpoint.note).unwrap();
    let keys: Vec<_> = checkpoint.keys.iter().map(|key| Verifier::parse(key).unwrap()).collect();
    let origin = Origin::from(keys[0].name().clone());
    let opened = Checkpoint::open(&note, &origin, &keys).unwrap();
    let head = *opened.head();
    assert_eq!((head.size, head.root), (checkpoint.size, hash(&checkpoint.root)));
    head
}

async fn checkpoint(clients: &Clients, min_size: u64) -> pb::Checkpoint {
    let request = pb::GetCheckpointRequest { min_size };
    clients.transparency("consumer").get_checkpoint(request).await.unwrap().into_inner()
}

async fn told() -> (Served, String) {
    let served = Served::start().await;
    let name = served.open("apa-2006").await;
    served.award(&name, "social-care", "3").await;
    served.award(&name, "capacity-to-improve", "2").await;
    (served, name)
}

#[tokio::test]
async fn who_holds_a_receipt_gets_its_proof_and_needs_nobody_to_verify_it() {
    let (served, name) = told().await;
    let receipt = served.award(&name, "being-healthy", "good").await;
    let request = pb::GetInclusionProofRequest { position: receipt.position, tree_size: 0 };
    let mut client = served.clients().transparency("consumer");
    let proof = client.get_inclusion_proof(request).await.unwrap().into_inner();
    let checkpoint = proof.checkpoint.clone().unwrap();
    let head = opened(&checkpoint);
    assert!(head.size >= receipt.position);
    let path = InclusionProof::new(hashes(&proof.hashes));
    path.verify(&hash(&proof.leaf_hash), proof.index, &head).unwrap();
    assert_eq!(proof.index, receipt.position - 1);

    // The same as a file, for the record as it is stored.
    let request = pb::GetTrailRequest { assessment: name, ..pb::GetTrailRequest::default() };
    let trail = served.clients().transparency("auditor").get_trail(request).await.unwrap();
    let records = trail.into_inner().records;
    let record = records.iter().find(|it| it.position == receipt.position).unwrap();
    let file = TlogProof::parse(&proof.tlog_proof).unwrap();
    let keys: Vec<_> = checkpoint.keys.iter().map(|key| Verifier::parse(key).unwrap()).collect();
    let origin = Origin::from(keys[0].name().clone());
    file.verify(&record.record, &origin, &keys, &[]).unwrap();
    file.verify(b"another record", &origin, &keys, &[]).unwrap_err();
    served.stop().await;
}

#[tokio::test]
async fn a_later_checkpoint_is_proven_to_begin_with_an_earlier_one_across_starts() {
    let (served, name) = told().await;
    let before = opened(&checkpoint(&served.clients(), 1).await);
    let served = served.restart().await;
    let served = served.without_views().await;
    let receipt = served.award(&name, "being-healthy", "good").await;
    let after = opened(&checkpoint(&served.clients(), receipt.position).await);
    assert!(after.size > before.size);
    let request = pb::GetConsistencyProofRequest { from_size: before.size, to_size: after.size };
    let mut client = served.clients().transparency("newspaper");
    let grown = client.get_consistency_proof(request).await.unwrap().into_inner();
    let proof = ConsistencyProof::new(hashes(&grown.hashes));
    proof.verify(&before, &after).unwrap();
    assert_eq!((hash(&grown.from_root), hash(&grown.to_root)), (before.root, after.root));
    let shrunk = pb::GetConsistencyProofRequest { from_size: after.size, to_size: before.size };
    let refused = client.get_consistency_proof(shrunk).await.unwrap_err();
    assert_eq!(
        (refused.code(), reason(&refused).as_str()),
        (Code::InvalidArgument, "INVALID_REQUEST")
    );
    served.stop().await;
}

#[tokio::test]
async fn a_trail_is_complete_and_proven_page_by_page() {
    let (served, name) = told().await;
    let receipt = served.award(&name, "being-healthy", "good").await;
    let mut client = served.clients().transparency("auditor");
    let mut records: Vec<pb::TrailRecord> = Vec::new();
    loop {
        let request = pb::GetTrailRequest {
            assessment: name.clone(),
            after_revision: records.last().map_or(0, |it| it.revision),
            page_size: 2,
            min_size: receipt.position,
        };
        let page = client.get_trail(request).await.unwrap().into_inner();
        let head = opened(page.checkpoint.as_ref().unwrap());
        for record in &page.records {
            let proof = InclusionProof::new(hashes(&record.hashes));
            proof.verify(&leaf_hash(&record.record), record.position - 1, &head).unwrap();
        }
        records.extend(page.records);
        if records.last().unwrap().revision == page.revision {
            break;
        }
    }
    assert_eq!(records.last().unwrap().position, receipt.position);
    let mut before: Option<Hash> = None;
    for (revision, record) in (1..).zip(&records) {
        assert_eq!(record.revision, revision);
        let read = Record::decode(&record.record).unwrap();
        assert_eq!(read.previous.map(|it| it.hash), before);
        before = Some(leaf_hash(&record.record));
    }
    let absent = pb::GetTrailRequest {
        assessment: "subjects/leicester-city/assessments/never".to_owned(),
        ..pb::GetTrailRequest::default()
    };
    let refused = client.get_trail(absent).await.unwrap_err();
    assert_eq!(reason(&refused), "ASSESSMENT_NOT_FOUND");
    served.stop().await;
}

/// Spec §5.3: hashes are for everybody, an assessment's records for its insiders, all records for the
/// auditor.
#[tokio::test]
async fn hashes_are_given_to_everybody_and_records_to_who_may_see_all() {
    let (served, name) = told().await;
    let size = checkpoint(&served.clients(), 1).await.size;
    let width = u32::try_from(size).unwrap();
    for (login, of_all, of_one) in
        [("auditor", true, true), ("inspector", false, true), ("consumer", false, false)]
    {
        let mut client = served.clients().transparency(login);
        client.get_checkpoint(pb::GetCheckpointRequest::default()).await.unwrap();
        client.get_tile(pb::GetTileRequest { level: 0, index: 0, width }).await.unwrap();
        let bundle = client.get_entry_bundle(pb::GetEntryBundleRequest { index: 0, width }).await;
        let request =
            pb::GetTrailRequest { assessment: name.clone(), ..pb::GetTrailRequest::default() };
        let trail = client.get_trail(request).await;
        let path = format!("/tile/entries/000.p/{width}");
        let fetched = fetch(served.address, &path, Some(&served.token(login))).await;
        assert_eq!(
            (bundle.is_ok(), trail.is_ok(), fetched.code == 200),
            (of_all, of_one, of_all),
            "{login}"
        );
        if !of_all {
            assert_eq!(bundle.unwrap_err().code(), Code::PermissionDenied);
        }
        if !of_one {
            assert_eq!(trail.unwrap_err().code(), Code::PermissionDenied);
            assert_eq!(fetched.code, 403);
        }
    }
    let nobody = fetch(served.address, &format!("/tile/entries/000.p/{width}"), None).await;
    assert_eq!((nobody.code, nobody.header("www-authenticate")), (401, "Bearer"));
    let bare = TransparencyServiceClient::new(served.channel.clone())
        .get_checkpoint(pb::GetCheckpointRequest::default())
        .await;
    assert_eq!(bare.unwrap_err().code(), Code::Unauthenticated);
    served.stop().await;
}

#[tokio::test]
async fn files_are_those_of_the_calls_to_the_byte_and_no_more_than_is_signed() {
    let (served, name) = told().await;
    let mut last = 0;
    for number in 0..260 {
        let section = ["summary", "context"][number % 2];
        let said = format!("what was found, part {number}");
        let request = pb::RecordEntryRequest {
            assessment: name.clone(),
            act: Some(crate::served::act()),
            entry_id: format!("nar-{number}"),
            content: Some(pb::EntryContent {
                kind: pb::EntryKind::Narrative.into(),
                section: section.to_owned(),
                text: Some(crate::served::present(&said)),
                ..pb::EntryContent::default()
            }),
            ..pb::RecordEntryRequest::default()
        };
        let receipt = served.assessments("inspector").record_entry(request).await.unwrap();
        last = receipt.into_inner().position;
    }
    // Whoever takes records out is recorded, once a day: before the size is asked for, which then stays.
    checkpoint(&served.clients(), 1).await;
    let first = pb::GetEntryBundleRequest { index: 0, width: 1 };
    served.clients().transparency("auditor").get_entry_bundle(first).await.unwrap();
    let with_that = pb::QueryAuditRequest { min_position: last + 1, ..Default::default() };
    let head = served.audits().query_audit(with_that).await.unwrap();
    let head = head.into_inner().read.unwrap().position;
    let signed = checkpoint(&served.clients(), head).await;
    let size = signed.size;
    let at = |path: TilePath| format!("/{path}");
    let found = fetch(served.address, "/checkpoint", None).await;
    assert_eq!((found.code, found.body.as_slice()), (200, &*signed.note), "{}", found.head);
    assert_eq!(found.header("cache-control"), "no-cache");
    assert!(found.header("content-type").starts_with("text/plain"));
    let mut client = served.clients().transparency("auditor");
    let token = served.token("auditor");
    let narrow = [Tile::new(0, 0, 1).unwrap(), Tile::new(0, 0, 255).unwrap()];
    for tile in Tile::all(size).chain(narrow) {
        let (level, index, width) = (tile.level().into(), tile.index(), tile.width().into());
        let told = client.get_tile(pb::GetTileRequest { level, index, width }).await.unwrap();
        let found = fetch(served.address, &at(TilePath::Hashes(tile)), None).await;
        assert_eq!((found.code, &found.body), (200, &told.into_inner().hashes.to_vec()));
        assert_eq!(found.header("content-type"), "application/octet-stream");
        assert!(found.header("cache-control").contains("immutable"), "{}", found.head);
        assert_eq!(found.body.len(), usize::from(tile.width()) * 32);
    }
    let mut leaves = Vec::new();
    for bundle in EntryBundle::all(size) {
        let (index, width) = (bundle.index(), bundle.width().into());
        let told = client.get_entry_bundle(pb::GetEntryBundleRequest { index, width }).await;
        let path = at(TilePath::Entries(bundle));
        let found = fetch(served.address, &path, Some(&token)).await;
        assert_eq!((found.code, &found.body), (200, &told.unwrap().into_inner().entries.to_vec()));
        assert!(found.header("cache-control").starts_with("private"));
        let entries = bundle.decode(&found.body).unwrap();
        leaves.extend(entries.iter().map(|entry| leaf_hash(entry)));
    }
    // Whoever has all entries needs nothing else.
    assert_eq!(judgement_ledger::merkle::root_of(&leaves), opened(&signed).root);

    let beyond = Tile::new(0, size / 256, u16::try_from(size % 256 + 1).unwrap()).unwrap();
    for path in
        [&*at(TilePath::Hashes(beyond)), "/tile/0/000.p/0", "/tile/0/x000/000", "/tile/9/000"]
    {
        assert_eq!(fetch(served.address, path, None).await.code, 404, "{path}");
    }
    let request =
        pb::GetTileRequest { level: 0, index: beyond.index(), width: beyond.width().into() };
    let refused = client.get_tile(request).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::Unavailable, "NOT_COVERED"));
    // Over HTTP/1.1 a call is still none of them.
    assert_eq!(fetch(served.address, "/elsewhere", None).await.code, 400);
    served.stop().await;
}

#[tokio::test]
async fn the_ledger_names_its_keys_before_they_sign() {
    let served = Served::start().await;
    let signed = checkpoint(&served.clients(), 1).await;
    let request = pb::QueryAuditRequest {
        expression: "event = KeyRotated".to_owned(),
        ..pb::QueryAuditRequest::default()
    };
    let rows = served.audits().query_audit(request).await.unwrap().into_inner().rows;
    let keys: Vec<_> = rows.iter().map(|row| row.key.clone().unwrap().vkey).collect();
    assert_eq!(keys, signed.keys);
    assert!(rows[0].position <= signed.size);
    // Another start has nothing to add.
    let served = served.restart().await;
    let again = checkpoint(&served.clients(), 1).await;
    assert_eq!(again.keys, signed.keys);
    served.stop().await;
}

/// A chapter told to a server on this home; all of it is signed.
async fn live(home: &Home, chapter: usize) -> pb::Checkpoint {
    let served = Served::on(home.ground()).await.unwrap();
    let receipts = crate::story::tell(&served.clients(), chapter, telling()).await;
    let signed = checkpoint(&served.clients(), receipts.last().unwrap().position).await;
    served.stop().await;
    signed
}

/// A ledger that was signed, stopped, and then given back an older state of its directory.
struct Lived {
    home: Home,
    /// What was signed before that state was kept.
    before: pb::Checkpoint,
    /// What was signed last.
    signed: pb::Checkpoint,
}

impl Lived {
    async fn new() -> Self {
        let home = Home::new();
        let before = live(&home, 0).await;
        copy(&home.path("data"), &home.path("before"));
        copy(&home.path("signer"), &home.path("signer-before"));
        let signed = live(&home, 1).await;
        Self { home, before, signed }
    }

    /// With a journal that ends at this record and contradicts what was signed in this way, which is said
    /// with both sizes: to whoever asks to write, and in the log.
    async fn is_read_only(&self, head: u64, how: &str) {
        let signed = self.signed.size;
        let running = Running::start(self.home.serve());
        let clients = running.clients();
        let request = pb::RegisterSubjectRequest {
            act: Some(crate::served::act()),
            subject: "subjects/elsewhere".to_owned(),
            display_name: "Elsewhere".to_owned(),
            kind: "local authority".to_owned(),
            ..pb::RegisterSubjectRequest::default()
        };
        let refused = clients.frameworks("admin").register_subject(request).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::FailedPrecondition, "READ_ONLY")
        );
        let details = refused.get_details_error_info().unwrap().metadata;
        let sizes =
            [("signed".to_owned(), signed.to_string()), ("head".to_owned(), head.to_string())];
        assert_eq!(details, sizes.into());
        assert!(refused.message().contains(how), "{}", refused.message());
        // What was signed is still published; what was recorded can still be read.
        assert_eq!(checkpoint(&clients, 1).await, self.signed);
        clients.audits().query_audit(pb::QueryAuditRequest::default()).await.unwrap();
        let mut health = HealthClient::new(clients.channel.clone());
        for (service, serving) in [(WRITES, 2), ("", 1)] {
            let request = HealthCheckRequest { service: service.to_owned() };
            let status = health.check(request).await.unwrap().into_inner().status;
            assert_eq!(status, serving, "{service}");
        }
        let memory = fs::read(self.home.path("signer/checkpoint")).unwrap();
        let said = running.said();
        assert!(running.stop().success());
        assert!(said.contains("read-only"), "{said}");
        assert!(said.contains(how), "{said}");
        assert_eq!(fs::read(self.home.path("signer/checkpoint")).unwrap(), memory, "it signed");
    }
}

fn telling() -> crate::story::Telling {
    crate::story::Telling { long_text_bytes: 100, evidence: 1 }
}

#[tokio::test]
async fn an_older_journal_that_was_put_back_is_read_only_and_never_signed() {
    let lived = Lived::new().await;
    let data = lived.home.path("data");
    fs::remove_dir_all(&data).unwrap();
    copy(&lived.home.path("before"), &data);
    let (head, signed) = (lived.before.size, lived.signed.size);
    assert!(head < signed);
    let how = format!(
        "the journal ends at record {head}, but a checkpoint over {signed} records was signed: an older \
         journal was put back"
    );
    lived.is_read_only(head, &how).await;
    // Twice, since a start may change what it finds.
    lived.is_read_only(head, &how).await;
}

#[tokio::test]
async fn an_exchanged_journal_of_the_same_length_is_read_only_and_never_signed() {
    let lived = Lived::new().await;
    let (data, signer) = (lived.home.path("data"), lived.home.path("signer"));
    // The same story on the older journal, signed by a signer who was put back with it.
    fs::remove_dir_all(&data).unwrap();
    copy(&lived.home.path("before"), &data);
    copy(&signer, &lived.home.path("signer-kept"));
    let memory = signer.join("checkpoint");
    fs::remove_file(&memory).unwrap();
    // Without its memory it is refused, since the journal keeps a checkpoint.
    let refused = ended(lived.home.serve());
    assert_eq!(refused.code, Some(1));
    assert!(refused.stderr.contains("an older directory was put back"), "{}", refused.stderr);
    fs::remove_dir_all(&signer).unwrap();
    copy(&lived.home.path("signer-before"), &signer);
    let other = live(&lived.home, 1).await;
    assert_eq!(other.size, lived.signed.size);
    assert_ne!(other.root, lived.signed.root);
    fs::remove_dir_all(&signer).unwrap();
    copy(&lived.home.path("signer-kept"), &signer);
    let how = format!(
        "the {0} records of the journal are not those that followed the checkpoint signed over {0} records: \
         the journal was exchanged",
        other.size
    );
    lived.is_read_only(other.size, &how).await;
}

#[tokio::test]
async fn a_ledger_whose_signer_is_gone_is_refused_and_can_be_signed_again() {
    let lived = Lived::new().await;
    fs::rename(lived.home.path("signer"), lived.home.path("elsewhere")).unwrap();
    let refused = ended(lived.home.serve());
    assert_eq!(refused.code, Some(1), "{}", refused.stderr);
    for said in [&*lived.signed.size.to_string(), "its signer is not here", "signer recover"] {
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    assert!(!lived.home.path("signer").exists());

    // Lost for good: another one begins where the journal says that it ended.
    let recover =
        ["--data", &path(&lived.home, "data"), "--signer-dir", &path(&lived.home, "signer")];
    let recovered = signer(&lived.home, &[&["recover"][..], &recover].concat());
    assert_eq!(recovered.code, Some(0), "{}", recovered.stderr);
    let running = Running::start(lived.home.serve());
    let clients = running.clients();
    let receipts = crate::story::tell(&clients, 2, telling()).await;
    let now = checkpoint(&clients, receipts.last().unwrap().position).await;
    assert_eq!(now.keys, [recovered.stdout.trim()]);
    let request =
        pb::GetConsistencyProofRequest { from_size: lived.signed.size, to_size: now.size };
    let grown = clients.transparency("auditor").get_consistency_proof(request).await.unwrap();
    assert_eq!(grown.into_inner().from_root, lived.signed.root);
    // The ledger says which key it was, and which it is.
    assert_eq!(
        rotations(&clients).await,
        [
            (lived.signed.keys[0].clone(), pb::KeyChange::Added),
            (now.keys[0].clone(), pb::KeyChange::Added),
            (lived.signed.keys[0].clone(), pb::KeyChange::Retired),
        ]
    );
    assert!(running.stop().success());
}

fn path(home: &Home, name: &str) -> String {
    home.path(name).to_str().unwrap().to_owned()
}

fn ledger(words: &[&str]) -> Ended {
    let mut command = Command::new(crate::binary::program());
    command.args(words);
    ended(command)
}

/// A verb of the signer's on this home.
fn signer(home: &Home, words: &[&str]) -> Ended {
    let known = words.contains(&"--signer-dir");
    let directory = path(home, "signer");
    let flag = if known { vec![] } else { vec!["--signer-dir", &directory] };
    ledger(&[&["signer"], words, &flag].concat())
}

/// What the ledger says of its keys, oldest first.
async fn rotations(clients: &Clients) -> Vec<(String, pb::KeyChange)> {
    let request = pb::QueryAuditRequest {
        expression: "event = KeyRotated".to_owned(),
        order: pb::AuditOrder::OldestFirst.into(),
        ..pb::QueryAuditRequest::default()
    };
    let rows = clients.audits().query_audit(request).await.unwrap().into_inner().rows;
    let keys = rows.into_iter().map(|row| row.key.unwrap());
    keys.map(|key| (key.vkey.clone(), key.change())).collect()
}

/// A new key signs beside the old one for a while; then the old one signs that it does no more.
#[tokio::test]
async fn a_key_is_rotated_with_an_overlap_and_the_ledger_says_so() {
    let home = Home::new();
    let first = live(&home, 0).await;
    let old = first.keys[0].clone();
    let added = signer(&home, &["add"]);
    assert_eq!(added.code, Some(0), "{}", added.stderr);
    let new = added.stdout.trim().to_owned();

    let both = live(&home, 1).await;
    assert_eq!(both.keys, [old.clone(), new.clone()]);
    for key in &both.keys {
        assert_eq!(
            opened(&pb::Checkpoint { keys: vec![key.clone()], ..both.clone() }).size,
            both.size
        );
    }
    let retired = signer(&home, &["retire", &old]);
    assert_eq!(retired.code, Some(0), "{}", retired.stderr);
    let shown = signer(&home, &["show"]);
    assert!(shown.stdout.contains(&format!("retiring  {old}")), "{}", shown.stdout);

    // The first checkpoint that covers its retirement is the last that it signs.
    live(&home, 2).await;
    let alone = live(&home, 3).await;
    assert_eq!(alone.keys, std::slice::from_ref(&new));
    let old_only = pb::Checkpoint { keys: vec![old.clone()], ..alone.clone() };
    let note = SignedNote::parse(&old_only.note).unwrap();
    assert!(note.open(&[Verifier::parse(&old).unwrap()]).is_err(), "it signs no more");
    let running = Running::start(home.serve());
    let expected = [
        (old.clone(), pb::KeyChange::Added),
        (new.clone(), pb::KeyChange::Added),
        (old.clone(), pb::KeyChange::Retired),
    ];
    assert_eq!(rotations(&running.clients()).await, expected);
    // While the server runs its signer is left alone.
    let refused = signer(&home, &["add"]);
    assert!(refused.stderr.contains("another process has the signer"), "{}", refused.stderr);
    assert!(running.stop().success());
    let last = signer(&home, &["retire", &new]);
    assert!(last.stderr.contains("no key to sign with"), "{}", last.stderr);
}

#[tokio::test]
async fn proofs_are_checked_and_written_by_the_command_line() {
    let home = Home::new();
    let signed = live(&home, 0).await;
    let running = Running::start(home.serve());
    let token = home.path("auditor.token");
    fs::write(&token, running.clients().token("auditor")).unwrap();
    let asked = ["--server", &running.address, "--token-file", token.to_str().unwrap()];
    let told = ledger(&[&["checkpoint"][..], &asked].concat());
    assert_eq!((told.code, told.stdout.as_bytes()), (Some(0), &*signed.note), "{}", told.stderr);

    let out = path(&home, "5.tlog-proof");
    let one = ["proof", "--position", "5", "--with-record", "--out", &out];
    let proven = ledger(&[&one[..], &["--key", &signed.keys[0]], &asked].concat());
    assert_eq!(proven.code, Some(0), "{}", proven.stderr);
    let keys = [Verifier::parse(&signed.keys[0]).unwrap()];
    let origin = Origin::from(keys[0].name().clone());
    let file = TlogProof::parse(&fs::read(&out).unwrap()).unwrap();
    let record = fs::read(home.path("5.record")).unwrap();
    file.verify(&record, &origin, &keys, &[]).unwrap();

    let name = crate::story::assessment_of(0);
    let out = path(&home, "proofs");
    let all = ["proof", &name, "--with-record", "--out", &out];
    let proven = ledger(&[&all[..], &asked].concat());
    assert_eq!(proven.code, Some(0), "{}", proven.stderr);
    assert!(proven.stdout.contains("none missing, all proven"), "{}", proven.stdout);
    let mut files = 0;
    for entry in fs::read_dir(&out).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|it| it == "tlog-proof") {
            let file = TlogProof::parse(&fs::read(&path).unwrap()).unwrap();
            let record = fs::read(path.with_extension("record")).unwrap();
            file.verify(&record, &origin, &keys, &[]).unwrap();
            files += 1;
        }
    }
    assert!(files > 10, "{files}");
    // A key that is not the ledger's is not believed.
    let other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let doubted = ledger(&[&["proof", "--position", "5", "--key", other][..], &asked].concat());
    assert_eq!(doubted.code, Some(1), "{}", doubted.stdout);
    assert!(doubted.stderr.contains("no trusted key has signed"), "{}", doubted.stderr);
    let beyond = ledger(&[&["proof", "--position", "1000000"][..], &asked].concat());
    assert_eq!(beyond.code, Some(1), "{}", beyond.stdout);
    assert!(running.stop().success());
}

#[tokio::test]
async fn a_signer_within_the_ledgers_directory_is_refused() {
    let home = Home::new();
    let mut command = home.serve();
    command.arg("--signer-dir").arg(home.path("data/journal/../signer"));
    let refused = ended(command);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--signer-dir"), "{}", refused.stderr);
}

/// Killed at any moment it may have signed what nobody saw; it never signs two trees of one size.
#[tokio::test]
async fn a_kill_between_signing_and_publishing_changes_nothing_that_was_signed() {
    let home = Home::new();
    let mut seen = std::collections::BTreeMap::new();
    for round in 0..4 {
        let running = Running::start(home.serve());
        let clients = running.clients();
        let telling = tokio::spawn({
            let clients = clients.clone();
            async move { crate::story::tell(&clients, 10 + round, telling()).await }
        });
        let mut client: Transparency = clients.transparency("auditor");
        let until = tokio::time::Instant::now() + Duration::from_millis(300 + 170 * (round as u64));
        while tokio::time::Instant::now() < until {
            if let Ok(found) = client.get_checkpoint(pb::GetCheckpointRequest::default()).await {
                let head = opened(found.get_ref());
                assert_eq!(*seen.entry(head.size).or_insert(head.root), head.root);
            }
        }
        running.kill();
        telling.abort();
        drop(telling.await);
    }
    let running = Running::start(home.serve());
    let last = checkpoint(&running.clients(), 1).await;
    let (newest, _) = seen.last_key_value().unwrap();
    assert!(last.size >= *newest, "{} after {newest}", last.size);
    let mut client = running.clients().transparency("auditor");
    for (size, root) in &seen {
        let request = pb::GetConsistencyProofRequest { from_size: *size, to_size: last.size };
        let grown = client.get_consistency_proof(request).await.unwrap().into_inner();
        assert_eq!(hash(&grown.from_root), *root, "{size}");
    }
    assert!(running.stop().success());
    drop(last.encode_to_vec());
}
