//! Whatever a caller hands down: signals that it ignores or blocks, closed files, limits, a file mode mask, a directory that is
//! gone, variables.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;

use nix::libc;
use nix::sys::signal::SigSet;
use nix::sys::stat::stat;
use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::{DVDCLI, Env, PATH};
use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::http::{self, hang};
use crate::harness::mounts::{mount_type, mounted_at, unmount};
use crate::harness::plugin::FakePlugin;
use crate::harness::process::{Run, is_warnings};
use crate::harness::programs::replace;
use crate::harness::volumes::{LOCAL, LOOP, data, local_data, user_of};
use crate::harness::waiting::eventually;

/// Called by a shell after it has set something.
fn after<'a>(run: Run<'a>, setting: &str) -> Run<'a> {
    run.through("sh", &["-c", &format!("{setting}; exec \"$@\""), "sh"])
}

/// Started with something done to the process by system calls.
fn with(mut run: Run, act: fn()) -> Run {
    let act = move || {
        act();
        Ok(())
    };
    // SAFETY: system calls.
    #[allow(unsafe_code)]
    unsafe {
        run.command.pre_exec(act);
    }
    run
}

fn ignore_all() {
    for signal in 1..=64 {
        // SAFETY: no handler is set.
        #[allow(unsafe_code)]
        unsafe {
            libc::signal(signal, libc::SIG_IGN);
        }
    }
}

fn block_all() {
    SigSet::all().thread_block().unwrap();
}

fn close_all() {
    for number in 0..3 {
        // SAFETY: the new program is to find them closed.
        #[allow(unsafe_code)]
        unsafe {
            libc::close(number);
        }
    }
}

/// Has mkfs.ext4 write down what it finds.
fn watch_mkfs(env: &Env) {
    let look = "grep -E '^(Sig(Pnd|Blk|Ign)|ShdPnd)' /proc/self/status; umask; pwd; ls /proc/self/fd; env | sort";
    let seen = env.path("seen");
    let script = format!("{{ {look}; }} >{}\nexec $ORIGINAL \"$@\"", seen.display());
    replace(env, "mkfs.ext4", &script);
}

/// Whoever can set PATH must not choose what root runs.
#[test]
fn programs_are_looked_for_in_the_systems_directories_only() {
    let Some(env) = Env::isolated() else { return };
    let taken = env.path("taken");
    for program in ["mkfs.ext4", "mount", "umount", "tune2fs", "e2fsck"] {
        let file = env.write(
            &format!("bin/{program}"),
            format!("#!/bin/sh\n: >{}\nexit 1\n", taken.display()),
        );
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{PATH}", env.path("bin").display());
    for line in [
        "create -d loop -n db --opt size=20MiB",
        "create -d loop -n copy --opt volumename=db",
        "remove -d loop -n copy",
        "remove -d loop -n db",
    ] {
        env.dvdcli(line).env("PATH", &path).succeeds();
    }
    assert!(!taken.exists());
}

#[test]
fn programs_that_we_start_find_nothing_of_it() {
    let Some(env) = Env::isolated() else { return };
    watch_mkfs(&env);
    let clean = "SigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n\
                 0022\n/\n0\n1\n2\n3\nLC_ALL=C\nPATH=/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin\nPWD=/\n";
    let mount = || {
        let run = env.dvdcli("mount -d loop -n db --opt size=20MiB");
        run.prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
            .env("PATH", &format!("/nowhere:{PATH}"))
            .env("HOME", "/nowhere")
    };
    let runs = [
        mount(),
        with(mount(), ignore_all),
        with(mount(), block_all),
        after(mount(), "umask 0777"),
        after(mount(), "umask 0"),
        after(mount(), "mkdir gone; cd gone; rmdir ../gone"),
        after(mount(), "exec 7<&0 9>$DVDCLI_ROOT/file"),
        mount()
            .env("LC_ALL", "tlh_KL")
            .env("TMPDIR", "/nowhere")
            .env("LIBMOUNT_FSTAB", "/nowhere")
            .env("MKE2FS_CONFIG", "/nowhere")
            .env("MKE2FS_SYNC", "0")
            .env("E2FSPROGS_FAKE_TIME", "1")
            .env("LD_LIBRARY_PATH", "/nowhere")
            .env("BASH_ENV", "/nowhere")
            .env("ENV", "/nowhere")
            .env("IFS", "e"),
    ];
    for run in runs {
        run.succeeds();
        let seen = fs::read_to_string(env.path("seen")).unwrap();
        assert_eq!(env.with_root(&seen), clean);
        for verb in ["unmount", "remove"] {
            env.dvdcli(&format!("{verb} -d loop -n db")).succeeds();
        }
    }
}

#[test]
fn a_path_that_is_empty_or_missing_hides_no_program() {
    let Some(env) = Env::isolated() else { return };
    for setting in ["unset PATH", "PATH=", "PATH=.:relative"] {
        let line = "create -d loop -n db --opt size=20MiB";
        after(env.dvdcli(line), setting).succeeds();
        env.dvdcli("remove -d loop -n db").succeeds();
    }
}

/// mount(8) calls them, too.
#[test]
fn a_mount_helper_is_waited_for_where_the_caller_ignores_its_children() {
    let Some(host) = Host::new() else { return };
    let env = &host.env;
    let line = |verb| env.dvdcli(&format!("{verb} -d local -n db"));
    for (act, code, words) in [
        ("exec mount -i -t tmpfs none \"$2\"", 0, ""),
        ("echo no; exit 7", 1, "mount: exit status: 7: no"),
    ] {
        host.write("/usr/sbin/mount.helped", &format!("#!/bin/sh\n{act}\n"));
        for given in [ignore_all, block_all] {
            let mount = "mount -d local -n db --volumeopts=type=helped,device=x";
            let found = with(env.mount_created(mount), given).output();
            assert_eq!(found.code, code, "{found:?}");
            assert!(found.stderr.trim_end().ends_with(words), "{found:?}");
            let is_mounted = mounted_at(&local_data(env, "db")).is_some();
            assert_eq!(is_mounted, code == 0);
            if is_mounted {
                with(line("unmount"), given).succeeds();
            }
            line("remove").succeeds();
        }
    }
}

/// What is written to a standard file must not land in an image, which a file of ours would be that took its number.
#[test]
fn closed_files_are_not_taken_for_our_own() {
    let Some(env) = Env::isolated() else { return };
    let create = env.dvdcli("create -d loop -n db --opt size=20MiB --verbose");
    let found = with(create, close_all).output();
    assert_eq!(found.parts(), (0, "", ""));
    env.dvdcli("mount -d loop -n db --explicitcreate")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    with(env.dvdcli("unmount -d loop -n db"), close_all).succeeds();
    env.assert_nothing_is_left();
}

#[test]
fn what_is_made_gets_its_mode_whatever_the_file_mode_mask() {
    let env = Env::new();
    for mask in ["0", "0777"] {
        let create = env.dvdcli("create -d local -n db");
        after(create, &format!("umask {mask}")).succeeds();
        let mode = |name: &str| stat(&env.path(name)).unwrap().st_mode & 0o7777;
        assert_eq!(mode(LOCAL), 0o711);
        assert_eq!(mode(&format!("{LOCAL}/db/_data")), 0o755);
        env.dvdcli("remove -d local -n db").succeeds();
    }
}

/// It would keep the volume busy, and be named as its user.
#[test]
fn a_directory_in_the_volume_is_left() {
    let Some(env) = Env::isolated() else { return };
    env.dir("target");
    let data = data(&env, "db");
    let inside = format!("cd {}", data.display());
    let unmount = "unmount -d loop -n db";
    for (flags, back) in [
        ("", ""),
        (
            "--target ../../../../../../../target",
            "--target $ROOT/target",
        ),
    ] {
        let mount = format!("mount -d loop -n db --opt size=20MiB {back}");
        assert_eq!(env.dvdcli(&mount).output().code, 0);
        let user = user_of(&data);
        let found = after(env.dvdcli(&format!("{unmount} {flags}")), &inside).output();
        let busy = format!(
            "$ROOT/{LOOP}/db/mnt is busy, used by PID {} (sleep);",
            user.pid()
        );
        assert_eq!(found.code, 4, "{found:?}");
        assert!(found.stderr.contains(&busy), "{found:?}");
        drop(user);
        after(env.dvdcli(&format!("{unmount} {flags}")), &inside).succeeds();
        env.assert_nothing_is_left();
    }
}

/// Files, the length of a file, memory: too little is an error, and the next call finds everything in order.
#[test]
fn a_limit_is_an_error_and_never_a_wrong_answer() {
    let Some((env, plugin)) = FakePlugin::isolated_with_db() else {
        return;
    };
    let path = |driver: &str| match driver {
        "fake" => "$ROOT/volumes/db\n".to_owned(),
        _ => format!("$ROOT/{LOOP}/db/mnt/data\n"),
    };
    let limits = (0..16).map(|files| format!("-n {files}"));
    let limits = limits.chain([0, 1, 8, 100].map(|blocks| format!("-f {blocks}")));
    let limits = limits.chain([300, 700, 800, 1000].map(|kib| format!("-d {kib}")));
    for limit in limits {
        for driver in ["fake", "loop"] {
            let line = format!("mount -d {driver} -n db --opt size=20MiB");
            let found = after(env.dvdcli(&line), &format!("ulimit {limit}")).output();
            let is_right = match found.code {
                0 => found.stdout == path(driver) && found.stderr.is_empty(),
                _ => found.stdout.is_empty() && !found.stderr.is_empty() || found.code == 139,
            };
            assert!(is_right, "{limit}, {driver}: {found:?}");
            let loop_mount = env.path(&format!("{LOOP}/db/mnt"));
            let mounts = match driver {
                "fake" => plugin.mounts("db"),
                _ => usize::from(mounted_at(&loop_mount).is_some()),
            };
            assert_eq!(mounts == 1, found.code == 0, "{limit}, {driver}");
            let found = env.dvdcli(&format!("unmount -d {driver} -n db")).output();
            assert!(found.code == 0 && is_warnings(&found.stderr), "{found:?}");
            env.assert_nothing_is_left();
        }
    }
}

/// Ten MiB, the most that is read, of volumes without a name.
#[test]
fn a_list_of_nothing_takes_little_memory() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    for item in ["{}", "null", r#"{"Name":""}"#] {
        let items = vec![item; (10 << 20) / (item.len() + 1) - 10].join(",");
        plugin.on(
            "List",
            http::status(200, &format!(r#"{{"Volumes":[{items}]}}"#)),
        );
        after(env.dvdcli("list -d fake"), "ulimit -d 65536").succeeds();
    }
}

#[test]
fn a_list_has_an_end() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    let items = (0..=100_000).map(|n| json!({ "Name": n.to_string() }));
    plugin.on(
        "List",
        http::json(json!({ "Volumes": items.collect::<Vec<_>>() })),
    );
    let why = "dvdcli: listing volumes: plugin fake: VolumeDriver.List: the answer is not as the protocol has it: Volumes: it has more than 100000 volumes\n";
    env.dvdcli("list -d fake").fails(1, why);
}

/// An answer that is longer than all memory, and one that takes more as soon as it is read.
#[test]
fn want_of_memory_is_an_error() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    let long = vec![json!({ "Name": "x".repeat(6 << 20) })];
    let many = vec![json!({ "Name": "x" }); 100_000];
    for volumes in [long, many] {
        plugin.on("List", http::json(json!({ "Volumes": volumes })));
        let list = after(env.dvdcli("list -d fake"), "ulimit -d 4000");
        list.fails(1, "dvdcli: out of memory\n");
    }
}

/// Anybody who can call it would be root.
#[test]
fn a_program_that_its_file_makes_root_does_nothing() {
    let Some(env) = Env::isolated() else { return };
    let place = env.dir("suid");
    mount_type("tmpfs", &place, "size=1g");
    let copy = place.join("dvdcli");
    fs::copy(DVDCLI, &copy).unwrap();
    fs::set_permissions(env.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    for (mode, is_refused) in [(0o4755, true), (0o2755, true), (0o755, false)] {
        fs::set_permissions(&copy, fs::Permissions::from_mode(mode)).unwrap();
        let args = ["--reuid=65534", "--regid=65534", "--clear-groups"].map(Into::into);
        let words = [copy.display().to_string(), "version".into()];
        let found = env
            .program("setpriv", args.into_iter().chain(words))
            .output();
        let why = "dvdcli: its file gives it rights that its caller does not have, so it does nothing; take the bits away (chmod u-s,g-s) \
             and the capabilities (setcap -r), and let root call it\n";
        match is_refused {
            true => assert_eq!(found.parts(), (2, "", why), "{mode:o}"),
            false => assert_eq!(found.code, 0, "{found:?}"),
        }
    }
    unmount(&place);
}

/// The kernel gives the files of such a process to root, and dumps no core.
#[test]
fn memory_with_secrets_is_nobody_elses() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "fake");
    plugin.on("List", hang());
    fs::set_permissions(env.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    let socket = env.path("run/docker/plugins/fake.sock");
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    let args = ["--reuid=65534", "--regid=65534", "--clear-groups", DVDCLI];
    let words = ["list", "-d", "fake"];
    let running = env
        .program("setpriv", args.into_iter().chain(words))
        .start();
    eventually("the request", || !plugin.bodies("List").is_empty());
    let memory = format!("/proc/{}/mem", running.child.id());
    assert_eq!(stat(memory.as_str()).unwrap().st_uid, 0);
    running.kill();
}
