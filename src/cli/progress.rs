//! Shows on the terminal how far long work is.

use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::sys::process::progress::{Meter, show_by};

const KNOWN: &str = "{bytes} of {total_bytes} {msg}, {bytes_per_sec}, {eta} left {wide_bar}";
const UNKNOWN: &str = "{bytes} {msg}, {bytes_per_sec}";

/// What takes less time than this is not long, and not shown.
const SHORT: Duration = Duration::from_millis(500);

/// How often it is drawn, in a second.
const RATE: u8 = 4;

/// From now on, where stderr is a terminal.
pub fn show() {
    if stderr().is_terminal() {
        show_by(Box::new(Terminal::default()));
    }
}

#[derive(Default)]
struct Terminal(Mutex<Option<Work>>);

struct Work {
    bar: ProgressBar,
    begun: Instant,
}

impl Terminal {
    fn work(&self) -> MutexGuard<'_, Option<Work>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter for Terminal {
    fn begin(&self, what: &str, total: Option<u64>) {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = if total.is_some() { KNOWN } else { UNKNOWN };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        *self.work() = Some(Work {
            bar,
            begun: Instant::now(),
        });
    }

    fn add(&self, bytes: u64) {
        let work = self.work();
        let Some(work) = &*work else { return };
        if work.bar.is_hidden() && work.begun.elapsed() >= SHORT {
            let target = ProgressDrawTarget::stderr_with_hz(RATE);
            work.bar.set_draw_target(target);
        }
        work.bar.inc(bytes);
    }

    fn end(&self) {
        if let Some(work) = self.work().take() {
            work.bar.finish_and_clear();
        }
    }

    fn hide(&self) {
        if let Some(work) = &*self.work() {
            work.bar.suspend(|| {});
        }
    }
}
