//! Where a built-in driver keeps and mounts its volumes, and what it works with there.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};

use crate::base::failure::Failure;
use crate::base::text::plain;
use crate::driver::shared::aside::{Leftover, Swept};
use crate::driver::shared::host_claim::Host;
use crate::driver::shared::sharing;
use crate::driver::shared::still_mounted;
use crate::driver::shared::store::{RECORD, Store, VolumeFile};
use crate::invocation::Invocation;
use crate::invocation::trust;
use crate::sys::files::directory::{IfMissing, Obstacle, descend, remove_at};
use crate::sys::files::resolve::{canonical_as_far_as_it_exists, trusted};
use crate::sys::files::trusted::on_the_way;
use crate::sys::mount::busy;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::take_away::{How, Stuck, take_away};

/// How long a call deletes what others have left.
const SWEEPING: Duration = Duration::from_secs(1);

/// What one built-in driver works with.
pub struct Home<'a> {
    pub invocation: &'a Invocation,
    /// The driver's name.
    pub driver: &'static str,
    pub store: Store,
    pub host: Host,
    /// Who owns what root makes in the store, where that is not root.
    owner: Option<u32>,
    /// Volumes are mounted at `PATH/NAME`; without it, in their own directories.
    mount_path: Option<PathBuf>,
}

/// The directory of all volumes of a driver: `/var/lib/dvdcli/DRIVER`, or in the configured place.
pub fn directory(driver: &str, invocation: &Invocation) -> PathBuf {
    root(invocation).join(driver)
}

/// The directory above those of all built-in drivers.
pub fn root(invocation: &Invocation) -> &Path {
    let configured = invocation.config.root.as_ref();
    configured.unwrap_or(&invocation.paths.state)
}

impl<'a> Home<'a> {
    /// Only the identity of this host is read; the directory need not exist.
    ///
    /// # Errors
    ///
    /// As root: others could have written in the directory, or replaced it.
    pub fn open(driver: &'static str, invocation: &'a Invocation) -> Result<Home<'a>> {
        let host = Host::this()?;
        let store = Store::new(&directory(driver, invocation), &host.hash());
        let owner = sharing::owner_for_root(&store)?;
        trust::check_owned_by(&invocation.log, "using", store.root(), owner)?;
        let mount_path = invocation.config.mount_path.as_deref();
        Ok(Home {
            store,
            owner,
            mount_path: mount_path.map(canonical_as_far_as_it_exists),
            invocation,
            driver,
            host,
        })
    }

    /// Refuses to claim, make or remove a volume where other hosts could not tell this host from themselves.
    pub fn refuse_unknown_host(&self) -> Result<()> {
        sharing::refuse_unknown_host(&self.store, self.invocation.config.root.is_some())
    }

    /// Whether other hosts may reach the volumes as well.
    pub fn may_be_shared(&self) -> Result<bool> {
        sharing::may_be_reached(&self.store, self.invocation.config.root.is_some())
    }

    /// Deletes what killed calls of this host have left of any volume, but for what takes long. Returns what is left of others then,
    /// with the reason, and the volumes whose removal was completed. With `beside`, it is looked for among the volumes as well.
    pub fn sweep(&self, beside: bool) -> Vec<(Leftover, Swept)> {
        let leftovers = self.store.aside.leftovers(beside);
        if leftovers.is_empty() || self.refuse_unknown_host().is_err() {
            return Vec::new();
        }
        let ends = self.ends().min(Instant::now() + SWEEPING);
        let swept = leftovers.into_iter().map(|leftover| {
            let swept = self.store.aside.sweep_dead(&leftover, ends);
            self.step(|| format!("sweeping what is left of {}: {swept:?}", leftover.volume));
            (leftover, swept)
        });
        swept.collect()
    }

    /// `driver NAME`, for messages.
    pub fn label(&self) -> String {
        format!("driver {}", self.driver)
    }

    /// When work that takes longer is given up.
    pub fn ends(&self) -> Instant {
        self.invocation.budget.ends()
    }

    /// Writes down what is being done, for `--verbose`.
    pub fn step(&self, doing: impl FnOnce() -> String) {
        let step = || format!("{}: {}", self.label(), doing());
        self.invocation.log.step(step);
    }

    /// The place of a volume, whether it exists or not.
    pub fn place<'h>(&'h self, name: &'h str) -> Place<'h> {
        Place { home: self, name }
    }

    /// Takes away this mount and no other, wherever it is by now. If it is busy, the error names its users.
    pub fn unmount(&self, mount: &Mount, lazy: bool) -> Result<()> {
        let place = &mount.mount_point;
        self.step(|| format!("unmounting {}", place.display()));
        match take_away(mount, How::lazy(lazy)) {
            Ok(()) => Ok(()),
            Err(Stuck::Covered(words)) => Err(Failure::in_use(words).into()),
            Err(Stuck::Failed(error)) if error.kind() == ErrorKind::ResourceBusy => {
                bail!(Failure::busy(place.display(), &busy::used_by(place)))
            }
            Err(Stuck::Failed(error)) => {
                Err(error).with_context(|| format!("unmounting {}", place.display()))
            }
        }
    }

    /// What lets others than root move directories on the way to a path, or put others in their place; `None` where nothing does.
    pub fn flaw_on_the_way(&self, path: &Path) -> Option<String> {
        on_the_way(path, self.owner).unwrap_or_else(|error| Some(plain(&error)))
    }

    /// Refuses a configured path whose links others than root could have made.
    fn refuse_links_of_others(&self) -> Result<()> {
        let (Some(path), Some(found)) = (&self.invocation.config.mount_path, &self.mount_path)
        else {
            return Ok(());
        };
        let doing = "setting mount.path";
        if trusted(path).context(doing)? != *found {
            bail!("{doing}: {} leads elsewhere by now", path.display());
        }
        Ok(())
    }

    /// Removes a mount point below the configured path, if it is empty. One in a volume's own directory stays until the volume
    /// is removed.
    pub fn forget_mount_point(&self, mount_point: &Path) {
        if self.mount_path.as_deref() == mount_point.parent() {
            let _ = remove_at(mount_point);
        }
    }
}

/// The place of one volume in its driver's home, whether the volume exists or not.
#[derive(Clone, Copy)]
pub struct Place<'h> {
    pub home: &'h Home<'h>,
    /// The volume's canonical name.
    pub name: &'h str,
}

impl Place<'_> {
    /// The volume's own directory.
    pub fn directory(&self) -> PathBuf {
        self.home.store.directory(self.name)
    }

    /// `None` where there is no such volume.
    pub fn file(&self) -> Result<Option<VolumeFile>> {
        let file = self.directory().join(RECORD);
        let Home {
            invocation, owner, ..
        } = self.home;
        trust::check_owned_by(&invocation.log, "reading", &file, *owner)?;
        self.home.store.record(self.name)
    }

    /// The record of a volume that has to exist.
    ///
    /// # Errors
    ///
    /// There is no such volume ([`ErrorKind::Absent`](crate::base::failure::ErrorKind::Absent)).
    pub fn existing_file(&self) -> Result<VolumeFile> {
        self.file()?.ok_or_else(|| self.absent())
    }

    pub fn absent(&self) -> Error {
        Error::from(Failure::absent("no such volume")).context(self.home.label())
    }

    /// Where the volume is mounted: below the configured path, else at `own` in its directory.
    pub fn mount_point(&self, own: &str) -> PathBuf {
        match &self.home.mount_path {
            Some(path) => path.join(self.name),
            None => self.directory().join(own),
        }
    }

    /// Refuses to mount over another mount, which would be hidden by it.
    pub fn refuse_other_mount(&self, table: &MountTable, mount_point: &Path) -> Result<()> {
        match table.at(mount_point) {
            Some(other) => bail!(Failure::in_use(format!(
                "{} of type {} is mounted at {}, and is not this volume; unmount it",
                other.source,
                other.fs_type,
                mount_point.display()
            ))),
            None => Ok(()),
        }
    }

    /// What is mounted at a mount point.
    ///
    /// # Errors
    ///
    /// Nothing is, whoever says so: what users write there would land on the host's own disk.
    pub fn refuse_bare<'t>(&self, table: &'t MountTable, mount_point: &Path) -> Result<&'t Mount> {
        let mount = table.at(mount_point);
        mount.with_context(|| format!("nothing is mounted at {}", mount_point.display()))
    }

    /// Makes a mount point that is missing: one below the configured path is removed at each unmount.
    ///
    /// # Errors
    ///
    /// A symbolic link leads there, which others than root could have made.
    pub fn make_mount_point(&self, mount_point: &Path) -> Result<()> {
        self.home.refuse_links_of_others()?;
        let made = descend(
            Path::new("/"),
            mount_point,
            IfMissing::MakePassable(&mut Vec::new()),
        );
        match made {
            Err(stopped) if stopped.obstacle == Obstacle::SymbolicLink => bail!(
                "mount point {} is a symbolic link; remove it",
                stopped.path.display()
            ),
            Err(stopped) => {
                let doing = format!("making the mount point {}", stopped.path.display());
                Err(stopped.error).context(doing)
            }
            Ok(_) => Ok(()),
        }
    }

    /// Refuses to remove a volume that is mounted at `mounted`, or that is mounted in any other way, in any mount namespace.
    pub fn refuse_if_mounted(&self, mounted: Option<(PathBuf, &Mount)>) -> Result<()> {
        match mounted {
            Some((place, _)) => bail!(Failure::in_use(format!(
                "mounted at {}; unmount it first",
                place.display()
            ))),
            None => still_mounted::refuse_if_mounted(&self.directory()),
        }
    }

    /// Deletes the volume with its mount point `own`.
    ///
    /// # Errors
    ///
    /// The mount point is not empty. Nothing has been deleted then.
    pub fn delete_with_mount_point(&self, own: &str) -> Result<()> {
        let own = self.directory().join(own);
        match fs::remove_dir(&own) {
            // What was put in its place is deleted with the rest; a link is not followed.
            Err(error)
                if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Err(error).with_context(|| format!("removing the mount point {}", own.display()))
            }
            _ => self.home.store.delete(self.name),
        }
    }
}
