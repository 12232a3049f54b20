//! What the tests share: hosts, plugins, volumes and tasks to run the program against.

pub mod agent;
pub mod backend;
pub mod backlog;
pub mod env;
pub mod fs;
pub mod host;
pub mod http;
pub mod interrupted;
pub mod loop_devices;
pub mod managed;
pub mod mounts;
pub mod plugin;
pub mod points;
pub mod process;
pub mod programs;
pub mod rclone;
pub mod run;
pub mod scenario;
pub mod scene;
pub mod strace;
pub mod task;
pub mod tree;
pub mod volume_driver;
pub mod volumes;
pub mod waiting;
pub mod workers;
