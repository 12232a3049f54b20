//! What the soak works on, and what it knows of it.

pub mod answers;
pub mod caller;
pub mod content;
mod growing;
pub mod hosts;
mod keeping;
pub mod known;
mod looking;
mod making;
pub mod model;
mod mounting;
mod moving;
mod pruning;
pub mod snapshot;
pub mod stores;
pub mod world;
