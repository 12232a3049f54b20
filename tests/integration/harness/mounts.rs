//! What is mounted, and mounting without dvdcli.

use std::ffi::OsString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::harness::programs::finish;
use crate::harness::scenario::{Done, ensure};
use crate::harness::waiting::eventually;

/// A line of the mount table (proc_pid_mountinfo(5)).
#[derive(Debug)]
pub struct Mount {
    pub point: PathBuf,
    /// Those of this mount, not those of the file system.
    pub options: String,
    pub fs_type: String,
    pub source: String,
}

impl Mount {
    fn parse(line: &[u8]) -> Option<Mount> {
        let mut fields = line.split(|byte| *byte == b' ');
        let point = decoded(fields.nth(4)?).into();
        let options = decoded(fields.next()?).into_string().ok()?;
        // Optional fields come in between.
        let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
        let fs_type = decoded(fields.next()?).into_string().ok()?;
        let source = decoded(fields.next()?).into_string().ok()?;
        Some(Mount {
            point,
            options,
            fs_type,
            source,
        })
    }

    pub fn has_option(&self, option: &str) -> bool {
        self.options.split(',').any(|it| it == option)
    }
}

/// The kernel writes blanks, line ends and backslashes as a backslash and three octal digits.
fn decoded(field: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, after @ ..] = rest {
        let octal = after.get(..3).filter(|_| *first == b'\\');
        let byte =
            octal.and_then(|digits| u8::from_str_radix(str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &after[3..] } else { after };
    }
    OsString::from_vec(bytes)
}

/// The mount table of this thread's namespace, in the order in which things were mounted.
pub fn mount_table() -> Vec<Mount> {
    let table = std::fs::read("/proc/thread-self/mountinfo").unwrap();
    let lines = table.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(|line| Mount::parse(line).unwrap()).collect()
}

/// The mount points that are this directory or lie below it.
pub fn mounted_below(directory: &Path) -> Vec<PathBuf> {
    let points = mount_table().into_iter().map(|mount| mount.point);
    points
        .filter(|point| point.starts_with(directory))
        .collect()
}

/// What is mounted there; of several mounts, the one that is seen.
pub fn mounted_at(point: &Path) -> Option<Mount> {
    mount_table()
        .into_iter()
        .rfind(|mount| mount.point == point)
}

/// Mounts a new file system of this type, whose source is named like it.
#[track_caller]
pub fn mount_type(fs_type: &str, point: &Path, data: &str) {
    let none = MsFlags::empty();
    mount(Some(fs_type), point, Some(fs_type), none, Some(data)).unwrap();
}

/// As fusermount(1) mounts for a user; nobody serves it, and root cannot look into it.
#[track_caller]
pub fn mount_fuse(at: &Path) -> File {
    mount_fuse_with(at, "")
}

/// The same for all users: who looks into it waits for an answer.
#[track_caller]
pub fn mount_fuse_for_all(at: &Path) -> File {
    mount_fuse_with(at, ",allow_other")
}

#[track_caller]
fn mount_fuse_with(at: &Path, option: &str) -> File {
    let device = File::options().read(true).write(true).open("/dev/fuse");
    let device = device.unwrap();
    let fd = device.as_raw_fd();
    let data = format!("fd={fd},rootmode=40000,user_id=65534,group_id=65534{option}");
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("theirs"), at, Some("fuse"), flags, Some(&*data)).unwrap();
    device
}

#[track_caller]
pub fn bind(source: &Path, target: &Path) {
    let none = None::<&str>;
    mount(Some(source), target, none, MsFlags::MS_BIND, none).unwrap();
}

/// From a loop device that goes with the mount.
#[track_caller]
pub fn mount_image(image: &Path, target: &Path) {
    let script = format!("mount -o loop image {}", target.display());
    in_directory(image.parent().unwrap(), &script).unwrap();
}

/// Unmounts by system call, as soon as nobody looks at what is mounted any more.
#[track_caller]
pub fn unmount(point: &Path) {
    let what = format!("the unmount of {}", point.display());
    eventually(&what, || umount2(point, MntFlags::empty()).is_ok());
}

/// Runs a script in a directory.
pub fn in_directory(directory: &Path, script: &str) -> Done {
    let mut sh = Command::new("/bin/sh");
    sh.args(["-ec", script]).current_dir(directory);
    let done = finish(sh.stdin(Stdio::null()));
    ensure(done.status.success(), || format!("{script}: {done:?}"))
}

#[test]
fn the_mount_table_is_read_as_the_kernel_writes_it() {
    let line = br"36 35 98:0 /mnt1 /mnt/a\040b\134\011 rw,noatime shared:1 master:2 - ext3 /dev/with\040blank rw,errors=continue";
    let found = Mount::parse(line).unwrap();
    assert_eq!(found.point, Path::new("/mnt/a b\\\t"));
    assert_eq!(
        (
            found.options.as_str(),
            found.fs_type.as_str(),
            found.source.as_str()
        ),
        ("rw,noatime", "ext3", "/dev/with blank")
    );
}
