//! Creates a volume, and finds out whether one that exists is the one that is asked for.

use anyhow::Result;

use crate::driver::allowed;
use crate::driver::interface::{Chooser, Created, Lookup, Next, Volume};
use crate::volume::Locked;
use crate::volume::lookup::absent;

impl Locked<'_> {
    /// Creates the volume if it is absent, or if the driver cannot say. Warns if it exists with other options. Returns whether the
    /// driver has named no directory for it.
    pub fn create_if_absent(&self, chooser: Chooser, next: Next) -> Result<bool> {
        let found = self.volume.get()?;
        let is_nowhere = names_nothing(&found);
        let created = match found {
            Lookup::Found(existing) if !self.volume.has_options() || existing.options.is_none() => {
                return Ok(is_nowhere);
            }
            Lookup::Found(_) | Lookup::Absent | Lookup::CannotSay => {
                self.volume.create(chooser, next)?
            }
        };
        let is_nowhere = is_nowhere || created == Created::New;
        if let Created::Otherwise(options) = created {
            let (name, difference) = (self.volume.name(), difference(&options));
            self.warn(&format!("mounting volume {name}: {difference}"));
        }
        Ok(is_nowhere)
    }

    /// Refuses a volume that is known to be absent, before a plugin is told to mount it: some would make one, or wait for long. A
    /// built-in driver sees for itself. Returns whether the driver has named no directory for it.
    ///
    /// # Errors
    ///
    /// It is absent.
    pub(super) fn refuse_absent(&self) -> Result<bool> {
        let driver = self.volume.driver();
        if !driver.is_shared() {
            return Ok(false);
        }
        match self.volume.get()? {
            Lookup::Absent => Err(absent(driver)),
            found => Ok(names_nothing(&found)),
        }
    }

    /// Creates the volume, as the host's owner wants it. Returns a warning if it exists with other options, or the driver does not tell them.
    pub fn create(&self) -> Result<Option<String>> {
        allowed::refuse(self.invocation, self.volume.driver())?;
        let created = create_unless_found(self.volume)?;
        Ok(match created {
            Created::New | Created::Same => None,
            Created::Existed if !self.volume.has_options() => None,
            Created::Existed => Some(format!(
                "it exists already, and {} does not tell its options to compare",
                self.volume.driver().label()
            )),
            Created::Otherwise(options) => Some(difference(&options)),
        })
    }
}

fn names_nothing(found: &Lookup) -> bool {
    matches!(found, Lookup::Found(info) if info.mountpoint.is_none())
}

fn difference(options: &[String]) -> String {
    format!("it exists already with another {}", options.join(", "))
}

/// The driver is asked first, as Docker does: a plugin might make an existing volume anew. If it cannot say, `create` decides.
fn create_unless_found(volume: &dyn Volume) -> Result<Created> {
    match volume.get()? {
        Lookup::Found(existing) if existing.options.is_none() => Ok(Created::Existed),
        _ => volume.create(Chooser::Owner, Next::Unknown),
    }
}
