//! Reading the mount table of this mount namespace, `/proc/self/mountinfo` (proc(5)).

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// One mount: a line of the table, with the field names of proc(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub id: u32,
    /// The ID of the mount that it is mounted on.
    pub parent: u32,
    /// `major:minor` of the file system's device.
    pub device: String,
    /// Which directory of the file system is mounted; for a bind mount, often not `/`.
    pub root: PathBuf,
    pub mount_point: PathBuf,
    /// Options of this mount, such as `ro,noatime`, without those of the file system.
    pub options: String,
    /// Mounts below it appear below all mounts of this peer group (mount_namespaces(7), shared), and are unmounted there as well.
    pub peer_group: Option<u32>,
    /// The peer group whose mounts appear below it, but not the other way round (slave).
    pub master: Option<u32>,
    pub fs_type: String,
    pub source: String,
    /// Options of the file system.
    pub fs_options: String,
}

impl Mount {
    /// Whether this mount is read-only. Its file system may be writable at another place.
    pub fn is_read_only(&self) -> bool {
        self.options.split(',').any(|option| option == "ro")
    }

    /// Whether it is a place where another mount is made when somebody looks there, as with systemd.automount(5).
    fn is_trigger(&self) -> bool {
        self.fs_type == "autofs"
    }
}

/// All mounts of this namespace, in the order in which they were made.
#[derive(Debug)]
pub struct MountTable(Vec<Mount>);

impl MountTable {
    pub fn read() -> Result<MountTable> {
        #[cfg(test)]
        if let Some(text) = crate::sys::tests::fake_host::mount_table() {
            return Ok(MountTable::parse(&text));
        }
        // The kernel generates the text again for each read(2), so a large buffer saves time.
        let mut text = Vec::with_capacity(32 << 10);
        File::open("/proc/self/mountinfo")
            .and_then(|mut file| file.read_to_end(&mut text))
            .context("reading /proc/self/mountinfo")?;
        Ok(MountTable::parse(&text))
    }

    /// Parses the text of the table. Lines of another form are skipped.
    pub fn parse(text: &[u8]) -> MountTable {
        MountTable(
            text.split(|byte| *byte == b'\n')
                .filter_map(parse_line)
                .collect(),
        )
    }

    /// All mounts, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Mount> {
        self.0.iter()
    }

    /// All mounts at `path` or below it.
    pub fn below<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = &'a Mount> {
        self.0
            .iter()
            .filter(move |mount| mount.mount_point.starts_with(path))
    }

    /// The mount that a path lies on. The path is compared as text: it must not go through symbolic links.
    pub fn covering(&self, path: &Path) -> Option<&Mount> {
        let covers = |mount: &&Mount| path.starts_with(&mount.mount_point);
        self.0
            .iter()
            .filter(covers)
            .max_by_key(|mount| mount.mount_point.components().count())
    }

    /// The mount that a volume's directory belongs to: at the directory itself, or at the one above it, if that one has the
    /// volume's name (REX-Ray returns `VOLUME/data`).
    pub fn of_volume(&self, directory: &Path, volume: &str) -> Option<&Mount> {
        let above = directory
            .parent()
            .filter(|above| above.file_name().is_some_and(|name| name == volume));
        self.at(directory)
            .or_else(|| above.and_then(|above| self.at(above)))
    }

    /// The mount at `path` itself. Of several, the last one hides the others.
    pub fn at(&self, path: &Path) -> Option<&Mount> {
        self.0.iter().rev().find(|mount| mount.mount_point == path)
    }

    /// As [`MountTable::at`], but `None` where only a trigger is.
    pub fn seen_at(&self, path: &Path) -> Option<&Mount> {
        self.at(path).filter(|mount| !mount.is_trigger())
    }

    /// Whether a trigger is mounted at `path`, also below another mount.
    pub fn has_trigger_at(&self, path: &Path) -> bool {
        let mut at = self.0.iter().filter(|mount| mount.mount_point == path);
        at.any(Mount::is_trigger)
    }
}

/// `36 35 98:0 /root /mount/point rw,noatime shared:1 - ext4 /dev/root rw`
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let id = text(fields.next()?).parse().ok()?;
    let parent = text(fields.next()?).parse().ok()?;
    let device = text(fields.next()?);
    let root = path(fields.next()?);
    let mount_point = path(fields.next()?);
    let options = text(fields.next()?);
    let (mut peer_group, mut master) = (None, None);
    while let field = fields.next()?
        && field != b"-"
    {
        let number = |name: &[u8]| text(field.strip_prefix(name)?).parse().ok();
        peer_group = peer_group.or_else(|| number(b"shared:"));
        master = master.or_else(|| number(b"master:"));
    }
    let fs_type = text(fields.next()?);
    let source = text(fields.next().unwrap_or_default());
    let fs_options = text(fields.next().unwrap_or_default());
    Some(Mount {
        id,
        parent,
        device,
        root,
        mount_point,
        options,
        peer_group,
        master,
        fs_type,
        source,
        fs_options,
    })
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(&decode(field)).into_owned()
}

/// The path in a field of a mount table, as the kernel and libmount write it.
pub fn path(field: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(decode(field)))
}

/// Replaces octal escapes: blank, tab, newline and backslash are written like `\040`.
fn decode(field: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        match rest {
            [
                b'\\',
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                after @ ..,
            ] => {
                decoded.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                rest = after;
            }
            _ => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = b"\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
40 22 0:41 / /mnt/a\\040b\\134c rw shared:7 master:2 - fuse.rclone :local:/x ro
41 22 0:42 /sub /mnt/a ro - tmpfs tmpfs rw
42 41 0:43 / /mnt/a rw - tmpfs none rw
garbage
";

    #[test]
    fn fields_are_decoded() {
        let table = MountTable::parse(TABLE);
        let mount = table
            .at(Path::new("/mnt/a b\\c"))
            .expect("the mount with a blank");
        assert_eq!(
            *mount,
            Mount {
                id: 40,
                parent: 22,
                device: "0:41".into(),
                root: "/".into(),
                mount_point: "/mnt/a b\\c".into(),
                options: "rw".into(),
                peer_group: Some(7),
                master: Some(2),
                fs_type: "fuse.rclone".into(),
                source: ":local:/x".into(),
                fs_options: "ro".into(),
            }
        );
    }

    #[test]
    fn a_path_lies_on_the_deepest_and_latest_mount() {
        let table = MountTable::parse(TABLE);
        let id = |path| table.covering(Path::new(path)).map(|mount| mount.id);
        assert_eq!(
            (id("/mnt"), id("/mnt/a/x"), id("/mnt/ab"), id("x")),
            (Some(22), Some(42), Some(22), None)
        );
    }

    #[test]
    fn a_volume_may_hand_out_a_directory_in_its_mount() {
        let table = MountTable::parse(TABLE);
        let id = |path, volume| {
            table
                .of_volume(Path::new(path), volume)
                .map(|mount| mount.id)
        };
        assert_eq!(
            (
                id("/mnt/a", "x"),
                id("/mnt/a/data", "a"),
                id("/mnt/a/data", "b")
            ),
            (Some(42), Some(42), None)
        );
    }

    #[test]
    fn below_goes_by_whole_names() {
        let table = MountTable::parse(TABLE);
        let below = |path| table.below(Path::new(path)).count();
        assert_eq!(
            (below("/mnt"), below("/mnt/a"), below("/m"), below("/")),
            (3, 2, 0, 4)
        );
    }

    #[test]
    fn a_trigger_is_not_seen() {
        let line = |id, fs_type| format!("{id} 1 0:5 / /mnt/a rw - {fs_type} x rw\n");
        let seen = |text: &str| {
            let table = MountTable::parse(text.as_bytes());
            assert!(table.has_trigger_at(Path::new("/mnt/a")));
            table.seen_at(Path::new("/mnt/a")).map(|mount| mount.id)
        };
        let trigger = line(7, "autofs");
        assert_eq!(seen(&trigger), None);
        assert_eq!(seen(&(trigger + &line(8, "ext4"))), Some(8));
    }

    #[test]
    fn the_last_mount_hides_those_below_it() {
        assert_eq!(
            MountTable::parse(TABLE)
                .at(Path::new("/mnt/a"))
                .map(|mount| mount.id),
            Some(42)
        );
    }
}
