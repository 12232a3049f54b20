//! A task, whose environment describes its volumes, and the directories that it shows them at.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::process::Run;

/// A run in the environment of a task: variables without `DVDI_VOLUME_`, and `$ROOT` in their values.
pub fn task<'a>(env: &'a Env, line: &str, variables: &[(&str, &str)]) -> Run<'a> {
    let root = env.path("").display().to_string();
    let root = root.trim_end_matches('/');
    variables
        .iter()
        .fold(env.dvdcli(line), |run, (name, value)| {
            run.env(
                &format!("DVDI_VOLUME_{name}"),
                &value.replace("$ROOT", root),
            )
        })
}

pub const MOUNT: &str = "mount --from-env";

pub const UNMOUNT: &str = "unmount --from-env";

pub const THREE: &[(&str, &str)] = &[("NAME", "a"), ("NAME1", "b"), ("NAME2", "c")];

pub const THREE_PATHS: &str = "$ROOT/volumes/a\n$ROOT/volumes/b\n$ROOT/volumes/c\n";

/// The mounts that the plugin has of each volume.
pub fn plugin_mounts<const N: usize>(plugin: &FakePlugin, volumes: [&str; N]) -> [usize; N] {
    volumes.map(|volume| plugin.mounts(volume))
}

/// Owner, group and mode.
pub fn ownership(path: &Path) -> (u32, u32, u32) {
    let data = path.metadata().unwrap();
    (data.uid(), data.gid(), data.mode() & 0o7777)
}

/// A directory of this owner, group and mode.
pub fn owned(env: &Env, name: &str, (uid, gid, mode): (u32, u32, u32)) -> PathBuf {
    let path = env.dir(name);
    chown(&path, Some(uid), Some(gid)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

/// A directory that is not below /tmp, for this test alone.
pub fn outside(env: &Env) -> PathBuf {
    let path = PathBuf::from("/srv");
    env.mount_tmpfs(&path);
    path
}
