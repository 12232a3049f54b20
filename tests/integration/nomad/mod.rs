//! Nomad's dynamic host volumes.

mod capacity;
mod tenants;
mod volumes;
