//! Which options are secret, and how their values are kept out of everything that is shown.

pub mod fields;
pub mod mask;
pub mod names;
mod spellings;
pub mod users;
pub mod values;
