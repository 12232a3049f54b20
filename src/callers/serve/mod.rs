//! A driver as a Docker volume plugin, for engines: connections in, each with one call (protocol: Volume plugins).

mod call;
mod method;
mod methods;
mod mount;
pub mod service;

use std::io::ErrorKind;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, Scope};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::callers::serve::service::Service;
use crate::protocol::server::answer::Answer;
use crate::protocol::server::connection::Connection;
use crate::protocol::server::listener::Listener;
use crate::sys::process::activation;

/// How many connections are served at once.
const MOST: usize = 64;

/// How much memory a thread may use for its stack; only what is used is taken.
const STACK: usize = 1 << 20;

/// How long accepting pauses where the system has no room for a connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Serves until `stop` is readable; then finishes what is under way. Mounts stay.
///
/// # Errors
///
/// The listeners cannot be waited for.
pub fn serve(service: &Service, listeners: Vec<Listener>, stop: &OwnedFd) -> Result<()> {
    let busy = AtomicUsize::new(0);
    thread::scope(|scope| {
        let recovering = || service.recover();
        let started = thread::Builder::new().stack_size(STACK);
        started
            .spawn_scoped(scope, recovering)
            .context("starting a thread")?;
        activation::say_ready();
        let gate = Gate {
            service,
            busy: &busy,
        };
        let waited = gate.wait(scope, &listeners, stop);
        service.stop();
        activation::say_stopping();
        // Who has connected already is answered.
        listeners.iter().for_each(|it| gate.accept_all(scope, it));
        drop(listeners);
        waited
    })
}

/// Lets connections in.
struct Gate<'s> {
    service: &'s Service,
    busy: &'s AtomicUsize,
}

impl<'s> Gate<'s> {
    fn wait<'scope>(
        &self,
        scope: &'scope Scope<'scope, '_>,
        listeners: &[Listener],
        stop: &OwnedFd,
    ) -> Result<()>
    where
        's: 'scope,
    {
        let files = std::iter::once(stop.as_fd()).chain(listeners.iter().map(AsFd::as_fd));
        let mut files: Vec<PollFd> = files
            .map(|file| PollFd::new(file, PollFlags::POLLIN))
            .collect();
        loop {
            match poll(&mut files, PollTimeout::NONE) {
                Err(nix::errno::Errno::EINTR) => continue,
                other => other.context("waiting for calls")?,
            };
            if files[0].any() == Some(true) {
                return Ok(());
            }
            for (file, listener) in files[1..].iter().zip(listeners) {
                if file.any() == Some(true) {
                    self.accept_all(scope, listener);
                }
            }
        }
    }

    fn accept_all<'scope>(&self, scope: &'scope Scope<'scope, '_>, listener: &Listener)
    where
        's: 'scope,
    {
        loop {
            match listener.accept() {
                Ok(connection) => self.let_in(scope, connection),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // It has gone again, or there is no room.
                Err(_) => return thread::sleep(PAUSE),
            }
        }
    }

    fn let_in<'scope>(&self, scope: &'scope Scope<'scope, '_>, mut connection: Connection)
    where
        's: 'scope,
    {
        let (service, busy) = (self.service, self.busy);
        if busy.load(Ordering::Relaxed) >= MOST {
            connection.refuse(&Answer::error(503, "64 calls are under way; try again"));
            return;
        }
        busy.fetch_add(1, Ordering::Relaxed);
        let serve = move || {
            call::serve(service, &mut connection);
            busy.fetch_sub(1, Ordering::Relaxed);
        };
        let thread = thread::Builder::new().stack_size(STACK);
        if thread.spawn_scoped(scope, serve).is_err() {
            busy.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
