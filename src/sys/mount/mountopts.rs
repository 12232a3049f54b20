//! The words in a list of mount options: which are flags of mount(2), and which are options of the file system.

use nix::libc;
use sys_mount::{MountFlags, PropagationType};

/// What a word changes.
#[derive(Clone, Copy)]
enum Effect {
    Set(MountFlags),
    Clear(MountFlags),
    Propagation(MountFlags),
    /// Nothing: it is for mount(8) or for readers of fstab(5), and the kernel does not know it.
    Ignored,
}

use Effect::{Clear, Ignored, Propagation, Set};

/// Types of propagation (mount_namespaces(7)), as flags of a mount(2) call that sets nothing else.
pub const PRIVATE: MountFlags = propagation(PropagationType::PRIVATE);
pub const SHARED: MountFlags = propagation(PropagationType::SHARED);
pub const SLAVE: MountFlags = propagation(PropagationType::SLAVE);
pub const UNBINDABLE: MountFlags = propagation(PropagationType::UNBINDABLE);

const fn propagation(kind: PropagationType) -> MountFlags {
    MountFlags::from_bits_retain(kind.bits())
}

/// Flags for which sys-mount has no name.
const LAZYTIME: MountFlags = MountFlags::from_bits_retain(libc::MS_LAZYTIME);
pub const NOSYMFOLLOW: MountFlags = MountFlags::from_bits_retain(libc::MS_NOSYMFOLLOW);
const I_VERSION: MountFlags = MountFlags::from_bits_retain(libc::MS_I_VERSION);

/// Words of mount(8), FILESYSTEM-INDEPENDENT MOUNT OPTIONS.
const WORDS: &[(&str, Effect)] = &[
    ("defaults", Ignored),
    ("ro", Set(MountFlags::RDONLY)),
    ("rw", Clear(MountFlags::RDONLY)),
    ("nosuid", Set(MountFlags::NOSUID)),
    ("suid", Clear(MountFlags::NOSUID)),
    ("nodev", Set(MountFlags::NODEV)),
    ("dev", Clear(MountFlags::NODEV)),
    ("noexec", Set(MountFlags::NOEXEC)),
    ("exec", Clear(MountFlags::NOEXEC)),
    ("sync", Set(MountFlags::SYNCHRONOUS)),
    ("async", Clear(MountFlags::SYNCHRONOUS)),
    ("dirsync", Set(MountFlags::DIRSYNC)),
    ("mand", Set(MountFlags::MANDLOCK)),
    ("nomand", Clear(MountFlags::MANDLOCK)),
    ("noatime", Set(MountFlags::NOATIME)),
    ("atime", Clear(MountFlags::NOATIME)),
    ("nodiratime", Set(MountFlags::NODIRATIME)),
    ("diratime", Clear(MountFlags::NODIRATIME)),
    ("relatime", Set(MountFlags::RELATIME)),
    ("norelatime", Clear(MountFlags::RELATIME)),
    ("strictatime", Set(MountFlags::STRICTATIME)),
    ("nostrictatime", Clear(MountFlags::STRICTATIME)),
    ("lazytime", Set(LAZYTIME)),
    ("nolazytime", Clear(LAZYTIME)),
    ("nosymfollow", Set(NOSYMFOLLOW)),
    ("symfollow", Clear(NOSYMFOLLOW)),
    ("iversion", Set(I_VERSION)),
    ("noiversion", Clear(I_VERSION)),
    ("silent", Set(MountFlags::SILENT)),
    ("loud", Clear(MountFlags::SILENT)),
    ("bind", Set(MountFlags::BIND)),
    ("rbind", Set(MountFlags::BIND.union(MountFlags::REC))),
    ("private", Propagation(PRIVATE)),
    ("rprivate", Propagation(PRIVATE.union(MountFlags::REC))),
    ("shared", Propagation(SHARED)),
    ("rshared", Propagation(SHARED.union(MountFlags::REC))),
    ("slave", Propagation(SLAVE)),
    ("rslave", Propagation(SLAVE.union(MountFlags::REC))),
    ("unbindable", Propagation(UNBINDABLE)),
    (
        "runbindable",
        Propagation(UNBINDABLE.union(MountFlags::REC)),
    ),
    ("auto", Ignored),
    ("noauto", Ignored),
    ("user", Ignored),
    ("nouser", Ignored),
    ("users", Ignored),
    ("nousers", Ignored),
    ("group", Ignored),
    ("nogroup", Ignored),
    ("owner", Ignored),
    ("noowner", Ignored),
    ("_netdev", Ignored),
    ("nofail", Ignored),
];

/// Flags of a mount, not of its file system: a bind mount can have its own.
const OF_THE_MOUNT: MountFlags = MountFlags::NOSUID
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC)
    .union(MountFlags::NOATIME)
    .union(MountFlags::NODIRATIME)
    .union(MountFlags::RELATIME)
    .union(MountFlags::STRICTATIME)
    .union(NOSYMFOLLOW)
    .union(MountFlags::RDONLY);

/// Flags that forbid something to users of a mount, and their words.
const RESTRICTIONS: [(MountFlags, &str); 5] = [
    (MountFlags::RDONLY, "ro"),
    (MountFlags::NOSUID, "nosuid"),
    (MountFlags::NODEV, "nodev"),
    (MountFlags::NOEXEC, "noexec"),
    (NOSYMFOLLOW, "nosymfollow"),
];

/// The words in a list that forbid something to users of the mount, without those that a later word takes back.
pub fn restrictions(list: &str) -> Vec<&'static str> {
    let flags = MountOptions::parse(list).flags;
    let set = RESTRICTIONS
        .iter()
        .filter(|(flag, _)| flags.contains(*flag));
    set.map(|(_, word)| *word).collect()
}

/// What a word applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// One mount: a bind mount can have its own.
    Mount,
    /// A file system, at all places where it is mounted.
    FileSystem,
    /// Only to programs: the kernel does not know it.
    Program,
}

/// What a word applies to; `None` where mount(8) does not know it.
pub fn class(word: &str) -> Option<Class> {
    let (_, effect) = WORDS.iter().find(|(known, _)| *known == word)?;
    Some(match effect {
        Set(flags) | Clear(flags) if OF_THE_MOUNT.contains(*flags) => Class::Mount,
        Propagation(_) => Class::Mount,
        // umount(8) --all --test-opts leaves out mounts that need the network, so they have to be marked.
        Ignored if word == "_netdev" => Class::Mount,
        Set(flags) if !flags.contains(MountFlags::SILENT) => Class::FileSystem,
        Set(_) | Clear(_) | Ignored => Class::Program,
    })
}

/// Whether it is for programs that read fstab(5), and its value for them alone.
pub fn is_comment(option: &str) -> bool {
    ["x-", "X-", "comment="]
        .iter()
        .any(|prefix| option.starts_with(prefix))
}

/// A list of mount options, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountOptions {
    /// For the call that mounts.
    pub flags: MountFlags,
    /// For a further call; empty where the propagation stays as it is.
    pub propagation: MountFlags,
    /// Options of the file system, with commas between.
    pub data: String,
}

impl MountOptions {
    /// The last one of contradicting words counts, as with mount(8).
    pub fn parse(list: &str) -> MountOptions {
        let mut flags = MountFlags::empty();
        let mut propagation = MountFlags::empty();
        let mut data = Vec::new();
        for option in list
            .split(',')
            .map(str::trim)
            .filter(|option| !option.is_empty())
        {
            let effect = WORDS
                .iter()
                .find(|(word, _)| *word == option)
                .map(|(_, effect)| *effect);
            match effect {
                Some(Set(bits)) => flags.insert(bits),
                Some(Clear(bits)) => flags.remove(bits),
                Some(Propagation(kind)) => propagation = kind,
                Some(Ignored) => {}
                None if is_comment(option) => {}
                None => data.push(option),
            }
        }
        MountOptions {
            flags,
            propagation,
            data: data.join(","),
        }
    }

    /// As [`MountOptions::parse`], with the words of `guard` before the list, which can take them back.
    pub fn guarded(guard: &str, list: &str) -> MountOptions {
        MountOptions::parse(&format!("{guard},{list}"))
    }

    /// Adds an option of the file system as the last one, which counts.
    pub fn add(&mut self, option: &str) {
        if !self.data.is_empty() {
            self.data.push(',');
        }
        self.data.push_str(option);
    }

    pub fn read_only(&self) -> bool {
        self.flags.contains(MountFlags::RDONLY)
    }

    pub fn set_read_only(&mut self, read_only: bool) {
        self.flags.set(MountFlags::RDONLY, read_only);
    }

    pub fn is_bind(&self) -> bool {
        self.flags.contains(MountFlags::BIND)
    }

    pub fn is_recursive(&self) -> bool {
        self.flags.contains(MountFlags::REC)
    }

    /// The flags that a bind mount can have of its own.
    pub fn of_the_mount(&self) -> MountFlags {
        self.flags & OF_THE_MOUNT
    }
}

/// The value of the first option `key=value` in a list.
pub fn value_of<'a>(list: &'a str, key: &str) -> Option<&'a str> {
    list.split(',')
        .filter_map(|option| option.trim().split_once('='))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value)
}

/// The word in a list by which an error of the file system stops the whole host, if there is one. mount(8) takes quotes away.
pub fn panic_word(list: &str) -> Option<&str> {
    let mut words = list.split(',').map(|word| word.trim().trim_matches('"'));
    words.find(
        |word| matches!(word.split_once('='), Some((name, "panic")) if name.ends_with("errors")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_data_are_told_apart() {
        let options = MountOptions::parse(
            "noatime, addr=10.0.0.1,,ro,nosuid,soft,defaults,x-systemd.automount,X-mount.mkdir,_netdev",
        );
        assert_eq!(
            options.flags,
            MountFlags::NOATIME | MountFlags::RDONLY | MountFlags::NOSUID
        );
        assert_eq!(options.data, "addr=10.0.0.1,soft");
        assert!(options.read_only() && !options.is_bind());
    }

    #[test]
    fn the_last_word_counts() {
        assert!(!MountOptions::parse("ro,rw").read_only());
        assert!(MountOptions::parse("rw,ro").read_only());
        assert_eq!(
            MountOptions::parse("noexec,exec").flags,
            MountFlags::empty()
        );
    }

    #[test]
    fn propagation_is_no_flag_of_the_mount_call() {
        let options = MountOptions::parse("rbind,rslave");
        assert_eq!(options.flags, MountFlags::BIND | MountFlags::REC);
        assert_eq!(options.propagation, SLAVE | MountFlags::REC);
        assert_eq!(options.data, "");
    }

    #[test]
    fn values_are_found_by_their_whole_key() {
        assert_eq!(value_of("mountaddr=a,addr=b,addr=c", "addr"), Some("b"));
        assert_eq!(value_of("soft,ro", "addr"), None);
    }

    #[test]
    fn a_guard_can_be_taken_back() {
        let flags = |list| MountOptions::guarded("nosuid,nodev", list).flags;
        assert_eq!(
            flags("noatime,suid"),
            MountFlags::NODEV | MountFlags::NOATIME
        );
        assert_eq!(flags("dev,suid"), MountFlags::empty());
        assert_eq!(MountOptions::guarded("", "suid"), MountOptions::parse(""));
    }

    #[test]
    fn restrictions_can_be_taken_back() {
        assert_eq!(
            restrictions("rw,noexec,nosuid,relatime,exec,nosymfollow"),
            ["nosuid", "nosymfollow"]
        );
    }

    #[test]
    fn what_a_bind_mount_can_have_is_told_apart() {
        for (word, kind) in [
            ("ro", Some(Class::Mount)),
            ("exec", Some(Class::Mount)),
            ("rslave", Some(Class::Mount)),
            ("_netdev", Some(Class::Mount)),
            ("sync", Some(Class::FileSystem)),
            ("bind", Some(Class::FileSystem)),
            ("async", Some(Class::Program)),
            ("silent", Some(Class::Program)),
            ("noauto", Some(Class::Program)),
            ("newfstype", None),
        ] {
            assert_eq!(class(word), kind, "{word}");
        }
    }

    #[test]
    fn no_word_stands_twice() {
        let mut words: Vec<&str> = WORDS.iter().map(|(word, _)| *word).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), WORDS.len());
    }
}
