//! Timing whole processes, fairly.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a command takes from its start to its end; it has to succeed.
pub fn timed(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let started = Instant::now();
    let status = command.status().expect("the command starts");
    let took = started.elapsed();
    assert!(status.success(), "{command:?} fails");
    took
}

/// The median of each contender, run in turn so that what disturbs the machine disturbs all alike.
pub fn interleaved(runs: usize, contenders: &mut [&mut dyn FnMut() -> Duration]) -> Vec<Duration> {
    let mut times = vec![Vec::with_capacity(runs); contenders.len()];
    for _ in 0..runs {
        for (contender, times) in contenders.iter_mut().zip(&mut times) {
            times.push(contender());
        }
    }
    times.into_iter().map(median).collect()
}

pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
