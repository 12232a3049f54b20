//! How a new `loop` volume is to be made: everything that can be decided before anything is touched.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};

use crate::base::failure::Failure;
use crate::driver::loop_::image;
use crate::driver::shared::options::{self, LOOP, NormalOptions};
use crate::sys::block::mkfs::{self, FileSystem};

/// Where neither options nor configuration say: REX-Ray's size, in GiB.
const DEFAULTS: [(&str, &str); 2] = [("size", "16"), ("newFsType", "ext4")];

/// Options that name the volume that a new one is to be a copy of.
const COPY_SOURCES: [&str; 4] = ["volumeName", "volumeID", "snapshotName", "snapshotID"];

/// How a new image comes about.
#[derive(Debug)]
pub enum Plan {
    Make {
        fs: &'static FileSystem,
        length: u64,
        thick: bool,
    },
    Copy {
        source: PathBuf,
        fs: &'static FileSystem,
    },
}

impl Plan {
    pub fn carry_out(self, image: &Path, ends: Instant) -> Result<()> {
        match self {
            Plan::Make { fs, length, thick } => image::make(image, fs, length, thick, ends),
            Plan::Copy { source, fs } => image::copy(&source, image, fs, ends),
        }
    }
}

/// The one volume that the options want a copy of.
pub fn copy_source(normal: &NormalOptions) -> Result<Option<String>> {
    let mut named = COPY_SOURCES
        .iter()
        .filter_map(|key| options::get(normal, key));
    let Some(first) = named.next() else {
        return Ok(None);
    };
    match named.find(|other| *other != first) {
        Some(other) => Err(Failure::usage(format!(
            "a volume cannot be a copy of both {first} and {other}"
        ))
        .into()),
        None => Ok(Some(first.to_owned())),
    }
}

/// Decides by the options, then by what is to be copied (an image), then by the configured defaults, and completes the
/// options with what was decided.
pub fn decide(
    normal: &mut NormalOptions,
    defaults: NormalOptions,
    source: Option<PathBuf>,
) -> Result<Plan> {
    if let Some(source) = source {
        take_size(normal, &source)?;
        let anew = options::get(normal, "overwriteFs") == Some("true");
        if !anew {
            let fs = take_file_system(normal, &source)?;
            options::complete(normal, defaults);
            return Ok(Plan::Copy { source, fs });
        }
    }
    options::complete(normal, defaults);
    let last = DEFAULTS.map(|(key, value)| (key.to_owned(), value.to_owned()));
    options::complete(normal, options::read(LOOP, &last.into())?);
    let fs = options::get(normal, "newFsType")
        .and_then(mkfs::named)
        .context("choosing a file system: none is named")?;
    let length = options::number_in(normal, "size").context("choosing a size: none is given")?;
    let thick =
        options::get(normal, "volumeType").is_some_and(|kind| kind.eq_ignore_ascii_case("thick"));
    image::check_length(fs, length)?;
    Ok(Plan::Make { fs, length, thick })
}

fn take_size(normal: &mut NormalOptions, source: &Path) -> Result<()> {
    let (length, _) =
        image::lengths(source).with_context(|| format!("reading {}", source.display()))?;
    match options::number_in::<u64>(normal, "size") {
        Some(size) if size != length => Err(Failure::usage(
            "option size: a copy has the size of its original; leave it out",
        )
        .into()),
        _ => {
            options::complete(normal, vec![("size".to_owned(), length.to_string())]);
            Ok(())
        }
    }
}

fn take_file_system(normal: &mut NormalOptions, source: &Path) -> Result<&'static FileSystem> {
    let fs = image::file_system(source)?;
    match options::get(normal, "newFsType") {
        Some(wanted) if wanted != fs.name => Err(Failure::usage(format!(
            "option newFsType: the original holds {}; leave it out, or format the copy anew with overwriteFs=true",
            fs.name
        )).into()),
        _ => {
            options::complete(normal, vec![("newFsType".to_owned(), fs.name.to_owned())]);
            Ok(fs)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(options: &[(&str, &str)]) -> NormalOptions {
        let options = options
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        options::read(LOOP, &options).expect("good options")
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
        let plan = decide(&mut options, vec![], None).expect("decided");
        assert!(
            matches!(plan, Plan::Make { fs, length: 0x4_0000_0000, thick: true } if fs.name == "ext4")
        );
        assert_eq!(options::get(&options, "newFsType"), Some("ext4"));
    }

    #[test]
    fn a_copy_is_of_one_volume() {
        assert_eq!(copy_source(&normal(&[])).expect("none"), None);
        let named = copy_source(&normal(&[("volumeName", "a"), ("snapshotID", "a")])).expect("one");
        assert_eq!(named.as_deref(), Some("a"));
        copy_source(&normal(&[("volumeName", "a"), ("volumeID", "b")])).expect_err("two");
    }
}
