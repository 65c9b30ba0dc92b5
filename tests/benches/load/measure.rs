//! Callers, clocks and percentiles.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

/// One row of the table.
#[derive(Debug, Clone)]
pub struct Row {
    pub what: &'static str,
    pub callers: usize,
    pub connections: usize,
    pub per_second: f64,
    pub p50_us: f64,
    pub p99_us: f64,
    /// Processor time of the server per answer.
    pub server_cpu_us: f64,
}

/// Runs `callers` loops for `time`; each call of a loop yields how many answers it brought.
pub async fn run<C, F, Fut>(
    (what, callers, connections): (&'static str, usize, usize),
    time: Duration,
    server: u32,
    start: F,
) -> Row
where
    C: Call,
    F: Fn(usize) -> Fut,
    Fut: Future<Output = C>,
{
    let mut ready = Vec::new();
    for caller in 0..callers {
        ready.push(start(caller).await);
    }
    let cpu_before = cpu(server);
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for mut call in ready {
        tasks.spawn(async move {
            let (mut answers, mut took) = (0_u64, Vec::new());
            while began.elapsed() < time {
                let start = Instant::now();
                answers += call.call().await;
                took.push(start.elapsed().as_micros() as u32);
            }
            (answers, took)
        });
    }
    let (mut answers, mut took) = (0, Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (more, times) = done.unwrap();
        answers += more;
        took.extend(times);
    }
    let elapsed = began.elapsed().as_secs_f64();
    let cpu_s = (cpu(server) - cpu_before).as_secs_f64();
    took.sort_unstable();
    let at = |share: f64| {
        let index = ((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1));
        took.get(index).copied().map_or(0.0, f64::from)
    };
    Row {
        what,
        callers,
        connections,
        per_second: answers as f64 / elapsed,
        p50_us: at(0.5),
        p99_us: at(0.99),
        server_cpu_us: cpu_s * 1e6 / (answers as f64).max(1.0),
    }
}

/// What a caller does again and again.
pub trait Call: Send + 'static {
    /// One call; how many answers it brought.
    fn call(&mut self) -> impl Future<Output = u64> + Send;
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
        "{:<34}{:>8}{:>6}{:>12}{:>10}{:>10}{:>12}\n",
        "what", "callers", "conns", "answers/s", "p50 µs", "p99 µs", "server µs"
    );
    for row in rows {
        out += &format!(
            "{:<34}{:>8}{:>6}{:>12.0}{:>10.0}{:>10.0}{:>12.1}\n",
            row.what, row.callers, row.connections, row.per_second, row.p50_us, row.p99_us,
            row.server_cpu_us
        );
    }
    out
}

/// The same, for programs.
pub fn json(rows: &[Row]) -> serde_json::Value {
    let row = |row: &Row| {
        serde_json::json!({
            "what": row.what, "callers": row.callers, "connections": row.connections,
            "per_second": row.per_second.round(), "p50_us": row.p50_us, "p99_us": row.p99_us,
            "server_cpu_us": row.server_cpu_us,
        })
    };
    serde_json::json!({ "rows": rows.iter().map(row).collect::<Vec<_>>() })
}
