//! What is known of the files of a volume.

use std::collections::BTreeSet;

use crate::harness::scenario::{Done, ensure};
use crate::harness::soak::content::Found;

pub type Names = BTreeSet<String>;

/// The files of a volume.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// Those that are on the disk.
    pub must: Names,
    /// Those that are on the disk when an unmount has gone well.
    pub pending: Names,
    /// Those that may be there, or a part of each.
    pub may: Names,
    /// Those that may come to be there at any time: of imports that were killed.
    pub staged: Names,
    /// Anything may be there: a copy of what changed altogether meanwhile.
    pub any: bool,
}

impl Content {
    pub fn anything() -> Content {
        Content {
            any: true,
            ..Content::default()
        }
    }

    pub fn fits(&self, found: &Found, is_settled: bool) -> Done {
        if self.any {
            return Ok(());
        }
        let has = |name: &String| found.get(name) == Some(&true);
        let lost = self.must.iter().find(|name| !has(name));
        ensure(lost.is_none(), || format!("{lost:?} is lost"))?;
        let lost = self.pending.iter().find(|name| is_settled && !has(name));
        ensure(lost.is_none(), || format!("{lost:?} is lost silently"))?;
        let is_known = |name: &String| {
            let parts = [&self.must, &self.pending, &self.may, &self.staged];
            parts.iter().any(|names| names.contains(name))
        };
        let other = found.keys().find(|name| !is_known(name));
        ensure(other.is_none(), || format!("{other:?} is not its own"))
    }

    /// From now on, this is what has to be there.
    pub fn settle(found: &Found, before: &Content) -> Content {
        let is_sure = |name: &String| {
            before.must.contains(name) || before.any && found.get(name) == Some(&true)
        };
        let names = found.keys().chain(&before.may).cloned();
        let (must, rest): (Names, Names) = names.partition(is_sure);
        let (pending, may) = rest
            .into_iter()
            .partition(|name| before.pending.contains(name));
        Content {
            must,
            pending,
            may,
            staged: before.staged.clone(),
            any: false,
        }
    }

    /// What has not been promised may be lost from now on.
    pub fn doubt(&mut self) {
        self.may.append(&mut self.pending);
    }

    pub fn all(&self) -> Names {
        let parts = [&self.must, &self.pending, &self.may, &self.staged];
        parts.into_iter().flatten().cloned().collect()
    }

    /// What a copy holds that was begun when this was known, and ended when `now` is. What was written before is in it, unless the
    /// disk `may_be_broken`, also where it has not reached the disk.
    pub fn copied(&self, now: &Content, may_be_broken: bool) -> Content {
        let sure = |content: &Content| {
            let pending = content.pending.iter().filter(|_| !may_be_broken);
            content
                .must
                .iter()
                .chain(pending)
                .cloned()
                .collect::<Names>()
        };
        let must: Names = sure(self).intersection(&sure(now)).cloned().collect();
        let all = self.all().into_iter().chain(now.all());
        Content {
            may: all.filter(|name| !must.contains(name)).collect(),
            must,
            staged: &self.staged | &now.staged,
            any: self.any || now.any,
            ..Content::default()
        }
    }
}
