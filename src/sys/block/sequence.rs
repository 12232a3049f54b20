//! Which disk has a device number: the kernel gives the number to another one when a disk has gone.

use std::fs;
use std::path::Path;

/// The number that no other disk gets until the host is restarted (Linux 5.15), of a device as `MAJOR:MINOR`; a part of a disk has that of
/// the disk. A loop device counts as another disk for each file.
pub fn of(device: &str) -> Option<u64> {
    let directory = Path::new("/sys/dev/block").join(device);
    let places = [directory.join("diskseq"), directory.join("../diskseq")];
    let text = places
        .iter()
        .find_map(|place| fs::read_to_string(place).ok())?;
    text.trim().parse().ok()
}
