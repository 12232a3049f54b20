//! What Marathon, users of Portworx and mesos-module-dvdi make of a task's volumes, and the calls that come of it.

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::agent::{Agent, FAILED, Volume};
use crate::harness::env::{DVDCLI, Env};
use crate::harness::managed::{ID, plugin};
use crate::harness::mounts::mounted_at;
use crate::harness::plugin::FakePlugin;
use crate::harness::process::Run;
use crate::harness::volume_driver::KINDS;
use crate::harness::volumes::{LOOP, data, image};

/// What Marathon hands to Mesos for an `external` volume of an app.
fn marathon(external: &Value) -> Volume {
    let mut options = vec![("size".to_owned(), external["size"].to_string())];
    let mut driver = String::new();
    for (key, value) in external["options"].as_object().unwrap() {
        let value = value.as_str().unwrap().to_owned();
        match key.strip_prefix("dvdi/").unwrap() {
            "driver" => driver = value,
            key => options.push((key.to_owned(), value)),
        }
    }
    Volume {
        driver,
        name: external["name"].as_str().unwrap().to_owned(),
        options,
    }
}

fn volume(driver: &str, name: &str) -> Volume {
    Volume {
        driver: driver.to_owned(),
        name: name.to_owned(),
        options: vec![],
    }
}

#[test]
fn an_external_volume_of_marathon_has_its_size_in_gib() {
    let Some(env) = Env::isolated() else { return };
    let plugin = FakePlugin::start(&env, "rexray");
    let agent = Agent::new(&env);
    for driver in ["rexray", "loop"] {
        let wanted = marathon(&json!({
            "size": 5, "name": "test12345", "provider": "dvdi", "options": { "dvdi/driver": driver },
        }));
        agent.start(driver, &[wanted]).unwrap();
    }
    let created = json!({ "Name": "test12345", "Opts": { "size": "5" } });
    assert_eq!(plugin.bodies("Create"), [created]);
    assert_eq!(image(&env, "test12345").metadata().unwrap().len(), 5 << 30);
    for driver in ["rexray", "loop"] {
        agent.end(driver).unwrap();
    }
    assert_eq!(plugin.mounts("test12345"), 0);
    env.assert_nothing_is_mounted();
}

/// The same run by a shell, with this after the program's name: the module makes one string of its call.
fn in_shell<'a>(env: &'a Env, rest: &str) -> Run<'a> {
    let line = format!("{DVDCLI} {rest}");
    let mut run = env.program("sh", ["-c", &line]);
    run.command.current_dir("/");
    run
}

/// The calls of mesos-module-dvdi for a volume in a task's environment: that of `mount`, and that of `unmount`.
fn module(environment: &[(&str, &str)], suffix: &str) -> (String, String) {
    let value = |name: &str| {
        let name = format!("DVDI_VOLUME_{name}{suffix}");
        let mut found = environment.iter().filter(|(key, _)| *key == name);
        found.next().map(|(_, value)| *value)
    };
    let driver = value("DRIVER").unwrap_or("rexray");
    let volume = format!(
        "--volumedriver={driver} --volumename={}",
        value("NAME").unwrap()
    );
    let options = value("OPTS").unwrap_or_default().split(',');
    let options = options.filter(|option| !option.is_empty());
    let options: String = options
        .map(|option| format!(" --volumeopts={option}"))
        .collect();
    let explicit = match value("EXPLICITCREATE") {
        Some("true") => "--explicitCreate=true",
        _ => "",
    };
    (
        format!("mount {volume} {options} {explicit}"),
        format!("unmount {volume} "),
    )
}

#[test]
fn a_task_of_mesos_module_dvdi_has_its_volumes_or_none() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "rexray");
    let task = [
        ("DVDI_VOLUME_NAME", "db"),
        (
            "DVDI_VOLUME_OPTS",
            "size=5,iops=150,volumetype=io1,newfstype=xfs",
        ),
        ("DVDI_VOLUME_CONTAINERPATH", "/var/lib/db"),
        ("DVDI_VOLUME_NAME1", "log"),
        ("DVDI_VOLUME_DRIVER1", "rexray"),
        ("DVDI_VOLUME_OPTS1", "size=1,,iops=100,"),
        ("DVDI_VOLUME_EXPLICITCREATE1", "true"),
    ];
    let (db, log) = (module(&task, ""), module(&task, "1"));
    in_shell(&env, &db.0)
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    let options = json!({ "size": "5", "iops": "150", "volumetype": "io1", "newfstype": "xfs" });
    assert_eq!(plugin.options("db"), options);
    in_shell(&env, &log.0).fails(
        3,
        "dvdcli: mounting volume log: plugin rexray: no such volume\n",
    );
    in_shell(&env, &db.1).succeeds();
    assert_eq!(
        (plugin.mounts("db"), plugin.volumes()),
        (0, vec!["db".into()])
    );
    env.dvdcli("create -d rexray -n log").succeeds();
    for (call, path) in [(&db, "db"), (&log, "log")] {
        in_shell(&env, &call.0)
            .prints(&format!("$ROOT/volumes/{path}\n"))
            .succeeds();
        assert_eq!(plugin.mounts(path), 1);
        in_shell(&env, &call.1).succeeds();
        assert_eq!(plugin.mounts(path), 0);
    }
}

#[test]
fn a_managed_plugin_is_called_by_an_alias_that_needs_no_quotes() {
    let env = Env::new();
    let data = format!("var/lib/docker/plugins/{ID}/propagated-mount/db");
    let path = format!("$ROOT/{data}\n");
    env.dir(&data);
    let plugin = plugin(&env, ID, "rexray/ebs:latest", "/data").says("/data");
    let config = "dvdcli:\n  aliases:\n    ebs: rexray/ebs:latest\n";
    env.write("etc/dvdcli/config.yml", config);
    let task = [("DVDI_VOLUME_NAME", "db"), ("DVDI_VOLUME_DRIVER", "ebs")];
    let (mount, unmount) = module(&task, "");
    let full = "-d rexray/ebs:latest -n db";
    for _ in 0..2 {
        in_shell(&env, &mount).prints(&path).succeeds();
        env.dvdcli(&format!("mount {full}"))
            .prints(&path)
            .succeeds();
        for name in ["ebs", "rexray/ebs:latest"] {
            let line = format!("path -d {name} -n db");
            env.dvdcli(&line).prints(&path).succeeds();
        }
        assert_eq!(plugin.mounts("db"), 1);
        // Both are the same caller without an ID.
        in_shell(&env, &unmount).succeeds();
        assert_eq!(plugin.mounts("db"), 0);
        for name in ["ebs", "rexray/ebs:latest"] {
            env.dvdcli(&format!("path -d {name} -n db")).succeeds();
        }
    }
    // And a holder is the same one by either name.
    in_shell(&env, &format!("{mount} --id task"))
        .prints(&path)
        .succeeds();
    env.dvdcli(&format!("mount {full}"))
        .prints(&path)
        .succeeds();
    env.dvdcli(&format!("unmount {full} --id task"))
        .warns("dvdcli: warning: volume db stays mounted, it is held by a caller without an ID\n")
        .succeeds();
    in_shell(&env, &unmount).succeeds();
    assert_eq!(plugin.mounts("db"), 0);
}

const INLINE: &str = "name=db,size=10,repl=3";

#[test]
fn a_plugin_gets_options_inside_a_name_in_every_call() {
    for kind in KINDS {
        let Some(env) = Env::isolated() else { return };
        let plugin = FakePlugin::start_kind(&env, "pxd", kind);
        let agent = Agent::new(&env);
        for container in ["a", "b"] {
            agent.start(container, &[volume("pxd", INLINE)]).unwrap();
        }
        assert_eq!(
            (plugin.volumes(), plugin.mounts(INLINE)),
            (vec![INLINE.into()], 1)
        );
        agent.end("a").unwrap();
        assert_eq!(plugin.mounts(INLINE), 1);
        // Another volume to the plugin, so another one to us.
        agent.start("c", &[volume("pxd", "db")]).unwrap();
        agent.end("c").unwrap();
        assert_eq!((plugin.mounts(INLINE), plugin.mounts("db")), (1, 0));
        agent.end("b").unwrap();
        assert_eq!(plugin.mounts(INLINE), 0);
        assert_eq!(plugin.options(INLINE), json!({}));
        for method in ["Get", "Create", "Mount", "Unmount"] {
            let bodies = plugin.bodies(method);
            let mut names: Vec<_> = bodies
                .iter()
                .flat_map(|body| body["Name"].as_str())
                .collect();
            names.sort();
            assert_eq!(names, ["db", INLINE], "{method}");
        }
    }
}

#[test]
fn options_of_a_built_in_inside_a_name_are_a_task_s_as_well() {
    let Some(env) = Env::isolated() else { return };
    let agent = Agent::new(&env);
    let named = [volume("loop", "name=db,size=1,fs=xfs")];
    let plain = [volume("loop", "db")];
    agent.start("a", &named).unwrap();
    assert_eq!(image(&env, "db").metadata().unwrap().len(), 1 << 30);
    assert_eq!(
        mounted_at(&env.path(&format!("{LOOP}/db/mnt")))
            .unwrap()
            .fs_type,
        "xfs"
    );
    // To the agent it is another one, and so it unmounts for each.
    agent.start("b", &plain).unwrap();
    agent.end("a").unwrap();
    agent.write("b").unwrap();
    // The file system is still in use, and is not mounted from a second device.
    agent.start("c", &named).unwrap();
    agent.write("b").unwrap();
    agent.end("c").unwrap();
    agent.end("b").unwrap();
    env.assert_nothing_is_mounted();
    env.dvdcli("list -d loop").prints("db\n").succeeds();
    env.dvdcli("mount -d loop -n db")
        .prints(&format!("$ROOT/{LOOP}/db/mnt/data\n"))
        .succeeds();
    for container in ["a", "b", "c"] {
        let there = data(&env, "db").join(container).exists();
        assert!(there, "what {container} has written is gone");
    }
    env.dvdcli("unmount -d loop -n name=db,size=1,fs=xfs")
        .succeeds();
    env.assert_nothing_is_mounted();
}

#[test]
fn copies_that_a_built_in_cannot_keep_fail_the_task_and_not_its_end() {
    let Some(env) = Env::isolated() else { return };
    for driver in ["loop", "local"] {
        let agent = Agent::new(&env);
        let refused = agent.start("a", &[volume(driver, INLINE)]).unwrap_err();
        assert_eq!(
            refused,
            format!(
                "{FAILED}dvdcli: mounting volume {INLINE}: option repl: \"3\" copies: one host keeps one\n"
            )
        );
        assert!(!env.path("var/lib/dvdcli").exists());
        agent.end("a").unwrap();
        let named = format!("--volumename={INLINE}");
        env.dvdcli_with(["mount", "-d", driver, &named]).fails(
            2,
            &format!(
                "dvdcli: mounting volume {INLINE}: option repl: \"3\" copies: one host keeps one\n"
            ),
        );
        env.dvdcli_with(["unmount", "-d", driver, &named])
            .warns(&format!("dvdcli: warning: unmounting volume db: driver {driver}: no such volume; nothing was left to do\n"))
            .succeeds();
    }
}
