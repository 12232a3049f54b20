//! Durations as users write them.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};

/// Reads `90s`, `2m`, `1m30s` or `500ms`; a bare number is seconds.
///
/// # Errors
///
/// The text is no duration.
pub fn parse_duration(text: &str) -> Result<Duration> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    humantime::parse_duration(text)
        .map_err(|_| anyhow!("'{text}' is no duration such as 90s, 2m or 500ms"))
}

/// Reads the time that a command may take, which must not be zero: a command without any time could do nothing.
///
/// # Errors
///
/// The text is no duration, or is zero.
pub fn parse_time_limit(text: &str) -> Result<Duration> {
    let limit = parse_duration(text)?;
    if limit.is_zero() {
        bail!("it must be more than zero");
    }
    Ok(limit)
}
