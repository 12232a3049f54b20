//! The command line: the verbs and their arguments, the texts made from them (help, man page, completions), and stdout.
//!
//! Only this room knows clap. The doc comments of the verbs and arguments are the help, the man page and the completions.

use std::ffi::OsString;

use clap::{CommandFactory, Parser};

use crate::cli::usage::Unparsed;
use crate::cli::verb_first::verb_first;
use crate::cli::verbs::Verb;

pub mod arguments;
pub mod completions;
pub mod man;
pub mod mount_helper;
pub mod stdout;
pub mod table;
pub mod usage;
mod verb_first;
pub mod verbs;

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
    /// Parses a command line, whose first word is the program's name. Flags may stand before the verb as well as after it.
    ///
    /// # Errors
    ///
    /// The text to print for `--help` and `--version`; one line for wrong usage.
    pub fn parse_from_args(args: Vec<OsString>) -> Result<Cli, Unparsed> {
        Ok(Cli::try_parse_from(verb_first(args, Cli::command))?)
    }
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
