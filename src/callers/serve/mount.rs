//! Mounting for an engine, which has to get the answer.

use anyhow::{Context, Result};

use crate::base::options::Options;
use crate::callers::serve::methods::{holder, open};
use crate::callers::serve::service::Service;
use crate::driver::interface::Volume;
use crate::invocation::Invocation;
use crate::protocol::json;
use crate::protocol::server::answer::Answer;
use crate::protocol::server::connection::Connection;
use crate::protocol::server::messages::{MountRequest as Asked, Mounted};
use crate::sys::process::interruption;
use crate::volume::Locked;
use crate::volume::bind::view::View;
use crate::volume::holders::record::Holder;
use crate::volume::mount::{self, Outcome};
use crate::volume::release;
use crate::volume::request::{MountRequest, Release};

/// A volume that has been mounted for an engine, which does not know it yet.
pub struct Mount<'a> {
    invocation: &'a Invocation,
    volume: Box<dyn Volume + 'a>,
    holder: Holder,
    outcome: Outcome,
}

impl<'a> Mount<'a> {
    pub fn make(service: &Service, invocation: &'a Invocation, body: &[u8]) -> Result<Mount<'a>> {
        let asked: Asked = json::read(body)?;
        let volume = open(service, invocation, &asked.name, &Options::new())?;
        let holder = holder(service, &asked.id)?;
        let request = MountRequest {
            create: None,
            holder: holder.clone(),
            view: View::of(false),
        };
        invocation.budget.reserve_undo_time();
        let outcome = mount::mount(invocation, volume.as_ref(), request)
            .with_context(|| format!("mounting volume {}", asked.name))?;
        Ok(Mount {
            invocation,
            volume,
            holder,
            outcome,
        })
    }

    /// Answers. An engine that has gone never unmounts, so its mount is taken back. It is noted first that it is answered: where this
    /// process is killed in between, the volume is held for nobody, which is better than not for an engine that has the answer.
    pub fn deliver(self, connection: &mut Connection) {
        let mountpoint = &self.outcome.path;
        let (log, name) = (&self.invocation.log, self.volume.name());
        if let Err(error) = self.note_answer() {
            log.error(&error);
        }
        let sent = connection.write(&Answer::done(&Mounted { mountpoint }));
        if sent.is_ok() && connection.was_read() {
            return;
        }
        log.warn(&format!(
            "mounting volume {name}: the engine has gone without its answer, so it is taken back"
        ));
        let doing = || format!("taking volume {name} back from an engine that has gone");
        if let Err(error) = self.take_back().with_context(doing) {
            log.error(&error);
        }
    }

    fn note_answer(&self) -> Result<()> {
        let doing = || format!("noting who holds volume {}", self.volume.name());
        Locked::lock(self.invocation, self.volume.as_ref(), self.holder.clone())
            .and_then(|mut locked| locked.answered())
            .with_context(doing)
    }

    fn take_back(&self) -> Result<()> {
        self.invocation.budget.use_undo_time();
        let (invocation, holder) = (self.invocation, self.holder.clone());
        let release = || release::unmount(invocation, self.volume.as_ref(), holder, Release::ONE);
        interruption::undoing(release)
    }
}
