//! The time that a command may take, `--timeout`, and what is left of it.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

#[derive(Debug, Clone, Copy)]
pub struct Budget {
    ends: Instant,
    total: Duration,
}

impl Budget {
    /// Starts now. `total` is at most [`Budget::MOST`].
    pub fn new(total: Duration) -> Budget {
        let total = total.min(Budget::MOST);
        Budget {
            ends: Instant::now() + total,
            total,
        }
    }

    /// All but a fifth, at most [`Budget::UNDOING`]: what is left of the whole then is for taking back what was done.
    pub fn but_for_undoing(self) -> Budget {
        let kept = (self.total / 5).min(Budget::UNDOING);
        Budget {
            ends: self.ends.checked_sub(kept).unwrap_or(self.ends),
            total: self.total - kept,
        }
    }

    const UNDOING: Duration = Duration::from_secs(20);

    /// Longer than any host runs, and short enough that no clock overflows.
    pub const MOST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

    pub fn ends(&self) -> Instant {
        self.ends
    }

    /// Zero once it has run out.
    pub fn left(&self) -> Duration {
        self.ends.saturating_duration_since(Instant::now())
    }

    /// The message for when it has run out; what ran out of time is the context's to name.
    pub fn exhausted(&self) -> String {
        format!(
            "no answer within {} (--timeout)",
            humantime::format_duration(self.total)
        )
    }

    /// Fails once the time is over.
    pub fn check(&self) -> Result<()> {
        if self.left().is_zero() {
            bail!(self.exhausted());
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

    /// Sleeps before the next try, never longer than `left`; false where nothing is left.
    pub fn sleep(&mut self, left: Duration) -> bool {
        if left.is_zero() {
            return false;
        }
        std::thread::sleep(self.0.min(left));
        self.0 = (self.0 * 2).min(Duration::from_millis(250));
        true
    }
}
