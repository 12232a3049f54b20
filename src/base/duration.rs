//! Durations as users write them.

use std::time::Duration;

use anyhow::{Result, anyhow};

/// `90s`, `2m`, `1m30s`, `500ms`; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration> {
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    humantime::parse_duration(text)
        .map_err(|_| anyhow!("'{text}' is no duration such as 90s, 2m or 500ms"))
}
