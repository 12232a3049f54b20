//! What is mounted, and mounting without dvdcli.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::mount::{MsFlags, mount};

use crate::harness::scenario::ensure;
use crate::harness::waiting::eventually;

/// The fields of a mount's line in the mount table: type, source, options.
pub fn mount_line(point: &Path) -> (String, String, String) {
    let table = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let line = table
        .lines()
        .rfind(|line| line.split(' ').nth(4) == point.to_str());
    let (mount, file_system) = line.unwrap().split_once(" - ").unwrap();
    let mut fields = file_system.split(' ').map(str::to_owned);
    let options = mount.split(' ').nth(5).unwrap().to_owned();
    (fields.next().unwrap(), fields.next().unwrap(), options)
}

/// Unmounts it by system call. A program that another test is starting has our open files until it runs.
pub fn unmount(point: &Path) {
    eventually("the unmount", || nix::mount::umount(point).is_ok());
}

pub fn bind(source: &Path, target: &Path) {
    let none = None::<&str>;
    mount(Some(source), target, none, MsFlags::MS_BIND, none).unwrap();
}

/// Runs a script in a directory on a mount. A file that a test opened there itself would be open as well, for a moment, in a
/// process that another thread starts at that time, and keep the mount busy.
pub fn in_mount(directory: &Path, script: &str) -> Result<(), String> {
    let mut sh = Command::new("sh");
    sh.args(["-ec", script]).current_dir(directory);
    let done = sh.stdin(Stdio::null()).output().unwrap();
    ensure(done.status.success(), || format!("{script}: {done:?}"))
}
