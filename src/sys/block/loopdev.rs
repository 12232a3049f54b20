//! Loop devices: block devices whose blocks are a file's (loop(4)).

use std::fs::{self, File};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{io, thread};

use anyhow::{Context, Result, bail};
use nix::errno::Errno;

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

/// What file systems made on a file expect. Where direct I/O needs larger blocks, the kernel goes without it.
const BLOCK_SIZE: u32 = 512;

/// How long a node in `/dev` may take to appear.
const NODE: Duration = Duration::from_secs(2);

#[allow(unsafe_code)]
mod ioctl {
    use super::{LoopConfig, LoopInfo64};

    nix::ioctl_none_bad!(get_free, 0x4C82);
    nix::ioctl_write_ptr_bad!(configure, 0x4C0A, LoopConfig);
    nix::ioctl_read_bad!(get_status, 0x4C05, LoopInfo64);
}

/// Which file: its file system's device and its inode number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    pub fn of(file: &File) -> io::Result<FileId> {
        file.metadata().map(|data| FileId {
            device: data.dev(),
            inode: data.ino(),
        })
    }

    pub fn at(path: &Path) -> io::Result<FileId> {
        fs::metadata(path).map(|data| FileId {
            device: data.dev(),
            inode: data.ino(),
        })
    }
}

/// A loop device, open. It frees itself when neither a mount nor a handle such as this one is left (autoclear).
#[derive(Debug)]
pub struct LoopDevice {
    number: u32,
    handle: File,
}

impl LoopDevice {
    pub fn path(&self) -> PathBuf {
        node(self.number)
    }

    fn open(number: u32) -> io::Result<LoopDevice> {
        let handle = File::options().read(true).write(true).open(node(number))?;
        Ok(LoopDevice { number, handle })
    }

    fn status(&self) -> Result<LoopInfo64, Errno> {
        status(self.handle.as_raw_fd())
    }
}

/// Makes a file a block device, with direct I/O where the file's own file system can do it: one page cache, not two.
///
/// An advisory lock (flock(2)) that `file` holds stays for as long as the device is bound: it belongs to the open file,
/// which the kernel keeps.
pub fn attach(file: &File, ends: Instant) -> Result<LoopDevice> {
    let control = File::options()
        .read(true)
        .write(true)
        .open("/dev/loop-control");
    let control =
        control.context("opening /dev/loop-control; is the kernel module loop loaded?")?;
    let began = Instant::now();
    let mut pause = Duration::from_micros(50);
    loop {
        let (what, error) = match try_attach(&control, file) {
            Ok(device) => return Ok(device),
            Err(refused) => refused,
        };
        // Others attach at the same time: the device that was free is taken (EBUSY), or not quite there yet (ENXIO).
        // Its node may take a moment, too.
        let retry = match error {
            Errno::EBUSY | Errno::ENXIO => true,
            Errno::ENOENT => began.elapsed() < NODE,
            _ => false,
        };
        if !retry || Instant::now() >= ends {
            return Err(error).context(what);
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

fn try_attach(control: &File, file: &File) -> Result<LoopDevice, (String, Errno)> {
    let number =
        get_free(control).map_err(|error| ("finding a free loop device".to_owned(), error))?;
    let device = LoopDevice::open(number)
        .map_err(|error| (format!("opening {}", node(number).display()), errno(&error)))?;
    configure(&device.handle, file).map_err(|error| {
        let older = if error == Errno::EINVAL {
            " (LOOP_CONFIGURE, Linux 5.8 or later)"
        } else {
            ""
        };
        (format!("binding {}{older}", node(number).display()), error)
    })?;
    Ok(device)
}

/// The bound loop device of this number, if it still is the file's, all of it and writable. `None` where it has been
/// freed meanwhile.
pub fn open_bound(number: u32, file: FileId) -> Result<Option<LoopDevice>> {
    let name = node(number);
    let device = match LoopDevice::open(number) {
        Ok(device) => device,
        Err(error) if errno(&error) == Errno::ENXIO => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("opening {}", name.display())),
    };
    let info = match device.status() {
        Ok(info) => info,
        Err(Errno::ENXIO) => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("asking {}", name.display())),
    };
    if (FileId {
        device: info.device,
        inode: info.inode,
    }) != file
    {
        return Ok(None);
    }
    if info.offset != 0 || info.sizelimit != 0 || info.flags & READ_ONLY != 0 {
        bail!(
            "{} shows a part of it, or shows it read-only; detach it (losetup -d)",
            name.display()
        );
    }
    Ok(Some(device))
}

/// The numbers of the loop devices that a file is bound to, whoever bound it, in whichever mount namespace.
///
/// Costs a few microseconds for each bound device of this host. Devices are not opened where it can be helped: an open
/// one is not freed when it is unmounted.
pub fn bound_to(file: FileId) -> Result<Vec<u32>> {
    let text = fs::read_to_string("/proc/partitions").context("reading /proc/partitions")?;
    Ok(bound(&text)
        .filter(|number| is_bound(*number, file))
        .collect())
}

/// The numbers in `/proc/partitions`, which lists only devices that have blocks: `   7        0    1048576 loop0`.
fn bound(text: &str) -> impl Iterator<Item = u32> {
    text.lines().filter_map(|line| {
        line.split_ascii_whitespace()
            .nth(3)?
            .strip_prefix("loop")?
            .parse()
            .ok()
    })
}

/// Whether a loop device is bound to this file.
pub fn is_bound(number: u32, file: FileId) -> bool {
    let Ok(text) = fs::read(format!("/sys/block/loop{number}/loop/backing_file")) else {
        return false;
    };
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    let path: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(text);
    match FileId::at(Path::new(path)) {
        Ok(found) => found == file,
        // Deleted, or out of sight of this mount namespace.
        Err(_) => File::open(node(number)).is_ok_and(|handle| {
            status(handle.as_raw_fd()).is_ok_and(|info| {
                FileId {
                    device: info.device,
                    inode: info.inode,
                } == file
            })
        }),
    }
}

/// The number in `/dev/loopN`.
pub fn number_of(source: &str) -> Option<u32> {
    source.strip_prefix("/dev/loop")?.parse().ok()
}

fn node(number: u32) -> PathBuf {
    PathBuf::from(format!("/dev/loop{number}"))
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or(0))
}

#[allow(unsafe_code)]
fn get_free(control: &File) -> Result<u32, Errno> {
    // SAFETY: LOOP_CTL_GET_FREE takes no argument.
    let number = unsafe { ioctl::get_free(control.as_raw_fd()) }?;
    u32::try_from(number).map_err(|_| Errno::ENODEV)
}

#[allow(unsafe_code)]
fn configure(device: &File, file: &File) -> Result<(), Errno> {
    let fd = u32::try_from(file.as_raw_fd()).map_err(|_| Errno::EBADF)?;
    let info = LoopInfo64 {
        flags: AUTOCLEAR | DIRECT_IO,
        ..LoopInfo64::default()
    };
    let config = LoopConfig {
        fd,
        block_size: BLOCK_SIZE,
        info,
        reserved: [0; 8],
    };
    // SAFETY: LOOP_CONFIGURE reads one loop_config, laid out as the kernel's, that lives until the call returns.
    unsafe { ioctl::configure(device.as_raw_fd(), &raw const config) }.map(drop)
}

#[allow(unsafe_code)]
fn status(device: RawFd) -> Result<LoopInfo64, Errno> {
    let mut info = LoopInfo64::default();
    // SAFETY: LOOP_GET_STATUS64 writes one loop_info64, laid out as the kernel's, that lives until the call returns.
    unsafe { ioctl::get_status(device, &raw mut info) }?;
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
