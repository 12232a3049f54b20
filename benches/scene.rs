//! Where volumes are made to be measured, and how the figures are shown.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

use crate::timing::timed;

pub const DVDCLI: &str = env!("CARGO_BIN_EXE_dvdcli");

/// A directory of volumes for this process, which has a mount namespace of its own from now on.
pub fn scene() -> PathBuf {
    unshare(CloneFlags::CLONE_NEWNS).expect("root may have a mount namespace of its own");
    timed(Command::new("mount").args(["--make-rprivate", "/"]));
    let root = std::env::temp_dir().join(format!("dvdcli-bench-{}", std::process::id()));
    prepare(&root);
    root
}

/// Makes a directory of volumes, which may be larger than the disk.
pub fn prepare(root: &Path) {
    let settings = root.join("etc/dvdcli");
    for directory in [&settings, &root.join("mnt")] {
        fs::create_dir_all(directory).expect("a directory for the benchmark");
    }
    fs::write(
        settings.join("config.yml"),
        "dvdcli.allow.loop: {overcommit: true, reserve: 0}\n",
    )
    .expect("settings");
}

pub fn print(title: &str, runs: usize, names: &[&str], medians: &[Duration]) {
    println!("{title}, medians of {runs} interleaved runs:");
    for (name, median) in names.iter().zip(medians) {
        let ratio = median.as_secs_f64() / medians[0].as_secs_f64();
        println!(
            "  {name:20} {:8.2} ms  {ratio:5.2}",
            median.as_secs_f64() * 1e3
        );
    }
}
