//! What the built-in drivers share: a directory for each volume, names, options, and the methods of a driver and of a volume.

pub mod aside;
mod built_in;
mod built_in_volume;
pub mod data_directory;
pub mod examine;
pub mod existing;
pub mod files_in_use;
pub mod given;
pub mod gone;
pub mod home;
pub mod host_claim;
pub mod kind;
pub mod leftovers;
pub mod mounted_as;
pub mod names;
pub mod not_allowed;
pub mod opened;
pub mod options;
pub mod read_only_store;
pub mod sharing;
pub mod still_mounted;
pub mod store;
pub mod taken_over;
pub mod told;
pub mod unmount;
pub mod values;
