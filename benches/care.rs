//! What looking after volumes costs: snapshots, growth, export and import, against the programs that do as much.
//!
//! `cargo bench --bench care`, as root; behind `--` only some of xfs, btrfs, ext4, resize and archives. Runs in a mount namespace of
//! its own. Prints medians of interleaved runs and their ratios; asserts nothing.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::statvfs::statvfs;

mod scene;
mod timing;

use scene::{DVDCLI, prepare, print, scene};
use timing::{interleaved, timed};

const RUNS: usize = 9;

/// A directory of volumes, in which commands run.
struct Place {
    root: PathBuf,
}

impl Place {
    fn new(root: PathBuf) -> Place {
        prepare(&root);
        Place { root }
    }

    /// A sparse file with a file system of its own, mounted.
    fn on(above: &Path, kind: &str) -> Place {
        let place = Place::new(above.join(kind));
        let make = match kind {
            "ext4" => "mkfs.ext4 -q -E nodiscard",
            "xfs" => "mkfs.xfs -q -f -K -m reflink=1",
            _ => "mkfs.btrfs -q -f -K",
        };
        let image = format!("../{kind}.disk");
        let line = format!("truncate -s 16G {image}; {make} {image}; mount -o loop {image} .");
        timed(&mut place.shell(&line));
        Place::new(place.root)
    }

    fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", line]).current_dir(&self.root);
        command.env("DVDCLI_ROOT", &self.root).env("DVDCLI", DVDCLI);
        command.stderr(Stdio::inherit());
        command
    }

    /// A line of dvdcli, its words split at blanks.
    fn dvdcli(&self, line: &str) -> Command {
        let mut command = Command::new(DVDCLI);
        command.args(line.split(' ')).env("DVDCLI_ROOT", &self.root);
        command
    }

    fn free(&self) -> u64 {
        timed(Command::new("sync").arg("-f").arg(&self.root));
        let found = statvfs(&self.root).expect("the file system is there");
        found.blocks_available() * found.fragment_size()
    }

    fn unmounted(self) {
        let line =
            "umount mnt 2>/dev/null || true; cd ..; umount \"$OLDPWD\"; rm -f \"$OLDPWD.disk\"";
        timed(&mut self.shell(line));
    }
}

fn main() {
    let asked: Vec<String> = std::env::args().filter(|it| !it.starts_with('-')).collect();
    let is_asked = |part: &str| asked.len() < 2 || asked.iter().any(|it| it == part);
    let root = scene();
    for kind in ["xfs", "btrfs", "ext4"] {
        if is_asked(kind) {
            snapshots(&root, kind);
        }
    }
    if is_asked("resize") {
        resizes(&root);
    }
    if is_asked("archives") {
        archives(&root);
    }
    let _ = fs::remove_dir_all(&root);
}

/// Of a volume of 5 GiB with 1 GiB written: mounted where the file system below shares blocks.
fn snapshots(above: &Path, kind: &str) {
    let place = Place::on(above, kind);
    timed(&mut place.dvdcli("create -d loop -n db -o size=5G"));
    timed(&mut place.dvdcli("mount -d loop -n db"));
    let write =
        "dd if=/dev/urandom of=var/lib/dvdcli/loop/db/mnt/data/file bs=1M count=1024 status=none";
    timed(&mut place.shell(write));
    let (state, cp) = match kind {
        "ext4" => {
            timed(&mut place.dvdcli("unmount -d loop -n db"));
            ("unmounted", "--sparse=always")
        }
        _ => ("mounted", "--reflink=always"),
    };
    timed(Command::new("sync").arg("-f").arg(&place.root));
    // On btrfs both have to be without copy-on-write, as images are.
    let same = "touch copy; chattr +C copy 2>/dev/null || true";
    let copy = format!("cp {cp} var/lib/dvdcli/loop/db/image copy");
    let by_hand = |line: &str| {
        timed(&mut place.shell(same));
        let took = timed(&mut place.shell(line));
        timed(&mut place.shell("rm copy; sync -f ."));
        took
    };
    // A copy that a power cut does not take back.
    let synced = format!("{copy}; exec sync copy .");
    let mut taken = 0;
    let medians = interleaved(
        RUNS,
        &mut [
            &mut || by_hand(&format!("exec {copy}")),
            &mut || by_hand(&synced),
            &mut || {
                let before = place.free();
                let of = "-d loop -n db --snapshotname now";
                let took = timed(&mut place.dvdcli(&format!("snapshot create {of}")));
                taken = before.saturating_sub(place.free());
                timed(&mut place.dvdcli(&format!("snapshot remove {of}")));
                timed(&mut place.shell("sync -f ."));
                took
            },
        ],
    );
    let title = format!("snapshot of 5 GiB with 1 GiB written, {state}, on {kind}");
    let names = [format!("cp {cp}"), "the same, synced".to_owned()];
    print(&title, RUNS, &[&names[0], &names[1], "dvdcli"], &medians);
    println!("  it took {} KiB of the disk", taken >> 10);
    if state == "mounted" {
        timed(&mut place.dvdcli("unmount -d loop -n db"));
    }
    place.unmounted();
}

/// By 1 GiB, while it is mounted, against the program that grows the file system alone.
fn resizes(above: &Path) {
    for (kind, grow) in [("ext4", "resize2fs $device"), ("xfs", "xfs_growfs mnt")] {
        let place = Place::new(above.join(format!("grow-{kind}")));
        let begin = format!(
            "truncate -s 5G image; mkfs.{kind} -q image; mount -o loop image mnt; \
             device=$(findmnt -n -o SOURCE mnt); truncate -s 6G image; losetup -c $device; {grow} >/dev/null 2>&1"
        );
        let can_grow = place.shell(&begin).status().is_ok_and(|it| it.success());
        if can_grow {
            resize(&place, kind, grow);
        } else {
            println!("resize of a mounted {kind}: left out, {grow} cannot do it here");
        }
        timed(&mut place.shell("umount mnt"));
    }
}

fn resize(place: &Place, kind: &str, grow: &str) {
    timed(&mut place.dvdcli(&format!(
        "create -d loop -n db -o size=6G -o newfstype={kind}"
    )));
    timed(&mut place.dvdcli("mount -d loop -n db"));
    let (mut by_hand, mut ours) = (6, 6);
    let medians = interleaved(
        RUNS,
        &mut [
            &mut || {
                by_hand += 1;
                let line =
                    format!("truncate -s {by_hand}G image; losetup -c $(findmnt -n -o SOURCE mnt)");
                timed(&mut place.shell(&line));
                let line =
                    format!("device=$(findmnt -n -o SOURCE mnt); exec {grow} >/dev/null 2>&1");
                timed(&mut place.shell(&line))
            },
            &mut || {
                ours += 1;
                timed(&mut place.dvdcli(&format!("resize -d loop -n db --size {ours}")))
            },
        ],
    );
    let title = format!("resize by 1 GiB, mounted, {kind}");
    let alone = grow.split(' ').next().unwrap_or_default();
    print(&title, RUNS, &[alone, "dvdcli"], &medians);
    timed(&mut place.dvdcli("unmount -d loop -n db"));
}

/// Of 2,000 small files and 256 MiB in a large one.
fn archives(above: &Path) {
    let place = Place::new(above.join("archives"));
    timed(&mut place.dvdcli("create -d local -n from"));
    let path = "var/lib/dvdcli/local/from/_data";
    let fill = format!(
        "cd {path}; for d in $(seq 20); do mkdir $d; for f in $(seq 100); do echo $f >$d/$f; done; done; \
         dd if=/dev/urandom of=large bs=1M count=256 status=none"
    );
    timed(&mut place.shell(&fill));
    let tar = format!("tar --xattrs --acls --sparse -C {path} -cf - . | cat >/dev/null");
    let medians = interleaved(
        RUNS,
        &mut [&mut || timed(&mut place.shell(&tar)), &mut || {
            timed(&mut place.shell("$DVDCLI export -d local -n from | cat >/dev/null"))
        }],
    );
    print(
        "export of 2,000 files and 256 MiB",
        RUNS,
        &["tar", "dvdcli"],
        &medians,
    );
    timed(
        place
            .dvdcli("export -d local -n from -O archive")
            .current_dir(&place.root),
    );
    let medians = interleaved(
        RUNS,
        &mut [&mut || by_tar(&place), &mut || by_import(&place)],
    );
    print("import of it", RUNS, &["tar", "dvdcli"], &medians);
}

fn by_tar(place: &Place) -> Duration {
    fs::create_dir(place.root.join("to")).expect("a directory for tar");
    let took = timed(&mut place.shell("exec tar --xattrs --acls -C to -xpf archive"));
    timed(&mut place.shell("rm -r to; sync -f ."));
    took
}

fn by_import(place: &Place) -> Duration {
    timed(&mut place.dvdcli("create -d local -n to"));
    let took = timed(&mut place.shell("exec $DVDCLI import -d local -n to archive"));
    timed(&mut place.dvdcli("remove -d local -n to"));
    timed(&mut place.shell("sync -f ."));
    took
}
