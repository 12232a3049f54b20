//! Files and directories: reading, copying, entering and removing them without being led elsewhere by a symbolic link.

pub mod copy;
pub mod directory;
pub mod fixed;
pub mod id;
pub mod immutable;
pub mod in_memory;
pub mod in_place;
pub mod ownership;
pub mod resolve;
pub mod small;
pub mod system;
pub mod tree;
pub mod trusted;
