//! The command lines under which mount(8) and umount(8) call their helpers (mount(8), EXTERNAL HELPERS).

use std::path::PathBuf;

use clap::Parser;

/// Mount a volume at a directory, for mount(8)
#[derive(Debug, Parser)]
#[command(name = "mount.dvdcli", version)]
pub struct MountHelper {
    /// The volume: DRIVER/VOLUME, or VOLUME of the configured driver
    pub spec: String,
    /// The directory where it appears
    pub dir: PathBuf,
    /// Mount options, and options of the volume
    #[arg(short = 'o', value_name = "OPTIONS")]
    pub options: Vec<String>,
    /// Pass over words that are no mount options
    #[arg(short = 's')]
    pub sloppy: bool,
    /// Check everything, and mount nothing
    #[arg(short = 'f')]
    pub fake: bool,
    /// Do not tell umount(8) that it has to call dvdcli
    #[arg(short = 'n')]
    pub no_mtab: bool,
    /// Show each step, request and answer on stderr
    #[arg(short = 'v')]
    pub verbose: bool,
}

/// Unmount a volume from a directory, for umount(8)
#[derive(Debug, Parser)]
#[command(name = "umount.dvdcli", version)]
pub struct UmountHelper {
    /// The directory where it appears
    pub dir: PathBuf,
    /// Detach a busy mount now, and let the kernel clean up when it is free
    #[arg(short = 'l')]
    pub lazy: bool,
    /// Accepted; other holders keep the volume all the same
    #[arg(short = 'f')]
    pub force: bool,
    /// Accepted; what was told to umount(8) is taken back
    #[arg(short = 'n')]
    pub no_mtab: bool,
    /// Show each step, request and answer on stderr
    #[arg(short = 'v')]
    pub verbose: bool,
}
