//! What is known of a volume that many callers work on: what has to be in it, and who has it.
//!
//! A call changes the volume at some moment between its beginning and its end, and others find it changed before that end. So
//! what is allowed is what the calls that have begun, or were killed, may have done.

use std::collections::{BTreeMap, BTreeSet};

use crate::harness::scenario::{Done, ensure};
use crate::harness::soak::content::Found;

type Names = BTreeSet<String>;

/// The files of a volume.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// Those that are on the disk.
    pub must: Names,
    /// Those that are on the disk when an unmount has gone well.
    pub pending: Names,
    /// Those that may be there, or a part of each.
    pub may: Names,
    /// Anything may be there: a copy of what changed altogether meanwhile.
    pub any: bool,
}

impl Content {
    fn fits(&self, found: &Found, is_settled: bool) -> Done {
        if self.any {
            return Ok(());
        }
        let has = |name: &String| found.get(name) == Some(&true);
        let lost = self.must.iter().find(|name| !has(name));
        ensure(lost.is_none(), || format!("{lost:?} is lost"))?;
        let lost = self.pending.iter().find(|name| is_settled && !has(name));
        ensure(lost.is_none(), || format!("{lost:?} is lost silently"))?;
        let is_known = |name: &String| {
            let parts = [&self.must, &self.pending, &self.may];
            parts.iter().any(|names| names.contains(name))
        };
        let other = found.keys().find(|name| !is_known(name));
        ensure(other.is_none(), || format!("{other:?} is not its own"))
    }

    /// From now on, this is what has to be there.
    fn settle(found: &Found, before: &Content) -> Content {
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
            any: false,
        }
    }

    /// What has not been promised may be lost from now on.
    fn doubt(&mut self) {
        self.may.append(&mut self.pending);
    }

    fn all(&self) -> Names {
        let parts = [&self.must, &self.pending, &self.may];
        parts.into_iter().flatten().cloned().collect()
    }
}

#[derive(Debug, Default)]
pub struct Model {
    /// `None` of a volume that does not exist, or was made anew and is empty.
    content: Option<Content>,
    /// Copies that are being made, or were when their calls were killed, by number.
    copies: BTreeMap<usize, Content>,
    /// Copies of this volume that are being made.
    pub copying: usize,
    removes: usize,
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
                    return Ok(());
                }
                Err(why) => why,
            },
            None => "it is to be new".to_owned(),
        };
        let new = Content::default();
        let mut candidates = self.copies.values().chain([&new]);
        let fitting = candidates.find(|content| content.fits(found, false).is_ok());
        let Some(content) = fitting.filter(|_| may_be_new) else {
            let (content, copies) = (&self.content, &self.copies);
            return Err(format!(
                "{why}: {found:?}; known: {content:?}, copies {copies:?}, may be new: {may_be_new}"
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
            Some(true) if self.is_unsure => {
                self.content().any = true;
                self.generation += 1;
                self.was_killed = true;
            }
            Some(true) => {
                self.content = None;
                self.generation += 1;
                self.was_killed = false;
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
        self.removes == 0 && !self.was_killed && self.content.is_some()
    }

    /// What a copy holds that comes to its end now.
    pub fn end_original(&mut self, original: Original) -> Content {
        self.copying -= 1;
        let is_same = original.generation == self.generation;
        if !(is_same && original.is_stable && self.is_stable()) {
            return Content {
                any: true,
                ..Content::default()
            };
        }
        let now = self.content();
        let must = original.content.must.intersection(&now.must);
        let must: Names = must.cloned().collect();
        let may = original.content.all().into_iter().chain(now.all());
        Content {
            may: may.filter(|name| !must.contains(name)).collect(),
            must,
            ..Content::default()
        }
    }

    pub fn begin_copy(&mut self, number: usize) {
        let any = Content {
            any: true,
            ..Content::default()
        };
        self.copies.insert(number, any);
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

    /// It does not exist, when nobody does anything. It may have been removed by a call that was killed.
    pub fn is_absent(&mut self) -> Done {
        ensure(self.content.is_none() || self.was_killed, || {
            format!("it is gone, and held {:?}", self.content)
        })?;
        self.content = None;
        self.was_killed = false;
        self.copies.clear();
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
