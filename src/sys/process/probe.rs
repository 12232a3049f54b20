//! Whether a directory answers, asked in a process of its own: `statfs` on a dead network or FUSE mount may never return, and
//! a thread or process that hangs in it cannot be killed.

use std::ffi::{CStr, CString, c_int, c_void};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, pipe2, read};
use rustix::fs::FileType;

/// A question that was asked and not answered yet.
pub struct Probe {
    answer: OwnedFd,
    child: Pid,
}

impl Probe {
    /// Asks whether `path` is a directory that answers `statfs`.
    pub fn start(path: &Path) -> io::Result<Probe> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let (answer, report) = pipe2(OFlag::O_CLOEXEC)?;
        let child = spawn(Question {
            path,
            report: report.as_raw_fd(),
        })?;
        Ok(Probe { answer, child })
    }

    /// Waits for the answer.
    ///
    /// # Errors
    ///
    /// What the kernel said; `TimedOut` where it said nothing within `limit`.
    pub fn finish(self, limit: Duration) -> io::Result<()> {
        read_answer(&self.answer, self.child, limit)
    }
}

fn read_answer(answer: &OwnedFd, child: Pid, limit: Duration) -> io::Result<()> {
    let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
    let ready = loop {
        match poll(
            &mut [PollFd::new(answer.as_fd(), PollFlags::POLLIN)],
            timeout,
        ) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    if ready == 0 {
        // It may be beyond SIGKILL, so nobody waits for it: init reaps it when it comes back.
        let _ = kill(child, Signal::SIGKILL);
        return Err(io::Error::new(io::ErrorKind::TimedOut, "no answer"));
    }
    let mut errno = [0; 4];
    let read = read(answer, &mut errno)?;
    let _ = waitpid(child, None);
    match (read, i32::from_ne_bytes(errno)) {
        (4, 0) => Ok(()),
        (4, errno) => Err(io::Error::from_raw_os_error(errno)),
        _ => Err(io::Error::other(
            "the process that asked ended without an answer",
        )),
    }
}

struct Question {
    path: CString,
    /// Where the child writes the error number, 0 for none.
    report: RawFd,
}

/// Starts a process that shares our memory, which saves copying the page tables, but not our files: one that hangs must keep
/// neither the caller's pipes nor a volume's lock.
fn spawn(question: Question) -> io::Result<Pid> {
    // Both are left to the child for good: it may come back to them long after we have given it up.
    let stack = Box::leak(Box::new([0_u128; 1024])).as_mut_ptr_range().end;
    let question: *mut Question = Box::leak(Box::new(question));
    // SAFETY: the stack is the child's alone, ends at a multiple of 16 and grows down; the question outlives it. The child
    // shares our thread's `errno`, so it makes its calls through rustix, which does not use it; but for closing files, which
    // sets it on a kernel before 5.9. We look at it only after a call that failed, and reading the mount table does not.
    let child = unsafe {
        libc::clone(
            ask,
            stack.cast(),
            libc::CLONE_VM | libc::SIGCHLD,
            question.cast(),
        )
    };
    Errno::result(child)
        .map(Pid::from_raw)
        .map_err(io::Error::from)
}

/// The child's part. It allocates nothing.
extern "C" fn ask(question: *mut c_void) -> c_int {
    // SAFETY: `spawn` has passed a `Question`, whose file stays open until this process ends.
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
    // SAFETY: ends this process alone.
    unsafe { libc::_exit(0) }
}

fn look(path: &CStr) -> rustix::io::Result<()> {
    let status = rustix::fs::stat(path)?;
    if !FileType::from_raw_mode(status.st_mode).is_dir() {
        return Err(rustix::io::Errno::NOTDIR);
    }
    rustix::fs::statfs(path).map(drop)
}

/// # Safety
///
/// Nothing in the calling process may use any other file afterwards.
unsafe fn close_all_but(keep: RawFd) {
    // SAFETY: closing by number; the caller has promised that nobody uses them.
    unsafe {
        let close_range =
            |first: c_int, last: c_int| libc::syscall(libc::SYS_close_range, first, last, 0);
        if close_range(keep + 1, c_int::MAX) != 0 || (keep > 0 && close_range(0, keep - 1) != 0) {
            // A kernel before 5.9. Files beyond this number are none of a command's that opens a handful.
            for number in (0..1024).filter(|number| *number != keep) {
                libc::close(number);
            }
        }
    }
}
