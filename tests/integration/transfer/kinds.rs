//! Files of every kind go out and come in as they were, by dvdcli and by GNU tar.

use pretty_assertions::assert_eq;

use crate::harness::archive::{fill, listed, tar, untar};
use crate::harness::env::Env;
use crate::harness::volumes::local_data;

/// An environment with the volume `db`, in which files of every kind are.
fn full() -> Option<Env> {
    let env = Env::isolated()?;
    env.dvdcli("create -d local -n db").succeeds();
    fill(&local_data(&env, "db"));
    Some(env)
}

fn imported(env: &Env, name: &str, archive: &str) {
    env.dvdcli(&format!("create -d local -n {name}")).succeeds();
    env.dvdcli(&format!("import -d local -n {name} {archive}"))
        .succeeds();
}

#[test]
fn what_is_exported_is_read_by_gnu_tar_and_by_import() {
    let Some(env) = full() else { return };
    let before = listed(&local_data(&env, "db"));
    env.dvdcli("export -d local -n db -O $ROOT/db.tar")
        .succeeds();
    assert_eq!(listed(&local_data(&env, "db")), before);
    assert_eq!(listed(&untar(&env, &env.path("db.tar"), "read")), before);
    imported(&env, "copy", "$ROOT/db.tar");
    assert_eq!(listed(&local_data(&env, "copy")), before);
    env.assert_nothing_is_left();
}

#[test]
fn what_gnu_tar_has_written_is_imported() {
    let Some(env) = full() else { return };
    let before = listed(&local_data(&env, "db"));
    for version in ["0.0", "0.1", "1.0"] {
        let options = format!("--xattrs --acls --sparse --sparse-version={version}");
        tar(&env, &local_data(&env, "db"), &options, "gnu.tar");
        let name = format!("from-{version}");
        imported(&env, &name, "$ROOT/gnu.tar");
        assert_eq!(listed(&local_data(&env, &name)), before, "{version}");
    }
}

/// The older format has whole seconds, and no attributes: as GNU tar itself reads it.
#[test]
fn what_gnu_tar_has_written_in_its_old_format_is_imported() {
    let Some(env) = full() else { return };
    let archive = tar(
        &env,
        &local_data(&env, "db"),
        "--sparse --format=gnu",
        "gnu.tar",
    );
    let by_tar = listed(&untar(&env, &archive, "read"));
    imported(&env, "copy", "$ROOT/gnu.tar");
    assert_eq!(listed(&local_data(&env, "copy")), by_tar);
}

#[test]
fn what_is_mounted_in_a_volume_and_sockets_are_left_out() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d local -n db").succeeds();
    let data = local_data(&env, "db");
    env.dir("var/lib/dvdcli/local/db/_data/mounted");
    env.mount_tmpfs(&data.join("mounted"));
    env.write("var/lib/dvdcli/local/db/_data/mounted/other", "");
    let _socket = std::os::unix::net::UnixListener::bind(data.join("socket")).unwrap();
    let found = env.dvdcli("export -d local -n db -O $ROOT/db.tar").output();
    let mut warnings: Vec<_> = found.stderr.lines().collect();
    warnings.sort_unstable();
    assert_eq!(
        warnings,
        [
            "dvdcli: warning: left out: socket is a socket",
            "dvdcli: warning: left out: what is mounted at mounted",
        ]
    );
    assert_eq!(found.code, 0);
    untar(&env, &env.path("db.tar"), "read");
    assert_eq!(env.names("read"), ["mounted"]);
    assert_eq!(env.names("read/mounted"), [""; 0]);
}
