//! What is answered, as go-plugins-helpers answers it.

use serde::Serialize;
use serde_json::{Value, json};

/// A status and a body in JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    body: Value,
}

impl Answer {
    /// That it was done. What cannot be written as JSON is an error.
    pub fn done(content: &impl Serialize) -> Answer {
        match serde_json::to_value(content) {
            Ok(body) => Answer { status: 200, body },
            Err(error) => Answer::error(500, &error.to_string()),
        }
    }

    /// That it was not done. Podman takes any 200 for success, whatever stands in it.
    pub fn error(status: u16, why: &str) -> Answer {
        Answer {
            status,
            body: json!({ "Err": why }),
        }
    }

    /// The whole answer as it goes out.
    pub fn bytes(&self) -> Vec<u8> {
        let body = self.body.to_string();
        let (status, reason, length) = (self.status, reason(self.status), body.len());
        format!(
            "HTTP/1.1 {status} {reason}\r\n\
             Content-Type: application/vnd.docker.plugins.v1.1+json\r\n\
             Content-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

/// The words that belong to a status (RFC 9110).
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}
