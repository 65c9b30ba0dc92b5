//! How many lines there may be: so many a second from each place in the code.
//!
//! By place, not altogether: a flood of one kind of refusal never hides another kind.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use tracing::{Event, Level, Metadata, Subscriber, callsite::Identifier, subscriber::Interest};
use tracing_subscriber::layer::{Context, Filter};

use super::OnLeftOut;

/// Mistakes of a person or of a client come in tens; a hundred lines of some 300 bytes are 2.5 GB a
/// day, which is what a server may write that is under attack all day long.
const LINES_MAX: u32 = 100;

/// The time that these lines are for.
const WINDOW: Duration = Duration::from_secs(1);

/// What the targets of our own events begin with.
const OURS: &str = "judgement_ledger";

/// How many lines were left out and not told of yet.
#[derive(Debug, Default)]
pub(super) struct LeftOut(AtomicU64);

impl LeftOut {
    /// How many there are; from now on they are told of.
    pub(super) fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Lets through what is not too much.
pub(super) struct Bounded {
    /// The lines of the running second by place. Held for a moment with each event of the level info
    /// or above, of which there are few: that is what it sees to.
    places: Mutex<HashMap<Identifier, Window>>,
    left_out: Arc<LeftOut>,
    on_left_out: OnLeftOut,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    began: Instant,
    lines: u32,
}

impl Bounded {
    pub(super) fn new(left_out: Arc<LeftOut>, on_left_out: OnLeftOut) -> Self {
        Self { places: Mutex::default(), left_out, on_left_out }
    }

    /// Whether another line from a place is not too much.
    fn lets(&self, place: Identifier, now: Instant) -> bool {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.entry(place).or_insert(Window { began: now, lines: 0 }).lets(now)
    }
}

impl Window {
    fn lets(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.began) >= WINDOW {
            *self = Self { began: now, lines: 0 };
        }
        self.lines = self.lines.saturating_add(1);
        self.lines <= LINES_MAX
    }
}

/// Of the levels debug and trace only our own events are taken, whatever the filter asks for: libraries
/// do not know what is secret, and some of them trace the headers of every call, credentials and all.
fn may_speak(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::INFO || metadata.target().starts_with(OURS)
}

impl<S: Subscriber> Filter<S> for Bounded {
    fn enabled(&self, metadata: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        may_speak(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        match (may_speak(metadata), metadata.is_event() && *metadata.level() <= Level::INFO) {
            (false, _) => Interest::never(),
            // Only then is each event asked for.
            (true, true) => Interest::sometimes(),
            (true, false) => Interest::always(),
        }
    }

    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let metadata = event.metadata();
        // Levels are ordered by how much they let through.
        if *metadata.level() > Level::INFO || self.lets(metadata.callsite(), Instant::now()) {
            return true;
        }
        self.left_out.0.fetch_add(1, Ordering::Relaxed);
        (self.on_left_out)();
        false
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tracing_subscriber::{Layer as _, fmt, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_flood_from_one_place_is_cut_short_and_hides_no_other() {
        let (left_out, told) = (Arc::new(LeftOut::default()), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&told);
        let on_left_out: OnLeftOut = Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        let lines = Lines::default();
        let written = lines.clone();
        let bounded = Bounded::new(Arc::clone(&left_out), on_left_out);
        let layer = fmt::layer().with_writer(move || written.clone()).with_filter(bounded);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            // Of ten thousand, whatever second they fall into, most are left out.
            for _ in 0..10_000 {
                tracing::info!("flood");
            }
            tracing::info!("another");
            for _ in 0..200 {
                tracing::debug!("asked for");
            }
            tracing::debug!(target: "h2", "a header");
            tracing::info!(target: "h2", "a word");
        });
        let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let count = |what: &str| said.lines().filter(|line| line.ends_with(what)).count();
        assert!((100..5_000).contains(&count("flood")), "{}", count("flood"));
        assert_eq!((count("another"), count("asked for")), (1, 200));
        assert_eq!((count("a header"), count("a word")), (0, 1), "libraries tell no details");
        let left = u64::try_from(10_000_usize.saturating_sub(count("flood"))).unwrap();
        assert_eq!((left_out.take(), told.load(Ordering::Relaxed)), (left, left));
        assert_eq!(left_out.take(), 0, "what was told is not told again");
    }

    #[test]
    fn after_a_second_there_is_room_again() {
        let began = Instant::now();
        let mut window = Window { began, lines: 0 };
        assert!((0..LINES_MAX).all(|_| window.lets(began)));
        let almost = WINDOW.checked_sub(Duration::from_millis(1)).unwrap();
        assert!(!window.lets(began.checked_add(almost).unwrap()));
        assert!(window.lets(began.checked_add(WINDOW).unwrap()));
    }
}
