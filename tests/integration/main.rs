//! Runs the real binary against plugins that the tests play, and against a real one.

#![allow(clippy::unwrap_used, clippy::panic)]

mod env;
mod http;
mod plugin;

mod answers;
mod cli;
mod discovery;
mod docs;
mod garbage;
mod holders;
mod holders_races;
mod managed;
mod managed_paths;
mod mountpoints;
mod rclone;
mod secrets;
mod specs;
mod targets;
mod tls;
mod usage;
mod verbs;
mod wire;
mod wire_retry;
mod wire_shapes;
