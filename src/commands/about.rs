//! The six lines of `version`, in the form of the original dvdcli.

use anyhow::{Context, Result};

/// What the release build passes in its environment; a build without it does not know.
pub fn version() -> Result<String> {
    let binary = std::env::current_exe().context("asking for the program's own path")?;
    let known = |value: Option<&'static str>| value.unwrap_or("unknown");
    Ok(format!(
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
