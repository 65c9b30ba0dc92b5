//! `demo`: a letter of 2006, how a grade in it came about, and what became of another after it was
//! published, on one screen.
//!
//! Starts a server in this process on a directory to throw away, replays the scenes of
//! `leicester-2006.json` through real gRPC over the loopback, each at its own time of autumn
//! 2006, and shows what the letter says, who changed what, what was known before, and what readers of
//! the scores are told after. The letter's grades and figures are facts of the letter; the words are
//! ours; the logins, the dates of recording, the earlier grades and all that happens after the letter
//! are invented and say so.

mod clock;
mod screen;
mod script;

use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, path::PathBuf, time::Duration};

use clap::Args;
use indicatif::ProgressBar;
use jiff::{Timestamp, tz::TimeZone};
use tempfile::TempDir;

use super::{
    assessment,
    client::{Client, Connection, Token, dial},
    engine::JournalAt,
    face::{ConsolePages, Listen},
    failure::Failure,
    feed,
    flags::ServerFlags,
    history,
    import::{Callers, OnRefusal, Sender, Tally},
    output::{self, Format, Output},
    probes::Probes,
    serve,
    wiring::{self, Clock, Keys, Login, Running, Setup},
    wording,
};
use crate::{
    pb::{self, get_assessment_request::KnownAt},
    rpc::{Limits, Reflection},
};
pub(super) use clock::DemonstrationClock;
use screen::Screen;
use script::{Cast, Script};

/// The assessment that the demonstration is about.
const ASSESSMENT: &str = "subjects/leicester-city/assessments/apa-2006";
/// The area whose history is shown.
const AREA: &str = "enjoying-and-achieving";
/// The earlier moment: after the first grades, before any was changed.
const EARLIER: &str = "2006-10-11T12:00:00Z";
/// When the letter was out, and nothing had happened to it.
const LETTER: &str = "2006-11-01T12:00:00Z";
/// Whose scores are shown, and of what.
const FED: (&str, &str) = ("audit-commission", "CPA");
/// The port is whichever is free: a demonstration disturbs nobody.
const LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// What `demo` is told.
#[derive(Debug, Clone, Args)]
pub struct DemoFlags {
    /// Keep the ledger in this directory, which must be new or empty. Default: throw it away.
    #[arg(long, value_name = "DIR", env = "JUDGEMENT_LEDGER_DEMO_DATA")]
    pub data: Option<PathBuf>,
}

/// Shows the demonstration.
pub(super) async fn run(flags: &DemoFlags, output: &mut Output) -> Result<(), Failure> {
    let mut script = Script::built_in()?;
    let (directory, _thrown_away) = directory(flags.data.as_deref())?;
    let clock = DemonstrationClock::new(script.begins()?);
    output::note("demonstration: the server runs on a demonstration clock, set to autumn 2006");
    let running = wiring::start(setup(wiring::ledger_in(&directory), clock.clone())?).await?;
    let shown = play(&mut script, &running, &clock, output).await;
    let stopped = running.stop().await;
    shown?;
    stopped?;
    if let Some(data) = &flags.data {
        for line in kept(data) {
            output::note(&line);
        }
    }
    Ok(())
}

/// How to look at a ledger that was kept.
fn kept(directory: &Path) -> [String; 4] {
    let data = &wiring::ledger_in(directory);
    let (master, token) = (wiring::master_key(data), wiring::token_key(data));
    let (data, master, token) = (data.display(), master.display(), token.display());
    [
        format!("the ledger is kept in {data}; verify it, or serve it and ask as its auditor:"),
        format!("  judgement-ledger verify {data} --master-key-file {master}"),
        format!(
            "  judgement-ledger serve --data {data} --master-key-file {master} --token-key-file {token}"
        ),
        format!(
            "  export JUDGEMENT_LEDGER_TOKEN=$(judgement-ledger token --key-file {token} \\
    --login auditor@ofsted --organisation ofsted --role auditor)"
        ),
    ]
}

/// The directory to write to: one that stays and is empty, or one that vanishes with the guard.
fn directory(data: Option<&Path>) -> Result<(PathBuf, Option<TempDir>), Failure> {
    let Some(data) = data else {
        let directory = serve::throw_away()?;
        return Ok((directory.path().to_owned(), Some(directory)));
    };
    let failed =
        |source| Failure::File { doing: "use the directory", path: data.to_owned(), source };
    fs::create_dir_all(data).map_err(failed)?;
    if fs::read_dir(data).map_err(failed)?.next().is_some() {
        return Err(Failure::misused(format!(
            "{} is not empty: a demonstration never writes to a ledger that is there",
            data.display()
        )));
    }
    Ok((data.to_owned(), None))
}

fn setup(data: PathBuf, clock: DemonstrationClock) -> Result<Setup, Failure> {
    Ok(Setup {
        listen: Listen::Tcp(LISTEN),
        tls: None,
        data,
        journal: JournalAt::Directory,
        keys_dir: None,
        clock: Clock::Demonstration(clock),
        time_zone: TimeZone::UTC,
        keys: Keys::Beside,
        // Some dozens of records: the least that either may be.
        signer: None,
        segment_mib: 4,
        cache_mib: 16,
        allow_origins: Vec::new(),
        // Nobody spreads load over a demonstration.
        limits: Limits { drain_delay: Duration::ZERO, ..Limits::STANDARD },
        reflection: Reflection::Offered,
        console: ConsolePages::Off,
        // Nor watches over it.
        probes: Probes::new()?,
        admin_socket: None,
    })
}

/// Replays the script and shows the screen.
async fn play(
    script: &mut Script,
    running: &Running,
    clock: &DemonstrationClock,
    output: &mut Output,
) -> Result<(), Failure> {
    let connection = dial(&ServerFlags::at(running.place.url())).await?;
    let callers = callers(&connection, &script.cast, running)?;
    let mut tally = Tally::new(ProgressBar::hidden(), Format::Table);
    for scene in &mut script.scenes {
        clock.set(scene.at);
        Sender::new(&callers, OnRefusal::Stop, output, &mut tally)
            .send(std::slice::from_mut(&mut scene.step))
            .await?;
    }
    output::note(&format!("demonstration: {tally}"));
    let auditor = auditor(&connection, &script.auditor, running)?;
    let screen = ask(&auditor, tally.position()).await?;
    output.lines(&screen.lines(output.width()))
}

/// A caller for each login of the cast.
fn callers(connection: &Connection, cast: &[Cast], running: &Running) -> Result<Callers, Failure> {
    let mut tokens = BTreeMap::new();
    for member in cast {
        tokens.insert(member.credential.clone(), Some(token(&member.login, running)?));
    }
    Ok(Callers::new(connection, tokens))
}

fn auditor(connection: &Connection, login: &Login, running: &Running) -> Result<Client, Failure> {
    Ok(Client::new(connection.clone(), Some(token(login, running)?)))
}

fn token(login: &Login, running: &Running) -> Result<Token, Failure> {
    Token::parse(&(running.mint)(login)?, "the demonstration")
}

/// Asks for all that the screen shows.
async fn ask(auditor: &Client, position: u64) -> Result<Screen, Failure> {
    let (earlier, letter) = (moment(EARLIER)?, moment(LETTER)?);
    let known_at = |time| Some(KnownAt::KnownAtTime(wording::timestamp(time)));
    let published = read(auditor, known_at(letter), position).await?;
    let framework = assessment::framework(auditor, &published.framework).await?;
    let request = pb::GetGradeHistoryRequest {
        assessment: ASSESSMENT.to_owned(),
        area: AREA.to_owned(),
        min_position: position,
        ..pb::GetGradeHistoryRequest::default()
    };
    Ok(Screen {
        history: history::read(auditor, request).await?,
        earlier: (day(earlier), read(auditor, known_at(earlier), position).await?),
        letter: (day(letter), published),
        framework,
        scores: scores(auditor).await?,
    })
}

fn moment(written: &str) -> Result<Timestamp, Failure> {
    written
        .parse()
        .map_err(|error| Failure::Start { doing: "read a time", source: Box::new(error) })
}

fn day(of: Timestamp) -> String {
    of.strftime("%F").to_string()
}

/// All scores that a consumer has been fed.
async fn scores(auditor: &Client) -> Result<Vec<pb::FeedUpdate>, Failure> {
    let (recipient, scheme) = FED;
    let request = pb::GetFeedRequest {
        scheme: scheme.to_owned(),
        recipient: recipient.to_owned(),
        catch_up_only: true,
        ..pb::GetFeedRequest::default()
    };
    feed::read(auditor, request).await
}

async fn read(
    auditor: &Client,
    known_at: Option<KnownAt>,
    position: u64,
) -> Result<pb::Assessment, Failure> {
    let request = pb::GetAssessmentRequest {
        name: ASSESSMENT.to_owned(),
        known_at,
        content: pb::AssessmentContent::Full.into(),
        min_position: position,
        ..pb::GetAssessmentRequest::default()
    };
    assessment::read(auditor, request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demonstration_never_writes_to_a_ledger_that_is_there() {
        let there = tempfile::tempdir().unwrap();
        assert!(directory(Some(there.path())).is_ok());
        fs::write(there.path().join("journal"), "bytes").unwrap();
        assert_eq!(directory(Some(there.path())).unwrap_err().exit_code(), 2);
    }
}
