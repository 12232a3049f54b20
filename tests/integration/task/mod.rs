//! Callers that mount several volumes for a task.

mod container_paths;
mod described;
mod marathon;
mod mesos;
mod order;
mod undo;
mod usage;
