//! Finding out whether a directory answers, by a process of its own. `statfs` on a dead network or FUSE mount may never
//! return, and then neither a thread nor a process that called it can be killed.

use std::ffi::{CStr, CString, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::PollFlags;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{Pid, pipe2, read};
use rustix::fs::FileType;

use crate::sys::process::interruption;

/// A process that has been started to look at a directory.
pub struct Probe {
    answer: OwnedFd,
    child: Pid,
    memory: Memory,
}

impl Probe {
    /// Starts to find out whether `path` is a directory whose file system answers.
    pub fn start(path: &Path) -> io::Result<Probe> {
        #[cfg(test)]
        if let Some(error) = crate::sys::tests::fake_host::dead(path) {
            return Err(error);
        }
        reap();
        let path = CString::new(path.as_os_str().as_bytes())?;
        let (answer, report) = pipe2(OFlag::O_CLOEXEC)?;
        let memory = Memory::new(Question {
            path,
            report: report.as_raw_fd(),
        });
        let child = spawn(&memory)?;
        Ok(Probe {
            answer,
            child,
            memory,
        })
    }

    /// Waits for the answer.
    ///
    /// # Errors
    ///
    /// The error that looking at it has given; `TimedOut` where there was no answer within `limit`.
    pub fn finish(self, limit: Duration) -> io::Result<()> {
        let answer = read_answer(&self.answer, self.child, limit);
        match &answer {
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                hung().push((self.child, self.memory));
            }
            _ if waitpid(self.child, None).is_ok() => self.memory.free(),
            _ => {}
        }
        answer
    }
}

fn read_answer(answer: &OwnedFd, child: Pid, limit: Duration) -> io::Result<()> {
    if !interruption::wait(answer.as_fd(), PollFlags::POLLIN, Instant::now() + limit)? {
        // It may not react even to SIGKILL, so it is not waited for.
        let _ = kill(child, Signal::SIGKILL);
        return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"));
    }
    let mut errno = [0; 4];
    let read = read(answer, &mut errno)?;
    match (read, i32::from_ne_bytes(errno)) {
        (4, 0) => Ok(()),
        (4, errno) => Err(io::Error::from_raw_os_error(errno)),
        _ => Err(io::Error::other(
            "the process that asked ended without an answer",
        )),
    }
}

/// What the process is told.
struct Question {
    path: CString,
    /// The file to which it writes an error number, or 0.
    report: RawFd,
}

/// What the process uses. It is given back once the process has ended: one that hangs may use it after nobody waits for it any more.
struct Memory {
    stack: *mut [u128; 1024],
    question: *mut Question,
}

impl Memory {
    fn new(question: Question) -> Memory {
        Memory {
            stack: Box::into_raw(Box::new([0; 1024])),
            question: Box::into_raw(Box::new(question)),
        }
    }

    fn free(self) {
        // SAFETY: both come from `Box::into_raw`, and whoever used them has ended.
        unsafe {
            drop(Box::from_raw(self.stack));
            drop(Box::from_raw(self.question));
        }
    }
}

// SAFETY: whoever has it does no more than free it.
unsafe impl Send for Memory {}

/// The processes that have hung, until they end.
static HUNG: Mutex<Vec<(Pid, Memory)>> = Mutex::new(Vec::new());

fn hung() -> MutexGuard<'static, Vec<(Pid, Memory)>> {
    HUNG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets go of those that have ended since.
fn reap() {
    let has_ended = |(child, _): &mut (Pid, Memory)| {
        waitpid(*child, Some(WaitPidFlag::WNOHANG)) != Ok(WaitStatus::StillAlive)
    };
    let mut hung = hung();
    let ended = hung.extract_if(.., has_ended);
    ended.for_each(|(_, memory)| memory.free());
}

/// Starts a process that shares the memory of this one, which saves copying the page tables, but not its files: a process
/// that hangs must not keep a pipe of the caller or the lock of a volume open.
fn spawn(memory: &Memory) -> io::Result<Pid> {
    // SAFETY: only the child uses the stack, which ends at a multiple of 16 and grows down. Both outlive it.
    // The child shares `errno` with this thread, so its calls go through rustix, which does not set it; nix would. Only
    // closing files sets it, on Linux before 5.9. This thread reads it only after a call that has failed, and reading the
    // mount table, which is what it does meanwhile, does not fail.
    let child = unsafe {
        libc::clone(
            ask,
            memory.stack.add(1).cast(),
            libc::CLONE_VM | libc::SIGCHLD,
            memory.question.cast(),
        )
    };
    Errno::result(child)
        .map(Pid::from_raw)
        .map_err(io::Error::from)
}

/// What the child does. It must not allocate memory: this process may be in the allocator.
extern "C" fn ask(question: *mut c_void) -> c_int {
    // SAFETY: `spawn` passes a `Question` that outlives the child, and its file is kept open.
    let (path, report) = unsafe {
        let question = &*question.cast::<Question>();
        close_all_but(question.report);
        (
            question.path.as_c_str(),
            BorrowedFd::borrow_raw(question.report),
        )
    };
    let errno = match look(path) {
        Ok(()) => 0,
        Err(errno) => errno.raw_os_error(),
    };
    let _ = rustix::io::write(report, &errno.to_ne_bytes());
    // SAFETY: it ends the child without running anything that this process has registered for its own end.
    unsafe { libc::_exit(0) }
}

fn look(path: &CStr) -> rustix::io::Result<()> {
    let status = rustix::fs::stat(path)?;
    if !FileType::from_raw_mode(status.st_mode).is_dir() {
        return Err(rustix::io::Errno::NOTDIR);
    }
    rustix::fs::statfs(path).map(drop)
}

/// Closes all files of the calling process but one.
///
/// # Safety
///
/// The calling process must not use any other file afterwards.
unsafe fn close_all_but(keep: RawFd) {
    // SAFETY: the caller guarantees that these files are not used any more.
    unsafe {
        let close_range =
            |first: c_int, last: c_int| libc::syscall(libc::SYS_close_range, first, last, 0);
        if close_range(keep + 1, c_int::MAX) != 0 || (keep > 0 && close_range(0, keep - 1) != 0) {
            // Linux before 5.9. This program never has more files open.
            for number in (0..1024).filter(|number| *number != keep) {
                libc::close(number);
            }
        }
    }
}
