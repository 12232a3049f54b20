//! How a new `loop` volume is to be made: what can be decided before anything is changed.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::base::size;
use crate::driver::loop_::image::{self, CopySpace};
use crate::driver::loop_::options::last_defaults;
use crate::driver::loop_::{open, thick};
use crate::driver::shared::options::NormalOptions;
use crate::driver::shared::values::Value;
use crate::invocation::config::allow::Reserve;
use crate::sys::block::mkfs::{self, FileSystem};

/// Options that name the volume that a new one is to be a copy of.
pub const COPY_SOURCES: [&str; 4] = ["volumeName", "volumeID", "snapshotName", "snapshotID"];

/// How a new image is to be made.
#[derive(Debug)]
pub enum Plan {
    Make {
        fs: &'static FileSystem,
        /// In bytes.
        length: u64,
        /// Whether its space is allocated at once.
        thick: bool,
    },
    Copy {
        source: Source,
        fs: &'static FileSystem,
        space: CopySpace,
    },
}

/// The volume that is to be copied.
#[derive(Debug)]
pub struct Source {
    pub image: PathBuf,
    /// Where is kept what the copy is told of it ([`told`](crate::driver::shared::told)).
    pub told: PathBuf,
    pub is_thick: bool,
}

impl Plan {
    /// `reserve` stays free of the disk.
    pub fn carry_out(self, image: &Path, reserve: Reserve, ends: Instant) -> Result<()> {
        match self {
            Plan::Make { fs, length, thick } => {
                image::make(image, fs, length, thick, reserve, ends)
            }
            Plan::Copy { source, fs, space } => {
                image::copy(&source.image, &source.told, image, fs, space, reserve, ends)
            }
        }
    }
}

/// What the options ask for a copy of, as the user wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'o> {
    Volume(&'o str),
    /// A snapshot, of the volume that is named, else of the only one that has it. Where none has, a volume of that name is meant, as
    /// before there were snapshots; unless another volume is named.
    Snapshot {
        volume: Option<&'o str>,
        snapshot: &'o str,
    },
}

impl<'o> Origin<'o> {
    /// `None` where the options ask for no copy.
    ///
    /// # Errors
    ///
    /// Wrong usage: they name more than one volume or more than one snapshot.
    pub fn of(options: &'o NormalOptions) -> Result<Option<Origin<'o>>> {
        let id = options.text("snapshotID").unwrap_or_default();
        let (of, snapshot) = id
            .split_once('@')
            .map_or((None, id), |(of, it)| (Some(of), it));
        let volume = one(
            "volume",
            [options.text("volumeName"), options.text("volumeID"), of],
        )?;
        let snapshot = (!snapshot.is_empty()).then_some(snapshot);
        let snapshot = one("snapshot", [options.text("snapshotName"), snapshot, None])?;
        Ok(match (volume, snapshot) {
            (Some(volume), Some(snapshot)) if volume == snapshot => Some(Origin::Volume(volume)),
            (volume, Some(snapshot)) => Some(Origin::Snapshot { volume, snapshot }),
            (Some(volume), None) => Some(Origin::Volume(volume)),
            (None, None) => None,
        })
    }

    /// The volume that has to be made before.
    pub fn volume(&self) -> Option<&'o str> {
        match self {
            Origin::Volume(volume) => Some(volume),
            Origin::Snapshot {
                volume: Some(_), ..
            } => None,
            Origin::Snapshot {
                volume: None,
                snapshot,
            } => Some(snapshot),
        }
    }
}

/// The one name that is given, perhaps several times.
fn one<'o>(what: &str, given: [Option<&'o str>; 3]) -> Result<Option<&'o str>> {
    let mut given = given.into_iter().flatten();
    let Some(first) = given.next() else {
        return Ok(None);
    };
    match given.find(|other| *other != first) {
        Some(other) => bail!(Failure::usage(format!(
            "a volume cannot be a copy of both the {what} {first} and the {what} {other}"
        ))),
        None => Ok(Some(first)),
    }
}

/// Decides by the options, then by the image that is to be copied (`source`), then by the configured defaults, and adds to the
/// options what was decided.
///
/// # Errors
///
/// Wrong usage: options that contradict the image, or a size that is too small. Also an image that cannot be copied.
pub fn decide(
    options: &mut NormalOptions,
    defaults: NormalOptions,
    source: Option<Source>,
) -> Result<Plan> {
    if let Some(source) = source {
        let is_thick = source.is_thick;
        take_size(options, &source.image)?;
        if is_thick {
            options.add("volumeType", Value::Text("thick".to_owned()));
        }
        if !options.is_true("overwriteFs") {
            let fs = take_file_system(options, &source.image)?;
            check_growth(options, &source.image, fs)?;
            options.complete(defaults);
            thick::check_mount_options(options)?;
            let is_copy_thick = thick::is_asked(options);
            let space = CopySpace {
                is_thick: is_copy_thick,
                is_shared: !is_thick && !is_copy_thick,
            };
            return Ok(Plan::Copy { source, fs, space });
        }
    }
    options.complete(defaults);
    thick::check_mount_options(options)?;
    options.complete(last_defaults()?);
    let fs = options.text("newFsType").and_then(mkfs::named);
    let fs = fs.context("choosing a file system: none is named")?;
    let length = options.number("size");
    let length = length.context("choosing a size: none is given")?;
    let thick = thick::is_asked(options);
    image::check_length(fs, length)?;
    Ok(Plan::Make { fs, length, thick })
}

/// Takes the size from the image that is to be copied, unless a larger one is asked for.
fn take_size(options: &mut NormalOptions, source: &Path) -> Result<()> {
    let (length, _) = open::lengths(source)?;
    if options.number("size").is_some_and(|size| size < length) {
        bail!(Failure::usage(format!(
            "option size: a copy cannot be smaller than its original, which has {}; leave it out",
            size::show(length)
        )));
    }
    options.add("size", Value::Number(length));
    Ok(())
}

/// A copy that is to be larger than its original has to grow.
fn check_growth(options: &NormalOptions, source: &Path, fs: &FileSystem) -> Result<()> {
    let (now, _) = open::lengths(source)?;
    let wanted = options.number("size").unwrap_or(now);
    image::check_growth(fs, "option size", now, wanted)
}

/// Takes the file system from the image that is to be copied.
fn take_file_system(options: &mut NormalOptions, source: &Path) -> Result<&'static FileSystem> {
    let fs = image::file_system(source)?;
    if options
        .text("newFsType")
        .is_some_and(|wanted| wanted != fs.name)
    {
        bail!(Failure::usage(format!(
            "option newFsType: the original holds {}; leave it out, or format the copy anew with overwriteFs=true",
            fs.name
        )));
    }
    options.add("newFsType", Value::Text(fs.name.to_owned()));
    Ok(fs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::loop_::options::OPTIONS;
    use crate::driver::shared::options;

    fn normal(list: &[(&str, &str)]) -> NormalOptions {
        let options = list
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        options::read(OPTIONS, &options).expect("good options")
    }

    #[test]
    fn options_count_before_defaults_before_ours() {
        let mut options = normal(&[("size", "1")]);
        let plan = decide(
            &mut options,
            normal(&[("size", "2"), ("fsType", "xfs")]),
            None,
        )
        .expect("decided");
        assert!(
            matches!(plan, Plan::Make { fs, length: 0x4000_0000, thick: false } if fs.name == "xfs")
        );
        let mut options = normal(&[("volumeType", "Thick")]);
        let plan = decide(&mut options, NormalOptions::default(), None).expect("decided");
        assert!(
            matches!(plan, Plan::Make { fs, length: 0x4_0000_0000, thick: true } if fs.name == "ext4")
        );
        assert_eq!(options.text("newFsType"), Some("ext4"));
    }

    #[test]
    fn what_is_made_of_options_alone() {
        type Pairs = &'static [(&'static str, &'static str)];
        let cases: [(Pairs, u64, &str); 4] = [
            (&[("size", "1")], 1 << 30, "ext4"),
            (&[("size", "10G"), ("fs", "ext4")], 10 << 30, "ext4"),
            (
                &[("size", "0.5"), ("overwritefs", "true"), ("repl", "1")],
                1 << 29,
                "ext4",
            ),
            (&[("size", "8T")], 8 << 40, "ext4"),
        ];
        for (list, bytes, name) in cases {
            let plan = decide(&mut normal(list), NormalOptions::default(), None);
            let plan = plan.expect("decided");
            assert!(
                matches!(plan, Plan::Make { fs, length, thick: false } if (length, fs.name) == (bytes, name)),
                "{list:?}: {plan:?}"
            );
        }
    }

    #[test]
    fn a_copy_is_of_one_volume() {
        let of = |pairs: &[(&str, &str)]| {
            let options = normal(pairs);
            Origin::of(&options)
                .map(|origin| format!("{origin:?}"))
                .map_err(|error| error.to_string())
        };
        let snapshot =
            |volume: &str| format!("Some(Snapshot {{ volume: {volume}, snapshot: \"s\" }})");
        for (pairs, expected) in [
            (&[] as &[_], "None".to_owned()),
            (&[("volumeID", "a")], "Some(Volume(\"a\"))".into()),
            (
                &[("volumeName", "a"), ("snapshotID", "a")],
                "Some(Volume(\"a\"))".into(),
            ),
            (&[("snapshotName", "s")], snapshot("None")),
            (
                &[("volumeName", "a"), ("snapshotName", "s")],
                snapshot("Some(\"a\")"),
            ),
            (&[("snapshotID", "a@s")], snapshot("Some(\"a\")")),
            (
                &[
                    ("snapshotID", "a@s"),
                    ("snapshotName", "s"),
                    ("volumeID", "a"),
                ],
                snapshot("Some(\"a\")"),
            ),
        ] {
            assert_eq!(of(pairs).expect("one"), expected, "{pairs:?}");
        }
        for (pairs, refusal) in [
            (
                [("volumeName", "a"), ("volumeID", "b")],
                "the volume a and the volume b",
            ),
            (
                [("volumeName", "a"), ("snapshotID", "b@s")],
                "the volume a and the volume b",
            ),
            (
                [("snapshotName", "a"), ("snapshotID", "b@s")],
                "the snapshot a and the snapshot s",
            ),
        ] {
            let expected = format!("a volume cannot be a copy of both {refusal}");
            assert_eq!(of(&pairs).expect_err("two"), expected);
        }
    }
}
