//! `dvdcli run`.

mod caller;
mod clone;
mod command;
mod holders;
mod killed;
mod signals;
