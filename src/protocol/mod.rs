//! Docker's volume plugin protocol: addresses of plugins, the messages, and the client that exchanges them.

pub mod address;
pub mod cause;
pub mod client;
pub mod json;
pub mod messages;
mod missing;
mod sent;
pub mod server;
mod socket;
mod tcp;
mod tls;
mod unix;
