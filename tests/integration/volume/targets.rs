//! `--target`: a directory of the caller's where the volume appears as well, and disappears with its holder.

use pretty_assertions::assert_eq;

use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::strace::under_strace;

#[test]
fn a_volume_appears_at_its_target_until_it_is_unmounted() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let target = env.dir("target");
    env.write("volumes/db/file", "text");
    for _ in 0..2 {
        env.dvdcli("mount -d fake -n db --target $ROOT/target")
            .prints("$ROOT/target\n")
            .succeeds();
        assert_eq!(env.mounts(), [target.as_path()]);
    }
    assert_eq!(fs::read_to_string(target.join("file")).unwrap(), "text");
    fs::write(target.join("new"), "").unwrap();
    assert!(env.path("volumes/db/new").exists());
    env.dvdcli("unmount -d fake -n db --target $ROOT/target")
        .succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("db")), (0, 0));
    assert_eq!(fs::names(&target).len(), 0);
}

#[test]
fn a_target_can_be_read_only() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let target = env.dir("target");
    env.dvdcli("mount -d fake -n db --read-only --target $ROOT/target")
        .prints("$ROOT/target\n")
        .succeeds();
    let refused = fs::write(target.join("new"), "").unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    fs::write(env.path("volumes/db/new"), "").unwrap();
    env.dvdcli("unmount -d fake -n db --target $ROOT/target")
        .succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("db")), (0, 0));
}

#[test]
fn each_target_is_a_holder_of_its_own() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let (one, other) = (env.dir("one"), env.dir("other"));
    env.dvdcli("mount -d fake -n db --target $ROOT/one")
        .prints("$ROOT/one\n")
        .succeeds();
    env.dvdcli("mount -d fake -n db --target $ROOT/other")
        .prints("$ROOT/other\n")
        .succeeds();
    assert_eq!(env.mounts(), [one, other.clone()]);
    env.dvdcli("unmount -d fake -n db --target $ROOT/one")
        .warns("dvdcli: warning: volume db stays mounted, it is held by $ROOT/other\n")
        .succeeds();
    assert_eq!((env.mounts(), plugin.mounts("db")), (vec![other], 1));
    env.dvdcli("unmount -d fake -n db --force").succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("db")), (0, 0));
}

#[test]
fn the_targets_of_a_holder_go_with_it() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dir("one");
    env.dir("other");
    env.dvdcli("mount -d fake -n db --id task --target $ROOT/one")
        .prints("$ROOT/one\n")
        .succeeds();
    env.dvdcli("mount -d fake -n db --id task --target $ROOT/other")
        .prints("$ROOT/other\n")
        .succeeds();
    env.dvdcli("unmount -d fake -n db --id task").succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("db")), (0, 0));
}

#[test]
fn a_target_that_two_holders_share_stays_until_the_last_one_goes() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let target = env.dir("target");
    let holders = ["--id a", "--id b", ""];
    let line =
        |verb: &str, holder: &str| format!("{verb} -d fake -n db {holder} --target $ROOT/target");
    for last in [
        line("unmount", ""),
        "unmount -d fake -n db --force".to_owned(),
    ] {
        for holder in holders {
            env.dvdcli(&line("mount", holder))
                .prints("$ROOT/target\n")
                .succeeds();
        }
        for gone in [
            line("unmount", "--id a"),
            "unmount -d fake -n db --id b".to_owned(),
        ] {
            // Whoever comes to it by force finds all of them.
            if !last.contains("--force") {
                env.dvdcli(&gone)
                    .warns("dvdcli: warning: volume db stays mounted, it is held by [..]\n")
                    .succeeds();
            }
            assert_eq!(
                (env.mounts(), plugin.mounts("db")),
                (vec![target.clone()], 1)
            );
        }
        env.dvdcli(&last).succeeds();
        assert_eq!((env.mounts().len(), plugin.mounts("db")), (0, 0));
    }
}

#[test]
fn a_target_that_is_none_is_wrong_usage_and_nothing_is_done() {
    let (env, plugin) = FakePlugin::with_db();
    env.write("file", "");
    for (target, message) in [
        (
            "$ROOT/none",
            "target $ROOT/none: no such file or directory; create the directory first",
        ),
        ("$ROOT/file", "target $ROOT/file: not a directory"),
    ] {
        env.dvdcli(&format!("mount -d fake -n db --target {target}"))
            .fails(2, &format!("dvdcli: mounting volume db: {message}\n"));
    }
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn what_keeps_us_from_looking_at_a_target_is_not_the_callers_fault() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dir("target");
    let mount = env.dvdcli("mount -d fake -n db --target $ROOT/target");
    let fail = "inject=clone:error=EAGAIN:when=1";
    under_strace(mount, &["-e", "trace=clone", "-e", fail, "-o", "/dev/null"]).fails(
        1,
        "dvdcli: mounting volume db: looking at target $ROOT/target: resource temporarily unavailable\n",
    );
    assert_eq!(plugin.connections(), 0);
}

#[test]
fn a_target_where_something_else_is_mounted_is_in_use() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let target = env.dir("target");
    env.mount_tmpfs(&target);
    env.dvdcli("mount -d fake -n db --target $ROOT/target")
        .fails(
            4,
            "dvdcli: mounting volume db: target $ROOT/target: something is mounted there that is not this volume\n",
        );
    assert_eq!((env.mounts(), plugin.mounts("db")), (vec![target], 0));
}

#[test]
fn a_target_that_callers_could_not_read_is_refused() {
    let (env, plugin) = FakePlugin::with_db();
    let blank = env.dir("blank ");
    env.dir("tab\t");
    std::os::unix::fs::symlink(blank, env.path("link")).unwrap();
    for (target, shown) in [
        ("blank ", "blank "),
        ("./blank ", "./blank "),
        ("tab\t", "tab\\t"),
        ("tab\t/", "$ROOT/tab\\t"),
        ("link", "$ROOT/blank "),
    ] {
        let words = ["mount", "-d", "fake", "-n", "db", "--target", target];
        env.dvdcli_with(words).fails(
            2,
            &format!("dvdcli: mounting volume db: target '{shown}' has a line end or blanks that callers cut off\n"),
        );
    }
    assert_eq!((plugin.mounts("db"), plugin.connections()), (0, 0));
}

#[test]
fn a_target_that_is_busy_stays_unless_lazy_is_asked_for() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let target = env.dir("target");
    env.dvdcli("mount -d fake -n db --target $ROOT/target")
        .prints("$ROOT/target\n")
        .succeeds();
    let open = fs::Open::create(&target.join("file"));
    env.dvdcli("unmount -d fake -n db --target $ROOT/target")
        .fails(
            4,
            "dvdcli: unmounting volume db: unmounting $ROOT/target: it is busy, used by PID [..] ([..]); unmount --lazy (umount -l) takes it away all the same\n",
        );
    assert_eq!((env.mounts(), plugin.mounts("db")), (vec![target], 1));
    env.dvdcli("unmount -d fake -n db --target $ROOT/target --lazy")
        .succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("db")), (0, 0));
    drop(open);
}

#[test]
fn a_target_is_taken_away_whoever_has_it() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    env.dir("target");
    env.dvdcli("mount -d fake -n db --id a --target $ROOT/target")
        .prints("$ROOT/target\n")
        .succeeds();
    env.dvdcli("unmount -d fake -n db --target $ROOT/target")
        .succeeds();
    assert_eq!((env.mounts().len(), plugin.mounts("db")), (0, 0));
}

#[test]
fn the_clean_up_after_a_target_that_was_refused_succeeds() {
    let Some((env, _plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let target = env.dir("target");
    env.mount_tmpfs(&target);
    env.dvdcli("unmount -d fake -n db --target $ROOT/target")
        .warns(
            "dvdcli: warning: target $ROOT/target: something is mounted there that is not this volume\n\
             dvdcli: warning: unmounting volume db: plugin fake: it is not mounted; nothing was left to do\n",
        )
        .succeeds();
    assert_eq!(env.mounts(), [target]);
}
