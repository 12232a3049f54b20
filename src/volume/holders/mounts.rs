//! How often an engine has mounted a volume under one ID. Docker may do so more than once, and unmounts as often (moby#47964).

use serde::{Deserialize, Serialize};

use crate::volume::holders::process::HolderProcess;

/// All of them count. Those of a `serve` that has died before it began to answer are known to no engine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Mounts {
    answered: u32,
    /// For each that is not answered yet, the `serve` that is to do so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unanswered: Vec<HolderProcess>,
}

impl Mounts {
    pub fn count(&self) -> usize {
        self.answered as usize + self.unanswered.len()
    }

    /// One more.
    pub fn begin(&mut self, by: HolderProcess) {
        self.drop_unanswered();
        self.unanswered.push(by);
    }

    /// This `serve` is about to answer one.
    pub fn answer(&mut self, by: HolderProcess) {
        if self.take(by) {
            self.answered += 1;
        }
    }

    /// One less, as this `serve` is told, or because it could not answer.
    pub fn end(&mut self, by: HolderProcess) {
        if self.take(by) {
            return;
        }
        match self.answered.checked_sub(1) {
            Some(rest) => self.answered = rest,
            None => drop(self.unanswered.pop()),
        }
    }

    fn take(&mut self, by: HolderProcess) -> bool {
        let at = self.unanswered.iter().position(|it| *it == by);
        at.map(|at| self.unanswered.remove(at)).is_some()
    }

    /// Whether a `serve` that has died owes an answer.
    pub fn has_unanswered(&self) -> bool {
        self.unanswered.iter().any(HolderProcess::has_died)
    }

    /// Takes back what it owed.
    pub fn drop_unanswered(&mut self) {
        self.unanswered.retain(|it| !it.has_died());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(started: u64) -> HolderProcess {
        let ours = HolderProcess::current().expect("proc");
        HolderProcess {
            started: ours.started - started,
            ..ours
        }
    }

    #[test]
    fn each_mount_counts_until_it_is_unmounted() {
        let (alive, mut mounts) = (process(0), Mounts::default());
        for count in 1..=3 {
            mounts.begin(alive);
            assert_eq!(mounts.count(), count);
        }
        mounts.answer(alive);
        for count in [2, 1, 0, 0] {
            mounts.end(alive);
            assert_eq!(mounts.count(), count);
        }
        mounts.answer(alive);
        assert_eq!(mounts, Mounts::default());
    }

    #[test]
    fn what_a_dead_one_has_not_answered_is_taken_back() {
        let (alive, dead, mut mounts) = (process(0), process(1), Mounts::default());
        mounts.begin(alive);
        mounts.answer(alive);
        mounts.unanswered.push(dead);
        assert!(mounts.has_unanswered());
        mounts.begin(alive);
        assert_eq!((mounts.count(), mounts.has_unanswered()), (2, false));
        mounts.unanswered.push(dead);
        for count in [2, 1, 0] {
            mounts.end(alive);
            assert_eq!(mounts.count(), count);
        }
    }
}
