//! Backups in memory: what is written is read again, and whatever differs is refused.
