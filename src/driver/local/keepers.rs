//! What keeps the file system of a volume mounted after it was unmounted.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::driver::shared::existing::Keeper;
use crate::driver::shared::gone::Gone;
use crate::driver::shared::home::Home;
use crate::sys::mount::mountinfo::{Mount, MountTable};
use crate::sys::mount::{busy, identity};
use crate::sys::process::interruption;

/// How long to wait for a mount namespace to go: one that is being made for a container has a copy of every mount for a moment, and one
/// whose last process has ended is taken down a moment later.
const FREED: Duration = Duration::from_secs(1);

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Where the file system of mounts that have been taken away is mounted all the same.
pub fn find(home: &Home, gone: &[Gone]) -> Result<Option<Keeper>> {
    let began = Instant::now();
    loop {
        let table = MountTable::read()?;
        let keeper = gone.iter().find_map(|gone| keeper_of(gone, &table));
        if keeper.is_none() || began.elapsed() >= FREED || interruption::is_over(home.ends()) {
            return Ok(keeper);
        }
        thread::sleep(PAUSE);
    }
}

fn keeper_of(gone: &Gone, table: &MountTable) -> Option<Keeper> {
    let is_in_memory = identity::is_in_memory(&gone.mount);
    if is_in_memory && gone.kept.is_none() {
        // Another file system may have its number by now.
        return None;
    }
    let shown = |table: &MountTable| table.iter().find(|it| shows(it, &gone.mount)).cloned();
    if let Some(here) = shown(table) {
        // What is not in memory may be mounted for others, as another volume from the same server.
        return is_in_memory.then(|| Keeper {
            words: format!("mounted at {}", here.mount_point.display()),
        });
    }
    let (process, there) = busy::mounted_elsewhere(shown)?;
    let place = there.mount_point.display();
    Some(Keeper {
        words: format!("mounted at {place} in the mount namespace of {process}"),
    })
}

/// Whether a mount shows a part of what this one has shown.
fn shows(mount: &Mount, gone: &Mount) -> bool {
    let file_system = |it: &Mount| (it.device.clone(), it.fs_type.clone(), it.source.clone());
    file_system(mount) == file_system(gone) && mount.root.starts_with(&gone.root)
}
