//! Connecting to a unix socket.

use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout};

use crate::invocation::budget::Backoff;
use crate::protocol::sent::Sent;
use crate::protocol::socket::{SocketTransport, ends, failed};

/// Connects to the socket at a path; the host in the URL does not matter.
#[derive(Debug)]
pub struct UnixConnector {
    pub path: PathBuf,
    pub sent: Sent,
}

impl Connector for UnixConnector {
    type Out = SocketTransport;

    /// While the plugin's backlog is full, nobody can tell when it has room again: it is tried again and again.
    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<SocketTransport>, ureq::Error> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None).map_err(failed)?;
        let address = UnixAddr::new(&self.path).map_err(failed)?;
        let ends = ends(details.timeout);
        let mut backoff = Backoff::new();
        loop {
            match connect(socket.as_raw_fd(), &address) {
                Ok(()) => break,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => {
                    if !backoff.sleep(ends.saturating_duration_since(Instant::now())) {
                        return Err(ureq::Error::Timeout(details.timeout.reason));
                    }
                }
                Err(errno) => return Err(failed(errno)),
            }
        }
        let sent = self.sent.clone();
        Ok(Some(SocketTransport::new(socket, details.config, sent)))
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
