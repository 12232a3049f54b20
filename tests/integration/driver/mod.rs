//! The drivers that are built in.

mod claims;
mod config;
mod copy;
mod creation;
mod devices;
mod foreign_mounts;
mod full_disk;
mod full_store;
mod guarded;
mod health;
mod in_use;
mod links;
mod local;
mod loop_;
mod loop_options;
mod loop_records;
mod mount_helpers;
mod mount_point_links;
mod mount_secrets;
mod planted;
mod rbind;
mod read_only_store;
mod remove;
mod settings;
mod shared_storage;
mod thick;
