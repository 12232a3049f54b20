//! Archives that end too early, volumes that are too small: nothing gets into the volume.

use pretty_assertions::assert_eq;

use crate::harness::archive::Archive;
use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::volumes::{LOOP, loop_volume};

#[test]
fn an_archive_that_is_cut_off_anywhere_is_refused() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d local -n db").succeeds();
    let archive = Archive::default()
        .file("file", &"text".repeat(300))
        .with("more", &[("mtime", "1.5")])
        .end();
    for length in (1..archive.len()).step_by(300) {
        env.write("cut.tar", &archive[..length]);
        env.dvdcli("import -d local -n db $ROOT/cut.tar").fails(
            1,
            "dvdcli: importing into volume db: [..]the archive is cut off: its end is missing\n",
        );
        let left = env.names("var/lib/dvdcli/local/db/_data");
        assert_eq!(left, [""; 0], "{length}");
    }
    env.write("whole.tar", archive);
    env.dvdcli("import -d local -n db $ROOT/whole.tar")
        .succeeds();
    assert_eq!(env.names("var/lib/dvdcli/local/db/_data"), ["file", "more"]);
    env.assert_nothing_is_left();
}

#[test]
fn what_does_not_fit_into_a_volume_is_refused() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d loop -n db --opt size=20MiB")
        .succeeds();
    let archive = Archive::default()
        .file("large", &"x".repeat(30 << 20))
        .end();
    env.write("large.tar", archive);
    for _ in 0..2 {
        env.dvdcli("import -d loop -n db $ROOT/large.tar").fails(
            1,
            "dvdcli: importing into volume db: making large: writing it: no space left on device\n",
        );
        env.dvdcli("export -d loop -n db -O $ROOT/empty.tar")
            .succeeds();
        assert_eq!(fs::read(env.path("empty.tar")).unwrap().len(), 2560);
    }
    env.assert_nothing_is_left();
}

#[test]
fn a_volume_with_something_in_it_is_left_alone() {
    let Some(env) = Env::isolated() else { return };
    loop_volume(&env, "db");
    env.write("new.tar", Archive::default().file("kept", "new").end());
    env.dvdcli("import -d loop -n db $ROOT/new.tar").fails(
        1,
        "dvdcli: importing into volume db: it is not empty, kept is in it; import into a new volume, or empty it first\n",
    );
    env.dvdcli("mount -d loop -n db")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    let kept = fs::read_to_string(env.path(&format!("{LOOP}/db/mnt/data/kept")));
    assert_eq!(kept.unwrap(), "kept");
    env.dvdcli("unmount -d loop -n db").succeeds();
    env.assert_nothing_is_left();
}
