//! What systemd hands to a service, and what it is told (sd_listen_fds(3), sd_notify(3)).

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

use sd_notify::NotifyState;

/// The sockets on which the service is to listen, if any. To be asked once.
pub fn sockets() -> io::Result<Vec<OwnedFd>> {
    let numbers = sd_notify::listen_fds()?;
    // SAFETY: systemd has opened them for this process, and nobody else here knows them.
    Ok(numbers
        .map(|number| unsafe { OwnedFd::from_raw_fd(number) })
        .collect())
}

/// Says that requests are answered from now on; without systemd to nobody.
pub fn say_ready() {
    let _ = sd_notify::notify(&[NotifyState::Ready]);
}

/// Says that the service ends.
pub fn say_stopping() {
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
}
