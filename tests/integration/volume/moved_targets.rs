//! Targets whose path leads elsewhere by the time they are released, and targets that no volume may have.

use std::os::unix::fs::symlink;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;

const MOUNT: &str = "mount -d fake -n db --id a --target";

#[test]
fn a_target_is_found_where_a_directory_above_it_was_renamed() {
    for release in [
        "--target $ROOT/above/target",
        "--target $ROOT/renamed/target",
        "--id a",
        "--force",
    ] {
        let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
            return;
        };
        env.dir("above/target");
        env.dvdcli(&format!("{MOUNT} $ROOT/above/target"))
            .prints("$ROOT/above/target\n")
            .succeeds();
        fs::rename(env.path("above"), env.path("renamed")).unwrap();
        assert_eq!(env.mounts(), [env.path("renamed/target")]);
        env.dvdcli(&format!("unmount -d fake -n db {release}"))
            .succeeds();
        assert_eq!(
            (env.mounts().len(), plugin.mounts("db")),
            (0, 0),
            "{release}"
        );
        env.assert_nothing_is_left();
    }
}

#[test]
fn a_target_is_found_where_its_link_leads_elsewhere_by_now() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dir("one");
    env.dir("other");
    symlink("one", env.path("link")).unwrap();
    env.dvdcli(&format!("{MOUNT} $ROOT/link"))
        .prints("$ROOT/one\n")
        .succeeds();
    fs::remove_file(env.path("link")).unwrap();
    symlink("other", env.path("link")).unwrap();
    env.dvdcli("unmount -d fake -n db --target $ROOT/link")
        .succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("db")), (0, 0));
    env.assert_nothing_is_left();
}

/// The directory of a process is gone with it, and so is the way to what is mounted there.
#[test]
fn a_directory_in_proc_is_no_target() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dvdcli(&format!("{MOUNT} /proc/self")).fails(
        2,
        "dvdcli: mounting volume db: target: /proc/[..]: a directory in /proc is gone with its process\n",
    );
    assert_eq!((env.mounts().len(), plugin.connections()), (0, 0));
    assert!(!env.path("run/dvdcli").exists());
}

/// The volumes there would be hidden, and could not be unmounted any more.
#[test]
fn a_directory_of_a_built_in_driver_is_no_target() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d local -n other").succeeds();
    for target in ["local", "local/other", "local/other/_data"] {
        let target = format!("$ROOT/var/lib/dvdcli/{target}");
        env.dvdcli(&format!("mount -d local -n db --target {target}")).fails(
            2,
            &format!("dvdcli: mounting volume db: target: {target}: a built-in driver keeps its volumes there\n"),
        );
    }
    assert_eq!(env.mounts().len(), 0);
}

/// The volume's own mount would be taken for the view, and unmounted under the other holders.
#[test]
fn a_target_over_the_volume_itself_is_refused() {
    for target in ["$ROOT/volumes/db", "$ROOT/volumes"] {
        let refused = format!(
            "dvdcli: mounting volume db: target {target} would hide the volume's own mount point $ROOT/volumes/db\n"
        );
        for is_held in [true, false] {
            let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
                return;
            };
            let place = env.dir("volumes/db");
            if is_held {
                env.mount_tmpfs(&place);
                env.mount_db();
            }
            fs::write(place.join("file"), "text").unwrap();
            for verb in ["mount", "run"] {
                let command = if verb == "run" { "-- true" } else { "" };
                let refused = match verb {
                    "run" => refused.replace(
                        "mounting volume db",
                        "running true with volume db: mounting it",
                    ),
                    _ => refused.clone(),
                };
                env.dvdcli(&format!("{verb} -d fake -n db --target {target} {command}"))
                    .fails(2, &refused);
            }
            assert_eq!(plugin.mounts("db"), usize::from(is_held));
            assert_eq!(env.mounts().len(), usize::from(is_held));
            assert_eq!(fs::read_to_string(place.join("file")).unwrap(), "text");
        }
    }
}
