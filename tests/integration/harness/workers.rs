//! Workers that play a scenario for many cases, each on a scene of its own.

use std::fmt::Debug;
use std::sync::Mutex;

use crate::harness::env::Env;
use crate::harness::interrupted::Verb;
use crate::harness::scenario::note;
use crate::harness::scene::Scene;
use crate::harness::waiting::at_once;

/// Workers for each command: the tests themselves run side by side as well.
const WORKERS: usize = 2;

/// Failures that are shown.
const SHOWN: usize = 40;

/// Plays a scenario for each case, every worker on a scene of its own, and returns the cases in which it was `true`.
#[track_caller]
pub fn play<T: Send + Debug>(
    verb: &Verb,
    cases: Vec<T>,
    scenario: impl Fn(&Scene, &T) -> Result<bool, String> + Sync,
) -> Vec<T> {
    let (name, total) = (verb.name, cases.len());
    let left = Mutex::new(cases.into_iter());
    let (failures, found) = (Mutex::new(vec![]), Mutex::new(vec![]));
    let fails = |why| failures.lock().unwrap().push(why);
    at_once(0..WORKERS, |_| {
        let mut scene = Scene::of(verb, Env::isolated().unwrap()).unwrap();
        loop {
            // Not in the loop's head: the lock would last as long as its body.
            let Some(case) = left.lock().unwrap().next() else {
                break;
            };
            match scenario(&scene, &case) {
                Ok(true) => found.lock().unwrap().push(case),
                Ok(false) => {}
                Err(why) => {
                    fails(format!("{case:?}: {why}"));
                    scene.end();
                    scene.env.keep();
                    scene = Scene::of(verb, Env::isolated().unwrap()).unwrap();
                }
            }
        }
        let _ = scene.others_data().map_err(fails);
    });
    let failures = failures.into_inner().unwrap();
    assert!(
        failures.is_empty(),
        "{name}: {} of {total} cases fail\n{}",
        failures.len(),
        failures[..failures.len().min(SHOWN)].join("\n")
    );
    let found = found.into_inner().unwrap();
    note(&format!("{name}: {} of {total}", found.len()));
    found
}
