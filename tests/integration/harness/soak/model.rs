//! What is known of a volume that many callers work on: what has to be in it, and who has it.
//!
//! A call changes the volume at some moment between its beginning and its end, and others find it changed before that end. So
//! what is allowed is what the calls that have begun, or were killed, may have done.

use std::collections::BTreeMap;

use crate::harness::scenario::{Done, ensure};
use crate::harness::soak::content::Found;
use crate::harness::soak::known::Content;

#[derive(Debug, Default)]
pub struct Model {
    /// `None` of a volume that does not exist, or was made anew and is empty.
    content: Option<Content>,
    /// Copies that are being made, or were when their calls were killed, by number.
    copies: BTreeMap<usize, Content>,
    /// Copies of this volume that are being made.
    pub copying: usize,
    removes: usize,
    /// What it may hold by now, by a restore that goes on or was killed, by number.
    restores: BTreeMap<usize, Content>,
    restoring: usize,
    /// Imports that go on.
    pub importing: usize,
    /// The calls by which it may have been removed without a word, as they were killed.
    was_killed: bool,
    /// Removes that were noticed before their calls came to their end.
    noticed: usize,
    /// A holder has looked while it was being removed, and found what it may have been before as well as after.
    is_unsure: bool,
    /// How often it was made anew.
    generation: usize,
    /// The holders on each host, of those that are certain.
    held: BTreeMap<&'static str, usize>,
    /// How often a holder has gone.
    released: usize,
}

/// What was known of a volume when a copy of it began.
pub struct Original {
    content: Content,
    generation: usize,
    is_stable: bool,
}

/// Who had a volume when a call began.
#[derive(Debug, Clone)]
pub struct HeldAtFirst {
    pub hosts: Vec<&'static str>,
    released: usize,
}

impl Model {
    /// What a holder finds in the volume.
    pub fn finds(&mut self, found: &Found, is_settled: bool) -> Done {
        let may_be_new = self.content.is_none() || self.removes > 0 || self.was_killed;
        let why = match &self.content {
            Some(content) => match content.fits(found, is_settled) {
                Ok(()) => {
                    self.content = Some(Content::settle(found, content));
                    self.was_killed &= self.removes > 0;
                    self.is_unsure |= self.removes > 0;
                    self.forget_dead_restores();
                    return Ok(());
                }
                Err(why) => why,
            },
            None => "it is to be new".to_owned(),
        };
        let fits = |content: &&Content| content.fits(found, false).is_ok();
        if let Some(restored) = self.restores.values().find(fits) {
            self.content = Some(Content::settle(found, restored));
            self.generation += 1;
            self.is_unsure |= self.removes > 0;
            self.forget_dead_restores();
            return Ok(());
        }
        let new = Content::default();
        let mut candidates = self.copies.values().chain([&new]);
        let fitting = candidates.find(fits);
        let Some(content) = fitting.filter(|_| may_be_new) else {
            let (content, copies, restores) = (&self.content, &self.copies, &self.restores);
            return Err(format!(
                "{why}: {found:?}; known: {content:?}, copies {copies:?}, restores {restores:?}, may be new: {may_be_new}"
            ));
        };
        let settled = Content::settle(found, content);
        if self.content.is_some() {
            self.generation += 1;
            match self.removes > self.noticed {
                true => self.noticed += 1,
                false => self.was_killed = false,
            }
        }
        self.content = Some(settled);
        Ok(())
    }

    /// The content that a holder works on, which has been found before.
    pub fn content(&mut self) -> &mut Content {
        self.content.get_or_insert_default()
    }

    /// As far as is known.
    pub fn is_there(&self) -> bool {
        self.content.is_some()
    }

    /// Something has failed, or was killed.
    pub fn doubt(&mut self) {
        if let Some(content) = &mut self.content {
            content.doubt();
        }
    }

    /// An unmount that went well, of the last holder.
    pub fn is_on_disk(&mut self) {
        if let Some(content) = &mut self.content {
            let mut pending = std::mem::take(&mut content.pending);
            content.must.append(&mut pending);
        }
    }

    pub fn begin_remove(&mut self) {
        self.removes += 1;
    }

    /// `None` where the call was killed.
    pub fn end_remove(&mut self, is_removed: Option<bool>) -> Done {
        self.removes -= 1;
        match is_removed {
            Some(true) if self.noticed > 0 => self.noticed -= 1,
            Some(true) if self.is_unsure || self.importing > 0 => {
                self.content().any = true;
                self.generation += 1;
                self.was_killed = true;
            }
            Some(true) => {
                self.content = None;
                self.generation += 1;
                self.was_killed = false;
                self.forget_dead_restores();
            }
            None if self.noticed > 0 => self.noticed -= 1,
            None => self.was_killed = true,
            Some(false) if self.noticed > self.removes && self.was_killed => {
                self.noticed -= 1;
                self.was_killed = false;
            }
            Some(false) => {}
        }
        self.is_unsure &= self.removes > 0;
        ensure(self.noticed <= self.removes, || {
            "what was in it is gone, and nobody has removed it".to_owned()
        })
    }

    /// What a copy of this volume, which begins now, may hold.
    pub fn begin_original(&mut self) -> Original {
        self.copying += 1;
        Original {
            content: self.content.clone().unwrap_or_default(),
            generation: self.generation,
            is_stable: self.is_stable(),
        }
    }

    fn is_stable(&self) -> bool {
        let may_be_another = !self.copies.is_empty() || !self.restores.is_empty();
        let is_certain = self.removes == 0 && !self.was_killed && !may_be_another;
        is_certain && self.content.is_some()
    }

    /// What a copy holds that comes to its end now. `may_be_broken`: the disk has been full.
    pub fn end_original(&mut self, original: Original, may_be_broken: bool) -> Content {
        self.copying -= 1;
        let is_same = original.generation == self.generation;
        if !(is_same && original.is_stable && self.is_stable()) {
            return Content::anything();
        }
        original.content.copied(self.content(), may_be_broken)
    }

    pub fn begin_copy(&mut self, number: usize) {
        self.copies.insert(number, Content::anything());
    }

    /// With what it holds, if it was made; it may have been killed.
    /// `is_alone`: no other call can have made the volume.
    pub fn end_copy(&mut self, number: usize, made: Option<Content>, is_alone: bool) {
        self.copies.remove(&number);
        let Some(made) = made else { return };
        let is_new = self.content.is_none();
        if is_alone && is_new && self.copies.is_empty() {
            self.content = Some(made);
        } else if is_new || self.removes > 0 || self.was_killed || !is_alone {
            // It may be the copy of another call, or have been there, empty.
            self.copies.insert(number, made);
        }
    }

    /// A snapshot that holds this begins to be restored.
    pub fn begin_restore(&mut self, number: usize, snapshot: Content) {
        self.restoring += 1;
        self.restores.insert(number, snapshot);
    }

    /// `None` where it may have been restored. `is_alone`: no other call can have changed it.
    pub fn end_restore(&mut self, number: usize, is_done: Option<bool>, is_alone: bool) {
        self.restoring -= 1;
        match is_done {
            None => {}
            Some(false) => drop(self.restores.remove(&number)),
            Some(true) if is_alone => {
                self.content = self.restores.remove(&number);
                self.restores.clear();
                self.copies.clear();
                self.was_killed = false;
                self.generation += 1;
            }
            Some(true) => {
                self.restores.remove(&number);
                self.content().any = true;
                self.was_killed = true;
                self.generation += 1;
            }
        }
    }

    /// A holder knows what has become of those whose calls were killed.
    fn forget_dead_restores(&mut self) {
        if self.restoring == 0 {
            self.restores.clear();
        }
    }

    /// Files of these names come into it, if it is empty.
    pub fn begin_import(&mut self, archive: &Content) {
        self.importing += 1;
        // Whether it exists is not known.
        self.was_killed |= self.content.is_none();
        let content = self.content();
        content.may.append(&mut archive.all());
        content.any |= archive.any;
    }

    /// `None` where the rest of it may still come. `is_alone`: no other call can have changed it.
    pub fn end_import(&mut self, archive: &Content, is_done: Option<bool>, is_alone: bool) {
        self.importing -= 1;
        match is_done {
            Some(true) if is_alone => {
                self.was_killed = false;
                let content = self.content();
                content.must.extend(archive.must.iter().cloned());
                content.may.retain(|name| !archive.must.contains(name));
            }
            Some(_) => {}
            None => self.content().staged.append(&mut archive.all()),
        }
    }

    /// It does not exist, when nobody does anything. It may have been removed by a call that was killed.
    pub fn is_absent(&mut self) -> Done {
        ensure(self.content.is_none() || self.was_killed, || {
            format!("it is gone, and held {:?}", self.content)
        })?;
        self.content = None;
        self.was_killed = false;
        self.copies.clear();
        self.restores.clear();
        Ok(())
    }

    pub fn held_at_first(&self) -> HeldAtFirst {
        let held = self.held.iter().filter(|(_, count)| **count > 0);
        HeldAtFirst {
            hosts: held.map(|(host, _)| *host).collect(),
            released: self.released,
        }
    }

    /// The hosts that have had it all the time since.
    pub fn held_since(&self, first: &HeldAtFirst) -> Vec<&'static str> {
        match self.released == first.released {
            true => first.hosts.clone(),
            false => vec![],
        }
    }

    /// A holder whose mount has succeeded.
    pub fn hold(&mut self, host: &'static str, is_shared: bool) -> Done {
        *self.held.entry(host).or_default() += 1;
        let hosts = self.held_at_first().hosts;
        ensure(hosts.len() == 1 || is_shared, || {
            format!("it is mounted on several hosts: {hosts:?}")
        })
    }

    /// A holder that gives it up now, or may.
    pub fn let_go(&mut self, host: &'static str) {
        self.released += 1;
        // None is left where the host has lost its power meanwhile, and the caller has not noticed.
        let held = self.held.entry(host).or_default();
        *held = held.saturating_sub(1);
    }

    /// The host has lost its power.
    pub fn lose(&mut self, host: &'static str) {
        self.released += 1;
        self.held.remove(host);
        self.doubt();
    }
}
