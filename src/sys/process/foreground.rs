//! Running a command as if the caller had started it itself: it has the caller's files and terminal, and gets the signals
//! that are sent to dvdcli.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::unistd::{Pid, getpgid, getpgrp, getpid, getppid};
use rustix::process::{WaitOptions, wait};

use crate::sys::process::{inherited, interruption};

/// Signals that a terminal sends to all processes of its foreground process group.
const BY_TERMINAL: [c_int; 3] = [libc::SIGINT, libc::SIGQUIT, libc::SIGWINCH];

/// The signals of this process, which the command gets while it runs.
pub struct Foreground {
    signals: SignalFd,
}

impl Foreground {
    /// Catches the signals. It has to be called before a thread is started, which would get them instead.
    pub fn prepare() -> io::Result<Foreground> {
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let signals = SignalFd::with_flags(&interruption::catch()?, flags)?;
        Ok(Foreground { signals })
    }

    /// Starts the command. The kernel kills it when this process ends in any way.
    pub fn start(&self, command: &mut Command) -> io::Result<Pid> {
        let us = getpid();
        let mask = interruption::callers_mask();
        let as_called = move || {
            set_pdeathsig(Signal::SIGKILL)?;
            if getppid() != us {
                // The parent had ended before that call.
                return Err(Errno::ESRCH.into());
            }
            inherited::give_back()?;
            Ok(mask.thread_set_mask()?)
        };
        // SAFETY: it only makes system calls, and allocates nothing.
        unsafe { command.pre_exec(as_called) };
        Ok(Pid::from_raw(command.spawn()?.id().cast_signed()))
    }

    /// Waits for the end of the command, and sends it the signals that arrive meanwhile.
    ///
    /// All other children that end are reaped as well: as process 1, this process gets those of others.
    pub fn wait(&self, command: Pid) -> io::Result<ExitStatus> {
        // A signal that is there already may have arrived before the command was started, and it alone got it.
        let mut is_early = true;
        loop {
            let signal = match self.signals.read_signal() {
                Err(Errno::EINTR) => continue,
                other => other?,
            };
            match &signal {
                Some(signal) if is_meant_for(command, signal, is_early) => {
                    pass_on(command, signal.ssi_signo as c_int);
                }
                Some(_) => {}
                None => is_early = false,
            }
            // By rustix: nix fails where a real-time signal has ended a child, for which it has no name.
            while let Some((pid, status)) = wait(WaitOptions::NOHANG)? {
                if pid.as_raw_nonzero().get() == command.as_raw() {
                    self.discard()?;
                    return Ok(ExitStatus::from_raw(status.as_raw()));
                }
            }
            if signal.is_none() {
                let mut readable = [PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
                match poll(&mut readable, PollTimeout::NONE) {
                    Err(error) if error != Errno::EINTR => return Err(error.into()),
                    _ => {}
                }
            }
        }
    }

    /// Takes off the signals that have arrived: they were meant for the command, and must not end this process.
    fn discard(&self) -> io::Result<()> {
        while self.signals.read_signal()?.is_some() {}
        interruption::forget();
        Ok(())
    }
}

/// Whether the signal has to be passed on. The command has got it already if it has sent it itself, or if the terminal has
/// sent it to the whole process group.
fn is_meant_for(command: Pid, signal: &siginfo, is_early: bool) -> bool {
    let is_from_kernel = signal.ssi_code == libc::SI_KERNEL;
    if is_from_kernel && BY_TERMINAL.contains(&(signal.ssi_signo as c_int)) {
        return is_early || getpgid(Some(command)).is_ok_and(|group| group != getpgrp());
    }
    is_from_kernel || signal.ssi_pid != command.as_raw().cast_unsigned()
}

/// Sends a signal to the command. It is not reaped yet, so no other process can have its PID.
fn pass_on(command: Pid, signal: c_int) {
    if signal != libc::SIGCHLD {
        // SAFETY: it only makes a system call. nix could not send a real-time signal.
        unsafe { libc::kill(command.as_raw(), signal) };
    }
}
