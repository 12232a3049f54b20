//! The command line: the verbs and their arguments, the texts made from them (help, man page, completions), and stdout.
//!
//! Only this room knows clap. The doc comments of the verbs and arguments are the help, the man page and the completions.

use std::ffi::OsString;

use clap::{CommandFactory, Parser};

use crate::cli::usage::Unparsed;
use crate::cli::verbs::Verb;

pub mod arguments;
mod bash_line;
pub mod completions;
pub mod filter;
pub mod format;
mod go_template;
pub mod keys;
pub mod man;
pub mod mount_helper;
mod option_files;
pub mod progress;
pub mod question;
pub mod shells;
pub mod stdout;
pub mod table;
mod template;
pub mod usage;
pub mod verbs;
mod words;

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

impl Cli {
    /// Parses a command line, whose first word is the program's name. Returns what its caller has to be told as well.
    ///
    /// # Errors
    ///
    /// The text to print for `--help` and `--version`; one line for wrong usage.
    pub fn parse_from_args(args: Vec<OsString>) -> Result<(Cli, Vec<String>), Unparsed> {
        match Cli::try_parse_from(&args).map_err(Unparsed::from) {
            Ok(cli) => Ok((cli, Vec::new())),
            Err(Unparsed::Answer(text)) => Err(Unparsed::Answer(text)),
            // What clap takes, it takes as the Go program did. Only what it refuses is put into its form, for which the flags of
            // every verb have to be known: that takes time.
            Err(Unparsed::Wrong(_)) => {
                let words = words::for_clap(args, Cli::command());
                Ok((Cli::try_parse_from(words.args)?, words.warnings))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use anyhow::bail;

    use super::*;
    use crate::base::failure::ErrorKind;
    use crate::base::options::Options;
    use crate::base::text::chain;
    use crate::invocation::log::Log;

    fn parse(line: &str) -> Result<Cli, Unparsed> {
        let words = ["dvdcli"].into_iter().chain(line.split(' '));
        Cli::parse_from_args(words.map(OsString::from).collect()).map(|(cli, _)| cli)
    }

    #[test]
    fn the_types_are_sound() {
        let mut command = Cli::command();
        command.build();
        command.debug_assert();
    }

    /// Command lines, and what is said of them.
    const WRONG: &[(&str, &str)] = &[
        (
            "mount -d fake -n db --volumenam=x",
            "unexpected argument '--volumenam' found; a similar argument exists: '--volumename'",
        ),
        (
            "mount -d fake -n db more",
            "unexpected argument 'more' found",
        ),
        (
            "unmount -d fake -n db --explicitcreate",
            "unexpected argument '--explicitcreate' found",
        ),
        (
            "mount -d fake --volumename",
            "a value is required for '--volumename <NAME>' but none was supplied",
        ),
        (
            "mount --volumedriver= -n db",
            "a value is required for '--volumedriver <DRIVER>' but none was supplied",
        ),
        (
            "mount -d fake -n db --id=",
            "a value is required for '--id <ID>' but none was supplied",
        ),
        (
            "mount -d fake -n db --timeout=-5s",
            "invalid value '-5s' for '--timeout <TIME>': '-5s' is no duration such as 90s, 2m or 500ms",
        ),
        (
            "mount -d fake -n db --timeout=0",
            "invalid value '0' for '--timeout <TIME>': it must be more than zero",
        ),
        (
            "mount -d fake -n db --wait=never",
            "invalid value 'never' for '--wait <TIME>': 'never' is no duration such as 90s, 2m or 500ms",
        ),
        (
            "inspect -d fake -n db --format=yaml",
            "invalid value 'yaml' for '--format <FORMAT>': it is names, table, json, or a template such as '{{.Name}}'",
        ),
        (
            "list --format={{.Name",
            "invalid value '{{.Name' for '--format <FORMAT>': the template is wrong: '{{' without '}}'",
        ),
        (
            "completions cmd",
            "invalid value 'cmd' for '<SHELL>' [possible values: bash, zsh, fish]",
        ),
    ];

    #[test]
    fn wrong_usage_is_one_line() {
        for (line, text) in WRONG {
            let said = match parse(line) {
                Err(Unparsed::Wrong(said)) => said,
                other => format!("{other:?}"),
            };
            assert_eq!(said, *text, "{line}");
        }
    }

    /// Command lines whose volume's options are wrong, and what is said of them.
    const WRONG_OPTIONS: &[(&str, &str)] = &[
        (
            "mount -d fake -n db --volumeopts=size,iops=5",
            "--volumeopts: option 'size' has no value; write size=VALUE",
        ),
        (
            "mount -d fake -n db --volumeopts=",
            "--volumeopts: an option without a name; write KEY=VALUE",
        ),
        (
            "mount -d fake -n db --volumeopts==5",
            "--volumeopts: an option without a name; write KEY=VALUE",
        ),
        (
            "create -d fake -n db --volumeopts=a=1,=5",
            "--volumeopts: an option without a name; write KEY=VALUE",
        ),
        (
            "create -d fake -n db --volumeopts=size=5,",
            "--volumeopts: nothing follows a comma after option 'size'; leave the comma out, or put the value into double quotes \
             if it belongs there",
        ),
        (
            "create -d fake -n db -o =1",
            "--opt: an option without a name; write KEY=VALUE",
        ),
    ];

    fn volume_options(line: &str) -> anyhow::Result<Options> {
        match parse(line).expect(line).verb {
            Verb::Create(args) => args.options.parse(&mut Log::default(), Instant::now()),
            Verb::Mount(args) => args.options.parse(&mut Log::default(), Instant::now()),
            other => bail!("{other:?}"),
        }
    }

    #[test]
    fn wrong_options_of_a_volume_are_told_with_their_flag() {
        for (line, text) in WRONG_OPTIONS {
            let error = volume_options(line).expect_err(line);
            assert_eq!(ErrorKind::of(&error), ErrorKind::Usage, "{line}");
            assert_eq!(chain(&error), *text, "{line}");
        }
    }

    #[test]
    fn explicitcreate_in_its_spellings() {
        for (flag, creates) in [
            ("--explicitCreate", false),
            ("--explicit-create", false),
            ("--explicitcreate=true", false),
            ("--explicit-create=true", false),
            ("--explicitcreate=TRUE", false),
            ("--explicitcreate=1", false),
            ("--explicitcreate=F", true),
            ("--explicitcreate=0", true),
            ("--explicitcreate=false", true),
            ("--explicitCreate=false", true),
        ] {
            for line in [
                format!("mount -d fake -n db {flag}"),
                format!("{flag} mount -d fake -n db"),
            ] {
                let explicit = match parse(&line).expect(&line).verb {
                    Verb::Mount(args) => Some(args.creation.explicitcreate),
                    _ => None,
                };
                assert_eq!(explicit, Some(!creates), "{line}");
            }
        }
    }
}
