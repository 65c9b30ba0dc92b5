//! The command line: the server's and the client's verbs, in one binary.
//!
//! Owns the flags, which are the configuration, and all that is written to the terminal. A verb
//! is a module: its flags, and `run`, which asks a server and shows the answer. Data goes to
//! stdout, the rest to stderr; 0 is done, 1 refused or failed, 2 misused, 3 a failed flush.

mod admin;
mod admin_socket;
mod assessment;
mod audit;
mod backup;
mod client;
mod compare;
mod copy;
mod demo;
mod dev;
mod disclosure;
pub mod engine;
mod export;
mod face;
mod failure;
mod feed;
mod first;
mod flags;
mod framework;
mod healthcheck;
mod history;
mod import;
mod journal_flags;
mod json;
mod key_files;
mod letter;
mod migrate;
mod output;
mod probes;
mod proof;
mod proto;
mod rebuild;
mod recipients;
mod redact;
mod refusal;
mod reload;
mod restore;
mod serve;
mod shell;
mod signer;
pub mod signing;
mod socket;
mod stopping;
mod stream;
mod summary;
mod supervisor;
mod tables;
mod timeline;
mod token;
mod verify;
mod voice;
mod wiring;

use clap::{Parser, Subcommand};
use rustix::fs::Mode;

pub use admin::{AdminFlags, InfoFlags};
pub use assessment::{AssessmentFlags, View};
pub use audit::{AuditFlags, AuditFormat, FilterFlags, Order};
pub use backup::BackupFlags;
pub use client::Broken;
pub use compare::CompareFlags;
pub use copy::{CopyFlags, Place};
pub use demo::DemoFlags;
pub use disclosure::DisclosureFlags;
pub use export::ExportFlags;
pub use face::{ConsolePages, FaceFlags, Listen};
pub use failure::Failure;
pub use feed::FeedFlags;
pub use flags::{ClientFlags, KnownAt, KnownFlags, ServerFlags};
pub use framework::{CheckFlags, FrameworkVerb, ListFlags, ShowFlags};
pub use healthcheck::HealthcheckFlags;
pub use history::HistoryFlags;
pub use import::ImportFlags;
pub(crate) use import::fuzzed_import_file;
pub use journal_flags::{DatabaseFlags, Databases, DurabilityFlag, JournalFlags};
pub use letter::{LetterFlags, LetterFormat};
pub use migrate::MigrateFlags;
pub use output::Format;
pub use probes::AdminListen;
pub use proof::{CheckpointFlags, ProofFlags};
pub use proto::ProtoFlags;
pub use rebuild::RebuildFlags;
pub use recipients::RecipientsFlags;
pub use redact::{ApproveFlags, RedactFlags, RedactVerb, RefuseFlags, RequestFlags};
pub use restore::RestoreFlags;
pub use serve::ServeFlags;
pub use shell::{CompletionsFlags, ManFlags};
pub use signer::{RecoverFlags, RetireFlags, SignerFlags, SignerVerb};
pub use stream::StreamFlags;
pub use summary::SummaryFlags;
pub use timeline::TimelineFlags;
pub use token::TokenFlags;
pub use verify::VerifyFlags;

use crate::wording;
use output::Output;

/// Who changed which grade, when, why, on whose decision: an append-only ledger of inspection
/// judgements.
#[derive(Debug, Clone, Parser)]
#[command(version, propagate_version = true, after_help = AFTER_HELP)]
pub struct Cli {
    /// What is to be done.
    #[command(subcommand)]
    pub verb: Verb,
}

const AFTER_HELP: &str = "\
Begin with
  judgement-ledger demo           one letter of 2006, and how a grade in it came about
  judgement-ledger serve --dev    a ledger to try, gone when it stops

Every flag can be given as an environment variable, which `--help` of its verb names.
Exit codes: 0 done, 1 refused or failed, 2 misused, 3 a write or a flush of the ledger failed.";

/// What can be done.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Run a server.
    #[command(after_help = serve::AFTER_HELP)]
    Serve(Box<ServeFlags>),
    /// Show the ledger at work: a letter of 2006, and how a grade in it came about.
    Demo(DemoFlags),
    /// Make a credential for development.
    #[command(after_help = token::AFTER_HELP)]
    Token(TokenFlags),
    /// Send a file of frameworks, subjects and commands to a server.
    Import(ImportFlags),
    /// Show what stands, stood, or was published.
    Assessment(AssessmentFlags),
    /// Show who changed which grade, when, why, on whose decision.
    History(HistoryFlags),
    /// Search what was recorded, across assessments, or export it.
    #[command(after_help = audit::AFTER_HELP)]
    Audit(Box<AuditFlags>),
    /// Show how two assessments differ, or two moments of one.
    Compare(CompareFlags),
    /// Show how often which level stands under a framework, and how grades moved.
    Summary(SummaryFlags),
    /// Show a subject over the years.
    Timeline(TimelineFlags),
    /// Follow records as they come.
    Stream(StreamFlags),
    /// Print a published edition as the letter.
    Letter(LetterFlags),
    /// Show what one recipient may see of a published edition.
    Disclosure(DisclosureFlags),
    /// Follow scores as they are published.
    Feed(FeedFlags),
    /// Write evidence of the ledger, or a case of one assessment, as a folder that verifies by itself.
    #[command(after_help = export::AFTER_HELP)]
    Export(Box<ExportFlags>),
    /// Show who received the letter, drafts, records or evidence of an assessment.
    Recipients(RecipientsFlags),
    /// Verify a ledger's directory or a folder of evidence, without a server.
    #[command(after_help = verify::AFTER_HELP)]
    Verify(VerifyFlags),
    /// Have a text erased: one records officer asks, another decides.
    #[command(subcommand)]
    Redact(RedactVerb),
    /// Print what the ledger signed last.
    Checkpoint(CheckpointFlags),
    /// Prove that records are in the ledger, and that none of an assessment's is missing.
    Proof(ProofFlags),
    /// Look after the keys that sign a ledger, while its server is stopped.
    #[command(subcommand)]
    Signer(SignerVerb),
    /// Write what a running ledger holds into files to be kept elsewhere.
    #[command(after_help = backup::AFTER_HELP)]
    Backup(BackupFlags),
    /// Make a ledger of its backup, proven before it can be served.
    #[command(after_help = restore::AFTER_HELP)]
    Restore(RestoreFlags),
    /// Fold the views of a stopped ledger anew from its journal.
    Rebuild(RebuildFlags),
    /// Make the schema of a PostgreSQL database that keeps ledgers, or bring it up to this version.
    #[command(after_help = migrate::AFTER_HELP)]
    Migrate(MigrateFlags),
    /// Copy the journal of a stopped ledger, from files into PostgreSQL or back.
    #[command(after_help = copy::AFTER_HELP)]
    Copy(CopyFlags),
    /// Show how a running ledger stands, by the operator's socket.
    Info(InfoFlags),
    /// Ask whether a server serves: exit code 0 if it does.
    Healthcheck(HealthcheckFlags),
    /// Show or check frameworks: what may be graded, on which scales.
    #[command(subcommand)]
    Framework(FrameworkVerb),
    /// Write what clients in other languages are generated from, and the reference.
    #[command(after_help = proto::AFTER_HELP)]
    Proto(ProtoFlags),
    /// Print completions for a shell.
    #[command(after_help = shell::AFTER_HELP)]
    Completions(CompletionsFlags),
    /// Write the manual pages.
    #[command(after_help = shell::MAN_AFTER_HELP)]
    Man(ManFlags),
}

/// Does what the command line says.
///
/// # Errors
/// [`Failure`], with what the shell is told.
pub fn run(cli: Cli) -> Result<(), Failure> {
    if cli.verb.keeps_to_itself() {
        // Before the first thread, and for all that the process makes, sled's files too: what lies in a
        // ledger, a signer or a backup is for the account that runs it.
        rustix::process::umask(Mode::RWXG | Mode::RWXO);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start { doing: "start the runtime", source: error.into() })?;
    let mut output = Output::stdout();
    let acted = runtime.block_on(act(cli.verb, &mut output));
    // What still runs then was told to end at once, or ends with the process.
    runtime.shutdown_background();
    acted
}

impl Verb {
    /// Whether it writes what nobody else should read. What the others write is to be handed on.
    fn keeps_to_itself(&self) -> bool {
        matches!(
            self,
            Self::Serve(_)
                | Self::Demo(_)
                | Self::Signer(_)
                | Self::Backup(_)
                | Self::Restore(_)
                | Self::Rebuild(_)
                | Self::Copy(_)
        )
    }
}

async fn act(verb: Verb, output: &mut Output) -> Result<(), Failure> {
    match verb {
        Verb::Serve(flags) => serve::run(&flags, output).await,
        Verb::Demo(flags) => demo::run(&flags, output).await,
        Verb::Token(flags) => token::run(&flags, output),
        Verb::Import(flags) => import::run(&flags, output).await,
        Verb::Assessment(flags) => assessment::run(&flags, output).await,
        Verb::History(flags) => history::run(&flags, output).await,
        Verb::Audit(flags) => audit::run(&flags, output).await,
        Verb::Compare(flags) => compare::run(&flags, output).await,
        Verb::Summary(flags) => summary::run(&flags, output).await,
        Verb::Timeline(flags) => timeline::run(&flags, output).await,
        Verb::Stream(flags) => stream::run(&flags, output).await,
        Verb::Letter(flags) => letter::run(&flags, output).await,
        Verb::Disclosure(flags) => disclosure::run(&flags, output).await,
        Verb::Feed(flags) => feed::run(&flags, output).await,
        Verb::Export(flags) => export::run(&flags, output).await,
        Verb::Recipients(flags) => recipients::run(&flags, output).await,
        Verb::Verify(flags) => verify::run(&flags, output),
        Verb::Redact(verb) => redact::run(&verb, output).await,
        Verb::Checkpoint(flags) => proof::checkpoint(&flags, output).await,
        Verb::Proof(flags) => proof::proof(&flags, output).await,
        Verb::Signer(verb) => signer::run(&verb, output).await,
        Verb::Backup(flags) => backup::run(&flags, output).await,
        Verb::Restore(flags) => restore::run(&flags, output).await,
        Verb::Rebuild(flags) => rebuild::run(&flags, output).await,
        Verb::Migrate(flags) => migrate::run(&flags, output).await,
        Verb::Copy(flags) => copy::run(&flags, output).await,
        Verb::Info(flags) => admin::run(&flags, output).await,
        Verb::Healthcheck(flags) => healthcheck::run(&flags, output).await,
        Verb::Framework(verb) => framework::run(&verb, output).await,
        Verb::Proto(flags) => proto::run(&flags, output),
        Verb::Completions(flags) => shell::completions(&flags, output),
        Verb::Man(flags) => shell::man(&flags, output),
    }
}

/// Says on stderr how a verb failed.
pub fn report(failure: &Failure) {
    failure.lines().iter().for_each(|line| output::note(line));
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_verb_is_understood() {
        for line in [
            "jl serve --dev",
            "jl demo",
            "jl token --login a@ofsted --organisation ofsted --role inspector --role moderator \
             --valid 8h --key-file k",
            "jl import letter.json --token-file t --token-file lead=u --name l --keep-going",
            "jl assessment leicester-city/apa-2006 --known-at 42 --format json",
            "jl assessment leicester-city/apa-2006 --stated-at 2008-12-07",
            "jl history leicester-city/apa-2006 --area staying-safe",
            "jl audit --change lowered --reason MODERATION --recorded-from 2006-10-01T00:00:00Z",
            "jl audit --filter after_draft --format csv --known-at 42 --order oldest-first",
            "jl compare leicester-city/apa-2006@edition-1 @working",
            "jl summary apa/2006 --cycle 2006 --published",
            "jl timeline leicester-city --format json",
            "jl stream --after 10 --event GradeSet --event SignedOff",
            "jl letter leicester-city/apa-2006 --edition 1 --format html --recipient addressee",
            "jl disclosure leicester-city/apa-2006 --recipient csci --format json",
            "jl feed CPA --block children --recipient audit-commission --after 9 --catch-up-only",
            "jl export --evidence out --purpose audit",
            "jl export --case leicester-city/apa-2006 out --for court --purpose x --withhold 4/rationale=s",
            "jl recipients leicester-city/apa-2006 --position 12",
            "jl verify ledger --master-key-file master.key --checkpoint kept --format json",
            "jl redact request 12 --field rationale --basis erasure-request --replacement a",
            "jl redact approve 15 --validate-only --format json",
            "jl redact refuse 15 --ground weighed --rationale a",
            "jl checkpoint --min-position 42",
            "jl proof leicester-city/apa-2006 --out proofs --with-record",
            "jl proof --position 42 --out 42.tlog-proof",
            "jl signer show --signer-dir s",
            "jl signer recover --data d --signer-dir s",
            "jl backup --to b --admin-socket s --keyring k --format json",
            "jl backup --keyring k --data d",
            "jl restore --from b --data d --master-key-file m --keyring k --checkpoint c",
            "jl rebuild --data d --master-key-file m",
            "jl migrate --journal postgres://owner@db/ledgers --role ledger --begin apa",
            "jl copy --from d --to postgres://owner@db/ledgers --ledger apa",
            "jl serve --data d --master-key-file m --token-key-file t --journal ledgers.json --ledger apa \
             --durability local --keys-dir k",
            "jl info --data d",
            "jl healthcheck --service judgement.ledger.v1.writes --timeout 500ms",
            "jl framework list",
            "jl framework show apa/2006",
            "jl framework check apa-2009.json --format json",
            "jl framework schema",
            "jl proto --out protos",
            "jl completions zsh",
            "jl man --out man",
        ] {
            parse(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }

    #[test]
    fn what_is_misused_is_told_with_code_two() {
        for line in [
            "jl",
            "jl assessment leicester-city",
            "jl import letter.json --keep-going",
            "jl assessment leicester-city/apa-2006 --known-at yesterday",
            "jl assessment leicester-city/apa-2006 --stated-at 2006-11-01 --effective-at 2006-11-01",
            "jl audit --change worse",
            "jl letter leicester-city/apa-2006 --format pdf",
            "jl export out --purpose audit",
            "jl export --case leicester-city/apa-2006 out --purpose x",
            "jl export --evidence --case leicester-city/apa-2006 out --for court --purpose x",
            "jl redact request 0 --field rationale --basis erasure-request --replacement a",
            "jl redact request 12 --field Rationale --basis erasure-request --replacement a",
            "jl redact request 12 --field rationale --basis whim --replacement a",
            "jl redact approve",
            "jl redact refuse 15",
            "jl serve",
            "jl proof",
            "jl proof leicester-city/apa-2006 --position 42",
            "jl backup --to b",
            "jl backup --data d",
            "jl restore --from b --data d",
            "jl healthcheck --timeout never",
            "jl signer retire not-a-key --signer-dir s",
            "jl token --login a --organisation ofsted --key-file k",
        ] {
            assert_eq!(parse(line).unwrap_err().exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn every_flag_can_come_from_the_environment() {
        let mut verbs: Vec<_> = Cli::command().get_subcommands().cloned().collect();
        let below: Vec<_> = verbs
            .iter()
            .flat_map(|verb| verb.get_subcommands().cloned().collect::<Vec<_>>())
            .collect();
        verbs.extend(below);
        for verb in &verbs {
            for flag in verb.get_arguments().filter(|it| it.get_long().is_some()) {
                let variable = flag.get_env().and_then(|name| name.to_str()).unwrap_or_default();
                let named = variable.starts_with("JUDGEMENT_LEDGER_");
                assert!(named, "{} --{}", verb.get_name(), flag.get_long().unwrap());
            }
        }
    }
}
