//! The time that a command may take, `--timeout`, and what is left of it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::sys::process::interruption;

/// A time that runs from [`Budget::new`]. A part of it can be kept back for undoing, and released again, while drivers and
/// threads share the budget by reference; its answers follow at once.
#[derive(Debug)]
pub struct Budget {
    started: Instant,
    whole: Duration,
    /// Who has set it.
    reason: &'static str,
    is_reserving: AtomicBool,
}

impl Budget {
    /// Longer than any host runs, and short enough that no clock overflows.
    const MOST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

    /// The most that is kept back for undoing.
    const UNDOING: Duration = Duration::from_secs(20);

    /// Starts now. What `total` has above [`Budget::MOST`] is cut off.
    pub fn new(total: Duration) -> Budget {
        Budget {
            started: Instant::now(),
            whole: total.min(Budget::MOST),
            reason: "--timeout",
            is_reserving: AtomicBool::new(false),
        }
    }

    /// The same, but for `most` at most, which the message gives the reason for.
    pub fn within(self, most: Duration, reason: &'static str) -> Budget {
        match most < self.whole {
            true => Budget {
                whole: most,
                reason,
                ..self
            },
            false => self,
        }
    }

    /// From now on all but a fifth of the whole counts, and at most 20 s are kept back: with them, what was done can be
    /// undone when the rest has run out.
    pub fn reserve_undo_time(&self) {
        self.is_reserving.store(true, Ordering::Relaxed);
    }

    /// From now on the whole counts again.
    pub fn use_undo_time(&self) {
        self.is_reserving.store(false, Ordering::Relaxed);
    }

    /// The part of the whole that counts now.
    fn total(&self) -> Duration {
        match self.is_reserving.load(Ordering::Relaxed) {
            true => self.whole - (self.whole / 5).min(Budget::UNDOING),
            false => self.whole,
        }
    }

    /// When the time that counts now runs out. After a switch, ask again.
    pub fn ends(&self) -> Instant {
        self.started + self.total()
    }

    /// Zero once it has run out, or a signal has come that ends the program.
    pub fn left(&self) -> Duration {
        interruption::limit(self.ends()).saturating_duration_since(Instant::now())
    }

    /// The message for when it has run out while something was waited for, with the total that counts now. The context of the error
    /// has to say what.
    pub fn exhausted(&self) -> String {
        let total = humantime::format_duration(self.total());
        let otherwise = format!("no answer within {total} ({})", self.reason);
        interruption::reason_or(&otherwise)
    }

    /// The message for what cannot be begun any more, because the time has run out.
    pub fn used_up(&self) -> String {
        let total = humantime::format_duration(self.total());
        let otherwise = format!("no time is left of {total} ({})", self.reason);
        interruption::reason_or(&otherwise)
    }

    /// # Errors
    ///
    /// The time is over: [`Budget::used_up`].
    pub fn check(&self) -> Result<()> {
        if self.left().is_zero() {
            bail!(self.used_up());
        }
        Ok(())
    }
}

/// Waits between tries: from one millisecond, doubling up to a quarter of a second.
#[derive(Debug)]
pub struct Backoff(Duration);

impl Backoff {
    pub fn new() -> Backoff {
        Backoff(Duration::from_millis(1))
    }

    /// Sleeps before the next try, never longer than `left`; false where nothing is left, or a signal has come that ends the
    /// program.
    pub fn sleep(&mut self, left: Duration) -> bool {
        if left.is_zero() {
            return false;
        }
        let goes_on = interruption::pause(self.0.min(left));
        self.0 = (self.0 * 2).min(Duration::from_millis(250));
        goes_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_fifth_is_kept_back_and_at_most_twenty_seconds() {
        for (whole, counting) in [(10, 8), (100, 80), (110, 90), (590, 570), (0, 0)] {
            let budget = Budget::new(seconds(whole));
            let ends = budget.ends();
            budget.reserve_undo_time();
            assert_eq!(ends - budget.ends(), seconds(whole - counting));
            assert!(budget.left() <= seconds(counting));
            budget.use_undo_time();
            assert_eq!(budget.ends(), ends);
        }
    }

    #[test]
    fn the_message_names_the_total_that_counts() {
        let budget = Budget::new(seconds(110));
        assert_eq!(budget.exhausted(), "no answer within 1m 50s (--timeout)");
        budget.reserve_undo_time();
        assert_eq!(budget.exhausted(), "no answer within 1m 30s (--timeout)");
        budget.use_undo_time();
        assert_eq!(budget.exhausted(), "no answer within 1m 50s (--timeout)");
        assert_eq!(budget.used_up(), "no time is left of 1m 50s (--timeout)");
    }

    #[test]
    fn the_shorter_of_two_limits_counts() {
        let within = |most| {
            Budget::new(seconds(110))
                .within(seconds(most), "unit")
                .exhausted()
        };
        assert_eq!(within(81), "no answer within 1m 21s (unit)");
        assert_eq!(within(300), "no answer within 1m 50s (--timeout)");
    }

    #[test]
    fn what_ran_out_can_go_on_with_the_time_for_undoing() {
        let budget = Budget {
            started: Instant::now() - seconds(9),
            whole: seconds(10),
            reason: "",
            is_reserving: AtomicBool::new(true),
        };
        assert!(budget.left().is_zero());
        budget.check().expect_err("nine of eight seconds are over");
        budget.use_undo_time();
        assert!(!budget.left().is_zero());
        budget.check().expect("a second is left");
    }

    #[test]
    fn a_switch_is_seen_by_all_who_share_the_budget() {
        let budget = Budget::new(seconds(100));
        let shared = &budget;
        budget.reserve_undo_time();
        let seen = std::thread::scope(|scope| scope.spawn(|| shared.left()).join());
        assert!(seen.expect("the thread does not panic") <= seconds(80));
    }

    #[test]
    fn no_total_overflows_the_clock() {
        let budget = Budget::new(Duration::MAX);
        assert!(budget.left() > Budget::MOST / 2);
    }
}
