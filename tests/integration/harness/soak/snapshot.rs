//! The snapshots of a caller: one on each disk. Nobody else makes or removes it; others make volumes from it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::harness::soak::known::Content;

/// A snapshot that is there.
#[derive(Debug, Clone)]
pub struct Kept {
    /// The volume that it was taken of.
    pub volume: usize,
    pub content: Content,
    /// The call that was to make or remove it was killed.
    pub may_be_missing: bool,
}

#[derive(Debug, Default)]
pub struct State {
    pub kept: Option<Kept>,
    /// How often its caller has begun or ended to make or remove it.
    pub changes: usize,
}

#[derive(Debug)]
pub struct Snapshot {
    pub store: usize,
    /// That of its caller.
    pub name: String,
    state: Mutex<State>,
}

impl Snapshot {
    pub fn new(store: usize, caller: usize) -> Snapshot {
        Snapshot {
            store,
            name: format!("caller{caller}"),
            state: Mutex::default(),
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn kept(&self) -> Option<Kept> {
        self.state().kept.clone()
    }

    /// Begins to make or remove it.
    pub fn begin(&self) {
        self.state().changes += 1;
    }

    pub fn end(&self, kept: Option<Kept>) {
        let mut state = self.state();
        state.changes += 1;
        state.kept = kept;
    }
}
