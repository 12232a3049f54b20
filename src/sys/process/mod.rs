//! This process, others, and programs that are run.

pub mod arena;
pub mod child;
pub mod foreground;
pub mod host;
pub mod limit;
pub mod probe;
