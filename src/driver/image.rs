//! What volumes with an image of their own can do beyond the plugin protocol: grow, give space back, and have snapshots.

use anyhow::Result;

/// A volume with an image. It need not exist any more where its snapshots are asked for.
pub trait ImageVolume {
    /// Lets it be `length` bytes long, also while it is mounted and written to. What an earlier call has begun is finished.
    ///
    /// # Errors
    ///
    /// Wrong usage: it is longer already. In use: another host has it mounted, or it is mounted read-only.
    fn resize(&self, length: u64) -> Result<()>;

    /// Refuses a length that those cannot have who only mount (setting `allow.loop`).
    ///
    /// # Errors
    ///
    /// Wrong usage: it is more than the host's owner gives, or than there is.
    fn refuse_growth(&self, length: u64) -> Result<()>;

    /// Gives back to the disk below what its file system does not use, and returns how much the image takes less, in bytes.
    ///
    /// # Errors
    ///
    /// Wrong usage: it is thick, and keeps its space. In use: another host has it mounted, or it is mounted read-only.
    fn trim(&self) -> Result<u64>;

    /// Keeps what it holds at this moment, under that name.
    ///
    /// # Errors
    ///
    /// There is a snapshot of this name. In use: it is mounted, and the file system below cannot copy it in one moment; another host
    /// has it mounted.
    fn take_snapshot(&self, snapshot: &str) -> Result<()>;

    /// # Errors
    ///
    /// Absent: there is none of this name. In use: a volume is being made from it.
    fn remove_snapshot(&self, snapshot: &str) -> Result<()>;

    /// Lets it hold again what it held then, as a whole. The caller has made sure that nobody holds it.
    ///
    /// # Errors
    ///
    /// Absent: there is no snapshot of this name, or no volume. In use: it is mounted anywhere.
    fn restore(&self, snapshot: &str) -> Result<()>;
}

/// A snapshot of a volume.
#[derive(Debug)]
pub struct SnapshotInfo {
    /// The volume's name; the volume may be gone.
    pub volume: String,
    pub name: String,
    /// When it was taken, in RFC 3339.
    pub created_at: String,
    /// The length of its image, and the disk space that this takes, some of which it may share with others; in bytes.
    pub size: u64,
    pub allocated: u64,
}

impl SnapshotInfo {
    /// As the option `snapshotID` has it.
    pub fn id(&self) -> String {
        id(&self.volume, &self.name)
    }
}

/// `VOLUME@SNAPSHOT`. Neither has an `@` in it.
pub fn id(volume: &str, snapshot: &str) -> String {
    format!("{volume}@{snapshot}")
}
