//! The process as its system sees it, under the names that Prometheus gives to such things.

use std::fs;

use prometheus::IntGauge;

use super::{MetricsError, Told, count};

/// What the process takes of the machine. Measured when the page is made; what the system does not tell
/// stays as it was.
#[derive(Debug)]
pub(super) struct Process {
    resident: IntGauge,
    descriptors: IntGauge,
    descriptors_max: IntGauge,
}

impl Process {
    pub(super) fn new(told: &Told<'_>) -> Result<Self, MetricsError> {
        Ok(Self {
            resident: told.gauge(
                "process_resident_memory_bytes",
                "How much memory the process has, in bytes.",
            )?,
            descriptors: told
                .gauge("process_open_fds", "How many file descriptors the process has open.")?,
            descriptors_max: told
                .gauge("process_max_fds", "How many file descriptors the process may have open.")?,
        })
    }

    pub(super) fn measure(&self) {
        let number_in = |file: &str, line: &str| {
            let text = fs::read_to_string(file).ok()?;
            let rest = text.lines().find_map(|it| it.strip_prefix(line))?;
            rest.split_whitespace().next()?.parse::<u64>().ok()
        };
        if let Some(kib) = number_in("/proc/self/status", "VmRSS:") {
            self.resident.set(count(kib.saturating_mul(1024)));
        }
        if let Some(most) = number_in("/proc/self/limits", "Max open files") {
            self.descriptors_max.set(count(most));
        }
        if let Ok(open) = fs::read_dir("/proc/self/fd") {
            // One of them is what this is read from.
            let open = open.count().saturating_sub(1);
            self.descriptors.set(i64::try_from(open).unwrap_or(i64::MAX));
        }
    }
}
