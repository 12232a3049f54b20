//! HTTP to a plugin: one connection for all calls of a command, over a unix socket, TCP or TLS.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use ureq::Agent;
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, NextTimeout, RustlsConnector, TcpConnector, Transport,
};

use crate::base::text::plain;
use crate::protocol::address::Address;
use crate::protocol::tls;
use crate::protocol::unix::{NoResolver, UnixConnector};

/// The longest answer that is read, in bytes.
const BODY_LIMIT: u64 = 10 << 20;
const ACCEPT: &str = "application/vnd.docker.plugins.v1.2+json";

/// A connection to one plugin, made at the first call and kept.
#[derive(Debug)]
pub struct Client {
    agent: Agent,
    base: String,
    sent: Sent,
}

/// Whether any byte of the request under way has gone out: after that, the plugin may have acted on it.
#[derive(Debug, Clone, Default)]
pub struct Sent(Arc<AtomicBool>);

impl Sent {
    /// Notes what came of a write. One that finds the connection closed has brought nothing to the plugin.
    pub fn note(&self, written: &Result<(), ureq::Error>) {
        let closed = matches!(written, Err(ureq::Error::Io(error))
            if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset));
        if !closed {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// What a plugin answered, whatever the status.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub struct CallError {
    pub sent: bool,
    pub cause: Cause,
}

#[derive(Debug)]
pub enum Cause {
    /// Nobody listens (yet): no socket, or connection refused.
    NotThere(io::Error),
    TimedOut,
    /// The connection broke, or was closed before the answer was complete.
    Closed,
    /// The answer is longer than [`BODY_LIMIT`].
    TooLong,
    /// Anything else: no HTTP, TLS refused, a host name unknown.
    Other(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Cause::NotThere(error) => write!(f, "{}", plain(error)),
            Cause::TimedOut => f.write_str("no answer in time"),
            Cause::Closed => {
                f.write_str("the plugin closed the connection before it answered; look at its log")
            }
            Cause::TooLong => write!(f, "the answer is longer than {} MiB", BODY_LIMIT >> 20),
            Cause::Other(text) => f.write_str(text),
        }
    }
}

impl Client {
    /// # Errors
    ///
    /// TLS files that cannot be used. Nothing is connected yet.
    pub fn new(address: &Address) -> Result<Client> {
        let sent = Sent::default();
        let config = |tls: Option<TlsConfig>| {
            let config = Agent::config_builder()
                .http_status_as_error(false)
                .max_redirects(0)
                .max_redirects_will_error(false)
                .proxy(None)
                .user_agent(concat!("dvdcli/", env!("CARGO_PKG_VERSION")))
                .accept(ACCEPT)
                .input_buffer_size(16 << 10)
                .output_buffer_size(4 << 10);
            match tls {
                Some(tls) => config.tls_config(tls).build(),
                None => config.build(),
            }
        };
        let (agent, base) = match address {
            Address::Unix(path) => {
                let connector = UnixConnector {
                    path: path.clone(),
                    sent: sent.clone(),
                };
                // The host that Docker sends, too.
                (
                    Agent::with_parts(config(None), connector, NoResolver),
                    "http://plugin.moby.localhost".into(),
                )
            }
            Address::Tcp(authority) => {
                let connector = ().chain(TcpConnector::default()).chain(sent.clone());
                let agent = Agent::with_parts(config(None), connector, DefaultResolver::default());
                (agent, format!("http://{authority}"))
            }
            Address::Tls(authority, files) => {
                let tls = tls::config(files)?;
                let connector = ().chain(TcpConnector::default()).chain(RustlsConnector::default());
                let connector = connector.chain(sent.clone());
                let agent =
                    Agent::with_parts(config(Some(tls)), connector, DefaultResolver::default());
                (agent, format!("https://{authority}"))
            }
        };
        Ok(Client { agent, base, sent })
    }

    /// Sends one request, once, and reads the whole answer.
    pub fn post(&self, method: &str, body: &[u8], limit: Duration) -> Result<Response, CallError> {
        self.sent.0.store(false, Ordering::Relaxed);
        let failed = |cause| CallError {
            sent: self.sent.0.load(Ordering::Relaxed),
            cause,
        };
        if limit.is_zero() {
            return Err(failed(Cause::TimedOut));
        }
        let request = self
            .agent
            .post(format!("{}/{method}", self.base))
            .config()
            .timeout_global(Some(limit))
            .build();
        let response = if body.is_empty() {
            request.send_empty()
        } else {
            request.send(body)
        };
        let mut response = response.map_err(|error| failed(cause_of(error)))?;
        let mut text = Vec::new();
        let mut reader = response.body_mut().as_reader().take(BODY_LIMIT + 1);
        reader
            .read_to_end(&mut text)
            .map_err(|error| failed(cause_of(ureq::Error::from(error))))?;
        if text.len() as u64 > BODY_LIMIT {
            return Err(failed(Cause::TooLong));
        }
        Ok(Response {
            status: response.status().as_u16(),
            body: text,
        })
    }
}

fn cause_of(error: ureq::Error) -> Cause {
    match error {
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::ConnectionRefused => Cause::NotThere(error),
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Cause::TimedOut,
            ErrorKind::UnexpectedEof
            | ErrorKind::ConnectionReset
            | ErrorKind::ConnectionAborted
            | ErrorKind::BrokenPipe => Cause::Closed,
            _ => Cause::Other(plain(&error)),
        },
        ureq::Error::Timeout(_) => Cause::TimedOut,
        ureq::Error::HostNotFound => Cause::Other("host not found".into()),
        ureq::Error::Protocol(error) => Cause::Other(format!("the answer is no HTTP: {error}")),
        other => Cause::Other(other.to_string()),
    }
}

/// The last link of the chains of connectors over TCP: hands the transport on, and notes that something was sent.
impl<In: Transport> Connector<In> for Sent {
    type Out = Watched<In>;

    fn connect(
        &self,
        _: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Watched<In>>, ureq::Error> {
        Ok(chained.map(|inner| Watched {
            inner,
            sent: self.clone(),
        }))
    }
}

#[derive(Debug)]
pub struct Watched<T> {
    inner: T,
    sent: Sent,
}

impl<T: Transport> Transport for Watched<T> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let result = self.inner.transmit_output(amount, timeout);
        self.sent.note(&result);
        result
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}
