//! The file systems that can be made on a file, and the programs that make them.

use std::fs::File;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::sys::block::{btrfs, loop_device, signature};
use crate::sys::mount::journal;
use crate::sys::process::child;

/// A program and its arguments, which the file's name follows.
pub type Program = (&'static str, &'static [&'static str]);

/// A file system, and the programs that make it and that make its copy differ from the original.
#[derive(Debug)]
pub struct FileSystem {
    pub name: &'static str,
    /// The Debian package with its programs.
    pub package: &'static str,
    /// The smallest size that it can have, in bytes.
    pub least: u64,
    /// The smallest size to which one that exists can grow.
    pub least_grown: u64,
    /// About the most that it takes for itself when it is made, in bytes: so many, and a part of its length up to a limit.
    overhead: Overhead,
    make: Program,
    /// Further arguments for a file of [`LARGE`] bytes or more, so that its blocks suit direct I/O everywhere. In a smaller one, the
    /// journal would take too much.
    large: &'static [&'static str],
    /// Further arguments for a file whose space is taken when it is written.
    thin: &'static [&'static str],
    /// Further arguments for a file whose space is allocated. The kernel must not make holes in it later, as it does to zero tables.
    thick: &'static [&'static str],
    /// How the journal of a copy is replayed. If the original was mounted, its UUID cannot be changed before.
    replay: Replay,
    /// Gives it a new UUID.
    renew: Renew,
    /// The mount option with which a read-only mount leaves out replaying the journal.
    pub unreplayed: &'static str,
    /// What checks and repairs it while it is not mounted; the file's name follows.
    pub check: Program,
    /// What grows it while it is not mounted, where the kernel grows it only for CAP_SYS_RESOURCE.
    grow: Option<Program>,
}

#[derive(Debug)]
struct Overhead {
    fixed: u64,
    /// As a power of two: 16 stands for a part in 65536.
    part: u32,
    part_at_most: u64,
}

impl FileSystem {
    /// The programs without which it cannot be made, copied or checked.
    pub fn programs(&self) -> impl Iterator<Item = &'static str> {
        let replay = match &self.replay {
            Replay::By((program, _)) => Some(*program),
            Replay::ByMounting(_) | Replay::Later => None,
        };
        let renew = match &self.renew {
            Renew::By((program, _)) => Some(*program),
            Renew::Btrfs => None,
        };
        let check = (replay != Some(self.check.0)).then_some(self.check.0);
        [Some(self.make.0), replay, renew, check]
            .into_iter()
            .flatten()
    }

    /// The program without which one that the kernel does not grow cannot grow.
    pub fn growing_program(&self) -> impl Iterator<Item = &'static str> {
        self.grow.iter().map(|(program, _)| *program)
    }

    /// About the most that a file system of this length takes when it is made, in bytes.
    pub fn overhead(&self, length: u64) -> u64 {
        let Overhead {
            fixed,
            part,
            part_at_most,
        } = self.overhead;
        let most = fixed + (length >> part).min(part_at_most);
        most.min(length)
    }
}

#[derive(Debug)]
enum Renew {
    By(Program),
    /// By writing the superblocks of btrfs.
    Btrfs,
}

#[derive(Debug)]
enum Replay {
    /// By a program.
    By(Program),
    /// By mounting it, with these options.
    ByMounting(&'static [&'static str]),
    /// By mounting it when its UUID was changed, which is possible all the same.
    Later,
}

/// From which length on a file system gets blocks of 4096 bytes.
const LARGE: u64 = 16 << 20;

/// The path by which a program opens its standard input, which is the file. The file's own path would not be safe: a
/// program that outlives dvdcli would find the file of the next attempt there, and format it.
const STANDARD_INPUT: &str = "/proc/self/fd/0";

/// The file systems that can be made.
///
/// None is made with discard: a new file is empty, and `volumeType=thick` has to stay allocated.
///
/// A thin ext4 does not zero its tables, which are zeroes in a sparse file, and reserves no space for a larger table of groups.
/// So it is made in half the time, and 100 GiB take 2 MiB of disk, not 517. It can grow all the same (meta_bg). With
/// `metadata_csum_seed`, a new UUID does not change all checksums.
pub const FILE_SYSTEMS: &[FileSystem] = &[
    FileSystem {
        name: "ext4",
        package: "e2fsprogs",
        least: 4 << 20,
        least_grown: 0,
        // Bitmaps and descriptors of groups. The journal is written later.
        overhead: Overhead {
            fixed: 256 << 10,
            part: 16,
            part_at_most: u64::MAX,
        },
        make: (
            "mkfs.ext4",
            &["-q", "-O", "metadata_csum_seed,^resize_inode"],
        ),
        large: &["-b", "4096"],
        thin: &["-E", "nodiscard,lazy_itable_init=1,lazy_journal_init=1"],
        thick: &["-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"],
        replay: Replay::By(("e2fsck", &["-p", "-E", "journal_only"])),
        renew: Renew::By(("tune2fs", &["-U", "random"])),
        unreplayed: "noload",
        check: ("e2fsck", &["-f"]),
        grow: Some(("resize2fs", &[])),
    },
    FileSystem {
        name: "xfs",
        package: "xfsprogs",
        least: 300 << 20,
        least_grown: 0,
        // The log, which is written at once.
        overhead: Overhead {
            fixed: 68 << 20,
            part: 11,
            part_at_most: 2 << 30,
        },
        make: ("mkfs.xfs", &["-q", "-K", "-s", "size=4096"]),
        large: &[],
        thin: &[],
        thick: &[],
        replay: Replay::ByMounting(&["nouuid"]),
        renew: Renew::By(("xfs_admin", &["-U", "generate"])),
        unreplayed: "norecovery",
        check: ("xfs_repair", &[]),
        grow: None,
    },
    FileSystem {
        name: "btrfs",
        package: "btrfs-progs",
        least: 114_294_784,
        least_grown: 256 << 20,
        overhead: Overhead {
            fixed: 8 << 20,
            part: 0,
            part_at_most: 0,
        },
        make: ("mkfs.btrfs", &["-q", "--nodiscard"]),
        large: &[],
        thin: &[],
        thick: &[],
        replay: Replay::Later,
        renew: Renew::Btrfs,
        unreplayed: "rescue=nologreplay",
        check: ("btrfs", &["check", "--repair"]),
        grow: None,
    },
];

/// The file system of this name, in upper or lower case.
pub fn named(name: &str) -> Option<&'static FileSystem> {
    FILE_SYSTEMS
        .iter()
        .find(|fs| fs.name.eq_ignore_ascii_case(name))
}

/// Makes a file system on a file.
///
/// # Errors
///
/// The file holds a file system already, or something else that is known. A program is missing, fails or takes too long.
pub fn make(fs: &FileSystem, file: &File, thick: bool, ends: Instant) -> Result<()> {
    // The programs ask before they overwrite something, but without a terminal mkfs.ext4 does not.
    if let Some(found) = signature::of(file).context("looking for a file system")? {
        bail!("it holds {found} already");
    }
    let length = file.metadata().context("reading its length")?.len();
    let by_length = if length >= LARGE { fs.large } else { &[] };
    let by_space = if thick { fs.thick } else { fs.thin };
    run(fs, &fs.make, &[by_length, by_space].concat(), file, ends)?;
    let found = signature::of(file).context("looking for the file system")?;
    // Its configuration may have it make an older ext.
    let is_made = found.is_some_and(|found| found == fs.name || named_like_ext(found, fs.name));
    if !is_made {
        bail!("{} has ended well, but has made no {}", fs.make.0, fs.name);
    }
    Ok(())
}

fn named_like_ext(found: &str, wanted: &str) -> bool {
    found.starts_with("ext") && wanted.starts_with("ext")
}

/// Gives the copy of a file system a new UUID, so that it can be mounted while the original is mounted.
///
/// # Errors
///
/// A program is missing, fails or takes too long, or has changed nothing: on a full disk, xfs_admin(8) says nothing of that.
pub fn renew_uuid(fs: &FileSystem, file: &File, ends: Instant) -> Result<()> {
    let mount = |flags| {
        let device = loop_device::attach(file, false, ends)?;
        journal::replay(&device.path(), fs.name, flags)
    };
    match &fs.replay {
        Replay::By(program) => run(fs, program, &[], file, ends)?,
        Replay::ByMounting(flags) => mount(flags)?,
        Replay::Later => {}
    }
    match &fs.renew {
        Renew::By(program) => {
            let uuid = || signature::uuid(file).context("reading its UUID");
            let before = uuid()?;
            run(fs, program, &[], file, ends)?;
            if before == uuid()? {
                bail!("{} has ended well, but has made no new UUID", program.0);
            }
        }
        Renew::Btrfs => {
            let uuid = btrfs::random_uuid().context("making a UUID")?;
            btrfs::set_uuid(file, uuid)?;
        }
    }
    // Its journal has the old UUID where the program could write the superblock only.
    let is_to_be_tried = matches!(fs.replay, Replay::ByMounting(_));
    if is_to_be_tried || btrfs::has_log(file).context("reading its superblock")? {
        mount(&[])?;
    }
    Ok(())
}

/// Grows a file system that is not mounted to the length of its file. Only ext4 is grown so; the kernel grows the others.
///
/// # Errors
///
/// It is damaged, or a program is missing, fails or takes too long.
pub fn grow(fs: &FileSystem, file: &File, ends: Instant) -> Result<()> {
    let Some(program) = &fs.grow else {
        bail!("only the kernel can grow {}", fs.name);
    };
    run(fs, &("e2fsck", &["-f", "-p"]), &[], file, ends)?;
    run(fs, program, &[], file, ends)
}

fn run(
    fs: &FileSystem,
    (program, arguments): &Program,
    further: &[&str],
    file: &File,
    ends: Instant,
) -> Result<()> {
    let path = child::find(program, fs.package)?;
    let arguments: Vec<&str> = arguments
        .iter()
        .chain(further)
        .copied()
        .chain([STANDARD_INPUT])
        .collect();
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
        let error =
            make(fs, &file, false, Instant::now() + Duration::from_secs(9)).expect_err("refused");
        assert_eq!(error.to_string(), "it holds xfs already");
    }
}
