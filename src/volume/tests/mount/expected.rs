//! What a mount comes to, put together from the tables.

use std::collections::BTreeSet;

use crate::volume::tests::fake_driver::Mounting;
use crate::volume::tests::mount::rows::{Answer, Asked, Row, Then, Way};
use crate::volume::tests::{NO_RECORD, Seen, listed, strings};

use Way::*;

pub struct Expected<'t> {
    pub row: &'t Row,
    pub asked: &'t Asked,
    pub answer: &'t Answer,
}

impl Expected<'_> {
    pub fn seen(&self) -> Seen {
        let way = self.asked.way(self.row);
        let (known, shown) = self.row.mount();
        let mut seen = Seen {
            calls: self.calls(way),
            warnings: self.row.warning.into_iter().map(str::to_owned).collect(),
            ..Seen::default()
        };
        match way {
            Join => self.mounted(&mut seen, known, shown),
            IsWritable(names) => self.refused(&mut seen, "writable", names),
            IsReadOnly(names) => self.refused(&mut seen, "read-only", names),
            IsElsewhere => {
                self.unchanged(&mut seen);
                seen.result =
                    "InUse: it is mounted at /mnt/db in another mount namespace, and held by other"
                        .into();
            }
            Adopt => self.is_at(&mut seen, "/mnt/db", shown),
            Anew(_) | Again => self.anew(&mut seen, way),
        }
        seen
    }

    fn calls(&self, way: Way) -> Vec<String> {
        let mut calls = match way {
            Again => vec!["unmount"],
            _ => Vec::new(),
        };
        if self.asked.create && matches!(way, Again | Anew(_) | Adopt) {
            calls.push("get");
        }
        match way {
            Adopt => calls.push("path"),
            Anew(first) => calls.extend(first),
            _ => {}
        }
        if let Again | Anew(_) = way {
            let wants_read_only = self.asked.wants_read_only();
            calls.push(if wants_read_only { "mount ro" } else { "mount" });
            if let Then::Undone(_) | Then::NotUndone(_) = self.answer.then {
                calls.push("unmount");
            }
        }
        strings(&calls)
    }

    /// It is mounted by the driver, or that fails.
    fn anew(&self, seen: &mut Seen, way: Way) {
        let is_known = self.row.is_remembered() && !matches!(way, Again);
        let known = if is_known {
            self.row.mount().0
        } else {
            "nowhere"
        };
        let holders = match way {
            Again => BTreeSet::new(),
            _ => self.row.living(),
        };
        let begun = format!("unsettled {known}: {}", listed(holders));
        let wants_read_only = self.asked.wants_read_only();
        let is_read_only = wants_read_only || self.answer.mounting == Mounting::MountsReadOnly;
        let mode = if is_read_only { "ro" } else { "rw" };
        let (result, record) = match self.answer.then {
            Then::Mounted => return self.is_at(seen, "/mnt/db", Some(mode)),
            Then::HandedOut => return self.is_at(seen, "/plain/db", None),
            Then::Fails(words) if is_known => (words, begun),
            Then::Fails(words) | Then::Undone(words) => (words, NO_RECORD.to_owned()),
            Then::Unsure(words) | Then::NotUndone(words) => (words, begun),
        };
        seen.result = result.to_owned();
        seen.record = record;
        if self.answer.mounting == Mounting::MountsAndIsLost {
            seen.mounts = vec![format!("/mnt/db {mode}")];
        }
    }

    /// It is mounted, or handed out, by this call or by one that was cut off.
    fn is_at(&self, seen: &mut Seen, place: &str, mode: Option<&str>) {
        let asked = if self.asked.wants_read_only() {
            " asked"
        } else {
            ""
        };
        let shown = if mode == Some("ro") { " ro" } else { "" };
        self.mounted(seen, &format!("{place}{asked}{shown}"), mode);
    }

    /// The holder is in, and sees the volume at its target.
    fn mounted(&self, seen: &mut Seen, known: &str, mode: Option<&str>) {
        let mut holders = match self.asked.way(self.row) {
            Again => BTreeSet::new(),
            _ => self.row.living(),
        };
        // Without an ID, a holder goes by its target.
        let holder = self
            .asked
            .holder
            .replace("anonymous at /target", "/target at /target");
        holders.insert(holder);
        seen.record = format!("settled {known}: {}", listed(holders));
        seen.result = known.split(' ').next().unwrap_or_default().to_owned();
        seen.mounts
            .extend(mode.map(|mode| format!("/mnt/db {mode}")));
        if self.asked.has_target() {
            seen.result = "/target".to_owned();
            let is_read_only = self.asked.read_only || mode == Some("ro");
            let mode = if is_read_only { "ro" } else { "rw" };
            seen.mounts.push(format!("/target {mode}"));
        }
    }

    fn refused(&self, seen: &mut Seen, mode: &str, names: &str) {
        self.unchanged(seen);
        seen.result = format!("InUse: it is mounted {mode} already, and held by {names}");
    }

    fn unchanged(&self, seen: &mut Seen) {
        let (known, shown) = self.row.mount();
        seen.record = format!("settled {known}: {}", listed(self.row.living()));
        seen.mounts = shown
            .map(|mode| format!("/mnt/db {mode}"))
            .into_iter()
            .collect();
    }
}
