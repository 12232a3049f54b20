//! Signals that end the program, such as SIGINT and SIGTERM. They end what it waits for at once, as if the time were over, so that
//! it undoes what it has begun.
//!
//! They are blocked and stay pending: whoever asks finds them, on every thread, and a file is readable as long as one is there.

use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::time::TimeSpec;

use crate::sys::process::inherited::is_ignored;

/// Signals that are not caught: those that stop and continue a job, so that Ctrl-Z works in a shell; those that a fault of
/// this program causes; and SIGPIPE, which its own output causes, and which is ignored.
const KEPT: [Signal; 11] = [
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGCONT,
    Signal::SIGPIPE,
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGTRAP,
    Signal::SIGSYS,
];

/// Of the caught signals, those that do not end a process by default (signal(7)).
const HARMLESS: [c_int; 3] = [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH];

/// How long what is under way may go on after the signal where it must not be cut off without need.
const FINISHING: Duration = Duration::from_secs(1);

/// How long undoing may take after the signal.
const UNDOING: Duration = Duration::from_secs(10);

static CAUGHT: OnceLock<Caught> = OnceLock::new();

/// When a signal was first seen.
static SEEN: Mutex<Option<Instant>> = Mutex::new(None);

thread_local! {
    /// How long this thread may go on after the signal.
    static GRACE: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

struct Caught {
    /// All caught signals.
    signals: SigSet,
    /// The signal mask that this process was started with.
    callers_mask: SigSet,
    /// The numbers of those that end the program: not those that the caller ignores or blocks.
    ending: Vec<c_int>,
    /// Readable as long as one of these is pending.
    file: SignalFd,
}

/// Catches the signals from now on, and returns their set. It has to be called before a thread is started, which would get them
/// instead.
pub fn catch() -> io::Result<SigSet> {
    if let Some(caught) = CAUGHT.get() {
        return Ok(caught.signals);
    }
    let (signals, callers_mask) = block()?;
    let ends = |signal: &c_int| {
        contains(&signals, *signal)
            && !HARMLESS.contains(signal)
            && !contains(&callers_mask, *signal)
            && !is_ignored(*signal)
    };
    let ending: Vec<c_int> = (1..=libc::SIGRTMAX()).filter(ends).collect();
    let file = file_of(&ending)?;
    let caught = CAUGHT.get_or_init(|| Caught {
        signals,
        callers_mask,
        ending,
        file,
    });
    Ok(caught.signals)
}

/// The same for a service: what is under way is finished, and the file that is returned tells when the service is to stop.
pub fn catch_for_service() -> io::Result<OwnedFd> {
    let (signals, callers_mask) = block()?;
    let stop = file_of(&[libc::SIGTERM, libc::SIGINT])?;
    let file = file_of(&[])?;
    CAUGHT.get_or_init(|| Caught {
        signals,
        callers_mask,
        ending: Vec::new(),
        file,
    });
    Ok(stop.into())
}

/// Blocks the caught signals, which are returned with the mask that was there.
fn block() -> io::Result<(SigSet, SigSet)> {
    let mut signals = SigSet::all();
    KEPT.iter().for_each(|signal| signals.remove(*signal));
    let callers_mask = signals.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    Ok((signals, callers_mask))
}

/// A file that is readable as long as one of the signals is pending.
fn file_of(signals: &[c_int]) -> io::Result<SignalFd> {
    let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
    Ok(SignalFd::with_flags(&set_of(signals), flags)?)
}

/// The signal mask that this process was started with.
pub fn callers_mask() -> SigSet {
    CAUGHT
        .get()
        .map_or_else(SigSet::empty, |caught| caught.callers_mask)
}

/// The number of a signal that has come and ends the program.
pub fn pending() -> Option<c_int> {
    let caught = CAUGHT.get()?;
    let mut pending = *SigSet::empty().as_ref();
    // SAFETY: the kernel writes to a set that is owned here.
    unsafe { libc::sigpending(&raw mut pending) };
    // SAFETY: it is a set that the kernel has written.
    let pending = unsafe { SigSet::from_sigset_t_unchecked(pending) };
    let mut ending = caught.ending.iter().copied();
    let signal = ending.find(|signal| contains(&pending, *signal))?;
    seen().get_or_insert_with(Instant::now);
    Some(signal)
}

/// Signals that were meant for another program have been taken off.
pub fn forget() {
    *seen() = None;
}

fn seen() -> MutexGuard<'static, Option<Instant>> {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does what must not be cut off by a signal without need, such as a call that changes something: it gets another second.
pub fn finishing<T>(act: impl FnOnce() -> T) -> T {
    with_grace(FINISHING, act)
}

/// Undoes something: a signal leaves it ten seconds.
pub fn undoing<T>(act: impl FnOnce() -> T) -> T {
    with_grace(UNDOING, act)
}

fn with_grace<T>(grace: Duration, act: impl FnOnce() -> T) -> T {
    let before = GRACE.get();
    GRACE.set(before.max(grace));
    let done = act();
    GRACE.set(before);
    done
}

/// When the time is over that ends at `ends`, or with a signal.
pub fn limit(ends: Instant) -> Instant {
    limit_with(pending(), ends)
}

fn limit_with(signal: Option<c_int>, ends: Instant) -> Instant {
    match signal.and_then(|_| *seen()) {
        Some(seen) => ends.min(seen + GRACE.get()),
        None => ends,
    }
}

/// Whether the time is over that ends at `ends`, or with a signal.
pub fn is_over(ends: Instant) -> bool {
    Instant::now() >= limit(ends)
}

/// Why the time is over, if a signal has ended it.
pub fn reason() -> Option<String> {
    let signal = name(pending()?);
    Some(match GRACE.get() {
        Duration::ZERO => format!("interrupted by {signal}"),
        grace => format!("not done {} s after {signal}", grace.as_secs()),
    })
}

/// Why the time is over: a signal, or what is said here.
pub fn reason_or(otherwise: &str) -> String {
    reason().unwrap_or_else(|| otherwise.to_owned())
}

/// The name of a signal.
pub fn name(signal: c_int) -> String {
    Signal::try_from(signal).map_or_else(
        |_| format!("signal {signal}"),
        |signal| signal.as_str().to_owned(),
    )
}

/// Waits until one of the events comes to a file; false where the time is over before.
pub fn wait(file: BorrowedFd, events: PollFlags, ends: Instant) -> io::Result<bool> {
    loop {
        // One look decides both: a signal that is there is part of the limit, and one that comes later ends the wait.
        let signal = pending();
        let left = limit_with(signal, ends).saturating_duration_since(Instant::now());
        let mut files = vec![PollFd::new(file, events)];
        if let (Some(caught), None) = (CAUGHT.get(), signal) {
            files.push(PollFd::new(caught.file.as_fd(), PollFlags::POLLIN));
        }
        match ppoll(&mut files, Some(TimeSpec::from(left)), None) {
            Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) if files[0].any() == Some(true) => return Ok(true),
            Ok(_) if is_over(ends) => return Ok(false),
            Ok(_) => {}
        }
    }
}

/// Pauses; false where a signal ends the pause.
pub fn pause(length: Duration) -> bool {
    match CAUGHT.get() {
        None => std::thread::sleep(length),
        Some(caught) if pending().is_none() => {
            let mut file = [PollFd::new(caught.file.as_fd(), PollFlags::POLLIN)];
            let _ = ppoll(&mut file, Some(TimeSpec::from(length)), None);
        }
        Some(_) => std::thread::sleep(length),
    }
    // Not by the time that it has taken, which a busy machine makes longer.
    pending().is_none() || seen().is_none_or(|seen| Instant::now() < seen + GRACE.get())
}

/// Whether a set contains a signal, which may be a real-time signal: nix has no names for them.
fn contains(set: &SigSet, signal: c_int) -> bool {
    // SAFETY: the set is initialized.
    unsafe { libc::sigismember(set.as_ref(), signal) == 1 }
}

fn set_of(signals: &[c_int]) -> SigSet {
    let mut set = *SigSet::empty().as_ref();
    for signal in signals {
        // SAFETY: the set is initialized.
        unsafe { libc::sigaddset(&raw mut set, *signal) };
    }
    // SAFETY: the set is initialized.
    unsafe { SigSet::from_sigset_t_unchecked(set) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_nothing_however_short_it_is() {
        assert!(pause(Duration::ZERO));
    }
}
