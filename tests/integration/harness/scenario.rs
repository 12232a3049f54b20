//! Scenarios that are played on several hosts: each step says why it failed, and the scenario ends there.

use std::io::Write;

pub type Done = Result<(), String>;

pub fn ensure(is_so: bool, else_why: impl FnOnce() -> String) -> Done {
    if is_so { Ok(()) } else { Err(else_why()) }
}

/// All results, or the messages of those that are none.
pub fn all<T>(results: Vec<Result<T, String>>) -> Result<Vec<T>, String> {
    let (mut done, mut messages) = (vec![], vec![]);
    for result in results {
        match result {
            Ok(value) => done.push(value),
            Err(message) => messages.push(message),
        }
    }
    ensure(messages.is_empty(), || messages.join("\n"))?;
    Ok(done)
}

/// Says something with `--nocapture`; not by a macro, which the lints of this crate keep for failures.
pub fn note(text: &str) {
    if std::env::args().any(|arg| arg == "--nocapture") {
        let _ = std::io::stderr().write_all(format!("{text}\n").as_bytes());
    }
}
