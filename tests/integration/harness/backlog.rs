//! A socket that nobody serves.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr};
use nix::sys::socket::{bind, connect, listen, socket};

use crate::harness::fs;

/// A socket on which nobody ever accepts, and whose queue is full.
pub struct FullBacklog {
    _sockets: Vec<OwnedFd>,
}

impl FullBacklog {
    pub fn at(path: &Path) -> FullBacklog {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let address = UnixAddr::new(path).unwrap();
        let open = |flags| {
            socket(
                AddressFamily::Unix,
                SockType::Stream,
                flags | SockFlag::SOCK_CLOEXEC,
                None,
            )
            .unwrap()
        };
        let listener = open(SockFlag::empty());
        bind(listener.as_raw_fd(), &address).unwrap();
        listen(&listener, Backlog::new(1).unwrap()).unwrap();
        let mut sockets = vec![listener];
        loop {
            let client = open(SockFlag::SOCK_NONBLOCK);
            let queued = connect(client.as_raw_fd(), &address).is_ok();
            sockets.push(client);
            if !queued {
                return FullBacklog { _sockets: sockets };
            }
        }
    }
}
