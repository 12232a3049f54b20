//! How far long work is, for whoever shows it. Nobody does, unless [`show_by`] was called.

use std::sync::OnceLock;

/// Shows it.
pub trait Meter: Send + Sync {
    /// Work begins, on so many bytes if that is known.
    fn begin(&self, what: &str, total: Option<u64>);

    /// So many more bytes are done.
    fn add(&self, bytes: u64);

    /// It has ended; nothing of it is shown any more.
    fn end(&self);

    /// Takes what is shown away for a moment, so that something else can be written there.
    fn hide(&self);
}

static METER: OnceLock<Box<dyn Meter>> = OnceLock::new();

/// From now on, long work is shown.
pub fn show_by(meter: Box<dyn Meter>) {
    let _ = METER.set(meter);
}

/// Whether anybody looks: only then it is worth to find out how much there is to do.
pub fn is_shown() -> bool {
    METER.get().is_some()
}

/// Something else is about to be written to the terminal.
pub fn hide() {
    if let Some(meter) = METER.get() {
        meter.hide();
    }
}

/// Work that goes on until this is dropped.
pub struct Progress(());

impl Progress {
    pub fn begin(what: &str, total: Option<u64>) -> Progress {
        if let Some(meter) = METER.get() {
            meter.begin(what, total);
        }
        Progress(())
    }

    pub fn add(&self, bytes: u64) {
        if let Some(meter) = METER.get() {
            meter.add(bytes);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(meter) = METER.get() {
            meter.end();
        }
    }
}
