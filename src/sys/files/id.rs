//! Which file it is, whatever its names are.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// A file's identity: the device of its file system, and its inode number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// From numbers that the kernel has given, such as `lo_device` and `lo_inode` of a loop device.
    pub fn new(device: u64, inode: u64) -> FileId {
        FileId { device, inode }
    }

    fn from_metadata(metadata: &Metadata) -> FileId {
        FileId::new(metadata.dev(), metadata.ino())
    }

    /// Of an open file.
    pub fn of(file: &File) -> io::Result<FileId> {
        file.metadata()
            .map(|metadata| FileId::from_metadata(&metadata))
    }

    /// Of what is at a path, which may be a symbolic link itself.
    pub fn at_itself(path: &Path) -> io::Result<FileId> {
        fs::symlink_metadata(path).map(|metadata| FileId::from_metadata(&metadata))
    }

    /// Of the file that a path leads to. Symbolic links are followed.
    pub fn at(path: &Path) -> io::Result<FileId> {
        fs::metadata(path).map(|metadata| FileId::from_metadata(&metadata))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn all_names_of_a_file_have_its_identity() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let file = File::create(at("file")).expect("a file");
        fs::write(at("other"), "").expect("another file");
        fs::hard_link(at("file"), at("hard")).expect("a hard link");
        symlink("file", at("soft")).expect("a symbolic link");
        let id = FileId::of(&file).expect("its identity");
        assert_eq!(FileId::at(&at("hard")).expect("there"), id);
        assert_eq!(FileId::at(&at("soft")).expect("there"), id);
        assert_eq!(FileId::at_itself(&at("hard")).expect("there"), id);
        assert_ne!(FileId::at_itself(&at("soft")).expect("there"), id);
        assert_ne!(FileId::at(&at("other")).expect("there"), id);
    }
}
