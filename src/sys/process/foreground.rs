//! A command in the foreground, as if its caller had called it without us: it has the caller's files, terminal and signals.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::libc::{self, c_int};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};
use rustix::fs::Mode;
use rustix::process::{
    Pid, WaitOptions, getpgid, getpgrp, getpid, getppid, set_parent_process_death_signal, umask,
    wait,
};

/// Signals that keep their effect on us: those that stop a job and continue it, so that a shell's Ctrl-Z works, those of our
/// own faults, and SIGPIPE, which is ignored and comes of our own writing.
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

/// What does not end a process that has made no arrangements (signal(7)), among those that we catch.
const HARMLESS: [c_int; 3] = [libc::SIGCHLD, libc::SIGURG, libc::SIGWINCH];

/// What a terminal sends to the whole process group in its foreground.
const BY_TERMINAL: [c_int; 3] = [libc::SIGINT, libc::SIGQUIT, libc::SIGWINCH];

/// The caller's signal mask, while ours is another.
static CALLERS_MASK: OnceLock<SigSet> = OnceLock::new();

/// Lets a program that we need for ourselves start with the caller's signal mask: what it leaves behind, such as the server of
/// a FUSE mount, has to be stoppable.
pub fn unmask(command: &mut Command) {
    if let Some(mask) = CALLERS_MASK.get().copied() {
        // SAFETY: a system call, and nothing else.
        unsafe { command.pre_exec(move || Ok(mask.thread_set_mask()?)) };
    }
}

/// The signals of this process, held back from now on, and what a command is to inherit of the caller's.
pub struct Foreground {
    mask: SigSet,
    umask: Mode,
    ignores_children: bool,
    /// Signals that the caller has ignored or blocked, by their numbers.
    spared: Vec<c_int>,
    signals: SignalFd,
}

impl Foreground {
    /// To be called before there are other threads.
    pub fn prepare() -> io::Result<Foreground> {
        let mut caught = SigSet::all();
        KEPT.iter().for_each(|signal| caught.remove(*signal));
        let mask = caught.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
        let mask = *CALLERS_MASK.get_or_init(|| mask);
        let spared = |signal: &c_int| is_ignored(*signal) || contains(&mask, *signal);
        let spared = (1..=libc::SIGRTMAX()).filter(spared).collect();
        let ignores_children = is_ignored(libc::SIGCHLD);
        // Else the kernel would throw away how a child has ended.
        // SAFETY: no handler is set.
        unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
        let old_umask = umask(Mode::empty());
        umask(old_umask);
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Foreground {
            mask,
            umask: old_umask,
            ignores_children,
            spared,
            signals: SignalFd::with_flags(&caught, flags)?,
        })
    }

    /// The number of a signal that has come, and would have ended a command that had just been started.
    pub fn interruption(&self) -> Option<c_int> {
        let mut pending = *SigSet::empty().as_ref();
        // SAFETY: the set is ours to be written to.
        unsafe { libc::sigpending(&raw mut pending) };
        // SAFETY: the kernel has filled the set in.
        let pending = unsafe { SigSet::from_sigset_t_unchecked(pending) };
        let ends = |signal: &c_int| !HARMLESS.contains(signal) && !self.spared.contains(signal);
        let mut numbers = (1..=libc::SIGRTMAX()).filter(|signal| contains(&pending, *signal));
        numbers.find(ends)
    }

    /// Starts the command, which dies with us, even where we are killed.
    pub fn start(&self, command: &mut Command) -> io::Result<Pid> {
        let us = getpid();
        let (mask, mode, ignores_children) = (self.mask, self.umask, self.ignores_children);
        let as_called = move || {
            set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
            if getppid() != Some(us) {
                // We have died before that call.
                return Err(Errno::ESRCH.into());
            }
            umask(mode);
            if ignores_children {
                // SAFETY: no handler is set.
                unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
            }
            Ok(mask.thread_set_mask()?)
        };
        // SAFETY: system calls, and nothing else.
        unsafe { command.pre_exec(as_called) };
        Ok(Pid::from_child(&command.spawn()?))
    }

    /// Waits for the command's end, and passes on to it what signals come meanwhile.
    ///
    /// Any other child that ends is reaped, too: where we are process 1, orphans are ours.
    pub fn wait(&self, command: Pid) -> io::Result<ExitStatus> {
        // What is there already may have come before there was a command to get it.
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
            while let Some((pid, status)) = wait(WaitOptions::NOHANG)? {
                if pid == command {
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

/// Whether the command has not got the signal already: from itself, or from the terminal with the whole process group.
fn is_meant_for(command: Pid, signal: &siginfo, is_early: bool) -> bool {
    let is_from_kernel = signal.ssi_code == libc::SI_KERNEL;
    if is_from_kernel && BY_TERMINAL.contains(&(signal.ssi_signo as c_int)) {
        return is_early || getpgid(Some(command)).is_ok_and(|group| group != getpgrp());
    }
    is_from_kernel || signal.ssi_pid != command.as_raw_nonzero().get().cast_unsigned()
}

/// The command is not reaped yet, so its number cannot be another's.
fn pass_on(command: Pid, signal: c_int) {
    if signal != libc::SIGCHLD {
        // SAFETY: a system call.
        unsafe { libc::kill(command.as_raw_nonzero().get(), signal) };
    }
}

fn is_ignored(signal: c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: it changes nothing, and writes to what is ours.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: it has been written to where the call succeeded.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}

/// Also of a real-time signal, for which nix has no name.
fn contains(set: &SigSet, signal: c_int) -> bool {
    // SAFETY: the set is initialized.
    unsafe { libc::sigismember(set.as_ref(), signal) == 1 }
}
