//! `inspect`, `path`, `get` and `exists`: what is known of one volume.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::base::failure::ErrorKind;
use crate::base::options::Options;
use crate::base::secrets::fields;
use crate::base::secrets::values::Secrets;
use crate::base::text::escape_unprintable;
use crate::cli::arguments::{Common, InspectArgs};
use crate::cli::format::Row;
use crate::cli::keys::INSPECTED;
use crate::cli::stdout::{self, print};
use crate::commands::list::sizes;
use crate::commands::opening::{begin, open_volume, shown_name};
use crate::driver::image::SnapshotInfo;
use crate::driver::interface::Volume;
use crate::invocation::log::Log;
use crate::invocation::{Invocation, TIMEOUT};
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::holders::ledger;
use crate::volume::lookup;
use crate::volume::usage::usage;

pub fn inspect(args: &InspectArgs, log: &mut Log) -> Result<u8> {
    args.format.check(INSPECTED)?;
    let invocation = begin(&args.common, &Options::new(), TIMEOUT, log)?;
    let volume = open_volume(&invocation, &args.common, &Options::new())?;
    let keys = all_that_is_known(&invocation, volume.as_ref())
        .with_context(|| format!("inspecting volume {}", shown_name(&args.common)))?;
    let row = Row {
        name: volume.name().to_owned(),
        cells: [volume.driver().name().to_owned(), volume.name().to_owned()],
        keys,
    };
    let text = args.format.show(["DRIVER", "VOLUME NAME"], vec![row])?;
    print(&text, &invocation.budget)?;
    Ok(0)
}

pub fn path(common: &Common, log: &mut Log) -> Result<u8> {
    let invocation = begin(common, &Options::new(), TIMEOUT, log)?;
    let volume = open_volume(&invocation, common, &Options::new())?;
    let doing = || format!("asking for the path of volume {}", shown_name(common));
    stdout::check().with_context(doing)?;
    if let Some(path) = lookup::path(&invocation, volume.as_ref()).with_context(doing)? {
        print(
            &format!(
                "{}
",
                path.display()
            ),
            &invocation.budget,
        )?;
    }
    Ok(0)
}

pub fn get(common: &Common, log: &mut Log) -> Result<u8> {
    let invocation = begin(common, &Options::new(), TIMEOUT, log)?;
    let volume = open_volume(&invocation, common, &Options::new())?;
    let found = lookup::find(&invocation, volume.as_ref())
        .with_context(|| format!("looking up volume {}", shown_name(common)))?;
    let name = escape_unprintable(&found.name);
    print(&format!("{name}\n"), &invocation.budget)?;
    Ok(0)
}

pub fn exists(common: &Common, log: &mut Log) -> Result<u8> {
    let invocation = begin(common, &Options::new(), TIMEOUT, log)?;
    let volume = open_volume(&invocation, common, &Options::new())?;
    let exists = lookup::exists(volume.as_ref())
        .with_context(|| format!("looking up volume {}", shown_name(common)))?;
    Ok(match exists {
        true => 0,
        false => ErrorKind::Absent.exit_code(),
    })
}

/// The keys of `docker volume inspect` and our own. Those that the driver does not know are null or empty.
fn all_that_is_known(invocation: &Invocation, volume: &dyn Volume) -> Result<Map<String, Value>> {
    let found = lookup::find(invocation, volume)?;
    let scope = volume.driver().capabilities()?;
    let record = ledger::peek(invocation, volume)?;
    let table = MountTable::read()?;
    let live = record
        .as_ref()
        .and_then(|record| record.live(&table).map(|mount| (record, mount)));
    let holders = live.map(|(record, _)| record.living()).unwrap_or_default();
    let usage = usage(invocation, volume.driver(), &found, &table);
    let mountpoint = found
        .mountpoint
        .as_deref()
        .or(live.map(|(_, mount)| mount.path.as_path()));
    let mountpoint = mountpoint.map(|path| path.to_string_lossy());
    let keys = [
        ("CreatedAt", json!(found.created_at)),
        ("Driver", json!(volume.driver().name())),
        ("Labels", json!(found.labels)),
        ("Mountpoint", json!(mountpoint.unwrap_or_default())),
        ("Name", json!(found.name)),
        ("Options", json!(found.options.map(masked))),
        ("Scope", json!(scope.as_str())),
        ("Status", masked_status(found.status.unwrap_or_default())),
        ("Holders", json!(holders)),
        ("Snapshots", json!(snapshots(volume)?)),
    ];
    let keys = keys.into_iter().chain(sizes(&usage));
    let keys = keys.map(|(key, value)| (key.to_owned(), value));
    Ok(keys.chain(found.details).collect())
}

/// Their IDs; `None` where the driver has no snapshots.
fn snapshots(volume: &dyn Volume) -> Result<Option<Vec<String>>> {
    match volume.driver().snapshots(Some(volume.name())) {
        Ok(found) => Ok(Some(found.iter().map(SnapshotInfo::id).collect())),
        Err(error) if ErrorKind::of(&error) == ErrorKind::Usage => Ok(None),
        Err(error) => Err(error),
    }
}

fn masked(options: Options) -> Map<String, Value> {
    let secrets = Secrets::of(&options, "");
    let shown = |(key, value): (String, String)| (key, Value::from(secrets.mask(&value)));
    options.into_iter().map(shown).collect()
}

/// What a plugin says of a volume may repeat the options that it was made with.
fn masked_status(status: Map<String, Value>) -> Value {
    let mut status = Value::Object(status);
    fields::mask(&mut status);
    status
}
