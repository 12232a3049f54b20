//! `loop`: a volume of a given size is a file system in an image file, mounted from a loop device.

mod allowed;
mod binding;
mod claimed;
mod examine;
mod full_disk;
mod growth;
mod health;
mod hidden;
mod image;
mod image_volume;
mod on_disk;
mod open;
mod options;
mod plan;
mod promise;
mod read_only;
mod shown;
mod snapshots;
mod space;
mod thick;
mod volume;

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::base::finding::{Care, Finding};
use crate::driver::image::{ImageVolume, SnapshotInfo, id};
use crate::driver::interface::{Chooser, Next};
use crate::driver::loop_::image_volume::LoopImage;
use crate::driver::loop_::on_disk::{IMAGE, MOUNT_POINT, OnDisk};
use crate::driver::loop_::options::OPTIONS;
use crate::driver::loop_::plan::{Origin, Plan, Source};
use crate::driver::loop_::promise::Promise;
use crate::driver::loop_::volume::LoopVolume;
use crate::driver::shared::existing::Existing;
use crate::driver::shared::given::Given;
use crate::driver::shared::home::{Home, Place};
use crate::driver::shared::host_claim;
use crate::driver::shared::kind::BuiltInKind;
use crate::driver::shared::names;
use crate::driver::shared::not_allowed::refuse_panic;
use crate::driver::shared::options::{Known, NormalOptions};
use crate::driver::shared::store::{self, VolumeFile};
use crate::driver::shared::told;
use crate::invocation::config::Config;
use crate::invocation::config::allow::Allow;

/// The kind of built-in driver that `loop` is.
pub struct Loop;

impl BuiltInKind for Loop {
    fn name(&self) -> &'static str {
        "loop"
    }

    fn options(&self) -> &'static [Known] {
        OPTIONS
    }

    fn check_configuration(&self, config: &Config) -> Result<()> {
        options::check_configured_defaults(config)
    }

    fn check(&self, options: &NormalOptions) -> Result<()> {
        Origin::of(options)?;
        refuse_panic("mountOpts", options.text("mountOpts").unwrap_or_default())
    }

    fn refuse_not_allowed(&self, options: &NormalOptions, allow: &Allow) -> Result<()> {
        allowed::refuse(options, &allow.loop_)
    }

    fn copy_source(&self, place: Place, options: &NormalOptions) -> Result<Option<String>> {
        let origin = Origin::of(options)?;
        let source = origin.and_then(|origin| origin.volume());
        if place.file()?.is_some() {
            return Ok(None);
        }
        let canonical = |source: &str| names::parse(source).map(|(name, _)| name);
        source.map(canonical).transpose()
    }

    fn create(&self, place: Place, given: &Given, chooser: Chooser, next: Next) -> Result<bool> {
        let mut options = given.options()?.clone();
        let home = place.home;
        let allow = &home.invocation.config.allow.loop_;
        let defaults = options::configured_defaults(&home.invocation.config)?;
        let source = find_source(&options, home)?;
        let is_given = options.has("size");
        let plan = plan::decide(&mut options, defaults, source)?;
        let length = options.number("size").unwrap_or(0);
        if chooser == Chooser::Caller {
            allowed::refuse_large(length, allow)?;
        }
        if options.has("iops") {
            home.invocation.log.warn(
                "option iops is recorded, but not enforced: a loop device cannot provision IOPS",
            );
        }
        let is_read_only_next = thick::mount_options("", &options).read_only()
            || next == Next::Unknown && matches!(plan, Plan::Make { .. });
        home.step(|| format!("making volume {}", place.name));
        let file = given.new_file(options);
        home.store.create(place.name, &file, |directory| {
            let promise = Promise {
                place,
                directory,
                length,
                is_given,
                chooser,
            };
            promise.refuse()?;
            host_claim::make_token(directory)?;
            make_image(plan, &file.options, home, directory)?;
            // Others may have been made at the same time.
            promise.refuse_or_warn()?;
            try_mount_options(&file.options, home, directory)?;
            if is_read_only_next {
                prepare(&file.options, home, directory)?;
            }
            store::make_directory(&directory.join(MOUNT_POINT))
        })
    }

    fn examine(&self, home: &Home, options: &[NormalOptions], care: Care) -> Result<Vec<Finding>> {
        examine::driver(home, options, care)
    }

    fn existing<'h>(
        &self,
        place: Place<'h>,
        file: &'h VolumeFile,
    ) -> Result<Box<dyn Existing + 'h>> {
        let on_disk = OnDisk { place, file };
        Ok(Box::new(LoopVolume { on_disk }))
    }

    fn image<'h>(&self, place: Place<'h>) -> Option<Box<dyn ImageVolume + 'h>> {
        Some(Box::new(LoopImage { place }))
    }

    fn snapshots(&self, home: &Home, volume: Option<&str>) -> Option<Result<Vec<SnapshotInfo>>> {
        Some(snapshots::list(home, volume))
    }
}

/// The image of the volume, or of the snapshot, that the options ask for a copy of.
fn find_source(options: &NormalOptions, home: &Home) -> Result<Option<Source>> {
    let Some(origin) = Origin::of(options)? else {
        return Ok(None);
    };
    let directory = match origin {
        Origin::Volume(volume) => names::parse(volume)?.0,
        Origin::Snapshot {
            volume: Some(volume),
            snapshot,
        } => id(volume, snapshot),
        Origin::Snapshot {
            volume: None,
            snapshot,
        } => match snapshots::only(home, snapshot)? {
            Some(directory) => directory,
            None => names::parse(snapshot)?.0,
        },
    };
    let source = home.place(&directory);
    let file = match names::is_valid(&directory) || names::is_snapshot(&directory) {
        true => source.file()?,
        false => None,
    };
    let Some(file) = file else {
        bail!(Failure::absent(match directory.split_once('@') {
            Some((volume, name)) => format!("there is no snapshot {name} of volume {volume}"),
            None => format!("there is no volume {directory} to copy"),
        }));
    };
    Ok(Some(Source {
        image: source.directory().join(IMAGE),
        told: told::path(source),
        is_thick: thick::is_asked(&file.options),
    }))
}

/// Makes the image of a new volume. A volume that another host has mounted, now or while it is copied, is not copied: a part of it would
/// be old and a part new.
fn make_image(plan: Plan, options: &NormalOptions, home: &Home, directory: &Path) -> Result<()> {
    let source = match &plan {
        Plan::Copy { source, .. } => source.image.parent().map(Path::to_owned),
        Plan::Make { .. } => None,
    };
    let image = directory.join(IMAGE);
    let reserve = home.invocation.config.allow.loop_.reserve;
    let Some(source) = source else {
        return plan.carry_out(&image, reserve, home.ends());
    };
    let doing = || format!("copying {}", source.display());
    let free = host_claim::refuse_foreign(&source, &home.host).with_context(doing)?;
    plan.carry_out(&image, reserve, home.ends())?;
    host_claim::refuse_if_claimed_since(&free, &source, &home.host).with_context(doing)?;
    growth::hand_on(&source, directory)?;
    grow_copy(options, home, directory)
}

/// A copy that is to be larger than its original grows, and one whose original has not finished growing.
fn grow_copy(options: &NormalOptions, home: &Home, directory: &Path) -> Result<()> {
    let (length, _) = open::lengths(&directory.join(IMAGE))?;
    let begun = growth::begun(directory).unwrap_or(length);
    if let Some(wanted) = options
        .number("size")
        .filter(|wanted| *wanted > length.max(begun))
    {
        growth::begin(directory, wanted)?;
    }
    growth::finish(directory, options, home, None)
}

/// Options with which a volume can never be mounted are found when it is made.
fn try_mount_options(options: &NormalOptions, home: &Home, directory: &Path) -> Result<()> {
    if options.text("mountOpts").is_some() {
        hidden::try_mount_options(&directory.join(IMAGE), options, home.ends())?;
    }
    Ok(())
}

/// Makes the directory that users get in a volume that may be mounted read-only before it is written to.
fn prepare(options: &NormalOptions, home: &Home, directory: &Path) -> Result<()> {
    let root_path = &home.invocation.config.root_path;
    hidden::prepare(
        &directory.join(IMAGE),
        options,
        root_path,
        directory,
        home.ends(),
    )
}
