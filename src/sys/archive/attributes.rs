//! What a file has beside its content: owner, mode, times.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;

use anyhow::{Context, Result};
use nix::fcntl::AtFlags;
use nix::sys::stat::{
    FchmodatFlags, FileStat, Mode, UtimensatFlags, fchmod, fchmodat, futimens, utimensat,
};
use nix::sys::time::TimeSpec;
use nix::unistd::{Gid, Uid, fchown, fchownat};

use crate::sys::archive::extended::Extended;

/// Of a mode, what is not the kind of the file.
const PERMISSIONS: u32 = 0o7777;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes {
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    pub modified: Time,
    pub accessed: Option<Time>,
    pub extended: Extended,
}

/// Since the beginning of 1970.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Time {
    pub seconds: i64,
    /// Later than these seconds, also before 1970.
    pub nanoseconds: i64,
}

impl Time {
    /// Decimal, with as many places as it needs.
    pub fn to_text(self) -> String {
        let (sign, seconds, rest) = match (self.seconds < 0, self.nanoseconds) {
            (true, 1..) => ("-", -(self.seconds + 1), 1_000_000_000 - self.nanoseconds),
            (true, _) => ("-", self.seconds.wrapping_neg(), 0),
            (false, rest) => ("", self.seconds, rest),
        };
        match rest {
            0 => format!("{sign}{seconds}"),
            rest => format!("{sign}{seconds}.{rest:09}"),
        }
    }

    pub fn parse(text: &str) -> Option<Time> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text),
        };
        let (seconds, rest) = text.split_once('.').unwrap_or((text, ""));
        let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if seconds.is_empty() || !is_number(seconds) || !is_number(rest) {
            return None;
        }
        let seconds: i64 = seconds.parse().ok()?;
        let places = format!("{rest:0<9}");
        let nanoseconds: i64 = places[..9].parse().ok()?;
        Some(match (is_negative, nanoseconds) {
            (false, _) => Time {
                seconds,
                nanoseconds,
            },
            (true, 0) => Time {
                seconds: -seconds,
                nanoseconds,
            },
            (true, _) => Time {
                seconds: -seconds - 1,
                nanoseconds: 1_000_000_000 - nanoseconds,
            },
        })
    }

    fn spec(self) -> TimeSpec {
        TimeSpec::new(self.seconds, self.nanoseconds)
    }
}

impl Attributes {
    /// Without the extended ones.
    pub fn of(status: &FileStat) -> Attributes {
        Attributes {
            mode: status.st_mode & PERMISSIONS,
            uid: status.st_uid,
            gid: status.st_gid,
            modified: Time {
                seconds: status.st_mtime,
                nanoseconds: status.st_mtime_nsec,
            },
            accessed: Some(Time {
                seconds: status.st_atime,
                nanoseconds: status.st_atime_nsec,
            }),
            extended: Extended::default(),
        }
    }

    fn owner(&self) -> (Option<Uid>, Option<Gid>) {
        (Some(self.uid.into()), Some(self.gid.into()))
    }

    fn times(&self) -> (TimeSpec, TimeSpec) {
        let accessed = self.accessed.map_or(TimeSpec::UTIME_NOW, Time::spec);
        (accessed, self.modified.spec())
    }

    /// Gives them to an open file or directory. The owner first: a change of it takes rights and capabilities away. Returns the
    /// extended attributes that the file system does not know.
    pub fn give(&self, file: &OwnedFd) -> Result<Vec<String>> {
        let (uid, gid) = self.owner();
        done("owner", fchown(file, uid, gid))?;
        done("mode", fchmod(file, Mode::from_bits_truncate(self.mode)))?;
        let left_out = self.extended.give(file)?;
        let (accessed, modified) = self.times();
        done("times", futimens(file, &accessed, &modified))?;
        Ok(left_out)
    }

    /// Gives them to what is not opened: a link, a device, a FIFO.
    pub fn give_to_name(
        &self,
        parent: &OwnedFd,
        name: &OsStr,
        is_link: bool,
    ) -> Result<Vec<String>> {
        let (uid, gid) = self.owner();
        let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
        done("owner", fchownat(parent, name, uid, gid, flags))?;
        if !is_link {
            let mode = Mode::from_bits_truncate(self.mode);
            let follow = FchmodatFlags::FollowSymlink;
            done("mode", fchmodat(parent, name, mode, follow))?;
        }
        let left_out = self.extended.give_to_name(parent, name)?;
        let (accessed, modified) = self.times();
        let flags = UtimensatFlags::NoFollowSymlink;
        let given = utimensat(parent, name, &accessed, &modified, flags);
        done("times", given)?;
        Ok(left_out)
    }
}

fn done(what: &str, given: nix::Result<()>) -> Result<()> {
    given
        .map_err(io::Error::from)
        .with_context(|| format!("setting its {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_keep_their_nanoseconds_also_before_1970() {
        for (seconds, nanoseconds, text) in [
            (0, 0, "0"),
            (1, 5, "1.000000005"),
            (-315_619_200, 500_000_000, "-315619199.500000000"),
            (-1, 500_000_000, "-0.500000000"),
            (-7, 0, "-7"),
        ] {
            let time = Time {
                seconds,
                nanoseconds,
            };
            assert_eq!(time.to_text(), text);
            assert_eq!(Time::parse(text), Some(time), "{text}");
        }
        let short = Time {
            seconds: 12,
            nanoseconds: 500_000_000,
        };
        assert_eq!(Time::parse("12.5"), Some(short));
        assert_eq!(Time::parse("12.50000000099"), Some(short));
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "-",
            ".5",
            "x",
            "1.x",
            "--1",
            "+1",
            "99999999999999999999",
        ] {
            assert_eq!(Time::parse(text), None, "{text}");
        }
    }
}
