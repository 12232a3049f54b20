//! Callers that mount several volumes for a task.

mod container_paths;
mod described;
mod marathon;
mod mesos;
mod order;
mod tenants;
mod undo;
mod usage;
