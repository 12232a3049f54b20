//! Kills the agent, and its call with it, at the system calls that the call makes, one after the other; the next agent recovers.

use std::thread;
use std::time::Duration;

use crate::harness::agent::Agent;
use crate::harness::backend::{Backend, DRIVERS, on_each};
use crate::harness::fs;
use crate::harness::scenario::{Done, ensure, note};
use crate::harness::strace::{CHANGING, Point, Process, read, step};
use crate::harness::waiting::at_once;

/// What the agent is about when it dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    /// The first container with a volume that is still to be made.
    New,
    /// The first container with a volume that has data.
    Mount,
    /// Another container with a volume that a living one has.
    Join,
    /// The end of the last container.
    Unmount,
    /// The same, but the agent lives: its patience is over, and it kills the call alone.
    Timeout,
}

impl Case {
    /// The container that is there before.
    fn first(self) -> &'static [&'static str] {
        match self {
            Case::New | Case::Mount => &[],
            Case::Join | Case::Unmount | Case::Timeout => &["first"],
        }
    }

    /// The one that outlives the agent.
    fn living(self) -> &'static [&'static str] {
        match self {
            Case::Join => self.first(),
            _ => &[],
        }
    }
}

/// Up to the one call that is run by strace, told this. Returns whether the agent has died of it.
fn play(
    host: &Backend,
    case: Case,
    name: &str,
    strace: impl IntoIterator<Item = String>,
) -> Result<bool, String> {
    let volumes = [host.volume(name)];
    let agent = Agent::new(&host.env);
    for container in case.first() {
        agent.start(container, &volumes)?;
        host.is_mounted_once(name)?;
    }
    let agent = Agent::recover(&host.env, case.first())?.under_strace(strace);
    let done = match case {
        Case::Unmount | Case::Timeout => agent.end("first"),
        _ => agent.start("second", &volumes),
    };
    host.settle();
    if !agent.is_dead() {
        done?;
    }
    Ok(agent.is_dead())
}

/// The next agent, to where nothing is left, and from there once more, where the next round would not.
fn recover(host: &Backend, case: Case, name: &str) -> Done {
    let third = |agent: &Agent| {
        agent.start("third", &host.volumes(&[name]))?;
        host.is_mounted_once(name)?;
        agent.end("third")
    };
    if case == Case::Timeout {
        // Also an agent that lives knows no more of the first container.
        third(&Agent::new(&host.env))?;
    }
    let agent = Agent::recover(&host.env, case.living())?;
    for container in case.living() {
        host.is_mounted_once(name)?;
        agent.write(container)?;
        agent.end(container)?;
    }
    host.nothing_is_left()?;
    if case.first().is_empty() {
        third(&agent)?;
        host.nothing_is_left()?;
    }
    if case == Case::New {
        let remove = format!("remove -d {} -n {name}", host.driver_name());
        let removed = host.env.dvdcli(&remove).output();
        ensure(removed.code == 0, || format!("{removed:?}"))?;
    }
    Ok(())
}

/// The calls at which it is killed: all that change or send something, those that come after sending, and of the others every
/// seventh, or as `DVDCLI_TEST_STEP` says: 1 leaves none out. What comes before `main` does nothing yet.
fn points(host: &Backend, case: Case) -> Result<Vec<Point>, String> {
    let log = host.env.path("strace");
    let args = ["-f", "-o", log.to_str().unwrap()];
    let name = if case == Case::New { "new" } else { "db" };
    play(host, case, name, args.map(str::to_owned))?;
    recover(host, case, name)?;
    let mut own = read(&fs::read_to_string(&log).unwrap(), Process::Dvdcli);
    own.retain(|point| point.process == Process::Dvdcli);
    let began = own.iter().position(|point| point.name == "sigaltstack");
    let sends = |point: &Point| matches!(point.name.as_str(), "connect" | "sendto");
    let has_sent: Vec<_> = [false].into_iter().chain(own.iter().map(sends)).collect();
    let is_chosen = |at: usize, point: &Point| {
        let counts = has_sent[at] || sends(point) || CHANGING.contains(&&*point.name);
        step() == 1 || Some(at) > began && (counts || at.is_multiple_of(step()))
    };
    let own = own.into_iter().enumerate();
    let own = own.filter(|(at, point)| is_chosen(*at, point));
    Ok(own.map(|(_, point)| point).collect())
}

fn killed_anywhere(case: Case) {
    on_each(&DRIVERS, |host| {
        // Written once, and there to the end.
        let agent = Agent::new(&host.env);
        agent.start("zero", &host.volumes(&["db"]))?;
        agent.end("zero")?;
        let points = points(host, case)?;
        let mut reached = 0;
        for (at, point) in points.iter().enumerate() {
            let name = if case == Case::New {
                format!("new{at}")
            } else {
                "db".to_owned()
            };
            let died = play(host, case, &name, point.injecting("signal=KILL"));
            let done = died.and_then(|died| recover(host, case, &name).map(|()| died));
            reached += usize::from(done.map_err(|why| format!("{case:?} at {point:?}: {why}"))?);
        }
        host.keeps("db", &["zero"])?;
        note(&format!(
            "{:?}, {case:?}: killed at {reached} of {}",
            host.driver,
            points.len()
        ));
        // How often an answer is read depends on how it arrives; on a busy machine, waiting takes more calls.
        ensure(reached * 2 >= points.len(), || {
            format!("{case:?}: {reached} of {}", points.len())
        })
    });
}

#[test]
fn a_mount_that_makes_the_volume_is_killed_anywhere() {
    killed_anywhere(Case::New);
}

#[test]
fn a_mount_for_the_first_container_is_killed_anywhere() {
    killed_anywhere(Case::Mount);
}

#[test]
fn a_mount_for_another_container_is_killed_anywhere() {
    killed_anywhere(Case::Join);
}

#[test]
fn an_unmount_after_the_last_container_is_killed_anywhere() {
    killed_anywhere(Case::Unmount);
}

#[test]
fn an_unmount_that_is_killed_anywhere_does_not_keep_from_mounting() {
    killed_anywhere(Case::Timeout);
}

/// Whatever its calls have come to by then.
#[test]
fn an_agent_dies_while_it_starts_and_ends_many_containers() {
    let names = ["a", "b", "c"];
    on_each(&DRIVERS, |host| {
        let host = &*host;
        Agent::new(&host.env).start("first", &host.volumes(&["db"]))?;
        for pause in [0, 1, 2, 4, 8, 16] {
            let pause = Duration::from_millis(pause);
            let agent = Agent::recover(&host.env, &["first"])?;
            let dies = |does: &(dyn Fn(&&str) -> Done + Sync)| {
                thread::scope(|scope| {
                    scope.spawn(|| {
                        thread::sleep(pause);
                        agent.kill();
                    });
                    at_once(&names, does)
                })
            };
            // Whether they have come to their end does not matter.
            drop(dies(&|name| {
                agent.start(name, &host.volumes(&["db", name]))
            }));
            host.settle();
            let agent = Agent::recover(&host.env, &["first"])?;
            for name in names {
                agent.start(name, &host.volumes(&["db", name]))?;
            }
            drop(dies(&|name| agent.end(name)));
            host.settle();
            let agent = Agent::recover(&host.env, &["first"])?;
            host.is_mounted_once("db")?;
            agent.write("first")?;
            for name in names {
                let mounts = host.mounts(name);
                ensure(mounts == 0, || {
                    format!("{name} is mounted {mounts} times after {pause:?}")
                })?;
            }
        }
        let agent = Agent::recover(&host.env, &["first"])?;
        agent.end("first")?;
        host.keeps("db", &["first"])
    });
}
