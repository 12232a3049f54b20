//! The claim of a host on a volume: on shared storage, one host at a time may have it mounted.
//!
//! A volume's directory holds an empty file, the token, which is made with it. The token's name says which host has claimed the
//! volume, and all that is ever done is to rename it. If several hosts rename it from the same name, only one of them succeeds; the
//! others find nothing of that name and look again. To give a claim up, a host renames the token from its own name, which
//! no other host's claim has. And a rename needs no space, so that a volume on a full file system can be claimed and removed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use nix::errno::Errno;

use crate::base::failure::{ErrorKind, Failure};
use crate::base::hash::hash;
use crate::sys::errno::{errno_of, is_read_only};
use crate::sys::process::host;

/// The token's name where no host has claimed the volume.
const UNCLAIMED: &str = "unclaimed";

/// What the token's name begins with where a host has.
const CLAIMED: &str = "claimed";

/// How often to look before a missing token is made: where others rename it, it may be overlooked.
const LOOKS: usize = 5;

/// How often to look before giving up, where others rename the token all the time.
const ATTEMPTS: usize = 100;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(2);

/// A host, from one boot to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Of the installation (machine-id(5)).
    pub machine_id: String,
    /// Of the present boot.
    pub boot_id: String,
    /// Machines that were made from one image have the same ID, but not the same name.
    pub name: String,
}

impl Host {
    /// This host.
    pub fn this() -> Result<Host> {
        Ok(Host {
            machine_id: for_file_name(&host::machine_id()?),
            boot_id: for_file_name(&host::boot_id()?),
            name: for_file_name(&host::name()),
        })
    }

    /// The host in the name of a token.
    fn parse(token: &str) -> Option<Host> {
        let fields = token.strip_prefix(CLAIMED)?.strip_prefix(',')?;
        let mut fields = fields.splitn(3, ',').map(str::to_owned);
        Some(Host {
            machine_id: fields.next()?,
            boot_id: fields.next()?,
            name: fields.next()?,
        })
    }

    /// The name of its token.
    fn token(&self) -> String {
        format!(
            "{CLAIMED},{},{},{}",
            self.machine_id, self.boot_id, self.name
        )
    }

    /// Whether this is the same host, perhaps in an earlier boot. One that was given another name since it was booted is the same.
    fn is(&self, other: &Host) -> bool {
        self.machine_id == other.machine_id
            && (self.name == other.name || self.boot_id == other.boot_id)
    }

    /// Stays the same from boot to boot.
    pub fn hash(&self) -> String {
        hash(&[&self.machine_id, &self.name])
    }
}

/// A text as a part of a file's name. IDs and names of hosts have such characters, and this length, anyway.
fn for_file_name(text: &str) -> String {
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let chars = text.chars().take(64);
    chars.map(|c| if usual(c) { c } else { '_' }).collect()
}

/// What [`claim`] has found.
#[derive(Debug, PartialEq, Eq)]
pub enum Claim {
    /// No claim, or one from an earlier boot of this host, which is void: the volume was not mounted.
    New,
    /// A claim of this host.
    Kept,
    /// A claim of this other host, which has been replaced.
    Taken(Host),
    /// None, as none can be written: there is no space for one, and a volume that is to be removed, which makes space, is removed
    /// without; or the store is read-only, and the volume is mounted read-only.
    Impossible,
}

/// What to do where another host has claimed the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfForeign {
    /// Refuse, as the setting mount.preempt is not given.
    Refuse,
    /// Refuse, whatever is set: the volume is not to be mounted, but removed or copied.
    AlwaysRefuse,
    /// Take the volume from it.
    Take,
}

/// Makes the token of a new volume in `directory`.
pub fn make_token(directory: &Path) -> Result<()> {
    let path = directory.join(UNCLAIMED);
    let mut options = File::options();
    match options.write(true).create_new(true).mode(0o600).open(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(error).with_context(|| format!("making {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Claims the volume in `directory` for this host. Only the host that is found to have it first is one to take it from: who
/// takes it at the same moment keeps it.
///
/// # Errors
///
/// In use: another host has claimed it.
pub fn claim(directory: &Path, host: &Host, if_foreign: IfForeign) -> Result<Claim> {
    let mut first = None;
    for attempt in 0..ATTEMPTS {
        let tokens = tokens(directory)?;
        let foreign = tokens.iter().filter_map(|token| Host::parse(token));
        let foreign = foreign.into_iter().find(|claimant| !claimant.is(host));
        if let Some(claimant) = &foreign {
            let first = first.get_or_insert_with(|| claimant.clone());
            if if_foreign != IfForeign::Take || !first.is(claimant) {
                return Err(refused(claimant, if_foreign));
            }
        }
        let taken = match (tokens.is_empty(), attempt >= LOOKS) {
            (false, _) => take(directory, &tokens, host),
            (true, true) => make_token(directory).map(|()| false),
            (true, false) => Ok(false),
        };
        let taken = match taken {
            Err(error) if if_foreign == IfForeign::AlwaysRefuse && lacks_space(&error) => {
                return Ok(Claim::Impossible);
            }
            taken => taken?,
        };
        if taken {
            return Ok(match foreign {
                Some(claimant) => Claim::Taken(claimant),
                None if tokens.iter().any(|token| is_kept(token, host)) => Claim::Kept,
                None => Claim::New,
            });
        }
        thread::sleep(PAUSE);
    }
    bail!(
        "claiming {}: other hosts claim it and give it up all the time",
        directory.display()
    )
}

/// Renames every token to this host's; there is more than one only where a copy was put over the directory. False where one was renamed
/// by another host.
fn take(directory: &Path, tokens: &[String], host: &Host) -> Result<bool> {
    let own = host.token();
    for token in tokens.iter().filter(|token| **token != own) {
        if !rename(directory, token, &own)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_kept(token: &str, host: &Host) -> bool {
    Host::parse(token).is_some_and(|claimant| claimant.is(host) && claimant.boot_id == host.boot_id)
}

/// Whether something could not be changed because the file system is full.
fn lacks_space(error: &Error) -> bool {
    let errno = error.downcast_ref().and_then(errno_of);
    matches!(errno, Some(Errno::ENOSPC | Errno::EDQUOT))
}

/// Whether something could not be changed because the file system is full, or read-only.
pub fn is_unwritable(error: &Error) -> bool {
    lacks_space(error) || is_read_only(error)
}

/// Whether this host has claimed the volume, perhaps in an earlier boot.
pub fn is_of(directory: &Path, host: &Host) -> Result<bool> {
    let mut claimants = claimants(directory)?;
    Ok(claimants.any(|claimant| claimant.is(host)))
}

/// This host's claim: whether it is of the present boot. `None` where there is none.
pub fn own(directory: &Path, host: &Host) -> Result<Option<bool>> {
    let own = claimants(directory)?.find(|claimant| claimant.is(host));
    Ok(own.map(|claimant| claimant.boot_id == host.boot_id))
}

/// The other host that has claimed the volume.
pub fn foreign(directory: &Path, host: &Host) -> Result<Option<Host>> {
    Ok(claimants(directory)?.find(|claimant| !claimant.is(host)))
}

/// A moment at which no other host had the volume.
pub struct Free {
    /// When the token was renamed last, in seconds and nanoseconds; `None` where this host had claimed the volume.
    renamed: Option<(i64, i64)>,
}

/// Refuses a volume that another host has claimed.
///
/// # Errors
///
/// In use: the host.
pub fn refuse_foreign(directory: &Path, host: &Host) -> Result<Free> {
    if let Some(claimant) = foreign(directory, host)? {
        return Err(refused(&claimant, IfForeign::AlwaysRefuse));
    }
    let token = directory.join(UNCLAIMED).symlink_metadata().ok();
    let renamed = token.map(|token| (token.ctime(), token.ctime_nsec()));
    Ok(Free { renamed })
}

/// Refuses a volume that another host has claimed since, also where it has given it up again.
///
/// # Errors
///
/// In use: the host, if it is known.
pub fn refuse_if_claimed_since(free: &Free, directory: &Path, host: &Host) -> Result<()> {
    let now = refuse_foreign(directory, host)?;
    if free.renamed.is_some() && now.renamed.is_some() && free.renamed != now.renamed {
        bail!(Failure::in_use("it was mounted meanwhile"));
    }
    Ok(())
}

/// Gives this host's claim up. The claim of another host stays, and a volume that is gone has none.
pub fn release(directory: &Path, host: &Host) -> Result<()> {
    let tokens = match tokens(directory) {
        Err(error) if ErrorKind::of(&error) == ErrorKind::Absent => return Ok(()),
        tokens => tokens?,
    };
    for token in tokens {
        if Host::parse(&token).is_some_and(|claimant| claimant.is(host)) {
            rename(directory, &token, UNCLAIMED)?;
        }
    }
    Ok(())
}

/// Restores what was there before a claim.
pub fn undo(directory: &Path, host: &Host, claim: Claim) -> Result<()> {
    match claim {
        Claim::New => release(directory, host),
        Claim::Kept | Claim::Impossible => Ok(()),
        Claim::Taken(other) => rename(directory, &host.token(), &other.token()).map(drop),
    }
}

/// The hosts that have claimed the volume: one at most, as a rule.
fn claimants(directory: &Path) -> Result<impl Iterator<Item = Host>> {
    let tokens = tokens(directory)?.into_iter();
    Ok(tokens.filter_map(|token| Host::parse(&token)))
}

/// The names of the tokens: one, as a rule.
fn tokens(directory: &Path) -> Result<Vec<String>> {
    let doing = || format!("reading {}", directory.display());
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bail!(Failure::absent("no such volume"))
        }
        entries => entries.with_context(doing)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.with_context(doing)?.file_name();
        let name = name.into_string().unwrap_or_default();
        if name == UNCLAIMED || Host::parse(&name).is_some() {
            found.push(name);
        }
    }
    Ok(found)
}

/// False where there is no token of the first name.
fn rename(directory: &Path, from: &str, to: &str) -> Result<bool> {
    match fs::rename(directory.join(from), directory.join(to)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => {
            Err(error).with_context(|| format!("renaming {}", directory.join(from).display()))
        }
    }
}

fn refused(claimant: &Host, if_foreign: IfForeign) -> Error {
    let repair = match if_foreign {
        IfForeign::AlwaysRefuse => {
            "if that host is down, mount it here with the setting mount.preempt, and unmount it"
        }
        _ => "take it with the setting mount.preempt",
    };
    Failure::in_use(format!(
        "mounted on host {} (machine {}); unmount it there, or {repair}",
        claimant.name, claimant.machine_id
    ))
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(machine_id: &str, boot_id: &str) -> Host {
        Host {
            machine_id: machine_id.into(),
            boot_id: boot_id.into(),
            name: format!("name-{machine_id}"),
        }
    }

    #[test]
    fn one_host_at_a_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let claim = |host: &Host, preempt| {
            let if_foreign = match preempt {
                true => IfForeign::Take,
                false => IfForeign::Refuse,
            };
            claim(directory.path(), host, if_foreign)
        };
        let (a, b) = (host("a", "1"), host("b", "1"));
        assert_eq!(claim(&a, false).expect("free"), Claim::New);
        assert_eq!(claim(&a, false).expect("ours"), Claim::Kept);
        let error = claim(&b, false).expect_err("another host's");
        assert_eq!(ErrorKind::of(&error), ErrorKind::InUse);
        assert!(error.to_string().contains("name-a"), "{error}");
        release(directory.path(), &b).expect("not ours to release");
        assert_eq!(claim(&b, true).expect("taken"), Claim::Taken(a.clone()));
        claim(&a, false).expect_err("taken by another");
        undo(directory.path(), &b, Claim::Taken(a.clone())).expect("given back");
        assert_eq!(claim(&a, false).expect("ours"), Claim::Kept);
        assert_eq!(claim(&b, true).expect("taken"), Claim::Taken(a.clone()));
        release(directory.path(), &b).expect("released");
        assert_eq!(claim(&a, false).expect("free"), Claim::New);
    }

    #[test]
    fn an_earlier_boot_is_stale() {
        let directory = tempfile::tempdir().expect("a directory");
        claim(directory.path(), &host("a", "1"), IfForeign::Refuse).expect("free");
        assert_eq!(
            claim(directory.path(), &host("a", "2"), IfForeign::Refuse).expect("stale"),
            Claim::New
        );
        claim(directory.path(), &host("b", "2"), IfForeign::Refuse).expect_err("another host's");
    }

    #[test]
    fn a_volume_that_another_host_had_meanwhile_is_noticed() {
        let directory = tempfile::tempdir().expect("a directory");
        let (a, b) = (host("a", "1"), host("b", "1"));
        make_token(directory.path()).expect("made");
        let free = refuse_foreign(directory.path(), &a).expect("free");
        refuse_if_claimed_since(&free, directory.path(), &a).expect("still free");
        // The time of a file goes on in steps.
        thread::sleep(Duration::from_millis(50));
        claim(directory.path(), &b, IfForeign::Refuse).expect("free");
        refuse_if_claimed_since(&free, directory.path(), &a).expect_err("claimed");
        refuse_foreign(directory.path(), &a)
            .map(drop)
            .expect_err("claimed");
        release(directory.path(), &b).expect("released");
        let error = refuse_if_claimed_since(&free, directory.path(), &a).expect_err("it was");
        assert_eq!(ErrorKind::of(&error), ErrorKind::InUse);
        refuse_foreign(directory.path(), &a)
            .map(drop)
            .expect("free again");
    }

    #[test]
    fn a_volume_that_is_gone_has_no_claim_to_give_up() {
        let directory = tempfile::tempdir().expect("a directory");
        let gone = directory.path().join("gone");
        release(&gone, &host("a", "1")).expect("nothing to do");
        undo(&gone, &host("a", "1"), Claim::New).expect("nothing to do");
        let error = claim(&gone, &host("a", "1"), IfForeign::Refuse).expect_err("gone");
        assert_eq!(ErrorKind::of(&error), ErrorKind::Absent);
    }

    #[test]
    fn a_clone_is_another_host() {
        let original = host("a", "1");
        let clone = Host {
            boot_id: "2".into(),
            name: "clone".into(),
            ..original.clone()
        };
        assert!(!original.is(&clone));
        assert_ne!(original.hash(), clone.hash());
        let renamed = Host {
            boot_id: "1".into(),
            ..clone
        };
        assert!(original.is(&renamed) && original.is(&host("a", "3")));
        assert_eq!(original.hash(), host("a", "3").hash());
    }
}
