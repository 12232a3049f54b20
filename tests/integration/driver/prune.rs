//! `prune`: only what nobody holds, and what its labels allow.

use std::process::Stdio;

use crate::harness::env::{DVDCLI, Env};
use crate::harness::plugin::FakePlugin;

const HEAD: &str = "DRIVER  VOLUME NAME  FREED\n";

fn volumes(env: &Env) {
    for line in [
        "create -d local -n marked --label dvdcli.prune=true",
        "create -d local -n kept --label dvdcli.prune=false --label team=web",
        "create -d local -n bare",
        "create -d local -n held --label dvdcli.prune=true",
    ] {
        env.dvdcli(line).succeeds();
    }
    env.dvdcli("mount -d local -n held --id task")
        .prints("$ROOT/var/lib/dvdcli/local/held/_data\n")
        .succeeds();
}

#[test]
fn only_what_is_marked_and_free_goes() {
    let Some(env) = Env::isolated() else { return };
    volumes(&env);
    let would =
        "DRIVER  VOLUME NAME  WOULD FREE\nlocal   marked       4 KiB\nTOTAL                4 KiB\n";
    env.dvdcli("prune --dry-run").prints(would).succeeds();
    env.dvdcli("list -d local")
        .prints("bare\nheld\nkept\nmarked\n")
        .succeeds();
    env.dvdcli("prune --yes")
        .prints(&format!(
            "{HEAD}local   marked       4 KiB\nTOTAL                4 KiB\n"
        ))
        .succeeds();
    env.dvdcli("prune --yes")
        .prints(&format!("{HEAD}TOTAL                0 B\n"))
        .succeeds();
    env.dvdcli("prune -d local --yes --filter label=team=web")
        .prints(&format!(
            "{HEAD}local   kept         4 KiB\nTOTAL                4 KiB\n"
        ))
        .succeeds();
    // A filter that names no label does not stand in for the mark.
    env.dvdcli("prune --yes --filter name=bare")
        .prints(&format!("{HEAD}TOTAL                0 B\n"))
        .succeeds();
    env.dvdcli("unmount -d local -n held --id task").succeeds();
    env.dvdcli("prune --yes --filter name=none")
        .prints(&format!("{HEAD}TOTAL                0 B\n"))
        .succeeds();
    env.dvdcli("list -d local")
        .prints("bare\nheld\n")
        .succeeds();
}

/// Their volumes are gone, so that no other call comes by.
#[test]
fn the_locks_that_killed_calls_have_left_go() {
    let Some(env) = Env::isolated() else { return };
    volumes(&env);
    for name in ["left.lock", "left.new", "locked.lock", "note"] {
        env.write(&format!("run/dvdcli/{name}"), "");
    }
    let locked = env.path("run/dvdcli/locked.lock");
    let script = format!(
        "exec flock --nonblock {} {DVDCLI} prune --yes",
        locked.display()
    );
    env.program("/bin/sh", ["-c", &script])
        .prints(&format!(
            "{HEAD}local   marked       4 KiB\nTOTAL                4 KiB\n"
        ))
        .succeeds();
    let names = env.names("run/dvdcli");
    let held = names.iter().filter(|name| name.ends_with(".json")).count();
    assert!(
        held == 1 && names[names.len() - 2..] == ["locked.lock", "note"],
        "{names:?}"
    );
    assert!(
        !names.iter().any(|name| name.starts_with("left")),
        "{names:?}"
    );
    env.dvdcli("unmount -d local -n held --id task").succeeds();
}

#[test]
fn nobody_is_asked_where_there_is_no_terminal() {
    let Some(env) = Env::isolated() else { return };
    volumes(&env);
    env.dvdcli("prune").fails(
        2,
        "dvdcli: prune asks before it removes, and stdin is no terminal; give --yes, or --dry-run to see what would go\n",
    );
    env.dvdcli("prune --yes -n marked").fails(
        2,
        "dvdcli: prune takes no --volumename; --filter name=PART chooses by name\n",
    );
    env.dvdcli("exists -d local -n marked").succeeds();
    env.dvdcli("unmount -d local -n held --id task").succeeds();
}

#[test]
fn a_plugins_volumes_are_never_pruned() {
    let (env, plugin) = FakePlugin::with_db();
    env.dvdcli("prune -d fake --yes").fails(
        2,
        "dvdcli: plugin fake keeps no labels, so none of its volumes may be pruned\n",
    );
    env.dvdcli("prune --yes")
        .prints(&format!("{HEAD}TOTAL                0 B\n"))
        .succeeds();
    assert_eq!(plugin.take_calls(), Vec::<String>::new());
}

/// What is in use though nobody is recorded for it is said, and the others go all the same.
#[test]
fn it_goes_on_where_one_cannot_be_removed() {
    let Some(env) = Env::isolated() else { return };
    for name in ["a", "b"] {
        env.dvdcli(&format!(
            "create -d local -n {name} --label dvdcli.prune=true"
        ))
        .succeeds();
    }
    let data = env.path("var/lib/dvdcli/local/a/_data");
    env.mount_tmpfs(&data);
    env.dvdcli("prune --yes")
        .prints_into(Stdio::piped())
        .prints(&format!("{HEAD}local   b            4 KiB\nTOTAL                4 KiB\n"))
        .fails(4, "dvdcli: removing volume a of local: tmpfs is mounted at $ROOT/var/lib/dvdcli/local/a/_data; unmount it first\n");
    env.dvdcli("list -d local").prints("a\n").succeeds();
}
