//! The kernel, and the programs that make file systems. Knows no volumes.

#![allow(unsafe_code, reason = "system calls that no crate wraps")]

pub mod block;
pub mod files;
pub mod mount;
pub mod process;
