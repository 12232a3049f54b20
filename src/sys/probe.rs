//! Whether a directory answers, asked in a process of its own: `statfs` on a dead network or FUSE mount may never return, and
//! a thread or process that hangs in it cannot be killed.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};

/// Looks whether `path` is a directory that answers `statfs`.
///
/// # Errors
///
/// What the kernel said; `TimedOut` where it said nothing within `limit`.
pub fn directory(path: &Path, limit: Duration) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let (answer, report) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC)?;
    // SAFETY: the child calls nothing but system calls on memory that is ready before the fork, and ends by `_exit`.
    let child = match unsafe { fork() }? {
        // SAFETY: this is that child.
        ForkResult::Child => unsafe { ask(&path, report.as_raw_fd()) },
        ForkResult::Parent { child } => child,
    };
    drop(report);
    read_answer(&answer, child, limit)
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
    let read = nix::unistd::read(answer, &mut errno)?;
    let _ = waitpid(child, None);
    match (read, i32::from_ne_bytes(errno)) {
        (4, 0) => Ok(()),
        (4, errno) => Err(io::Error::from_raw_os_error(errno)),
        _ => Err(io::Error::other(
            "the process that asked ended without an answer",
        )),
    }
}

/// The child's part: tell the error number, 0 for none.
///
/// # Safety
///
/// Only for a freshly forked child: it closes every file but `report`, and does not return.
unsafe fn ask(path: &CString, report: RawFd) -> ! {
    // SAFETY: plain system calls; the structures are written by the kernel before they are read.
    unsafe {
        // A child that hangs must keep neither the caller's pipes nor a volume's lock.
        close_all_but(report);
        let mut status = std::mem::zeroed::<libc::stat>();
        let mut space = std::mem::zeroed::<libc::statfs>();
        let errno = if libc::stat(path.as_ptr(), &mut status) != 0 {
            Errno::last_raw()
        } else if status.st_mode & libc::S_IFMT != libc::S_IFDIR {
            libc::ENOTDIR
        } else if libc::statfs(path.as_ptr(), &mut space) != 0 {
            Errno::last_raw()
        } else {
            0
        };
        libc::write(report, (&raw const errno).cast(), 4);
        libc::_exit(0)
    }
}

/// # Safety
///
/// Nothing may use any other file afterwards.
unsafe fn close_all_but(keep: RawFd) {
    // SAFETY: closing by number; the caller has promised that nobody uses them.
    unsafe {
        let close_range =
            |first: u32, last: u32| libc::syscall(libc::SYS_close_range, first, last, 0);
        let keep_number = keep as u32;
        if close_range(keep_number + 1, u32::MAX) != 0
            || (keep > 0 && close_range(0, keep_number - 1) != 0)
        {
            // A kernel before 5.9. Files beyond this number are none of a command's that opens a handful.
            for number in (0..1024).filter(|number| *number != keep) {
                libc::close(number);
            }
        }
    }
}
