//! Many processes at once on the same and on different volumes of the built-in driver `loop`.

use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use pretty_assertions::assert_eq;

use crate::harness::dice::Dice;
use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::loop_devices::bound_below;
use crate::harness::mounts::in_directory;
use crate::harness::process::{Output, is_warnings};
use crate::harness::scenario::{Done, ensure, note};
use crate::harness::waiting::at_once;

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
fn look_inside(env: &Env, volume: &str, is_new: bool) -> Done {
    let place = env.path(&format!("var/lib/dvdcli/loop/{volume}/mnt/data"));
    let script = if is_new {
        format!("test ! -e name; printf {volume} > name")
    } else {
        format!("test \"$(cat name)\" = {volume}")
    };
    in_directory(&place, &script)
}

struct Volume {
    name: String,
    state: State,
    has_data: bool,
}

/// One of the callers: a process at a time, on a volume of its own, where it knows the one right answer, or on a shared one.
fn call(env: &Env, own: &mut [Volume], dice: &mut Dice, wrong: &Mutex<Vec<String>>) -> Done {
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
fn callers(work: impl Fn(usize) -> Done + Sync) -> Vec<String> {
    let found = at_once(0..CALLERS, work);
    found.into_iter().filter_map(Result::err).collect()
}

#[allow(unsafe_code)]
mod control {
    nix::ioctl_write_int_bad!(remove, 0x4C81);
}

/// The loop devices that a test needed beyond those that there were. Nobody needs so many again, and whoever looks for one
/// looks at all of them.
struct Devices {
    before: Vec<PathBuf>,
    used: Vec<u32>,
}

impl Devices {
    fn new() -> Devices {
        Devices {
            before: fs::entries("/sys/block").unwrap(),
            used: vec![],
        }
    }
}

#[allow(unsafe_code)]
impl Drop for Devices {
    fn drop(&mut self) {
        let Ok(control) = fs::File::open("/dev/loop-control") else {
            return;
        };
        for number in &self.used {
            let was_there = self
                .before
                .contains(&format!("/sys/block/loop{number}").into());
            if let Some(number) = i32::try_from(*number).ok().filter(|_| !was_there) {
                // SAFETY: LOOP_CTL_REMOVE takes a number, and refuses a device that is bound or open, which is somebody else's.
                let _ = unsafe { control::remove(control.as_raw_fd(), number) };
            }
        }
    }
}

#[test]
fn sixty_four_callers_at_once_end_with_nothing_left() {
    let mut devices = Devices::new();
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
    let failures = callers(|caller| {
        for volume in own(caller).chain(shared(caller)) {
            let found = env.dvdcli(&line("mount", &volume)).output();
            check(&found, "mount", &volume, &[State::Absent])?;
        }
        own(caller).try_for_each(|volume| look_inside(&env, &volume, true))
    });
    assert_eq!(failures, Vec::<String>::new());
    let volumes = CALLERS * OWN + SHARED;
    devices.used = bound_below(&env);
    assert_eq!((devices.used.len(), env.mounts().len()), (volumes, volumes));
    let listed = env.dvdcli("list -d loop").output();
    assert_eq!((listed.code, listed.stdout.lines().count()), (0, volumes));

    let calls = AtomicUsize::new(0);
    let wrong = Mutex::new(vec![]);
    let began = Instant::now();
    let failures = callers(|caller| {
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

    let failures = callers(|caller| {
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
    env.assert_nothing_is_left();
    assert_eq!(env.names("var/lib/dvdcli/loop"), [""; 0]);
    let wrong = wrong.into_inner().unwrap();
    assert!(
        wrong.is_empty(),
        "{} wrong answers in {calls:?} calls\n{}",
        wrong.len(),
        wrong[..wrong.len().min(SHOWN)].join("\n")
    );
}
