//! The throw-away copy of a volume that `run --clone` gives its command.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::base::hash::hash;
use crate::base::labels::Labels;
use crate::driver;
use crate::driver::interface::Volume;
use crate::invocation::Invocation;
use crate::sys::process::host;
use crate::volume::Locked;
use crate::volume::holders::process::HolderProcess;
use crate::volume::holders::record::Holder;

/// The labels of a copy: of which volume it is, for which run it was made; and prune may remove it.
const OF: &str = "dvdcli.clone-of";
const RUN: &str = "dvdcli.clone-run";
const PRUNE: &str = "dvdcli.prune";

/// In the names of copies, after the volume's.
const INFIX: &str = ".clone.";

/// The run that a copy was made for.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    /// Stays the same from boot to boot.
    host: String,
    boot: String,
    process: HolderProcess,
}

impl Run {
    fn current() -> Result<Run> {
        Ok(Run {
            host: hash(&[&host::machine_id()?, &host::name()]),
            boot: host::boot_id()?,
            process: HolderProcess::current()?,
        })
    }

    /// The name of its copy. No other run's has it.
    fn copy_of(&self, volume: &str) -> String {
        let unique = hash(&[&self.boot, &format!("{:?}", self.process)]);
        format!("{volume}{INFIX}{}", &unique[..12])
    }

    /// Whether it is known to have ended. A run of another host may live.
    fn has_ended(&self) -> Result<bool> {
        let here = Run::current()?;
        match (self.boot == here.boot, self.host == here.host) {
            (true, _) => Ok(self.process.has_died()),
            // Without an ID of its installation, another host may look like an earlier boot of this one.
            (false, true) => Ok(host::installation_id()?.is_some()),
            (false, false) => Ok(false),
        }
    }
}

/// Makes a copy of a volume and returns it.
///
/// # Errors
///
/// Wrong usage: its driver makes no copies. Absent: there is no such volume. In use: it is mounted, and cannot be copied in one moment.
pub fn make<'i>(invocation: &'i Invocation, volume: &dyn Volume) -> Result<Box<dyn Volume + 'i>> {
    volume.image()?;
    let (driver, of) = (volume.driver().name(), volume.name());
    let run = Run::current()?;
    let options = vec![("volumeName".to_owned(), of.to_owned())];
    let mut copy = driver::open_exactly(invocation, driver)?.volume(&run.copy_of(of), &options)?;
    let run = serde_json::to_string(&run).context("writing its label")?;
    let labels = [(OF, of), (RUN, &run), (PRUNE, "true")];
    let owned = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
    copy.set_labels(Labels::from(owned))?;
    Locked::lock(invocation, copy.as_ref(), Holder::default())
        .and_then(|locked| locked.create())
        .context("copying it")?;
    Ok(copy)
}

/// Removes a copy that nobody holds any more.
pub fn remove(invocation: &Invocation, copy: &dyn Volume) -> Result<()> {
    Locked::lock(invocation, copy, Holder::default())
        .and_then(|mut locked| locked.remove())
        .context("removing its copy")
}

/// Whether a volume may be a copy, by its name.
pub fn may_be_copy(name: &str) -> bool {
    name.contains(INFIX)
}

/// The volume of which this one is a copy, if the run that it was made for is known to have ended without removing it.
pub fn left_behind<'l>(name: &str, labels: &'l Labels) -> Result<Option<&'l str>> {
    let run = labels.get(RUN);
    let run = run.and_then(|text| serde_json::from_str::<Run>(text).ok());
    let (Some(of), Some(run)) = (labels.get(OF), run) else {
        return Ok(None);
    };
    let is_left = name == run.copy_of(of) && run.has_ended()?;
    Ok(is_left.then_some(of.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(change: impl FnOnce(&mut Run)) -> Option<String> {
        let mut run = Run::current().expect("proc");
        change(&mut run);
        let text = serde_json::to_string(&run).expect("JSON");
        let labels = [(OF, "db"), (RUN, &text)];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let labels = Labels::from(labels);
        assert_eq!(left_behind("db.clone.other", &labels).expect("read"), None);
        let of = left_behind(&run.copy_of("db"), &labels).expect("read");
        of.map(str::to_owned)
    }

    #[test]
    fn only_a_run_that_is_known_to_have_ended_leaves_a_copy_behind() {
        assert_eq!(left(|_| {}), None);
        assert_eq!(left(|run| run.process.started -= 1), Some("db".into()));
        let of_another_host = |run: &mut Run| {
            run.boot = "b".into();
            run.host = "h".into();
        };
        assert_eq!(left(of_another_host), None);
        let has_id = host::installation_id().expect("read").is_some();
        let earlier = left(|run| run.boot = "b".into());
        assert_eq!(earlier.is_some(), has_id);
        assert_eq!(left_behind("db", &Labels::new()).expect("read"), None);
    }
}
