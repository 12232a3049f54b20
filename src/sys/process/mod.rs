//! Processes: this one and its memory, what it inherits, its host and namespaces, programs that it runs, and calls that may never
//! return.

pub mod activation;
pub mod arena;
pub mod capability;
pub mod child;
pub mod environment;
pub mod foreground;
pub mod host;
pub mod inherited;
pub mod interruption;
pub mod limit;
pub mod output;
pub mod probe;
pub mod progress;
