//! A unix socket as a transport of ureq, with a time limit on every step.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, recv, setsockopt, socket,
    sockopt,
};
use nix::sys::time::TimeVal;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use crate::protocol::sent::Sent;

/// Connects to the socket at a path; the host in the URL does not matter.
#[derive(Debug)]
pub struct UnixConnector {
    pub path: PathBuf,
    pub sent: Sent,
}

impl Connector for UnixConnector {
    type Out = UnixTransport;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<UnixTransport>, ureq::Error> {
        let stream = self
            .open(details.timeout)
            .map_err(|error| match error.kind() {
                // The plugin's backlog was full until `SO_SNDTIMEO` had passed.
                ErrorKind::WouldBlock => ureq::Error::Timeout(details.timeout.reason),
                _ => ureq::Error::Io(error),
            })?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        Ok(Some(UnixTransport {
            stream,
            buffers,
            request: Vec::new(),
            sent: self.sent.clone(),
        }))
    }
}

impl UnixConnector {
    /// The time limit is set before connecting: with a full backlog, connect(2) blocks for as long as nobody accepts.
    fn open(&self, timeout: NextTimeout) -> io::Result<UnixStream> {
        let socket = socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        if let Some(limit) = timeout.not_zero() {
            let limit = TimeVal::new(
                limit.as_secs().try_into().unwrap_or(i64::MAX),
                limit.subsec_micros().into(),
            );
            setsockopt(&socket, sockopt::SendTimeout, &limit)?;
        }
        connect(socket.as_raw_fd(), &UnixAddr::new(&self.path)?)?;
        Ok(UnixStream::from(socket))
    }
}

/// A connection to a plugin.
#[derive(Debug)]
pub struct UnixTransport {
    stream: UnixStream,
    buffers: LazyBuffers,
    /// What has been handed over but not sent. Head and body go out in one write, when the answer is awaited, so that the
    /// plugin wakes up once.
    request: Vec<u8>,
    sent: Sent,
}

impl UnixTransport {
    /// Sends all of the request.
    fn flush(&mut self, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let request = std::mem::take(&mut self.request);
        if request.is_empty() {
            return Ok(());
        }
        let timeout = timeout.for_write();
        self.stream
            .set_write_timeout(timeout.not_zero().map(|limit| *limit))?;
        let mut rest = request.as_slice();
        while !rest.is_empty() {
            match self.stream.write(rest) {
                Ok(0) => return Err(ureq::Error::Io(ErrorKind::WriteZero.into())),
                Ok(written) => {
                    self.sent.note(&Ok(()));
                    rest = &rest[written..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let result = Err(timed_out(error, timeout));
                    self.sent.note(&result);
                    return result;
                }
            }
        }
        Ok(())
    }
}

impl Transport for UnixTransport {
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
        let timeout = timeout.for_read();
        let ends = timeout.not_zero().map(|limit| Instant::now() + *limit);
        loop {
            let left = ends.map(|ends| {
                ends.saturating_duration_since(Instant::now())
                    .max(Duration::from_micros(1))
            });
            self.stream.set_read_timeout(left)?;
            match self.stream.read(self.buffers.input_append_buf()) {
                Ok(amount) => {
                    self.buffers.input_appended(amount);
                    return Ok(amount > 0);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(timed_out(error, timeout)),
            }
        }
    }

    /// Whether the connection can serve another call: not where the plugin has closed it, nor where it has sent bytes that
    /// belong to no answer.
    fn is_open(&mut self) -> bool {
        let peeked = recv(
            self.stream.as_raw_fd(),
            &mut [0],
            MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT,
        );
        peeked == Err(nix::errno::Errno::EAGAIN)
    }
}

/// The error, as ureq's own where it means that the time is over.
fn timed_out(error: io::Error, timeout: NextTimeout) -> ureq::Error {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => ureq::Error::Timeout(timeout.reason),
        _ => ureq::Error::Io(error),
    }
}

/// Looks up nothing: a unix socket has no host. The address is one that nobody uses, because ureq wants one.
#[derive(Debug)]
pub struct NoResolver;

impl Resolver for NoResolver {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(([127, 0, 0, 1], 0).into());
        Ok(addresses)
    }
}
