//! The side of the protocol that plugins have: requests in, answers out, one on each connection.
//!
//! Docker keeps idle connections, and where it finds that the plugin has closed one, it repeats its request with an empty body. So each
//! answer says that the connection ends.

pub mod answer;
pub mod connection;
pub mod listener;
pub mod messages;
pub mod request;
pub mod socket;
pub mod spec_file;
pub mod tls;
mod unix_path;
