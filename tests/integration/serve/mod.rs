//! `dvdcli serve`, called as engines call plugins.

mod holders;
mod killed;
mod listening;
mod wire;
