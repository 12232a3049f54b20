//! Shows on the terminal how far long work is.

use std::io::{IsTerminal, stderr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::sys::process::progress::{Meter, show_by};

const KNOWN: &str = "{bytes} of {total_bytes} {msg}, {bytes_per_sec}, {eta} left {wide_bar}";
const UNKNOWN: &str = "{bytes} {msg}, {bytes_per_sec}";

/// How often it is drawn, in a second.
const RATE: u8 = 4;

/// From now on, where stderr is a terminal.
pub fn show() {
    if stderr().is_terminal() {
        show_by(Box::new(Bar::default()));
    }
}

#[derive(Default)]
struct Bar(Mutex<Option<ProgressBar>>);

impl Bar {
    fn bar(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter for Bar {
    fn begin(&self, what: &str, total: Option<u64>) {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr_with_hz(RATE));
        let template = if total.is_some() { KNOWN } else { UNKNOWN };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        *self.bar() = Some(bar);
    }

    fn add(&self, bytes: u64) {
        if let Some(bar) = &*self.bar() {
            bar.inc(bytes);
        }
    }

    fn end(&self) {
        if let Some(bar) = self.bar().take() {
            bar.finish_and_clear();
        }
    }

    fn hide(&self) {
        if let Some(bar) = &*self.bar() {
            bar.suspend(|| {});
        }
    }
}
