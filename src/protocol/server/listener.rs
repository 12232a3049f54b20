//! Where a service listens: on unix sockets and TCP addresses, its own or those that it was handed.

use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::base::failure::Failure;
use crate::protocol::address::Address;
use crate::protocol::server::connection::Connection;
use crate::protocol::server::socket::Socket;
use crate::protocol::server::unix_path::UnixPath;

/// One address on which clients are waited for.
#[derive(Debug)]
pub struct Listener {
    kind: Kind,
    /// It is there for as long as this listens.
    _path: Option<UnixPath>,
}

#[derive(Debug)]
enum Kind {
    Unix(UnixListener),
    Tcp(TcpListener, Option<Arc<ServerConfig>>),
}

impl Listener {
    /// # Errors
    ///
    /// In use: somebody else listens there. Wrong usage: who is on another host could call without a certificate.
    pub fn open(address: &Address, tls: Option<&Arc<ServerConfig>>) -> Result<Listener> {
        let mut made = None;
        let kind = match address {
            Address::Unix(path) => {
                let (listener, path) = UnixPath::bind(path)?;
                made = Some(path);
                Kind::Unix(listener)
            }
            Address::Tcp { authority, .. } => {
                let addresses: Vec<SocketAddr> = authority
                    .to_socket_addrs()
                    .with_context(|| format!("looking up {authority}"))?
                    .collect();
                refuse_open(&addresses, tls)?;
                Kind::Tcp(TcpListener::bind(addresses.as_slice())?, tls.cloned())
            }
            Address::Tls(..) => bail!(Failure::usage(
                "give it as tcp://HOST:PORT, with --tls-cert"
            )),
        };
        Listener { kind, _path: made }.without_waiting()
    }

    /// A socket that the service was handed.
    ///
    /// # Errors
    ///
    /// It is no socket; and as those of [`Listener::open`].
    pub fn handed(socket: OwnedFd, tls: Option<&Arc<ServerConfig>>) -> Result<Listener> {
        let unix = UnixListener::from(socket);
        let kind = match unix.local_addr() {
            Ok(_) => Kind::Unix(unix),
            Err(_) => {
                let tcp = TcpListener::from(OwnedFd::from(unix));
                refuse_open(&[tcp.local_addr().context("asking for its address")?], tls)?;
                Kind::Tcp(tcp, tls.cloned())
            }
        };
        Listener { kind, _path: None }.without_waiting()
    }

    /// A client may have gone again when it is to be accepted.
    fn without_waiting(self) -> Result<Listener> {
        match &self.kind {
            Kind::Unix(listener) => listener.set_nonblocking(true),
            Kind::Tcp(listener, _) => listener.set_nonblocking(true),
        }?;
        Ok(self)
    }

    /// `host:port`, where it listens on TCP.
    pub fn authority(&self) -> Option<String> {
        match &self.kind {
            Kind::Unix(_) => None,
            Kind::Tcp(listener, _) => listener.local_addr().ok().map(|it| it.to_string()),
        }
    }

    /// The next client.
    ///
    /// # Errors
    ///
    /// `WouldBlock`: there is none.
    pub fn accept(&self) -> io::Result<Connection> {
        let now = Instant::now();
        match &self.kind {
            Kind::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok(Connection::Plain(Socket::new(stream.into(), now)))
            }
            Kind::Tcp(listener, tls) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                // The answer goes out at once.
                stream.set_nodelay(true)?;
                let socket = Socket::new(stream.into(), now);
                Ok(match tls {
                    None => Connection::Plain(socket),
                    Some(config) => {
                        let session = ServerConnection::new(config.clone());
                        let session = session.map_err(io::Error::other)?;
                        Connection::Tls(Box::new(StreamOwned::new(session, socket)))
                    }
                })
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.kind {
            Kind::Unix(listener) => listener.as_fd(),
            Kind::Tcp(listener, _) => listener.as_fd(),
        }
    }
}

/// Whoever can call is root. This host's own users are the owner's to look after; other hosts show a certificate.
fn refuse_open(addresses: &[SocketAddr], tls: Option<&Arc<ServerConfig>>) -> Result<()> {
    match addresses.iter().find(|it| !it.ip().is_loopback()) {
        Some(address) if tls.is_none() => bail!(Failure::usage(format!(
            "{address} can be reached from other hosts, and whoever calls it is root here; give --tls-cert, --tls-key and \
             --tls-client-ca, or listen on 127.0.0.1"
        ))),
        _ => Ok(()),
    }
}
