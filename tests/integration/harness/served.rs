//! `dvdcli serve`, and an engine that calls it.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::process::{Output, Run, Running};
use crate::harness::waiting::{KILL_AFTER, eventually};

/// A service under way.
pub struct Served<'a> {
    running: Running<'a>,
    engine: Engine,
}

impl<'a> Served<'a> {
    /// Serves a driver on its usual socket, from the moment when it answers.
    pub fn start(env: &'a Env, driver: &str) -> Served<'a> {
        // Docker keeps the name `local` for itself.
        let name = if driver == "local" { "dvdcli" } else { driver };
        Served::started(env, env.dvdcli(&format!("serve -d {driver}")), name)
    }

    /// The same with another command line, and the name of the socket in Docker's directory.
    pub fn started(env: &'a Env, run: Run<'a>, name: &str) -> Served<'a> {
        let socket = env.path(&format!("run/docker/plugins/{name}.sock"));
        let running = run.start();
        let engine = Engine { socket };
        eventually("the service", || engine.connect().is_ok());
        Served { running, engine }
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What it answers to a call: its status and its JSON.
    #[track_caller]
    pub fn call(&self, method: &str, body: Value) -> (u16, Value) {
        self.engine.call(method, body)
    }

    /// Makes a call that succeeds, and returns the answer.
    #[track_caller]
    pub fn done(&self, method: &str, body: Value) -> Value {
        self.engine.done(method, body)
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.running.child.id().cast_signed())
    }

    /// Has it end as systemd does.
    #[track_caller]
    pub fn stop(self) -> Output {
        kill(self.pid(), Signal::SIGTERM).unwrap();
        self.running.output()
    }

    /// Waits for its end.
    #[track_caller]
    pub fn output(self) -> Output {
        self.running.output()
    }

    pub fn kill(self) {
        self.running.kill();
    }
}

/// Calls a service as Docker does.
#[derive(Debug, Clone)]
pub struct Engine {
    pub socket: PathBuf,
}

impl Engine {
    pub fn connect(&self) -> std::io::Result<UnixStream> {
        let stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(KILL_AFTER))?;
        Ok(stream)
    }

    #[track_caller]
    pub fn call(&self, method: &str, body: Value) -> (u16, Value) {
        self.raw(&request(method, &body.to_string()))
    }

    #[track_caller]
    pub fn done(&self, method: &str, body: Value) -> Value {
        let (status, answer) = self.call(method, body);
        assert_eq!(status, 200, "{method}: {answer}");
        answer
    }

    /// A Mount of this ID, and the path that it is answered.
    #[track_caller]
    pub fn mount(&self, volume: &str, id: &str) -> String {
        let answer = self.done("VolumeDriver.Mount", json!({"Name": volume, "ID": id}));
        answer["Mountpoint"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn unmount(&self, volume: &str, id: &str) {
        self.done("VolumeDriver.Unmount", json!({"Name": volume, "ID": id}));
    }

    /// What is answered to these bytes.
    #[track_caller]
    pub fn raw(&self, bytes: &[u8]) -> (u16, Value) {
        let mut stream = self.connect().unwrap();
        // It may be answered before all of it is read.
        let _ = stream.write_all(bytes);
        read(stream).expect("an answer")
    }

    /// What comes of a call, which may be cut off.
    pub fn attempt(&self, method: &str, body: Value) -> Option<(u16, Value)> {
        let mut stream = self.connect().ok()?;
        stream.write_all(&request(method, &body.to_string())).ok()?;
        read(stream)
    }

    /// Sends a request, and hangs up at once.
    pub fn send_only(&self, method: &str, body: Value) {
        let mut stream = self.connect().unwrap();
        let request = request(method, &body.to_string());
        stream.write_all(&request).unwrap();
        stream.shutdown(Shutdown::Both).unwrap();
    }
}

/// As Docker writes it.
pub fn request(method: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST /{method} HTTP/1.1\r\nHost: plugin.moby.localhost\r\nUser-Agent: Go-http-client/1.1\r\n\
         Content-Length: {length}\r\nAccept: application/vnd.docker.plugins.v1.2+json\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The status and the JSON of an answer that says that the connection ends, and then ends; `None` where none comes.
pub fn read(mut stream: impl Read) -> Option<(u16, Value)> {
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}"),
    }
    if answer.is_empty() {
        return None;
    }
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let lines: Vec<&str> = head.split("\r\n").collect();
    let length = format!("Content-Length: {}", body.len());
    for line in [
        "Connection: close",
        "Content-Type: application/vnd.docker.plugins.v1.1+json",
        &length,
    ] {
        assert!(lines.contains(&line), "{answer}");
    }
    let status = lines[0].split(' ').nth(1).unwrap();
    Some((status.parse().unwrap(), serde_json::from_str(body).unwrap()))
}
