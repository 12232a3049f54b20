//! Runs the real binary against plugins that the tests play, and against a real one.

#![allow(clippy::unwrap_used, clippy::panic)]

mod env;
mod host;
mod http;
mod plugin;

mod answers;
mod builtin_config;
mod builtin_copy;
mod builtin_devices;
mod builtin_errors;
mod builtin_hosts;
mod builtin_kill;
mod builtin_links;
mod builtin_local;
mod builtin_loop;
mod builtin_loop_options;
mod builtin_parallel;
mod builtin_remove;
mod builtin_scene;
mod builtin_settings;
mod builtin_verbs;
mod cli;
mod discovery;
mod docs;
mod garbage;
mod holders;
mod holders_races;
mod managed;
mod managed_paths;
mod mount8;
mod mountpoints;
mod rclone;
mod secrets;
mod specs;
mod targets;
mod tls;
mod undo;
mod usage;
mod verbs;
mod wire;
mod wire_retry;
mod wire_shapes;
