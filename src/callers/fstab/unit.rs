//! The mount unit for which systemd has run mount(8) or umount(8), and the time that it gives it.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cli::mount_helper::HelperCommon;
use crate::invocation::Invocation;
use crate::invocation::log::Log;
use crate::sys::process::child;

/// What a unit has that says nothing (systemd-system.conf(5), DefaultTimeoutStartSec=).
const DEFAULT: Duration = Duration::from_secs(90);

/// How long systemd may take to answer.
const ASKING: Duration = Duration::from_secs(2);

/// What a helper works with. Its time is over before systemd ends the mount unit that it runs for: words that come later never
/// reach the journal.
pub fn start(common: &HelperCommon, default_timeout: Duration, log: &Log) -> Result<Invocation> {
    let limits = common.limits(default_timeout);
    let mut invocation = Invocation::new(common.config.as_deref(), limits, log.clone())?;
    if let Some(limit) = time_limit() {
        let reason = "nine tenths of the unit's TimeoutSec=";
        invocation.budget = invocation.budget.within(limit * 9 / 10, reason);
    }
    Ok(invocation)
}

/// When systemd ends the mount unit that this process runs for; `None` where it does not, or where there is no unit.
///
/// No variable tells, and mount(8) passes no `x-systemd.` option on, so systemd is asked.
fn time_limit() -> Option<Duration> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    ask(unit_in(&groups)?).unwrap_or(Some(DEFAULT))
}

/// The mount unit whose control group is among these (cgroups(7), /proc/PID/cgroup).
fn unit_in(groups: &str) -> Option<&str> {
    let mut names = groups.lines().filter_map(|line| line.rsplit('/').next());
    let name = names.find(|name| name.ends_with(".mount"))?;
    // systemd puts it before names that the kernel could take for its own.
    Some(name.strip_prefix('_').unwrap_or(name))
}

fn ask(unit: &str) -> Result<Option<Duration>> {
    let program = child::find("systemctl", "systemd")?;
    let arguments = ["show", "--property=TimeoutUSec", "--", unit];
    let answer = child::output(&program, &arguments, Instant::now() + ASKING)?;
    let limit = answer.strip_prefix("TimeoutUSec=").context("no answer")?;
    match limit {
        "infinity" => Ok(None),
        limit => Ok(Some(humantime::parse_duration(limit)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_unit_is_found_by_its_control_group() {
        for (groups, unit) in [
            ("0::/system.slice/srv-db.mount\n", Some("srv-db.mount")),
            (
                "3:cpuset:/\n1:name=systemd:/system.slice/srv\\x2db.mount\n0::/\n",
                Some("srv\\x2db.mount"),
            ),
            ("0::/system.slice/_memory.mount\n", Some("memory.mount")),
            ("0::/system.slice/mesos-slave.service\n", None),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(unit_in(groups), unit, "{groups}");
        }
    }
}
