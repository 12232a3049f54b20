//! `list` where names are all that is asked for, for which a built-in driver reads no record.

use anyhow::Result;

use crate::base::labels::Labels;
use crate::cli::filter::{Filter, Subject};
use crate::cli::format::Format;
use crate::driver::interface::Driver;
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::holders::held::Held;

pub fn are_enough(format: &Format, filter: &Filter) -> bool {
    *format == Format::Names && !filter.asks_for_details()
}

/// The names of a driver's volumes that the filter asks for, sorted. What has no name is left out.
pub fn names(invocation: &Invocation, filter: &Filter, driver: &dyn Driver) -> Result<Vec<String>> {
    driver.tell_of_half_removed();
    let mut names = driver.names()?;
    let held = filter.asks_for_holders().then(|| {
        let table = MountTable::read()?;
        Held::read(invocation, &table)
    });
    let held = held.transpose()?;
    let labels = Labels::new();
    names.retain(|name| {
        let fits = filter.fits(&Subject {
            name,
            driver: driver.name(),
            labels: &labels,
            is_held: held
                .as_ref()
                .is_some_and(|it| it.has(driver.name(), name) || driver.is_on_another_host(name)),
            is_mounted: false,
        });
        fits && !name.is_empty()
    });
    names.sort_unstable();
    Ok(names)
}
