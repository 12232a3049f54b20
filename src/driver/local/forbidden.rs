//! What no volume may be mounted from, whoever asks for it.

use anyhow::{Result, bail};

use crate::base::failure::Failure;
use crate::driver::local::source::Source;
use crate::driver::shared::not_allowed::refuse_panic;

/// Types of file systems that show the kernel's own state, or a door to it.
const PSEUDO: [&str; 30] = [
    "autofs",
    "bdev",
    "binder",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "cpuset",
    "debugfs",
    "devpts",
    "devtmpfs",
    "efivarfs",
    "functionfs",
    "fusectl",
    "mqueue",
    "nfsd",
    "nsfs",
    "pipefs",
    "proc",
    "pstore",
    "resctrl",
    "rootfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "smackfs",
    "sockfs",
    "sysfs",
    "tracefs",
];

/// Types whose device is a command line, unless a subtype names the program.
const NEED_SUBTYPE: [&str; 2] = ["fuse", "fuseblk"];

/// Refuses a source that opens the host: wrong usage.
pub fn refuse(source: &Source) -> Result<()> {
    let fs_type = source.fs_type();
    // The kernel finds a type with a subtype as well.
    let (family, subtype) = fs_type.split_once('.').unwrap_or((fs_type, ""));
    if PSEUDO.contains(&family) && !source.is_bind() {
        bail!(Failure::usage(format!(
            "option type: {fs_type} shows the kernel's own state, and is never a volume"
        )));
    }
    if NEED_SUBTYPE.contains(&family) && subtype.is_empty() && !source.is_bind() {
        bail!(Failure::usage(format!(
            "option type: {fs_type} runs any program that the device names, and is never a volume; name the program, as in fuse.sshfs"
        )));
    }
    refuse_panic("o", source.words())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text::chain;
    use crate::driver::local::options::OPTIONS;
    use crate::driver::shared::options;

    fn refused(fs_type: &str, o: &str) -> Option<String> {
        let pairs = [("type", fs_type), ("device", "/x"), ("o", o)];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let options = options::read(OPTIONS, &pairs.into()).expect("good options");
        let source = Source::of(&options).expect("good rules").expect("a source");
        refuse(&source).err().map(|error| chain(&error))
    }

    #[test]
    fn what_opens_the_host_is_refused() {
        for fs_type in PSEUDO {
            let words = format!(
                "option type: {fs_type} shows the kernel's own state, and is never a volume"
            );
            assert_eq!(refused(fs_type, ""), Some(words));
        }
        for fs_type in ["proc.x", "fuse", "fuse.", "fuseblk"] {
            refused(fs_type, "").expect(fs_type);
        }
        for o in [
            "errors=panic",
            "ro, errors=panic",
            "fatal_errors=panic",
            "\"errors=panic\"",
        ] {
            refused("ext4", o).expect(o);
        }
        for (fs_type, o) in [
            ("ext4", "errors=remount-ro"),
            ("fuse.sshfs", ""),
            ("tmpfs", "size=1m"),
            ("proc", "bind"),
        ] {
            assert_eq!(refused(fs_type, o), None, "{fs_type}");
        }
    }
}
