//! Texts of any length as short names of files.

use std::hash::Hasher;

use siphasher::sip128::{Hasher128, SipHasher24};

/// 32 hexadecimal digits that stay the same from release to release. File names are hashed: a plugin's volume names may hold
/// anything, at any length.
pub fn hash(parts: &[&str]) -> String {
    let mut hash = SipHasher24::new();
    for part in parts {
        hash.write(part.as_bytes());
        hash.write_u8(0);
    }
    format!("{:032x}", hash.finish128().as_u128())
}
