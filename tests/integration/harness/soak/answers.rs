//! What a call may answer while others work on the same volume.

use crate::harness::process::{Output, is_warnings};
use crate::harness::scenario::{Done, ensure};

/// In what a volume that is in use is refused.
const IN_USE: [&str; 9] = [
    "mounted on host host-",
    "is mounted at ",
    "mounted at ",
    "it was mounted meanwhile",
    "it is mounted",
    "is busy",
    "held by ",
    "is bound to",
    "in use",
];

const ABSENT: [&str; 3] = [
    "no such volume",
    "there is no volume ",
    "there is no snapshot ",
];

/// What a volume cannot have.
const IMPOSSIBLE: [&str; 3] = [
    "and the smallest that would do is",
    "keeps its space, and cannot be trimmed",
    "and create it with snapshotID=",
];

/// Why growing, or an import, has changed nothing.
const NOT_NOW: [&str; 3] = [
    "only for CAP_SYS_RESOURCE; unmount it first",
    "it is not empty",
    // The volume is full, or the disk.
    "no space left on device",
];

/// What is said where nothing more fits on the disk.
const REFUSED: [&str; 1] = ["that stay free (setting dvdcli.allow.loop.reserve)"];

/// Of what a full disk has broken.
const BROKEN: [&str; 16] = [
    "its file system was",
    "no space left on device",
    "input/output error",
    "is lost",
    "its file system has",
    "its file system is",
    "read-only file system",
    "structure needs cleaning",
    "the disk with its image is full",
    "is full",
    "allocating space",
    // Of a copy that could not be made whole, and was not made.
    "e2fsck: exit status",
    "tune2fs: exit status",
    "xfs_admin: exit status",
    "has made no new uuid",
    "replaying the journal on",
];

/// What is said where a copy was killed that had had the volume written out.
const UNSURE: [&str; 1] = ["may be lost: another call was cut off while it was told"];

/// Whether the disk refused it before anything was done.
pub fn is_refused_by_full_disk(found: &Output) -> bool {
    // Who only mounts has asked for a size that the disk could not hold: wrong usage.
    matches!(found.code, 1 | 2) && says(&found.stderr, &REFUSED)
}

/// Whether the file system of a mounted volume, which a full disk has broken, answers nothing but errors.
pub fn is_unreadable(found: &Output) -> bool {
    const ERRORS: [&str; 2] = ["input/output error", "structure needs cleaning"];
    found.code == 1 && says(&found.stderr, &ERRORS)
}

fn says(text: &str, any: &[&str]) -> bool {
    let text = text.to_lowercase();
    any.iter().any(|words| text.contains(&words.to_lowercase()))
}

/// The answer is one that the verb may give. `may_be_broken`: the disk has been full.
pub fn check(verb: &str, found: &Output, may_be_broken: bool) -> Done {
    match verb {
        "prune" => return check_prune(found, may_be_broken),
        "doctor" => {
            let is_right = matches!(found.code, 0 | 1) && is_warnings(&found.stderr);
            return ensure(is_right, || format!("doctor must not answer {found:?}"));
        }
        _ => {}
    }
    let mut lines = found.stderr.lines();
    let last = lines.next_back().unwrap_or_default();
    let has_words = last.starts_with("dvdcli: ")
        && !is_warnings(last)
        && lines.all(is_warnings)
        && found.stdout.is_empty();
    let makes = matches!(verb, "create" | "mount" | "run" | "resize" | "snapshot");
    let looks_after = matches!(verb, "resize" | "import" | "trim" | "snapshot");
    let is_right = match found.code {
        0 => is_warnings(&found.stderr),
        1 => {
            let is_broken = may_be_broken && says(last, &BROKEN);
            let is_refused = makes && is_refused_by_full_disk(found);
            let is_not_now = looks_after && says(last, &NOT_NOW);
            has_words && (is_refused || is_broken || is_not_now || says(last, &UNSURE))
        }
        2 if looks_after && says(last, &IMPOSSIBLE) => has_words,
        2 => has_words && verb != "create" && makes && is_refused_by_full_disk(found),
        3 if verb == "exists" => found.stderr.is_empty(),
        3 => has_words && says(last, &ABSENT) && verb != "unmount",
        4 => has_words && says(last, &IN_USE) && !matches!(verb, "get" | "list" | "exists"),
        // The command could not read what a full disk has broken.
        99 => verb == "run" && may_be_broken && is_warnings(&found.stderr),
        _ => false,
    };
    ensure(is_right, || format!("{verb} must not answer {found:?}"))
}

/// It goes on where one volume cannot be removed.
fn check_prune(found: &Output, may_be_broken: bool) -> Done {
    let is_right = |line: &str| {
        let is_error = line.starts_with("dvdcli: removing volume ") && found.code != 0;
        let is_broken = may_be_broken && says(line, &BROKEN);
        is_warnings(line) || is_error && (is_broken || says(line, &IN_USE))
    };
    let is_right = matches!(found.code, 0 | 1 | 4) && found.stderr.lines().all(is_right);
    ensure(is_right, || format!("prune must not answer {found:?}"))
}

/// The answer without names and numbers, for a count of those that there were.
pub fn kind(verb: &str, found: &Output) -> String {
    let last = found.stderr.lines().next_back().unwrap_or_default();
    let mut text: String = last
        .chars()
        .map(|c| if c.is_ascii_digit() { '#' } else { c })
        .collect();
    while text.contains("##") {
        text = text.replace("##", "#");
    }
    for fs_type in ["ext#", "ext", "xfs", "btrfs"] {
        text = text.replace(fs_type, "FS");
    }
    format!("{verb} {}: {text}", found.code)
}
