//! The kernel, and the programs that make file systems. Knows no volumes.

#![allow(unsafe_code, reason = "system calls that no crate wraps")]

pub mod arena;
pub mod busy;
pub mod child;
pub mod copy;
pub mod directory;
pub mod foreground;
pub mod limit;
pub mod loopdev;
pub mod mkfs;
pub mod mount;
pub mod mountinfo;
pub mod mountopts;
pub mod probe;
pub mod signature;
pub mod tree;
pub mod utab;
