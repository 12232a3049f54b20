//! `dvdcli run`.

mod caller;
mod command;
mod holders;
mod killed;
mod signals;
