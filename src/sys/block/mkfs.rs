//! The file systems that can be made, and the programs that make them.

use std::fs::File;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::sys::block::{loopdev, signature};
use crate::sys::mount::mount;
use crate::sys::process::child;

/// A program and its arguments, before the file's.
type Program = (&'static str, &'static [&'static str]);

/// A file system, and how it is made and made unlike its original.
#[derive(Debug)]
pub struct FileSystem {
    pub name: &'static str,
    /// The Debian package that its programs are in.
    pub package: &'static str,
    /// What it cannot do with less than, in bytes.
    pub least: u64,
    make: Program,
    /// How a copy is settled whose original was mounted, so that its UUID can be changed.
    replay: Replay,
    /// Gives it a UUID of its own.
    renew: Program,
}

#[derive(Debug)]
enum Replay {
    /// By a program.
    By(Program),
    /// By the kernel, with these mount options.
    ByMounting(&'static [&'static str]),
    /// What changes the UUID leaves the log to the next mount.
    NotNeeded,
}

/// What a program takes as the name of its standard input. A path would do as well, but not be safe: a program that
/// outlives us would find the next attempt's file there, and format that.
const STANDARD_INPUT: &str = "/proc/self/fd/0";

/// No `discard`: a new file is empty, and `volumeType=thick` is to stay allocated.
///
/// ext4 leaves its tables to be zeroed when they are used, which a sparse file's are already, and reserves no room for a
/// larger table of groups: made in half the time, and 100 GiB takes 2 MiB of disk, not 517. It can be grown all the same
/// (by meta_bg). A checksum seed of its own makes a new UUID cheap. btrfs gets one by `-m`, which writes the superblocks only.
pub const FILE_SYSTEMS: &[FileSystem] = &[
    FileSystem {
        name: "ext4",
        package: "e2fsprogs",
        least: 4 << 20,
        make: (
            "mkfs.ext4",
            &[
                "-q",
                "-O",
                "metadata_csum_seed,^resize_inode",
                "-E",
                "nodiscard,lazy_itable_init=1,lazy_journal_init=1",
            ],
        ),
        replay: Replay::By(("e2fsck", &["-p", "-E", "journal_only"])),
        renew: ("tune2fs", &["-U", "random"]),
    },
    FileSystem {
        name: "xfs",
        package: "xfsprogs",
        least: 300 << 20,
        make: ("mkfs.xfs", &["-q", "-K"]),
        replay: Replay::ByMounting(&["nouuid"]),
        renew: ("xfs_admin", &["-U", "generate"]),
    },
    FileSystem {
        name: "btrfs",
        package: "btrfs-progs",
        least: 114_294_784,
        make: ("mkfs.btrfs", &["-q", "--nodiscard"]),
        replay: Replay::NotNeeded,
        renew: ("btrfstune", &["-m"]),
    },
];

/// The file system of this name, in any case.
pub fn named(name: &str) -> Option<&'static FileSystem> {
    FILE_SYSTEMS
        .iter()
        .find(|fs| fs.name.eq_ignore_ascii_case(name))
}

/// Makes a file system on a file that holds none.
pub fn make(fs: &FileSystem, file: &File, ends: Instant) -> Result<()> {
    // The programs ask a terminal before they overwrite something; without one, mkfs.ext4 just does.
    if let Some(found) = signature::of(file).context("looking for a file system")? {
        bail!("it holds {found} already");
    }
    run(fs, &fs.make, file, ends)
}

/// Gives the copy of a file system a UUID of its own, so that both can be mounted at once.
pub fn renew_uuid(fs: &FileSystem, file: &File, ends: Instant) -> Result<()> {
    match &fs.replay {
        Replay::By(program) => run(fs, program, file, ends)?,
        Replay::ByMounting(flags) => {
            let device = loopdev::attach(file, ends)?;
            mount::replay_journal(&device.path(), fs.name, flags)?;
        }
        Replay::NotNeeded => {}
    }
    run(fs, &fs.renew, file, ends)
}

fn run(fs: &FileSystem, (program, arguments): &Program, file: &File, ends: Instant) -> Result<()> {
    let Some(path) = child::find(program) else {
        bail!(
            "{program} is not installed; install the Debian package {}",
            fs.package
        );
    };
    let arguments: Vec<&str> = arguments.iter().copied().chain([STANDARD_INPUT]).collect();
    child::run(&path, &arguments, Some(file), ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_holds_data_is_not_formatted() {
        use std::os::unix::fs::FileExt;
        let file = tempfile::tempfile().expect("a temporary file");
        file.write_all_at(b"XFSB", 0).expect("a signature");
        let fs = named("EXT4").expect("a file system");
        let error = make(fs, &file, Instant::now() + Duration::from_secs(9)).expect_err("refused");
        assert_eq!(error.to_string(), "it holds xfs already");
    }
}
