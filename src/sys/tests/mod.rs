//! What unit tests of several rooms share.

pub mod fake_host;
