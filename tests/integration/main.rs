//! Runs the real binary against plugins that the tests play, and against a real one. What tests share is in `harness`; the
//! other modules follow the rooms of `src`, and `faults` goes through all of them.

#![allow(clippy::unwrap_used, clippy::panic)]

mod harness;

mod cli;

mod plugin;

mod volume;

mod driver;

mod task;

mod fstab;

mod nomad;

mod run;

mod serve;

mod transfer;

mod faults;
