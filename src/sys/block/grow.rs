//! Growing a mounted file system to the size of its device, and giving back what it does not use. The kernel does both by ioctls on a
//! directory of the file system, so that it need not be mounted at a path.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::{io, mem};

use anyhow::{Context, Result, bail};
use nix::sys::statvfs::fstatvfs;

/// `struct xfs_fsop_geom_v1` of `<xfs/xfs_fs.h>`, as far as it is read.
#[repr(C)]
#[derive(Clone, Copy)]
struct XfsGeometry {
    block_size: u32,
    unread: [u32; 6],
    /// The most of the space that inodes may take, in percent.
    inodes_at_most: u32,
    further: [u64; 10],
}

/// `struct xfs_growfs_data` of `<xfs/xfs_fs.h>`.
#[repr(C)]
pub struct XfsGrowth {
    blocks: u64,
    inodes_at_most: u32,
}

/// `struct btrfs_ioctl_vol_args` of `<linux/btrfs.h>`.
#[repr(C)]
pub struct BtrfsArguments {
    fd: i64,
    name: [u8; 4088],
}

/// `struct fstrim_range` of `<linux/fs.h>`, in bytes.
#[repr(C)]
pub struct TrimRange {
    start: u64,
    length: u64,
    least: u64,
}

mod ioctl {
    use crate::sys::block::grow::{BtrfsArguments, TrimRange, XfsGeometry, XfsGrowth};

    nix::ioctl_write_ptr!(ext4_resize, b'f', 16, u64);
    nix::ioctl_read!(xfs_geometry, b'X', 100, XfsGeometry);
    nix::ioctl_write_ptr!(xfs_grow, b'X', 110, XfsGrowth);
    nix::ioctl_write_ptr!(btrfs_resize, 0x94, 3, BtrfsArguments);
    nix::ioctl_readwrite!(trim, b'X', 121, TrimRange);
}

/// Grows the file system `fs` (ext4, xfs or btrfs), of which `root` is a directory, to `length` bytes: that of its device. One that has
/// this size stays as it is.
pub fn to(fs: &str, root: &File, length: u64) -> Result<()> {
    let doing = || format!("growing its {fs}");
    match fs {
        "ext4" => ext4(root, length).with_context(doing),
        "xfs" => xfs(root, length).with_context(doing),
        "btrfs" => btrfs(root).with_context(doing),
        _ => bail!("{}: it is none that can grow", doing()),
    }
}

fn ext4(root: &File, length: u64) -> Result<()> {
    let block = fstatvfs(root)?.fragment_size();
    let blocks = length / block;
    // SAFETY: the kernel reads a number, which lives that long.
    #[allow(unsafe_code)]
    unsafe { ioctl::ext4_resize(root.as_raw_fd(), &blocks) }.map_err(io::Error::from)?;
    Ok(())
}

fn xfs(root: &File, length: u64) -> Result<()> {
    // SAFETY: all bits zero are such a struct.
    #[allow(unsafe_code)]
    let mut geometry: XfsGeometry = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes a struct of this size.
    #[allow(unsafe_code)]
    unsafe { ioctl::xfs_geometry(root.as_raw_fd(), &mut geometry) }.map_err(io::Error::from)?;
    let growth = XfsGrowth {
        blocks: length / u64::from(geometry.block_size.max(1)),
        inodes_at_most: geometry.inodes_at_most,
    };
    // SAFETY: the kernel reads a struct, which lives that long.
    #[allow(unsafe_code)]
    unsafe { ioctl::xfs_grow(root.as_raw_fd(), &growth) }.map_err(io::Error::from)?;
    Ok(())
}

fn btrfs(root: &File) -> Result<()> {
    let mut arguments = BtrfsArguments {
        fd: 0,
        name: [0; 4088],
    };
    arguments.name[..3].copy_from_slice(b"max");
    // SAFETY: the kernel reads a struct, which lives that long.
    #[allow(unsafe_code)]
    unsafe { ioctl::btrfs_resize(root.as_raw_fd(), &arguments) }.map_err(io::Error::from)?;
    Ok(())
}

/// Gives back to the device what the file system does not use (fstrim(8)).
pub fn trim(root: impl AsFd) -> io::Result<()> {
    let mut range = TrimRange {
        start: 0,
        length: u64::MAX,
        least: 0,
    };
    // SAFETY: the kernel reads and writes a struct, which lives that long.
    #[allow(unsafe_code)]
    unsafe { ioctl::trim(root.as_fd().as_raw_fd(), &mut range) }?;
    Ok(())
}
