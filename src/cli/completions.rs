//! The completion scripts of shells, made from the command line's own types.

use clap::CommandFactory;
use clap_complete::{generate, shells};

use crate::cli::Cli;
use crate::cli::arguments::Shell;

/// A shell's completion script.
pub fn script(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    let command = &mut Cli::command();
    match shell {
        Shell::Bash => generate(shells::Bash, command, "dvdcli", &mut script),
        Shell::Zsh => generate(shells::Zsh, command, "dvdcli", &mut script),
        Shell::Fish => generate(shells::Fish, command, "dvdcli", &mut script),
    }
    script
}
