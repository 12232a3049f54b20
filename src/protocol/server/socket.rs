//! The accepted end of a connection. Each read and write ends with the connection's time limit.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::sockopt::SocketError;
use nix::sys::socket::{MsgFlags, Shutdown, getsockopt, recv, send, shutdown};

use crate::sys::process::interruption;

/// A connected socket in the mode in which no call waits.
#[derive(Debug)]
pub struct Socket {
    file: OwnedFd,
    /// When reading and writing have to be done.
    pub ends: Instant,
}

impl Socket {
    pub fn new(file: OwnedFd, ends: Instant) -> Socket {
        Socket { file, ends }
    }

    /// Whether there is something to read before `ends`, or the peer has closed the connection.
    pub fn is_readable(&self, ends: Instant) -> io::Result<bool> {
        interruption::wait(self.file.as_fd(), PollFlags::POLLIN, ends)
    }

    /// Says that nothing more is sent.
    pub fn finish(&self) {
        let _ = shutdown(self.file.as_raw_fd(), Shutdown::Write);
    }

    /// Whether all has reached the peer, as far as is known: TCP tells later that nobody took it.
    pub fn is_whole(&self) -> bool {
        getsockopt(&self.file, SocketError).unwrap_or(0) == 0
    }

    /// Makes a call again and again as long as it would have to wait.
    fn attempt<T>(
        &self,
        events: PollFlags,
        mut call: impl FnMut(i32) -> nix::Result<T>,
    ) -> io::Result<T> {
        loop {
            match call(self.file.as_raw_fd()) {
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    if !interruption::wait(self.file.as_fd(), events, self.ends)? {
                        return Err(ErrorKind::TimedOut.into());
                    }
                }
                done => return done.map_err(io::Error::from),
            }
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.attempt(PollFlags::POLLIN, |file| {
            recv(file, buffer, MsgFlags::empty())
        })
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.attempt(PollFlags::POLLOUT, |file| {
            send(file, bytes, MsgFlags::MSG_NOSIGNAL)
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
