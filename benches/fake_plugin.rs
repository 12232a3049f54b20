//! A plugin that answers at once, in a process of its own.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Starts this very program as the plugin, by its argument `serve`, and waits for its socket.
pub fn start(socket: &Path, directory: &Path) -> Child {
    let this = std::env::current_exe().expect("this program has a path");
    let mut plugin = Command::new(this);
    plugin.arg("serve").arg(socket).arg(directory).env_clear();
    let plugin = plugin.stdin(Stdio::piped()).stdout(Stdio::null()).spawn();
    while !socket.exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    plugin.expect("the plugin starts")
}

/// Serves until the process that started it ends. It hands out `directory`, and lists as many volumes as the file `volumes` there
/// says.
pub fn serve(socket: &str, directory: &Path) {
    let listener = UnixListener::bind(socket).expect("the socket is free");
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    for stream in listener.incoming().flatten() {
        let _ = answer(&stream, directory);
    }
}

fn answer(stream: &UnixStream, directory: &Path) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut request = String::new();
        if reader.read_line(&mut request)? == 0 {
            return Ok(());
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header)?;
            if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
            if header.trim().is_empty() {
                break;
            }
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        let body = match request.split(' ').nth(1).unwrap_or_default() {
            "/Plugin.Activate" => r#"{"Implements":["VolumeDriver"]}"#.to_owned(),
            "/VolumeDriver.Get" => r#"{"Volume":{"Name":"db"}}"#.to_owned(),
            "/VolumeDriver.Mount" => format!(r#"{{"Mountpoint":"{}"}}"#, directory.display()),
            _ => {
                let count = fs::read_to_string(directory.join("volumes"))?
                    .parse()
                    .unwrap_or(0);
                let volume = |n: usize| {
                    format!(
                        r#"{{"Name":"volume-{n}","Mountpoint":"/mnt/volume-{n}","Status":{{"size":5}}}}"#
                    )
                };
                format!(
                    r#"{{"Volumes":[{}]}}"#,
                    (0..count).map(volume).collect::<Vec<_>>().join(",")
                )
            }
        };
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        (&*stream).write_all((head + &body).as_bytes())?;
    }
}
