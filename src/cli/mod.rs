//! The command line: clap's types only. Their doc comments are the help, the man page and the completions.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::{generate, shells};

use crate::base::duration::parse_duration;
use crate::cli::verb_first::verb_first;

pub mod helper;
pub mod man;
pub mod table;
mod verb_first;

/// Volumes for hosts without Docker
///
/// Creates, mounts, unmounts, lists and removes the volumes of any Docker volume plugin, without the Docker daemon.
/// Prints the answer to stdout, and nothing else there.
#[derive(Debug, Parser)]
#[command(
    name = "dvdcli",
    version,
    arg_required_else_help = false,
    subcommand_required = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Verb {
    /// Create a volume
    ///
    /// A volume that exists already is fine; where its options are others, or the driver cannot tell, a warning says so.
    Create {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: VolumeOptions,
        /// Fail where the volume exists with other options, instead of warning
        #[arg(long)]
        strict: bool,
    },
    /// Mount a volume and print its path
    ///
    /// Creates the volume first where it is known to be absent. A volume is mounted once per host, and held by each ID
    /// that has mounted it until that ID unmounts it.
    ///
    /// With --from-env it mounts all volumes that the environment describes (TASK ENVIRONMENT in the man page), or
    /// none, and prints a path for each.
    Mount {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: VolumeOptions,
        #[command(flatten)]
        absent: Absent,
        #[command(flatten)]
        holder: Holder,
        /// Make it read-only: the view at --target, or the mount of a built-in driver
        #[arg(long)]
        read_only: bool,
        /// Mount the volumes that DVDI_VOLUME_NAME, DVDI_VOLUME_DRIVER and so on describe
        #[arg(
            long,
            conflicts_with_all = ["volumedriver", "volumename", "volumeopts", "opt", "target", "explicitcreate", "read_only"]
        )]
        from_env: bool,
    },
    /// Unmount a volume: release it, and unmount it when nobody holds it any more
    ///
    /// What is not mounted, or unknown to the driver, is no error: a warning says so.
    ///
    /// With --from-env it unmounts all volumes that the environment describes, and goes on where one fails.
    #[command(alias = "umount")]
    Unmount {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        holder: Holder,
        /// Release it for every holder
        #[arg(long)]
        force: bool,
        /// Detach a busy mount now, and let the kernel clean up when it is free
        #[arg(long)]
        lazy: bool,
        /// Unmount the volumes that DVDI_VOLUME_NAME, DVDI_VOLUME_DRIVER and so on describe
        #[arg(long, conflicts_with_all = ["volumedriver", "volumename", "target"])]
        from_env: bool,
    },
    /// Run a command with a volume mounted, and unmount it when the command ends
    ///
    /// Mounts as mount does, runs the command with the path in DVDCLI_MOUNTPOINT, passes signals on to it, and exits as it
    /// does. Each run is a holder of its own. The command may take any time: --timeout is for mounting, and again for
    /// unmounting [default: 110s, 590s].
    Run {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        options: VolumeOptions,
        #[command(flatten)]
        absent: Absent,
        /// What the run is called among the holders
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        id: Option<String>,
        /// A directory where the volume appears as well, and the path that the command gets
        #[arg(long, value_name = "PATH")]
        target: Option<PathBuf>,
        /// Make it read-only: the view at --target, or the mount of a built-in driver
        #[arg(long)]
        read_only: bool,
        /// The command and its arguments, after --
        #[arg(last = true, required = true, num_args = 1.., value_name = "COMMAND")]
        command: Vec<OsString>,
    },
    /// Remove a volume and its data, unless it is held or mounted
    #[command(alias = "rm")]
    Remove {
        #[command(flatten)]
        common: Common,
        /// Let a volume that does not exist be no error
        #[arg(long)]
        force: bool,
    },
    /// Print where a volume is mounted, or nothing where it is not
    Path {
        #[command(flatten)]
        common: Common,
    },
    /// Print a volume's name, if it exists
    Get {
        #[command(flatten)]
        common: Common,
    },
    /// List the volumes of one driver, or of all
    ///
    /// Without --volumedriver every driver is asked, side by side; one that does not answer is named on stderr, and the
    /// exit code is 1.
    #[command(alias = "ls")]
    List {
        #[command(flatten)]
        common: Common,
        /// How to print them: names for one driver, else a table, unless given
        #[arg(long, value_enum)]
        format: Option<ListFormat>,
    },
    /// Print all that is known of a volume, as a JSON array with Docker's keys
    Inspect {
        #[command(flatten)]
        common: Common,
        /// How to print it
        #[arg(long, value_enum, default_value_t = InspectFormat::Json)]
        format: InspectFormat,
    },
    /// Tell by the exit code whether a volume exists: 0 yes, 3 no, 1 cannot say
    Exists {
        #[command(flatten)]
        common: Common,
    },
    /// List every driver found, where it is, and whether it answers
    Drivers {
        #[command(flatten)]
        common: Common,
        /// How to print them
        #[arg(long, value_enum, default_value_t = DriversFormat::Table)]
        format: DriversFormat,
    },
    /// Print the version and how the program was built
    Version {
        #[command(flatten)]
        common: Common,
    },
    /// Print a shell's completion script
    Completions {
        #[command(flatten)]
        common: Common,
        /// The shell to complete for
        shell: Shell,
    },
    /// Print the man page
    Man {
        #[command(flatten)]
        common: Common,
    },
}

impl Verb {
    pub fn common(&self) -> &Common {
        match self {
            Verb::Create { common, .. }
            | Verb::Mount { common, .. }
            | Verb::Run { common, .. }
            | Verb::Unmount { common, .. }
            | Verb::Remove { common, .. }
            | Verb::Path { common }
            | Verb::Get { common }
            | Verb::List { common, .. }
            | Verb::Inspect { common, .. }
            | Verb::Exists { common }
            | Verb::Drivers { common, .. }
            | Verb::Version { common }
            | Verb::Completions { common, .. }
            | Verb::Man { common } => common,
        }
    }

    /// Whether the volumes are those that the environment describes.
    pub fn is_from_env(&self) -> bool {
        match self {
            Verb::Mount { from_env, .. } | Verb::Unmount { from_env, .. } => *from_env,
            _ => false,
        }
    }

    /// Empty for the verbs that take none.
    pub fn options(&self) -> VolumeOptions {
        match self {
            Verb::Create { options, .. }
            | Verb::Mount { options, .. }
            | Verb::Run { options, .. } => options.clone(),
            _ => VolumeOptions::default(),
        }
    }
}

// The flags that every verb takes, before or after the verb. (A doc comment here would replace the verb's own help.)
#[derive(Debug, Args)]
pub struct Common {
    /// The driver: a plugin's name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]
    #[arg(short = 'd', long, visible_alias = "driver", value_name = "DRIVER", value_parser = NonEmptyStringValueParser::new())]
    pub volumedriver: Option<String>,
    /// The volume
    #[arg(short = 'n', long, visible_alias = "name", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub volumename: Option<String>,
    /// How long the whole command may take [default: 110s; 590s for unmount]
    #[arg(long, value_name = "TIME", env = "DVDCLI_TIMEOUT", hide_env_values = true, value_parser = timeout)]
    pub timeout: Option<Duration>,
    /// How long to wait for a plugin that is not there yet [default: 15s]
    #[arg(long, value_name = "TIME", env = "DVDCLI_WAIT", hide_env_values = true, value_parser = parse_duration)]
    pub wait: Option<Duration>,
    /// The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]
    #[arg(
        long,
        value_name = "FILE",
        env = "DVDCLI_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// Show each step, request and answer on stderr, secrets masked
    #[arg(long)]
    pub verbose: bool,
}

// A volume's options, as they were typed; `crate::base::options::parse` reads them.
#[derive(Debug, Default, Clone, Args)]
pub struct VolumeOptions {
    /// Options of the volume, KEY=VALUE; a comma starts the next one where KEY= follows
    #[arg(long, value_name = "KEY=VALUE[,KEY=VALUE]")]
    pub volumeopts: Vec<String>,
    /// An option of the volume, KEY=VALUE, never split at commas
    #[arg(short = 'o', long, value_name = "KEY=VALUE")]
    pub opt: Vec<String>,
}

// What becomes of a volume that is absent.
#[derive(Debug, Args)]
pub struct Absent {
    /// Fail where the volume is absent, instead of creating it
    #[arg(
        long,
        visible_aliases = ["explicitCreate", "explicit-create"],
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub explicitcreate: bool,
}

// Who holds a mounted volume.
#[derive(Debug, Args)]
pub struct Holder {
    /// The holder; without it the anonymous one, or with --target that path
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub id: Option<String>,
    /// A directory where the volume appears as well
    #[arg(long, value_name = "PATH")]
    pub target: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    Names,
    Table,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InspectFormat {
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DriversFormat {
    Table,
    Json,
}

fn timeout(text: &str) -> anyhow::Result<Duration> {
    let timeout = parse_duration(text)?;
    if timeout.is_zero() {
        anyhow::bail!("it must be more than zero");
    }
    Ok(timeout)
}

impl Cli {
    /// Parses a command line whose flags may stand before the verb as well as after it.
    pub fn parse_from_args(args: Vec<OsString>) -> Result<Cli, Unparsed> {
        Ok(Cli::try_parse_from(verb_first(args))?)
    }
}

/// What comes of a command line that is not to be carried out.
pub enum Unparsed {
    /// `--help` or `--version`: the text for stdout.
    Answer(String),
    /// Wrong usage, in one line.
    Wrong(String),
}

impl From<clap::Error> for Unparsed {
    fn from(error: clap::Error) -> Unparsed {
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Unparsed::Answer(error.to_string())
            }
            _ => Unparsed::Wrong(one_line(&error)),
        }
    }
}

/// A usage error of clap's in one line, without the usage that `--help` shows.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
    let mut message = String::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let line = line.strip_prefix("error: ").unwrap_or(line);
        let (separator, line) = match line.strip_prefix("tip: ") {
            Some(tip) => ("; ", tip),
            None => (" ", line),
        };
        if !message.is_empty() {
            message.push_str(separator);
        }
        message.push_str(line);
    }
    message
}

/// A shell's completion script.
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    let command = &mut Cli::command();
    match shell {
        Shell::Bash => generate(shells::Bash, command, "dvdcli", &mut script),
        Shell::Zsh => generate(shells::Zsh, command, "dvdcli", &mut script),
        Shell::Fish => generate(shells::Fish, command, "dvdcli", &mut script),
    }
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_types_are_sound() {
        let mut command = Cli::command();
        command.build();
        command.debug_assert();
    }
}
