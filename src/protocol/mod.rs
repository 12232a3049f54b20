//! Docker's volume plugin protocol: messages, addresses, the client, unix sockets, TLS.

pub mod address;
pub mod client;
pub mod messages;
mod tls;
mod unix;
