//! The volumes of a task, as its environment describes them.

pub mod described;
pub mod environment;
pub mod mount;
mod plan;
mod undo;
pub mod unmount;
mod variables;
