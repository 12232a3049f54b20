//! Running another program: within a time limit, its whole group killed when that has passed, its words kept for the error.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, io};

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};

use crate::sys::process::foreground;

/// Where system programs are, beside what `PATH` says: an agent's `PATH` often lacks them.
const SYSTEM: [&str; 5] = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];

/// The most of a program's words that an error repeats, in bytes.
const WORDS: u64 = 2000;

/// The path of a program, as a shell would find it.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let named = env::split_paths(&path).filter(|directory| directory.is_absolute());
    named
        .chain(SYSTEM.map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
}

/// Runs a program to its end. `input` becomes its standard input, which is `/dev/null` without.
///
/// What it writes, to either stream, goes into the error if it fails, and nowhere otherwise. It goes through a file in
/// memory, not a pipe: a daemon that it leaves behind would keep a pipe open, and we would wait for that.
pub fn run<A: AsRef<OsStr>>(
    program: &Path,
    arguments: &[A],
    input: Option<&File>,
    ends: Instant,
) -> Result<()> {
    let name = program.file_name().unwrap_or(program.as_os_str()).display();
    let mut words =
        File::from(memfd_create("words", MemfdFlags::CLOEXEC).context("making a file in memory")?);
    let stdin = match input {
        Some(file) => Stdio::from(file.try_clone().context("duplicating a handle")?),
        None => Stdio::null(),
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("LC_ALL", "C")
        .process_group(0)
        .stdin(stdin)
        .stdout(words.try_clone()?)
        .stderr(words.try_clone()?);
    foreground::unmask(&mut command);
    let mut child = command
        .spawn()
        .with_context(|| format!("starting {}", program.display()))?;
    let status = match wait(&mut child, ends) {
        Ok(Some(status)) => status,
        unfinished => {
            kill(&mut child);
            unfinished.with_context(|| format!("waiting for {name}"))?;
            bail!(
                "{name}: not done when the time was over, and killed; give it more with --timeout"
            );
        }
    };
    if !status.success() {
        let said = said(&mut words).unwrap_or_default();
        let separator = if said.is_empty() { "" } else { ": " };
        bail!("{name}: {status}{separator}{said}");
    }
    Ok(())
}

/// `None` when the time is over first.
fn wait(child: &mut Child, ends: Instant) -> io::Result<Option<ExitStatus>> {
    let handle = match pidfd_open(Pid::from_child(child), PidfdFlags::empty()) {
        Ok(handle) => handle,
        // Linux before 5.3.
        Err(rustix::io::Errno::NOSYS) => return wait_by_asking(child, ends),
        Err(error) => return Err(error.into()),
    };
    loop {
        let left = ends.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return child.try_wait();
        }
        let limit = Timespec::try_from(left).ok();
        match poll(&mut [PollFd::new(&handle, PollFlags::IN)], limit.as_ref()) {
            Ok(0) | Err(rustix::io::Errno::INTR) => {}
            Ok(_) => return child.wait().map(Some),
            Err(error) => return Err(error.into()),
        }
    }
}

fn wait_by_asking(child: &mut Child, ends: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        let status = child.try_wait()?;
        if status.is_some() || Instant::now() >= ends {
            return Ok(status);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The child is not reaped yet, so its number cannot be another's.
fn kill(child: &mut Child) {
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let _ = child.wait();
}

/// All lines in one, blanks and control characters as single blanks.
fn said(words: &mut File) -> io::Result<String> {
    let mut text = Vec::new();
    words.rewind()?;
    words.take(WORDS).read_to_end(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let plain: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| !w.is_empty())
        .collect();
    Ok(plain.join(" "))
}

#[cfg(test)]
mod tests {
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
        let began = Instant::now();
        let error = shell("sleep 60 & wait", Duration::from_millis(50)).expect_err("killed");
        assert!(error.to_string().contains("--timeout"), "{error}");
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_daemon_that_stays_is_not_waited_for() {
        let began = Instant::now();
        shell("sleep 3 & exit 0", Duration::from_secs(60)).expect("success");
        assert!(began.elapsed() < Duration::from_secs(2));
    }
}
