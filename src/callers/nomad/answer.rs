//! What Nomad reads on stdout.

use serde::Serialize;

#[derive(Serialize)]
pub struct Fingerprint {
    pub version: &'static str,
}

#[derive(Serialize)]
pub struct Made {
    pub path: String,
    /// 0 where it has no size of its own, as those of Nomad's own plugin.
    pub bytes: u64,
}

#[derive(Serialize)]
pub struct Failed {
    pub error: String,
}

pub fn line(answer: &impl Serialize) -> String {
    // Such a structure has nothing that JSON could not hold.
    let text = serde_json::to_string(answer).unwrap_or_default();
    format!("{text}\n")
}
