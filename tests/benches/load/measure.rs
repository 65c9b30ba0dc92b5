//! Callers, clocks and percentiles.

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::calls::Place;

/// What is measured in one row.
pub struct Cell {
    pub what: &'static str,
    pub server: &'static str,
    pub callers: usize,
    pub connections: usize,
    pub time: Duration,
}

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Row {
    pub what: &'static str,
    pub server: &'static str,
    pub callers: usize,
    pub connections: usize,
    pub per_second: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    /// Processor time of the server per answer.
    pub server_cpu_us: f64,
    /// Processor time of this program per answer.
    pub client_cpu_us: f64,
    /// How many answers one flush made durable, where that is so.
    pub per_flush: Option<f64>,
    /// As a share of what the empty server answers.
    pub of_ceiling: Option<f64>,
}

/// What a caller does again and again.
pub trait Call: Send + 'static {
    /// One call: how many answers it brought, and when it was made.
    fn call(&mut self) -> impl Future<Output = (u64, Instant)> + Send;

    /// Waits for what is still under way; not measured.
    fn finish(self) -> impl Future<Output = ()> + Send
    where
        Self: Sized,
    {
        async {}
    }
}

impl Cell {
    /// Runs the callers, each in a task of its own.
    pub async fn run<C, F, Fut>(&self, place: &Arc<Place>, start: F) -> Row
    where
        C: Call,
        F: Fn(&Arc<Place>, usize) -> Fut,
        Fut: Future<Output = C>,
    {
        let mut ready = Vec::new();
        for caller in 0..self.callers {
            ready.push(start(place, caller).await);
        }
        place.flushes();
        let cpu_now = || (cpu(place.process), cpu(std::process::id()));
        let (server_before, client_before) = cpu_now();
        let began = Instant::now();
        let time = self.time;
        let mut tasks = JoinSet::new();
        for mut call in ready {
            tasks.spawn(async move {
                let (mut answers, mut took) = (0_u64, Vec::new());
                while began.elapsed() < time {
                    let (more, since) = call.call().await;
                    answers += more;
                    took.push(since.elapsed().as_micros() as u32);
                }
                let ended = began.elapsed();
                call.finish().await;
                (answers, took, ended)
            });
        }
        let (mut answers, mut took, mut elapsed) = (0, Vec::new(), Duration::ZERO);
        while let Some(done) = tasks.join_next().await {
            let (more, times, ended) = done.unwrap();
            answers += more;
            took.extend(times);
            elapsed = elapsed.max(ended);
        }
        let (server, client) = cpu_now();
        let flushes = place.flushes();
        let row = self.row(answers, took, elapsed, server - server_before, client - client_before);
        let durable = self.server == "ledger" && flushes > 0;
        Row { per_flush: durable.then(|| answers as f64 / flushes as f64), ..row }
    }

    pub fn row(
        &self,
        answers: u64,
        mut took: Vec<u32>,
        elapsed: Duration,
        server: Duration,
        client: Duration,
    ) -> Row {
        took.sort_unstable();
        let at = |share: f64| {
            let index = ((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1));
            took.get(index).copied().map_or(0.0, f64::from)
        };
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / (answers as f64).max(1.0);
        Row {
            what: self.what,
            server: self.server,
            callers: self.callers,
            connections: self.connections,
            per_second: answers as f64 / elapsed.as_secs_f64(),
            p50_us: at(0.5),
            p99_us: at(0.99),
            server_cpu_us: each(server),
            client_cpu_us: each(client),
            per_flush: None,
            of_ceiling: None,
        }
    }
}

impl Row {
    /// With what the empty server reached.
    pub fn below(self, ceiling: &Self) -> Self {
        Self { of_ceiling: Some(self.per_second / ceiling.per_second), ..self }
    }
}

/// The processor time that a process has used so far, from `/proc`.
fn cpu(process: u32) -> Duration {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{process}/stat")) else {
        return Duration::ZERO;
    };
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    Duration::from_millis(ticks * 10) // Linux counts in hundredths of a second
}

/// The table, for people.
pub fn table(rows: &[Row]) -> String {
    let mut out = format!(
        "{:<27}{:<7}{:>8}{:>6}{:>11}{:>9}{:>9}{:>11}{:>11}{:>9}{:>9}\n",
        "what",
        "server",
        "callers",
        "conns",
        "answers/s",
        "p50 µs",
        "p99 µs",
        "server µs",
        "client µs",
        "a flush",
        "ceiling"
    );
    for row in rows {
        let share = row.of_ceiling.map_or(String::new(), |share| format!("{:.0} %", share * 100.0));
        out += &format!(
            "{:<27}{:<7}{:>8}{:>6}{:>11.0}{:>9.0}{:>9.0}{:>11.1}{:>11.1}{:>9}{:>9}\n",
            row.what,
            row.server,
            row.callers,
            row.connections,
            row.per_second,
            row.p50_us,
            row.p99_us,
            row.server_cpu_us,
            row.client_cpu_us,
            row.per_flush.map_or(String::new(), |answers| format!("{answers:.1}")),
            share
        );
    }
    out
}

/// The same, for programs.
pub fn json(rows: &[Row]) -> serde_json::Value {
    let row = |row: &Row| {
        serde_json::json!({
            "what": row.what, "server": row.server,
            "callers": row.callers, "connections": row.connections,
            "per_second": row.per_second.round(), "p50_us": row.p50_us, "p99_us": row.p99_us,
            "server_cpu_us": row.server_cpu_us, "client_cpu_us": row.client_cpu_us,
            "per_flush": row.per_flush, "of_ceiling": row.of_ceiling,
        })
    };
    serde_json::json!({ "rows": rows.iter().map(row).collect::<Vec<_>>() })
}
