//! Whether a request has gone out: after its first byte, the plugin may have acted on it.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, NextTimeout, Transport};

/// Whether any byte of the request under way has gone out. Clones share it: the client asks, and the transport notes.
#[derive(Debug, Clone, Default)]
pub struct Sent(Arc<AtomicBool>);

impl Sent {
    /// A new request begins, and nothing of it has gone out.
    pub fn reset(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether anything has gone out since [`Sent::reset`].
    pub fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Notes the outcome of a write. A failed write may have sent a part, unless it found the connection closed.
    pub fn note(&self, written: &Result<(), ureq::Error>) {
        let closed = matches!(written, Err(ureq::Error::Io(error))
            if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset));
        if !closed {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// The last link of a chain of connectors: it wraps the transport in one that notes what is sent.
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

/// A transport whose writes are noted.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_closed_connection_proves_that_nothing_was_sent() {
        let sent = Sent::default();
        for (written, expected) in [
            (Err(ErrorKind::BrokenPipe), false),
            (Err(ErrorKind::ConnectionReset), false),
            (Err(ErrorKind::TimedOut), true),
            (Ok(()), true),
        ] {
            sent.reset();
            sent.note(&written.map_err(|kind| ureq::Error::Io(kind.into())));
            assert_eq!(sent.any(), expected, "{written:?}");
        }
    }
}
