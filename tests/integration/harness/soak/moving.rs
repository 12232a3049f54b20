//! A caller that moves the content of a volume to another one, of any driver, as an archive.

use std::sync::atomic::Ordering::SeqCst;

use crate::harness::fs;
use crate::harness::process::Output;
use crate::harness::scenario::{Done, ensure};
use crate::harness::site::Node;
use crate::harness::soak::caller::Caller;
use crate::harness::soak::known::Content;
use crate::harness::soak::world::{Volume, World};

impl Caller {
    pub(super) fn moves<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let number = world.counts.names.fetch_add(1, SeqCst);
        world.enter();
        let archive = world.env.dir("archives").join(number.to_string());
        let file = archive.display().to_string();
        let exported = self.exports(world, node, at, &file);
        let is_there = archive.exists();
        let done = match exported {
            Ok(Some(content)) if content.any => Ok(()),
            Ok(Some(content)) if is_there => self.imports(world, node, &content, &file),
            Ok(Some(_)) => Err(format!("{file} is missing")),
            // An archive has its name when it is whole.
            Ok(None) => ensure(!is_there, || format!("{file} is there")),
            Err(why) => Err(why),
        };
        let _ = fs::remove_file(&archive);
        done.map_err(|why| match why.starts_with('/') {
            true => format!("{}: {why}", world.volumes[at].name),
            false => why,
        })
    }

    /// What is in the archive, if there is one.
    fn exports<'a>(
        &mut self,
        world: &World<'a>,
        node: &Node<'a>,
        at: usize,
        file: &str,
    ) -> Result<Option<Content>, String> {
        let volume = &world.volumes[at];
        let line = format!("export -d {} -n {} -O {file}", volume.driver, volume.name);
        let before = volume.model().begin_original();
        let called = self.calls(world, node, at, &line);
        let may_be_broken = world.stores[volume.store].was_full();
        let content = volume.model().end_original(before, may_be_broken);
        Ok(called?
            .found
            .filter(|found| found.code == 0)
            .map(|_| content))
    }

    /// Into a volume that does not exist, as far as is known.
    fn imports<'a>(
        &mut self,
        world: &World<'a>,
        node: &Node<'a>,
        archive: &Content,
        file: &str,
    ) -> Done {
        let may_have = |volume: &Volume| volume.host.is_none_or(|only| only == self.host);
        let missing = world.volumes.iter().enumerate();
        let missing = missing.filter(|(_, volume)| may_have(volume) && !volume.model().is_there());
        let missing: Vec<usize> = missing.map(|(at, _)| at).collect();
        let Some(at) = self
            .dice
            .any(&missing)
            .filter(|at| !self.held.contains_key(at))
        else {
            return Ok(());
        };
        let volume = &world.volumes[at];
        let (name, driver) = (&volume.name, volume.driver);
        self.makes(world, node, at)?;
        volume.model().begin_import(archive);
        let called = self.calls(
            world,
            node,
            at,
            &format!("import -d {driver} -n {name} {file}"),
        );
        let ended = called.as_ref().ok();
        let found = ended.and_then(|called| called.found.as_ref());
        let is_done = found.and_then(is_imported);
        let is_alone = ended.is_some_and(|called| called.is_alone);
        volume.model().end_import(archive, is_done, is_alone);
        if is_done == Some(true) {
            world.counts.imports.fetch_add(1, SeqCst);
        }
        called.map(drop)
    }
}

/// `None` where a part of it may be left.
fn is_imported(found: &Output) -> Option<bool> {
    match found.code {
        0 => Some(true),
        1 if !found.stderr.contains("it is not empty") => None,
        _ => Some(false),
    }
}
