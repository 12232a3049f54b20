//! The arguments of verbs that know shells.

use clap::{Args, ValueEnum};

use crate::cli::arguments::Common;

#[derive(Debug, Args)]
pub struct CompletionsArgs {
    #[command(flatten)]
    pub common: Common,
    /// The shell to complete for
    pub shell: Shell,
}

#[derive(Debug, Args)]
pub struct CompleteArgs {
    #[command(flatten)]
    pub common: Common,
    /// The shell that asks
    pub shell: Shell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}
