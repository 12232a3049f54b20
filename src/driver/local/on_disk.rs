//! A `local` volume on the disk: its directory, where its source is mounted, and what is shown of it.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Error, Result, bail};
use serde_json::Map;

use crate::base::failure::Failure;
use crate::base::text::chain;
use crate::driver::interface::VolumeInfo;
use crate::driver::local::inside;
use crate::driver::local::source::Source;
use crate::driver::shared::home::Place;
use crate::driver::shared::{mounted_as, still_mounted};
use crate::sys::mount::mount_tree::MountTree;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::take_away::{self, Stuck};
use crate::sys::mount::{busy, by_program, calls, covers, utab};

/// In the volume's directory: the directory that users get, over which the source is mounted, if there is one.
pub const DATA: &str = "_data";

/// A volume's place, and the source that its record names.
pub struct OnDisk<'h> {
    pub place: Place<'h>,
    /// `None` for a plain directory.
    pub source: Option<Source>,
}

impl OnDisk<'_> {
    /// The plain directory, or the mount point in the volume's own directory.
    pub fn data(&self) -> PathBuf {
        self.place.directory().join(DATA)
    }

    /// Refuses a plain directory that is not there any more.
    pub fn refuse_missing(&self) -> Result<()> {
        let data = self.data();
        if !data.symlink_metadata().is_ok_and(|data| data.is_dir()) {
            bail!(
                "{} is missing; remove the volume, or make the directory",
                data.display()
            );
        }
        Ok(())
    }

    /// Takes a mount away, with the mounts inside it that came with a recursive bind, and what users of the host have mounted over it
    /// if it is to go lazily.
    pub fn unmount(&self, mount: &Mount, lazy: bool) -> Result<()> {
        uncover(&MountTable::read()?, mount, lazy)?;
        self.refuse_covered(&MountTable::read()?, mount)?;
        let Some(helper) = utab::other_helper(mount) else {
            return self.unmount_tree(mount, lazy);
        };
        if !self.unmount_by_helper(mount, &helper, lazy) {
            // The system call works, or says why not.
            self.unmount_tree(mount, lazy)?;
        }
        utab::forget_all(mount);
        Ok(())
    }

    /// All of a recursive bind, or nothing: the kernel takes a mount with others inside it away only if it is told to do so whoever
    /// uses it.
    fn unmount_tree(&self, mount: &Mount, lazy: bool) -> Result<()> {
        let home = self.place.home;
        let shown = mount.mount_point.display();
        let is_recursive = self.source.as_ref().is_some_and(Source::is_recursive);
        let ends = Instant::now() + calls::BUSY;
        loop {
            let table = MountTable::read()?;
            let tree = MountTree::of(&table, mount.id);
            let is_whole = |tree: &MountTree| !tree.inside().is_empty() && (lazy || is_recursive);
            let Some(tree) = tree.filter(is_whole) else {
                return home.unmount(mount, lazy);
            };
            let users = match lazy {
                true => String::new(),
                false => self.users(&tree),
            };
            if users.is_empty() {
                home.step(|| format!("unmounting {shown} and all inside it"));
                return tree.take_away().map_err(|stuck| match stuck {
                    Stuck::Covered(words) => Failure::in_use(words).into(),
                    Stuck::Failed(error) => {
                        Error::from(error).context(format!("unmounting {shown}"))
                    }
                });
            }
            if Instant::now() >= ends {
                let used_by = format!(", used by {users}");
                bail!(Failure::busy(shown, &used_by));
            }
            thread::sleep(calls::BUSY / 10);
        }
    }

    /// What keeps a tree from being taken away: its users, and mounts of others inside it, which may have data that is nowhere else.
    fn users(&self, tree: &MountTree) -> String {
        let came = inside::remembered(&self.place.directory());
        let is_foreign = |mount: &&&Mount| {
            let place = mount.mount_point.strip_prefix(tree.place());
            !place.is_ok_and(|place| came.has(mount, place)) && !tree.is_outside(mount)
        };
        match tree.inside().iter().find(is_foreign) {
            Some(mount) => busy::mount_user(mount),
            None => tree.users(),
        }
    }

    /// Has umount(8) call the helper that the mount names. False where it is still mounted.
    ///
    /// Both go by the name: where others than root can have it lead to another mount meanwhile, the helper is not called.
    fn unmount_by_helper(&self, mount: &Mount, helper: &str, lazy: bool) -> bool {
        let (home, place) = (self.place.home, &mount.mount_point);
        if let Some(flaw) = home.flaw_on_the_way(place) {
            home.invocation.log.warn(&format!(
                "volume {} is unmounted without umount.{helper}, which others could lead astray: {flaw}",
                self.place.name
            ));
            return false;
        }
        home.step(|| format!("unmounting {} by umount", place.display()));
        by_program::unmount(place, lazy, home.ends())
            .inspect_err(|error| home.step(|| chain(error)))
            .is_ok()
    }

    /// Checks that the source was mounted there, says where it can only be read though it was to be writable, and sees to it that the mount is known again.
    ///
    /// # Errors
    ///
    /// Nothing is mounted there.
    pub fn verify(&self, mount_point: &Path, read_only: bool) -> Result<()> {
        let table = MountTable::read()?;
        let mount = self.place.refuse_bare(&table, mount_point)?;
        if mount.is_read_only() && !read_only {
            self.place.home.invocation.log.warn(&format!(
                "volume {} can only be read, because of its source or its type's program; o=ro asks for that",
                self.place.name
            ));
        }
        mounted_as::done(self.place, mount);
        Ok(())
    }

    /// Where the volume is mounted in this mount namespace, and its mount: the one that was remembered when it was made, wherever it
    /// is by now.
    pub fn mounted<'t>(&self, table: &'t MountTable) -> Option<(PathBuf, &'t Mount)> {
        let mount = match &self.source {
            None => still_mounted::bound_to_itself(table, &self.data()),
            Some(source) => {
                mounted_as::remembered(self.place)?.find(table, |mount| source.may_be(mount))
            }
        };
        mount.map(|mount| (mount.mount_point.clone(), mount))
    }

    /// Refuses to go on where others have mounted something over the volume: they would lose it.
    pub fn refuse_covered(&self, table: &MountTable, mount: &Mount) -> Result<()> {
        match covers::on_top(table, mount) {
            Some(other) => bail!(Failure::in_use(format!(
                "{} of type {} is mounted over it at {}; unmount that first",
                other.source,
                other.fs_type,
                mount.mount_point.display()
            ))),
            None => Ok(()),
        }
    }

    /// The directory that users get, if there is one.
    pub fn path(&self, table: &MountTable) -> Option<PathBuf> {
        let data = self.data();
        let is_free = || self.source.is_none() && table.at(&data).is_none();
        match self.mounted(table) {
            Some((_, mount)) if self.refuse_covered(table, mount).is_err() => None,
            Some((mount_point, _)) => Some(mount_point),
            None => is_free().then_some(data),
        }
    }

    pub fn describe(&self, table: &MountTable) -> VolumeInfo {
        let mut details = Map::new();
        if let Some(source) = &self.source {
            let mounted = self.mounted(table).map(|(_, mount)| mount);
            let fs_type = mounted.map_or(source.fs_type(), |mount| &mount.fs_type);
            let device = mounted.map(|mount| mount.source.as_str());
            details.insert("FsType".into(), fs_type.into());
            details.insert("Device".into(), device.into());
        }
        VolumeInfo {
            mountpoint: self.path(table),
            details,
            ..VolumeInfo::default()
        }
    }
}

/// Takes away what a user of the host has mounted over the volume, if it is to go lazily. What else is there may be all that somebody
/// has.
///
/// # Errors
///
/// In use: a user's mount stays.
fn uncover(table: &MountTable, mount: &Mount, lazy: bool) -> Result<()> {
    let stuck = match covers::over(table, mount).filter(|cover| cover.is_users) {
        None => return Ok(()),
        Some(cover) if !lazy => Stuck::Covered(cover.words(mount)),
        Some(_) => match take_away::uncover(mount) {
            Ok(()) => return Ok(()),
            Err(stuck) => stuck,
        },
    };
    match stuck {
        Stuck::Covered(words) => Err(Failure::in_use(words).into()),
        Stuck::Failed(error) => {
            let place = mount.mount_point.display();
            Err(error).with_context(|| format!("unmounting what is mounted over {place}"))
        }
    }
}
