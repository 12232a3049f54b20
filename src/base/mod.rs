//! What every room above needs: kinds of failure, findings, a volume's options, secrets, suggestions, values, patterns, hashes and text.

pub mod boolean;
pub mod duration;
pub mod failure;
pub mod finding;
pub mod hash;
pub mod labels;
pub mod option_list;
pub mod options;
pub mod pattern;
pub mod secrets;
pub mod side_by_side;
pub mod size;
pub mod suggest;
pub mod text;
