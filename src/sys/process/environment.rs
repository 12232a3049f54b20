//! The variables of this process.

use std::env;
use std::ffi::{OsStr, OsString};

/// Takes all variables out of the environment but those that are to be kept, and returns their names. It has to be called before
/// a second thread is started.
pub fn keep(is_kept: impl Fn(&OsStr) -> bool) -> Vec<OsString> {
    let names = env::vars_os().map(|(name, _)| name);
    // A name that begins with `=` belongs to no variable that a program could ask for.
    let is_variable = |name: &OsString| !name.as_encoded_bytes().contains(&b'=');
    let gone: Vec<OsString> = names
        .filter(|name| is_variable(name) && !is_kept(name))
        .collect();
    for name in &gone {
        // SAFETY: no other thread is there that could read the environment.
        unsafe {
            env::remove_var(name);
        }
    }
    gone
}
