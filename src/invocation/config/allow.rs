//! What the host's owner allows to those who choose a volume and are not root (section `allow`).

use std::path::PathBuf;

#[derive(Debug)]
pub struct Allow {
    /// The directories below which `--from-env` may bind a volume.
    pub container_paths: Vec<PathBuf>,
}

impl Default for Allow {
    fn default() -> Allow {
        Allow {
            container_paths: vec!["/tmp".into()],
        }
    }
}
