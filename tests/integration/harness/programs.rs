//! Programs that are not under test, and how every process of the tests is started.

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::env::{Env, PATH};
use crate::harness::fs;
use crate::harness::mounts::bind;

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

/// Puts a shell script in place of a system's program, for a test in a mount namespace of its own. In the script, `$ORIGINAL` stands
/// for the program that was there.
pub fn replace(env: &Env, program: &str, script: &str) {
    let place = std::fs::canonicalize(program_at(program)).unwrap();
    // Programs such as mkfs.ext4 go by the name that they are called by.
    let original = env.dir("original").join(program);
    if !original.exists() {
        fs::copy(&place, &original).unwrap();
    }
    let script = script.replace("$ORIGINAL", &original.display().to_string());
    let file = env.write(
        &format!("replaced/{program}"),
        format!("#!/bin/sh\n{script}\n"),
    );
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    if fs::id(&place) != fs::id(&file) {
        bind(&file, &place);
    }
}

/// The processes that were started with this environment, or by those that were and in its mount namespace, but for those that wait
/// only to be asked how they have ended.
pub fn processes_of(env: &Env) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let processes = processes.map(|process| process.path());
    // Without "self" and the like.
    let is_one = |path: &PathBuf| {
        path.to_string_lossy()
            .ends_with(|c: char| c.is_ascii_digit())
    };
    let processes = processes.filter(is_one);
    let processes = processes.filter(|path| has_variable(path, env) || is_stray(path));
    let line = |path: PathBuf| {
        let line = std::fs::read_to_string(path.join("cmdline")).unwrap_or_default();
        format!("{}: {}", path.display(), line.replace('\0', " "))
    };
    processes.map(line).collect()
}

fn has_variable(process: &Path, env: &Env) -> bool {
    let mine = format!("DVDCLI_ROOT={}", env.root());
    let variables = std::fs::read(process.join("environ")).unwrap_or_default();
    let mut variables = variables.split(|byte| *byte == 0);
    variables.any(|it| it == mine.as_bytes())
}

/// Whether a process is in this thread's own mount namespace, and was not started by this program itself.
fn is_stray(process: &Path) -> bool {
    let namespace = |process: &Path| std::fs::read_link(process.join("ns/mnt")).ok();
    let ours = namespace(Path::new("/proc/thread-self"));
    if namespace(process) != ours || ours == namespace(Path::new("/proc/self")) {
        return false;
    }
    let status = std::fs::read_to_string(process.join("status")).unwrap_or_default();
    let of_us = format!("PPid:\t{}\n", std::process::id());
    !status.contains(&of_us) && !status.contains("State:\tZ")
}
