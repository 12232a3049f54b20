//! What `loop` volumes are promised of the disk below, and what is said where it could not hold that.

use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::mounts::{in_directory, unmount};
use crate::harness::strace::slowly;
use crate::harness::volumes::{LOOP, data, volumes_on_disk_of};

const DISK: u64 = 200 << 20;

const TOO_MUCH: &str = "is more than the [..] MiB that are free, less [..] MiB that stay free (setting dvdcli.allow.loop.reserve)";

const OTHERS: &str = ", with the [..] MiB that other volumes may still take,";

fn warning(name: &str, what: &str) -> String {
    format!(
        "dvdcli: warning: volume {name}: {what} {TOO_MUCH}; writing to volumes fails when the disk is full: make space, or keep theirs by volumeType=thick\n"
    )
}

fn refusal(name: &str, what: &str) -> String {
    format!(
        "dvdcli: mounting volume {name}: option size: {what} {TOO_MUCH}; create the volume first, or set dvdcli.allow.loop.overcommit\n"
    )
}

fn overcommit(env: &Env, value: &str) {
    env.configure(&format!(
        "dvdcli: {{allow: {{loop: {{overcommit: {value}}}}}}}"
    ));
}

#[track_caller]
fn creates(env: &Env, name: &str, options: &str, warning: &str) {
    env.dvdcli(&format!("create -d loop -n {name} --volumeopts={options}"))
        .warns(warning)
        .succeeds();
}

/// As callers do who never create a volume.
#[track_caller]
fn mounts(env: &Env, name: &str, options: &str, warning: &str) {
    env.dvdcli(&format!("mount -d loop -n {name} {options}"))
        .prints(&format!("$ROOT/{LOOP}/{name}/mnt/data\n"))
        .warns(warning)
        .succeeds();
}

#[track_caller]
fn is_refused(env: &Env, name: &str, options: &str, expected: &str) {
    let before = env.names(LOOP);
    env.dvdcli(&format!("mount -d loop -n {name} {options}"))
        .fails(2, expected);
    assert_eq!(env.names(LOOP), before);
}

#[track_caller]
fn is_gone(env: &Env, name: &str) {
    // It may not be mounted.
    let _ = env.dvdcli(&format!("unmount -d loop -n {name}")).output();
    env.dvdcli(&format!("remove -d loop -n {name}")).succeeds();
}

#[track_caller]
fn ends(env: &Env) {
    unmount(&env.path("var/lib/dvdcli"));
    env.assert_nothing_is_mounted();
}

#[test]
fn what_all_volumes_are_promised_is_summed() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "ext4", DISK);
    creates(&env, "first", "size=100MiB", "");
    let too_much = format!("100 MiB{OTHERS}");
    creates(&env, "second", "size=100MiB", &warning("second", &too_much));
    let little = format!("20 MiB{OTHERS}");
    let options = "--volumeopts=size=20MiB";
    mounts(&env, "tenant", options, &warning("tenant", &little));
    // It exists by now.
    mounts(&env, "tenant", options, "");
    creates(&env, "second", "size=100MiB", "");

    overcommit(&env, "false");
    is_refused(&env, "other", options, &refusal("other", &little));
    mounts(&env, "tenant", options, "");
    mounts(&env, "second", "", "");
    creates(&env, "owner", "size=20MiB", &warning("owner", &little));

    overcommit(&env, "true");
    mounts(&env, "other", options, "");
    mounts(&env, "large", "--volumeopts=size=2", "");

    env.configure("");
    for name in ["second", "tenant", "owner", "other", "large"] {
        is_gone(&env, name);
    }
    creates(&env, "second", "size=30MiB", "");
    ends(&env);
}

/// A volume that grows is none of the others.
#[test]
fn growing_is_warned_of_as_creating_is() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "ext4", DISK);
    creates(&env, "db", "size=20MiB", "");
    let grow = |size: &str, warning: &str| {
        env.dvdcli(&format!("resize -d loop -n db --size {size}"))
            .warns(warning)
            .succeeds();
    };
    grow("100MiB", "");
    creates(&env, "other", "size=20MiB", "");
    let too_much = "190 MiB, with the [..] MiB that other volumes may still take,";
    grow("190MiB", &warning("db", too_much));
    is_gone(&env, "other");
    grow("400MiB", &warning("db", "400 MiB"));
    ends(&env);
}

/// What was never asked for is no mistake of the caller: agents mount volumes of 16 GiB on small disks.
#[test]
fn a_default_size_may_be_more_than_the_disk_has() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "ext4", DISK);
    mounts(&env, "db", "", &warning("db", "16 GiB"));
    is_gone(&env, "db");
    overcommit(&env, "false");
    is_refused(&env, "db", "", &refusal("db", "16 GiB"));
    creates(&env, "db", "type=thin", &warning("db", "16 GiB"));
    mounts(&env, "db", "", "");
    is_gone(&env, "db");
    env.configure("docker: {size: 50MiB}\ndvdcli: {allow: {loop: {overcommit: false}}}");
    mounts(&env, "db", "", "");
    is_gone(&env, "db");
    ends(&env);
}

#[test]
fn what_is_written_is_promised_no_more() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "ext4", DISK);
    overcommit(&env, "false");
    mounts(&env, "db", "--volumeopts=size=80MiB", "");
    let write = "head -c 60000000 /dev/urandom >file; sync -f .";
    in_directory(&data(&env, "db"), write).unwrap();
    mounts(&env, "fits", "--volumeopts=size=60MiB", "");
    is_gone(&env, "fits");
    let what = format!("85 MiB{OTHERS}");
    let options = "--volumeopts=size=85MiB";
    is_refused(&env, "not", options, &refusal("not", &what));
    // What is allocated at once is taken from what others were promised.
    let thick = "--volumeopts=size=85MiB,type=thick";
    is_refused(&env, "not", thick, &refusal("not", &what));
    let others = "what other volumes may still take, [..] MiB,";
    creates(
        &env,
        "thick",
        "size=85MiB,type=thick",
        &warning("thick", others),
    );
    is_gone(&env, "db");
    ends(&env);
}

/// Each of them fits, and no two do. Both wait before their images have a length.
#[test]
fn callers_at_once_are_not_promised_the_same_space() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "ext4", DISK);
    overcommit(&env, "false");
    let start = |name: &&str| {
        let line = format!("mount -d loop -n {name} --volumeopts=size=90MiB");
        slowly(env.dvdcli(&line), "ftruncate").start()
    };
    for (name, running) in ["a", "b"].each_ref().map(|name| (*name, start(name))) {
        let found = running.output();
        let expected = match found.code {
            0 => (format!("$ROOT/{LOOP}/{name}/mnt/data\n"), 0),
            _ => (String::new(), 2),
        };
        assert_eq!((found.stdout.clone(), found.code), expected, "{found:?}");
    }
    let made = env.names(LOOP);
    assert!(made.len() < 2, "{made:?}");
    made.iter().for_each(|name| is_gone(&env, name));
    ends(&env);
}

fn fill(disk: &Path, but: u32) {
    let script = format!("fallocate -l $(($(stat -f -c '%a*%S' .) - ({but} << 20))) fill");
    in_directory(disk, &script).unwrap();
}

#[test]
fn a_disk_that_is_nearly_full_is_said_where_a_volume_may_grow() {
    let Some(env) = Env::isolated() else { return };
    volumes_on_disk_of(&env, "ext4", DISK);
    let disk = env.path("var/lib/dvdcli");
    creates(&env, "db", "size=50MiB", "");
    creates(&env, "thick", "size=50MiB,type=thick", "");
    let unmounts = |name: &str| env.dvdcli(&format!("unmount -d loop -n {name}")).succeeds();
    mounts(&env, "db", "", "");
    unmounts("db");
    fill(&disk, 12);
    let low = "dvdcli: warning: volume db: it may still take 4[..] MiB, but only 1[..] MiB are free of the disk with its image, less than the \
               1[..] MiB that stay free (setting dvdcli.allow.loop.reserve); make space at $ROOT/var/lib/dvdcli/loop\n";
    mounts(&env, "db", "", low);
    mounts(&env, "db", "--id other", low);
    let little = "driver loop: the disk with its volumes has 1[..] MiB free, less than the 1[..] MiB that are to stay free \
                  (setting dvdcli.allow.loop.reserve); make space at $ROOT/var/lib/dvdcli/loop\n";
    env.dvdcli("doctor").prints(little).fails(1, "");
    env.dvdcli("unmount -d loop -n db --force").succeeds();
    mounts(&env, "db", "--read-only", "");
    unmounts("db");
    mounts(&env, "thick", "", "");
    unmounts("thick");
    env.configure("dvdcli: {allow: {loop: {reserve: 0}}}");
    mounts(&env, "db", "", "");
    unmounts("db");
    fs::remove_file(disk.join("fill")).unwrap();
    fill(&disk, 0);
    let full = "dvdcli: warning: volume db: it may still take 4[..] MiB, but the disk with its image is full, so that writing fails; \
                make space at $ROOT/var/lib/dvdcli/loop\n";
    mounts(&env, "db", "", full);
    let problem = full.strip_prefix("dvdcli: warning: volume db: ").unwrap();
    let inspect = "inspect -d loop -n db --format {{.Problem}}";
    env.dvdcli(inspect).prints(problem).succeeds();
    env.dvdcli("doctor")
        .prints(&format!("loop/db: {problem}"))
        .fails(1, "");
    unmounts("db");
    ends(&env);
}
