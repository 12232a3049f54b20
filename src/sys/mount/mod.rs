//! Mounts: made, taken away, found in the mount table, and who uses them.

pub mod busy;
#[allow(clippy::module_inception)]
pub mod mount;
pub mod mountinfo;
pub mod mountopts;
pub mod utab;
