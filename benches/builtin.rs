//! What the built-in drivers' volumes cost: dvdcli against the commands that a user would type instead, and against mkfs alone.
//!
//! `cargo bench --bench builtin`, as root; a number behind `--` sets the runs of each. Runs in a mount namespace of its own.
//! Prints medians of interleaved runs and their ratios; asserts nothing.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

mod scene;
mod timing;

use scene::{DVDCLI, print, scene};
use timing::{interleaved, timed};

const SIZE: &str = "5G";

fn main() {
    let runs = std::env::args()
        .find_map(|arg| arg.parse().ok())
        .unwrap_or(40);
    let bench = Bench { root: scene() };
    bench.new_volume(runs);
    bench.existing_volume(runs);
    bench.many_volumes();
    let _ = fs::remove_dir_all(&bench.root);
}

struct Bench {
    root: PathBuf,
}

impl Bench {
    fn dvdcli(&self, verb: &str, volume: &str) -> Command {
        let mut command = Command::new(DVDCLI);
        command
            .args([verb, "--volumedriver=loop", "--volumename", volume])
            .env("DVDCLI_ROOT", &self.root);
        command
    }

    fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", line]).current_dir(&self.root);
        command
    }

    fn new_volume(&self, runs: usize) {
        let medians = interleaved(
            runs,
            &mut [
                &mut || {
                    let image = fs::File::create(self.root.join("image")).expect("a file for mkfs");
                    image.set_len(5 << 30).expect("a sparse file");
                    let took = timed(
                        Command::new("mkfs.ext4")
                            .arg("-q")
                            .arg(self.root.join("image")),
                    );
                    fs::remove_file(self.root.join("image")).expect("the file is ours");
                    took
                },
                &mut || {
                    let mut mount = self.dvdcli("mount", "new");
                    let took = timed(mount.args(["--opt", &format!("size={SIZE}")]));
                    timed(&mut self.dvdcli("unmount", "new"));
                    timed(&mut self.dvdcli("remove", "new"));
                    took
                },
                &mut || {
                    let line = format!(
                        "truncate -s {SIZE} image; mkfs.ext4 -q image; mount -o loop image mnt"
                    );
                    let took = timed(&mut self.shell(&line));
                    timed(&mut self.shell("umount mnt; rm image"));
                    took
                },
            ],
        );
        print(
            "create and mount a new volume of 5 GiB, ext4",
            runs,
            &["mkfs alone", "dvdcli", "shell"],
            &medians,
        );
    }

    fn existing_volume(&self, runs: usize) {
        timed(
            self.dvdcli("create", "db")
                .args(["--opt", &format!("size={SIZE}")]),
        );
        timed(&mut self.shell(&format!("truncate -s {SIZE} image; mkfs.ext4 -q image")));
        let mut unmounts = [Vec::new(), Vec::new()];
        let [ours, shell] = &mut unmounts;
        let medians = interleaved(
            runs,
            &mut [
                &mut || {
                    let took = timed(&mut self.dvdcli("mount", "db"));
                    ours.push(timed(&mut self.dvdcli("unmount", "db")));
                    took
                },
                &mut || {
                    let took = timed(
                        Command::new("mount")
                            .args(["-o", "loop", "image", "mnt"])
                            .current_dir(&self.root),
                    );
                    shell.push(timed(
                        Command::new("umount").arg("mnt").current_dir(&self.root),
                    ));
                    took
                },
            ],
        );
        print(
            "mount an existing volume, ext4",
            runs,
            &["dvdcli", "mount -o loop"],
            &medians,
        );
        print(
            "unmount it",
            runs,
            &["dvdcli", "umount"],
            &unmounts.map(timing::median),
        );
    }

    /// One volume among ten, a thousand, and ten thousand.
    fn many_volumes(&self) {
        let mut before = 1;
        for volumes in [10, 1_000, 10_000] {
            fill(&self.root.join("var/lib/dvdcli/loop"), before..volumes);
            before = volumes;
            let mut gets = Vec::new();
            let mut unmounts = Vec::new();
            let mounts = interleaved(
                40,
                &mut [&mut || {
                    let took = timed(&mut self.dvdcli("mount", "db"));
                    gets.push(timed(&mut self.dvdcli("get", "db")));
                    unmounts.push(timed(&mut self.dvdcli("unmount", "db")));
                    took
                }],
            );
            let medians = [mounts[0], timing::median(gets), timing::median(unmounts)];
            print(
                &format!("with {volumes} volumes"),
                40,
                &["mount", "get", "unmount"],
                &medians,
            );
            self.lists(volumes);
        }
    }

    /// By names, of 10,000 at most 60 ms; the others grow as the number of volumes does.
    fn lists(&self, volumes: usize) {
        let list = |format: &[&str]| {
            let mut list = Command::new(DVDCLI);
            list.args(["list", "--volumedriver=loop"]).args(format);
            timed(list.env("DVDCLI_ROOT", &self.root))
        };
        let runs = 15;
        let medians = interleaved(
            runs,
            &mut [
                &mut || list(&[]),
                &mut || list(&["--format=table"]),
                &mut || list(&["--size"]),
            ],
        );
        let names = ["by names", "table", "--size"];
        print(
            &format!("list of {volumes} volumes"),
            runs,
            &names,
            &medians,
        );
    }
}

/// Copies of the volume `db`, as far as looking at them goes.
fn fill(directory: &Path, numbers: std::ops::Range<usize>) {
    let mut superblock = vec![0; 4096];
    fs::File::open(directory.join("db/image"))
        .and_then(|mut image| image.read_exact(&mut superblock))
        .expect("the volume's superblock");
    for number in numbers {
        let copy = directory.join(format!("volume-{number}"));
        fs::create_dir_all(copy.join("mnt")).expect("a volume's directory");
        fs::copy(directory.join("db/volume.json"), copy.join("volume.json"))
            .expect("a volume's record");
        fs::write(copy.join("image"), &superblock).expect("a volume's image");
        fs::File::options()
            .write(true)
            .open(copy.join("image"))
            .and_then(|image| image.set_len(5 << 30))
            .expect("the size of a volume's image");
    }
}
