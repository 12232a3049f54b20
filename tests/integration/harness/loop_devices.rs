//! Loop devices whose files belong to a test. All others are somebody else's, and of no interest.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::programs::finish;
use crate::harness::waiting::eventually;

/// The numbers of the loop devices that have a file, with its path as it was when they were bound to it.
fn bound() -> impl Iterator<Item = (u32, PathBuf)> {
    let devices = std::fs::read_dir("/sys/block").unwrap().flatten();
    devices.filter_map(|device| {
        let number = device.file_name().to_str()?.strip_prefix("loop")?.parse();
        let file = std::fs::read_to_string(device.path().join("loop/backing_file")).ok()?;
        Some((number.ok()?, file.trim_end_matches('\n').into()))
    })
}

/// The numbers of the loop devices whose files are in this environment.
pub fn bound_below(env: &Env) -> Vec<u32> {
    bound_below_path(&env.path(""))
}

/// The numbers of the loop devices whose files are below a directory.
pub fn bound_below_path(directory: &Path) -> Vec<u32> {
    let bound = bound().filter(|(_, file)| file.starts_with(directory));
    bound.map(|(number, _)| number).collect()
}

/// The files that loop devices have, whose mounted file systems the kernel may write at any time. Of another device's file,
/// there may be nothing but a name that leads nowhere here: that is none of these.
pub fn bound_files() -> HashSet<fs::Id> {
    bound().filter_map(|(_, file)| fs::id(&file)).collect()
}

pub fn is_bound(file: &Path) -> bool {
    fs::id(file).is_some_and(|file| bound_files().contains(&file))
}

/// A block device, which is a loop device that no driver knows of. It is detached by its number.
pub struct Device(pub String);

impl Device {
    pub fn with_ext4(env: &Env) -> Device {
        let image = env.write("device", "");
        fs::File::options()
            .write(true)
            .open(&image)
            .and_then(|file| file.set_len(16 << 20))
            .unwrap();
        let made = finish(Command::new("mkfs.ext4").arg("-q").arg(&image));
        assert!(made.status.success(), "{made:?}");
        Device::of(&image)
    }

    pub fn of(file: &Path) -> Device {
        let mut device = None;
        // The one that was free may be taken, or taken away, by another test.
        eventually("a loop device", || {
            let mut losetup = Command::new("losetup");
            let attached = finish(losetup.args(["--find", "--show"]).arg(file));
            let name = String::from_utf8(attached.stdout).unwrap();
            device = Some(Device(name.trim().to_owned()));
            attached.status.success()
        });
        device.unwrap()
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        if !self.0.is_empty() {
            finish(Command::new("losetup").args(["-d", &self.0]));
        }
    }
}
