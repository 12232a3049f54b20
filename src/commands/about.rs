//! `version`, `completions` and `man`.

use anyhow::{Context, Result};

use crate::cli::arguments::CompletionsArgs;
use crate::cli::stdout::print;
use crate::cli::{completions, man};

/// The six lines of the original dvdcli. What the release build does not pass in its environment is unknown.
pub fn version() -> Result<u8> {
    let binary = std::env::current_exe().context("asking for the program's own path")?;
    let known = |value: Option<&'static str>| value.unwrap_or("unknown");
    print(&format!(
        "Binary: {}\nSemVer: {}\nOsArch: {}-{}\nBranch: {}\nCommit: {}\nFormed: {}\n",
        binary.display(),
        env!("CARGO_PKG_VERSION"),
        "Linux",
        std::env::consts::ARCH,
        known(option_env!("DVDCLI_BRANCH")),
        known(option_env!("DVDCLI_COMMIT")),
        known(option_env!("DVDCLI_FORMED")),
    ))?;
    Ok(0)
}

pub fn completions(args: &CompletionsArgs) -> Result<u8> {
    print(&completions::script(args.shell))?;
    Ok(0)
}

pub fn man() -> Result<u8> {
    print(&String::from_utf8(man::page()?)?)?;
    Ok(0)
}
