//! What is shown of a `loop` volume.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};

use crate::driver::interface::VolumeInfo;
use crate::driver::loop_::on_disk::OnDisk;
use crate::driver::loop_::{health, open};
use crate::sys::mount::mountinfo::MountTable;

impl OnDisk<'_> {
    pub fn describe(&self, table: &MountTable) -> Result<VolumeInfo> {
        let path = self.image();
        let image = open::to_read(&path);
        let (length, allocated) = match &image {
            Ok(image) => open::lengths_of(&image.metadata().context("reading the image")?),
            // Who lists them need not be allowed to read them.
            Err(_) => open::lengths(&path)?,
        };
        let mounted = self.mounted(table)?;
        let device = mounted.as_ref().map(|(_, mount)| mount.source.as_str());
        let details = [
            ("Size", length.into()),
            ("Allocated", allocated.into()),
            ("FsType", self.file.options.text("newFsType").into()),
            ("Device", device.into()),
        ];
        let mut details = object(details);
        let full = || {
            let problem = self.full_disk()?;
            Some(format!("{problem}; {}", self.repair_of_full_disk()))
        };
        let mount = mounted.as_ref().map(|(_, mount)| *mount);
        if let Some(problem) = health::problem_of(image, mount)?.or_else(full) {
            details.insert("Problem".into(), problem.into());
        }
        Ok(VolumeInfo {
            mountpoint: mounted.map(|(mount_point, _)| self.data(&mount_point)),
            status: Some(self.status(length)),
            details,
            ..VolumeInfo::default()
        })
    }

    /// The fields that REX-Ray shows, for programs that read them; the size is in GiB.
    fn status(&self, length: u64) -> Map<String, Value> {
        const GIB: u64 = 1 << 30;
        let size = match length.is_multiple_of(GIB) {
            true => json!(length / GIB),
            false => json!(length as f64 / GIB as f64),
        };
        let options = &self.file.options;
        let text = |name| options.text(name).unwrap_or_default();
        let driver = self.place.home.driver;
        object([
            ("name", self.place.name.into()),
            ("size", size),
            ("iops", options.number("iops").unwrap_or(0).into()),
            ("type", text("volumeType").into()),
            ("availabilityZone", text("availabilityZone").into()),
            ("fields", Value::Null),
            ("service", driver.into()),
            ("server", driver.into()),
        ])
    }
}

fn object<const N: usize>(pairs: [(&str, Value); N]) -> Map<String, Value> {
    let pairs = pairs.into_iter();
    pairs.map(|(key, value)| (key.to_owned(), value)).collect()
}
