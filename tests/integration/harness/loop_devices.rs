//! Loop devices whose files belong to a test, and that none of them is left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::scenario::ensure;
use crate::harness::waiting::eventually;

/// How long a loop device may take to be freed: whoever looks at it delays that.
const FREED: Duration = Duration::from_secs(5);

/// That no loop device has its file in this environment, as soon as nobody looks at it any more.
pub fn nothing_is_bound(env: &Env) -> Result<(), String> {
    let began = Instant::now();
    loop {
        let bound = bound_below(env);
        if bound.is_empty() {
            return Ok(());
        }
        ensure(began.elapsed() < FREED, || format!("bound: {bound:?}"))?;
        thread::sleep(Duration::from_millis(1));
    }
}

/// The loop devices whose files are in this environment.
pub fn bound_below(env: &Env) -> Vec<String> {
    let root = env.path("");
    let devices = fs::read_dir("/sys/block").unwrap().flatten();
    let bound = devices.filter_map(|device| {
        let file = fs::read_to_string(device.path().join("loop/backing_file")).ok()?;
        Path::new(file.trim_end())
            .starts_with(&root)
            .then(|| format!("{:?} of {file:?}", device.file_name()))
    });
    bound.collect()
}

/// How many loop devices have files below the environment.
pub fn loop_devices(env: &Env) -> usize {
    let devices = fs::read_dir("/sys/block").unwrap();
    let files = devices
        .filter_map(|entry| fs::read(entry.unwrap().path().join("loop/backing_file")).ok())
        .map(|file| String::from_utf8_lossy(&file).into_owned());
    files
        .filter(|file| PathBuf::from(file).starts_with(env.path("")))
        .count()
}

/// That nothing of any volume is left. Whoever looks at a device that has just been unmounted, as udev does, keeps it for
/// a moment.
#[track_caller]
pub fn assert_nothing_is_attached(env: &Env) {
    assert_eq!(env.mounts(), Vec::<PathBuf>::new());
    eventually("the loop devices to be freed", || loop_devices(env) == 0);
}

/// A block device, which is a loop device that this driver knows nothing of. It is detached by its number.
pub struct Device(pub String);

impl Device {
    pub fn with_ext4(env: &Env) -> Device {
        let image = env.write("device", "");
        let file = fs::File::options().write(true).open(&image).unwrap();
        file.set_len(16 << 20).unwrap();
        let made = Command::new("mkfs.ext4").arg("-q").arg(&image).output();
        assert!(made.unwrap().status.success());
        let attached = Command::new("losetup")
            .args(["--find", "--show"])
            .arg(&image)
            .output()
            .unwrap();
        assert!(attached.status.success(), "{attached:?}");
        Device(
            String::from_utf8(attached.stdout)
                .unwrap()
                .trim()
                .to_owned(),
        )
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.0]).status();
    }
}
