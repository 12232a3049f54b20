//! What looks after volumes, on two hosts on shared storage: of a volume that one of them works on or has mounted, the other changes
//! nothing.

use std::path::Path;
use std::process::Stdio;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::process::{Output, Running};
use crate::harness::site::{MOUNT, MOUNTED, Node, Site, UNMOUNT};
use crate::harness::waiting::eventually;

const RESIZE: &str = "resize -d loop -n db --size 96MiB";
const TRIM: &str = "trim -d loop -n db";
const TAKE: &str = "snapshot create -d loop -n db --snapshotname new";
const RESTORE: &str = "snapshot restore -d loop -n db --snapshotname s";
const CLONE: &str = "run -d loop -n db --clone -- true";
const PRUNE: &str = "prune -d loop --yes";

/// A volume that may be pruned, with a snapshot.
fn prepare(host: &Node) {
    for line in [
        "create -d loop -n db --volumeopts=size=64MiB --label dvdcli.prune=true",
        "snapshot create -d loop -n db --snapshotname s",
    ] {
        host.dvdcli(line).succeeds();
    }
}

/// The names in the volume's directory with the lengths of files, and those of all volumes and snapshots.
fn state(env: &Env) -> (Vec<(String, u64)>, Vec<String>) {
    let files = fs::entries(env.path("shared/loop/db")).unwrap();
    let files = files.iter().map(|path| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, path.symlink_metadata().unwrap().len())
    });
    (files.collect(), env.names("shared/loop"))
}

fn refused(doing: &str, host: &str, repair: &str) -> String {
    format!(
        "dvdcli: {doing}: mounted on host host-{host} (machine machine-{host}); unmount it there, or {repair}\n"
    )
}

const MOUNT_IT: &str =
    "if that host is down, mount it here with the setting mount.preempt, and unmount it";
const TAKE_IT: &str = "take it with the setting mount.preempt";

#[test]
fn what_another_host_has_mounted_is_not_changed() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    prepare(&b);
    a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
    fs::write(a.file(), "from a").unwrap();
    let before = state(&env);
    // The setting is for mounting alone.
    b.configure("rexray.volume.mount.preempt: true");
    let copying = "copying $ROOT/shared/loop/db";
    for (line, doing) in [
        (RESIZE, "growing volume db"),
        (TRIM, "trimming volume db"),
        (TAKE, "taking snapshot new of volume db"),
        (RESTORE, "restoring snapshot s of volume db"),
        (
            CLONE,
            &format!("running true with volume db: copying it: {copying}"),
        ),
    ] {
        b.dvdcli(line).fails(4, &refused(doing, "a", MOUNT_IT));
    }
    b.configure("");
    for (line, doing) in [
        ("export -d loop -n db", "exporting volume db: mounting it"),
        (
            "import -d loop -n db /dev/null",
            "importing into volume db: mounting it",
        ),
    ] {
        b.dvdcli(line).fails(4, &refused(doing, "a", TAKE_IT));
    }
    // It is held, and no candidate.
    for (line, head) in [("prune -d loop --dry-run", "WOULD FREE"), (PRUNE, "FREED")] {
        let nothing = format!("DRIVER  VOLUME NAME  {head}\nTOTAL                0 B\n");
        b.dvdcli(line).prints(&nothing).succeeds();
    }
    assert_eq!(state(&env), before);
    b.dvdcli("list -d loop --filter held=yes")
        .prints("db\n")
        .succeeds();
    // Nor is it kept from looking, and from a copy of what it held before.
    b.dvdcli("list -d loop --size --format names")
        .prints("db\n")
        .succeeds();
    b.dvdcli("create -d loop -n copy --volumeopts=volumeName=db,snapshotName=s")
        .succeeds();
    b.dvdcli("snapshot remove -d loop -n db --snapshotname s")
        .succeeds();
    assert_eq!(fs::read_to_string(a.file()).unwrap(), "from a");
    a.dvdcli(UNMOUNT).succeeds();
    for line in [RESIZE, PRUNE] {
        assert_eq!(b.dvdcli(line).output().code, 0);
    }
    assert_eq!(env.names("shared/loop"), ["copy"]);
    b.dvdcli("remove -d loop -n copy").succeeds();
    env.assert_nothing_is_mounted();
}

/// Has `host` work on the volume, and wait for a lock on this file; gives what `meanwhile` gives, and what became of the work.
fn held_up<'a, T>(
    env: &Env,
    host: &Node<'a>,
    line: &str,
    file: &str,
    has_begun: impl Fn() -> bool,
    meanwhile: impl FnOnce(fs::File, Running<'a>) -> T,
) -> T {
    let locked = fs::File::open(env.path(&format!("shared/loop/{file}"))).unwrap();
    locked.lock().unwrap();
    let mut run = host.dvdcli(line);
    run.command.stdin(Stdio::null());
    let running = run.start();
    eventually(line, has_begun);
    meanwhile(locked, running)
}

fn has_entry(directory: &Path, part: &str) -> bool {
    let entries = fs::entries(directory).unwrap_or_default();
    entries
        .iter()
        .any(|path| path.to_string_lossy().contains(part))
}

#[test]
fn what_another_host_works_on_is_not_mounted() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    prepare(&b);
    let is_claimed = || has_entry(&env.path("shared/loop/db"), "claimed,machine-b");
    for (line, file) in [
        (RESIZE, "db/image"),
        (TRIM, "db/image"),
        (RESTORE, "db@s/image"),
        (PRUNE, "db/image"),
    ] {
        // What a killed call has claimed is given up by the next one, however that ends.
        for (next, size) in [
            (Some("resize -d loop -n db --size 1MiB"), "96MiB"),
            (Some(line), "128MiB"),
            (None, "160MiB"),
        ] {
            let line = &line.replace("96MiB", size);
            let next = next.map(|next| next.replace("96MiB", size));
            held_up(&env, &b, line, file, is_claimed, |locked, working| {
                a.dvdcli(MOUNT)
                    .fails(4, &refused("mounting volume db", "b", TAKE_IT));
                if next.is_some() {
                    working.kill();
                    drop(locked);
                } else {
                    drop(locked);
                    let found = working.output();
                    assert_eq!((found.code, &*found.stderr), (0, ""), "{line}");
                }
            });
            if let Some(next) = next.filter(|next| next != PRUNE) {
                let expected = if next == *line { 0 } else { 2 };
                assert_eq!(b.dvdcli(&next).output().code, expected, "{next}");
                a.dvdcli(MOUNT).prints(MOUNTED).succeeds();
                a.dvdcli(UNMOUNT).succeeds();
            }
        }
    }
    assert_eq!(env.names("shared/loop"), ["db@s"]);
    env.assert_nothing_is_mounted();
}

/// Reading takes no claim: it is refused where the volume was mounted meanwhile.
#[test]
fn what_another_host_mounts_meanwhile_is_not_copied() {
    let Some(env) = Env::isolated() else { return };
    let site = Site::new(&env);
    let (a, b) = (site.boot("a", "1"), site.boot("b", "1"));
    prepare(&b);
    let is_copying = || has_entry(&env.path("shared/loop/.aside"), "db");
    for line in [TAKE, CLONE] {
        let found = held_up(&env, &b, line, "db/image", is_copying, |locked, copying| {
            let mounting = a.dvdcli(MOUNT).prints(MOUNTED).start();
            let is_claimed = || has_entry(&env.path("shared/loop/db"), "claimed,machine-a");
            eventually("the claim", is_claimed);
            drop(locked);
            mounting.succeeds();
            copying.output()
        });
        let Output { code, stderr, .. } = found;
        assert!(
            code == 4 && stderr.contains("mounted"),
            "{line}: {code} {stderr}"
        );
        a.dvdcli(UNMOUNT).succeeds();
        assert_eq!(env.names("shared/loop"), ["db", "db@s"]);
    }
    env.assert_nothing_is_mounted();
}
