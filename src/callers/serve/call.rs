//! One call: from the request to the answer that the client has got.

use anyhow::{Error, Result};

use crate::base::failure::ErrorKind;
use crate::callers::serve::method::{METHODS, Method};
use crate::callers::serve::methods;
use crate::callers::serve::mount::Mount;
use crate::callers::serve::service::Service;
use crate::invocation::Invocation;
use crate::invocation::log::Log;
use crate::protocol::server::answer::Answer;
use crate::protocol::server::connection::Connection;
use crate::protocol::server::request::{Request, Unread};

/// Reads a request, carries it out, and answers.
pub fn serve(service: &Service, connection: &mut Connection) {
    let answer = match connection.read(|| service.is_stopping()) {
        Ok(request) => answer(service, &request, connection),
        Err(Unread::Refused(answer)) => Some(answer),
        Err(Unread::Gone) => None,
    };
    if let Some(answer) = answer
        && connection.write(&answer).is_ok()
    {
        connection.was_read();
    }
}

/// `None` where it has been answered.
fn answer(service: &Service, request: &Request, connection: &mut Connection) -> Option<Answer> {
    let Some((_, method, most, _)) = METHODS.iter().find(|(path, ..)| *path == request.path) else {
        return Some(Answer::error(404, "there is no such method"));
    };
    let mut log = service.log();
    log.step(|| format!("asked for {}", request.path));
    if *method == Method::Create {
        log.secrets = methods::secrets(&request.body);
    }
    let invocation = match service.invocation(*most, log.clone()) {
        Ok(invocation) => invocation,
        Err(error) => return Some(failed(&log, &error)),
    };
    let done = carry_out(service, &invocation, (*method, &request.body), connection);
    done.unwrap_or_else(|error| Some(failed(&invocation.log, &error)))
}

fn carry_out(
    service: &Service,
    invocation: &Invocation,
    (method, body): (Method, &[u8]),
    connection: &mut Connection,
) -> Result<Option<Answer>> {
    let needs_body = METHODS.iter().any(|it| it.1 == method && !it.3);
    if needs_body && body.trim_ascii().is_empty() {
        return Ok(Some(Answer::error(400, "the request has no body")));
    }
    if method == Method::Mount {
        let mount = Mount::make(service, invocation, body)?;
        mount.deliver(connection);
        return Ok(None);
    }
    methods::answer(service, invocation, method, body).map(Some)
}

/// The engine is told, and so is whoever reads this service's own words. What is absent is asked for all the time.
fn failed(log: &Log, error: &Error) -> Answer {
    let kind = ErrorKind::of(error);
    if kind != ErrorKind::Absent {
        log.error(error);
    }
    let status = if error.is::<serde_json::Error>() {
        400
    } else {
        500
    };
    Answer::error(status, &log.shown(error))
}
