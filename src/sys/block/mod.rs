//! Block devices and file systems: binding loop devices, making file systems, recognising what a device holds.

pub mod btrfs;
pub mod deleted;
pub mod ext_errors;
pub mod fill;
pub mod grow;
pub mod loop_device;
pub mod mkfs;
pub mod sectors;
pub mod sequence;
pub mod signature;
