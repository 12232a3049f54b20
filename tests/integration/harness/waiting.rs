//! Several things at once, and waiting for one of them.

use std::thread;
use std::time::{Duration, Instant};

/// After which a run is killed, so that a hang is a failure. No test says how fast anything is.
pub const KILL_AFTER: Duration = Duration::from_secs(60);

/// Waits until `done`, and gives up where that takes so long that it never will.
#[track_caller]
pub fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let started = Instant::now();
    while !done() {
        assert!(started.elapsed() < KILL_AFTER, "still waiting for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// Does something for each at the same time.
pub fn at_once<T: Sync, R: Send>(items: &[T], does: impl Fn(&T) -> R + Sync) -> Vec<R> {
    thread::scope(|scope| {
        let threads: Vec<_> = items
            .iter()
            .map(|item| scope.spawn(|| does(item)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}
