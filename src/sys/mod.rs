//! What the kernel and other programs do for dvdcli: block devices, files, mounts, processes. It knows no volumes.
//!
//! System calls are made by std, sys-mount (mount, umount2), nix (all others), and rustix where nix lacks a call or would
//! be wrong. Their errors leave this room as [`std::io::Error`], alone or as the leaf of an [`anyhow::Error`], so that
//! `base::text::chain` prints them all in the same words.

#![allow(unsafe_code, reason = "system calls that no crate wraps")]

pub mod archive;
pub mod block;
pub mod errno;
pub mod files;
pub mod mount;
pub mod process;

#[cfg(test)]
pub mod tests;
