//! What asks every driver, side by side, so that a dead one delays no other.

use anyhow::Result;
use serde_json::{Value, json};

use crate::base::side_by_side::side_by_side;
use crate::base::text::{chain, one_line};
use crate::driver::plugin::Plugin;
use crate::driver::plugin::discovery::{self, Origin};
use crate::driver::{self, BUILT_INS, Driver, Scope, shared as builtin};
use crate::invocation::Invocation;

/// Every driver's answer, in the order of their names. None is waited for that is not there.
pub fn ask_all<T: Send>(
    invocation: &Invocation,
    ask: impl Fn(&dyn Driver) -> Result<T> + Sync,
) -> Result<Vec<(String, Result<T>)>> {
    let plugins = discovery::all(&invocation.paths)?
        .into_iter()
        .map(|(name, _)| name);
    let names: Vec<String> = BUILT_INS
        .map(str::to_owned)
        .into_iter()
        .chain(plugins.filter(|name| !is_builtin(name)))
        .collect();
    let ask =
        |name: &str| driver::open_exactly(invocation, name).and_then(|driver| ask(driver.as_ref()));
    let answers = side_by_side(&names, |name| ask(name));
    Ok(names.into_iter().zip(answers).collect())
}

/// A driver as `drivers` shows it.
#[derive(Debug)]
pub struct Row {
    name: String,
    kind: &'static str,
    address: String,
    /// Its scope where it answers, else why not.
    answer: Result<Scope>,
}

pub const HEAD: [&str; 5] = ["DRIVER", "TYPE", "SCOPE", "ADDRESS", "STATUS"];

impl Row {
    pub fn cells(&self) -> [String; 5] {
        let (scope, status) = match &self.answer {
            Ok(scope) => (scope.as_str(), "answers".to_owned()),
            Err(error) => ("-", one_line(&chain(error))),
        };
        [
            self.name.clone(),
            self.kind.into(),
            scope.into(),
            self.address.clone(),
            status,
        ]
    }

    pub fn json(&self) -> Value {
        json!({
            "Name": self.name,
            "Type": self.kind,
            "Scope": self.answer.as_ref().ok().map(|scope| scope.as_str()),
            "Address": self.address,
            "Answers": self.answer.is_ok(),
            "Error": self.answer.as_ref().err().map(chain),
        })
    }
}

pub fn drivers(invocation: &Invocation) -> Result<Vec<Row>> {
    let builtins = BUILT_INS.map(|kind| Row {
        name: kind.to_owned(),
        kind: "built-in",
        address: builtin::directory(kind, invocation).display().to_string(),
        answer: Ok(Scope::Local),
    });
    let mut found = discovery::all(&invocation.paths)?;
    found.retain(|(name, _)| !is_builtin(name));
    let ask = |(name, origin): &(String, Origin)| {
        let endpoint = discovery::find(&invocation.paths, name).ok().flatten();
        Row {
            name: name.clone(),
            kind: if *origin == Origin::Managed {
                "managed"
            } else {
                "legacy"
            },
            address: endpoint.map_or_else(|| "-".into(), |endpoint| endpoint.address.to_string()),
            answer: Plugin::named(invocation, name).and_then(|plugin| plugin.capabilities()),
        }
    };
    Ok(builtins
        .into_iter()
        .chain(side_by_side(&found, ask))
        .collect())
}

/// A built-in hides a plugin of the same name.
fn is_builtin(name: &str) -> bool {
    BUILT_INS.contains(&name)
}
