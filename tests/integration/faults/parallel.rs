//! Many processes at once on the same and on different volumes of the built-in driver `loop`.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::loop_devices::bound_below;
use crate::harness::mounts::in_mount;
use crate::harness::process::{Output, is_warnings};
use crate::harness::scenario::{ensure, note};
use crate::harness::waiting::eventually;

/// As many processes at once.
const CALLERS: usize = 64;

/// Volumes that one caller has for itself, and some that all share.
const OWN: usize = 3;
const SHARED: usize = 8;

/// Calls of each caller, where `DVDCLI_TEST_SECONDS` does not say for how long.
const CALLS: usize = 30;

const OPTIONS: &str = "--volumeopts=size=20MiB";

/// What has to be true of a volume that nobody else works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Absent,
    Unmounted,
    Mounted,
}

const VERBS: [&str; 6] = ["create", "mount", "unmount", "remove", "get", "exists"];

/// Wrong answers that a failed test shows.
const SHOWN: usize = 20;

fn line(verb: &str, volume: &str) -> String {
    let options = match verb {
        "create" | "mount" => OPTIONS,
        _ => "",
    };
    format!("{verb} -d loop -n {volume} {options}")
}

/// The right answer to a call in this state, and the state that it leads to.
fn expected(state: State, verb: &str, volume: &str) -> (i32, String, String, State) {
    use State::{Absent, Mounted, Unmounted};
    let path = format!("$ROOT/var/lib/dvdcli/loop/{volume}/mnt/data");
    let absent = "driver loop: no such volume";
    let name = format!("{volume}\n");
    let error = |doing: &str, why: &str| format!("dvdcli: {doing} volume {volume}: {why}\n");
    let was_not = |why: &str| {
        format!(
            "dvdcli: warning: unmounting volume {volume}: driver loop: {why}; nothing was left to do\n"
        )
    };
    let none = String::new;
    match (verb, state) {
        ("create", Absent) => (0, none(), none(), Unmounted),
        ("mount", _) => (0, format!("{path}\n"), none(), Mounted),
        ("unmount", Absent) => (0, none(), was_not("no such volume"), Absent),
        ("unmount", Unmounted) => (0, none(), was_not("it is not mounted"), Unmounted),
        ("unmount", Mounted) => (0, none(), none(), Unmounted),
        ("remove", Absent) => (3, none(), error("removing", absent), Absent),
        ("remove", Unmounted) => (0, none(), none(), Absent),
        ("remove", Mounted) => {
            let held = format!(
                "it is mounted at {path} and held by a caller without an ID; unmount it first"
            );
            (4, none(), error("removing", &held), Mounted)
        }
        ("get", Absent) => (3, none(), error("looking up", absent), Absent),
        ("get", _) => (0, name, none(), state),
        ("exists", Absent) => (3, none(), none(), Absent),
        _ => (0, none(), none(), state),
    }
}

fn check(found: &Output, verb: &str, volume: &str, states: &[State]) -> Result<State, String> {
    for state in states {
        let (code, stdout, stderr, then) = expected(*state, verb, volume);
        if found.code == code && found.stdout == stdout && found.stderr == stderr {
            return Ok(then);
        }
    }
    Err(format!("{verb} {volume} in {states:?}: {found:?}"))
}

/// The data of a volume of one's own: written at its first mount, there at each later one, and new with a new volume.
fn look_inside(env: &Env, volume: &str, is_new: bool) -> Result<(), String> {
    let place = env.path(&format!("var/lib/dvdcli/loop/{volume}/mnt/data"));
    let script = if is_new {
        format!("test ! -e name; printf {volume} > name")
    } else {
        format!("test \"$(cat name)\" = {volume}")
    };
    in_mount(&place, &script)
}

/// Numbers that look like chance, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

struct Volume {
    name: String,
    state: State,
    has_data: bool,
}

/// One of the callers: a process at a time, on a volume of its own, where it knows the one right answer, or on a shared one.
fn call(
    env: &Env,
    own: &mut [Volume],
    dice: &mut Dice,
    wrong: &Mutex<Vec<String>>,
) -> Result<(), String> {
    if dice.below(20) == 0 {
        let found = env.dvdcli("list -d loop").output();
        let is_right = found.code == 0 && found.stderr.is_empty();
        wrong
            .lock()
            .unwrap()
            .extend((!is_right).then(|| format!("list: {found:?}")));
        return Ok(());
    }
    let verb = VERBS[dice.below(VERBS.len())];
    if dice.below(3) == 0 {
        let volume = format!("shared{}", dice.below(SHARED));
        let found = env.dvdcli(&line(verb, &volume)).output();
        let all = [State::Absent, State::Unmounted, State::Mounted];
        // Others go on: one wrong answer must not hide another.
        wrong
            .lock()
            .unwrap()
            .extend(check(&found, verb, &volume, &all).err());
        return Ok(());
    }
    let volume = &mut own[dice.below(OWN)];
    let found = env.dvdcli(&line(verb, &volume.name)).output();
    volume.state = check(&found, verb, &volume.name, &[volume.state])?;
    match (verb, volume.state) {
        ("mount", _) => {
            look_inside(env, &volume.name, !volume.has_data)?;
            volume.has_data = true;
        }
        ("remove", State::Absent) => volume.has_data = false,
        _ => {}
    }
    Ok(())
}

/// Lets all callers do this at once, and gives what went wrong.
fn at_once(work: impl Fn(usize) -> Result<(), String> + Sync) -> Vec<String> {
    let failures = Mutex::new(vec![]);
    thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (work, failures) = (&work, &failures);
            scope.spawn(move || {
                if let Err(why) = work(caller) {
                    failures.lock().unwrap().push(why);
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

#[allow(unsafe_code)]
mod control {
    nix::ioctl_write_int_bad!(remove, 0x4C81);
}

/// The numbers of the loop devices that there are.
fn devices() -> Vec<u32> {
    let names = fs::read_dir("/sys/block").unwrap().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter_map(|name| name.strip_prefix("loop")?.parse().ok())
        .collect()
}

/// The loop devices that there were before. Those that the test needed beyond them go with it, if nobody uses them.
struct Devices(Vec<u32>);

#[allow(unsafe_code)]
impl Drop for Devices {
    fn drop(&mut self) {
        let Ok(control) = File::open("/dev/loop-control") else {
            return;
        };
        let began = Instant::now();
        for number in devices() {
            let Some(number) = i32::try_from(number)
                .ok()
                .filter(|_| !self.0.contains(&number))
            else {
                continue;
            };
            // SAFETY: LOOP_CTL_REMOVE takes a number, and refuses a device that is bound or open.
            while unsafe { control::remove(control.as_raw_fd(), number) } == Err(Errno::EBUSY)
                && began.elapsed() < Duration::from_secs(5)
            {
                thread::sleep(Duration::from_millis(10));
            }
        }
    }
}

#[test]
fn sixty_four_callers_at_once_end_with_nothing_left() {
    let _devices = Devices(devices());
    let Some(env) = Env::isolated() else { return };
    let seconds = std::env::var("DVDCLI_TEST_SECONDS").ok();
    let seconds: Option<u64> = seconds.map(|text| text.parse().unwrap());
    let own = |caller: usize| (0..OWN).map(move |number| format!("own{caller}-{number}"));
    let shared = |caller: usize| {
        let is_mine = move |volume: &usize| *volume == caller % SHARED;
        (0..SHARED)
            .filter(is_mine)
            .map(|volume| format!("shared{volume}"))
    };

    // Everything is mounted, of those that are shared by several callers at once.
    let failures = at_once(|caller| {
        for volume in own(caller).chain(shared(caller)) {
            let found = env.dvdcli(&line("mount", &volume)).output();
            check(&found, "mount", &volume, &[State::Absent])?;
        }
        own(caller).try_for_each(|volume| look_inside(&env, &volume, true))
    });
    assert_eq!(failures, Vec::<String>::new());
    let volumes = CALLERS * OWN + SHARED;
    assert_eq!(
        (bound_below(&env).len(), env.mounts().len()),
        (volumes, volumes)
    );
    let listed = env.dvdcli("list -d loop").output();
    assert_eq!((listed.code, listed.stdout.lines().count()), (0, volumes));

    let calls = AtomicUsize::new(0);
    let wrong = Mutex::new(vec![]);
    let began = Instant::now();
    let failures = at_once(|caller| {
        let mut own: Vec<Volume> = own(caller)
            .map(|name| Volume {
                name,
                state: State::Mounted,
                has_data: true,
            })
            .collect();
        let mut dice = Dice(u64::try_from(caller).unwrap());
        for done in 0.. {
            let is_over = match seconds {
                Some(seconds) => began.elapsed() >= Duration::from_secs(seconds),
                None => done == CALLS,
            };
            if is_over {
                break;
            }
            call(&env, &mut own, &mut dice, &wrong)?;
            calls.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    });
    wrong.lock().unwrap().extend(failures);
    note(&format!("{calls:?} calls in {:?}", began.elapsed()));

    let failures = at_once(|caller| {
        for volume in own(caller).chain(shared(caller)) {
            for verb in ["unmount", "remove"] {
                let line = format!("{verb} -d loop -n {volume} --force");
                let found = env.dvdcli(&line).output();
                ensure(found.code == 0 && is_warnings(&found.stderr), || {
                    format!("{line}: {found:?}")
                })?;
            }
        }
        Ok(())
    });
    wrong.lock().unwrap().extend(failures);
    eventually("the loop devices", || bound_below(&env).is_empty());
    let left = |directory: &str| {
        let entries = fs::read_dir(env.path(directory)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name());
        names.collect::<Vec<_>>()
    };
    assert_eq!(env.mounts(), Vec::<std::path::PathBuf>::new());
    assert_eq!(
        left("var/lib/dvdcli/loop"),
        Vec::<std::ffi::OsString>::new()
    );
    assert_eq!(left("run/dvdcli"), Vec::<std::ffi::OsString>::new());
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} wrong answers in {calls:?} calls\n{}",
        wrong.len(),
        wrong[..wrong.len().min(SHOWN)].join("\n")
    );
}
