//! Whatever is interrupted, fails, or comes in: nothing is lost, and nothing is left.

mod agent;
mod errors;
mod garbage;
mod inherited;
mod interrupted;
mod kill;
mod parallel;
mod signals;
mod soak;
