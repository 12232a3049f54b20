//! Access control lists: the text that tar archives have, and the bytes that the kernel wants (acl(5)).

use nix::unistd::{Group, User};

/// The extended attributes in which the kernel keeps them, and the keys of their texts in an archive.
pub const KEYS: [(&str, &str); 2] = [
    ("system.posix_acl_access", "SCHILY.acl.access"),
    ("system.posix_acl_default", "SCHILY.acl.default"),
];

const VERSION: u32 = 2;
const NO_ID: u32 = u32::MAX;

/// Entries by the number that the kernel gives their kind, in its order: the word, and whether it is for somebody in particular.
const KINDS: [(u16, &str, bool); 6] = [
    (0x01, "user", false),
    (0x02, "user", true),
    (0x04, "group", false),
    (0x08, "group", true),
    (0x10, "mask", false),
    (0x20, "other", false),
];

/// The text of what the kernel gave: IDs as numbers. `None` where it is of another kind.
pub fn to_text(bytes: &[u8]) -> Option<String> {
    let (version, entries) = bytes.split_first_chunk::<4>()?;
    if u32::from_le_bytes(*version) != VERSION || !entries.len().is_multiple_of(8) {
        return None;
    }
    let mut text = String::new();
    for entry in entries.chunks_exact(8) {
        let kind = u16::from_le_bytes([entry[0], entry[1]]);
        let (_, word, is_named) = KINDS.iter().find(|known| known.0 == kind)?;
        let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        let id = is_named.then(|| id.to_string()).unwrap_or_default();
        let right = |bit: u8, letter| if entry[2] & bit == 0 { '-' } else { letter };
        text.push_str(&format!("{word}:{id}:"));
        text.extend([right(4, 'r'), right(2, 'w'), right(1, 'x')]);
        text.push('\n');
    }
    Some(text)
}

/// The bytes for the kernel. `None` for one that says no more than the mode of the file does.
///
/// # Errors
///
/// What cannot be understood: the text of one entry.
pub fn from_text(text: &str) -> Result<Option<Vec<u8>>, String> {
    let lines = text.split(['\n', ',']);
    let lines = lines.map(|line| line.split('#').next().unwrap_or_default().trim());
    let lines = lines.filter(|line| !line.is_empty());
    let entries = lines.map(|line| entry(line).ok_or_else(|| line.to_owned()));
    let mut entries = entries.collect::<Result<Vec<_>, _>>()?;
    if entries.is_empty() {
        return Ok(None);
    }
    entries.sort_unstable();
    let mut bytes = VERSION.to_le_bytes().to_vec();
    for (kind, id, rights) in entries {
        bytes.extend(kind.to_le_bytes());
        bytes.extend(rights.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    Ok(Some(bytes))
}

/// Whether it says no more than the mode of a file does.
pub fn is_plain(bytes: &[u8]) -> bool {
    bytes.len() <= 4 + 3 * 8
}

/// `user:ID:rwx`, `u::r--`; libarchive appends the ID to a name.
fn entry(line: &str) -> Option<(u16, u32, u16)> {
    let mut fields = line.split(':');
    let (word, who, rights) = (fields.next()?, fields.next()?, fields.next()?);
    let is_called = |known: &str| word == known || word == &known[..1];
    let (kind, _, is_named) = KINDS
        .iter()
        .find(|known| is_called(known.1) && known.2 != who.is_empty())?;
    let id = match (is_named, fields.next().and_then(|id| id.parse().ok())) {
        (false, _) => NO_ID,
        (true, Some(id)) => id,
        (true, None) => id_of(word, who)?,
    };
    let mut bits = 0;
    for letter in rights.chars() {
        bits |= match letter {
            'r' => 4,
            'w' => 2,
            'x' => 1,
            '-' => 0,
            _ => return None,
        };
    }
    Some((*kind, id, bits))
}

fn id_of(word: &str, who: &str) -> Option<u32> {
    if let Ok(id) = who.parse() {
        return Some(id);
    }
    match word.starts_with('u') {
        true => Some(User::from_name(who).ok()??.uid.as_raw()),
        false => Some(Group::from_name(who).ok()??.gid.as_raw()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "user::rw-\nuser:1:r--\ngroup::r--\ngroup:7:-w-\nmask::rw-\nother::--x\n";

    #[test]
    fn a_text_and_its_bytes_mean_the_same() {
        let bytes = from_text(TEXT).expect("a text").expect("more than a mode");
        assert_eq!(bytes.len(), 4 + 6 * 8);
        assert_eq!(to_text(&bytes).as_deref(), Some(TEXT));
    }

    #[test]
    fn other_programs_write_it_in_other_ways() {
        let expected = from_text(TEXT).expect("a text");
        for text in [
            "u::rw-,g::r--,o::--x,u:1:r,g:7:-w-\t#effective:-w-,m::rw-",
            "user:nobody-has-this-name:r--:1,user::rw-,group::r--,group:7:-w-,mask::rw-,other::--x",
        ] {
            assert_eq!(from_text(text).expect("a text"), expected, "{text}");
        }
        let root = from_text("user::rwx\nuser:root:r--\ngroup::r--\nmask::r--\nother::---");
        assert!(root.is_ok_and(|bytes| bytes.is_some()));
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in [
            "user",
            "user:1",
            "user::rwq",
            "role::r--",
            "user:no-such-user:r--",
            "mask:1:r--",
        ] {
            assert_eq!(from_text(text), Err(text.to_owned()));
        }
        for bytes in [
            &b""[..],
            b"\x01\0\0\0",
            b"\x02\0\0\0\x03",
            b"\x02\0\0\0\x03\0\0\0\0\0\0\0",
        ] {
            assert_eq!(to_text(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_list_without_names_is_plain() {
        let plain = from_text("user::rw-\ngroup::r--\nother::r--").expect("a text");
        assert!(plain.is_some_and(|bytes| is_plain(&bytes)));
    }
}
