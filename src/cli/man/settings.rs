//! The man page's sections on what the program finds around it: variables, configuration, drivers and files.

/// A title, and what stands below it. An empty term makes a paragraph.
pub const SECTIONS: &[(&str, &[(&str, &str)])] = &[
    (
        "ENVIRONMENT",
        &[
            (
                "DVDI_VOLUME_NAME and so on",
                "With --from-env, and then no other variable counts: TASK ENVIRONMENT.",
            ),
            (
                "DVDCLI_TIMEOUT, DVDCLI_WAIT, DVDCLI_CONFIG",
                "As --timeout, --wait and --config. An empty variable is not set.",
            ),
            (
                "DVDCLI_ROOT",
                "A directory put in front of the places listed under FILES, for tests and trials beside a live host.",
            ),
            (
                "DVDCLI_MOUNTPOINT",
                "Set by run for its command: the path that mount would print.",
            ),
            (
                "SSL_CERT_FILE",
                "The certificate authorities to trust where a plugin's spec names none.",
            ),
        ],
    ),
    (
        "CONFIGURATION",
        &[
            (
                "",
                "A YAML file. Below dvdcli: driver (where --volumedriver is left out), timeout, wait, and aliases, a map from a \
                 plain name to a driver (ebs: rexray/ebs:latest) for callers that cannot pass a slash or a colon. A setting \
                 without a value (nothing, ~ or null) is not set; /dev/null is no configuration. A wrong value of a setting for \
                 built-in drivers is an error when one of them is used.",
            ),
            (
                "",
                "REX-Ray's file is understood, in all generations of its names and in any case; what is not listed is left \
                 alone. An environment variable named after a property of REX-Ray's (REXRAY_VOLUME_UNMOUNT_IGNOREUSEDCOUNT) \
                 overrides it.",
            ),
            (
                "dvdcli.root",
                "Where built-in drivers keep their volumes, instead of /var/lib/dvdcli. It may be shared: each host needs an ID \
                 in /etc/machine-id and a name of its own.",
            ),
            (
                "dvdcli.allow.NAME",
                "drivers, local.types, local.devices, local.helpers, local.mountopts, loop.maxsize, loop.reserve, loop.overcommit, \
                 loop.copies, loop.mountopts, containerpaths, views: what those may have who are not root, with the defaults under SECURITY. They count \
                 only in a file that is root's and that nobody else can write, and no variable stands for them.",
            ),
            (
                "rexray.volume.NAME or libstorage.integration.volume.operations.NAME",
                "unmount.ignoreUsedCount: unmount releases every holder. For built-in drivers: mount.preempt lets mount take a \
                 volume from another host (remove never does); remove.disable and create.disable refuse.",
            ),
            (
                "libstorage.integration.volume.operations.NAME",
                "create.implicit: false, and mount does not create. For built-in drivers: mount.path, where volumes are mounted \
                 (PATH/NAME; symbolic links in PATH are followed where only root can have made them, and NAME is never one); \
                 mount.rootPath (also linux.volume.rootPath), the directory handed out, /data unless set; \
                 create.default.size, .iops, .type, .fsType, .availabilityZone (also docker.size, docker.iops, \
                 docker.volumeType, docker.fsType, docker.availabilityZone).",
            ),
        ],
    ),
    (
        "BUILT-IN DRIVERS",
        &[
            (
                "",
                "loop: a file system in an image file on a loop device. Options, in any case: size (GiB where bare, default 16), \
                 newFsType, fsType or fs (ext4, xfs, btrfs), volumeName or volumeID (a copy of that volume), snapshotName (of the snapshot, of \
                 that volume or the only one that has it; else of the volume of that name) or snapshotID (VOLUME@SNAPSHOT), which a larger size \
                 lets grow, volumeType (thin; thick: its space is allocated, and stays so), iops and availabilityZone (recorded), overwriteFs, uid, gid, mode, \
                 mountOpts or o. A mount that is read-only, by --read-only without --target or by the option ro, writes nothing to \
                 the image, not even to replay its journal or to make the directory that is handed out, which create makes: where that is needed, mount it \
                 once without --read-only. On a store that is read-only it is mounted without replay, with a warning.",
            ),
            (
                "",
                "local: a directory, or type, device and o as with Docker's local driver; uid, gid, mode of a directory or a tmpfs. A type with a helper \
                 /sbin/mount.TYPE is mounted by mount(8). The mount has to be in the mount table 10 s after the helper has ended (a \
                 daemon may mount in the background); flags that the helper has left out (ro, noexec) are set. A helper that a mount \
                 names for umount(8) (helper= in /run/mount/utab, as davfs2 does) is called to unmount it. A bind has no tie to its source: \
                 what is mounted below one of them later does not appear below the other (with slave or rslave in o, what is \
                 mounted below the source does). What ro, nosuid, nodev and noexec forbid is forbidden in the mounts that come with o=rbind as well (Linux 5.12; \
                 without it, ro and noexec are refused). These mounts are taken away with the volume, in all mount \
                 namespaces, or none of them while one is in use.",
            ),
            (
                "",
                "Names of their volumes have letters, digits, _ . and -, at most 200; name=NAME,size=10,fs=xfs as a name means \
                 the volume NAME with those options.",
            ),
            (
                "",
                "What a call that was killed has left is deleted by the next call of the driver on that host, whatever volume that is \
                 about. A volume whose removal cannot be completed, or was cut off on another host, is shown by list as half removed, \
                 with a warning: as NAME (half removed) in a table, with the key Problem in JSON, and not among the names.",
            ),
        ],
    ),
    (
        "FILES",
        &[
            ("/run/docker/plugins", "Sockets of plugins."),
            (
                "/etc/docker/plugins, /usr/lib/docker/plugins",
                "Spec files of plugins.",
            ),
            (
                "/var/lib/docker/plugins",
                "Managed plugins; data-root in /etc/docker/daemon.json moves it.",
            ),
            (
                "/sbin/mount.dvdcli, /sbin/umount.dvdcli",
                "Links to dvdcli, for mount(8) and umount(8).",
            ),
            ("/run/dvdcli", "Who holds which volume, and locks."),
            ("/var/lib/dvdcli", "The volumes of built-in drivers."),
            (
                "/etc/dvdcli/config.yml, /etc/rexray/config.yml",
                "The configuration; the first that is there counts.",
            ),
        ],
    ),
];
