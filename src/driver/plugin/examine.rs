//! Why a plugin does not answer, and what there is to do.

use std::path::Path;

use anyhow::Error;

use crate::base::finding::Finding;
use crate::driver::plugin::discovery::{self, Endpoint};
use crate::invocation::Invocation;
use crate::protocol::address::Address;

/// What an error of a plugin of this name is found to be.
pub fn finding(invocation: &Invocation, name: &str, error: &Error) -> Finding {
    let label = format!("plugin {name}");
    let mut finding = Finding::of(&label, error);
    finding.repair = repair(invocation, name, &finding.problem);
    finding
}

fn repair(invocation: &Invocation, name: &str, problem: &str) -> String {
    if invocation.budget.left().is_zero() {
        return "look at its log, or restart it".into();
    }
    match discovery::find(&invocation.paths, name) {
        Err(_) if problem.starts_with("reading ") => "mend that file, or remove it".into(),
        Ok(Some(Endpoint {
            address,
            managed: None,
            spec,
        })) if problem.starts_with(&address.to_string()) => {
            // Nobody is there.
            let file = match (&spec, &address) {
                (Some(spec), _) => Some(spec.as_path()),
                (None, Address::Unix(socket)) => Some(socket.as_path()),
                (None, _) => None,
            };
            let gone = |file: &Path| format!("; if it is gone for good, remove {}", file.display());
            format!("start the plugin{}", file.map(gone).unwrap_or_default())
        }
        Ok(None) => format!("start the plugin{}", or_rename(invocation, name)),
        _ => String::new(),
    }
}

/// What to do where the configuration names a plugin that nobody means any more.
fn or_rename(invocation: &Invocation, name: &str) -> String {
    let config = &invocation.config;
    let aliases = config.aliases.iter();
    let meant = aliases.filter(|(_, driver)| driver.as_str() == name);
    let mut places: Vec<String> = meant
        .map(|(alias, _)| format!("the alias {alias}"))
        .collect();
    if config.driver.as_deref() == Some(name) {
        places.push("the setting dvdcli.driver".into());
    }
    match places.as_slice() {
        [] => String::new(),
        _ => format!(", or change {}", places.join(" and ")),
    }
}
