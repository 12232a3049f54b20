//! The tables: how a volume stands, what is asked for, what the driver answers.

use std::collections::BTreeSet;

use crate::base::failure::ErrorKind;
use crate::driver::interface::Chooser;
use crate::volume::bind::view::View;
use crate::volume::request::MountRequest;
use crate::volume::tests::fake_driver::{Mounting, Unmounting};
use crate::volume::tests::standings::{Mounted, Remembered, Standing, holder};
use crate::volume::tests::{Scene, request};

use Mounted::*;
use Remembered::*;
use Way::*;

/// How a request is met.
#[derive(Debug, Clone, Copy)]
pub enum Way {
    /// The holder is added; the driver is not asked.
    Join,
    /// The driver mounts, after it was asked these.
    Anew(&'static [&'static str]),
    /// Its holders are dead and wanted the other mode: it is unmounted first, and nothing is remembered.
    Again,
    /// A mount that a call left behind when it was cut off is taken over.
    Adopt,
    /// In use: it is mounted so already, and held by these.
    IsWritable(&'static str),
    IsReadOnly(&'static str),
    /// In use, in another mount namespace.
    IsElsewhere,
}

/// How a volume stands, and the way of a writable request, of a read-only one, and of a read-only view at a target.
pub struct Row {
    pub standing: Standing,
    pub tells_path: bool,
    pub ways: [Way; 3],
    pub warning: Option<&'static str>,
}

pub const fn row(
    name: &'static str,
    remembered: Remembered,
    mounted: Mounted,
    holders: &'static [&'static str],
    ways: [Way; 3],
) -> Row {
    Row {
        standing: Standing {
            name,
            remembered,
            mounted,
            holders,
        },
        tells_path: false,
        ways,
        warning: None,
    }
}

pub const NEW: Way = Anew(&[]);
pub const UNMOUNTED_FIRST: Way = Anew(&["unmount"]);
pub const RECOVERED: Way = Anew(&["path", "unmount"]);

pub const fn writable(names: &'static str) -> [Way; 3] {
    [Join, IsWritable(names), Join]
}

/// A line per entry.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("unknown", Nothing, Never, &[], [NEW; 3]),
    row("of another boot", OfAnotherBoot, Never, &["other"], [NEW; 3]),
    row("held", Settled, Writable, &["other"], writable("other")),
    row("held twice", Settled, Writable, &["other", "third"], writable("other, third")),
    row("held by the same", Settled, Writable, &["me"], writable("me")),
    row("held anonymously", Settled, Writable, &["anonymous"], writable("a caller without an ID")),
    row("held by one who lives", Settled, Writable, &["dead", "other"], writable("other")),
    row("idle", Settled, Writable, &["dead"], [Join, Again, Join]),
    row("idle, read-only", Settled, ReadOnly, &["dead"], [Again, Join, Join]),
    row("held by nobody", Settled, Writable, &[], [Join, Again, Join]),
    row("held read-only", Settled, ReadOnly, &["other"], [IsReadOnly("other"), Join, Join]),
    row("read-only by itself", Settled, ReadOnlyByItself, &["other"], [Join; 3]),
    row("a directory", Settled, Directory, &["other"], writable("other")),
    row("vanished", Settled, Vanished, &["other"], [UNMOUNTED_FIRST; 3]),
    row("elsewhere", Settled, Elsewhere, &["other"], [IsElsewhere; 3]),
    row("elsewhere, and gone", Settled, ElsewhereGone, &["other"], [UNMOUNTED_FIRST; 3]),
    row("cut off, not mounted", Unsettled, Never, &[], [RECOVERED; 3]),
    row("cut off, mounted", Unsettled, Unknown, &[], [RECOVERED; 3]),
    row("cut off while unmounting", Unsettled, Writable, &[], [RECOVERED; 3]),
    row("cut off, mounting anew", Unsettled, Vanished, &["other"], [RECOVERED; 3]),
    Row { tells_path: true, ..row("cut off, mounted as the driver says", Unsettled, Unknown, &[], [Adopt, RECOVERED, Adopt]) },
    Row { tells_path: true, ..row("cut off, mounted read-only", Unsettled, ReadOnly, &[], [RECOVERED, Adopt, RECOVERED]) },
    Row { tells_path: true, ..row("cut off, only the driver says mounted", Unsettled, Vanished, &["other"], [RECOVERED; 3]) },
    Row {
        warning: Some("volume db is mounted anew: mount point /mnt/db: transport endpoint is not connected"),
        ..row("dead", Settled, Dead, &["other"], [UNMOUNTED_FIRST; 3])
    },
    Row {
        warning: Some("DAMAGED"),
        ..row("damaged", Damaged, Writable, &["other"], [RECOVERED; 3])
    },
];

/// What is asked for.
pub struct Asked {
    /// As the record has it afterwards.
    pub holder: &'static str,
    pub read_only: bool,
    pub create: bool,
    pub view: View<'static>,
}

pub const fn asked(holder: &'static str, read_only: bool, create: bool) -> Asked {
    let view = View::Plain(if read_only { "ro" } else { "" });
    Asked {
        holder,
        read_only,
        create,
        view,
    }
}

pub const ASKED: [Asked; 8] = [
    asked("anonymous", false, false),
    asked("me", false, true),
    asked("run task", false, true),
    asked("me", true, true),
    asked("me at /target", false, true),
    asked("me at /target", true, true),
    Asked {
        view: View::Listed(""),
        ..asked("anonymous at /target", false, false)
    },
    Asked {
        view: View::ContainerPath { chown: false },
        ..asked("run task at /target", false, true)
    },
];

/// What the driver answers to `mount`, and to the `unmount` that undoes it.
pub struct Answer {
    pub mounting: Mounting,
    pub undoing: Unmounting,
    pub then: Then,
}

#[derive(Clone, Copy)]
pub enum Then {
    Mounted,
    HandedOut,
    /// The record is as it was when it began.
    Fails(&'static str),
    /// The record is as it was when it began, and it may be mounted.
    Unsure(&'static str),
    /// The path was not good, and it is unmounted again.
    Undone(&'static str),
    /// The path was not good, and unmounting failed as well.
    NotUndone(&'static str),
}

pub const fn answer(mounting: Mounting, then: Then) -> Answer {
    Answer {
        mounting,
        undoing: Unmounting::Unmounts,
        then,
    }
}

pub const fn fails(kind: ErrorKind, words: &'static str) -> Answer {
    answer(Mounting::Fails(kind), Then::Fails(words))
}

pub const fn undone(path: &'static str, undoing: Unmounting, then: Then) -> Answer {
    Answer {
        mounting: Mounting::Path(path),
        undoing,
        then,
    }
}

pub const EMPTY: &str = "Other: driver fake: the mount point is empty";

/// A line per entry.
#[rustfmt::skip]
pub const ANSWERS: &[Answer] = &[
    answer(Mounting::Mounts, Then::Mounted),
    answer(Mounting::MountsReadOnly, Then::Mounted),
    answer(Mounting::HandsOut, Then::HandedOut),
    fails(ErrorKind::Other, "Other: mount: Other"),
    fails(ErrorKind::Refused, "Refused: mount: Refused"),
    fails(ErrorKind::Absent, "Absent: mount: Absent"),
    fails(ErrorKind::InUse, "InUse: mount: InUse"),
    fails(ErrorKind::Usage, "Usage: mount: Usage"),
    answer(Mounting::Fails(ErrorKind::Unsure), Then::Unsure("Unsure: mount: Unsure")),
    answer(Mounting::MountsAndIsLost, Then::Unsure("Unsure: mount: Unsure")),
    undone("", Unmounting::Unmounts, Then::Undone(EMPTY)),
    undone("mnt/db", Unmounting::Unmounts, Then::Undone("Other: driver fake: mount point 'mnt/db' is no absolute path")),
    undone("/no/such\n", Unmounting::Unmounts, Then::Undone("Other: driver fake: mount point '/no/such\\n' has a line end or blanks that callers cut off")),
    undone("/no/such/directory", Unmounting::KnowsNothing, Then::Undone("Other: driver fake: mount point /no/such/directory: no such file or directory")),
    undone("/proc/self/stat", Unmounting::Unmounts, Then::Undone("Other: driver fake: mount point /proc/self/stat: not a directory")),
    undone("", Unmounting::Fails(ErrorKind::Other), Then::NotUndone("Other: driver fake: the mount point is empty; unmounting it again: unmount: Other")),
    undone("", Unmounting::Fails(ErrorKind::InUse), Then::NotUndone("Other: driver fake: the mount point is empty; unmounting it again: unmount: InUse")),
    undone("", Unmounting::Fails(ErrorKind::Unsure), Then::NotUndone("Other: driver fake: the mount point is empty; unmounting it again: unmount: Unsure")),
];

impl Asked {
    pub fn has_target(&self) -> bool {
        self.holder.contains(" at ")
    }

    pub fn wants_read_only(&self) -> bool {
        self.read_only && !self.has_target()
    }

    pub fn way(&self, row: &Row) -> Way {
        match (self.read_only, self.has_target()) {
            (false, _) => row.ways[0],
            (true, false) => row.ways[1],
            (true, true) => row.ways[2],
        }
    }

    pub fn request(&self, scene: &Scene) -> MountRequest<'static> {
        MountRequest {
            create: self.create.then_some(Chooser::Caller),
            view: self.view,
            ..request(holder(scene, self.holder))
        }
    }
}

impl Row {
    /// What the record says of the mount, `/mnt/db asked ro`; and what the mount table shows there.
    pub fn mount(&self) -> (&'static str, Option<&'static str>) {
        let (known, shown) = match self.standing.mounted {
            Never => ("nowhere", None),
            Unknown => ("nowhere", Some("rw")),
            Writable | Dead => ("/mnt/db", Some("rw")),
            ReadOnly => ("/mnt/db asked ro", Some("ro")),
            ReadOnlyByItself => ("/mnt/db ro", Some("ro")),
            Vanished | Elsewhere | ElsewhereGone => ("/mnt/db", None),
            Directory => ("/plain/db", None),
        };
        match self.standing.remembered {
            Damaged => ("nowhere", shown),
            _ => (known, shown),
        }
    }

    /// Who holds it still: the dead are released first, and what is damaged or of another boot says nothing.
    pub fn living(&self) -> BTreeSet<String> {
        match self.standing.remembered {
            Damaged | OfAnotherBoot => BTreeSet::new(),
            _ => {
                let holders = self.standing.holders.iter();
                let living = holders.filter(|name| **name != "dead");
                living.map(|name| (*name).to_owned()).collect()
            }
        }
    }

    pub fn is_remembered(&self) -> bool {
        !matches!(self.standing.remembered, Nothing | OfAnotherBoot)
    }
}
