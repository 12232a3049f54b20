//! A volume's options that stand in files or on stdin, so that they are in no process's arguments.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result as IoResult, stdin};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Instant;

use anyhow::{Result, anyhow};
use nix::poll::PollFlags;

use crate::base::failure::Failure;
use crate::base::options::Gathered;
use crate::base::secrets::values::Secrets;
use crate::sys::files::{small, trusted};
use crate::sys::process::{inherited, interruption};

/// What makes the rest of a value of `--opt` a file's name. Twice, it is itself.
const MARK: char = '@';

/// Adds one option of `--opt`: `KEY=VALUE`, `KEY`, or `KEY=@FILE`. Returns the secret that was read.
///
/// # Errors
///
/// Wrong usage: a file that cannot be read, or that others could have read or written; those of [`Gathered::add`].
pub fn add(gathered: &mut Gathered, place: &str, option: &str) -> Result<Option<Secrets>> {
    let marked = option.split_once('=');
    let marked = marked.and_then(|(key, value)| Some((key, value.strip_prefix(MARK)?)));
    let Some((key, file)) = marked else {
        return gathered.add(place, option).map(|()| None);
    };
    if file.starts_with(MARK) {
        return gathered
            .put(place, key.to_owned(), file.to_owned())
            .map(|()| None);
    }
    let wrong = |error: Error| {
        let reading = format!("{place}: option '{key}': reading {file}");
        anyhow!(error).context(Failure::usage(reading))
    };
    if file.is_empty() {
        let words = format!(
            "{place}: option '{key}': no file is named behind @; a value that is an @ is written @@"
        );
        return Err(Failure::usage(words).into());
    }
    let mut value = trusted::read_secret(Path::new(file)).map_err(wrong)?;
    if value.ends_with('\n') {
        value.pop();
    }
    if value.contains('\0') {
        return Err(wrong(Error::other("a NUL cannot be in a value")));
    }
    let secret = Secrets::value(&value);
    gathered.put(place, key.to_owned(), value)?;
    Ok(Some(secret))
}

/// Adds the options of a file, or of stdin for `-`: one on each line, `KEY=VALUE` or `KEY`, where the value is taken as it stands.
/// Empty lines and those that begin with `#` are none.
///
/// # Errors
///
/// As those of [`add`]; stdin has not ended at `ends`.
pub fn add_all(gathered: &mut Gathered, file: &Path, ends: Instant) -> Result<()> {
    let place = format!("--opts-file {}", file.display());
    let text = match file == Path::new("-") {
        true => read_stdin(ends),
        false => trusted::read_secret(file),
    };
    let text = text.map_err(|error| anyhow!(error).context(Failure::usage(&place)))?;
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim_start();
        if !line.is_empty() && !line.starts_with('#') {
            gathered.add(&format!("{place}: line {number}"), line)?;
        }
    }
    Ok(())
}

fn read_stdin(ends: Instant) -> IoResult<String> {
    if inherited::was_closed(0) {
        return Err(Error::other("stdin is closed"));
    }
    // Not std's own reader, which holds back what has been read already from who waits for more.
    let mut stdin = File::from(stdin().as_fd().try_clone_to_owned()?);
    let mut text = Vec::new();
    let mut buffer = [0; 4 << 10];
    loop {
        if !interruption::wait(stdin.as_fd(), PollFlags::POLLIN, ends)? {
            let words =
                interruption::reason_or("it has not ended before the time was over (--timeout)");
            return Err(Error::new(ErrorKind::TimedOut, words));
        }
        let length = stdin.read(&mut buffer)?;
        text.extend(&buffer[..length]);
        if text.len() as u64 > small::LIMIT {
            return Err(Error::other("it is longer than 1 MiB"));
        }
        if length == 0 {
            return String::from_utf8(text).map_err(|_| Error::other("it is not UTF-8"));
        }
    }
}
