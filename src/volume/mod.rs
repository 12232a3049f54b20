//! One volume on this host: created, mounted, released, removed.

pub mod bind;
pub mod create;
pub mod holders;
pub mod mount;
pub mod mountpoint;
pub mod release;
