//! Ways in that are no verb: the environment of a task, mount(8), engines that call a plugin, and Nomad.

pub mod fstab;
pub mod nomad;
pub mod serve;
pub mod task;
