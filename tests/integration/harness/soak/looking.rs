//! A caller that looks whether all is in a volume that has to be, and writes to it; and what it does when nobody else does anything.

use std::io;
use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;

use nix::sys::statvfs::{FsFlags, statvfs};

use crate::harness::fs;
use crate::harness::mounts::in_directory;
use crate::harness::process::{Output, is_warnings};
use crate::harness::scenario::{Done, ensure};
use crate::harness::site::Node;
use crate::harness::soak::answers;
use crate::harness::soak::caller::{Caller, Hold};
use crate::harness::soak::content::{Found, content, look};
use crate::harness::soak::known::Content;
use crate::harness::soak::world::World;

/// Files in a volume, more or less.
const MOST_FILES: usize = 10;

impl Caller {
    /// Of a volume that it holds: everything is there that has to be.
    pub(super) fn looks(&mut self, world: &World, at: usize) -> Done {
        let may_be_broken = world.stores[world.volumes[at].store].was_full();
        self.looks_into(world, at, may_be_broken)
    }

    /// `may_be_broken`: it may be impossible to read it, as the disk has been full since it was mounted.
    fn looks_into(&mut self, world: &World, at: usize, may_be_broken: bool) -> Done {
        let volume = &world.volumes[at];
        let mut model = volume.model();
        let found = match look(&world.path(volume)) {
            Ok(found) => found,
            Err(error) => {
                model.doubt();
                // That it is not mounted, or has no directory, is no fault of a disk.
                let is_missing = error.kind() == io::ErrorKind::NotFound;
                return ensure(may_be_broken && !is_missing, || {
                    format!("{}: {error}", volume.name)
                });
            }
        };
        if may_be_broken && is_given_up(&world.path(volume)) {
            model.doubt();
            return Ok(());
        }
        world.counts.looks.fetch_add(1, SeqCst);
        let is_settled = volume.in_flight.load(SeqCst) == 0;
        world.notes(&format!("{} looks into {} {found:?}", self.id, volume.name));
        let done = model.finds(&found, is_settled);
        done.map_err(|why| format!("{}: {why}", volume.name))
    }

    pub(super) fn looks_and_writes(&mut self, world: &World, node: &Node, at: usize) -> Done {
        node.enter();
        self.looks(world, at)?;
        let most = if self.dice.one_in(4) { 300_000 } else { 9_000 };
        self.writes(world, at, most)
    }

    /// What is written now does not reach the disk, as a rule.
    pub(super) fn writes_to_full_disk(&mut self, world: &World, node: &Node, at: usize) -> Done {
        node.enter();
        self.looks(world, at)?;
        let store = &world.stores[world.volumes[at].store];
        world.notes(&format!("FILLED {}", store.fs_type));
        store.fill(0);
        self.writes(world, at, 4_000_000)
    }

    /// Makes a file, and deletes one where there are many.
    fn writes(&mut self, world: &World, at: usize, most: usize) -> Done {
        let volume = &world.volumes[at];
        let directory = world.path(volume);
        let mut model = volume.model();
        let may_delete = model.copying == 0 && model.importing == 0;
        let files = model.content();
        let is_synced = self.dice.one_in(2);
        let number = world.counts.names.fetch_add(1, SeqCst);
        let name = format!("{}-{number}-{}", volume.name, self.dice.below(most));
        let text = content(&name).unwrap_or_default();
        let mut done = fs::create_with(&directory.join(&name), &text, is_synced);
        world.notes(&format!(
            "{} writes {name} to {} synced {is_synced}: {done:?}",
            self.id, volume.name
        ));
        let names = match (&done, is_synced) {
            (Ok(()), true) => &mut files.must,
            (Ok(()), false) => &mut files.pending,
            (Err(_), _) => &mut files.may,
        };
        names.insert(name);
        if done.is_ok() && may_delete {
            done = deletes(&directory, files);
            world.notes(&format!(
                "{} deletes from {}: {done:?}",
                self.id, volume.name
            ));
        }
        let Err(error) = done else { return Ok(()) };
        model.doubt();
        let is_full = error.raw_os_error() == Some(nix::libc::ENOSPC);
        let may_be = is_full || world.stores[volume.store].was_full();
        ensure(may_be, || format!("{}: {error}", volume.name))
    }

    /// What is needed of a call when nobody else does anything.
    pub(super) fn does(&self, world: &World, at: usize, line: &str) -> Result<Output, String> {
        let volume = &world.volumes[at];
        let host = &world.hosts[self.host];
        let found = host
            .dvdcli(&host.on(), &world.stores[volume.store], line)
            .output();
        world.notes(&format!("{} {line} = {found:?}", host.name));
        Ok(found)
    }

    pub fn give_everything_up(&mut self, world: &World) -> Done {
        self.notices_power_cut(world);
        for at in 0..world.volumes.len() {
            let volume = &world.volumes[at];
            if volume.host.is_some_and(|only| only != self.host) {
                continue;
            }
            if self.held.get(&at) == Some(&Hold::Certain) {
                volume.model().let_go(world.hosts[self.host].name);
            }
            self.held.remove(&at);
            let line = format!(
                "unmount -d {} -n {} --id {}",
                volume.driver, volume.name, self.id
            );
            let found = self.does(world, at, &line)?;
            answers::check("unmount", &found, world.stores[volume.store].was_full())
                .map_err(|why| format!("{}: {why}", volume.name))?;
            if found.code != 0 {
                volume.model().doubt();
            }
        }
        Ok(())
    }

    /// When nobody else does anything, on a disk with space. What that has broken before is repaired, as the message says.
    pub fn looks_alone(&mut self, world: &World, at: usize) -> Done {
        let volume = &world.volumes[at];
        let name = &volume.name;
        if volume.host.is_some_and(|only| only != self.host) {
            return Ok(());
        }
        let mount = format!("mount -d {} -n {name} --explicitcreate", volume.driver);
        let mut found = self.does(world, at, &mount)?;
        let has_errors = found.code == 1 && found.stderr.contains("(ext4: e2fsck -f)");
        if has_errors {
            found = self.does(world, at, &format!("{mount} --read-only"))?;
        }
        let directory = world.stores[volume.store].directory.join("loop").join(name);
        let repair = || in_directory(&directory, "e2fsck -fp image || [ $? = 1 ]");
        if has_errors
            && found.code == 1
            && found
                .stderr
                .contains("makes no directory; repair its file system")
        {
            let is_empty = volume.model().finds(&Found::new(), true);
            return is_empty
                .map_err(|why| format!("{name}: {why}"))
                .and_then(|()| repair());
        }
        if found.code == 3 {
            let absent = volume.model().is_absent();
            return absent.map_err(|why| format!("{name}: {why}"));
        }
        let is_mounted = found.code == 0 && is_warnings(&found.stderr);
        ensure(is_mounted, || format!("{name}: {found:?}"))?;
        self.looks_into(world, at, false)?;
        let unmount = format!("unmount -d {} -n {name}", volume.driver);
        let found = self.does(world, at, &unmount)?;
        let is_silent = found.code == 0 && found.stderr.is_empty();
        ensure(is_silent, || format!("{name}: {found:?}"))?;
        volume.model().is_on_disk();
        match has_errors {
            true => repair(),
            false => Ok(()),
        }
    }

    pub fn removes_for_good(&mut self, world: &World, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (driver, name) = (volume.driver, &volume.name);
        let found = self.does(world, at, &format!("remove -d {driver} -n {name}"))?;
        let is_right = matches!(found.code, 0 | 3);
        ensure(is_right, || format!("{name}: {found:?}"))
    }

    /// What calls that were killed have left goes with the next one for that volume.
    pub fn sweeps(&mut self, world: &World, at: usize) -> Done {
        let volume = &world.volumes[at];
        let (driver, name) = (volume.driver, &volume.name);
        let size = if driver == "loop" {
            "--opt size=16MiB"
        } else {
            ""
        };
        let found = self.does(world, at, &format!("create -d {driver} -n {name} {size}"))?;
        ensure(found.code == 0, || format!("{name}: {found:?}"))?;
        self.removes_for_good(world, at)
    }
}

/// Whether the kernel has given the file system up: what is on the disk is seen when it is mounted again.
fn is_given_up(directory: &Path) -> bool {
    statvfs(directory).is_ok_and(|found| found.flags().contains(FsFlags::ST_RDONLY))
}

/// Deletes what is not known to be whole, and a file where there are many.
fn deletes(directory: &Path, files: &mut Content) -> io::Result<()> {
    if files.must.len() > MOST_FILES {
        files.may.extend(files.must.pop_first());
    }
    if files.may.is_empty() {
        return Ok(());
    }
    for name in &files.may {
        let _ = fs::remove_file(directory.join(name));
    }
    fs::sync_directory(directory)?;
    files.may.retain(|name| directory.join(name).exists());
    Ok(())
}
