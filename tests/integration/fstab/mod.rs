//! mount(8), umount(8) and fstab(5).

mod lines;
mod mount;
mod notes;
mod programs;
mod systemd;
mod views;
