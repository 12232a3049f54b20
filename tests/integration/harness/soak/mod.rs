//! What the soak works on, and what it knows of it.

pub mod answers;
pub mod caller;
pub mod content;
pub mod hosts;
mod looking;
mod making;
pub mod model;
mod mounting;
pub mod stores;
pub mod world;
