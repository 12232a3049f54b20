//! Which sources a volume may have that is made on the way to a mount (setting `allow.local`).

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::driver::local::source::Source;
use crate::driver::shared::not_allowed::{foreign_word, refusal};
use crate::invocation::config::allow::AllowLocal;
use crate::sys::files::fixed;

/// Types whose devices are shares, `//server/share`. To any other that is a path.
const SHARES: [&str; 3] = ["cifs", "smb3", "smbfs"];

const DEVICES: &str = "local.devices";

/// Refuses a source that the host's owner has not allowed. `words` is the option `o`.
///
/// # Errors
///
/// Wrong usage, with the names of option and setting.
pub fn refuse(source: &Source, words: &str, allow: &AllowLocal) -> Result<()> {
    let kind = match source.is_bind() {
        true => "none",
        false => source.fs_type(),
    };
    if !allow.types.iter().any(|allowed| allowed == kind) {
        bail!(refusal("type", kind, "local.types"));
    }
    if let Some(program) = source.program().filter(|_| !allow.helpers) {
        let what = format!("{kind}, which {} mounts,", program.display());
        bail!(refusal("type", &what, "local.helpers"));
    }
    match source.device().starts_with('/') && !SHARES.contains(&kind) {
        true => refuse_path(Path::new(source.device()), &allow.devices)?,
        false => refuse_text(source.device(), &allow.devices)?,
    }
    let words = words.split(',');
    let words = words.filter(|word| word.trim() != "bind" || !source.is_bind());
    match foreign_word(&words.collect::<Vec<_>>().join(","), &allow.mount_options) {
        Some(word) => bail!(refusal("o", word, "local.mountopts")),
        None => Ok(()),
    }
}

/// Refuses a path that is not in an allowed directory, or that others can make lead out of it, also later.
fn refuse_path(path: &Path, allowed: &[String]) -> Result<()> {
    let mut directories = allowed.iter().map(String::as_str);
    let has = |directory: &str| {
        directory.starts_with('/') && !directory.starts_with("//") && path.starts_with(directory)
    };
    let shown = path.display();
    if climbs(&path.to_string_lossy()) || !directories.any(has) {
        bail!(refusal("device", &shown.to_string(), DEVICES));
    }
    let looseness = fixed::looseness(path).with_context(|| format!("option device: {shown}"))?;
    match looseness {
        Some(why) => {
            let what = format!("{shown}, which others can make lead elsewhere ({why}),");
            bail!(refusal("device", &what, DEVICES))
        }
        None => Ok(()),
    }
}

/// Refuses a share, or what else is no path, that does not begin with what is allowed.
fn refuse_text(device: &str, allowed: &[String]) -> Result<()> {
    let has = |begin: &String| {
        let rest = device.strip_prefix(begin.as_str());
        rest.is_some_and(|rest| rest.is_empty() || begin.ends_with('/') || rest.starts_with('/'))
    };
    match !climbs(device) && allowed.iter().any(has) {
        true => Ok(()),
        false => bail!(refusal("device", device, DEVICES)),
    }
}

fn climbs(device: &str) -> bool {
    device.split(['/', '\\']).any(|part| part == "..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text::chain;
    use crate::driver::local::options::OPTIONS;
    use crate::driver::shared::options;

    fn refused(types: &[&str], devices: &[&str], options: [&str; 3]) -> Option<String> {
        let owned = |list: &[&str]| list.iter().map(|it| (*it).to_owned()).collect();
        let allow = AllowLocal {
            types: owned(types),
            devices: owned(devices),
            helpers: true,
            mount_options: vec!["vers=*".into()],
        };
        let o = options[2];
        let names = ["type", "device", "o"].map(str::to_owned);
        let pairs = names.into_iter().zip(options.map(str::to_owned));
        let options = options::read(OPTIONS, &pairs.collect()).expect("good options");
        let source = Source::of(&options).expect("good rules").expect("a source");
        refuse(&source, o, &allow).err().map(|error| chain(&error))
    }

    #[test]
    fn what_begins_otherwise_is_refused() {
        let types = ["nfs4", "cifs", "none", "ext4"];
        for (devices, device, fs_type, is_allowed) in [
            (&["nas:/"][..], "nas:/a/b", "nfs4", true),
            (&["nas:/a"], "nas:/a", "nfs4", true),
            (&["nas:/a"], "nas:/a/b", "nfs4", true),
            (&["nas:/a"], "nas:/ab", "nfs4", false),
            (&["nas:/a"], "nas:/a/../b", "nfs4", false),
            (&["nas:/"], "nas2:/", "nfs4", false),
            (&["//nas/x"], "//nas/x/y", "cifs", true),
            (&["//nas/x"], "//nas/xy", "cifs", false),
            (&["//nas/x"], "//nas/x/..\\..\\y", "cifs", false),
            (&["/nas"], "//nas/x", "cifs", false),
            (&["//usr"], "//usr/bin", "ext4", false),
            (&["/usr"], "//usr/bin", "ext4", true),
            (&["/usr"], "/usr/../etc", "ext4", false),
            (&["/us"], "/usr", "ext4", false),
            (&[], "/usr", "ext4", false),
            (&["/"], "/usr/bin", "ext4", true),
            (&["/"], "/proc/self/root", "ext4", false),
        ] {
            let refusal = refused(&types, devices, [fs_type, device, ""]);
            assert_eq!(refusal.is_none(), is_allowed, "{device}: {refusal:?}");
        }
    }

    #[test]
    fn the_refusal_names_option_and_setting() {
        let rest = |setting: &str| {
            Some(format!(
                "is not for whoever only mounts; create the volume first, or set dvdcli.allow.local.{setting}"
            ))
        };
        let words =
            |what: &str, setting: &str| rest(setting).map(|rest| format!("option {what} {rest}"));
        let bind = ["none", "/usr", "bind"];
        assert_eq!(refused(&[], &["/"], bind), words("type: none", "types"));
        assert_eq!(
            refused(&["none"], &[], bind),
            words("device: /usr", "devices")
        );
        assert_eq!(refused(&["none"], &["/usr"], bind), None);
        // Whatever its type says.
        let bind = ["nfs4", "/usr", "bind"];
        assert_eq!(
            refused(&["nfs4"], &["/usr"], bind),
            words("type: none", "types")
        );
        let suid = ["none", "/usr", "bind,ro,suid"];
        assert_eq!(
            refused(&["none"], &["/usr"], suid),
            words("o: suid", "mountopts")
        );
        let share = ["nfs4", "nas:/x", "vers=4.2,addr=10.0.0.9"];
        assert_eq!(
            refused(&["nfs4"], &["nas:/"], share),
            words("o: addr", "mountopts")
        );
    }
}
