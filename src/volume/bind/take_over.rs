//! Whether a volume takes over the owner and mode of a container path: once in its life, while it is as it was made.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::unistd::geteuid;

use crate::sys::files::directory::path_of;
use crate::sys::files::ownership::Ownership;

/// What is known of the volume beforehand.
#[derive(Debug, Default)]
pub struct TakeOver {
    /// What it has taken over before, as far as that is remembered.
    pub before: Option<Ownership>,
    /// Whether it is a plugin's, which others may use, remove and create as well, on this host and others: what is remembered of it
    /// may be of an earlier volume, or missing.
    pub is_plugins: bool,
    /// Whether its directory may be given an owner: dvdcli has made it, or a plugin has mounted it.
    pub is_ours: bool,
    /// Whether root asks for it (`--chown`), whatever was before.
    pub is_asked_for: bool,
    /// The other holders' names; empty where there are none.
    pub others: String,
}

/// What becomes of the volume's owner and mode.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision {
    /// They become those of the container path.
    Take,
    /// They stay, and the container path's are to be remembered: the volume is that owner's.
    Stay,
    /// They stay, and whoever made the container path does not mind.
    Unasked,
    /// They stay, and whoever made the container path may wonder.
    NotOurs,
}

/// A volume's directory as it is found.
#[derive(Debug, Clone, Copy)]
pub struct Found {
    pub ownership: Ownership,
    /// Whether there is nothing in it.
    pub is_empty: bool,
}

impl Found {
    pub fn of(directory: &OwnedFd) -> io::Result<Found> {
        Ok(Found {
            ownership: Ownership::of(directory)?,
            is_empty: is_empty(&path_of(directory))?,
        })
    }

    /// Whether nobody has had it yet.
    fn is_as_made(&self) -> bool {
        is_roots(self.ownership) && self.is_empty
    }
}

/// Whether nothing is in a directory but what mkfs makes.
fn is_empty(path: &Path) -> io::Result<bool> {
    for entry in fs::read_dir(path)? {
        if entry?.file_name() != OsStr::new("lost+found") {
            return Ok(false);
        }
    }
    Ok(true)
}

impl TakeOver {
    /// Decides for a container path with the ownership `wanted`.
    ///
    /// # Errors
    ///
    /// Why it is refused: the volume is somebody else's, or was.
    pub fn decide(&self, found: Found, wanted: Ownership) -> Result<Decision, String> {
        let (differs, is_plain) = (found.ownership != wanted, is_plain(wanted));
        // Where root asks for it, what is plain is meant.
        if is_plain && !(differs && self.is_asked_for) {
            return Ok(Decision::Unasked);
        }
        if !differs {
            return Ok(Decision::Stay);
        }
        if !self.is_ours {
            return Ok(Decision::NotOurs);
        }
        let is_known = self.before == Some(wanted) && !self.is_asked_for;
        if !self.others.is_empty() {
            let others = &self.others;
            return match is_known {
                true => Ok(Decision::Stay),
                false => Err(format!(
                    "they stay as they are while it is held by {others}"
                )),
            };
        }
        let may_be_first = self.is_plugins || self.before.is_none_or(|before| before == wanted);
        if found.is_as_made() && may_be_first || self.is_asked_for {
            return Ok(Decision::Take);
        }
        // Perhaps its file system knows no owners.
        if self.is_plugins && self.before.is_none() && is_roots(found.ownership) {
            return Ok(Decision::NotOurs);
        }
        match is_known || self.is_owners(found, wanted) {
            true => Ok(Decision::Stay),
            false => Err(AGAIN.to_owned()),
        }
    }

    /// Whether nothing is remembered, and the volume has the same owner all the same, who may have changed its mode since.
    fn is_owners(&self, found: Found, wanted: Ownership) -> bool {
        self.before.is_none() && found.ownership.uid == wanted.uid && !is_roots(wanted)
    }
}

const AGAIN: &str = "a volume takes them over once, while it is new and empty; give the directory those of the volume, or run mount \
    --from-env --chown as root";

fn is_roots(ownership: Ownership) -> bool {
    ownership.uid == Some(geteuid().as_raw())
}

/// Whether this is what root's mkdir makes: nobody in particular is meant.
fn is_plain(ownership: Ownership) -> bool {
    is_roots(ownership) && ownership.mode.unwrap_or_default() & 0o777 == 0o755
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(uid: u32, mode: u32) -> Ownership {
        // Root is whoever runs the test.
        let uid = if uid == 0 { geteuid().as_raw() } else { uid };
        Ownership {
            uid: Some(uid),
            gid: Some(7),
            mode: Some(mode),
        }
    }

    const ALICE: u32 = 100_001;
    const BOB: u32 = 100_002;

    /// Remembered, found, empty, wanted, and what becomes of it.
    type Row = (
        Option<(u32, u32)>,
        (u32, u32),
        bool,
        (u32, u32),
        Result<Decision, ()>,
    );

    const ROWS: &[Row] = &[
        (None, (0, 0o755), true, (ALICE, 0o700), Ok(Decision::Take)),
        (None, (0, 0o1777), true, (ALICE, 0o700), Ok(Decision::Take)),
        (None, (0, 0o755), true, (0, 0o755), Ok(Decision::Unasked)),
        (
            None,
            (ALICE, 0o700),
            false,
            (0, 0o2755),
            Ok(Decision::Unasked),
        ),
        (None, (0, 0o755), true, (0, 0o700), Ok(Decision::Take)),
        // Root keeps something there.
        (None, (0, 0o755), false, (ALICE, 0o700), Err(())),
        (None, (0, 0o700), false, (0, 0o750), Err(())),
        // Another's, even if it is empty.
        (None, (BOB, 0o700), true, (ALICE, 0o700), Err(())),
        (
            Some((BOB, 0o700)),
            (0, 0o755),
            true,
            (ALICE, 0o700),
            Err(()),
        ),
        (
            Some((BOB, 0o700)),
            (BOB, 0o777),
            false,
            (ALICE, 0o700),
            Err(()),
        ),
        // The same again, whatever the volume's users have made of it.
        (
            Some((ALICE, 0o755)),
            (BOB, 0o700),
            false,
            (ALICE, 0o755),
            Ok(Decision::Stay),
        ),
        (
            Some((ALICE, 0o755)),
            (ALICE, 0o700),
            false,
            (ALICE, 0o700),
            Ok(Decision::Stay),
        ),
        (
            Some((ALICE, 0o755)),
            (0, 0o1777),
            true,
            (ALICE, 0o755),
            Ok(Decision::Take),
        ),
        (
            None,
            (ALICE, 0o700),
            false,
            (ALICE, 0o755),
            Ok(Decision::Stay),
        ),
        // A second mode.
        (
            Some((ALICE, 0o750)),
            (ALICE, 0o750),
            false,
            (ALICE, 0o755),
            Err(()),
        ),
    ];

    #[test]
    fn once_while_it_is_new_and_empty() {
        let pair = |(uid, mode): (u32, u32)| owned(uid, mode);
        for (before, ownership, is_empty, wanted, expected) in ROWS {
            let take_over = TakeOver {
                before: before.map(pair),
                is_ours: true,
                ..TakeOver::default()
            };
            let found = Found {
                ownership: pair(*ownership),
                is_empty: *is_empty,
            };
            let wanted = pair(*wanted);
            let decided = take_over.decide(found, wanted).map_err(|_| ());
            assert_eq!(decided, *expected, "{take_over:?} {found:?} {wanted}");
            // Nothing of others' changes, but for root, and nothing changes under others or where nothing is ours.
            let asked = TakeOver {
                is_asked_for: true,
                ..take_over
            };
            let differs = found.ownership != wanted;
            if differs {
                assert_eq!(asked.decide(found, wanted), Ok(Decision::Take));
            }
            let held = TakeOver {
                others: "x".into(),
                ..asked
            };
            let held = held.decide(found, wanted);
            assert_eq!(held.is_err(), differs, "{held:?}");
            let foreign = TakeOver {
                is_asked_for: true,
                ..TakeOver::default()
            };
            let decided = foreign.decide(found, wanted);
            assert!(!differs || decided == Ok(Decision::NotOurs), "{decided:?}");
        }
    }

    #[test]
    fn a_plugins_volume_may_have_been_made_anew_or_have_no_owner() {
        let (roots, wanted) = (owned(0, 0o755), owned(ALICE, 0o700));
        let decide = |before: Option<Ownership>, ownership, is_empty| {
            let take_over = TakeOver {
                before,
                is_plugins: true,
                is_ours: true,
                ..TakeOver::default()
            };
            let found = Found {
                ownership,
                is_empty,
            };
            take_over.decide(found, wanted).map_err(|_| ())
        };
        let bobs = owned(BOB, 0o700);
        assert_eq!(decide(Some(bobs), roots, true), Ok(Decision::Take));
        assert_eq!(decide(None, roots, false), Ok(Decision::NotOurs));
        assert_eq!(decide(Some(wanted), roots, false), Ok(Decision::Stay));
        assert_eq!(decide(Some(bobs), roots, false), Err(()));
        for before in [None, Some(bobs)] {
            assert_eq!(decide(before, bobs, true), Err(()));
        }
    }

    #[test]
    fn what_mkfs_makes_is_nothing() {
        let base = tempfile::tempdir().expect("a directory");
        fs::create_dir(base.path().join("lost+found")).expect("a directory");
        assert!(is_empty(base.path()).expect("read"));
        fs::write(base.path().join("file"), "").expect("a file");
        assert!(!is_empty(base.path()).expect("read"));
    }
}
