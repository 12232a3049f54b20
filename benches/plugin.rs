//! What a mount through a plugin costs: dvdcli against the same three calls made by hand (the floor), and by curl.
//!
//! `cargo bench --bench plugin`; a number behind `--` sets the runs of each. Prints medians of interleaved runs, their
//! ratios, peak memory and the binary's size; asserts nothing.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

mod fake_plugin;
mod memory;
mod timing;

use timing::{interleaved, timed};

const DVDCLI: &str = env!("CARGO_BIN_EXE_dvdcli");
const CALLS: [(&str, &str); 3] = [
    ("Plugin.Activate", ""),
    ("VolumeDriver.Get", r#"{"Name":"db"}"#),
    ("VolumeDriver.Mount", r#"{"Name":"db","ID":"x"}"#),
];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("floor") => floor(&args[2]),
        Some("peak") => memory::print_peak(&args[2..]),
        Some("serve") => fake_plugin::serve(&args[2], Path::new(&args[3])),
        _ => compare(args.iter().find_map(|arg| arg.parse().ok()).unwrap_or(400)),
    }
}

/// The three calls by hand, on one connection: what nobody who speaks to this plugin can do without.
fn floor(socket: &str) {
    let mut stream = UnixStream::connect(socket).expect("the plugin listens");
    let mut mountpoint = String::new();
    for (method, body) in CALLS {
        let head = format!(
            "POST /{method} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream
            .write_all((head + body).as_bytes())
            .expect("the plugin reads");
        let mut answer = [0; 4096];
        let read = stream.read(&mut answer).expect("the plugin answers");
        mountpoint = String::from_utf8_lossy(&answer[..read]).into_owned();
    }
    let path = mountpoint.split('"').nth(3).expect("a mount point");
    println!("{path}");
}

struct Bench {
    root: PathBuf,
    socket: PathBuf,
}

impl Bench {
    fn dvdcli(&self, args: &[&str]) -> Command {
        let mut command = Command::new(DVDCLI);
        command
            .args(args)
            .env_clear()
            .env("DVDCLI_ROOT", &self.root);
        command
    }

    /// This very program in one of its other parts, with the plugin's socket.
    fn this(&self, part: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.arg(part).arg(&self.socket).env_clear();
        command
    }

    fn curl(&self) -> Command {
        let mut command = Command::new("curl");
        for (at, (method, body)) in CALLS.iter().enumerate() {
            if at > 0 {
                command.arg("--next");
            }
            command
                .arg("--silent")
                .arg("--unix-socket")
                .arg(&self.socket);
            command
                .args(["--data", body])
                .arg(format!("http://x/{method}"));
        }
        command
    }

    /// Forgets the mount, so that the next one asks the plugin again.
    fn reset(&self) {
        let _ = fs::remove_dir_all(self.root.join("run/dvdcli"));
    }
}

fn compare(runs: usize) {
    // In memory, as /run is.
    let root = PathBuf::from(format!("/dev/shm/dvdcli-bench-{}", std::process::id()));
    let bench = Bench {
        socket: root.join("run/docker/plugins/fake.sock"),
        root,
    };
    fs::create_dir_all(bench.root.join("run/docker/plugins")).expect("a directory in memory");
    let mut plugin = fake_plugin::start(&bench.socket, &bench.root);
    let mount = ["mount", "--volumedriver=fake", "--volumename=db"];
    let mut report = String::new();
    let medians = interleaved(
        runs,
        &mut [
            &mut || timed(&mut bench.this("floor")),
            &mut || {
                bench.reset();
                timed(&mut bench.dvdcli(&mount))
            },
            &mut || timed(&mut bench.curl()),
        ],
    );
    let [floor, dvdcli, curl] = medians[..] else {
        unreachable!("three contenders, three medians")
    };
    let times = |time: Duration| time.as_secs_f64() / floor.as_secs_f64();
    let _ = writeln!(report, "mount, medians of {runs} interleaved runs:");
    let _ = writeln!(
        report,
        "  floor  {:6.0} us   three calls by hand",
        floor.as_micros()
    );
    let _ = writeln!(
        report,
        "  dvdcli {:6.0} us   {:.2} times the floor",
        dvdcli.as_micros(),
        times(dvdcli)
    );
    let _ = writeln!(
        report,
        "  curl   {:6.0} us   {:.2} times the floor",
        curl.as_micros(),
        times(curl)
    );

    bench.reset();
    let _ = writeln!(
        report,
        "peak memory of mount: {} KiB",
        memory::peak_of(&bench.dvdcli(&mount))
    );
    for volumes in [10, 1_000, 10_000] {
        fs::write(bench.root.join("volumes"), volumes.to_string()).expect("a file in memory");
        let list = ["list", "--volumedriver=fake"];
        let median = interleaved(20, &mut [&mut || timed(&mut bench.dvdcli(&list))])[0];
        let peak = memory::peak_of(&bench.dvdcli(&list));
        let _ = writeln!(
            report,
            "list of {volumes:5} volumes: {:6.0} us, {peak} KiB",
            median.as_micros()
        );
    }
    let _ = writeln!(
        report,
        "binary: {} bytes",
        fs::metadata(DVDCLI).expect("the binary is there").len()
    );
    let _ = plugin.kill();
    let _ = plugin.wait();
    let _ = fs::remove_dir_all(&bench.root);
    print!("{report}");
}
