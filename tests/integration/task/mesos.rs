//! Apache Mesos as it uses volumes: for each container a mount, after the last one an unmount, and what went wrong is cleaned up.

use crate::harness::agent::{Agent, CHECKPOINTS, FAILED};
use crate::harness::backend::{DRIVERS, Driver, on_each};
use crate::harness::fs;
use crate::harness::http::{Answer, refuses};
use crate::harness::mounts::unmount;
use crate::harness::scenario::{Done, ensure};
use crate::harness::volumes::user_of;
use crate::harness::waiting::at_once;

const FAKES: [Driver; 2] = [Driver::Counting, Driver::Refusing];

/// A failure in one line that begins so.
fn is_said(found: &Done, said: &str) -> Done {
    let fits = |why: &String| why.starts_with(said) && why.lines().count() == 1;
    ensure(found.as_ref().is_err_and(fits), || {
        format!("{found:?}, not {said:?}")
    })
}

#[test]
fn containers_share_a_volume_until_the_last_one_ends() {
    on_each(&DRIVERS, |host| {
        let agent = Agent::new(&host.env);
        for container in ["a", "b", "c"] {
            agent.start(container, &host.volumes(&["db", container]))?;
            host.is_mounted_once("db")?;
            host.is_mounted_once(container)?;
        }
        for (container, left) in [("b", "a"), ("a", "c")] {
            agent.take_calls();
            agent.end(container)?;
            agent.has_called(&[&format!("unmount {container}")])?;
            agent.write(left)?;
            host.is_mounted_once("db")?;
        }
        agent.end("c")?;
        agent.has_called(&["unmount c", "unmount db"])?;
        host.nothing_is_left()?;
        host.keeps("db", &["a", "b", "c"])?;
        host.keeps("a", &["a"])?;
        // And all over again.
        agent.start("d", &host.volumes(&["db"]))?;
        agent.end("d")?;
        host.keeps("db", &["a", "b", "c", "d"])
    });
}

#[test]
fn a_container_that_cannot_have_one_of_its_volumes_takes_none_from_the_others() {
    on_each(&DRIVERS, |host| {
        let agent = Agent::new(&host.env);
        agent.start("a", &host.volumes(&["db", "own"]))?;
        let (bad, said) = host.refused("bad");
        let found = agent.start("b", &[host.volume("db"), bad.clone()]);
        is_said(&found, &said)?;
        agent.take_calls();
        agent.end("b")?;
        // It never was mounted.
        agent.has_called(&["unmount bad"])?;
        agent.write("a")?;
        host.is_mounted_once("db")?;
        agent.end("a")?;
        host.nothing_is_left()?;
        // Where nobody else has the good one, that goes, too.
        let found = agent.start("c", &[bad, host.volume("db")]);
        is_said(&found, &said)?;
        host.is_mounted_once("db")?;
        agent.end("c")?;
        host.keeps("db", &["a"])
    });
}

#[test]
fn a_mount_that_a_plugin_refuses_is_cleaned_up_and_tried_again() {
    on_each(&FAKES, |host| {
        let plugin = host.fake().unwrap();
        let agent = Agent::new(&host.env);
        plugin.on("Mount", refuses("volume is attached to another host"));
        let found = agent.start("a", &host.volumes(&["db"]));
        let driver = host.driver_name();
        is_said(
            &found,
            &format!(
                "{FAILED}dvdcli: mounting volume db: plugin {driver}: VolumeDriver.Mount: volume is attached to another host\n"
            ),
        )?;
        agent.end("a")?;
        host.nothing_is_left()?;
        plugin.on("Mount", Answer::Act);
        agent.start("b", &host.volumes(&["db"]))?;
        agent.end("b")?;
        host.keeps("db", &["b"])
    });
}

/// The agent forgets a container before it unmounts, and does not count it any more when another one uses its volume.
#[test]
fn an_unmount_that_a_plugin_refuses_is_made_up_for_by_the_next_container() {
    on_each(&FAKES, |host| {
        let plugin = host.fake().unwrap();
        let agent = Agent::new(&host.env);
        agent.start("a", &host.volumes(&["db"]))?;
        plugin.on("Unmount", refuses("device is busy"));
        let found = agent.end("a");
        let driver = host.driver_name();
        is_said(
            &found,
            &format!(
                "{FAILED}dvdcli: unmounting volume db: plugin {driver}: VolumeDriver.Unmount: device is busy\n"
            ),
        )?;
        plugin.on("Unmount", Answer::Act);
        agent.start("b", &host.volumes(&["db"]))?;
        host.is_mounted_once("db")?;
        agent.end("b")?;
        ensure(host.mounts("db") == 0, || "it stays mounted".into())?;
        // The first one is still written down, and the next agent unmounts for it what is not mounted.
        let agent = Agent::recover(&host.env, &[])?;
        agent.has_called(&["unmount db"])?;
        host.keeps("db", &["a", "b"])
    });
}

#[test]
fn a_volume_that_is_busy_is_unmounted_when_the_next_agent_tries_again() {
    on_each(&[Driver::Loop], |host| {
        let agent = Agent::new(&host.env);
        agent.start("a", &host.volumes(&["db"]))?;
        let place = host.env.mounts().into_iter().next().unwrap();
        let user = user_of(&place);
        let found = agent.end("a");
        let is_mounted = host.is_mounted_once("db");
        drop(user);
        is_mounted?;
        is_said(&found, &format!("{FAILED}dvdcli: unmounting volume db: "))?;
        Agent::recover(&host.env, &[])?;
        host.keeps("db", &["a"])
    });
}

#[test]
fn containers_are_started_and_ended_side_by_side() {
    on_each(&DRIVERS, |host| {
        let agent = Agent::new(&host.env);
        let names = ["a", "b", "c", "d", "e", "f"];
        for found in at_once(&names, |name| {
            agent.start(name, &host.volumes(&["db", "log", name]))
        }) {
            found?;
        }
        for name in ["db", "log"].iter().chain(&names) {
            host.is_mounted_once(name)?;
        }
        for found in at_once(&names, |name| agent.end(name)) {
            found?;
        }
        let calls = agent.take_calls();
        let count = |call: &str| calls.iter().filter(|found| *found == call).count();
        let counts = (count("mount db"), count("unmount db"), calls.len());
        ensure(counts == (6, 1, 26), || format!("{counts:?}"))?;
        host.nothing_is_left()?;
        for name in names {
            host.keeps(name, &[name])?;
        }
        host.keeps("db", &names)?;
        host.keeps("log", &names)
    });
}

#[test]
fn an_agent_that_comes_back_unmounts_for_the_dead_and_not_for_the_living() {
    on_each(&DRIVERS, |host| {
        let agent = Agent::new(&host.env);
        for container in ["a", "b", "c", "d"] {
            agent.start(container, &host.volumes(&["db", container]))?;
        }
        agent.start("e", &host.volumes(&["log"]))?;
        agent.start("f", &host.volumes(&["log"]))?;
        agent.kill();
        // Of `b` the containerizer knows, of the others it does not. `log` is unmounted twice: for `e`, and for `f`.
        let agent = Agent::recover(&host.env, &["a", "b"])?;
        agent.has_called(&["unmount c", "unmount d", "unmount log", "unmount log"])?;
        agent.end("b")?;
        for (name, mounts) in [
            ("db", 1),
            ("a", 1),
            ("b", 0),
            ("c", 0),
            ("d", 0),
            ("log", 0),
        ] {
            let found = host.mounts(name);
            ensure(found == mounts, || {
                format!("{name} is mounted {found} times")
            })?;
        }
        agent.write("a")?;
        agent.start("g", &host.volumes(&["db", "log"]))?;
        agent.end("a")?;
        agent.end("g")?;
        host.keeps("db", &["a", "b", "c", "d", "g"])?;
        host.keeps("log", &["e", "f", "g"])
    });
}

#[test]
fn what_was_written_down_but_never_mounted_is_unmounted() {
    on_each(&DRIVERS, |host| {
        let agent = Agent::new(&host.env);
        agent.start("a", &host.volumes(&["db"]))?;
        agent.end("a")?;
        agent.kill();
        // `db` is there, and of `none` nobody has ever heard.
        let found = agent.start("b", &host.volumes(&["db", "none"]));
        ensure(found.is_err(), || "the dead do not call".into())?;
        ensure(
            host.env.path(CHECKPOINTS).join("b/volumes").exists(),
            || "not written".into(),
        )?;
        let agent = Agent::recover(&host.env, &["b"])?;
        agent.end("b")?;
        agent.has_called(&["unmount db", "unmount none"])?;
        host.keeps("db", &["a"])
    });
}

/// As after a reboot of the host: the mounts have gone, what was written down has not.
#[test]
fn what_a_reboot_has_unmounted_is_unmounted_and_mounted_again() {
    on_each(
        &[Driver::Counting, Driver::Refusing, Driver::Loop],
        |host| {
            let agent = Agent::new(&host.env);
            agent.start("a", &host.volumes(&["db"]))?;
            agent.kill();
            for point in host.env.mounts().iter().rev() {
                unmount(point);
            }
            fs::remove_dir_all(host.env.path("run/dvdcli")).unwrap();
            host.restart_plugin(true, &["db"]);
            let agent = Agent::recover(&host.env, &[])?;
            agent.start("b", &host.volumes(&["db"]))?;
            host.is_mounted_once("db")?;
            agent.end("b")?;
            host.keeps("db", &["a", "b"])
        },
    );
}

/// One that ends in good order unmounts what it has mounted; one that is killed leaves mounts that nobody serves.
#[test]
fn a_plugin_that_was_started_again_has_nothing_to_unmount() {
    // rclone that ends does not get beyond its second mount.
    for (in_order, names) in [(true, &["db"][..]), (false, &["db", "own"])] {
        on_each(
            &[Driver::Rclone, Driver::Counting, Driver::Refusing],
            |host| {
                let agent = Agent::new(&host.env);
                agent.start("a", &host.volumes(&["db"]))?;
                agent.start("b", &host.volumes(names))?;
                agent.container_dies("a");
                agent.container_dies("b");
                host.restart_plugin(in_order, names);
                let agent = Agent::recover(&host.env, &["a"])?;
                agent.end("a")?;
                host.nothing_is_left()?;
                agent.start("c", &host.volumes(&["db"]))?;
                host.is_mounted_once("db")?;
                agent.end("c")?;
                host.keeps("db", &["a", "b", "c"])
            },
        );
    }
}
