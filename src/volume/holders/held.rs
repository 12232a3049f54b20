//! Which volumes are held on this host, for verbs that look at many of them.

use std::collections::HashSet;

use anyhow::Result;

use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::holders::ledger;

/// Driver and name of each volume that somebody holds, as the records and the mount table have it.
pub struct Held(HashSet<(String, String)>);

impl Held {
    pub fn read(invocation: &Invocation, table: &MountTable) -> Result<Held> {
        let mut volumes = HashSet::new();
        for record in ledger::all(invocation)? {
            let is_here = record.live(table).is_some() && !record.living().is_empty();
            if is_here || record.held_elsewhere(table).is_some() {
                volumes.insert((key(&record.driver).to_owned(), record.volume));
            }
        }
        Ok(Held(volumes))
    }

    /// Whether somebody holds the volume of that name.
    pub fn has(&self, driver: &str, name: &str) -> bool {
        let volume = (key(driver).to_owned(), name.to_owned());
        self.0.contains(&volume)
    }
}

/// A managed plugin may be named with its tag `latest` or without.
fn key(driver: &str) -> &str {
    driver.strip_suffix(":latest").unwrap_or(driver)
}
