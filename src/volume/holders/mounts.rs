//! How often an engine has mounted a volume under one ID. Docker may do so more than once, and unmounts as often (moby#47964).

use serde::{Deserialize, Serialize};

use crate::volume::holders::process::HolderProcess;

/// All of them count. Whether the engine has got the answer to one is not known until it is written: `serve` may be killed before.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Mounts {
    answered: u32,
    /// For each that is not known to be answered, the `serve` that was to do so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unanswered: Vec<HolderProcess>,
}

impl Mounts {
    pub fn count(&self) -> usize {
        self.answered as usize + self.unanswered.len()
    }

    /// One more. An engine that asks again has not got the answer that a `serve` which has died owed it.
    pub fn begin(&mut self, by: HolderProcess) {
        self.unanswered.retain(|it| !it.has_died());
        self.unanswered.push(by);
    }

    /// The engine has got an answer of this `serve`.
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

    /// How many a `serve` that has died may not have answered.
    pub fn doubtful(&self) -> usize {
        self.unanswered.iter().filter(|it| it.has_died()).count()
    }

    /// Takes those for answered.
    pub fn settle_doubtful(&mut self) {
        self.answered += self.doubtful() as u32;
        self.drop_doubtful();
    }

    /// Takes those back.
    pub fn drop_doubtful(&mut self) {
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
    fn what_a_dead_one_may_have_answered_counts_until_it_is_asked_again() {
        let (alive, dead, mut mounts) = (process(0), process(1), Mounts::default());
        mounts.begin(alive);
        mounts.answer(alive);
        mounts.unanswered.push(dead);
        assert_eq!((mounts.count(), mounts.doubtful()), (2, 1));
        mounts.begin(alive);
        assert_eq!((mounts.count(), mounts.doubtful()), (2, 0));
        mounts.unanswered.push(dead);
        mounts.drop_doubtful();
        assert_eq!(mounts.count(), 2);
        mounts.unanswered.push(dead);
        for count in [2, 1, 0] {
            mounts.end(alive);
            assert_eq!(mounts.count(), count);
        }
    }
}
