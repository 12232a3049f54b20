//! The options of `loop` volumes, and their defaults.

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::base::options::Options;
use crate::driver::shared::options::{self, Known, NormalOptions, known};
use crate::driver::shared::values::{Value, boolean, bytes, id, mode, number, one_copy, text};
use crate::invocation::config::Config;
use crate::sys::block::mkfs;

/// All of them (man page: DRIVERS).
pub const OPTIONS: &[Known] = &[
    known("size", &[], bytes),
    known("newFsType", &["fsType", "fs"], file_system),
    known("overwriteFs", &[], boolean).only_for_making(),
    known("volumeName", &[], text),
    known("volumeID", &[], text),
    known("snapshotName", &[], text),
    known("snapshotID", &[], text),
    known("iops", &[], number),
    known("volumeType", &["type"], text),
    known("availabilityZone", &[], text),
    known("uid", &[], id),
    known("gid", &[], id),
    known("mode", &[], mode),
    known("mountOpts", &["o"], text),
    known("repl", &[], one_copy).only_for_making(),
];

/// Where neither options nor configuration give a value: REX-Ray's size, in GiB.
const LAST_DEFAULTS: [(&str, &str); 2] = [("size", "16"), ("newFsType", "ext4")];

/// The defaults of the last resort.
pub fn last_defaults() -> Result<NormalOptions> {
    let defaults = LAST_DEFAULTS.map(|(name, value)| (name.to_owned(), value.to_owned()));
    options::read(OPTIONS, &defaults.into())
}

/// The defaults that the configuration gives.
pub fn configured_defaults(config: &Config) -> Result<NormalOptions> {
    let configured = config.create_defaults.iter();
    let defaults: Options = configured
        .map(|(name, default)| ((*name).to_owned(), default.value.clone()))
        .collect();
    options::read(OPTIONS, &defaults).context("reading the configured defaults")
}

/// Refuses a default that no volume can have: wrong usage, with the place where it stands.
pub fn check_configured_defaults(config: &Config) -> Result<()> {
    for (name, default) in &config.create_defaults {
        let option = vec![((*name).to_owned(), default.value.clone())];
        options::read(OPTIONS, &option).with_context(|| Failure::usage(&default.origin))?;
    }
    Ok(())
}

/// The name of a file system that can be made here.
fn file_system(value: &str) -> Result<Value> {
    let Some(fs) = mkfs::named(value.trim()) else {
        let known: Vec<&str> = mkfs::FILE_SYSTEMS.iter().map(|fs| fs.name).collect();
        bail!(
            "{value:?} cannot be made here; known are {}",
            known.join(", ")
        );
    };
    Ok(Value::Text(fs.name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::ErrorKind;
    use crate::base::text::chain;
    use crate::driver::shared::options::read;

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn good_values() {
        for (key, value, name, expected) in [
            ("SIZE", "1.5T", "size", "1649267441664"),
            ("size", "10 GB", "size", "10737418240"),
            ("newfstype", "XFS", "newFsType", "xfs"),
            ("fsType", " btrfs ", "newFsType", "btrfs"),
            ("fs", "ext4", "newFsType", "ext4"),
            ("overwriteFS", "T", "overwriteFs", "true"),
            ("volumename", "a", "volumeName", "a"),
            ("VolumeId", "a", "volumeID", "a"),
            ("snapshotName", "a", "snapshotName", "a"),
            ("snapshotid", "a", "snapshotID", "a"),
            ("iops", "100", "iops", "100"),
            ("type", "Thick", "volumeType", "Thick"),
            ("volumeType", "gp2", "volumeType", "gp2"),
            ("availabilityzone", "a", "availabilityZone", "a"),
            ("uid", "1000", "uid", "1000"),
            ("gid", "0", "gid", "0"),
            ("mode", "2750", "mode", "2750"),
            ("o", "noatime", "mountOpts", "noatime"),
            ("MOUNTOPTS", "noatime", "mountOpts", "noatime"),
            ("repl", "1", "repl", "1"),
        ] {
            let options = read(OPTIONS, &vec![pair(key, value)]).expect(key);
            assert_eq!(options.shown(name).as_deref(), Some(expected), "{key}");
        }
    }

    #[test]
    fn what_is_refused() {
        let size = "is no size; write it like 16 (GiB), 500MiB or 1.5T";
        let nul = "a NUL cannot be in it";
        for (key, value, refusal) in [
            ("size", "0", r#"option size: "0" is nothing"#.to_owned()),
            ("size", "-1", format!(r#"option size: "-1" {size}"#)),
            ("size", "many", format!(r#"option size: "many" {size}"#)),
            ("size", "", format!(r#"option size: "" {size}"#)),
            (
                "Size",
                "5X",
                r#"option Size: "5X" is no size: unknown unit X; write it like 16 (GiB), 500MiB or 1.5T"#.into(),
            ),
            ("size", "8E", r#"option size: "8E" is larger than any file"#.into()),
            (
                "fs",
                "zfs",
                r#"option fs: "zfs" cannot be made here; known are ext4, xfs, btrfs"#.into(),
            ),
            (
                "newFsType",
                "",
                r#"option newFsType: "" cannot be made here; known are ext4, xfs, btrfs"#.into(),
            ),
            (
                "overwritefs",
                "maybe",
                r#"option overwritefs: "maybe" is neither true nor false"#.into(),
            ),
            ("volumeName", "\0", format!("option volumeName: {nul}")),
            ("volumeID", "\0", format!("option volumeID: {nul}")),
            ("snapshotName", "\0", format!("option snapshotName: {nul}")),
            ("snapshotID", "\0", format!("option snapshotID: {nul}")),
            ("type", "\0", format!("option type: {nul}")),
            ("availabilityZone", "\0", format!("option availabilityZone: {nul}")),
            ("o", "\0", format!("option o: {nul}")),
            (
                "iops",
                "many",
                r#"option iops: "many" is no number: invalid digit found in string"#.into(),
            ),
            ("uid", "root", r#"option uid: "root" is no numeric user or group"#.into()),
            ("gid", "-1", r#"option gid: "-1" is no numeric user or group"#.into()),
            ("mode", "rwx", r#"option mode: "rwx" is no octal mode such as 0750"#.into()),
            ("repl", "2", r#"option repl: "2" copies: one host keeps one"#.into()),
        ] {
            let error = read(OPTIONS, &vec![pair(key, value)]).expect_err(key);
            assert_eq!(ErrorKind::of(&error), ErrorKind::Usage, "{key}");
            assert_eq!(chain(&error), refusal);
        }
    }

    #[test]
    fn misspellings() {
        let known = "(known: size, newFsType, overwriteFs, volumeName, volumeID, snapshotName, snapshotID, iops, volumeType, availabilityZone, uid, gid, mode, mountOpts, repl)";
        for (key, meant) in [
            ("siez", "; did you mean size?"),
            ("volumetpye", "; did you mean volumeType?"),
            ("fstyp", "; did you mean fsType?"),
            ("iop", "; did you mean iops?"),
            ("mounopts", "; did you mean mountOpts?"),
            ("snapshot", "; did you mean snapshotID?"),
            ("encrypted", ""),
            ("device", ""),
        ] {
            let error = read(OPTIONS, &vec![pair(key, "1")]).expect_err(key);
            assert_eq!(ErrorKind::of(&error), ErrorKind::Usage, "{key}");
            assert_eq!(
                chain(&error),
                format!("unknown option {key}{meant} {known}")
            );
        }
    }

    #[test]
    fn a_bad_default_is_refused_with_its_place() {
        use crate::invocation::config::CreateDefault;
        let mut config = Config::default();
        check_configured_defaults(&config).expect("none");
        let default = CreateDefault {
            value: "much".into(),
            origin: "reading config.yml: line 2: docker.size".into(),
        };
        config.create_defaults.insert("size", default);
        let error = check_configured_defaults(&config).expect_err("a bad size");
        assert_eq!(ErrorKind::of(&error), ErrorKind::Usage);
        assert_eq!(
            chain(&error),
            "reading config.yml: line 2: docker.size: option size: \"much\" is no size; write it like 16 (GiB), 500MiB or 1.5T"
        );
        last_defaults().expect("good");
    }
}
