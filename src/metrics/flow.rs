//! What passes through the sequencer: how long it waits, in what groups, how long the disk takes.

use std::time::Duration;

use prometheus::Histogram;

use super::{MetricsError, Told, measure, seconds};

/// From one flush of a good disk, a tenth of a millisecond, to where callers give up.
const DISK_BUCKETS_SECONDS: [f64; 14] =
    [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];

/// Powers of two up to what one group takes at most.
const COMMANDS_BUCKETS: [f64; 11] =
    [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// From one record without texts, some hundred bytes, to what one group takes, a mebibyte; a batch
/// that came last may exceed it.
const BYTES_BUCKETS: [f64; 8] =
    [256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262_144.0, 1_048_576.0, 4_194_304.0];

/// What passes through the sequencer.
#[derive(Debug)]
pub struct Flow {
    queue_wait: Histogram,
    group_commands: Histogram,
    group_records: Histogram,
    group_bytes: Histogram,
    append: Histogram,
    flush: Histogram,
}

/// What a group holds that is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupSize {
    /// How many submissions made records of it.
    pub(crate) commands: usize,
    /// How many records it has.
    pub(crate) records: usize,
    /// How many bytes these and their texts have.
    pub(crate) bytes: usize,
}

impl Flow {
    pub(super) fn new(told: &Told<'_>) -> Result<Self, MetricsError> {
        Ok(Self {
            queue_wait: told.histogram(
                "judgement_ledger_queue_wait_seconds",
                "How long commands waited until they were decided.",
                &DISK_BUCKETS_SECONDS,
            )?,
            group_commands: told.histogram(
                "judgement_ledger_group_commands",
                "How many commands or batches were made durable by one append.",
                &COMMANDS_BUCKETS,
            )?,
            group_records: told.histogram(
                "judgement_ledger_group_records",
                "How many records one append made durable.",
                &COMMANDS_BUCKETS,
            )?,
            group_bytes: told.histogram(
                "judgement_ledger_group_bytes",
                "How many bytes of records and texts one append made durable.",
                &BYTES_BUCKETS,
            )?,
            append: told.histogram(
                "judgement_ledger_append_seconds",
                "How long an append to the journal took, its flush included, whatever came of it.",
                &DISK_BUCKETS_SECONDS,
            )?,
            flush: told.histogram(
                "judgement_ledger_flush_seconds",
                "How long a flush of a file of the journal took, whatever came of it.",
                &DISK_BUCKETS_SECONDS,
            )?,
        })
    }

    /// A submission waited so long until it was decided.
    pub fn waited(&self, waited: Duration) {
        self.queue_wait.observe(seconds(waited));
    }

    /// A group was appended, or not, after `took`.
    pub(crate) fn appended(&self, group: GroupSize, took: Duration) {
        let GroupSize { commands, records, bytes } = group;
        self.group_commands.observe(measure(commands));
        self.group_records.observe(measure(records));
        self.group_bytes.observe(measure(bytes));
        self.append.observe(seconds(took));
    }

    /// A file of the journal was flushed, or not, after `took`.
    pub fn flushed(&self, took: Duration) {
        self.flush.observe(seconds(took));
    }
}
