//! By which names callers without an ID have a volume. An agent knows a volume by what it is called, and unmounts it after the last
//! container that has called it so: while it has the volume by another name as well, containers may still be bound to it.

use std::collections::BTreeSet;

use crate::volume::Locked;
use crate::volume::holders::record::HolderRecord;
use crate::volume::request::Release;

impl Locked<'_> {
    /// Notes the caller's name of the volume, if the caller says nothing else of itself.
    pub(super) fn note_name(&self, record: &mut HolderRecord) {
        if self.holder.is_anonymous() {
            record.names.insert(self.volume.called().to_owned());
        }
    }

    /// The opposite.
    pub(super) fn drop_name(&self, record: &mut HolderRecord, release: Release) {
        record.names = self.names_left(&record.names, release);
    }

    /// The names by which the volume has still to be unmounted, after this release.
    pub(super) fn names_to_come(
        &self,
        before: Option<&HolderRecord>,
        release: Release,
    ) -> BTreeSet<String> {
        let mut names = self.ledger.memory.read().names;
        names.extend(before.into_iter().flat_map(|it| it.names.iter().cloned()));
        self.names_left(&names, release)
    }

    fn names_left(&self, names: &BTreeSet<String>, release: Release) -> BTreeSet<String> {
        let mut names = names.clone();
        if release.all {
            names.clear();
        } else if self.holder.is_anonymous() {
            names.remove(self.volume.called());
        }
        names
    }
}
