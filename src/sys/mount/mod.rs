//! Mounts: making and removing them, finding them in the mount table, and finding out who uses them.

pub mod apart;
pub mod busy;
pub mod by_program;
pub mod calls;
pub mod covers;
pub mod file_systems;
pub mod health;
pub mod held;
pub mod identity;
pub mod journal;
mod kernel_words;
pub mod mount_tree;
pub mod mountinfo;
pub mod mountopts;
pub mod take_away;
pub mod trial;
pub mod utab;
