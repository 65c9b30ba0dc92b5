//! The judge: after every step, holds what clients were told against what the disk would keep if
//! the power went now.

use judgement_ledger::pb;

use super::{
    machine::Machine,
    records::Records,
    subscriber::{Subscription, Wanted},
    told::Notebook,
};
use crate::sim_disk::Seeded;

pub(super) struct Judge {
    machine: Machine,
    notebook: Notebook,
    seeded: Seeded,
    /// The records of which anybody was told: they stay as they are for ever.
    known: Records,
}

impl Judge {
    pub(super) fn new(machine: Machine, notebook: Notebook, seed: u64) -> Self {
        Self { machine, notebook, seeded: Seeded(seed), known: Records::default() }
    }

    /// Judges what was told since the last look.
    pub(super) fn look(&mut self) -> Result<(), String> {
        let (receipts, assessments, histories, streamed, mut told_until) = {
            let mut notes = self.notebook.open();
            if let Some(violation) = notes.violation.take() {
                return Err(violation);
            }
            (
                std::mem::take(&mut notes.receipts),
                std::mem::take(&mut notes.assessments),
                std::mem::take(&mut notes.histories),
                std::mem::take(&mut notes.streamed),
                notes.told_until,
            )
        };
        let read_at = |it: &pb::Assessment| it.read.as_ref().map_or(0, |read| read.position);
        let positions = receipts.iter().map(|(_, receipt)| receipt.position);
        let positions = positions.chain(assessments.iter().map(read_at));
        let positions = positions.chain(histories.iter().map(|it| it.until));
        let positions = positions.chain(streamed.iter().map(|it| it.position));
        told_until = positions.max().unwrap_or(0).max(told_until);
        if told_until > self.known.len() {
            self.learn(told_until)?;
        }
        for (request, receipt) in &receipts {
            if !self.known.bears_out(request, receipt) {
                return Err(format!("the journal has something else than {receipt:?}"));
            }
        }
        for answer in &assessments {
            self.known.bear_out(answer)?;
        }
        for told in &histories {
            let positions = self.known.history(&told.assessment, &told.area, told.until);
            if positions != told.positions {
                let (area, told) = (&told.area, &told.positions);
                return Err(format!("{area} is told as {told:?}, recorded as {positions:?}"));
            }
        }
        for record in &streamed {
            if self.known.at(record.position) != Some(record) {
                return Err(format!("record {} was sent otherwise than stored", record.position));
            }
        }
        Ok(())
    }

    /// Learns the records up to a position from what would survive a power cut now.
    fn learn(&mut self, until: u64) -> Result<(), String> {
        let survivors = self.machine.survivors(&mut self.seeded)?.records;
        if (survivors.len() as u64) < until {
            let count = survivors.len();
            return Err(format!("record {until} was told of, but only {count} are durable"));
        }
        let known = self.known.stored();
        if survivors[..known.len()] != *known {
            return Err("a record of which somebody was told has changed".to_owned());
        }
        let mut all = self.known.clone();
        for (number, record) in survivors.iter().enumerate().skip(known.len()) {
            all.push(record)?;
            if (number as u64) < until {
                self.known.push(record)?;
            }
        }
        Ok(())
    }

    /// How far the journal goes.
    pub(super) fn durable(&mut self) -> Result<u64, String> {
        Ok(self.machine.survivors(&mut self.seeded)?.records.len() as u64)
    }

    /// Judges the whole run.
    pub(super) fn conclude(mut self) -> Result<Records, String> {
        self.look()?;
        let survivors = self.machine.survivors(&mut self.seeded)?.records;
        let records = Records::of(&survivors)?;
        if records.stored()[..self.known.stored().len()] != *self.known.stored() {
            return Err("a record of which somebody was told has changed".to_owned());
        }
        let requests = records.requests();
        let mut notes = self.notebook.open();
        if notes.refused.iter().any(|request| requests.contains(request.as_slice())) {
            return Err("a request that was only ever refused was recorded".to_owned());
        }
        for batch in &notes.batches {
            let recorded =
                batch.iter().filter(|request| requests.contains(request.as_slice())).count();
            if recorded != 0 && recorded != batch.len() {
                return Err(format!("of a batch of {}, {recorded} were recorded", batch.len()));
            }
        }
        notes.tape.settle(|request| records.stamp_of(request));
        crate::linear::check(&notes.tape)?;
        for subscription in &notes.subscriptions {
            check_subscription(subscription, &records)?;
        }
        match notes.finals.as_slice() {
            [grown, built] if grown == built => {}
            other => return Err(format!("grown views and built ones differ: {other:?}")),
        }
        for answer in notes.finals.iter().flatten() {
            records.bear_out(answer)?;
        }
        drop(notes);
        Ok(records)
    }
}

/// A subscriber was sent what it wanted, each once, in order.
pub(super) fn check_subscription(
    subscription: &Subscription,
    records: &Records,
) -> Result<(), String> {
    let Subscription { wanted, until, sent } = subscription;
    let upto = records.all().iter().take_while(|record| record.position <= *until);
    let is_wanted = |record: &&pb::Record| match wanted {
        Wanted::All => true,
        Wanted::Grades => matches!(record.event, Some(pb::record::Event::GradeSet(_))),
    };
    let expected: Vec<u64> = upto.filter(is_wanted).map(|record| record.position).collect();
    if *sent == expected {
        return Ok(());
    }
    Err(format!("a subscriber to {wanted:?} was sent {sent:?} instead of {expected:?}"))
}
