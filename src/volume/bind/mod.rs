//! Where else a mounted volume appears: targets, views, container paths.

mod allowed;
pub mod container_path;
pub mod ownership;
pub mod take_over;
pub mod targets;
pub mod unbind;
pub mod view;
