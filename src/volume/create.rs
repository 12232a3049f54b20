//! Creates a volume, and finds out whether one that exists is the one that is asked for.

use anyhow::Result;

use crate::base::failure::ErrorKind;
use crate::driver::interface::{Created, Lookup, Volume};
use crate::volume::Locked;

impl Locked<'_> {
    /// Creates the volume if it is absent, or if the driver cannot say. Warns if it exists with other options.
    pub fn create_if_absent(&self) -> Result<()> {
        let created = match self.volume.get()? {
            Lookup::Found(existing) if !self.volume.has_options() || existing.options.is_none() => {
                return Ok(());
            }
            Lookup::Found(_) | Lookup::Absent | Lookup::CannotSay => self.volume.create()?,
        };
        if let Created::Otherwise(options) = created {
            let (name, difference) = (self.volume.name(), difference(&options));
            self.warn(&format!("mounting volume {name}: {difference}"));
        }
        Ok(())
    }

    /// Creates the volume. Returns a warning if it exists with other options, or the driver does not tell them.
    pub fn create(&self) -> Result<Option<String>> {
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

fn difference(options: &[String]) -> String {
    format!("it exists already with another {}", options.join(", "))
}

/// The driver is asked first, as Docker does: a plugin might make an existing volume anew. If it cannot say, or refuses in unknown
/// words, `create` decides.
fn create_unless_found(volume: &dyn Volume) -> Result<Created> {
    match volume.get() {
        Ok(Lookup::Found(existing)) if existing.options.is_none() => Ok(Created::Existed),
        Err(error) if ErrorKind::of(&error) != ErrorKind::Refused => Err(error),
        _ => volume.create(),
    }
}
