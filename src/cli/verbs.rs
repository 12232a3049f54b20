//! The verbs: what each does, as the help and the man page say it, and which arguments it takes.

use clap::Subcommand;

use crate::cli::arguments::{
    Common, CreateArgs, DoctorArgs, DriversArgs, ExportArgs, ImportArgs, InspectArgs, ListArgs,
    MountArgs, PruneArgs, RemoveArgs, ResizeArgs, RunArgs, ServeArgs, SnapshotArgs, UnmountArgs,
};

use crate::cli::shells::{CompleteArgs, CompletionsArgs};

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Verb {
    /// Create a volume
    ///
    /// A volume that exists already is fine; where its options are others, or the driver cannot tell, a warning says so.
    Create(CreateArgs),
    /// Mount a volume and print its path
    ///
    /// Creates the volume first where it is known to be absent. A volume is mounted once per host, and held by each ID
    /// that has mounted it until that ID unmounts it.
    ///
    /// With --from-env it mounts all volumes that the environment describes (TASK ENVIRONMENT in the man page), or
    /// none, and prints a path for each.
    Mount(MountArgs),
    /// Unmount a volume: release it, and unmount it when nobody holds it any more
    ///
    /// What is not mounted, or unknown to the driver, is no error: a warning says so.
    ///
    /// With --from-env it unmounts all volumes that the environment describes, and goes on where one fails.
    #[command(visible_alias = "umount")]
    Unmount(UnmountArgs),
    /// Run a command with a volume mounted, and unmount it when the command ends
    ///
    /// Mounts as mount does, runs the command with the path in DVDCLI_MOUNTPOINT, passes signals on to it, and exits as it
    /// does. Each run is a holder of its own. The command may take any time: --timeout is for mounting, and again for
    /// unmounting [default: 110s, 590s].
    Run(RunArgs),
    /// Remove a volume and its data, unless it is held or mounted
    #[command(visible_alias = "rm")]
    Remove(RemoveArgs),
    /// Let a volume grow, mounted or not, while data is being written (driver loop)
    ///
    /// Image, loop device and file system grow; a volume never shrinks. What a call that was killed has begun is finished by the next
    /// resize or mount.
    Resize(ResizeArgs),
    /// Keep what a volume holds at a moment, list and remove such snapshots, or go back to one (driver loop)
    ///
    /// A mounted volume is copied in one moment, which takes a disk that shares blocks (xfs, btrfs); elsewhere it has to be unmounted. A
    /// snapshot stays when its volume is removed. Volumes are made from it with the options volumeName=NAME,snapshotName=SNAPSHOT, or
    /// snapshotID=NAME@SNAPSHOT. To be restored, a volume must not be held.
    Snapshot(SnapshotArgs),
    /// Give back to the disk what the file system in a volume does not use any more, and print how much (driver loop)
    Trim(Common),
    /// Remove the volumes that nobody holds and whose labels allow it
    ///
    /// Those with the label dvdcli.prune=true, or with the labels that --filter names; never one without a label. Only built-in drivers
    /// keep labels. Prints what was removed, and the space that it took; asks first on a terminal.
    Prune(PruneArgs),
    /// Write the content of a volume as a tar archive
    ///
    /// With owners, modes, times, extended attributes, access control lists, hard links, devices and holes, for import and for GNU tar
    /// (--xattrs --acls). The volume is mounted as long as needed. One that is in use is read file by file, as it is at that moment.
    /// --timeout is for mounting, and again for unmounting [default: 110s, 590s].
    Export(ExportArgs),
    /// Fill an empty volume from a tar archive
    ///
    /// The volume has to exist and to be empty, but for lost+found. All of the archive is put into it, or nothing: not if it is cut
    /// off, does not fit, or has a member that leads out of the volume. Owners are taken as numbers. What an import that was
    /// killed has left is taken away, or completed, by the next import, and by the next mount of a built-in driver's volume. --timeout is
    /// for mounting, and again for unmounting [default: 110s, 590s].
    Import(ImportArgs),
    /// Print where a volume is mounted, or nothing where it is not
    Path(Common),
    /// Print a volume's name, if it exists
    Get(Common),
    /// List the volumes of one driver, or of all
    ///
    /// Without --volumedriver every driver is asked, side by side; one that does not answer is named on stderr, and the
    /// exit code is 1. One that an administrator has disabled is only warned of. For names alone no volume is looked at
    /// closely: the other formats, inspect and doctor tell of one that is damaged.
    #[command(visible_alias = "ls")]
    List(ListArgs),
    /// Print all that is known of a volume, as a JSON array with Docker's keys
    Inspect(InspectArgs),
    /// Tell by the exit code whether a volume exists: 0 yes, 3 no, 1 cannot say
    Exists(Common),
    /// List every driver found, where it is, and whether it answers
    Drivers(DriversArgs),
    /// Look for what is wrong on this host, and say what to do
    ///
    /// Drivers that do not answer, holders that have died, mounts that nobody holds, what killed calls have left, file systems with
    /// errors, full disks, missing programs, wrong settings. A line for each; the exit code is 1 where anything is wrong. Nothing
    /// is changed without --fix, and with it only what is safe: nothing in use is unmounted, and no file system is checked. What only
    /// root can see is left out for others, with a warning.
    Doctor(DoctorArgs),
    /// Serve a driver to Docker, Podman and other engines, as a volume plugin
    ///
    /// Listens on /run/docker/plugins/DRIVER.sock, and on dvdcli.sock for the driver local. What engines mount is held like what
    /// commands mount, by each ID as often as it was mounted. SIGTERM ends it when what is under way is done; mounts stay. On TCP it
    /// writes the file in /etc/docker/plugins by which Docker finds it. --timeout is for each call [default: 110s to create and to
    /// mount, else 55s].
    Serve(ServeArgs),
    /// Print the version and how the program was built
    Version(Common),
    /// Print a shell's completion script
    Completions(CompletionsArgs),
    /// Answer a completion script, which asks on stdin
    #[command(hide = true)]
    Complete(CompleteArgs),
    /// Print the man page
    Man(Common),
}

impl Verb {
    /// The flags that every verb takes.
    pub fn common(&self) -> &Common {
        match self {
            Verb::Create(args) => &args.common,
            Verb::Mount(args) => &args.common,
            Verb::Unmount(args) => &args.common,
            Verb::Run(args) => &args.common,
            Verb::Remove(args) => &args.common,
            Verb::List(args) => &args.common,
            Verb::Prune(args) => &args.common,
            Verb::Export(args) => &args.common,
            Verb::Import(args) => &args.common,
            Verb::Resize(args) => &args.common,
            Verb::Snapshot(args) => &args.common,
            Verb::Inspect(args) => &args.common,
            Verb::Drivers(args) => &args.common,
            Verb::Doctor(args) => &args.common,
            Verb::Serve(args) => &args.common,
            Verb::Completions(args) => &args.common,
            Verb::Complete(args) => &args.common,
            Verb::Path(common)
            | Verb::Get(common)
            | Verb::Exists(common)
            | Verb::Trim(common)
            | Verb::Version(common)
            | Verb::Man(common) => common,
        }
    }
}
