//! Connecting to a host by TCP: looking up its name, and trying its addresses.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, SockaddrStorage, connect, getsockopt, setsockopt, socket,
    sockopt,
};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{ConnectionDetails, Connector, NextTimeout};

use crate::protocol::cause::Unresolved;
use crate::protocol::sent::Sent;
use crate::protocol::socket::{SocketTransport, ends, failed, wait};
use crate::sys::process::{interruption, limit};

/// How many addresses of a host are tried.
const MOST: usize = 16;

/// Connects to the first address of a host that can be reached.
#[derive(Debug)]
pub struct InternetConnector {
    pub sent: Sent,
}

impl Connector for InternetConnector {
    type Out = SocketTransport;

    /// Each address gets an equal share of the time that is left.
    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<SocketTransport>, ureq::Error> {
        let ends = ends(details.timeout);
        let mut failure = ureq::Error::HostNotFound;
        for (untried, address) in (1..=details.addrs.len() as u32).rev().zip(&details.addrs) {
            let now = Instant::now();
            let share = now + ends.saturating_duration_since(now) / untried;
            match open(*address, share, details.timeout) {
                Ok(socket) => {
                    let sent = self.sent.clone();
                    return Ok(Some(SocketTransport::new(socket, details.config, sent)));
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }
}

fn open(address: SocketAddr, ends: Instant, timeout: NextTimeout) -> Result<OwnedFd, ureq::Error> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::Inet,
        SocketAddr::V6(_) => AddressFamily::Inet6,
    };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(family, SockType::Stream, flags, None).map_err(failed)?;
    match connect(socket.as_raw_fd(), &SockaddrStorage::from(address)) {
        Ok(()) => {}
        Err(Errno::EINPROGRESS | Errno::EINTR) => {
            wait(&socket, PollFlags::POLLOUT, ends, timeout)?;
            match getsockopt(&socket, sockopt::SocketError).map_err(failed)? {
                0 => {}
                errno => return Err(failed(Errno::from_raw(errno))),
            }
        }
        Err(errno) => return Err(failed(errno)),
    }
    setsockopt(&socket, sockopt::TcpNoDelay, &true).map_err(failed)?;
    Ok(socket)
}

/// Looks up the addresses of a host, and says it where that fails.
#[derive(Debug)]
pub struct Names;

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let parts = uri.scheme().zip(uri.authority());
        let host = parts.and_then(|(scheme, host)| DefaultResolver::host_and_port(scheme, host));
        let host = host.ok_or(ureq::Error::HostNotFound)?;
        let found = match host.parse() {
            Ok(address) => vec![address],
            Err(_) => look_up(host, timeout)?,
        };
        let mut addresses = self.empty();
        for address in found.into_iter().take(MOST) {
            addresses.push(address);
        }
        match addresses.is_empty() {
            true => Err(Unresolved::of(ureq::Error::HostNotFound)),
            false => Ok(addresses),
        }
    }
}

/// By the C library, which may take any time, and cannot be interrupted.
fn look_up(host: String, timeout: NextTimeout) -> Result<Vec<SocketAddr>, ureq::Error> {
    let ends = ends(timeout);
    let ask = move || Ok(host.to_socket_addrs().map(Iterator::collect));
    let answer: io::Result<Vec<SocketAddr>> = match limit::within(ends, ask) {
        Ok(answer) => answer,
        Err(_) if interruption::is_over(ends) => return Err(ureq::Error::Timeout(timeout.reason)),
        Err(error) => return Err(ureq::Error::Other(error.into())),
    };
    answer.map_err(|error| Unresolved::of(ureq::Error::Io(error)))
}
