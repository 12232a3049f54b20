//! Programs that are not under test, and how every process of the tests is started.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::env::{Env, PATH};
use crate::harness::fs;

/// Starts a program. Every test does so by this, for the reason that [`fs`] gives.
pub fn spawn(command: &mut Command) -> io::Result<Child> {
    let _starting = fs::starting();
    command.spawn()
}

/// Where a program is that is named without a path. Given by its path, it is started without a copy of this process.
pub fn program_at(name: &str) -> PathBuf {
    let directories = PATH
        .split(':')
        .map(|directory| Path::new(directory).join(name));
    let mut found = directories.filter(|path| !name.contains('/') && path.is_file());
    found.next().unwrap_or_else(|| name.into())
}

/// Runs a program that is not under test to its end.
pub fn finish(command: &mut Command) -> std::process::Output {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    spawn(command).and_then(Child::wait_with_output).unwrap()
}

/// A program that runs in the background, and is killed when the test is done with it.
pub struct Background(pub Child);

impl Background {
    /// Without input, and without anybody who reads what it says.
    pub fn start(command: &mut Command) -> Background {
        command.stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Background(spawn(command).unwrap())
    }

    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processes that were started with this environment, but for those that wait only to be asked how they have ended.
pub fn processes_of(env: &Env) -> Vec<String> {
    let mine = format!("DVDCLI_ROOT={}", env.root());
    let is_mine = |variables: &[u8]| {
        variables
            .split(|byte| *byte == 0)
            .any(|it| it == mine.as_bytes())
    };
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let processes = processes.map(|process| process.path());
    let processes = processes
        .filter(|path| std::fs::read(path.join("environ")).is_ok_and(|text| is_mine(&text)));
    let line = |path: PathBuf| {
        let line = std::fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        format!("{}: {}", path.display(), line.replace('\0', " "))
    };
    processes.map(line).collect()
}
