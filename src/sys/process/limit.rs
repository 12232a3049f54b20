//! A time limit for calls that may hang, such as a mount from a server that does not answer.

use std::os::fd::AsFd;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use nix::fcntl::OFlag;
use nix::poll::PollFlags;
use nix::unistd::pipe2;

use crate::sys::process::interruption;

/// Makes a call that may hang, on a new thread, and stops waiting for it at `ends`.
///
/// # Errors
///
/// Those of the call, or that the time was over. In that case the thread goes on until the process ends.
pub fn within<T: Send + 'static>(
    ends: Instant,
    call: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let (done, result) = mpsc::channel();
    // It is closed when the call is done.
    let (end, open) = pipe2(OFlag::O_CLOEXEC).context("making a pipe")?;
    let act = move || {
        let _ = done.send(call());
        drop(open);
    };
    thread::Builder::new()
        .spawn(act)
        .context("starting a thread")?;
    interruption::wait(end.as_fd(), PollFlags::POLLIN, ends).context("waiting")?;
    match result.try_recv() {
        Ok(result) => result,
        Err(_) => bail!(interruption::reason_or(
            "no answer before the time was over (--timeout)"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_ends_in_time_gives_its_result() {
        assert_eq!(
            within(Instant::now() + Duration::from_secs(5), || Ok(7)).expect("in time"),
            7
        );
    }

    #[test]
    fn what_hangs_is_left() {
        let hang = || {
            thread::sleep(Duration::from_secs(60));
            Ok(())
        };
        let error = within(Instant::now() + Duration::from_millis(20), hang).expect_err("hangs");
        assert!(error.to_string().contains("--timeout"), "{error}");
    }
}
