//! What every room needs: kinds of failure, options, secrets, suggestions, durations, text.

pub mod duration;
pub mod failure;
pub mod options;
pub mod secrets;
pub mod side_by_side;
pub mod suggest;
pub mod text;
