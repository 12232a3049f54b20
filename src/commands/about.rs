//! `version`, `completions` and `man`.

use anyhow::{Context, Result};

use crate::cli::shells::CompletionsArgs;
use crate::cli::stdout::print;
use crate::cli::{completions, man};
use crate::invocation::TIMEOUT;
use crate::invocation::budget::Budget;

/// The six lines of the original dvdcli. What the release build does not pass in its environment is unknown.
pub fn version() -> Result<u8> {
    let binary = std::env::current_exe().context("asking for the program's own path")?;
    let known = |value: Option<&'static str>| value.unwrap_or("unknown");
    answer(&format!(
        "Binary: {}\nSemVer: {}\nOsArch: {}-{}\nBranch: {}\nCommit: {}\nFormed: {}\n",
        binary.display(),
        env!("CARGO_PKG_VERSION"),
        "Linux",
        std::env::consts::ARCH,
        known(option_env!("DVDCLI_BRANCH")),
        known(option_env!("DVDCLI_COMMIT")),
        known(option_env!("DVDCLI_FORMED")),
    ))
}

pub fn completions(args: &CompletionsArgs) -> Result<u8> {
    answer(&completions::script(args.shell))
}

pub fn man() -> Result<u8> {
    answer(&String::from_utf8(man::page()?)?)
}

fn answer(text: &str) -> Result<u8> {
    print(text, &Budget::new(TIMEOUT))?;
    Ok(0)
}
