//! Volumes of the built-in drivers: where their files are, and some that tests begin with.

use std::path::{Path, PathBuf};
use std::process::Command;

use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::loop_devices::{bound_below, is_bound};
use crate::harness::mounts::in_directory;
use crate::harness::programs::Background;
use crate::harness::waiting::eventually;

/// Where volumes of `loop` are.
pub const LOOP: &str = "var/lib/dvdcli/loop";

/// The token of a volume that this host has claimed.
pub fn own_claim() -> String {
    let read = |path: &str| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.trim().to_owned()
    };
    let name = read("/proc/sys/kernel/hostname");
    let machine = match read("/etc/machine-id") {
        id if id.is_empty() || id == "uninitialized" => name.clone(),
        id => id,
    };
    let boot = read("/proc/sys/kernel/random/boot_id");
    format!("claimed,{machine},{boot},{name}")
}

/// The directory of `loop` volume `name` that is handed out.
pub fn data(env: &Env, name: &str) -> PathBuf {
    env.path(&format!("{LOOP}/{name}/mnt/data"))
}

pub fn image(env: &Env, name: &str) -> PathBuf {
    env.path(&format!("{LOOP}/{name}/image"))
}

/// What `inspect` shows of a volume.
pub fn inspected(env: &Env, volume: &str) -> Value {
    env.json(&format!("inspect {volume}"))[0].take()
}

/// A process whose working directory is in a volume, and keeps it busy. It ends with the test.
pub fn user_of(directory: &Path) -> Background {
    Background::start(Command::new("sleep").arg("1000").current_dir(directory))
}

pub const LOCAL: &str = "var/lib/dvdcli/local";

pub fn local_data(env: &Env, name: &str) -> PathBuf {
    env.path(&format!("{LOCAL}/{name}/_data"))
}

/// A `loop` volume, not mounted, with a file in it.
pub fn loop_volume(env: &Env, name: &str) -> PathBuf {
    env.dvdcli(&format!("mount -d loop -n {name} --opt size=20MiB"))
        .prints(&format!("$ROOT/{LOOP}/{name}/mnt/data\n"))
        .succeeds();
    let directory = env.path(LOOP).join(name);
    in_directory(&directory.join("mnt/data"), "printf kept > kept").unwrap();
    env.dvdcli(&format!("unmount -d loop -n {name}")).succeeds();
    // Whoever looks at a loop device delays that it is freed.
    let image = directory.join("image");
    eventually("the loop device", || !is_bound(&image));
    directory
}

/// A `local` volume, a directory with a file in it.
pub fn local_volume(env: &Env, name: &str) -> PathBuf {
    env.dvdcli(&format!("create -d local -n {name}")).succeeds();
    let directory = env.path(LOCAL).join(name);
    fs::write(directory.join("_data/kept"), "kept").unwrap();
    directory
}

/// A volume of that driver, not mounted, with a file in it.
pub fn volume(env: &Env, driver: &str, name: &str) -> PathBuf {
    match driver {
        "loop" => loop_volume(env, name),
        _ => local_volume(env, name),
    }
}

/// Removed after all, and nothing is left of it.
#[track_caller]
pub fn is_removed(env: &Env, driver: &str) {
    env.dvdcli(&format!("remove -d {driver} -n db")).succeeds();
    assert_eq!(env.names(&format!("var/lib/dvdcli/{driver}")), [""; 0]);
    assert_eq!(env.records(), [""; 0]);
    eventually("the loop device", || bound_below(env).is_empty());
}

/// Puts the volumes on a file system of their own, in an image.
pub fn volumes_on(env: &Env, fs_type: &str) {
    volumes_on_disk_of(env, fs_type, 2 << 30);
}

/// Puts the volumes on a file system of this size, in bytes.
pub fn volumes_on_disk_of(env: &Env, fs_type: &str, length: u64) {
    let below = env.write("below", "");
    let file = fs::File::options().write(true).open(&below);
    file.and_then(|file| file.set_len(length)).unwrap();
    let volumes = env.dir("var/lib/dvdcli");
    let (below, volumes) = (below.display(), volumes.display());
    let script = format!("mkfs.{fs_type} -q {below}; mount -o loop {below} {volumes}");
    in_directory(Path::new("/"), &script).unwrap();
}

/// Creates a volume of `local` where it is missing, mounts it, and returns its directory. Who only mounts chooses no device.
#[track_caller]
pub fn mounts(env: &Env, name: &str, options: &str) -> PathBuf {
    let volume_options = options.replace("--read-only", "");
    env.dvdcli(&format!("create -d local -n {name} {volume_options}"))
        .succeeds();
    env.dvdcli(&format!("mount -d local -n {name} {options}"))
        .prints(&format!("$ROOT/{LOCAL}/{name}/_data\n"))
        .succeeds();
    local_data(env, name)
}

/// Unmounts and removes a volume of `local`.
#[track_caller]
pub fn unmounts_and_removes(env: &Env, name: &str) {
    for verb in ["unmount", "remove"] {
        env.dvdcli(&format!("{verb} -d local -n {name}")).succeeds();
    }
    assert!(!env.path(&format!("{LOCAL}/{name}")).exists());
}

/// The checksum of a volume's image, once no loop device has it.
pub fn checksum(env: &Env, name: &str) -> Vec<u8> {
    let image = image(env, name);
    eventually("the loop device", || !is_bound(&image));
    let sum = env.path("sum");
    let script = format!("sha256sum < {} > {}", image.display(), sum.display());
    in_directory(Path::new("/"), &script).unwrap();
    fs::read(sum).unwrap()
}

/// As if a volume `db` of `loop` had been created with these mount options.
pub fn made_with_mount_options(env: &Env, words: &str) {
    let path = env.path(LOOP).join("db/volume.json");
    let text = fs::read_to_string(&path).unwrap();
    let mut record: Value = serde_json::from_str(&text).unwrap();
    let options = record["options"].as_array_mut().unwrap();
    options.retain(|option| option[0] != "mountOpts");
    options.push(serde_json::json!(["mountOpts", words]));
    fs::write(&path, record.to_string()).unwrap();
}
