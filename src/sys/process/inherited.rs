//! What this process inherits from its caller and what would change the work of this one or of its children: closed standard
//! files, ignored signals, the file mode mask, other open files, environment variables.

use std::env;
use std::ffi::OsString;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc::{self, c_int, c_uint, c_void};
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::sys::stat::{Mode, umask};

/// Directories in which programs are looked for after those in `PATH`, which often lacks them when an agent calls.
const SYSTEM: [&str; 5] = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// The variables that programs which we start get from our caller. Others change what these programs do to a volume, such as
/// `LIBMOUNT_FORCE_MOUNT2`, `MKE2FS_CONFIG`, `LD_PRELOAD` or `TMPDIR`.
const PASSED: [&str; 13] = [
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "TZ",
    "SSH_AUTH_SOCK",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    // A program that calls dvdcli works below the same root.
    "DVDCLI_ROOT",
];

/// Of stdin, stdout and stderr, which were closed when this process was started.
static CLOSED: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];

/// Whether the caller ignores SIGPIPE.
static IGNORES_PIPE: AtomicBool = AtomicBool::new(false);

/// The rest, set by [`take_over`].
static CALLER: OnceLock<Caller> = OnceLock::new();

/// What [`take_over`] has changed.
#[derive(Clone, Copy)]
struct Caller {
    umask: Mode,
    ignores_children: bool,
    ignores_file_limit: bool,
}

/// Called before `main`: std puts `/dev/null` in place of closed standard files and ignores SIGPIPE before `main` begins, and
/// afterwards nobody can tell.
#[used]
#[unsafe(link_section = ".init_array")]
static LOOK: extern "C" fn() = look;

extern "C" fn look() {
    for (number, closed) in (0..).zip(&CLOSED) {
        // SAFETY: it only asks.
        let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
        closed.store(flags == -1, Ordering::Relaxed);
    }
    IGNORES_PIPE.store(is_ignored(libc::SIGPIPE), Ordering::Relaxed);
}

/// Whether stdin (0), stdout (1) or stderr (2) was closed when this process was started.
pub fn was_closed(number: RawFd) -> bool {
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    CLOSED
        .get(index)
        .is_some_and(|closed| closed.load(Ordering::Relaxed))
}

/// Makes this process independent of what its caller has set. To be called first of all.
pub fn take_over() {
    let ignores_children = is_ignored(libc::SIGCHLD);
    let ignores_file_limit = is_ignored(libc::SIGXFSZ);
    // If it were ignored, the kernel would discard how a child has ended.
    // SAFETY: it sets no handler.
    let _ = unsafe { signal(Signal::SIGCHLD, SigHandler::SigDfl) };
    // A write above the limit of a file's size has to fail, not to kill this process half-way.
    // SAFETY: it sets no handler.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
    // The mode that a file or directory is made with is the mode that it gets.
    let umask = umask(Mode::from_bits_truncate(0o022));
    CALLER.get_or_init(|| Caller {
        umask,
        ignores_children,
        ignores_file_limit,
    });
}

/// Goes to the root directory: the caller's directory may be in the mount that is to be unmounted, and this process would keep
/// it busy.
pub fn leave_directory() {
    let _ = env::set_current_dir("/");
}

/// Gives back to this process, which is about to become another program, what its caller had set. The signal mask is for
/// others to set.
///
/// It allocates nothing, so that it can be called after fork(2).
pub fn give_back() -> io::Result<()> {
    let Some(caller) = CALLER.get() else {
        return Ok(());
    };
    let ignored = [
        (Signal::SIGCHLD, caller.ignores_children),
        (Signal::SIGXFSZ, caller.ignores_file_limit),
        (Signal::SIGPIPE, IGNORES_PIPE.load(Ordering::Relaxed)),
    ];
    for (kind, is_ignored) in ignored {
        let handler = match is_ignored {
            true => SigHandler::SigIgn,
            false => SigHandler::SigDfl,
        };
        // SAFETY: it sets no handler.
        unsafe { signal(kind, handler)? };
    }
    umask(caller.umask);
    for number in (0..3).filter(|number| was_closed(*number)) {
        // SAFETY: the process uses none of its files any more.
        unsafe { libc::close(number) };
    }
    Ok(())
}

/// Lets a helper program start as a service does, with nothing of our caller that could change its work or that it could keep:
/// it may leave a daemon behind, such as the server of a FUSE mount.
pub fn shed(command: &mut Command) {
    command.env_clear().env("LC_ALL", "C");
    command.env("PATH", path());
    for name in PASSED {
        if let Some(value) = env::var_os(name) {
            command.env(name, value);
        }
    }
    command.current_dir("/");
    let start_clean = || {
        umask(Mode::from_bits_truncate(0o022));
        (1..=64).for_each(heed);
        close_others_on_exec();
        Ok(SigSet::empty().thread_set_mask()?)
    };
    // SAFETY: it only makes system calls, and allocates nothing.
    unsafe { command.pre_exec(start_clean) };
}

/// Where programs are: the absolute directories of our caller's `PATH`, then the system's.
pub fn directories() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let named = env::split_paths(&path).filter(|directory| directory.is_absolute());
    let mut directories: Vec<PathBuf> = named.collect();
    for system in SYSTEM.map(PathBuf::from) {
        if !directories.contains(&system) {
            directories.push(system);
        }
    }
    directories
}

fn path() -> OsString {
    env::join_paths(directories()).unwrap_or_else(|_| SYSTEM.join(":").into())
}

/// Sets a signal to its default action. The C library keeps some signals to itself, so the kernel is asked directly.
fn heed(signal: c_int) {
    // The kernel's own struct, larger than on any machine: no handler, no flags, an empty mask of eight bytes.
    let default = [0_u64; 8];
    // SAFETY: it sets no handler. SIGKILL and SIGSTOP are refused, and cannot be ignored anyway.
    unsafe {
        let none = std::ptr::null_mut::<c_void>();
        libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), none, 8)
    };
}

/// Open files of our caller that are none of our business, such as a lock.
fn close_others_on_exec() {
    // SAFETY: only files that the new program would inherit are concerned, and it has no use for them.
    unsafe {
        let flag = libc::CLOSE_RANGE_CLOEXEC;
        if libc::syscall(libc::SYS_close_range, 3 as c_uint, c_uint::MAX, flag) != 0 {
            // Linux before 5.11.
            for number in 3..1024 {
                libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC);
            }
        }
    }
}

pub fn is_ignored(signal: c_int) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: it changes nothing, and the kernel writes to memory that is owned here.
    let asked = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: the call has succeeded, so the kernel has written it.
    asked == 0 && unsafe { action.assume_init() }.sa_sigaction == libc::SIG_IGN
}
