//! Reading a request (protocol: The wire), within its limits.

use std::io::{self, ErrorKind, Read};

use httparse::{EMPTY_HEADER, Status};

use crate::protocol::server::answer::Answer;

/// The most bytes of a request's line and headers, and how many headers.
const HEAD: usize = 16 << 10;
const HEADERS: usize = 64;

/// The most bytes of a request's body.
const BODY: usize = 1 << 20;

/// How much is read at once.
const PIECE: usize = 4 << 10;

/// What a client asks for by POST.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// Such as `/VolumeDriver.Mount`.
    pub path: String,
    pub body: Vec<u8>,
}

/// Why there is no request.
#[derive(Debug)]
pub enum Unread {
    /// The client has sent nothing, or broken off.
    Gone,
    /// It is told so.
    Refused(Answer),
}

/// The line and the headers of a request.
struct Head {
    path: String,
    /// How many bytes it takes.
    length: usize,
    body: usize,
}

/// Reads one request to its end.
///
/// # Errors
///
/// The client is gone or too slow; or it is not what the protocol has.
pub fn read(stream: &mut impl Read) -> Result<Request, Unread> {
    let mut bytes = Vec::new();
    let head = loop {
        let added = read_piece(stream, &mut bytes)?;
        let is_line_end = bytes[bytes.len() - added..].contains(&b'\n');
        if is_line_end && let Some(head) = parse(&bytes)? {
            break head;
        }
        if bytes.len() >= HEAD {
            return Err(refused(431, "its headers are longer than 16 KiB"));
        }
    };
    while bytes.len() < head.length + head.body {
        read_piece(stream, &mut bytes)?;
    }
    bytes.drain(..head.length);
    bytes.truncate(head.body);
    Ok(Request {
        path: head.path,
        body: bytes,
    })
}

/// Reads what there is, and returns how many bytes have come; never none.
fn read_piece(stream: &mut impl Read, bytes: &mut Vec<u8>) -> Result<usize, Unread> {
    let before = bytes.len();
    bytes.resize(before + PIECE, 0);
    let read = stream.read(&mut bytes[before..]);
    bytes.truncate(before + *read.as_ref().unwrap_or(&0));
    match read {
        Ok(0) => Err(Unread::Gone),
        Ok(added) => Ok(added),
        Err(error) => Err(broken_off(&error, before)),
    }
}

fn broken_off(error: &io::Error, before: usize) -> Unread {
    match error.kind() {
        ErrorKind::TimedOut if before > 0 => refused(408, "it was not sent within 10 s"),
        _ => Unread::Gone,
    }
}

/// `None` where it is not complete yet.
fn parse(bytes: &[u8]) -> Result<Option<Head>, Unread> {
    let mut headers = [EMPTY_HEADER; HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(bytes) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => {
            return Err(refused(431, "it has too many headers"));
        }
        Err(error) => return Err(refused(400, &format!("it is no HTTP request: {error}"))),
    };
    if length > HEAD {
        return Err(refused(431, "its headers are longer than 16 KiB"));
    }
    let headers: &[httparse::Header] = request.headers;
    let values = |name: &'static str| {
        let is_named = move |header: &&httparse::Header| header.name.eq_ignore_ascii_case(name);
        headers.iter().filter(is_named).map(|header| header.value)
    };
    // Only a browser sends one, on the word of a page that is open in it.
    if values("Origin").next().is_some() {
        return Err(refused(403, "browsers are not answered"));
    }
    if request.method != Some("POST") {
        return Err(refused(405, "only POST is answered"));
    }
    if values("Transfer-Encoding").next().is_some() {
        return Err(refused(411, "it has to have a Content-Length"));
    }
    Ok(Some(Head {
        path: request.path.unwrap_or_default().to_owned(),
        length,
        body: body_length(values("Content-Length"))?,
    }))
}

/// Two lengths would be two opinions on where the request ends.
fn body_length<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Result<usize, Unread> {
    let Some(value) = values.next() else {
        return Ok(0);
    };
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    if !is_number || values.next().is_some() {
        return Err(refused(400, "its Content-Length is no number"));
    }
    let length = str::from_utf8(value).ok().and_then(|it| it.parse().ok());
    match length {
        Some(length) if length <= BODY => Ok(length),
        _ => Err(refused(413, "its body is longer than 1 MiB")),
    }
}

fn refused(status: u16, why: &str) -> Unread {
    Unread::Refused(Answer::error(
        status,
        &format!("reading the request: {why}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a text in pieces of this length.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let length = self.1.min(buffer.len()).min(self.0.len());
            buffer[..length].copy_from_slice(&self.0[..length]);
            self.0 = &self.0[length..];
            Ok(length)
        }
    }

    fn status(text: &[u8]) -> Option<u16> {
        match read(&mut Pieces(text, 4096)) {
            Err(Unread::Refused(answer)) => Some(answer.status),
            Err(Unread::Gone) => None,
            Ok(_) => Some(200),
        }
    }

    #[test]
    fn a_request_is_read_however_it_is_cut() {
        let text =
            b"POST /VolumeDriver.Get HTTP/1.1\r\nHost: \r\ncontent-length: 5\r\n\r\nabcdeMORE";
        for length in 1..=text.len() {
            let request = read(&mut Pieces(text, length)).expect("a request");
            assert_eq!(
                (request.path.as_str(), request.body.as_slice()),
                ("/VolumeDriver.Get", &b"abcde"[..])
            );
        }
    }

    #[test]
    fn what_the_protocol_does_not_have_is_refused() {
        let long = format!("POST /x HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(HEAD));
        let endless = "a".repeat(HEAD + 1);
        let crowd = format!("POST /x HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(HEADERS + 1));
        for (text, expected) in [
            ("", None),
            ("POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcd", None),
            ("POST /x HTTP/1.1\r\n\r\n", Some(200)),
            ("GET /x HTTP/1.1\r\n\r\n", Some(405)),
            ("hello\r\n\r\n", Some(400)),
            ("POST /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n", Some(400)),
            ("POST /x HTTP/1.1\r\nContent-Length: +1\r\n\r\n", Some(400)),
            (
                "POST /x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                Some(400),
            ),
            (
                "POST /x HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n",
                Some(413),
            ),
            (
                "POST /x HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
                Some(413),
            ),
            (
                "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
                Some(411),
            ),
            ("POST /x HTTP/1.1\r\nOrigin: http://a\r\n\r\n", Some(403)),
            (&long, Some(431)),
            (&endless, Some(431)),
            (&crowd, Some(431)),
        ] {
            assert_eq!(status(text.as_bytes()), expected, "{text:.60}");
        }
    }
}
