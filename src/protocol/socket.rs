//! A connected socket as a transport of ureq. Each wait ends with its time limit, or with a signal that ends the program.

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{MsgFlags, recv, send};
use ureq::config::Config;
use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};

use crate::protocol::sent::Sent;
use crate::sys::process::interruption;

/// Longer than any call takes, where ureq names no time.
const FAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// A connection to a plugin.
#[derive(Debug)]
pub struct SocketTransport {
    /// In the mode in which no call waits.
    socket: OwnedFd,
    buffers: LazyBuffers,
    /// What has been handed over but not sent. Head and body go out in one write, when the answer is awaited, so that the
    /// plugin wakes up once.
    request: Vec<u8>,
    sent: Sent,
}

impl SocketTransport {
    /// With a socket that is connected, and in the mode in which no call waits.
    pub fn new(socket: OwnedFd, config: &Config, sent: Sent) -> SocketTransport {
        SocketTransport {
            socket,
            buffers: LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size()),
            request: Vec::new(),
            sent,
        }
    }

    /// Sends all of the request.
    fn flush(&mut self, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let request = std::mem::take(&mut self.request);
        let mut rest = request.as_slice();
        while !rest.is_empty() {
            let written = attempt(&self.socket, PollFlags::POLLOUT, timeout, || {
                send(self.socket.as_raw_fd(), rest, MsgFlags::MSG_NOSIGNAL)
            });
            let result = match written {
                Ok(0) => Err(ureq::Error::Io(ErrorKind::WriteZero.into())),
                Ok(written) => {
                    rest = &rest[written..];
                    Ok(())
                }
                Err(error) => Err(error),
            };
            self.sent.note(&result);
            result?;
        }
        Ok(())
    }
}

/// Makes a call again and again, as long as it would have to wait, each time as soon as it would not.
fn attempt<T>(
    socket: &OwnedFd,
    events: PollFlags,
    timeout: NextTimeout,
    mut call: impl FnMut() -> nix::Result<T>,
) -> Result<T, ureq::Error> {
    let ends = ends(timeout);
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => wait(socket, events, ends, timeout)?,
            done => return done.map_err(|errno| ureq::Error::Io(errno.into())),
        }
    }
}

/// Waits for one of the events.
///
/// # Errors
///
/// ureq's own where the time is over.
pub fn wait(
    socket: &OwnedFd,
    events: PollFlags,
    ends: Instant,
    timeout: NextTimeout,
) -> Result<(), ureq::Error> {
    match interruption::wait(socket.as_fd(), events, ends)? {
        true => Ok(()),
        false => Err(ureq::Error::Timeout(timeout.reason)),
    }
}

/// When a time limit that begins now is over.
pub fn ends(timeout: NextTimeout) -> Instant {
    let limit = match timeout.after.is_zero() {
        true => Duration::ZERO,
        false => timeout.not_zero().map_or(FAR, |limit| *limit),
    };
    Instant::now() + limit.min(FAR)
}

/// The error of a call, for ureq.
pub fn failed(errno: Errno) -> ureq::Error {
    ureq::Error::Io(io::Error::from(errno))
}

impl Transport for SocketTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        self.request
            .extend_from_slice(&self.buffers.output()[..amount]);
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.flush(timeout)?;
        let (socket, buffers) = (&self.socket, &mut self.buffers);
        let amount = attempt(socket, PollFlags::POLLIN, timeout, || {
            recv(
                socket.as_raw_fd(),
                buffers.input_append_buf(),
                MsgFlags::empty(),
            )
        })?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Whether the connection can serve another call: not where the plugin has closed it, nor where it has sent bytes that
    /// belong to no answer.
    fn is_open(&mut self) -> bool {
        let peeked = recv(self.socket.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK);
        peeked == Err(Errno::EAGAIN)
    }
}
