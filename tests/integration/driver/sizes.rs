//! What volumes are given, take, use and have free.

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::volumes::mounts;

const MIB: u64 = 1 << 20;

fn sizes(env: &Env, name: &str) -> [Option<u64>; 4] {
    let listed = env.json("list --size --format json");
    let found = listed.as_array().unwrap().iter();
    let volume = found.clone().find(|volume| volume["Name"] == name).unwrap();
    ["Size", "Allocated", "Used", "Free"].map(|key| volume[key].as_u64())
}

/// Before it is mounted, while it is, and after: the numbers are those of its file system each time.
#[test]
fn a_loop_volume_of_each_file_system_tells_what_is_used() {
    let Some(env) = Env::isolated() else { return };
    for (fs_type, size) in [("ext4", 64), ("xfs", 320), ("btrfs", 128)] {
        env.dvdcli(&format!(
            "create -d loop -n {fs_type} -o size={size}MiB -o fs={fs_type}"
        ))
        .succeeds();
        let [given, before, used, free] = sizes(&env, fs_type).map(Option::unwrap);
        assert_eq!(given, size * MIB);
        assert!(
            used + free <= given && free > given / 2,
            "{fs_type}: {used} {free}"
        );
        let path = mounts_loop(&env, fs_type);
        fs::write(path.join("file"), vec![7; 10 << 20]).unwrap();
        nix::unistd::sync();
        let [_, allocated, mounted, _] = sizes(&env, fs_type).map(Option::unwrap);
        assert!(
            mounted >= used.min(mounted) && mounted >= 10 * MIB,
            "{fs_type}: {mounted}"
        );
        assert!(allocated >= before + 9 * MIB, "{fs_type}: {allocated}");
        env.dvdcli(&format!("unmount -d loop -n {fs_type}"))
            .succeeds();
        let [_, _, after, free] = sizes(&env, fs_type).map(Option::unwrap);
        assert!(
            after >= used + 9 * MIB && after + free <= given,
            "{fs_type}: {after} {free}"
        );
        env.dvdcli(&format!("remove -d loop -n {fs_type}"))
            .succeeds();
    }
}

fn mounts_loop(env: &Env, name: &str) -> std::path::PathBuf {
    let path = env.path(&format!("var/lib/dvdcli/loop/{name}/mnt/data"));
    env.dvdcli(&format!("mount -d loop -n {name}"))
        .prints(&format!("$ROOT/var/lib/dvdcli/loop/{name}/mnt/data\n"))
        .succeeds();
    path
}

/// A file with two names counts once, and what is mounted inside not at all.
#[test]
fn a_directory_takes_what_is_in_it() {
    let Some(env) = Env::isolated() else { return };
    let path = mounts(&env, "db", "");
    fs::create_dir_all(path.join("in/mounted")).unwrap();
    fs::write(path.join("in/file"), vec![1; 3 << 20]).unwrap();
    fs::hard_link(path.join("in/file"), path.join("again")).unwrap();
    env.mount_tmpfs(&path.join("in/mounted"));
    fs::write(path.join("in/mounted/file"), vec![1; 100 << 10]).unwrap();
    let [size, allocated, used, free] = sizes(&env, "db");
    assert_eq!((size, free, allocated), (None, None, used));
    let used = used.unwrap();
    assert!((3 * MIB..4 * MIB).contains(&used), "{used}");
    nix::mount::umount(&path.join("in/mounted")).unwrap();
    env.dvdcli("unmount -d local -n db").succeeds();
}

#[test]
fn a_plugins_volume_tells_only_what_its_file_system_does() {
    let Some(env) = Env::isolated() else { return };
    let _plugin = FakePlugin::start(&env, "fake").with_volume("db");
    assert_eq!(sizes(&env, "db"), [None; 4]);
}

/// In a table there is a last line with the sums; programs get none.
#[test]
fn the_last_line_of_the_table_has_the_sums() {
    let Some(env) = Env::isolated() else { return };
    for name in ["a", "b"] {
        env.dvdcli(&format!("create -d loop -n {name} -o size=16MiB"))
            .succeeds();
    }
    let output = env.dvdcli("list -d loop --size").output();
    let text = output.stdout;
    let lines: Vec<&str> = text.lines().collect();
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words(lines[0]),
        [
            "DRIVER",
            "VOLUME",
            "NAME",
            "SIZE",
            "ALLOCATED",
            "USED",
            "FREE"
        ]
    );
    assert_eq!(words(lines[1])[..4], ["loop", "a", "16", "MiB"]);
    assert_eq!(words(lines[3])[..3], ["TOTAL", "32", "MiB"]);
    assert!(lines[3].ends_with(" left on the disk"), "{text}");
    assert_eq!(lines.len(), 4);
}
