//! A task, whose environment describes its volumes, and the directories that it shows them at.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::process::Run;

/// A run in the environment of a task: variables without `DVDI_VOLUME_`, and `$ROOT` in their values. No other variable means
/// anything there, so that the environment poses as the host.
pub fn task<'a>(env: &'a Env, line: &str, variables: &[(&str, &str)]) -> Run<'a> {
    env.pose_as_host();
    let config = configuration(env);
    let mut run = env.dvdcli(&format!("{line} --config {}", config.display()));
    run.command.env_remove("DVDCLI_ROOT");
    variables.iter().fold(run, |run, (name, value)| {
        let value = value.replace("$ROOT", env.root());
        run.env(&format!("DVDI_VOLUME_{name}"), &value)
    })
}

/// The configuration that runs find below `DVDCLI_ROOT`, and where volumes are.
fn configuration(env: &Env) -> PathBuf {
    let files = ["etc/dvdcli/config.yml", "etc/rexray/config.yml"];
    let found = files.map(|name| fs::read_to_string(env.path(name)));
    let found = found.into_iter().find_map(Result::ok).unwrap_or_default();
    let text = format!("{found}\ndvdcli.root: \"{}/var/lib/dvdcli\"\n", env.root());
    let path = env.path("task.yml");
    if fs::read_to_string(&path).is_ok_and(|known| known == text) {
        return path;
    }
    // Another run may read it at this moment.
    fs::rename(env.write("task.yml.new", text), &path).unwrap();
    path
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

/// A directory that is not below /tmp, for this test alone, and allowed.
pub fn outside(env: &Env) -> PathBuf {
    env.configure("dvdcli: {allow: {containerpaths: [/tmp, /srv]}}");
    let path = PathBuf::from("/srv");
    env.mount_tmpfs(&path);
    path
}
