//! Who holds which volume: the ledger, its records and locks, and holder processes.

pub mod held;
pub mod hold;
pub mod ledger;
pub mod lock;
pub mod memory;
pub mod mount_record;
pub mod mounts;
pub mod name;
pub mod process;
pub mod record;
pub mod views;
