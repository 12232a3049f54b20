//! One connection of a client: a request, an answer, and whether the client has got it.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use rustls::{ServerConnection, StreamOwned};

use crate::protocol::server::answer::Answer;
use crate::protocol::server::request::{self, Request, Unread};
use crate::protocol::server::socket::Socket;

/// How long a client may take to send its request, and to take the answer.
const LONGEST: Duration = Duration::from_secs(10);

/// How long a client that has its answer may take to close the connection.
const CLOSING: Duration = Duration::from_secs(2);

/// How often a connection on which nothing has come looks whether the service is to stop.
const LOOKING: Duration = Duration::from_millis(100);

/// An accepted connection.
#[derive(Debug)]
pub enum Connection {
    Plain(Socket),
    Tls(Box<StreamOwned<ServerConnection, Socket>>),
}

impl Connection {
    /// Reads the request. `is_stopping` ends the wait for one that has not begun.
    ///
    /// # Errors
    ///
    /// As those of [`request::read`].
    pub fn read(&mut self, is_stopping: impl Fn() -> bool) -> Result<Request, Unread> {
        let ends = Instant::now() + LONGEST;
        self.socket().ends = ends;
        while !self
            .socket()
            .is_readable(ends.min(Instant::now() + LOOKING))
            .unwrap_or(true)
        {
            if is_stopping() || Instant::now() >= ends {
                return Err(Unread::Gone);
            }
        }
        match self {
            Connection::Plain(socket) => request::read(socket),
            Connection::Tls(stream) => request::read(stream),
        }
    }

    /// Sends the answer.
    ///
    /// # Errors
    ///
    /// The client has gone, or does not take it.
    pub fn write(&mut self, answer: &Answer) -> io::Result<()> {
        self.socket().ends = Instant::now() + LONGEST;
        let bytes = answer.bytes();
        match self {
            Connection::Plain(socket) => socket.write_all(&bytes)?,
            Connection::Tls(stream) => {
                stream.write_all(&bytes)?;
                stream.conn.send_close_notify();
                stream.flush()?;
            }
        }
        Ok(())
    }

    /// Ends the connection, waits until the client has done the same, and returns whether it may have read the answer: the kernel tells of one that it
    /// has thrown away. What the client has sent beside its request is thrown away too; it would cost it the answer.
    pub fn was_read(&mut self) -> bool {
        let socket = self.socket();
        socket.finish();
        socket.ends = Instant::now() + CLOSING;
        let mut rest = [0; 4 << 10];
        loop {
            match socket.read(&mut rest) {
                Ok(0) => return socket.is_whole(),
                Ok(_) if Instant::now() < socket.ends => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return false,
                _ => return true,
            }
        }
    }

    /// Turns away a client that cannot be served now, without waiting for it.
    pub fn refuse(&mut self, answer: &Answer) {
        if let Connection::Plain(socket) = self {
            let _ = socket.read(&mut [0; 4 << 10]);
            let _ = socket.write(&answer.bytes());
        }
    }

    fn socket(&mut self) -> &mut Socket {
        match self {
            Connection::Plain(socket) => socket,
            Connection::Tls(stream) => &mut stream.sock,
        }
    }
}
