//! Directories of volumes that are being made or deleted, and what killed calls have left of them.
//!
//! They are in a directory of their own, which is there only while one of them is: a look at what is left costs nothing, however many
//! volumes there are. Each is locked (flock(2)) by the call that works on it, and its name says which host that is on. What this host
//! has left, and nobody has locked, was left by a call that was killed. Another host's locks may not be seen here, so what that has
//! left is never judged.

use std::fs::{self, DirBuilder, File, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};
use nix::errno::Errno;
use nix::libc::{O_DIRECTORY, O_NOFOLLOW};

use crate::sys::errno::{errno_of, is_read_only};
use crate::sys::files::id::FileId;
use crate::sys::files::tree;
use crate::sys::process::interruption;

/// In the store. No volume has this name, or one with a dot at its beginning.
const DIRECTORY: &str = ".aside";

/// How often to try where other calls remove the directory that is empty, or look at one that has just been made.
const ATTEMPTS: usize = 200;

/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(2);

/// What is being done to a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    New,
    Gone,
}

impl State {
    const BOTH: [State; 2] = [State::New, State::Gone];

    fn word(self) -> &'static str {
        match self {
            State::New => "new",
            State::Gone => "gone",
        }
    }
}

/// The directories of one store and one host.
#[derive(Debug)]
pub struct Aside {
    root: PathBuf,
    /// As a part of names: 32 bytes at most.
    host: String,
}

/// A directory that this call works on.
pub struct Held {
    pub path: PathBuf,
    /// `None` where the file system has no locks: no other call takes it for a leftover then.
    _lock: Option<File>,
}

/// Something in the directory, by its name.
#[derive(Debug, PartialEq, Eq)]
pub struct Leftover {
    path: PathBuf,
    pub volume: String,
    pub state: State,
    /// Whether it is this host's.
    pub is_own: bool,
}

/// What came of the attempt to delete a leftover.
#[derive(Debug)]
pub enum Swept {
    Deleted,
    /// A live call works on it, or it cannot be told whether one does.
    InUse,
    Failed(Error),
}

/// Whether a directory is locked by this call now.
enum Grip {
    Locked(File),
    /// Another call has it, or has just taken it away.
    Missed,
    /// It cannot be locked.
    Unknown,
}

impl Aside {
    pub fn new(root: &Path, host: &str) -> Aside {
        Aside {
            root: root.to_owned(),
            host: host.to_owned(),
        }
    }

    /// Makes an empty directory for a new volume. What was left of another one has been swept.
    pub fn make(&self, volume: &str, mode: u32) -> Result<Held> {
        self.make_here(volume, mode).inspect_err(|_| self.tidy())
    }

    fn make_here(&self, volume: &str, mode: u32) -> Result<Held> {
        let path = self.path(volume, State::New);
        for _ in 0..ATTEMPTS {
            self.make_directory()?;
            match DirBuilder::new().mode(mode).create(&path) {
                Err(error) if is_passing(&error) => {}
                made => {
                    made.with_context(|| format!("making {}", path.display()))?;
                    match grip(&path) {
                        Grip::Locked(lock) => return Ok(held(path, Some(lock))),
                        Grip::Unknown => return Ok(held(path, None)),
                        // Another call has found it before it was locked, and deletes it.
                        Grip::Missed => {}
                    }
                }
            }
            thread::sleep(PAUSE);
        }
        bail!("making {}: another dvdcli is at work on it", path.display())
    }

    /// Takes the directory of a volume out of the store. Where there is no space for the directory that it is moved to, it stays
    /// beside the volumes.
    pub fn take(&self, volume: &str) -> io::Result<Held> {
        self.take_here(volume).inspect_err(|_| self.tidy())
    }

    fn take_here(&self, volume: &str) -> io::Result<Held> {
        let (from, to) = (self.root.join(volume), self.path(volume, State::Gone));
        let lock = grip_soon(&from);
        for _ in 0..ATTEMPTS {
            let moved = self
                .make_directory_here()
                .and_then(|()| fs::rename(&from, &to));
            match moved {
                Err(error) if error.kind() == ErrorKind::NotFound && from.exists() => {}
                Err(error) if lacks_space(&error) => {
                    let beside = self.root.join(self.name(volume, State::Gone));
                    return fs::rename(&from, &beside).map(|()| held(beside, lock));
                }
                moved => return moved.map(|()| held(to, lock)),
            }
            thread::sleep(PAUSE);
        }
        Err(Errno::EBUSY.into())
    }

    /// Deletes a directory that this call works on.
    pub fn delete(&self, held: Held) -> Result<()> {
        let deleted = remove(&held.path, None);
        self.tidy();
        deleted
    }

    /// Removes the directory of all if it is empty.
    pub fn tidy(&self) {
        let _ = fs::remove_dir(self.root.join(DIRECTORY));
    }

    /// Deletes what killed calls for this volume have left. The caller holds the volume's lock. True where the volume itself was
    /// being deleted. On a read-only store it stays: the volume can be read all the same.
    pub fn sweep(&self, volume: &str, ends: Instant) -> Result<bool> {
        match self.delete_leftovers(volume, ends) {
            Err(error) if is_read_only(&error) => Ok(false),
            swept => swept,
        }
    }

    fn delete_leftovers(&self, volume: &str, ends: Instant) -> Result<bool> {
        let mut was_gone = false;
        for state in State::BOTH {
            let beside = self.root.join(self.name(volume, state));
            for path in [self.path(volume, state), beside] {
                if path.symlink_metadata().is_err() {
                    continue;
                }
                was_gone |= state == State::Gone;
                let _lock = wait_for(&path, ends)?;
                remove(&path, None)?;
            }
        }
        self.tidy();
        Ok(was_gone)
    }

    /// All that calls of this host or others work on or have left; with `beside`, also where there was no space.
    pub fn leftovers(&self, beside: bool) -> Vec<Leftover> {
        let directory = self.root.join(DIRECTORY);
        let mut found = self.leftovers_in(&directory);
        if found.is_empty() && directory.exists() {
            // A call was killed before anything was in it.
            self.tidy();
        }
        if beside {
            found.extend(self.leftovers_in(&self.root));
        }
        found
    }

    /// The directories of volumes that are being made, or whose making was cut off, by any host.
    pub fn being_made(&self) -> Vec<PathBuf> {
        let all = self.leftovers_in(&self.root.join(DIRECTORY)).into_iter();
        all.filter(|it| it.state == State::New)
            .map(|it| it.path)
            .collect()
    }

    /// As [`leftovers`](Aside::leftovers), of all places, for who changes nothing.
    pub fn all_leftovers(&self) -> Vec<Leftover> {
        let mut found = self.leftovers_in(&self.root.join(DIRECTORY));
        found.extend(self.leftovers_in(&self.root));
        found
    }

    /// What calls of this host work on or have left of one volume.
    pub fn leftovers_of(&self, volume: &str) -> Vec<Leftover> {
        let names = State::BOTH.map(|state| (state, self.name(volume, state)));
        let places = names.into_iter().flat_map(|(state, name)| {
            let inside = self.root.join(DIRECTORY).join(&name);
            [(state, inside), (state, self.root.join(name))]
        });
        let there = places.filter(|(_, path)| path.symlink_metadata().is_ok());
        let leftover = |(state, path)| Leftover {
            path,
            volume: volume.to_owned(),
            state,
            is_own: true,
        };
        there.map(leftover).collect()
    }

    /// Whether a path, which need not exist any more, is that of something in a volume that was being deleted.
    pub fn was_being_deleted(&self, path: &Path) -> bool {
        let inside = path.strip_prefix(&self.root).unwrap_or(Path::new(""));
        let mut names = inside.iter().filter(|name| *name != DIRECTORY);
        let first = names.next().and_then(|name| parse(name.to_str()?));
        first.is_some_and(|(_, _, state)| state == State::Gone)
    }

    fn leftovers_in(&self, directory: &Path) -> Vec<Leftover> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| {
                let name = entry.file_name();
                let (volume, host, state) = parse(name.to_str()?)?;
                Some(Leftover {
                    path: entry.path(),
                    is_own: host == self.host,
                    volume,
                    state,
                })
            })
            .collect()
    }

    /// Whether a leftover is of a call of this host that has ended.
    pub fn is_dead(&self, leftover: &Leftover) -> bool {
        leftover.is_own && matches!(grip(&leftover.path), Grip::Locked(_))
    }

    /// Deletes a leftover of this host if nobody works on it. What is not done when the time is over is left to the next call.
    pub fn sweep_dead(&self, leftover: &Leftover, ends: Instant) -> Swept {
        let path = &leftover.path;
        let (true, Grip::Locked(_lock)) = (leftover.is_own, grip(path)) else {
            return Swept::InUse;
        };
        let swept = remove(path, Some(ends));
        self.tidy();
        match swept {
            Ok(()) => Swept::Deleted,
            Err(error) => Swept::Failed(error),
        }
    }

    /// Makes the directory of all, unless it is there.
    fn make_directory(&self) -> Result<()> {
        let doing = || format!("making {}", self.root.join(DIRECTORY).display());
        self.make_directory_here().with_context(doing)
    }

    fn make_directory_here(&self) -> io::Result<()> {
        match DirBuilder::new()
            .mode(0o700)
            .create(self.root.join(DIRECTORY))
        {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    fn path(&self, volume: &str, state: State) -> PathBuf {
        self.root.join(DIRECTORY).join(self.name(volume, state))
    }

    fn name(&self, volume: &str, state: State) -> String {
        format!(".{volume}.{}.{}", self.host, state.word())
    }
}

/// The volume, the host and the state in a name.
fn parse(name: &str) -> Option<(String, &str, State)> {
    let (rest, word) = name.strip_prefix('.')?.rsplit_once('.')?;
    let state = State::BOTH.into_iter().find(|it| it.word() == word)?;
    let (volume, host) = rest.rsplit_once('.')?;
    Some((volume.to_owned(), host, state))
}

fn held(path: PathBuf, lock: Option<File>) -> Held {
    Held { path, _lock: lock }
}

/// Locks a directory, unless another call has it, or it is another one by then.
fn grip(path: &Path) -> Grip {
    let flags = O_DIRECTORY | O_NOFOLLOW;
    let directory = match File::options().read(true).custom_flags(flags).open(path) {
        Ok(directory) => directory,
        Err(error) if error.kind() == ErrorKind::NotFound => return Grip::Missed,
        Err(_) => return Grip::Unknown,
    };
    match directory.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Grip::Missed,
        Err(TryLockError::Error(_)) => return Grip::Unknown,
    }
    match (FileId::of(&directory), FileId::at_itself(path)) {
        (Ok(locked), Ok(there)) if locked == there => Grip::Locked(directory),
        _ => Grip::Missed,
    }
}

/// Locks a volume's directory, which another call may have locked for a moment: one that took it for a leftover when it was made.
fn grip_soon(path: &Path) -> Option<File> {
    for _ in 0..ATTEMPTS {
        match grip(path) {
            Grip::Locked(lock) => return Some(lock),
            Grip::Missed if path.exists() => thread::sleep(PAUSE),
            Grip::Missed | Grip::Unknown => return None,
        }
    }
    None
}

/// Waits until no other call deletes a leftover of the volume that the caller works on.
fn wait_for(path: &Path, ends: Instant) -> Result<Option<File>> {
    loop {
        match grip(path) {
            Grip::Locked(lock) => return Ok(Some(lock)),
            Grip::Unknown => return Ok(None),
            Grip::Missed if path.symlink_metadata().is_err() => return Ok(None),
            Grip::Missed if interruption::is_over(ends) => {
                let otherwise = "another dvdcli is at work on it, and was so until the time was over (--timeout)";
                let why = interruption::reason_or(otherwise);
                bail!("deleting {}: {why}", path.display());
            }
            Grip::Missed => thread::sleep(PAUSE),
        }
    }
}

fn remove(path: &Path, ends: Option<Instant>) -> Result<()> {
    let parent = path.parent().unwrap_or(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    tree::remove_until(parent, &name, ends)
}

/// Whether another call is the reason, and will have ended soon.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::AlreadyExists)
}

pub fn lacks_space(error: &io::Error) -> bool {
    matches!(errno_of(error), Some(Errno::ENOSPC | Errno::EDQUOT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store() -> (tempfile::TempDir, Aside) {
        let root = tempfile::tempdir().expect("a directory");
        let aside = Aside::new(root.path(), "m1");
        (root, aside)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn names_are_read_as_they_are_made() {
        let (_root, aside) = store();
        for volume in ["db", "a.b", "a.new"] {
            for state in State::BOTH {
                let name = aside.name(volume, state);
                assert_eq!(parse(&name), Some((volume.to_owned(), "m1", state)));
            }
        }
        for other in ["db", ".aside", ".db.m1.old", "db.m1.new", ".db.new"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn leftovers_are_swept_by_their_own_host() {
        let (root, aside) = store();
        let names = [
            ".db.m1.new",
            ".aside/.db.m1.gone",
            ".db.m2.new",
            ".db2.m1.new",
        ];
        let [new, gone, foreign, other] = names.map(|name| root.path().join(name));
        for leftover in [&new, &gone, &foreign, &other] {
            fs::create_dir_all(leftover.join("x")).expect("a leftover");
        }
        assert!(aside.sweep("db", soon()).expect("swept"));
        assert!(!aside.sweep("db", soon()).expect("swept"));
        assert!(!new.exists() && !root.path().join(DIRECTORY).exists());
        assert!(foreign.exists() && other.exists());
        let mut found = aside.leftovers(true);
        found.retain(|leftover| matches!(aside.sweep_dead(leftover, soon()), Swept::InUse));
        assert!(found.iter().all(|it| it.volume == "db" && !it.is_own) && found.len() == 1);
        assert!(foreign.exists() && !other.exists());
        assert_eq!(aside.leftovers(false), []);
    }

    #[test]
    fn what_a_live_call_works_on_is_no_leftover() {
        let (root, aside) = store();
        let new = aside.make("new", 0o711).expect("made");
        fs::create_dir_all(root.path().join("db/x")).expect("a volume");
        let gone = aside.take("db").expect("taken");
        let found = aside.leftovers(false);
        assert_eq!(found.len(), 2);
        for leftover in &found {
            assert!(matches!(aside.sweep_dead(leftover, soon()), Swept::InUse));
        }
        // The one of the same name is waited for.
        aside.sweep("new", Instant::now()).expect_err("in use");
        assert!(new.path.exists() && gone.path.exists());
        drop((new, gone));
        for leftover in &found {
            assert!(matches!(aside.sweep_dead(leftover, soon()), Swept::Deleted));
        }
        assert!(tree::is_empty(root.path()).expect("read"));
    }

    #[test]
    fn callers_that_sweep_at_all_times_disturb_nobody() {
        let (root, aside) = store();
        thread::scope(|scope| {
            for caller in 0..4 {
                let aside = &aside;
                scope.spawn(move || {
                    let name = format!("v{caller}");
                    for _ in 0..200 {
                        for leftover in aside.leftovers(true) {
                            let _ = aside.sweep_dead(&leftover, soon());
                        }
                        let held = aside.make(&name, 0o711).expect("made");
                        fs::write(held.path.join("file"), "").expect("it is there");
                        fs::rename(&held.path, aside.root.join(&name)).expect("it is there");
                        drop(held);
                        let held = aside.take(&name).expect("taken");
                        assert!(held.path.join("file").exists());
                        aside.delete(held).expect("deleted");
                    }
                });
            }
        });
        assert!(tree::is_empty(root.path()).expect("read"));
    }
}
