//! A caller that takes snapshots, restores and removes them; and one that runs a command with a copy of a volume.

use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;

use crate::harness::fs;
use crate::harness::scenario::{Done, ensure};
use crate::harness::site::Node;
use crate::harness::soak::caller::Caller;
use crate::harness::soak::content::look;
use crate::harness::soak::snapshot::{Kept, Snapshot};
use crate::harness::soak::world::World;

/// Copies the volume that it is run with, and tells where that was.
pub const COPY_OUT: &str =
    "cp -r \"$DVDCLI_MOUNTPOINT/.\" $1 2>/dev/null || exit 99; echo $DVDCLI_MOUNTPOINT";

impl Caller {
    /// With its snapshot on the disk of this volume, if it has one.
    pub(super) fn keeps<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let store = world.volumes[at].store;
        let is_own = |it: &&Snapshot| it.store == store && it.name == self.id;
        let Some(snapshot) = world.snapshots.iter().find(is_own) else {
            return Ok(());
        };
        match (snapshot.kept(), self.dice.below(4)) {
            (None, _) => self.takes(world, node, at, snapshot),
            (Some(kept), 0) => self.gives_up(world, node, kept, snapshot),
            (Some(kept), _) => self.restores(world, node, kept, snapshot),
        }
    }

    pub(super) fn takes<'a>(
        &mut self,
        world: &World<'a>,
        node: &Node<'a>,
        at: usize,
        snapshot: &Snapshot,
    ) -> Done {
        let volume = &world.volumes[at];
        let line = format!(
            "snapshot create -d loop -n {} --snapshotname {}",
            volume.name, snapshot.name
        );
        snapshot.begin();
        let before = volume.model().begin_original();
        let kills = self.dice.one_in(7);
        let found = self.call(world, node, volume, &line, kills);
        let may_be_broken = world.stores[volume.store].was_full();
        let content = volume.model().end_original(before, may_be_broken);
        let found = found?;
        let code = found.map(|found| found.code);
        let kept = Kept {
            volume: at,
            content,
            may_be_missing: code != Some(0),
        };
        // On a full disk, nobody knows.
        let is_kept = matches!(code, None | Some(0 | 1));
        if is_kept {
            world.counts.snapshots.fetch_add(1, SeqCst);
        }
        snapshot.end(is_kept.then_some(kept));
        Ok(())
    }

    fn gives_up<'a>(
        &mut self,
        world: &World<'a>,
        node: &Node<'a>,
        kept: Kept,
        snapshot: &Snapshot,
    ) -> Done {
        let volume = &world.volumes[kept.volume];
        let line = format!(
            "snapshot remove -d loop -n {} --snapshotname {}",
            volume.name, snapshot.name
        );
        snapshot.begin();
        let kills = self.dice.one_in(7);
        let found = self.call(world, node, volume, &line, kills)?;
        let code = found.map(|found| found.code);
        ensure(code != Some(3) || kept.may_be_missing, || {
            format!("{}: snapshot {} is lost", volume.name, snapshot.name)
        })?;
        let may_be_missing = kept.may_be_missing || matches!(code, None | Some(1));
        snapshot.end((!matches!(code, Some(0 | 3))).then_some(Kept {
            may_be_missing,
            ..kept
        }));
        Ok(())
    }

    fn restores<'a>(
        &mut self,
        world: &World<'a>,
        node: &Node<'a>,
        kept: Kept,
        snapshot: &Snapshot,
    ) -> Done {
        let at = kept.volume;
        let volume = &world.volumes[at];
        let name = &volume.name;
        let line = format!(
            "snapshot restore -d loop -n {name} --snapshotname {}",
            snapshot.name
        );
        let number = world.counts.names.fetch_add(1, SeqCst);
        let first = {
            let mut model = volume.model();
            model.begin_restore(number, kept.content.clone());
            model.held_at_first()
        };
        let called = self.calls(world, node, at, &line);
        let ended = called.as_ref().ok();
        let code = ended.and_then(|called| Some(called.found.as_ref()?.code));
        let is_done = match code {
            Some(0) => Some(true),
            // On a full disk, nobody knows.
            None | Some(1) => None,
            _ => Some(false),
        };
        let mut model = volume.model();
        model.end_restore(number, is_done, ended.is_some_and(|called| called.is_alone));
        let since = model.held_since(&first);
        drop(model);
        let found = called?.found;
        ensure(code != Some(0) || since.is_empty(), || {
            format!("{name}: restored while it was mounted on {since:?}")
        })?;
        if code == Some(0) {
            world.counts.restores.fetch_add(1, SeqCst);
            snapshot.end(Some(Kept {
                may_be_missing: false,
                ..kept
            }));
        } else if found.is_some_and(|found| found.stderr.contains("there is no snapshot")) {
            ensure(kept.may_be_missing, || {
                format!("{name}: snapshot {} is lost", snapshot.name)
            })?;
            snapshot.end(None);
        }
        Ok(())
    }

    /// When nobody does anything: what a volume holds that is made of a snapshot.
    pub fn looks_into_snapshot(&self, world: &World, snapshot: &Snapshot) -> Done {
        let Some(kept) = snapshot.kept() else {
            return Ok(());
        };
        let at = kept.volume;
        let (of, name) = (&world.volumes[at].name, &snapshot.name);
        let line = format!("create -d loop -n look --opt snapshotID={of}@{name}");
        let found = self.does(world, at, &line)?;
        if found.code == 3 && kept.may_be_missing {
            snapshot.end(None);
            return Ok(());
        }
        if found.code != 0 && found.stderr.contains(" that are free") {
            // A copy of it does not fit on the disk.
            return Ok(());
        }
        ensure(found.code == 0, || {
            format!("{of}: snapshot {name}: {found:?}")
        })?;
        let mut mounted = self.does(world, at, "mount -d loop -n look")?;
        // It was taken of a volume that a full disk has broken.
        let has_errors = mounted.code == 1 && mounted.stderr.contains("(ext4: e2fsck -f)");
        if has_errors {
            mounted = self.does(world, at, "mount -d loop -n look --read-only")?;
        }
        let path = world.path(&world.volumes[at]).display().to_string();
        let path = path.replace(&format!("/{of}/"), "/look/");
        world.hosts[self.host].on().enter();
        let looked = look(Path::new(&path));
        let done = match (mounted.code, looked) {
            (0, Ok(found)) => kept.content.fits(&found, false),
            (1, _) if has_errors && mounted.stderr.contains("makes no directory") => Ok(()),
            (_, looked) => Err(format!("{mounted:?}, {looked:?}")),
        };
        for verb in ["unmount", "remove"] {
            let found = self.does(world, at, &format!("{verb} -d loop -n look"))?;
            ensure(found.code == 0, || format!("{of}: {found:?}"))?;
        }
        done.map_err(|why| format!("{of}: snapshot {name}: {why}"))
    }

    pub fn removes_snapshots(&self, world: &World) -> Done {
        for snapshot in &world.snapshots {
            let Some(kept) = snapshot.kept() else {
                continue;
            };
            let (of, name) = (&world.volumes[kept.volume].name, &snapshot.name);
            let line = format!("snapshot remove -d loop -n {of} --snapshotname {name}");
            let found = self.does(world, kept.volume, &line)?;
            let is_gone = found.code == 0 || found.code == 3 && kept.may_be_missing;
            ensure(is_gone, || format!("{of}: snapshot {name}: {found:?}"))?;
        }
        Ok(())
    }

    /// A command with a copy of the volume that goes with it.
    pub(super) fn clones<'a>(&mut self, world: &World<'a>, node: &Node<'a>, at: usize) -> Done {
        let volume = &world.volumes[at];
        let name = &volume.name;
        let number = world.counts.names.fetch_add(1, SeqCst);
        world.enter();
        let copied = world.env.dir(&format!("copied/{number}"));
        let script = world.env.path("copy-out");
        let line = format!(
            "run -d loop -n {name} --clone -- sh {} {}",
            script.display(),
            copied.display()
        );
        node.enter();
        let before = volume.model().begin_original();
        let kills = self.dice.one_in(7);
        let found = self.call(world, node, volume, &line, kills);
        let may_be_broken = world.stores[volume.store].was_full();
        let content = volume.model().end_original(before, may_be_broken);
        let done = match found? {
            Some(found) if found.code == 0 => {
                world.counts.clones.fetch_add(1, SeqCst);
                let found_there = look(&copied).map_err(|error| format!("{name}: {error}"))?;
                let fits = content.fits(&found_there, false);
                let place = world.path(volume).display().to_string();
                let prefix = world.env.with_root(&place.replace("/mnt/data", ""));
                let directory = found.stdout.trim().trim_end_matches("/mnt/data");
                let (of, copy) = directory.rsplit_once(".clone.").unwrap_or_default();
                let left = format!("{}.clone.{copy}", place.trim_end_matches("/mnt/data"));
                fits.and_then(|()| {
                    ensure(of == prefix, || format!("{found:?}, not {prefix}"))?;
                    ensure(!Path::new(&left).exists(), || format!("{left} is left"))
                })
                .map_err(|why| format!("{name}: its copy by run: {why}; known: {content:?}"))
            }
            _ => Ok(()),
        };
        let _ = fs::remove_dir_all(&copied);
        done
    }
}
