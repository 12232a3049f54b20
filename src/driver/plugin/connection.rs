//! The connection to one plugin: finding the plugin, waiting for it, activating it, and sending calls, again where that is safe.

use std::cell::{Cell, OnceCell};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};
use nix::errno::Errno;
use nix::libc::PATH_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::failure::{ErrorKind, Failure};
use crate::base::text::{chain, shorten_to_words};
use crate::driver::plugin::cautions;
use crate::driver::plugin::discovery::{self, Endpoint};
use crate::driver::plugin::managed::Managed;
use crate::driver::plugin::shown::shown;
use crate::driver::plugin::wait::Wait;
use crate::invocation::Invocation;
use crate::invocation::budget::Backoff;
use crate::invocation::trust;
use crate::protocol::cause::Cause;
use crate::protocol::client::{CallError, Client, Line, Response};
use crate::protocol::messages as wire;
use crate::protocol::messages::Refusal;
use crate::sys::process::{host, interruption, limit};

/// How often a call that may be repeated is sent if the connection breaks.
const TRIES: u32 = 3;

/// How long a path may take to resolve. It never gets more than half of the time left, so that the rest is enough to unmount
/// again.
const LONGEST: Duration = Duration::from_secs(10);

/// How much is shown of a path that is too long to be used, in bytes.
const LONGEST_SHOWN: usize = 200;

/// The method that has to be called before all others (protocol: Activation).
const ACTIVATE: &str = "Plugin.Activate";

/// A plugin by its name. The first call connects to it and activates it; the later ones use the same connection, but for those that
/// change something.
pub struct Connection<'a> {
    invocation: &'a Invocation,
    name: String,
    /// What the first search found. It is used once; each further search is a new one, because the plugin may have moved.
    found: Cell<Option<Result<Option<Endpoint>>>>,
    link: OnceCell<Link>,
}

/// A way to a plugin, which has been activated.
struct Link {
    client: Client,
    /// For messages.
    address: String,
    managed: Option<Managed>,
}

impl Link {
    /// The message for a plugin that is not there, though it was found.
    fn absence(&self, why: &str) -> String {
        let address = &self.address;
        match self.managed {
            Some(_) => format!("it is enabled and not running; start Docker ({address}: {why})"),
            None => format!("{address}: {why}"),
        }
    }
}

impl<'a> Connection<'a> {
    /// Searches for the plugin, without connecting to it.
    ///
    /// # Errors
    ///
    /// Wrong usage: a name that no plugin can have. Only the first call reports that there is no such plugin.
    pub fn new(invocation: &'a Invocation, name: &str) -> Result<Connection<'a>> {
        discovery::check_name(name)?;
        let found = discovery::find(&invocation.paths, name);
        let name = match &found {
            Ok(Some(Endpoint {
                managed: Some(plugin),
                ..
            })) => plugin.name.clone(),
            _ => name.to_owned(),
        };
        Ok(Connection {
            invocation,
            name,
            found: Cell::new(Some(found)),
            link: OnceCell::new(),
        })
    }

    pub fn invocation(&self) -> &'a Invocation {
        self.invocation
    }

    /// The plugin's name. That of a managed plugin is its own, with its tag, even if the caller gave an ID or no tag.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `plugin NAME`, for messages.
    pub fn label(&self) -> String {
        format!("plugin {}", self.name)
    }

    /// Makes sure that the plugin is there and has been activated.
    pub fn open(&self) -> Result<()> {
        self.link().map(drop)
    }

    /// Closes the connection. The next call searches for the plugin and connects anew.
    pub fn close(&mut self) {
        self.link.take();
    }

    /// A path from an answer, as this host sees it. One that is not absolute is returned unchanged, and the caller refuses it.
    ///
    /// # Errors
    ///
    /// The path is longer than any that can be used. That of a managed plugin leads over too many symbolic links, or into a file system that does not answer.
    pub fn on_host(&self, path: String) -> Result<PathBuf> {
        if path.starts_with('/') && path.len() >= PATH_MAX as usize {
            let shown: String = path.escape_debug().take(PATH_MAX as usize).collect();
            let shown = shorten_to_words(&shown, LONGEST_SHOWN);
            return Err(Error::from(Errno::ENAMETOOLONG).context(format!("mount point {shown}")));
        }
        let path = PathBuf::from(path);
        match self.link.get().and_then(|link| link.managed.as_ref()) {
            Some(managed) if path.is_absolute() => {
                let doing = format!("mount point {} of the plugin", path.display());
                let (tree, budget) = (managed.tree.clone(), &self.invocation.budget);
                let ends = Instant::now() + LONGEST.min(budget.left() / 2);
                limit::within(ends, move || Ok(tree.resolve(&path)?)).context(doing)
            }
            _ => Ok(path),
        }
    }

    /// Refuses a directory, by its path without links, that a managed plugin cannot have mounted.
    pub fn refuse_outside(&self, directory: &Path) -> Result<()> {
        match self.link.get().and_then(|link| link.managed.as_ref()) {
            Some(managed) => managed.refuse_outside(directory),
            None => Ok(()),
        }
    }

    /// Calls `VolumeDriver.METHOD`. The inner error is the plugin's own refusal.
    ///
    /// # Errors
    ///
    /// No usable answer. Its kind is [`ErrorKind::Unsure`] if the plugin may have done what it was asked to do.
    pub fn call<A: DeserializeOwned>(
        &self,
        method: &str,
        request: &impl Serialize,
    ) -> Result<Result<A, Refusal>> {
        let link = self.link()?;
        let body = serde_json::to_vec(request).context("writing a request")?;
        let method = format!("VolumeDriver.{method}");
        self.send(link, &method, &body)
            .and_then(|response| read_answer(&method, &response))
            .with_context(|| self.label())
    }

    fn link(&self) -> Result<&Link> {
        if let Some(link) = self.link.get() {
            return Ok(link);
        }
        let link = self.connect().with_context(|| self.label())?;
        Ok(self.link.get_or_init(|| link))
    }

    /// Connects, and waits for a plugin that is not there yet. Every attempt searches anew.
    fn connect(&self) -> Result<Link> {
        let mut wait = Wait::new();
        loop {
            let absence = match self.try_to_connect()? {
                Ok(link) => return Ok(link),
                Err(absence) => absence,
            };
            if !wait.again(self.invocation, &self.name, &absence) {
                let in_time = self.invocation.budget.check();
                in_time.with_context(|| absence.clone())?;
                bail!("{absence}");
            }
        }
    }

    /// The inner error says that the plugin is not there (yet).
    fn try_to_connect(&self) -> Result<Result<Link, String>> {
        let paths = &self.invocation.paths;
        let found = self.found.take();
        let found = found.unwrap_or_else(|| discovery::find(paths, &self.name));
        let Some(endpoint) = found? else {
            return Ok(Err(discovery::not_found(paths, &self.name)));
        };
        let log = &self.invocation.log;
        trust::check(log, "reading", &paths.docker_config)?;
        cautions::check(log, &self.label(), &endpoint)?;
        let Endpoint {
            address, managed, ..
        } = endpoint;
        log.step(|| format!("plugin {}: found at {address}", self.name));
        let link = Link {
            client: Client::new(&address)?,
            address: address.to_string(),
            managed,
        };
        match self.exchange(&link.client, ACTIVATE, b"") {
            Ok(response) => {
                check_activation(&response, link.managed.is_some()).context(ACTIVATE)?;
                Ok(Ok(link))
            }
            Err(CallError {
                sent: false,
                cause: Cause::NotThere(why),
            }) => Ok(Err(link.absence(&why))),
            Err(error) => Err(self.unanswered(&link, ACTIVATE, error)),
        }
    }

    /// Sends a request, and waits for a plugin that has gone since it was activated, as during its restart.
    fn send(&self, link: &Link, method: &str, body: &[u8]) -> Result<Response> {
        let mut wait = Wait::new();
        loop {
            let error = match self.exchange(&link.client, method, body) {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            let goes_on = match &error {
                CallError {
                    sent: false,
                    cause: Cause::NotThere(why),
                } => wait.again(self.invocation, &self.name, &link.absence(why)),
                _ => false,
            };
            if !goes_on {
                return Err(self.unanswered(link, method, error));
            }
        }
    }

    /// Sends a request. If the connection breaks, it is sent again where that is safe: nothing has gone out yet, or the method
    /// changes nothing.
    fn exchange(&self, client: &Client, method: &str, body: &[u8]) -> Result<Response, CallError> {
        let Invocation { budget, log, .. } = self.invocation;
        let name = &self.name;
        let line = match is_repeatable(method) {
            true => Line::Kept,
            false => Line::New,
        };
        let mut backoff = Backoff::new();
        let mut tries = 0;
        loop {
            tries += 1;
            log.step(|| format!("plugin {name}: {method} {}", shown(body)));
            let left = budget.left();
            let post = || client.post(method, body, line, left);
            let answer = match line {
                Line::Kept => post(),
                // Cut off, it would leave a state behind that nobody knows.
                Line::New => interruption::finishing(post),
            };
            match answer {
                Ok(response) => {
                    log.step(|| {
                        let (status, body) = (response.status, shown(&response.body));
                        format!("plugin {name}: {method}: HTTP status {status}: {body}")
                    });
                    return Ok(response);
                }
                Err(CallError {
                    sent,
                    cause: Cause::Closed,
                }) if tries < TRIES
                    && (line == Line::Kept || !sent)
                    && backoff.sleep(budget.left()) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The error of a call without an answer. If the request went out, the plugin may have carried it out.
    fn unanswered(&self, link: &Link, method: &str, error: CallError) -> Error {
        let budget = &self.invocation.budget;
        let text = match error.cause {
            Cause::TimedOut => budget.exhausted(),
            Cause::NoTime => budget.used_up(),
            Cause::NotThere(why) if !error.sent => link.absence(&why),
            Cause::Other(text) if !error.sent => format!("{}: {text}", link.address),
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

/// Reads an answer. If it makes no sense, the plugin may have carried out the call all the same.
fn read_answer<A: DeserializeOwned>(
    method: &str,
    response: &Response,
) -> Result<Result<A, Refusal>> {
    wire::read(response).map_err(|error| {
        let kind = if is_repeatable(method) {
            ErrorKind::Other
        } else {
            ErrorKind::Unsure
        };
        Error::from(Failure::new(kind, chain(&error))).context(method.to_owned())
    })
}

/// Whether a method changes nothing, so that it may be sent again if no answer came.
fn is_repeatable(method: &str) -> bool {
    !matches!(
        method,
        "VolumeDriver.Create"
            | "VolumeDriver.Mount"
            | "VolumeDriver.Unmount"
            | "VolumeDriver.Remove"
    )
}

/// Refuses a plugin that says it is no volume driver. A managed plugin need not answer: its `config.json` says what it is, and
/// Docker does not activate it.
fn check_activation(response: &Response, managed: bool) -> Result<()> {
    let answer = match wire::read::<wire::ActivateAnswer>(response)? {
        Ok(answer) => answer,
        Err(refusal) if managed && refusal.unimplemented => return Ok(()),
        Err(refusal) => bail!(refusal.words),
    };
    if let Some(server) = answer.dvdcli
        && server.boot == host::boot_id()?
    {
        let driver = wire::quoted(&server.driver);
        let words = format!("it is dvdcli serving driver {driver}; give that name");
        bail!(Failure::new(ErrorKind::Served, words));
    }
    let implements = answer.implements.unwrap_or_default();
    if !implements.iter().any(|kind| kind == "VolumeDriver") {
        bail!(
            "it is no volume driver, it implements {}",
            match implements.join(", ") {
                none if none.is_empty() => "nothing".to_owned(),
                kinds => wire::quoted(&kinds),
            }
        );
    }
    Ok(())
}
