//! What is recorded of mounted volumes, compared with what is mounted and who lives.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Error, Result};

use crate::base::finding::{Care, Finding};
use crate::driver::interface::Examined;
use crate::invocation::{Invocation, trust};
use crate::sys::mount::mountinfo::MountTable;
use crate::volume::examine::looking::{at_work, confirmed, or_finding};
use crate::volume::examine::mending;
use crate::volume::holders::ledger::{self, Kept};
use crate::volume::holders::record::HolderRecord;
use crate::volume::mount_point;

/// The files of the ledger.
#[derive(Default)]
pub struct Records(Vec<(PathBuf, Kept)>);

impl Records {
    /// All of them, or those of volumes of one driver.
    pub fn read(invocation: &Invocation, only: Option<&String>) -> Result<Records> {
        trust::check(&invocation.log, "using", &invocation.paths.holders)?;
        let mut files = ledger::files(invocation)?;
        files.retain(|(_, kept)| match (kept, only) {
            (Kept::Record(record), Some(only)) => key(&record.driver) == key(only),
            (_, only) => only.is_none(),
        });
        files.sort_by_key(|(path, kept)| match kept {
            Kept::Record(record) => subject(record),
            _ => path.display().to_string(),
        });
        Ok(Records(files))
    }

    /// The drivers of all volumes.
    pub fn drivers(&self) -> impl Iterator<Item = String> {
        self.0.iter().filter_map(|(_, kept)| match kept {
            Kept::Record(record) => Some(record.driver.clone()),
            _ => None,
        })
    }

    fn of(&self, volume: &str) -> Option<&HolderRecord> {
        self.0.iter().find_map(|(_, kept)| match kept {
            Kept::Record(record) if subject(record) == volume => Some(record.as_ref()),
            _ => None,
        })
    }

    /// Whether a volume is held in another mount namespace: what is mounted there is not seen here.
    pub fn is_held_elsewhere(&self, volume: &str) -> bool {
        self.of(volume).is_some_and(|record| {
            let table = MountTable::read();
            table.is_ok_and(|table| record.held_elsewhere(&table).is_some())
        })
    }

    pub fn examine(&self, invocation: &Invocation, care: Care) -> Vec<Finding> {
        let mut found = Vec::new();
        for (path, kept) in &self.0 {
            match kept {
                Kept::Damaged(why) => found.push(damaged(path, why)),
                Kept::Earlier => found.push(earlier(invocation, path, care)),
                Kept::SetAside => found.push(set_aside(path, care)),
                Kept::Record(record) => {
                    let result = of_record(invocation, path, record, care);
                    let of_record = or_finding(&subject(record), result, &mut found);
                    found.extend(of_record);
                }
            }
        }
        found
    }
}

/// That a volume of a built-in driver is mounted without a record.
pub fn unheld(
    invocation: &Invocation,
    driver: &str,
    volume: &str,
    examined: &Examined,
) -> Option<Finding> {
    let place = examined.mounted.as_ref()?;
    let unmount = format!("unmount it ({})", command(driver, volume));
    let finding = nobody_holds(&format!("{driver}/{volume}"), unmount, place);
    Some(finding).filter(|_| !ledger::has_record(invocation, driver, volume))
}

/// A managed plugin may be named with its tag `latest` or without.
fn key(driver: &str) -> &str {
    driver.strip_suffix(":latest").unwrap_or(driver)
}

/// What is said to be wrong of a volume is said of this.
fn subject(record: &HolderRecord) -> String {
    format!("{}/{}", record.driver, record.volume)
}

fn damaged(path: &Path, why: &str) -> Finding {
    let subject = path.display().to_string();
    let repair = "the next mount or unmount of its volume sets it aside";
    Finding::new(subject, format!("the holders' record {why}"), repair)
}

fn set_aside(path: &Path, care: Care) -> Finding {
    let subject = path.display().to_string();
    let problem = "it was a holders' record, and was set aside as it could not be read";
    let finding = Finding::new(subject, problem, "remove it");
    finding.mended(
        care,
        "removed it, as nobody reads it any more",
        || match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        },
    )
}

fn earlier(invocation: &Invocation, path: &Path, care: Care) -> Finding {
    let finding = Finding::new(
        path.display().to_string(),
        "it records the holders of an earlier boot",
        "have /run emptied at boot",
    );
    finding.mended(care, "removed the record of an earlier boot", || {
        ledger::drop_earlier(invocation, path)
    })
}

fn of_record(
    invocation: &Invocation,
    path: &Path,
    record: &HolderRecord,
    care: Care,
) -> Result<Vec<Finding>> {
    let is_at_work = || ledger::is_at_work(invocation, key(&record.driver), &record.volume);
    let look = || {
        let found = match ledger::reread(path)? {
            Some(Kept::Record(now)) => problem(&now)?,
            _ => None,
        };
        Ok(found.into_iter().collect())
    };
    let Some(found) = confirmed(is_at_work, look)? else {
        return Ok(at_work(&invocation.log, &subject(record)));
    };
    // As it is by now.
    let Some(Kept::Record(record)) = ledger::reread(path)? else {
        return Ok(Vec::new());
    };
    if found.is_empty() {
        return Ok(silent(invocation, &record)?.into_iter().collect());
    }
    let mended = found
        .into_iter()
        .map(|finding| mending::released(invocation, &record, finding, care));
    Ok(mended.collect())
}

/// The first that is wrong with it: what else is follows from that.
fn problem(record: &HolderRecord) -> Result<Option<Finding>> {
    let table = MountTable::read()?;
    let subject = subject(record);
    let command = command(&record.driver, &record.volume);
    let unmount = format!("unmount it ({command})");
    let dead: Vec<String> = record.dead().into_iter().map(|dead| dead.shown).collect();
    if !dead.is_empty() {
        let problem = format!(
            "its holder {} has died without unmounting it",
            dead.join(", ")
        );
        return Ok(Some(Finding::new(subject, problem, unmount)));
    }
    if !record.settled {
        let problem = "a mount or an unmount of it was cut off, or has failed";
        return Ok(Some(Finding::new(subject, problem, unmount)));
    }
    if record.held_elsewhere(&table).is_some() {
        return Ok(None);
    }
    let Some(mount) = record.live(&table) else {
        let place = record
            .mount
            .as_ref()
            .map_or(Path::new("-"), |it| &it.path)
            .display();
        let holders = record.names();
        let problem =
            format!("nothing of it is mounted at {place} any more, where it is held by {holders}");
        let repair = format!("mount it again, or release it ({command} --force)");
        return Ok(Some(Finding::new(subject, problem, repair)));
    };
    if !record.is_held() {
        return Ok(Some(nobody_holds(&subject, unmount, &mount.path)));
    }
    Ok(None)
}

/// A mount that does not answer, as of a server that is gone.
fn silent(invocation: &Invocation, record: &HolderRecord) -> Result<Option<Finding>> {
    let table = MountTable::read()?;
    let Some(mount) = record.live(&table) else {
        return Ok(None);
    };
    let ask = || mount_point::answers(invocation, &mount.path);
    // It may have been unmounted meanwhile, and mounted again.
    let error = match ask().or_else(|first| again(first, ask)) {
        Err(error) if mount.is_live(&MountTable::read()?) => error,
        _ => return Ok(None),
    };
    let problem = format!("its mount at {} does not answer", mount.path.display());
    let error = Error::from(error).context(problem);
    let command = command(&record.driver, &record.volume);
    let repair = format!("find out why, or take it away ({command} --lazy)");
    Ok(Some(Finding {
        repair,
        ..Finding::of(&subject(record), &error)
    }))
}

/// Asks again, unless there was no answer at all. Permission is denied by FUSE to who has not mounted it.
fn again(first: io::Error, ask: impl Fn() -> io::Result<()>) -> io::Result<()> {
    match first.kind() {
        ErrorKind::PermissionDenied => Ok(()),
        ErrorKind::TimedOut => Err(first),
        _ => ask(),
    }
}

fn nobody_holds(subject: &str, unmount: String, place: &Path) -> Finding {
    let problem = format!("it is mounted at {}, and nobody holds it", place.display());
    Finding::new(subject, problem, unmount)
}

/// What to type, with a name that means nothing else to a shell.
fn command(driver: &str, volume: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    let is_plain = |text: &str| text.chars().all(is_plain) && !text.starts_with('-');
    match is_plain(driver) && is_plain(volume) {
        true => format!("dvdcli unmount -d {driver} -n {volume}"),
        false => "dvdcli unmount".to_owned(),
    }
}
