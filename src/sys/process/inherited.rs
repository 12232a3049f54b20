//! What this process inherits from its caller and what would change the work of this one or of its children: closed standard
//! files, ignored signals, the file mode mask, other open files, environment variables.

use std::env;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::libc::{self, c_int, c_uint, c_void};
use nix::sys::prctl::set_dumpable;
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{getegid, geteuid, getgid, getuid};

/// Where programs are, also for those that we start. The caller's `PATH` counts for nothing: whoever can set it is not always root,
/// who runs them.
const DIRECTORIES: [&str; 6] = [
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
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

/// Whether this process got rights by the file that it was started from, which its caller does not have.
///
/// A switch of security module domains sets `AT_SECURE` as well, as where systemd starts a service under SELinux. It gives root
/// no rights that it did not have, so root's own calls are not taken for it.
pub fn is_privileged_by_file() -> bool {
    // SAFETY: it only asks.
    let is_secure = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    getuid() != geteuid() || getgid() != getegid() || is_secure && !getuid().is_root()
}

/// Leaves no core dump, and nobody but root may look at the memory, in which secrets are. It ends where another program is executed.
pub fn hide_memory() {
    let _ = set_dumpable(false);
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
/// it may leave a daemon behind, such as the server of a FUSE mount. Of variables it has `PATH` and `LC_ALL` only: others change
/// what it does to a volume, such as `LIBMOUNT_FORCE_MOUNT2`, `MKE2FS_CONFIG`, `LD_PRELOAD` or `TMPDIR`.
pub fn shed(command: &mut Command) {
    command.env_clear().env("LC_ALL", "C");
    command.env("PATH", DIRECTORIES.join(":"));
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

/// The directories in which programs are looked for, in this order.
pub fn directories() -> impl Iterator<Item = &'static Path> {
    DIRECTORIES.iter().map(Path::new)
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
