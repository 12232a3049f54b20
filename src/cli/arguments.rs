//! The arguments of each verb, and the groups of flags that several verbs share.
//!
//! The structs have no doc comments, because clap would print one in place of the verb's own help.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::builder::{
    NonEmptyStringValueParser, PossibleValue, PossibleValuesParser, TypedValueParser,
};
use clap::{Args, ValueEnum};

use crate::base::duration::{parse_duration, parse_time_limit};
use crate::base::option_list;
use crate::base::options::{Gathered, Options};
use crate::base::size;
use crate::cli::format::{Format, FormatParser};
use crate::cli::option_files;
use crate::invocation::Limits;
use crate::invocation::log::Log;

// The flags that every verb takes, before or after the verb.
#[derive(Debug, Args)]
pub struct Common {
    /// The driver: a plugin's name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]
    #[arg(short = 'd', long, visible_alias = "driver", value_name = "DRIVER", value_parser = NonEmptyStringValueParser::new())]
    pub volumedriver: Option<String>,
    /// The volume
    #[arg(short = 'n', long, visible_alias = "name", value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub volumename: Option<String>,
    /// How long the whole command may take [default: 110s; 590s for unmount]
    #[arg(long, value_name = "TIME", env = if_not_empty("DVDCLI_TIMEOUT"), hide_env_values = true, value_parser = parse_time_limit)]
    pub timeout: Option<Duration>,
    /// How long to wait for a plugin that is not there yet [default: 15s]
    #[arg(long, value_name = "TIME", env = if_not_empty("DVDCLI_WAIT"), hide_env_values = true, value_parser = parse_duration)]
    pub wait: Option<Duration>,
    /// The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]
    #[arg(
        long,
        value_name = "FILE",
        env = if_not_empty("DVDCLI_CONFIG"),
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,
    /// Show each step, request and answer on stderr, secrets masked
    #[arg(long)]
    pub verbose: bool,
}

impl Common {
    /// The times that are asked for; `default_timeout` is the verb's own.
    pub fn limits(&self, default_timeout: Duration) -> Limits {
        Limits {
            timeout: self.timeout,
            default_timeout,
            wait: self.wait,
        }
    }
}

// A volume's options, as they were typed.
#[derive(Debug, Args)]
pub struct VolumeOptions {
    /// Options of the volume, KEY=VALUE; a comma starts the next one where KEY= follows
    #[arg(long, value_name = "KEY=VALUE[,KEY=VALUE]")]
    pub volumeopts: Vec<String>,
    /// An option of the volume, KEY=VALUE or KEY alone, never split at commas; KEY=@FILE reads it from a file that only its
    /// owner can read (@@ is an @)
    #[arg(short = 'o', long, value_name = "KEY=VALUE")]
    pub opt: Vec<String>,
    /// A file with options of the volume, KEY=VALUE on each line, that only its owner can read; - is stdin
    #[arg(long, value_name = "FILE")]
    pub opts_file: Vec<PathBuf>,
}

impl VolumeOptions {
    /// The options in their order: those of `--volumeopts`, of files, of `--opt`. `log` gets the warnings, and learns the secrets
    /// that files hold. stdin is read until `ends`.
    ///
    /// # Errors
    ///
    /// Wrong usage, as [`option_list::add`], [`option_files::add`] and [`option_files::add_all`] have it.
    pub fn parse(&self, log: &mut Log, ends: Instant) -> Result<Options> {
        let mut gathered = Gathered::default();
        for list in &self.volumeopts {
            option_list::add(&mut gathered, "--volumeopts", list)?;
        }
        for file in &self.opts_file {
            option_files::add_all(&mut gathered, file, ends)?;
        }
        for option in &self.opt {
            if let Some(secret) = option_files::add(&mut gathered, "--opt", option)? {
                log.secrets = std::mem::take(&mut log.secrets).and(secret);
            }
        }
        gathered.warnings.iter().for_each(|it| log.warn(it));
        Ok(gathered.options)
    }
}

// The labels of a volume that is created.
#[derive(Debug, Args)]
pub struct LabelArgs {
    /// A label of a new volume, KEY=VALUE (built-in drivers only)
    #[arg(long, value_name = "KEY=VALUE")]
    pub label: Vec<String>,
}

// Whether `mount` and `run` create a volume that is absent.
#[derive(Debug, Args)]
pub struct CreationArgs {
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
        hide_possible_values = true,
        value_parser = go_boolean()
    )]
    pub explicitcreate: bool,
}

// Who holds a mounted volume.
#[derive(Debug, Args)]
pub struct HolderArgs {
    /// The holder; without it the anonymous one, or with --target that path
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub id: Option<String>,
    /// A directory where the volume appears as well
    #[arg(long, value_name = "PATH")]
    pub target: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct CreateArgs {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub options: VolumeOptions,
    #[command(flatten)]
    pub labels: LabelArgs,
    /// Fail where the volume exists with other options, instead of warning
    #[arg(long)]
    pub strict: bool,
}

#[derive(Debug, Args)]
pub struct MountArgs {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub options: VolumeOptions,
    #[command(flatten)]
    pub labels: LabelArgs,
    #[command(flatten)]
    pub creation: CreationArgs,
    #[command(flatten)]
    pub holder: HolderArgs,
    /// Make it read-only: the view at --target, or the mount of a built-in driver
    #[arg(long)]
    pub read_only: bool,
    /// Mount the volumes that DVDI_VOLUME_NAME, DVDI_VOLUME_DRIVER and so on describe
    #[arg(
        long,
        conflicts_with_all = ["volumedriver", "volumename", "volumeopts", "opt", "opts_file", "label", "target", "explicitcreate", "read_only"]
    )]
    pub from_env: bool,
    /// With --from-env: give volumes owner and mode of their container paths again, even if they are another's
    // clap asks for no flag that is in conflict with another one: see the verb.
    #[arg(long)]
    pub chown: bool,
}

#[derive(Debug, Args)]
pub struct UnmountArgs {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub holder: HolderArgs,
    /// Release it for every holder; unmount what nobody here holds, or without its driver
    #[arg(long)]
    pub force: bool,
    /// Detach a busy mount now, and let the kernel clean up when it is free (plugins cannot do so), and what is mounted over it
    #[arg(long)]
    pub lazy: bool,
    /// Unmount the volumes that DVDI_VOLUME_NAME, DVDI_VOLUME_DRIVER and so on describe
    #[arg(long, conflicts_with_all = ["volumedriver", "volumename", "target"])]
    pub from_env: bool,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub options: VolumeOptions,
    #[command(flatten)]
    pub labels: LabelArgs,
    #[command(flatten)]
    pub creation: CreationArgs,
    // Not `HolderArgs`: a run is a holder of its own, and both flags mean something else here.
    /// What the run is called among the holders
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub id: Option<String>,
    /// A directory where the volume appears as well, and the path that the command gets
    #[arg(long, value_name = "PATH")]
    pub target: Option<PathBuf>,
    /// Make it read-only: the view at --target, or the mount of a built-in driver
    #[arg(long)]
    pub read_only: bool,
    /// Give the command a throw-away copy of the volume, which is removed when it ends (driver loop)
    #[arg(long, conflicts_with_all = ["volumeopts", "opt", "opts_file", "label", "explicitcreate"])]
    pub clone: bool,
    /// The command and its arguments, after --
    #[arg(last = true, required = true, num_args = 1.., value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub struct RemoveArgs {
    #[command(flatten)]
    pub common: Common,
    /// Let a volume that does not exist be no error
    #[arg(long)]
    pub force: bool,
}

#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Show what each was given, takes on the disk, and has used and free inside; and what all take together
    #[arg(long)]
    pub size: bool,
    /// How to print them: names, table, json, or a template such as '{{.Name}} {{.Mountpoint}}' [default: names for one
    /// driver, else a table]
    #[arg(long, value_parser = FormatParser, hide_possible_values = true)]
    pub format: Option<Format>,
}

// Which volumes are meant.
#[derive(Debug, Args)]
pub struct FilterArgs {
    /// Only volumes with label=KEY[=VALUE], name=PART, driver=NAME, held=yes|no or dangling=true|false
    #[arg(short = 'f', long, value_name = "KEY=VALUE")]
    pub filter: Vec<String>,
}

#[derive(Debug, Args)]
pub struct ResizeArgs {
    #[command(flatten)]
    pub common: Common,
    /// The size that it is to have: 20 (GiB), 500MiB, 1.5T
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub size: u64,
}

#[derive(Debug, Args)]
pub struct SnapshotArgs {
    #[command(flatten)]
    pub common: Common,
    /// What to do
    pub action: SnapshotAction,
    /// The snapshot
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub snapshotname: Option<String>,
    /// How to list them: table, names, json, or a template such as '{{.ID}}'
    #[arg(long, value_parser = FormatParser, hide_possible_values = true, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SnapshotAction {
    /// Keep what the volume holds at this moment
    Create,
    /// List the snapshots of a volume, or of all
    #[value(alias = "ls")]
    List,
    /// Remove a snapshot
    #[value(alias = "rm")]
    Remove,
    /// Let the volume hold again what it held then
    Restore,
}

#[derive(Debug, Args)]
pub struct PruneArgs {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Show what would be removed, and remove nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask first
    #[arg(short = 'y', long)]
    pub yes: bool,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    #[command(flatten)]
    pub common: Common,
    /// The file to write, which gets its name when it is complete; - is stdout [default: stdout]
    #[arg(short = 'O', long, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct ImportArgs {
    #[command(flatten)]
    pub common: Common,
    /// The archive to read; - is stdin [default: stdin]
    pub file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct InspectArgs {
    #[command(flatten)]
    pub common: Common,
    /// How to print it: json, names, table, or a template such as '{{.Mountpoint}}'
    #[arg(short = 'f', long, value_parser = FormatParser, hide_possible_values = true, default_value = "json")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct DriversArgs {
    #[command(flatten)]
    pub common: Common,
    /// How to print them: table, json, names, or a template such as '{{.Name}} {{.Address}}'
    #[arg(long, value_parser = FormatParser, hide_possible_values = true, default_value = "table")]
    pub format: Format,
}

#[derive(Debug, Args)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub common: Common,
    /// Repair what can be repaired without any risk, and say so
    #[arg(long)]
    pub fix: bool,
    /// How to print it: table, json, names, or a template such as '{{.Subject}}: {{.Problem}}' [default: a line for each]
    #[arg(long, value_parser = FormatParser, hide_possible_values = true)]
    pub format: Option<Format>,
}

#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    pub common: Common,
    /// Where to listen: unix:///PATH or tcp://HOST:PORT; may be repeated [default: the driver's socket in /run/docker/plugins,
    /// unless systemd hands one over]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Vec<String>,
    /// The certificate that is shown on TCP, in PEM form
    #[arg(long, value_name = "FILE", requires_all = ["tls_key", "tls_client_ca"])]
    pub tls_cert: Option<String>,
    /// Its private key
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<String>,
    /// The authority that the certificates of clients on TCP come from
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<String>,
}

/// The name of a variable that may stand in place of a flag, unless its value is empty: that means the same as if it were not
/// set, as in shells.
pub fn if_not_empty(variable: &'static str) -> Option<&'static str> {
    let is_empty = env::var_os(variable).is_some_and(|value| value.is_empty());
    (!is_empty).then_some(variable)
}

/// Reads a truth value in all the forms that the Go program of this name took (strconv.ParseBool).
fn go_boolean() -> impl TypedValueParser<Value = bool> {
    let forms = [
        PossibleValue::new("true").aliases(["1", "t", "T", "TRUE", "True"]),
        PossibleValue::new("false").aliases(["0", "f", "F", "FALSE", "False"]),
    ];
    PossibleValuesParser::new(forms).map(|text| text.starts_with(['1', 't', 'T']))
}
