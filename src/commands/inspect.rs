//! All that is known of one volume, in the keys of `docker volume inspect` and our own.

use anyhow::Result;
use serde_json::{Map, Value, json};

use crate::base::secrets::Secrets;
use crate::driver::Driver;
use crate::invocation::Invocation;
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::create as volumes;
use crate::volume::holders::ledger as holders;

/// Keys that the driver does not know are null or empty.
pub fn inspect(invocation: &Invocation, driver: &dyn Driver, volume: &str) -> Result<Value> {
    let found = volumes::find(driver, volume)?;
    let scope = driver.capabilities()?;
    let record = holders::peek(invocation, driver.name(), &driver.plain_name(volume)?)?;
    let table = MountTable::read()?;
    let live = record
        .as_ref()
        .and_then(|record| record.live(&table).map(|mounted| (record, mounted)));
    let holders = live.map(|(record, _)| record.listed()).unwrap_or_default();
    let mountpoint = found
        .mountpoint
        .as_deref()
        .or(live.map(|(_, mounted)| mounted.path.as_path()));
    let options = found.options.map(|options| {
        let secrets = Secrets::of(&options, "");
        let shown = |(key, value): (String, String)| (key, Value::from(secrets.mask(&value)));
        options.into_iter().map(shown).collect::<Map<_, _>>()
    });
    let mut keys = json!({
        "CreatedAt": found.created_at,
        "Driver": driver.name(),
        "Labels": {},
        "Mountpoint": mountpoint.map(|path| path.to_string_lossy()).unwrap_or_default(),
        "Name": found.name,
        "Options": options,
        "Scope": scope.as_str(),
        "Status": found.status.unwrap_or_default(),
        "Holders": holders,
    });
    if let Value::Object(keys) = &mut keys {
        keys.extend(found.details);
    }
    Ok(keys)
}
