//! Who holds which volume: the ledger, its records, and what they are about.

pub mod ledger;
pub mod mounted;
pub mod process;
pub mod record;
