//! The answer on stdout: the only code that writes there.

use std::io::ErrorKind;

use anyhow::{Context, Result, bail};

use crate::invocation::budget::Budget;
use crate::sys::process::interruption;
use crate::sys::process::output::{STDERR, STDOUT};

const WRITING: &str = "writing the answer to stdout";

/// For a verb whose answer is a path: before anything is done, makes sure that there is somebody to give it to, and to whom to say
/// why there is none.
///
/// # Errors
///
/// stdout or stderr was closed when this process was started, or is not open for writing.
pub fn check() -> Result<()> {
    STDOUT.check().context(WRITING)?;
    STDERR.check().context("writing messages to stderr")
}

/// Writes an answer that changes nothing when it is lost: a reader that has closed the pipe is no error.
pub fn print(text: &str, budget: &Budget) -> Result<()> {
    match STDOUT.write_all(text.as_bytes(), budget.ends()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context(WRITING),
        _ => Ok(()),
    }
}

/// Writes an answer that has to arrive, such as the path of a mount. Time to undo the mount is kept back.
///
/// # Errors
///
/// A closed pipe is an error too, and so is a signal that has come and ends the program: the caller must undo what it could not
/// report.
pub fn deliver(text: &str, budget: &Budget) -> Result<()> {
    if let Some(reason) = interruption::reason() {
        bail!(reason);
    }
    budget.reserve_undo_time();
    let written = STDOUT.write_all(text.as_bytes(), budget.ends());
    budget.use_undo_time();
    written.context(WRITING)
}
