//! A shell at a terminal, at which a test types as a user does.

use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use nix::fcntl::{OFlag, open};
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::signal::{Signal, killpg};
use nix::sys::stat::Mode;
use nix::unistd::Pid;

use crate::harness::env::{DVDCLI, Env, PATH};
use crate::harness::fs;
use crate::harness::programs::{program_at, spawn};
use crate::harness::scenario::note;
use crate::harness::waiting::comes_true;

/// A shell, and what it does first. The completion script asks the program that is tested; what is typed and entered is not run by it,
/// but written down: each argument in angle brackets, and `done`.
pub struct Shell {
    pub name: &'static str,
    args: &'static [&'static str],
    begins: &'static str,
    /// A file that has to be there beside the shell.
    needs: &'static str,
}

const COMPLETIONS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/completions");

/// As they are on a Debian machine, without the files of whoever runs the tests.
pub const SHELLS: [Shell; 3] = [
    Shell {
        name: "bash",
        args: &["--norc", "--noprofile", "-i"],
        begins: r#". /usr/share/bash-completion/bash_completion; . $COMPLETIONS/dvdcli.bash; dvdcli() { printf '<%s>' "$@" >typed; echo done >>typed; }"#,
        needs: "/usr/share/bash-completion/bash_completion",
    },
    Shell {
        name: "zsh",
        args: &["-f", "-i"],
        begins: r#"fpath=($COMPLETIONS $fpath); autoload -U compinit; compinit -u -D; dvdcli() { printf '<%s>' "$@" >typed; echo done >>typed; }"#,
        needs: "/",
    },
    Shell {
        name: "fish",
        args: &["--no-config", "-i"],
        begins: r#"source $COMPLETIONS/dvdcli.fish; function dvdcli; printf '<%s>' $argv >typed; echo done >>typed; end"#,
        needs: "/",
    },
];

pub struct Terminal<'a> {
    env: &'a Env,
    master: PtyMaster,
    child: Child,
    shown: Arc<Mutex<Vec<u8>>>,
}

impl<'a> Terminal<'a> {
    /// `None`, and a word about it, where the shell is not installed.
    pub fn start(env: &'a Env, shell: &Shell) -> Option<Terminal<'a>> {
        if !program_at(shell.name).is_file() || !Path::new(shell.needs).exists() {
            note(&format!("left out: {} is not installed", shell.name));
            return None;
        }
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let master = posix_openpt(flags).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let slave = ptsname_r(&master).unwrap();
        let slave = || Stdio::from(open(slave.as_str(), flags, Mode::empty()).unwrap());
        let program = env.dir("bin").join("dvdcli");
        if !program.exists() {
            symlink(DVDCLI, &program).unwrap();
        }
        let path = format!("{}:{PATH}", env.dir("bin").display());
        let words = ["--ctty", "--wait", shell.name];
        let run = env.program("setsid", words.iter().chain(shell.args));
        let mut run = run
            .env("PATH", &path)
            .env("TERM", "dumb")
            .env("HOME", env.root());
        let command = run
            .command
            .env("LC_ALL", "C.UTF-8")
            .env("COMPLETIONS", COMPLETIONS);
        command.stdin(slave()).stdout(slave()).stderr(slave());
        let child = spawn(command).unwrap();
        let shown = Arc::new(Mutex::new(Vec::new()));
        let terminal = Terminal {
            env,
            master,
            child,
            shown,
        };
        terminal.show();
        terminal.press(shell.begins);
        terminal.press("\n");
        Some(terminal)
    }

    /// Reads what is shown, as long as there is anything: a terminal that nobody reads makes its programs wait.
    fn show(&self) {
        let (mut reader, shown) = (self.reader(), self.shown.clone());
        thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(read @ 1..) = reader.read(&mut part) {
                shown.lock().unwrap().extend_from_slice(&part[..read]);
            }
        });
    }

    fn reader(&self) -> fs::File {
        use std::os::fd::AsFd;
        self.master.as_fd().try_clone_to_owned().unwrap().into()
    }

    fn press(&self, keys: &str) {
        self.reader().write_all(keys.as_bytes()).unwrap();
    }

    /// Types a line behind `dvdcli`, and enters it: the arguments that the program would have got.
    #[track_caller]
    pub fn enters(&self, line: &str) -> String {
        let typed = self.env.path("typed");
        let _ = fs::remove_file(&typed);
        self.press(&format!("dvdcli {line}\n"));
        let text = || fs::read_to_string(&typed).unwrap_or_default();
        let is_entered = comes_true(|| text().ends_with("done\n"));
        let shown = String::from_utf8_lossy(&self.shown.lock().unwrap()).into_owned();
        assert!(is_entered, "{line}: still waiting\n{shown}");
        text().trim_end_matches("done\n").to_owned()
    }

    /// As above, again and again until it is as expected, since a busy machine may leave values out. What it was last.
    #[track_caller]
    pub fn comes_to(&self, line: &str, expected: &str) -> String {
        let mut found = String::new();
        for _ in 0..50 {
            found = self.enters(line);
            if found == expected {
                break;
            }
        }
        found
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        let group = Pid::from_raw(self.child.id().try_into().unwrap());
        // A shell lets the signals pass that end other programs.
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}
