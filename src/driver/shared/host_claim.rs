//! The claim of a host on a volume: on shared storage, one host at a time may have it mounted.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::base::hash::hash;
use crate::sys::process::host;

/// A symbolic link in the volume's directory. Its text names the host, and it leads nowhere. A link is made with its text in a
/// single step, and if two hosts try, only one of them succeeds.
const LINK: &str = "host";

/// The temporary name of a link that replaces another one.
const NEXT: &str = "host.next";

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
            machine_id: host::machine_id()?,
            boot_id: host::boot_id()?,
            name: host::name(),
        })
    }

    fn parse(text: &str) -> Option<Host> {
        let mut fields = text.splitn(3, ':').map(str::to_owned);
        Some(Host {
            machine_id: fields.next()?,
            boot_id: fields.next()?,
            name: fields.next()?,
        })
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

    fn text(&self) -> String {
        format!("{}:{}:{}", self.machine_id, self.boot_id, self.name)
    }
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

/// Claims the volume in `directory` for this host.
///
/// # Errors
///
/// In use: another host has claimed it.
pub fn claim(directory: &Path, host: &Host, if_foreign: IfForeign) -> Result<Claim> {
    let link = directory.join(LINK);
    let doing = || format!("claiming {}", link.display());
    loop {
        let Some(claimant) = claimed_by(directory)? else {
            match symlink(host.text(), &link) {
                Ok(()) => return Ok(Claim::New),
                // Another host was faster: look which one.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error).with_context(doing),
            }
        };
        let ours = claimant.is(host);
        if ours && claimant.boot_id == host.boot_id {
            return Ok(Claim::Kept);
        }
        if !ours && if_foreign != IfForeign::Take {
            return Err(refused(&claimant, if_foreign));
        }
        replace(directory, host).with_context(doing)?;
        return Ok(if ours {
            Claim::New
        } else {
            Claim::Taken(claimant)
        });
    }
}

/// Gives this host's claim up. The claim of another host stays.
pub fn release(directory: &Path, host: &Host) -> Result<()> {
    let ours = claimed_by(directory)?.is_some_and(|claimant| claimant.is(host));
    if ours {
        let link = directory.join(LINK);
        fs::remove_file(&link).with_context(|| format!("releasing {}", link.display()))?;
    }
    Ok(())
}

/// Restores what was there before a claim.
pub fn undo(directory: &Path, host: &Host, claim: Claim) -> Result<()> {
    match claim {
        Claim::New => release(directory, host),
        Claim::Kept => Ok(()),
        Claim::Taken(other) => replace(directory, &other)
            .with_context(|| format!("giving {} back", directory.join(LINK).display())),
    }
}

/// The host that has claimed the volume: it has it mounted, or had it mounted when it went down.
fn claimed_by(directory: &Path) -> Result<Option<Host>> {
    let link = directory.join(LINK);
    match fs::read_link(&link) {
        Ok(text) => match Host::parse(&text.to_string_lossy()) {
            Some(claimant) => Ok(Some(claimant)),
            None => bail!(
                "reading {}: it names no host; remove it if no host has the volume mounted",
                link.display()
            ),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("reading {}", link.display())),
    }
}

fn refused(claimant: &Host, if_foreign: IfForeign) -> anyhow::Error {
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

fn replace(directory: &Path, host: &Host) -> io::Result<()> {
    let next = directory.join(NEXT);
    match fs::remove_file(&next) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(host.text(), &next)?;
    fs::rename(&next, directory.join(LINK)).inspect_err(|_| {
        let _ = fs::remove_file(&next);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::ErrorKind;

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
