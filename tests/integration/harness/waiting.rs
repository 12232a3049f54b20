//! Several things side by side, and waiting for one of them.

use std::thread;
use std::time::{Duration, Instant};

/// After which a run is killed, so that a hang is a failure. No test says how fast anything is.
pub const KILL_AFTER: Duration = Duration::from_secs(60);

/// Waits until `done`, and says whether it was before that takes so long that it never will be.
pub fn comes_true(mut done: impl FnMut() -> bool) -> bool {
    let started = Instant::now();
    while !done() {
        if started.elapsed() > KILL_AFTER {
            return false;
        }
        thread::sleep(Duration::from_millis(1));
    }
    true
}

#[track_caller]
pub fn eventually(what: &str, done: impl FnMut() -> bool) {
    assert!(comes_true(done), "still waiting for {what}");
}

/// Does something for each side by side, and returns what came of it, in the same order. What one thread panics of, the test
/// panics of.
pub fn at_once<T: Send, R: Send>(
    items: impl IntoIterator<Item = T>,
    does: impl Fn(T) -> R + Sync,
) -> Vec<R> {
    let test = thread::current();
    let name = || test.name().unwrap_or_default().to_owned();
    thread::scope(|scope| {
        let does = &does;
        let start = |item| {
            let thread = thread::Builder::new().name(name());
            thread.spawn_scoped(scope, move || does(item)).unwrap()
        };
        let threads: Vec<_> = items.into_iter().map(start).collect();
        let ends = threads.into_iter().map(|thread| thread.join());
        let ends: Vec<_> = ends.collect();
        ends.into_iter()
            .map(|end| end.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    })
}
