//! The command lines with which mount(8) and umount(8) call `mount.dvdcli` and `umount.dvdcli` (mount(8), EXTERNAL HELPERS).

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser};

use crate::base::duration::parse_duration;
use crate::base::duration::parse_time_limit;
use crate::cli::arguments::if_not_empty;
use crate::cli::usage::Unparsed;
use crate::invocation::Limits;

/// Parses the command line of this process.
///
/// # Errors
///
/// The text to print for `--help` and `--version`; one line for wrong usage.
pub fn parse<A: Parser>() -> Result<A, Unparsed> {
    Ok(A::try_parse()?)
}

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
    /// Check what can be checked without asking a plugin, and mount nothing
    #[arg(short = 'f')]
    pub fake: bool,
    /// Do not tell umount(8) that it has to call dvdcli
    #[arg(short = 'n')]
    pub no_mtab: bool,
    #[command(flatten)]
    pub common: HelperCommon,
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
    /// Accepted; what is busy stays as it is
    #[arg(short = 'r')]
    pub read_only: bool,
    #[command(flatten)]
    pub common: HelperCommon,
}

/// What both take. The times and the file come from variables only, because mount(8) would not pass their flags on.
#[derive(Debug, Args)]
pub struct HelperCommon {
    /// The type as it was given or found; after a dot, the driver of a volume without one
    #[arg(short = 't', value_name = "TYPE")]
    pub fs_type: Option<String>,
    /// Refused: run it in that mount namespace instead
    #[arg(short = 'N', value_name = "NAMESPACE")]
    pub namespace: Option<PathBuf>,
    /// Show each step, request and answer on stderr
    #[arg(short = 'v')]
    pub verbose: bool,
    #[arg(long, hide = true, env = if_not_empty("DVDCLI_TIMEOUT"), value_parser = parse_time_limit)]
    pub timeout: Option<Duration>,
    #[arg(long, hide = true, env = if_not_empty("DVDCLI_WAIT"), value_parser = parse_duration)]
    pub wait: Option<Duration>,
    #[arg(long, hide = true, env = if_not_empty("DVDCLI_CONFIG"))]
    pub config: Option<PathBuf>,
}

impl HelperCommon {
    /// The times that are asked for; `default_timeout` is that of mounting or of unmounting.
    pub fn limits(&self, default_timeout: Duration) -> Limits {
        Limits {
            timeout: self.timeout,
            default_timeout,
            wait: self.wait,
        }
    }
}
