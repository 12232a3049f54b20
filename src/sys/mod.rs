//! The kernel: what is mounted, mounting, and calls that may hang. Knows no volumes.

#![allow(unsafe_code, reason = "system calls that no crate wraps")]

pub mod arena;
pub mod mount;
pub mod mountinfo;
pub mod probe;
