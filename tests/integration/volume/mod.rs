//! One volume on this host, and who holds it.

mod doctor;
mod holders;
mod interrupted;
mod lookups;
mod mountpoints;
mod moved_targets;
mod over_mounts;
mod races;
mod targets;
mod undo;
mod unmount_by_handle;
