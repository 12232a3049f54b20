//! Looking at what other calls may change at the same time, and at what may not be there.

use anyhow::Result;

use crate::base::finding::Finding;
use crate::invocation::log::Log;

/// What is found twice, while no call is at work: such a call changes what is looked at. `None` where one is.
pub fn confirmed(
    is_at_work: impl Fn() -> bool,
    look: impl Fn() -> Result<Vec<Finding>>,
) -> Result<Option<Vec<Finding>>> {
    let first = look();
    if matches!(&first, Ok(found) if found.is_empty()) {
        return first.map(Some);
    }
    if is_at_work() {
        return Ok(None);
    }
    let mut found = look()?;
    if is_at_work() {
        return Ok(None);
    }
    if let Ok(first) = first {
        found.retain(|finding| first.contains(finding));
    }
    Ok(Some(found))
}

pub fn at_work(log: &Log, subject: &str) -> Vec<Finding> {
    log.warn(&format!(
        "{subject} was not looked at: another dvdcli is at work on it"
    ));
    Vec::new()
}

/// What was asked for; where it cannot be had, `found` gets the error.
pub fn or_finding<T: Default>(subject: &str, result: Result<T>, found: &mut Vec<Finding>) -> T {
    result.unwrap_or_else(|error| {
        found.push(Finding::of(subject, &error));
        T::default()
    })
}
