//! Calls to a plugin: finding it, waiting for it, sending again where that is safe.

use std::time::Instant;

use anyhow::{Context, Error, Result, anyhow, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::base::failure::{ErrorKind, Failure};
use crate::base::secrets::{MASK, is_secret};
use crate::base::text::chain;
use crate::driver::Driver;
use crate::driver::plugin::{Link, Plugin, discovery};
use crate::invocation::Invocation;
use crate::invocation::budget::Backoff;
use crate::protocol::client::{CallError, Cause, Client, Response};
use crate::protocol::messages as wire;
use crate::protocol::messages::Refusal;

/// How often a call that may be repeated is tried where the connection breaks.
const TRIES: u32 = 3;

impl Plugin<'_> {
    pub(super) fn link(&self) -> Result<&Link> {
        if let Some(link) = self.link.get() {
            return Ok(link);
        }
        let link = self.connect().with_context(|| self.label())?;
        Ok(self.link.get_or_init(|| link))
    }

    /// Looks for the plugin and activates it; waits for it where it is not there yet, looking anew each time.
    fn connect(&self) -> Result<Link> {
        let mut wait = Wait::new();
        loop {
            let found = self
                .found
                .take()
                .unwrap_or_else(|| discovery::find(&self.invocation.paths, &self.name));
            let absence = match found? {
                None => discovery::not_found(&self.invocation.paths, &self.name),
                Some(endpoint) => {
                    self.invocation
                        .log
                        .step(|| format!("plugin {}: found at {}", self.name, endpoint.address));
                    let client = Client::new(&endpoint.address)?;
                    match self.exchange(&client, "Plugin.Activate", b"") {
                        Ok(response) => {
                            check_activation(&response, endpoint.managed.is_some())
                                .context("Plugin.Activate")?;
                            return Ok(Link {
                                client,
                                managed: endpoint.managed,
                            });
                        }
                        Err(CallError {
                            sent: false,
                            cause: cause @ Cause::NotThere(_),
                        }) => {
                            format!("{}: {cause}", endpoint.address)
                        }
                        Err(CallError {
                            sent: false,
                            cause: Cause::Other(text),
                        }) => {
                            return Err(
                                anyhow!("{}: {text}", endpoint.address).context("Plugin.Activate")
                            );
                        }
                        Err(error) => return Err(self.unanswered("Plugin.Activate", error)),
                    }
                }
            };
            if !wait.again(self.invocation, &self.name, &absence) {
                self.invocation
                    .budget
                    .check()
                    .with_context(|| absence.clone())?;
                bail!("{absence}");
            }
        }
    }

    /// One call and its answer; the inner error is the plugin's own.
    pub(super) fn call<A: DeserializeOwned>(
        &self,
        method: &str,
        request: &impl Serialize,
    ) -> Result<Result<A, Refusal>> {
        let link = self.link()?;
        let body = serde_json::to_vec(request).context("writing a request")?;
        let method = format!("VolumeDriver.{method}");
        let mut wait = Wait::new();
        let answer = loop {
            match self.exchange(&link.client, &method, &body) {
                Ok(response) => {
                    break wire::read(&response).map_err(|error| {
                        // Whatever it meant to say, the plugin may have acted.
                        let kind = if is_repeatable(&method) {
                            ErrorKind::Other
                        } else {
                            ErrorKind::Unsure
                        };
                        Error::from(Failure::new(kind, chain(&error))).context(method)
                    });
                }
                Err(CallError {
                    sent: false,
                    cause: cause @ Cause::NotThere(_),
                }) if wait.again(self.invocation, &self.name, &cause.to_string()) => {}
                Err(error) => break Err(self.unanswered(&method, error)),
            }
        };
        answer.with_context(|| self.label())
    }

    /// Sends a request, again where that is safe: while nothing was sent, or where the method changes nothing.
    fn exchange(&self, client: &Client, method: &str, body: &[u8]) -> Result<Response, CallError> {
        let repeatable = is_repeatable(method);
        let mut backoff = Backoff::new();
        let mut tries = 0;
        loop {
            tries += 1;
            self.invocation
                .log
                .step(|| format!("plugin {}: {method} {}", self.name, shown(body)));
            let left = self.invocation.budget.left();
            match client.post(method, body, left) {
                Ok(response) => {
                    self.invocation.log.step(|| {
                        format!(
                            "plugin {}: {method}: HTTP status {}: {}",
                            self.name,
                            response.status,
                            shown(&response.body)
                        )
                    });
                    return Ok(response);
                }
                Err(CallError {
                    sent,
                    cause: Cause::Closed,
                }) if tries < TRIES
                    && (repeatable || !sent)
                    && backoff.sleep(self.invocation.budget.left()) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// A call without an answer. Where the request went out, the plugin may have carried it out.
    fn unanswered(&self, method: &str, error: CallError) -> Error {
        let text = match error.cause {
            Cause::TimedOut => self.invocation.budget.exhausted(),
            cause => cause.to_string(),
        };
        let kind = if error.sent {
            ErrorKind::Unsure
        } else {
            ErrorKind::Other
        };
        Error::from(Failure::new(kind, text)).context(method.to_owned())
    }
}

/// Whether a method changes nothing, so that it may be sent again where no answer came.
fn is_repeatable(method: &str) -> bool {
    !matches!(
        method,
        "VolumeDriver.Create"
            | "VolumeDriver.Mount"
            | "VolumeDriver.Unmount"
            | "VolumeDriver.Remove"
    )
}

/// A managed plugin is known as a volume driver by its `config.json`, and Docker does not activate it.
fn check_activation(response: &Response, managed: bool) -> Result<()> {
    let answer = match wire::read::<wire::ActivateAnswer>(response)? {
        Ok(answer) => answer,
        Err(refusal) if managed && refusal.unimplemented => return Ok(()),
        Err(refusal) => bail!(refusal.words),
    };
    let implements = answer.implements.unwrap_or_default();
    if !implements.iter().any(|kind| kind == "VolumeDriver") {
        bail!(
            "it is no volume driver, it implements {}",
            match implements.join(", ") {
                none if none.is_empty() => "nothing".to_owned(),
                kinds => kinds,
            }
        );
    }
    Ok(())
}

/// A body for `--verbose`, with the secrets among its fields masked.
fn shown(body: &[u8]) -> String {
    fn mask(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (key, value) in fields {
                    if is_secret(key) {
                        *value = MASK.into();
                    } else {
                        mask(value);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(mask),
            _ => {}
        }
    }
    match serde_json::from_slice::<Value>(body) {
        Ok(mut value) => {
            mask(&mut value);
            value.to_string()
        }
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

/// Waiting for a plugin that is not there yet (`--wait`).
struct Wait {
    started: Instant,
    backoff: Backoff,
    announced: bool,
}

impl Wait {
    fn new() -> Wait {
        Wait {
            started: Instant::now(),
            backoff: Backoff::new(),
            announced: false,
        }
    }

    /// Sleeps, having said once what is awaited; false when the time is over.
    fn again(&mut self, invocation: &Invocation, plugin: &str, absence: &str) -> bool {
        let left = invocation
            .wait
            .saturating_sub(self.started.elapsed())
            .min(invocation.budget.left());
        if !left.is_zero() && !self.announced {
            self.announced = true;
            let wait = humantime::format_duration(invocation.wait);
            invocation.log.warn_once(&format!(
                "waiting up to {wait} for plugin {plugin}: {absence}"
            ));
        }
        self.backoff.sleep(left)
    }
}
