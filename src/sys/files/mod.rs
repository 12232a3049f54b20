//! Files and directories: read, copied, entered and removed without being led astray.

pub mod copy;
pub mod directory;
pub mod small;
pub mod tree;
