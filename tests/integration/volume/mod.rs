//! One volume on this host, and who holds it.

mod holders;
mod interrupted;
mod mountpoints;
mod races;
mod targets;
mod undo;
