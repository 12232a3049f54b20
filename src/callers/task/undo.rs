//! Undoes what was mounted for a task, where one of its volumes fails.

use anyhow::{Error, Result};

use crate::base::failure::with_more;
use crate::base::side_by_side::side_by_side;
use crate::base::text::chain;
use crate::callers::task::mount::{Attempt, MountedTask};
use crate::invocation::Invocation;
use crate::sys::process::interruption;
use crate::volume::bind::container_path;

impl MountedTask<'_> {
    /// Undoes everything. Returns the error, and adds what could not be undone.
    pub fn undone(mut self, error: Error) -> Error {
        let invocation = self.invocation;
        let mut left: Vec<(usize, String)> = Vec::new();
        // Inner container paths first.
        while let Some(level) = self.attempts.iter().map(|it| it.planned.level).max() {
            let group = self.attempts.extract_if(.., |it| it.planned.level == level);
            let group: Vec<Attempt> = group.collect();
            let mut made = Vec::new();
            for (attempt, undone) in side_by_side(group, |attempt| {
                interruption::undoing(|| undo(invocation, attempt))
            }) {
                made.extend(attempt.made);
                if let Err(second) = undone {
                    let doing = attempt.planned.described.doing("unmounting");
                    let words = format!("{doing} again: {}", chain(&second));
                    left.push((attempt.planned.number, words));
                }
            }
            container_path::remove(made);
        }
        if left.is_empty() {
            return error;
        }
        left.sort_unstable();
        let left: Vec<String> = left.into_iter().map(|(_, words)| words).collect();
        with_more(error, &left.join("; "))
    }
}

/// Undoes the mount of one volume, if this task was not among its holders before.
fn undo(invocation: &Invocation, attempt: &mut Attempt) -> Result<()> {
    let Some(outcome) = attempt.outcome.as_ref().ok().filter(|it| it.is_new_holder) else {
        return Ok(());
    };
    let locked = attempt.planned.lock(invocation);
    let undone = locked.and_then(|mut locked| locked.undo(outcome));
    attempt.planned.volume.disconnect();
    undone
}
