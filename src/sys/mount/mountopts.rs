//! The words of a list of mount options: which are flags of mount(2), and which are the file system's own.

use rustix::mount::{MountFlags, MountPropagationFlags};

/// What a word does to the flags.
#[derive(Clone, Copy)]
enum Effect {
    Set(MountFlags),
    Clear(MountFlags),
    Propagation(MountPropagationFlags),
    /// For mount(8) and fstab(5); the kernel does not know it.
    Ignored,
}

use Effect::{Clear, Ignored, Propagation, Set};

const I_VERSION: MountFlags = MountFlags::from_bits_retain(1 << 23);

/// mount(8), FILESYSTEM-INDEPENDENT MOUNT OPTIONS.
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
    ("mand", Set(MountFlags::PERMIT_MANDATORY_FILE_LOCKING)),
    ("nomand", Clear(MountFlags::PERMIT_MANDATORY_FILE_LOCKING)),
    ("noatime", Set(MountFlags::NOATIME)),
    ("atime", Clear(MountFlags::NOATIME)),
    ("nodiratime", Set(MountFlags::NODIRATIME)),
    ("diratime", Clear(MountFlags::NODIRATIME)),
    ("relatime", Set(MountFlags::RELATIME)),
    ("norelatime", Clear(MountFlags::RELATIME)),
    ("strictatime", Set(MountFlags::STRICTATIME)),
    ("nostrictatime", Clear(MountFlags::STRICTATIME)),
    ("lazytime", Set(MountFlags::LAZYTIME)),
    ("nolazytime", Clear(MountFlags::LAZYTIME)),
    ("nosymfollow", Set(MountFlags::NOSYMFOLLOW)),
    ("symfollow", Clear(MountFlags::NOSYMFOLLOW)),
    ("iversion", Set(I_VERSION)),
    ("noiversion", Clear(I_VERSION)),
    ("silent", Set(MountFlags::SILENT)),
    ("loud", Clear(MountFlags::SILENT)),
    ("bind", Set(MountFlags::BIND)),
    ("rbind", Set(MountFlags::BIND.union(MountFlags::REC))),
    ("private", Propagation(MountPropagationFlags::PRIVATE)),
    (
        "rprivate",
        Propagation(MountPropagationFlags::PRIVATE.union(MountPropagationFlags::REC)),
    ),
    ("shared", Propagation(MountPropagationFlags::SHARED)),
    (
        "rshared",
        Propagation(MountPropagationFlags::SHARED.union(MountPropagationFlags::REC)),
    ),
    ("slave", Propagation(MountPropagationFlags::DOWNSTREAM)),
    (
        "rslave",
        Propagation(MountPropagationFlags::DOWNSTREAM.union(MountPropagationFlags::REC)),
    ),
    ("unbindable", Propagation(MountPropagationFlags::UNBINDABLE)),
    (
        "runbindable",
        Propagation(MountPropagationFlags::UNBINDABLE.union(MountPropagationFlags::REC)),
    ),
    ("auto", Ignored),
    ("noauto", Ignored),
    ("user", Ignored),
    ("nouser", Ignored),
    ("users", Ignored),
    ("group", Ignored),
    ("owner", Ignored),
    ("_netdev", Ignored),
    ("nofail", Ignored),
];

/// Flags that belong to the mount, not to its file system: what a bind mount can have of its own.
const OF_THE_MOUNT: MountFlags = MountFlags::NOSUID
    .union(MountFlags::NODEV)
    .union(MountFlags::NOEXEC)
    .union(MountFlags::NOATIME)
    .union(MountFlags::NODIRATIME)
    .union(MountFlags::RELATIME)
    .union(MountFlags::STRICTATIME)
    .union(MountFlags::NOSYMFOLLOW)
    .union(MountFlags::RDONLY);

/// What keeps users of a mount from something.
const RESTRICTIONS: [(MountFlags, &str); 5] = [
    (MountFlags::RDONLY, "ro"),
    (MountFlags::NOSUID, "nosuid"),
    (MountFlags::NODEV, "nodev"),
    (MountFlags::NOEXEC, "noexec"),
    (MountFlags::NOSYMFOLLOW, "nosymfollow"),
];

/// The words of those in a list that keep users of the mount from something, as far as no later word takes it back.
pub fn restrictions(list: &str) -> Vec<&'static str> {
    let flags = MountOptions::parse(list).flags;
    let set = RESTRICTIONS
        .iter()
        .filter(|(flag, _)| flags.contains(*flag));
    set.map(|(_, word)| *word).collect()
}

/// What a word is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A single mount, so that a bind mount can have it.
    Mount,
    /// A file system, wherever it is mounted.
    FileSystem,
    /// Nothing, as far as the kernel is concerned.
    Program,
}

/// `None` for a word that is none of mount(8)'s.
pub fn class(word: &str) -> Option<Class> {
    let (_, effect) = WORDS.iter().find(|(known, _)| *known == word)?;
    Some(match effect {
        Set(flags) | Clear(flags) if OF_THE_MOUNT.contains(*flags) => Class::Mount,
        Propagation(_) => Class::Mount,
        // umount(8) --all can leave those out that need the network, so it has to be told.
        Ignored if word == "_netdev" => Class::Mount,
        Set(flags) if !flags.contains(MountFlags::SILENT) => Class::FileSystem,
        Set(_) | Clear(_) | Ignored => Class::Program,
    })
}

/// A list of mount options, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountOptions {
    pub flags: MountFlags,
    pub propagation: MountPropagationFlags,
    /// What the file system itself is to read, with commas between.
    pub data: String,
}

impl MountOptions {
    /// Of words that contradict each other, the last one counts, as with mount(8).
    pub fn parse(list: &str) -> MountOptions {
        let mut flags = MountFlags::empty();
        let mut propagation = MountPropagationFlags::empty();
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
                None if option.starts_with("x-") || option.starts_with("comment=") => {}
                None => data.push(option),
            }
        }
        MountOptions {
            flags,
            propagation,
            data: data.join(","),
        }
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

    pub fn of_the_mount(&self) -> MountFlags {
        self.flags & OF_THE_MOUNT
    }
}

/// The value of an option in a list, such as `addr`.
pub fn value_of<'a>(list: &'a str, key: &str) -> Option<&'a str> {
    list.split(',')
        .filter_map(|option| option.trim().split_once('='))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_data_are_told_apart() {
        let options = MountOptions::parse(
            "noatime, addr=10.0.0.1,,ro,nosuid,soft,defaults,x-systemd.automount,_netdev",
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
        assert_eq!(
            options.propagation,
            MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC
        );
        assert_eq!(options.data, "");
    }

    #[test]
    fn values_are_found_by_their_whole_key() {
        assert_eq!(value_of("mountaddr=a,addr=b,addr=c", "addr"), Some("b"));
        assert_eq!(value_of("soft,ro", "addr"), None);
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
