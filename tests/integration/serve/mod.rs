//! `dvdcli serve`, called as engines call plugins.

mod engines;
mod holders;
mod killed;
mod listening;
mod tcp;
mod units;
mod wire;
