//! Ways in that are no verb: the environment of a task, and mount(8).

pub mod fstab;
pub mod serve;
pub mod task;
