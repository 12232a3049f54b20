//! Waiting for a plugin that is not there yet (`--wait`).

use std::time::Instant;

use crate::invocation::Invocation;
use crate::invocation::budget::Backoff;

/// One period of waiting, which begins when it is made and lasts as long as `--wait` and the budget allow.
pub struct Wait {
    started: Instant,
    backoff: Backoff,
    announced: bool,
}

impl Wait {
    pub fn new() -> Wait {
        Wait {
            started: Instant::now(),
            backoff: Backoff::new(),
            announced: false,
        }
    }

    /// Sleeps before the next try, and warns once that it waits, with `absence` as the reason. False where the time is over.
    pub fn again(&mut self, invocation: &Invocation, plugin: &str, absence: &str) -> bool {
        let left = invocation
            .wait
            .saturating_sub(self.started.elapsed())
            .min(invocation.budget.left());
        if !left.is_zero() && !self.announced {
            self.announced = true;
            let wait = humantime::format_duration(invocation.wait);
            invocation.log.warn_once(&format!(
                "waiting up to {wait} for plugin {plugin}: {absence}"
            ));
        }
        self.backoff.sleep(left)
    }
}
