//! Running another program: within a time limit, and with its output kept for the error.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::poll::PollFlags;
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::{self, Signal, killpg};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};

use crate::sys::process::{inherited, interruption};

/// How much of a program's output an error repeats, in bytes.
const OUTPUT: u64 = 2000;

/// How often a child is looked at where the kernel cannot tell when it ends.
const PAUSE: Duration = Duration::from_millis(1);

/// How long a child that was killed may take to end.
const DYING: Duration = Duration::from_secs(1);

/// The path of a program, looked for in the system's directories.
///
/// # Errors
///
/// It is not there; `package` is the Debian package that it is in.
pub fn find(program: &str, package: &str) -> Result<PathBuf> {
    inherited::directories()
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
        .with_context(|| {
            format!("{program} is not installed; install the Debian package {package}")
        })
}

/// In which process group a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// One of its own, of which nothing is left where the time is over.
    Own,
    /// That of this process. Below a trigger of automount, autofs(5) lets no other one pass: systemd runs mount(8) in its own.
    Ours,
}

/// Runs a program until it ends. Its standard input is `input`, or `/dev/null`.
///
/// # Errors
///
/// It cannot be started. It fails; its output, to either stream, is in the error then, and lost otherwise. It has not ended
/// at `ends`; it is killed then, with its children.
pub fn run<A: AsRef<OsStr>>(
    program: &Path,
    arguments: &[A],
    input: Option<&File>,
    ends: Instant,
) -> Result<()> {
    #[cfg(test)]
    if let Some(done) = crate::sys::tests::fake_host::run(program, arguments) {
        return done;
    }
    run_to_end(program, arguments, input, Group::Own, ends).map(drop)
}

/// Runs a program as [`run`] does, in this process group.
pub fn run_in<A: AsRef<OsStr>>(
    group: Group,
    program: &Path,
    arguments: &[A],
    input: Option<&File>,
    ends: Instant,
) -> Result<()> {
    #[cfg(test)]
    if let Some(done) = crate::sys::tests::fake_host::run(program, arguments) {
        return done;
    }
    run_to_end(program, arguments, input, group, ends).map(drop)
}

/// Runs a program as [`run`] does, and returns its output in one line.
pub fn output<A: AsRef<OsStr>>(program: &Path, arguments: &[A], ends: Instant) -> Result<String> {
    let mut output = run_to_end(program, arguments, None, Group::Own, ends)?;
    Ok(one_line(&mut output)?)
}

fn run_to_end<A: AsRef<OsStr>>(
    program: &Path,
    arguments: &[A],
    input: Option<&File>,
    group: Group,
    ends: Instant,
) -> Result<File> {
    let name = program.file_name().unwrap_or(program.as_os_str()).display();
    let mut output = output_file().context("making a file in memory")?;
    let mut command =
        command(program, arguments, input, &output).context("duplicating a handle")?;
    if group == Group::Own {
        command.process_group(0);
    }
    let mut child = command
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let waited = wait(&mut child, ends);
    seal(&output);
    let Ok(Some(status)) = waited else {
        kill(&mut child, group);
        waited.with_context(|| format!("waiting for {name}"))?;
        let otherwise = "not done when the time was over, and killed; give it more with --timeout";
        bail!("{name}: {}", interruption::reason_or(otherwise));
    };
    if !status.success() {
        let text = one_line(&mut output).unwrap_or_default();
        let separator = if text.is_empty() { "" } else { ": " };
        bail!("{name}: {status}{separator}{text}");
    }
    Ok(output)
}

/// A file in memory, not a pipe: a daemon that the program starts would keep a pipe open, and reading it would not end.
fn output_file() -> io::Result<File> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    Ok(memfd_create(c"words", flags)?.into())
}

/// Keeps a daemon that was left behind from filling the host's memory with what nobody reads.
fn seal(output: &File) {
    let _ = fcntl(output, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_WRITE));
}

fn command<A: AsRef<OsStr>>(
    program: &Path,
    arguments: &[A],
    input: Option<&File>,
    output: &File,
) -> io::Result<Command> {
    let stdin = match input {
        Some(file) => file.try_clone()?.into(),
        None => Stdio::null(),
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(stdin)
        .stdout(output.try_clone()?)
        .stderr(output.try_clone()?);
    inherited::shed(&mut command);
    Ok(command)
}

/// Waits until a child ends; `None` where it has not ended at `ends`.
fn wait(child: &mut Child, ends: Instant) -> io::Result<Option<ExitStatus>> {
    // By rustix, since nix has no pidfd_open.
    let handle = match pidfd_open(rustix::process::Pid::from_child(child), PidfdFlags::empty()) {
        // Linux before 5.3.
        Err(rustix::io::Errno::NOSYS) => return wait_by_asking(child, ends),
        handle => handle?,
    };
    match interruption::wait(handle.as_fd(), PollFlags::POLLIN, ends)? {
        true => child.wait().map(Some),
        false => child.try_wait(),
    }
}

fn wait_by_asking(child: &mut Child, ends: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        let status = child.try_wait()?;
        if status.is_some() || interruption::is_over(ends) {
            return Ok(status);
        }
        thread::sleep(PAUSE);
    }
}

/// Kills a child, and all processes of a group of its own. It is not reaped yet, so no other process can have its PID.
///
/// A process that is in a call to a dead file system does not end, and is left to init.
fn kill(child: &mut Child, group: Group) {
    let _ = match group {
        Group::Own => killpg(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL),
        Group::Ours => signal::kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGKILL),
    };
    let _ = interruption::undoing(|| wait(child, Instant::now() + DYING));
}

/// The text of a file as one line: white space and control characters become single blanks.
fn one_line(file: &mut File) -> io::Result<String> {
    let mut text = Vec::new();
    file.rewind()?;
    file.take(OUTPUT).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    Ok(words.join(" "))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn shell(script: &str, limit: Duration) -> Result<()> {
        run(
            Path::new("/bin/sh"),
            &["-c", script],
            None,
            Instant::now() + limit,
        )
    }

    #[test]
    fn a_failure_repeats_the_words_in_one_line() {
        let error =
            shell("echo one; echo >&2 two; exit 3", Duration::from_secs(5)).expect_err("exit 3");
        assert_eq!(error.to_string(), "sh: exit status: 3: one two");
    }

    #[test]
    fn a_program_that_takes_too_long_is_killed_with_its_children() {
        let directory = tempfile::tempdir().expect("a directory");
        let pid = directory.path().join("pid");
        let script = format!("sleep 1000 & echo $! >{}; wait", pid.display());
        let error = shell(&script, Duration::from_millis(500)).expect_err("killed");
        assert!(error.to_string().contains("--timeout"), "{error}");
        // Init may be a moment late to ask how the child has ended.
        if let Ok(pid) = fs::read_to_string(pid) {
            let process = Path::new("/proc").join(pid.trim()).join("cmdline");
            while fs::read(&process).is_ok_and(|words| !words.is_empty()) {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    #[test]
    fn a_daemon_that_stays_is_not_waited_for() {
        let directory = tempfile::tempdir().expect("a directory");
        let pid = directory.path().join("pid");
        let script = format!("sleep 1000 & echo $! >{}; exit 0", pid.display());
        shell(&script, Duration::from_secs(60)).expect("success");
        let pid = fs::read_to_string(pid).expect("the daemon's PID");
        let pid = Pid::from_raw(pid.trim().parse().expect("a number"));
        signal::kill(pid, Signal::SIGKILL).expect("the daemon is still there");
    }

    /// It would fill the host's memory.
    #[test]
    fn a_daemon_that_stays_cannot_write_any_more() {
        let directory = tempfile::tempdir().expect("a directory");
        let at = |name: &str| directory.path().join(name);
        let script = format!(
            "cd {}; echo before; (until [ -e go ]; do sleep 0.01; done; echo late; echo $? >said) & exit 0",
            directory.path().display()
        );
        shell(&script, Duration::from_secs(60)).expect("success");
        fs::write(at("go"), "").expect("written");
        let said = || fs::read_to_string(at("said")).unwrap_or_default();
        while !said().ends_with('\n') {
            thread::sleep(Duration::from_millis(1));
        }
        assert_ne!(said(), "0\n");
    }
}
