//! Block devices and what they hold: loop devices, file systems made on them, signatures.

pub mod loopdev;
pub mod mkfs;
pub mod signature;
