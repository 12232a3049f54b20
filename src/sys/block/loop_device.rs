//! Loop devices: block devices whose content is a file (loop(4)).

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{io, thread};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;

use crate::sys::block::sectors;
use crate::sys::files::id::FileId;
use crate::sys::mount::file_systems::has_module;
use crate::sys::process::{host, interruption};

/// `struct loop_info64` of `<linux/loop.h>`.
#[repr(C)]
#[derive(Default)]
struct LoopInfo64 {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    names_and_keys: [[u64; 10]; 2],
    init: [u64; 2],
}

/// `struct loop_config` of `<linux/loop.h>`, Linux 5.8.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo64,
    reserved: [u64; 8],
}

const READ_ONLY: u32 = 1;
const AUTOCLEAR: u32 = 4;
const DIRECT_IO: u32 = 16;

/// The Linux that has LOOP_CONFIGURE.
const CONFIGURABLE: (u32, u32) = (5, 8);

/// How long to wait for a device's node in `/dev`.
const NODE: Duration = Duration::from_secs(2);

/// The pauses between attempts to bind: each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

mod ioctl {
    use crate::sys::block::loop_device::{LoopConfig, LoopInfo64};

    nix::ioctl_none_bad!(get_free, 0x4C82);
    nix::ioctl_write_ptr_bad!(configure, 0x4C0A, LoopConfig);
    nix::ioctl_read_bad!(get_status, 0x4C05, LoopInfo64);
    nix::ioctl_none_bad!(clear, 0x4C01);
    nix::ioctl_none_bad!(set_capacity, 0x4C07);
    nix::ioctl_write_int_bad!(remove, 0x4C81);
}

/// A loop device that is open and bound to a file. The kernel frees it (autoclear) once it is neither open nor mounted.
#[derive(Debug)]
pub struct LoopDevice {
    number: u32,
    /// Keeps the kernel from freeing the device.
    handle: File,
    is_read_only: bool,
}

impl LoopDevice {
    /// `/dev/loopN`.
    pub fn path(&self) -> PathBuf {
        node(self.number)
    }

    pub fn number(&self) -> u32 {
        self.number
    }

    /// Lets it be as long as its file is by now.
    pub fn take_length(&self) -> io::Result<()> {
        // SAFETY: the call has no argument.
        #[allow(unsafe_code)]
        unsafe { ioctl::set_capacity(self.handle.as_raw_fd()) }?;
        Ok(())
    }

    /// Whether nothing can be written through it.
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }
}

/// Binds a free loop device to a file, read-only if asked for, and with direct I/O where the file's own file system supports it: data is cached
/// once, not twice, and no write is lost in silence ([`is_direct`]). Large blocks are what a disk with large sectors needs for it, and
/// an image that shares blocks with a copy.
///
/// A lock (flock(2)) on `file` lasts as long as the device is bound: it belongs to the open file, which the kernel keeps.
///
/// # Errors
///
/// The device cannot be bound, or no free one was found before `ends`.
pub fn attach(file: &File, read_only: bool, ends: Instant) -> Result<LoopDevice> {
    let control = File::options()
        .read(true)
        .write(true)
        .open("/dev/loop-control");
    let control =
        control.context("opening /dev/loop-control; is the kernel module loop loaded?")?;
    let began = Instant::now();
    let mut pause = FIRST_PAUSE;
    loop {
        let (what, error) = match try_attach(&control, file, read_only) {
            Ok(device) => return Ok(device),
            Err(refused) => refused,
        };
        // Others bind devices at the same time. They have taken the free one (EBUSY) or are making it (ENXIO, ENOENT).
        let retry = match errno(&error) {
            Errno::EBUSY | Errno::ENXIO => true,
            Errno::ENOENT => began.elapsed() < NODE,
            _ => false,
        };
        if !retry || interruption::is_over(ends) {
            return Err(error).context(what);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// An error comes with what was being done.
fn try_attach(
    control: &File,
    file: &File,
    read_only: bool,
) -> Result<LoopDevice, (String, io::Error)> {
    let free =
        || get_free(control).map_err(|error| ("finding a free loop device".to_owned(), error));
    let mut number = free()?;
    while renew(number) {
        number = free()?;
    }
    let name = node(number);
    let handle = File::options().read(true).write(!read_only).open(&name);
    let handle = handle.map_err(|error| (format!("opening {}", name.display()), error))?;
    configure(&handle, file, read_only).map_err(|error| {
        let older = match errno(&error) {
            Errno::EINVAL => " (LOOP_CONFIGURE, Linux 5.8 or later)",
            _ => "",
        };
        (format!("binding {}{older}", name.display()), error)
    })?;
    Ok(LoopDevice {
        number,
        handle,
        is_read_only: read_only,
    })
}

/// Opens the loop device of this number. `None` where it is not bound to the file any more.
///
/// # Errors
///
/// It is bound to a part of the file only.
pub fn open_bound(number: u32, file: FileId) -> Result<Option<LoopDevice>> {
    let name = node(number);
    // A handle for writing could not be had of a device that is read-only.
    let handle = match File::open(&name) {
        Err(error) if errno(&error) == Errno::ENXIO => return Ok(None),
        handle => handle.with_context(|| format!("opening {}", name.display()))?,
    };
    let info = match status(&handle) {
        Err(error) if errno(&error) == Errno::ENXIO => return Ok(None),
        info => info.with_context(|| format!("asking {}", name.display()))?,
    };
    if FileId::new(info.device, info.inode) != file {
        return Ok(None);
    }
    if info.offset != 0 || info.sizelimit != 0 {
        bail!(
            "{} shows a part of it; detach it (losetup -d)",
            name.display()
        );
    }
    Ok(Some(LoopDevice {
        number,
        handle,
        is_read_only: info.flags & READ_ONLY != 0,
    }))
}

/// The numbers of the loop devices that a file is bound to, by any program and in any mount namespace.
///
/// It costs a few microseconds for each bound device of this host.
pub fn bound_to(file: FileId) -> Result<Vec<u32>> {
    let text = fs::read_to_string("/proc/partitions").context("reading /proc/partitions")?;
    Ok(bound(&text)
        .filter(|number| is_bound(*number, file))
        .collect())
}

/// The loop devices that are bound to a file, by their numbers, each with its file as far as it is known.
pub fn all_bound() -> Result<Vec<(u32, FileId)>> {
    let text = fs::read_to_string("/proc/partitions").context("reading /proc/partitions")?;
    let file = |number| {
        let info = File::open(node(number)).and_then(|device| status(&device));
        info.map(|info| FileId::new(info.device, info.inode))
    };
    let numbers = bound(&text).filter_map(|number| Some((number, file(number).ok()?)));
    Ok(numbers.collect())
}

/// The number of the file system that a device's file is on; `None` where it is bound to none.
pub fn file_system_of(number: u32) -> Option<u64> {
    let info = File::open(node(number)).and_then(|device| status(&device));
    info.ok().map(|info| info.device)
}

/// Detaches a device from its file. Where it is in use, the kernel does so when it is free.
pub fn detach(number: u32) -> Result<()> {
    let name = node(number);
    let detached = File::open(&name).and_then(|device| {
        // SAFETY: LOOP_CLR_FD takes no argument.
        Ok(unsafe { ioctl::clear(device.as_raw_fd()) }?)
    });
    detached
        .map(drop)
        .with_context(|| format!("detaching {}", name.display()))
}

/// Why no loop device can be bound on this host, with the repair; `None` where nothing is known against it.
pub fn problem() -> Option<(&'static str, &'static str)> {
    if !Path::new("/dev/loop-control").exists() && has_module("loop") != Some(true) {
        return Some((
            "there is no /dev/loop-control",
            "load the kernel's module loop (modprobe loop)",
        ));
    }
    let release = host::release()?;
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|number| number.parse::<u32>().ok());
    let version = (numbers.next()?, numbers.next()?);
    (version < CONFIGURABLE).then_some((
        "the kernel is older than Linux 5.8, and has no LOOP_CONFIGURE",
        "boot a newer one",
    ))
}

/// The numbers of the loop devices in `/proc/partitions`, which lists devices that have blocks, in lines like
/// `   7        0    1048576 loop0`.
fn bound(text: &str) -> impl Iterator<Item = u32> {
    text.lines().filter_map(|line| {
        line.split_ascii_whitespace()
            .nth(3)?
            .strip_prefix("loop")?
            .parse()
            .ok()
    })
}

/// The path of the file that a loop device is bound to, by the device's name such as `loop0`; `None` if it is bound to none. The
/// path may be one of another mount namespace, or of a file that is deleted.
pub fn backing_file(name: &OsStr) -> Option<PathBuf> {
    let place = Path::new("/sys/block").join(name).join("loop/backing_file");
    let mut text = fs::read(place).ok()?;
    if text.ends_with(b"\n") {
        text.pop();
    }
    Some(PathBuf::from(OsString::from_vec(text)))
}

/// Whether a loop device is bound to this file.
pub fn is_bound(number: u32, file: FileId) -> bool {
    let Some(path) = backing_file(OsStr::new(&format!("loop{number}"))) else {
        return false;
    };
    // The path may be one of another mount namespace, and lead to another file here: only the device itself can tell.
    match File::open(node(number)).and_then(|device| status(&device)) {
        Ok(info) => FileId::new(info.device, info.inode) == file,
        Err(error) if errno(&error) == Errno::ENXIO => false,
        // It has no node here, or may not be opened.
        Err(_) => FileId::at(&path).is_ok_and(|found| found == file),
    }
}

/// Whether a device writes to its file by direct I/O. Otherwise Linux (since 6.15) says nothing where its disk has no space for all of
/// a write, and what is missing is lost. Since then, btrfs does none, though the device is said to, where a file has checksums.
pub fn is_direct(number: u32) -> bool {
    let info = File::open(node(number)).and_then(|device| status(&device));
    info.is_ok_and(|info| info.flags & DIRECT_IO != 0)
}

/// Keeps a device from making holes in its file where its file system does not need the space any more, or writes zeros. Where that
/// cannot be set, nothing changes.
///
/// The kernel keeps the setting when the device is bound to another file, and does not let it be undone: [`renew`] does.
pub fn forbid_discards(number: u32) {
    for limit in ["discard_max_bytes", "write_zeroes_unmap_max_bytes"] {
        if limit_of(number, limit).is_some_and(|now| now != 0) {
            let _ = fs::write(queue(number).join(limit), "0");
        }
    }
}

/// Has the kernel forget a device that nobody uses and that was kept from making holes, by whoever had it before: the next one of this
/// number is as new. False where it stays.
pub fn renew(number: u32) -> bool {
    let is_forbidden = limit_of(number, "discard_max_bytes") == Some(0)
        && limit_of(number, "discard_max_hw_bytes").is_some_and(|most| most != 0);
    let control = File::options()
        .read(true)
        .write(true)
        .open("/dev/loop-control");
    match control {
        Ok(control) if is_forbidden => {
            // SAFETY: the argument is a number. The kernel refuses where the device is bound or open.
            #[allow(unsafe_code)]
            let removed = unsafe { ioctl::remove(control.as_raw_fd(), number.cast_signed()) };
            removed.is_ok()
        }
        _ => false,
    }
}

fn limit_of(number: u32, limit: &str) -> Option<u64> {
    let text = fs::read_to_string(queue(number).join(limit)).ok()?;
    text.trim().parse().ok()
}

fn queue(number: u32) -> PathBuf {
    PathBuf::from(format!("/sys/block/loop{number}/queue"))
}

/// The number in `/dev/loopN`; `None` for any other path.
pub fn number_of(source: &str) -> Option<u32> {
    source.strip_prefix("/dev/loop")?.parse().ok()
}

fn node(number: u32) -> PathBuf {
    PathBuf::from(format!("/dev/loop{number}"))
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

fn get_free(control: &File) -> io::Result<u32> {
    // SAFETY: LOOP_CTL_GET_FREE takes no argument.
    let number = unsafe { ioctl::get_free(control.as_raw_fd()) }?;
    u32::try_from(number).map_err(|_| Errno::ENODEV.into())
}

fn configure(device: &File, file: &File, read_only: bool) -> io::Result<()> {
    let fd = u32::try_from(file.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    let info = LoopInfo64 {
        flags: AUTOCLEAR | DIRECT_IO | if read_only { READ_ONLY } else { 0 },
        ..LoopInfo64::default()
    };
    let config = LoopConfig {
        fd,
        block_size: sectors::of(file),
        info,
        reserved: [0; 8],
    };
    // SAFETY: LOOP_CONFIGURE reads one `loop_config`. `config` has that layout and outlives the call.
    unsafe { ioctl::configure(device.as_raw_fd(), &raw const config) }?;
    Ok(())
}

fn status(device: &File) -> io::Result<LoopInfo64> {
    let mut info = LoopInfo64::default();
    // SAFETY: LOOP_GET_STATUS64 writes one `loop_info64`. `info` has that layout and outlives the call.
    unsafe { ioctl::get_status(device.as_raw_fd(), &raw mut info) }?;
    Ok(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structures_have_the_kernels_size() {
        assert_eq!(
            (size_of::<LoopInfo64>(), size_of::<LoopConfig>()),
            (232, 304)
        );
    }

    #[test]
    fn bound_devices_are_found_in_the_list_of_partitions() {
        let text = "major minor  #blocks  name\n\n 254        0  268435456 vda\n   7        0    1048576 loop0\n   7       12  8 loop12\n 259  0  8 loop12p1\n";
        assert_eq!(bound(text).collect::<Vec<_>>(), [0, 12]);
    }

    #[test]
    fn numbers_of_devices() {
        assert_eq!(number_of("/dev/loop12"), Some(12));
        assert_eq!(number_of("/dev/loop-control"), None);
        assert_eq!(number_of("/dev/sda1"), None);
    }
}
