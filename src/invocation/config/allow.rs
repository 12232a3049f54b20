//! What the host's owner allows to those who choose a volume and are not root (section `allow`).

use std::path::PathBuf;

/// Each rule is named after its setting below `dvdcli.allow`.
#[derive(Debug)]
pub struct Allow {
    /// The drivers that may be used at all: patterns.
    pub drivers: Vec<String>,
    pub local: AllowLocal,
    pub loop_: AllowLoop,
    /// The directories below which `--from-env` may bind a volume.
    pub container_paths: Vec<PathBuf>,
    /// What mounts of built-in drivers, and the places where volumes appear, forbid unless whoever creates says otherwise: words of
    /// mount(8), with commas between.
    pub views: String,
}

/// What volumes of `local` may have that are made on the way to a mount.
#[derive(Debug, Default)]
pub struct AllowLocal {
    /// Types of file systems; `none` for a bind.
    pub types: Vec<String>,
    /// What the device begins with: directories, or `host:/path`.
    pub devices: Vec<String>,
    /// Whether a type may be mounted by a program of its own.
    pub helpers: bool,
    /// Words of the option `o`: patterns.
    pub mount_options: Vec<String>,
}

/// What volumes of `loop` may have.
#[derive(Debug)]
pub struct AllowLoop {
    /// The largest volume that is made on the way to a mount, in bytes.
    pub max_size: Option<u64>,
    /// What every volume leaves free of the file system below.
    pub reserve: Reserve,
    pub overcommit: Overcommit,
    /// Whether a copy may be made on the way to a mount.
    pub copies: bool,
    /// Words of the option `mountOpts`, of volumes that are made on the way: patterns.
    pub mount_options: Vec<String>,
}

/// Whether volumes may be promised more than the file system below could hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overcommit {
    /// In silence.
    Allowed,
    /// With a warning.
    Said,
    /// Only by the host's owner, with a warning.
    Refused,
}

/// A part of a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// So many parts of a hundred.
    Percent(u64),
    Bytes(u64),
}

impl Reserve {
    /// In bytes, of a file system with `total` bytes.
    pub fn of(self, total: u64) -> u64 {
        match self {
            Reserve::Percent(percent) => total / 100 * percent,
            Reserve::Bytes(bytes) => bytes.min(total),
        }
    }
}

/// Mount options that change only how times are kept, and whether freed space is given back.
const HARMLESS: [&str; 5] = ["noatime", "relatime", "discard", "nodiratime", "lazytime"];

impl Default for Allow {
    fn default() -> Allow {
        let harmless = || HARMLESS.map(str::to_owned).to_vec();
        Allow {
            drivers: vec!["*".into()],
            local: AllowLocal {
                mount_options: harmless(),
                ..AllowLocal::default()
            },
            loop_: AllowLoop {
                max_size: None,
                reserve: Reserve::Percent(10),
                overcommit: Overcommit::Said,
                copies: false,
                mount_options: harmless(),
            },
            container_paths: vec!["/tmp".into()],
            // A volume's users must not bring programs or devices into the host that give them rights.
            views: "nosuid,nodev".into(),
        }
    }
}
