//! Disks of several file systems, on each of which a store is that two hosts share. They run full, and are emptied again.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statvfs::statvfs;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::in_directory;

pub const FILE_SYSTEMS: [&str; 3] = ["ext4", "xfs", "btrfs"];

const LENGTH: u64 = 900 << 20;

pub struct Store {
    pub fs_type: &'static str,
    pub directory: PathBuf,
    /// Since nothing was mounted that it could have broken.
    was_full: AtomicBool,
    /// How often it was filled.
    pub fills: AtomicUsize,
}

impl Store {
    pub fn new(env: &Env, fs_type: &'static str) -> Store {
        let disk = env.write(&format!("disks/{fs_type}"), "");
        let file = fs::File::options().write(true).open(&disk);
        file.and_then(|file| file.set_len(LENGTH)).unwrap();
        let directory = env.dir(&format!("stores/{fs_type}"));
        let (disk, shown) = (disk.display(), directory.display());
        let script = format!("mkfs.{fs_type} -q {disk}; mount -o loop {disk} {shown}");
        in_directory(&env.path(""), &script).unwrap();
        Store {
            fs_type,
            directory,
            was_full: AtomicBool::new(false),
            fills: AtomicUsize::new(0),
        }
    }

    fn ballast(&self) -> PathBuf {
        self.directory.join("ballast")
    }

    /// Leaves so many bytes free.
    pub fn fill(&self, leaving: u64) {
        self.was_full.store(true, SeqCst);
        self.fills.fetch_add(1, SeqCst);
        let mut options = fs::File::options();
        let file = options.create(true).append(true).open(self.ballast());
        let Ok(file) = file else { return };
        let mut step: i64 = 64 << 20;
        while step >= 1 << 12 {
            let space = statvfs(&self.directory).unwrap();
            // On a full disk it may be less than nothing.
            let free = space.blocks_available().checked_mul(space.fragment_size());
            let free = free.unwrap_or(0);
            let length = i64::try_from(file.metadata().unwrap().len()).unwrap();
            let fits = free.saturating_sub(leaving) >= u64::try_from(step).unwrap();
            if !fits || fallocate(&file, FallocateFlags::empty(), length, step).is_err() {
                step /= 2;
            }
        }
    }

    pub fn empty(&self) {
        let _ = fs::remove_file(self.ballast());
    }

    /// Whether something may have been refused for want of space, or broken by it.
    pub fn was_full(&self) -> bool {
        self.was_full.load(SeqCst)
    }

    /// From now on, there is no such excuse.
    pub fn is_sound(&self) {
        self.was_full.store(false, SeqCst);
    }
}
