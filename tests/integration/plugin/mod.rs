//! Docker volume plugins: found, asked, believed.

mod creation;
mod discovery;
mod json;
mod managed;
mod managed_paths;
mod missing;
mod mounting;
mod rclone;
mod real;
mod retry;
mod secrets;
mod shapes;
mod specs;
mod still_bound;
mod tls;
mod trust;
mod waiting;
mod wire;
