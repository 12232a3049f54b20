//! `snapshot`.

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::base::failure::Failure;
use crate::base::options::Options;
use crate::base::size;
use crate::cli::arguments::{SnapshotAction, SnapshotArgs};
use crate::cli::format::Row;
use crate::cli::keys::SNAPSHOTS;
use crate::cli::stdout::print;
use crate::commands::opening::{begin, catch_signals, open_volume, shown_name};
use crate::driver;
use crate::driver::image::SnapshotInfo;
use crate::invocation::log::Log;
use crate::invocation::{Invocation, TIMEOUT};
use crate::volume::Locked;
use crate::volume::holders::record::Holder;

pub fn snapshot(args: &SnapshotArgs, log: &mut Log) -> Result<u8> {
    args.format.check(SNAPSHOTS)?;
    if args.action != SnapshotAction::List {
        catch_signals()?;
    }
    let invocation = begin(&args.common, &Options::new(), TIMEOUT, log)?;
    match (args.action, args.snapshotname.as_deref()) {
        (SnapshotAction::List, None) => list(args, &invocation)?,
        (SnapshotAction::List, Some(_)) => bail!(Failure::usage(
            "--snapshotname: snapshot list takes none, it lists those of a volume, or all"
        )),
        (_, None) => bail!(Failure::usage(
            "--snapshotname is missing; it names the snapshot"
        )),
        (action, Some(name)) => act(action, args, name, &invocation)?,
    }
    Ok(0)
}

fn act(
    action: SnapshotAction,
    args: &SnapshotArgs,
    name: &str,
    invocation: &Invocation,
) -> Result<()> {
    let doing = match action {
        SnapshotAction::Create => "taking",
        SnapshotAction::Remove => "removing",
        SnapshotAction::Restore => "restoring",
        SnapshotAction::List => "listing",
    };
    let volume = open_volume(invocation, &args.common, &Options::new())?;
    let act = || {
        let image = volume.image()?;
        let mut locked = Locked::lock(invocation, volume.as_ref(), Holder::default())?;
        match action {
            SnapshotAction::Remove => image.remove_snapshot(name),
            SnapshotAction::Restore => locked.restore(name),
            SnapshotAction::Create | SnapshotAction::List => image.take_snapshot(name),
        }
    };
    let of = shown_name(&args.common);
    act().with_context(|| format!("{doing} snapshot {name} of volume {of}"))
}

/// Those of one volume, or of all.
fn list(args: &SnapshotArgs, invocation: &Invocation) -> Result<()> {
    const HEAD: [&str; 5] = ["VOLUME", "SNAPSHOT", "CREATED", "SIZE", "ALLOCATED"];
    let doing = "listing snapshots";
    let found = match args.common.volumename {
        Some(_) => {
            let volume = open_volume(invocation, &args.common, &Options::new())?;
            volume
                .driver()
                .snapshots(Some(volume.name()))
                .context(doing)?
        }
        None => {
            let driver = args.common.volumedriver.as_deref().unwrap_or("loop");
            driver::open(invocation, driver)?
                .snapshots(None)
                .context(doing)?
        }
    };
    let text = args.format.show(HEAD, found.iter().map(row).collect())?;
    print(&text, &invocation.budget)
}

fn row(snapshot: &SnapshotInfo) -> Row<5> {
    let values = [
        json!(snapshot.volume),
        json!(snapshot.name),
        json!(snapshot.id()),
        json!(snapshot.created_at),
        json!(snapshot.size),
        json!(snapshot.allocated),
    ];
    let keys = SNAPSHOTS.iter().map(|(key, _)| (*key).to_owned());
    Row {
        name: snapshot.id(),
        cells: [
            snapshot.volume.clone(),
            snapshot.name.clone(),
            snapshot.created_at.clone(),
            size::show(snapshot.size),
            size::show(snapshot.allocated),
        ],
        keys: keys.zip(values).collect(),
    }
}
