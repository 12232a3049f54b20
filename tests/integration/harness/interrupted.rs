//! The commands that are interrupted, each with the state that it starts from.

/// A command, and the state that it starts from.
#[derive(Debug)]
pub struct Verb {
    pub name: &'static str,
    pub line: &'static str,
    pub before: &'static [&'static str],
    /// The driver.
    pub driver: &'static str,
    /// What is handed out.
    pub path: &'static str,
    pub around: Around,
}

/// What is special where the command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Around {
    Nothing,
    /// Another host, which is down, has mounted the volume, and it is to be taken from it.
    OtherHost,
    /// This host has claimed the volume, and does not have it mounted.
    Claimed,
    /// Nothing more fits on the disk with the volumes.
    FullDisk,
    /// The other volume has a snapshot, and whoever mounts may copy it.
    Snapshot,
}

const LOOP_PATH: &str = "$ROOT/var/lib/dvdcli/loop/db/mnt/data";
const LOCAL_PATH: &str = "$ROOT/var/lib/dvdcli/local/db/_data";
const NEW: &str = "create -d loop -n db --opt size=20MiB";
const MOUNT: &str = "mount -d loop -n db";
const SNAPSHOT: &str = "snapshot create -d loop -n db --snapshotname s";
const TMPFS: &str = "create -d local -n db --opt type=tmpfs --opt device=tmpfs --opt o=size=1m";

const fn on_loop(name: &'static str, line: &'static str, before: &'static [&'static str]) -> Verb {
    Verb {
        name,
        line,
        before,
        driver: "loop",
        path: LOOP_PATH,
        around: Around::Nothing,
    }
}

const fn on_local(name: &'static str, line: &'static str, before: &'static [&'static str]) -> Verb {
    Verb {
        name,
        line,
        before,
        driver: "local",
        path: LOCAL_PATH,
        around: Around::Nothing,
    }
}

const fn amid(around: Around, verb: Verb) -> Verb {
    Verb { around, ..verb }
}

pub const VERBS: [Verb; 25] = [
    on_loop("create", NEW, &[]),
    on_loop("mount", MOUNT, &[NEW]),
    on_loop("mount new", "mount -d loop -n db --opt size=20MiB", &[]),
    on_loop(
        "mount overwriting",
        "mount -d loop -n db --opt overwritefs=true --opt newfstype=xfs",
        &[NEW],
    ),
    on_loop("unmount", "unmount -d loop -n db", &[NEW, MOUNT]),
    on_loop("remove", "remove -d loop -n db", &[NEW]),
    on_loop(
        "run",
        "run -d loop -n db --target $ROOT/target -- true",
        &[NEW],
    ),
    on_local("mount tmpfs", "mount -d local -n db", &[TMPFS]),
    on_local(
        "unmount tmpfs",
        "unmount -d local -n db",
        &[TMPFS, "mount -d local -n db"],
    ),
    on_local(
        "remove directory",
        "remove -d local -n db",
        &["create -d local -n db"],
    ),
    on_loop("copy", "create -d loop -n db --opt volumeName=other", &[]),
    on_loop("resize", "resize -d loop -n db --size 40MiB", &[NEW]),
    on_loop("snapshot", SNAPSHOT, &[NEW]),
    on_loop(
        "restore",
        "snapshot restore -d loop -n db --snapshotname s",
        &[NEW, SNAPSHOT],
    ),
    on_loop("export", "export -d loop -n db -O $ROOT/db.tar", &[NEW]),
    on_loop("import", "import -d loop -n db $ROOT/new.tar", &[NEW]),
    on_loop("trim", "trim -d loop -n db", &[NEW]),
    on_loop(
        "prune",
        "prune --yes",
        &["create -d loop -n db --opt size=20MiB --label dvdcli.prune=true"],
    ),
    on_loop("run clone", "run -d loop -n db --clone -- true", &[NEW]),
    amid(
        Around::Snapshot,
        on_loop(
            "mount from snapshot",
            "mount -d loop -n db --opt volumeName=other --opt snapshotName=s",
            &[],
        ),
    ),
    amid(Around::OtherHost, on_loop("take", MOUNT, &[NEW])),
    amid(
        Around::Claimed,
        on_loop("doctor", "doctor -d loop --fix", &[NEW]),
    ),
    amid(
        Around::FullDisk,
        on_loop("mount on full disk", MOUNT, &[NEW]),
    ),
    amid(
        Around::FullDisk,
        on_loop(
            "unmount on full disk",
            "unmount -d loop -n db",
            &[NEW, MOUNT],
        ),
    ),
    amid(
        Around::FullDisk,
        on_loop("remove on full disk", "remove -d loop -n db", &[NEW]),
    ),
];

impl Verb {
    /// `mount` of a volume that exists leaves that alone, and so does `unmount`.
    pub fn changes_existence(&self) -> bool {
        self.before.is_empty() || self.removes()
    }

    pub fn makes_a_file_system(&self) -> bool {
        self.line.contains("size=")
    }

    pub fn is(&self, verb: &str) -> bool {
        self.line.split(' ').next() == Some(verb)
    }

    /// `prune` finds no other volume to remove.
    pub fn removes(&self) -> bool {
        self.is("remove") || self.is("prune")
    }

    /// Whether it mounts the volume, or a copy of it, for as long as it works.
    pub fn mounts_for_itself(&self) -> bool {
        ["run", "export", "import", "trim"]
            .iter()
            .any(|verb| self.is(verb))
    }

    /// Whether only those of its calls are worth trying that change something: a disk takes long to be filled, `doctor` mostly looks, and
    /// what is done to an image begins as a mount does.
    pub fn is_long(&self) -> bool {
        let is_of_image = self.is("resize") || self.is("snapshot");
        is_of_image || self.every() > 1 || matches!(self.around, Around::FullDisk | Around::Claimed)
    }

    /// Of these calls, each how many-th is tried, since the others are made by other verbs as well: it mounts, copies or removes as
    /// they do.
    pub fn every(&self) -> usize {
        match self.name {
            "trim" => 3,
            "prune" => 5,
            "export" => 13,
            "mount from snapshot" => 17,
            "import" => 23,
            "run clone" => 29,
            _ => 1,
        }
    }

    pub fn clones(&self) -> bool {
        self.line.contains("--clone")
    }

    /// The volume is a copy of the other one.
    pub fn copies(&self) -> bool {
        self.line.contains("volumeName=")
    }

    pub fn has_file(&self) -> bool {
        !self.before.is_empty() && self.driver == "loop" || self.name == "remove directory"
    }
}
