//! `list` by names, which looks at no volume closely.

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::strace::under_strace;
use crate::harness::volumes::volume;

/// However many there are: the record of each is looked for, and none is read.
#[test]
fn names_take_one_system_call_for_each_volume() {
    let Some(env) = Env::isolated() else { return };
    let trace = env.path("trace");
    let traced = ["-f", "-e", "trace=file", "-o", trace.to_str().unwrap()];
    for driver in ["loop", "local"] {
        for name in ["a", "b"] {
            volume(&env, driver, name);
        }
        for line in [
            format!("list -d {driver}"),
            format!("list -d {driver} --size --format names"),
            "list --format names --filter name=a --filter name=b".to_owned(),
        ] {
            under_strace(env.dvdcli(&line), &traced)
                .prints("a\nb\n")
                .succeeds();
            let calls = fs::read_to_string(&trace).unwrap();
            let of_a = |call: &&str| call.contains("\"a/") || call.contains("/a/");
            let calls: Vec<_> = calls.lines().filter(of_a).collect();
            assert_eq!(calls.len(), 1, "{line}: {calls:?}");
            assert!(calls[0].contains("stat"), "{line}: {calls:?}");
        }
        for name in ["a", "b"] {
            env.dvdcli(&format!("remove -d {driver} -n {name}"))
                .succeeds();
        }
    }
}

#[test]
fn a_directory_without_record_is_looked_at() {
    let Some(env) = Env::isolated() else { return };
    for driver in ["loop", "local"] {
        let directory = volume(&env, driver, "db");
        let store = directory.parent().unwrap();
        fs::create_dir(store.join("empty")).unwrap();
        fs::create_dir_all(store.join("foreign/inside")).unwrap();
        fs::write(store.join("file"), "").unwrap();
        let warning = format!(
            "dvdcli: warning: listing volume foreign: reading $ROOT/var/lib/dvdcli/{driver}/foreign/volume.json: missing, so that this is no volume; move the directory away\n"
        );
        for line in [
            format!("list -d {driver}"),
            format!("list --format names --filter driver={driver}"),
        ] {
            env.dvdcli(&line)
                .prints("db\nforeign\n")
                .warns(&warning)
                .succeeds();
        }
        fs::remove_dir_all(store).unwrap();
    }
}
