//! The keys of what is printed as JSON or by a template, with their shapes, as the man page has them.

/// A key and the shape of its value.
pub type Key = (&'static str, &'static str);

/// Of a volume in a list.
pub const LISTED: &[Key] = &[
    ("Driver", "text: the driver's name"),
    ("Name", "text"),
    (
        "Mountpoint",
        "text or null: the directory that users get, where the driver names one",
    ),
    ("Labels", "object of texts"),
    ("Problem", "text, only where there is one: half removed"),
    ("Size", SIZE),
    ("Allocated", ALLOCATED),
    ("Used", USED),
    ("Free", FREE),
];

/// Of a volume that is inspected.
pub const INSPECTED: &[Key] = &[
    ("CreatedAt", "text or null: RFC 3339, as the driver has it"),
    ("Driver", "text"),
    ("Labels", "object of texts"),
    ("Mountpoint", "text: the directory that users get, or empty"),
    ("Name", "text"),
    (
        "Options",
        "object of texts, or null where the driver does not tell them; secrets masked",
    ),
    ("Scope", "text: local or global"),
    (
        "Status",
        "object: whatever the driver shows; of loop what REX-Ray shows",
    ),
    ("Holders", "array of texts"),
    (
        "Snapshots",
        "array of texts: their IDs, or null where the driver has none",
    ),
    ("Size", SIZE),
    ("Allocated", ALLOCATED),
    ("Used", USED),
    ("Free", FREE),
    ("FsType", "text: the file system, of built-in drivers"),
    (
        "Device",
        "text or null: what is mounted, of built-in drivers",
    ),
    (
        "Problem",
        "text, only where there is one: what is wrong with the file system, or that the disk below is full",
    ),
];

/// Of a snapshot.
pub const SNAPSHOTS: &[Key] = &[
    (
        "Volume",
        "text: the volume that it was taken of, which may be gone",
    ),
    ("Name", "text"),
    ("ID", "text: VOLUME@NAME, as the option snapshotID has it"),
    ("CreatedAt", "text: RFC 3339"),
    ("Size", "bytes"),
    ("Allocated", "bytes, some of which it may share with others"),
];

/// Of a driver.
pub const DRIVERS: &[Key] = &[
    ("Name", "text"),
    ("Type", "text: built-in, managed or legacy"),
    ("Scope", "text or null: local or global"),
    (
        "Address",
        "text: where a plugin listens, or the directory of the volumes",
    ),
    (
        "Allowed",
        "boolean: whether the setting allow.drivers has it",
    ),
    (
        "Policy",
        "object: what the other settings below allow say of it, by their names, such as views; sizes in bytes, overcommit null where it is warned of",
    ),
    ("Answers", "boolean"),
    ("Error", "text or null: why it does not answer"),
];

/// Of what is wrong.
pub const FOUND: &[Key] = &[
    (
        "Subject",
        "text: what it is about, such as loop/db or plugin rexray",
    ),
    ("Problem", "text: what is wrong"),
    (
        "Repair",
        "text or null: what there is to do, where the problem does not say so itself",
    ),
    ("Fixable", "boolean: whether doctor --fix repairs it"),
    ("Fixed", "text or null: what was done about it"),
];

const SIZE: &str = "bytes or null: what the volume was given";
const ALLOCATED: &str = "bytes or null: what it takes on the disk below";
const USED: &str = "bytes or null: what is used in its file system";
const FREE: &str = "bytes or null: what is free in its file system";
