//! What a volume may have that is made on the way to a mount (setting `allow.loop`).

use anyhow::{Result, bail};

use crate::base::size;
use crate::driver::loop_::plan::COPY_SOURCES;
use crate::driver::shared::not_allowed::{foreign_word, refusal};
use crate::driver::shared::options::NormalOptions;
use crate::invocation::config::allow::AllowLoop;

/// Refuses options that the host's owner has not allowed. `overwriteFs` changes nothing but a copy.
///
/// # Errors
///
/// Wrong usage, with the names of option and setting.
pub fn refuse(options: &NormalOptions, allow: &AllowLoop) -> Result<()> {
    let mut copied = COPY_SOURCES.iter().filter(|name| options.has(name));
    if let Some(name) = copied.next().filter(|_| !allow.copies) {
        bail!(refusal(name, "a copy of another volume", "loop.copies"));
    }
    let words = options.text("mountOpts").unwrap_or_default();
    match foreign_word(words, &allow.mount_options) {
        Some(word) => bail!(refusal("mountOpts", word, "loop.mountopts")),
        None => Ok(()),
    }
}

/// Refuses a length, in bytes, that is more than the host's owner gives: wrong usage.
pub fn refuse_large(length: u64, allow: &AllowLoop) -> Result<()> {
    match allow.max_size {
        Some(most) if length > most => {
            let what = format!("{}, more than {},", size::show(length), size::show(most));
            bail!(refusal("size", &what, "loop.maxsize"))
        }
        _ => Ok(()),
    }
}
