//! The tables: how a volume stands, who lets go, what the driver answers.

use crate::base::failure::ErrorKind;
use crate::volume::request::Release;
use crate::volume::tests::fake_driver::Unmounting;
use crate::volume::tests::standings::{Mounted, Remembered, Standing};

use Mounted::*;
use Remembered::*;

/// Who lets go, in the order of the columns below. After them comes whoever releases all.
pub const WHO: [&str; 6] = [
    "me",
    "you",
    "me at /target",
    "anonymous at /target",
    "anonymous",
    "run task",
];

/// How a volume stands, and who holds it after each of [`WHO`] has let go. [`LAST`]: nobody, so that the driver is told.
pub struct Row {
    pub standing: Standing,
    pub remain: [&'static str; 6],
}

pub const LAST: &str = "nobody";
/// What is not held by this run is left as it is.
pub const LEFT: &str = "LEFT";
/// Whoever lets go, nobody holds it.
pub const NOBODY: [&str; 6] = [LAST, LAST, LAST, LAST, LAST, LEFT];

pub const fn row(
    name: &'static str,
    remembered: Remembered,
    mounted: Mounted,
    holders: &'static [&'static str],
    remain: [&'static str; 6],
) -> Row {
    Row {
        standing: Standing {
            name,
            remembered,
            mounted,
            holders,
        },
        remain,
    }
}

pub const ME: &str = "me";
pub const TASK: &str = "run task";
pub const AT: &str = "me at /target";
pub const BOTH: &str = "me, me at /target";
pub const SHARED: &str = "me at /target, other at /target";

/// A line per entry.
#[rustfmt::skip]
pub const ROWS: &[Row] = &[
    row("unknown", Nothing, Never, &[], NOBODY),
    row("of another boot", OfAnotherBoot, Never, &["me"], NOBODY),
    row("held", Settled, Writable, &["me"], [LAST, ME, ME, ME, ME, LEFT]),
    row("held read-only", Settled, ReadOnly, &["me"], [LAST, ME, ME, ME, ME, LEFT]),
    row("held by another", Settled, Writable, &["other"], ["other", "other", "other", "other", "other", LEFT]),
    row("held twice", Settled, Writable, &["me", "other"], ["other", "me, other", "me, other", "me, other", "me, other", LEFT]),
    row("held anonymously", Settled, Writable, &["anonymous"], ["anonymous", "anonymous", "anonymous", "anonymous", LAST, LEFT]),
    row("held at a target", Settled, Writable, &["me at /target"], [LAST, AT, LAST, LAST, AT, LEFT]),
    row("held plainly and at a target", Settled, Writable, &["me", "me at /target"], [LAST, BOTH, ME, ME, BOTH, LEFT]),
    row("a shared target", Settled, Writable, &["me at /target", "other at /target"],
        ["other at /target", SHARED, "other at /target", "other at /target", SHARED, LEFT]),
    row("held by a run", Settled, Writable, &["run task"], [TASK, TASK, TASK, TASK, TASK, LAST]),
    row("held by a run and another", Settled, Writable, &["run task", "other"],
        ["other, run task", "other, run task", "other, run task", "other, run task", "other, run task", "other"]),
    row("idle", Settled, Writable, &["dead"], NOBODY),
    row("held beside one who died", Settled, Writable, &["dead", "me"], [LAST, ME, ME, ME, ME, LEFT]),
    row("a directory", Settled, Directory, &["me"], [LAST, ME, ME, ME, ME, LEFT]),
    row("vanished", Settled, Vanished, &["me", "other"], NOBODY),
    row("dead", Settled, Dead, &["me"], [LAST, ME, ME, ME, ME, LEFT]),
    row("elsewhere", Settled, Elsewhere, &["me"], [LAST, ME, ME, ME, ME, LEFT]),
    row("elsewhere, and gone", Settled, ElsewhereGone, &["me"], NOBODY),
    row("cut off, not mounted", Unsettled, Never, &[], NOBODY),
    row("cut off, mounted", Unsettled, Unknown, &[], NOBODY),
    row("cut off while unmounting", Unsettled, Writable, &[], NOBODY),
    row("cut off, mounting anew", Unsettled, Vanished, &["other"], NOBODY),
    row("damaged", Damaged, Writable, &["me"], NOBODY),
];

/// Who lets go, and how.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    pub column: usize,
    pub how: Release,
}

pub const ANSWERS: [Unmounting; 9] = [
    Unmounting::Unmounts,
    Unmounting::KeepsForAnother,
    Unmounting::KnowsNothing,
    Unmounting::UnmountsAndIsLost,
    Unmounting::Fails(ErrorKind::Unsure),
    Unmounting::Fails(ErrorKind::Other),
    Unmounting::Fails(ErrorKind::Refused),
    Unmounting::Fails(ErrorKind::Absent),
    Unmounting::Fails(ErrorKind::InUse),
];

/// Who holds it afterwards.
pub fn remain(row: &Row, asked: Asked) -> &'static str {
    match row.remain[asked.column] {
        LEFT => LEFT,
        _ if asked.how.all => LAST,
        names => names,
    }
}
