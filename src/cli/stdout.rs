//! The answer on stdout: the only code that writes there.

use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};
use serde_json::Value;

const WRITING: &str = "writing the answer to stdout";

/// Writes an answer that changes nothing when it is lost: a reader that has closed the pipe is no error.
pub fn print(text: &str) -> Result<()> {
    match write(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context(WRITING),
        _ => Ok(()),
    }
}

/// [`print()`]s a value as indented JSON, with a line end.
pub fn print_json(value: &Value) -> Result<()> {
    print(&format!("{value:#}\n"))
}

/// Writes an answer that has to arrive, such as the path of a mount.
///
/// # Errors
///
/// A closed pipe is an error too: the caller must undo what it could not report.
pub fn deliver(text: &str) -> Result<()> {
    write(text).context(WRITING)
}

fn write(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    write!(stdout, "{text}")?;
    stdout.flush()
}
