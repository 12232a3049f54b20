//! Writing to stdout and stderr without waiting longer for their readers than allowed.

use std::io::{self, Error, ErrorKind, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::time::Instant;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl, open};
use nix::libc;
use nix::poll::PollFlags;
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::unistd::write;

use crate::sys::process::{inherited, interruption};

/// What a pipe takes without waiting once it is writable (POSIX: `PIPE_BUF`).
const PIECE: usize = 4096;

pub static STDOUT: Output = Output::new(libc::STDOUT_FILENO);
pub static STDERR: Output = Output::new(libc::STDERR_FILENO);

/// A standard file that is written to.
pub struct Output {
    number: i32,
    way: OnceLock<Way>,
}

/// How it is written to without waiting. Whether a write waits is a property of the open file, which belongs to the caller and to
/// others who have it open as well: it is not ours to change.
enum Way {
    /// Opened once more, for us alone: a pipe or a terminal.
    Anew(OwnedFd),
    Socket,
    /// A pipe or a terminal that cannot be opened anew, in pieces and only while it is writable. Where others write to it at the
    /// same time, a write may wait all the same.
    InPieces,
    /// Anything else takes what it is given.
    AtOnce,
}

impl Output {
    const fn new(number: i32) -> Output {
        Output {
            number,
            way: OnceLock::new(),
        }
    }

    /// # Errors
    ///
    /// The caller has closed it, or opened it for reading only. std would not tell: it opens `/dev/null` in place of the one, and
    /// takes a write to the other for a success.
    pub fn check(&self) -> io::Result<()> {
        if inherited::was_closed(self.number) {
            return Err(Error::other("it is closed"));
        }
        let flags = OFlag::from_bits_retain(fcntl(self.fd(), FcntlArg::F_GETFL)?);
        if flags & OFlag::O_ACCMODE == OFlag::O_RDONLY || flags.contains(OFlag::O_PATH) {
            return Err(Error::other("it is not open for writing"));
        }
        Ok(())
    }

    /// Writes as much as it takes now.
    ///
    /// # Errors
    ///
    /// `WouldBlock` where that is nothing.
    pub fn write_now(&self, bytes: &[u8]) -> io::Result<usize> {
        self.check()?;
        loop {
            let written = match self.way() {
                Way::Anew(file) => write(file, bytes),
                Way::Socket => {
                    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
                    send(self.number, bytes, flags)
                }
                // Where no file may be open at all, the kernel cannot tell.
                Way::InPieces if !self.is_writable(Instant::now()).unwrap_or(true) => {
                    Err(Errno::EAGAIN)
                }
                Way::InPieces => write(self.fd(), &bytes[..bytes.len().min(PIECE)]),
                Way::AtOnce => write(self.fd(), bytes),
            };
            match written {
                Err(Errno::EINTR) => {}
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                other => return Ok(other?),
            }
        }
    }

    /// Writes everything, and waits for a reader until `ends` where that is necessary.
    ///
    /// # Errors
    ///
    /// `TimedOut`: a part may have been written.
    pub fn write_all(&self, mut bytes: &[u8], ends: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_now(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() != ErrorKind::WouldBlock => return Err(error),
                Err(_) if self.is_writable(ends)? => {}
                Err(_) => {
                    let otherwise = "nobody has read it when the time was over (--timeout)";
                    let words = interruption::reason_or(otherwise);
                    return Err(Error::new(ErrorKind::TimedOut, words));
                }
            }
        }
        Ok(())
    }

    /// Waits until something can be written, or an error is to be had; false where that is not so at `ends`.
    fn is_writable(&self, ends: Instant) -> io::Result<bool> {
        let file = match self.way() {
            Way::Anew(file) => file.as_fd(),
            _ => self.fd(),
        };
        interruption::wait(file, PollFlags::POLLOUT, ends)
    }

    fn way(&self) -> &Way {
        self.way.get_or_init(|| {
            let file = self.fd();
            let kind = fstat(file).map_or(SFlag::empty(), |status| {
                SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT
            });
            if kind == SFlag::S_IFSOCK {
                return Way::Socket;
            }
            if kind != SFlag::S_IFIFO && !file.is_terminal() {
                return Way::AtOnce;
            }
            let path = format!("/proc/self/fd/{}", file.as_raw_fd());
            let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            open(path.as_str(), flags, Mode::empty()).map_or(Way::InPieces, Way::Anew)
        })
    }

    fn fd(&self) -> BorrowedFd<'static> {
        // SAFETY: nobody closes stdout or stderr, and std has opened something in their place where they were closed.
        unsafe { BorrowedFd::borrow_raw(self.number) }
    }
}
