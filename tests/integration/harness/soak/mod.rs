//! What the soak works on, and what it knows of it.

pub mod answers;
pub mod caller;
pub mod content;
pub mod hosts;
pub mod model;
pub mod stores;
pub mod world;
