//! HTTP to a plugin: one connection for the calls of a command that may be repeated, over a unix socket, TCP or TLS.

use std::borrow::Cow;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use ureq::Agent;
use ureq::config::Config;
use ureq::tls::TlsConfig;
use ureq::unversioned::transport::{Connector, RustlsConnector};

use crate::protocol::address::{Address, TlsFiles};
use crate::protocol::cause::{BODY_LIMIT, Cause, HEAD_LIMIT};
use crate::protocol::sent::Sent;
use crate::protocol::tcp::{InternetConnector, Names};
use crate::protocol::tls;
use crate::protocol::unix::{NoResolver, UnixConnector};

/// What Docker accepts (protocol: The wire).
const ACCEPT: &str = "application/vnd.docker.plugins.v1.2+json";

/// The host in the URL of a plugin on a unix socket; Docker sends the same.
const UNIX_HOST: &str = "plugin.moby.localhost";

/// The connection to one plugin, made at the first call and kept for the next ones.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    /// The URL without a path.
    base: String,
    sent: Sent,
}

/// Which connection a request is sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// That of the call before. The plugin may close it without a word at the very moment when the request comes; then nobody
    /// can tell whether it was read.
    Kept,
    /// One that no call has used. For a request that must not be sent twice.
    New,
}

/// What a plugin answered, whatever the status.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub body: Vec<u8>,
}

/// How much of an answer's text is looked at, in bytes, where it is shown or is to mean something.
pub const BEGINNING: usize = 16 << 10;

impl Response {
    /// The beginning of the body, as text.
    pub fn beginning(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.body[..self.body.len().min(BEGINNING)])
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub struct CallError {
    /// Whether anything of the request has gone out, so that the plugin may have acted on it.
    pub sent: bool,
    pub cause: Cause,
}

impl Client {
    /// Prepares calls to a plugin. Nothing is connected yet.
    ///
    /// # Errors
    ///
    /// TLS files that cannot be used.
    pub fn new(address: &Address) -> Result<Client> {
        let sent = Sent::default();
        let (agent, base) = match address {
            Address::Unix(path) => (unix_agent(path, &sent), format!("http://{UNIX_HOST}")),
            Address::Tcp { authority, .. } => (tcp_agent(&sent), format!("http://{authority}")),
            Address::Tls(authority, files) => {
                (tls_agent(files, &sent)?, format!("https://{authority}"))
            }
        };
        Ok(Client { agent, base, sent })
    }

    /// Sends one request, once, and reads the whole answer; both together may take as long as `limit`.
    pub fn post(
        &self,
        method: &str,
        body: &[u8],
        line: Line,
        limit: Duration,
    ) -> Result<Response, CallError> {
        self.sent.reset();
        self.exchange(method, body, line, limit)
            .map_err(|cause| CallError {
                sent: self.sent.any(),
                cause,
            })
    }

    fn exchange(
        &self,
        method: &str,
        body: &[u8],
        line: Line,
        limit: Duration,
    ) -> Result<Response, Cause> {
        // Without time for an answer nothing may go out: the plugin would act, and we would not know.
        if limit.is_zero() {
            return Err(Cause::NoTime);
        }
        let request = self
            .agent
            .post(format!("{}/{method}", self.base))
            .config()
            .timeout_global(Some(limit));
        // A kept connection that is too old is closed first: a plugin may serve one at a time.
        let request = match line {
            Line::Kept => request,
            Line::New => request.max_idle_age(Duration::ZERO),
        };
        let request = request.build();
        let mut response = match body {
            [] => request.send_empty()?,
            body => request.send(body)?,
        };
        let mut text = Vec::new();
        let mut reader = response.body_mut().as_reader().take(BODY_LIMIT + 1);
        reader.read_to_end(&mut text).map_err(ureq::Error::from)?;
        if text.len() as u64 > BODY_LIMIT {
            return Err(Cause::TooLong);
        }
        Ok(Response {
            status: response.status().as_u16(),
            body: text,
        })
    }
}

fn unix_agent(path: &Path, sent: &Sent) -> Agent {
    let connector = UnixConnector {
        path: path.to_owned(),
        sent: sent.clone(),
    };
    Agent::with_parts(config(None), connector, NoResolver)
}

fn tcp_agent(sent: &Sent) -> Agent {
    let connector = InternetConnector { sent: sent.clone() };
    Agent::with_parts(config(None), connector, Names)
}

fn tls_agent(files: &TlsFiles, sent: &Sent) -> Result<Agent> {
    let config = config(Some(tls::config(files)?));
    // What goes out before the request, to agree on the encryption, does not count.
    let connector = InternetConnector {
        sent: Sent::default(),
    };
    let connector = connector.chain(RustlsConnector::default());
    let connector = connector.chain(sent.clone());
    Ok(Agent::with_parts(config, connector, Names))
}

/// No redirects, and no proxy, also not from the environment. An error's status is an answer: its body has the plugin's words.
fn config(tls: Option<TlsConfig>) -> Config {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .user_agent(concat!("dvdcli/", env!("CARGO_PKG_VERSION")))
        .accept(ACCEPT)
        .input_buffer_size(HEAD_LIMIT)
        // Below the size of the buffer: one that is full looks like the end of the connection.
        .max_response_header_size(HEAD_LIMIT - 1)
        .output_buffer_size(4 << 10);
    match tls {
        Some(tls) => config.tls_config(tls).build(),
        None => config.build(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_sent_without_time_for_an_answer() {
        let client = Client::new(&Address::Unix("/nonexistent".into())).expect("no files to read");
        let error = client.post("Plugin.Activate", b"", Line::Kept, Duration::ZERO);
        let error = error.expect_err("no time");
        assert!(
            !error.sent && matches!(error.cause, Cause::NoTime),
            "{error:?}"
        );
    }

    #[test]
    fn a_plugin_without_a_socket_is_not_there() {
        let client = Client::new(&Address::Unix("/nonexistent".into())).expect("no files to read");
        let error = client.post("Plugin.Activate", b"", Line::Kept, Duration::from_secs(5));
        let error = error.expect_err("no socket");
        assert!(
            !error.sent && matches!(error.cause, Cause::NotThere(_)),
            "{error:?}"
        );
    }
}
