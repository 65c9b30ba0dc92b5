//! What the operator takes out, as the log of accesses tells of it.

/// Something that is taken out. Says so when it begins; and when it is dropped, be it because all was
/// taken or because nobody takes more, how much it was.
#[derive(Debug)]
pub(super) enum Handing {
    /// Records, from one size of the ledger to another.
    Records(Taken),
    /// The keyring, which opens every text that is not erased.
    Keyring(Taken),
}

/// How much was taken: records, or files of the keyring.
#[derive(Debug, Default)]
pub(super) struct Taken {
    count: u64,
    whole: bool,
}

impl Handing {
    /// Records are taken, those after the first `from_size` up to the first `size`.
    pub(super) fn records(from_size: u64, size: u64) -> Self {
        tracing::info!(
            target: "judgement_ledger::access",
            what = "records", from_size, size, "a backup begins"
        );
        Self::Records(Taken::default())
    }

    /// The keyring is taken.
    pub(super) fn keyring() -> Self {
        tracing::info!(target: "judgement_ledger::access", what = "keyring", "a backup begins");
        Self::Keyring(Taken::default())
    }

    /// So many more were handed on.
    pub(super) fn goes_on(&mut self, count: usize) {
        let taken = self.taken();
        taken.count = taken.count.saturating_add(u64::try_from(count).unwrap_or(u64::MAX));
    }

    /// There is no more of it.
    pub(super) fn is_whole(&mut self) {
        self.taken().whole = true;
    }

    fn taken(&mut self) -> &mut Taken {
        match self {
            Self::Records(taken) | Self::Keyring(taken) => taken,
        }
    }
}

impl Drop for Handing {
    fn drop(&mut self) {
        match self {
            Self::Records(Taken { count, whole }) => tracing::info!(
                target: "judgement_ledger::access",
                what = "records", records = *count, whole = *whole, "a backup ends"
            ),
            Self::Keyring(Taken { count, whole }) => tracing::info!(
                target: "judgement_ledger::access",
                what = "keyring", files = *count, whole = *whole, "a backup ends"
            ),
        }
    }
}
