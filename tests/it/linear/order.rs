//! The one order of all records, held against everything that anybody was told, in one pass: what
//! begins after an answer ended knows of everything that this answer knew of.

use std::collections::BTreeSet;

use super::tape::{Tape, Told};

/// Something that came about at a moment.
enum Happening<'t> {
    Asked(usize),
    Told(usize, &'t Told),
    Heard(u64),
}

/// Checks all calls of a tape together, whatever assessment they are of.
///
/// # Errors
/// The first answer that is out of order.
pub fn check_order(tape: &Tape) -> Result<(), String> {
    let mut happenings: Vec<(u64, Happening<'_>)> = Vec::new();
    for (number, call) in tape.calls().enumerate() {
        happenings.push((call.from, Happening::Asked(number)));
        if let Some((moment, told)) = &call.told {
            happenings.push((*moment, Happening::Told(number, told)));
        }
    }
    let heard = tape.heard().iter().map(|(moment, at)| (*moment, Happening::Heard(*at)));
    happenings.extend(heard);
    happenings.sort_by_key(|(moment, _)| *moment);

    // The last record that anybody has been told of, now and when each call began.
    let mut known = 0;
    let mut known_then = vec![0; tape.calls().count()];
    let mut given = BTreeSet::new();
    for (moment, happening) in happenings {
        match happening {
            Happening::Asked(number) => known_then[number] = known,
            Happening::Told(number, Told::Recorded(stamps)) => {
                for stamp in stamps {
                    let position = stamp.position;
                    if position <= known_then[number] {
                        let then = known_then[number];
                        return Err(format!("{position} was recorded after {then} was known"));
                    }
                    if !given.insert(position) {
                        return Err(format!("position {position} was given twice"));
                    }
                    known = known.max(position);
                }
            }
            Happening::Told(_, Told::Stale(winner)) => known = known.max(*winner),
            Happening::Told(number, Told::Stands { at, .. }) => {
                if *at < known_then[number] {
                    let then = known_then[number];
                    return Err(format!(
                        "at moment {moment}, {at} was read after {then} was known"
                    ));
                }
                known = known.max(*at);
            }
            Happening::Heard(position) => known = known.max(position),
        }
    }
    Ok(())
}
