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
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use nix::unistd::{Pid, getpgid, getpgrp, getpid, getppid};
use rustix::process::{WaitOptions, wait};

use crate::sys::process::inherited;

/// Signals that are not caught: those that stop and continue a job, so that Ctrl-Z works in a shell; those that a fault of
/// this program causes; and SIGPIPE, which its own output causes, and which is ignored.
const KEPT: [Signal; 11] = [
    Signal::SIGTSTP,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGCONT,
    Signal::SIGPIPE,
    Signal::SIGSEGV,
    Signal::SIGBUS,
    Signal::SIGFPE,
    Signal::SIGILL,
    Signal::SIGTRAP,
    Signal::SIGSYS,
];

/// Of the caught signals, those that do not end a process by default (signal(7)).
const HARMLESS: [c_int; 3] = [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH];

/// Signals that a terminal sends to all processes of its foreground process group.
const BY_TERMINAL: [c_int; 3] = [libc::SIGINT, libc::SIGQUIT, libc::SIGWINCH];

/// The signals of this process, which are caught from now on, and the mask that a command inherits from the caller.
pub struct Foreground {
    mask: SigSet,
    /// The numbers of the signals that the caller ignores or blocks.
    spared: Vec<c_int>,
    signals: SignalFd,
}

impl Foreground {
    /// Catches the signals. It has to be called before a thread is started, which would get them instead.
    pub fn prepare() -> io::Result<Foreground> {
        let mut caught = SigSet::all();
        KEPT.iter().for_each(|signal| caught.remove(*signal));
        let mask = caught.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let spared = |signal: &c_int| inherited::is_ignored(*signal) || contains(&mask, *signal);
        let spared = (1..=libc::SIGRTMAX()).filter(spared).collect();
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Foreground {
            mask,
            spared,
            signals: SignalFd::with_flags(&caught, flags)?,
        })
    }

    /// The number of a signal that has arrived and that ends a command which has just been started.
    pub fn interruption(&self) -> Option<c_int> {
        let mut pending = *SigSet::empty().as_ref();
        // SAFETY: the kernel writes to a set that is owned here.
        unsafe { libc::sigpending(&raw mut pending) };
        // SAFETY: it is a set that the kernel has written.
        let pending = unsafe { SigSet::from_sigset_t_unchecked(pending) };
        let ends = |signal: &c_int| !HARMLESS.contains(signal) && !self.spared.contains(signal);
        let mut numbers = (1..=libc::SIGRTMAX()).filter(|signal| contains(&pending, *signal));
        numbers.find(ends)
    }

    /// Starts the command. The kernel kills it when this process ends in any way.
    pub fn start(&self, command: &mut Command) -> io::Result<Pid> {
        let us = getpid();
        let mask = self.mask;
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

/// Whether a set contains a signal, which may be a real-time signal: nix has no names for them.
fn contains(set: &SigSet, signal: c_int) -> bool {
    // SAFETY: the set is initialized.
    unsafe { libc::sigismember(set.as_ref(), signal) == 1 }
}
