//! What a change costs: another binary of dvdcli against this one, in one run.
//!
//! `DVDCLI_AGAINST=/path/to/dvdcli cargo bench --bench against`, as root; a number behind `--` sets the runs of each. Prints
//! medians of interleaved runs, their ratios, peak memory and the size of the binaries; asserts nothing.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

mod fake_plugin;
mod memory;
mod timing;

use timing::{interleaved, timed};

const DVDCLI: &str = env!("CARGO_BIN_EXE_dvdcli");

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("peak") => return memory::print_peak(&args[2..]),
        Some("serve") => return fake_plugin::serve(&args[2], Path::new(&args[3])),
        _ => {}
    }
    let Some(other) = std::env::var_os("DVDCLI_AGAINST") else {
        println!("against: DVDCLI_AGAINST names no other binary, so there is nothing to compare");
        return;
    };
    let runs = args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(400);
    unshare(CloneFlags::CLONE_NEWNS).expect("root may have a mount namespace of its own");
    timed(Command::new("mount").args(["--make-rprivate", "/"]));
    let process = std::process::id();
    let bench = Bench {
        binaries: [PathBuf::from(other), PathBuf::from(DVDCLI)],
        memory: PathBuf::from(format!("/dev/shm/dvdcli-bench-{process}")),
        disk: std::env::temp_dir().join(format!("dvdcli-bench-{process}")),
    };
    bench.compare(runs);
    let _ = fs::remove_dir_all(&bench.memory);
    let _ = fs::remove_dir_all(&bench.disk);
}

struct Bench {
    /// The other one, and this one.
    binaries: [PathBuf; 2],
    /// The root of the plugin's volumes: in memory, as /run is.
    memory: PathBuf,
    /// The root of the built-in driver's volumes.
    disk: PathBuf,
}

impl Bench {
    fn command(&self, binary: usize, root: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(&self.binaries[binary]);
        command.args(args).env_clear().env("DVDCLI_ROOT", root);
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    }

    fn compare(&self, runs: usize) {
        let sockets = self.memory.join("run/docker/plugins");
        fs::create_dir_all(&sockets).expect("a directory in memory");
        fs::create_dir_all(&self.disk).expect("a directory on the disk");
        let mut plugin = fake_plugin::start(&sockets.join("fake.sock"), &self.memory);
        println!("another binary and this one, medians of interleaved runs:");
        let version = |binary| timed(&mut self.command(binary, &self.memory, &["version"]));
        self.report("version", runs, &version);
        let mount = ["mount", "-d", "fake", "-n", "db"];
        let through_plugin = |binary| {
            let _ = fs::remove_dir_all(self.memory.join("run/dvdcli"));
            timed(&mut self.command(binary, &self.memory, &mount))
        };
        self.report("mount through a plugin", runs, &through_plugin);
        let again = |binary| timed(&mut self.command(binary, &self.memory, &mount));
        self.report("mount what is mounted", runs, &again);
        self.built_in(runs / 10);
        let peak = |binary| memory::peak_of(&self.command(binary, &self.memory, &mount));
        println!("  peak memory of a mount: {} KiB, {} KiB", peak(0), peak(1));
        let size = |binary: usize| {
            let found = fs::metadata(&self.binaries[binary]);
            found.expect("the binary is there").len()
        };
        println!("  binary: {} bytes, {} bytes", size(0), size(1));
        let _ = plugin.kill();
        let _ = plugin.wait();
    }

    fn built_in(&self, runs: usize) {
        let of = |verb| [verb, "-d", "loop", "-n", "db"];
        let act = |binary, verb| timed(&mut self.command(binary, &self.disk, &of(verb)));
        let mut create = self.command(1, &self.disk, &of("create"));
        timed(create.args(["--opt", "size=5G"]));
        let mount = |binary| {
            let took = act(binary, "mount");
            act(binary, "unmount");
            took
        };
        self.report("mount of a loop volume", runs, &mount);
        let unmount = |binary| {
            act(binary, "mount");
            act(binary, "unmount")
        };
        self.report("unmount of a loop volume", runs, &unmount);
        act(1, "remove");
    }

    fn report(&self, what: &str, runs: usize, act: &dyn Fn(usize) -> Duration) {
        let medians = interleaved(runs, &mut [&mut || act(0), &mut || act(1)]);
        let [other, this] = medians[..] else {
            unreachable!("two contenders, two medians")
        };
        println!(
            "  {what:25} {:6.0} us, {:6.0} us: {:.3}",
            other.as_micros(),
            this.as_micros(),
            this.as_secs_f64() / other.as_secs_f64()
        );
    }
}
