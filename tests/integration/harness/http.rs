//! The HTTP of the plugins that the tests play: requests as they came, answers to the byte, and every way to misbehave.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::iter;
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use rustls::{ServerConnection, StreamOwned};
use serde_json::{Value, json};

/// How a request is answered.
#[derive(Clone)]
pub enum Answer {
    /// As a plugin of this kind does.
    Act,
    /// As a plugin of this kind does, and the connection is closed afterwards, unannounced.
    ActAndClose,
    /// The same, a moment later, with a next request unread that came meanwhile.
    ActAndCloseLate,
    /// The request is carried out, and the connection closed without an answer.
    ActInSilence,
    /// The request is carried out, and the answer never comes.
    ActAndHang,
    /// These bytes; the connection stays.
    Bytes(Vec<u8>),
    /// These bytes, and the end of the connection.
    BytesAndClose(Vec<u8>),
    /// These bytes, and then nothing more.
    BytesAndHang(Vec<u8>),
    /// These bytes, one at a time, and then the last of them over and over, for longer than anybody waits.
    Drip(Vec<u8>),
}

/// Status 200 and this.
pub fn json(body: Value) -> Answer {
    Answer::Bytes(response(
        200,
        "Content-Type: application/json\r\n",
        &body.to_string(),
    ))
}

/// This status, and this as plain text.
pub fn status(status: u16, body: &str) -> Answer {
    Answer::Bytes(response(status, "Content-Type: text/plain\r\n", body))
}

/// Status 500 with an `Err`, as most plugins say no.
pub fn refuses(words: &str) -> Answer {
    status(500, &json!({ "Err": words }).to_string())
}

/// An HTTP server that does not know the method.
pub fn missing() -> Answer {
    status(404, "404 page not found\n")
}

/// Nothing but the end of the connection.
pub fn close() -> Answer {
    Answer::BytesAndClose(Vec::new())
}

/// Nothing at all.
pub fn hang() -> Answer {
    Answer::BytesAndHang(Vec::new())
}

/// Without a length, and so to the end of the connection.
pub fn no_length(body: Value) -> Answer {
    Answer::BytesAndClose(format!("HTTP/1.1 200 OK\r\n\r\n{body}").into_bytes())
}

/// In two chunks.
pub fn chunked(body: Value) -> Answer {
    let body = body.to_string();
    let (a, b) = body.split_at(body.len() / 2);
    let chunks = format!("{:x}\r\n{a}\r\n{:x}\r\n{b}\r\n0\r\n\r\n", a.len(), b.len());
    Answer::Bytes(
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").into_bytes(),
    )
}

/// A whole answer with its length, and with these further header lines.
pub fn response(status: u16, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status} Status\r\n{headers}Content-Length: {length}\r\n\r\n{body}")
        .into_bytes()
}

#[derive(Clone, Debug)]
pub struct Request {
    /// The how manyth connection it came on, from 1.
    pub connection: usize,
    /// Without `Plugin.` and `VolumeDriver.`.
    pub method: String,
    /// By their names in lower case.
    pub headers: HashMap<String, String>,
    /// Null where there was none.
    pub body: Value,
}

/// One side of a connection, of whatever sort.
pub trait Stream: Read + Write + Send {
    /// Has nothing more that is written on the other side arrive, where that can be had.
    fn stop_reading(&self) {}
}

impl Stream for UnixStream {
    fn stop_reading(&self) {
        let _ = self.shutdown(Shutdown::Read);
    }
}

impl Stream for TcpStream {}
impl Stream for StreamOwned<ServerConnection, TcpStream> {}

/// How often a thread looks whether its plugin is stopped.
const TICK: Duration = Duration::from_millis(20);

pub fn from_unix(stream: UnixStream) -> std::io::Result<UnixStream> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(TICK))?;
    Ok(stream)
}

pub fn from_tcp(stream: TcpStream) -> std::io::Result<TcpStream> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(TICK))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reading that goes on until there is something, or until the plugin is stopped.
struct Patient<'a> {
    stream: Box<dyn Stream>,
    stopped: &'a AtomicBool,
}

impl Read for Patient<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.stream.read(buffer) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    if self.stopped.load(SeqCst) {
                        return Ok(0);
                    }
                }
                other => return other,
            }
        }
    }
}

/// Serves one connection: `decide` says how each request is to be answered, `act` carries one out.
pub fn converse(
    connection: usize,
    stream: Box<dyn Stream>,
    stopped: &AtomicBool,
    decide: impl Fn(&Request) -> Answer,
    act: impl Fn(&Request) -> Vec<u8>,
) {
    let mut stream = BufReader::new(Patient { stream, stopped });
    while let Some(request) = read_request(connection, &mut stream) {
        let to = &mut stream.get_mut().stream;
        let answer = decide(&request);
        if matches!(answer, Answer::ActAndClose) {
            // A next request that comes before the end of the connection fails at once, and is not lost: that is another case.
            to.stop_reading();
        }
        let mut send = |bytes: &[u8]| to.write_all(bytes).and_then(|()| to.flush()).is_ok();
        let goes_on = match answer {
            Answer::Act => send(&act(&request)),
            Answer::Bytes(bytes) => send(&bytes),
            Answer::ActAndClose | Answer::ActAndCloseLate => {
                send(&act(&request));
                thread::sleep(TICK);
                false
            }
            Answer::BytesAndClose(bytes) => {
                send(&bytes);
                false
            }
            Answer::ActInSilence => {
                act(&request);
                false
            }
            Answer::ActAndHang => {
                act(&request);
                until(stopped, || true)
            }
            Answer::BytesAndHang(bytes) => send(&bytes) && until(stopped, || true),
            Answer::Drip(bytes) => {
                let mut bytes = bytes.iter().chain(iter::repeat(bytes.last().unwrap()));
                until(stopped, || bytes.next().is_some_and(|byte| send(&[*byte])))
            }
        };
        if !goes_on {
            return;
        }
    }
}

/// Takes one step after the other until the plugin is stopped or a step fails; then the connection ends.
fn until(stopped: &AtomicBool, mut step: impl FnMut() -> bool) -> bool {
    while !stopped.load(SeqCst) && step() {
        thread::sleep(TICK);
    }
    false
}

/// `None` at the end of the connection, also where that comes in the middle of a request.
fn read_request(connection: usize, stream: &mut impl BufRead) -> Option<Request> {
    let mut line = || {
        let mut line = String::new();
        stream
            .read_line(&mut line)
            .ok()
            .filter(|length| *length > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let path = first
        .strip_prefix("POST /")
        .and_then(|rest| rest.strip_suffix(" HTTP/1.1"));
    let path = path.unwrap_or_else(|| panic!("no request of the protocol: {first}"));
    let method = path
        .split_once('.')
        .map_or(path, |(_, method)| method)
        .to_owned();
    let mut headers = HashMap::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    assert!(
        !headers.contains_key("transfer-encoding"),
        "plugins get their requests whole: {headers:?}"
    );
    let length = headers
        .get("content-length")
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    let body = if body.is_empty() {
        Value::Null
    } else {
        serde_json::from_slice(&body).unwrap()
    };
    Some(Request {
        connection,
        method,
        headers,
        body,
    })
}
