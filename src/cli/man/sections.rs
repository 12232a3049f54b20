//! The man page's sections on how the program is used, as far as no flag's help can hold it.

/// A title, and what stands below it. An empty term makes a paragraph.
pub const SECTIONS: &[(&str, &[(&str, &str)])] = &[
    (
        "EXIT STATUS",
        &[
            ("0", "Done, or nothing was left to do."),
            ("1", "It failed."),
            ("2", "Wrong usage; nothing was done."),
            ("3", "No such volume, known to be absent."),
            ("4", "In use: held, mounted or busy."),
            ("128+n", "Signal n has ended it (SIGNALS)."),
            (
                "126, 127, 128+n, any",
                "Of run: the command cannot be executed; it is not found; signal n has ended it, or came before it was started; \
                 its own. Where it is not 0 and unmounting fails as well, a line on stderr says so.",
            ),
        ],
    ),
    (
        "OUTPUT",
        &[
            (
                "",
                "stdout is the answer and nothing else. stderr is silent on success, except warnings; a failure is one line. The \
                 values of options named like secrets (password, token, key, pin, auth and so on) and the users in URLs are masked \
                 everywhere, also in what a plugin says; a keyfile or keyId is none.",
            ),
            (
                "",
                "A known value is masked also where it is escaped as in JSON or URLs, or written in hexadecimal or base64, and a \
                 password before a host without a scheme (joe:password@nas:/share). Not masked are values that are compressed, \
                 hashed or split, shorter than four letters within a word, and secrets of others in names that do not say so.",
            ),
            (
                "",
                "A path is printed only if it is absolute, an existing directory on this host, and answers in time; otherwise \
                 what was mounted is unmounted again and the exit status is 1. path prints what the driver says, but \
                 nothing where that is not there, or a bare directory where the volume was mounted before; a plugin may name a \
                 directory at which it has not mounted anything yet.",
            ),
            (
                "",
                "A path that reaches nobody is held by nobody. Where stdout or stderr is closed from the start, mount and path do \
                 nothing; where stdout cannot be written or nobody reads it before --timeout is over, what was mounted is \
                 unmounted again. Messages that a full pipe does not take are written at the end, when no volume is locked any \
                 more.",
            ),
        ],
    ),
    (
        "HOLDERS",
        &[
            (
                "",
                "A volume is mounted once per host and held by one or more holders. --id names the holder; without it the \
                 holder is the target, and without --target the anonymous one. A holder is in or out: mounting twice under one \
                 ID and unmounting once releases it. With the last holder gone the volume is unmounted.",
            ),
            (
                "",
                "mount --target PATH lets the volume appear at PATH, a directory, as well, and prints PATH; unmount --target \
                 PATH takes it away from there, also where a directory above it was renamed meanwhile. PATH must not be the \
                 volume's own mount point, nor lie above it, nor lead through a symbolic link that others than root could have \
                 made.",
            ),
            (
                "",
                "Who holds nothing releases nothing: where nobody holds a plugin's volume here, unmount sends no Unmount, which \
                 would take the volume from a Docker container, and which some plugins count below zero. Where it is mounted \
                 all the same, as by Docker, or by dvdcli 0.2.1 before an upgrade, a warning says so; unmount --force has the plugin unmount it. A \
                 call that was cut off is put right by the next one. What was mounted at the volume's place before dvdcli had it \
                 mounted, such as an administrator's own mount point, stays.",
            ),
            (
                "",
                "The mount table has the last word. A mount that has gone is released, whatever the plugin answers; one that a \
                 plugin has forgotten, as after its restart, is unmounted without it; with --force also where the plugin is not \
                 there or refuses. A plugin that mounted a volume before, and then hands out a directory at which nothing is \
                 mounted, is asked once more; where nothing is mounted then, mount fails, since what is written there would land on \
                 the host's own disk. A file in /run/dvdcli remembers that until the volume is removed or the host restarts.",
            ),
        ],
    ),
    (
        "SERVING ENGINES",
        &[
            (
                "",
                "An engine mounts with IDs of its own, which are no IDs of --id, and each as often as it is to unmount; inspect shows \
                 them as engine ID. One that hangs up before it has its answer has mounted nothing. A request without a body is \
                 one that Docker repeats, and never acts. Engines have root's word: what may be created is not limited by allow, but \
                 for allow.drivers. The configuration is read at each call.",
            ),
            (
                "",
                "Up to 64 calls are answered at once; who comes then gets status 503. A request has 10 s to come, 16 KiB for its \
                 headers and 1 MiB for its body. Errors have status 500, or 400 where the request makes no sense, and a JSON object \
                 with Err.",
            ),
            (
                "",
                "A serve that is killed has lost nothing: the next one finishes what was cut off, and takes back what was not \
                 answered. Only where it was killed in the moment in which it answers, the volume stays held: unmount --force \
                 releases it. A driver that is a plugin has to be served under another name than its own.",
            ),
            (
                "",
                "systemd's sockets are taken over (LISTEN_FDS), and it is told when serve is ready and when it stops. The unit needs \
                 KillMode=process and none of PrivateTmp, ProtectSystem and PrivateMounts, which would hide the mounts from others.",
            ),
        ],
    ),
    (
        "SIGNALS",
        &[
            (
                "",
                "SIGHUP, SIGINT, SIGTERM and all others that would end create, mount, unmount, remove or run end what it waits for \
                 at once: a plugin, a lock, a program, a reader of its output. What it has begun is undone, which may take ten \
                 seconds more, and the exit status is 128 and the signal's number; what needs no waiting is finished. Those that \
                 the caller ignores or blocks have no effect.",
            ),
            (
                "",
                "A plugin that is creating, mounting, unmounting or removing has another second to answer. After that, nobody knows \
                 what it will do, and unmount or mount puts it right: an Unmount that overtakes a Mount would be lost, or counted.",
            ),
        ],
    ),
    (
        "RUNNING A COMMAND",
        &[
            (
                "",
                "run leaves stdin, stdout and stderr, other open files, the working directory, the environment, umask and \
                 terminal to the command as they are, and prints nothing on stdout. Each run is a holder of its own for as long \
                 as its process lives, so that runs of one volume share its mount, and unmount without --force takes it from \
                 none of them; --id is a name for people to read.",
            ),
            (
                "",
                "Signals are passed on to the command while it runs, except those that it has sent itself or that the terminal has \
                 sent to it as well, and those that stop and continue a job, which have their usual effect on each. One that comes \
                 before keeps the command from being started, and one that comes later ends the wait for the unmount (SIGNALS).",
            ),
            (
                "",
                "SIGKILL of dvdcli kills the command as well (PR_SET_PDEATHSIG; not one that has changed its user, as by a \
                 set-user-ID program, nor its descendants). The mount stays until the next unmount, with whatever ID, which \
                 finds that the run has died.",
            ),
            (
                "",
                "What the command leaves running is not waited for. Where that keeps the volume busy, it stays mounted, and the \
                 exit status is 4.",
            ),
        ],
    ),
    (
        "VOLUME OPTIONS",
        &[(
            "",
            "--volumeopts may be repeated, and holds one option or more: a comma starts a new option where KEY= follows. A word \
             without = belongs to the value before it, unless that is a number, true or false, or of an option such as size or type. \
             So size=5,iops=150 is two options, o=addr=10.0.0.1,rw is one, and size=5,rw is an error, as is a comma too many. \
             Within double quotes around a value a comma always belongs to it, also where KEY= follows: \
             type=nfs,o=\"addr=10.0.0.4,nfsvers=4\". --opt is never split, and may have no value (allow_other), which is passed on as \
             an empty one. A value may hold further equals signs. Of an option that is given twice the last one counts, and a \
             warning says so where the values differ.",
        )],
    ),
    (
        "MOUNT(8), FSTAB(5) AND SYSTEMD",
        &[
            (
                "",
                "Called as mount.dvdcli or umount.dvdcli (links in /sbin to dvdcli), it is the helper that mount -t dvdcli, a line of \
                 fstab(5) with the type dvdcli, a .mount unit with Type=dvdcli, and umount call. The source is DRIVER/VOLUME, or \
                 VOLUME of the configured driver; the last slash stands between them.",
            ),
            (
                "",
                "Options are told apart by one rule: one with a value (KEY=VALUE) is the volume's, a word alone is a mount option \
                 of mount(8). x-*, X-*, comment=, helper= and uhelper= are mount(8)'s, too, as are words of it with the \
                 value recursive or vfs; explicitcreate is dvdcli's. Within double quotes, or after a backslash, a comma belongs to the \
                 value: o=\"addr=10.0.0.1,rw\". A word that mount(8) does not know is refused, unless -s is given; so is one that belongs to a file system as a whole (sync), which the \
                 volume may take as mountopts=sync.",
            ),
            (
                "",
                "ro makes what is seen at the directory read-only. nofail passes over a volume that does not exist. remount \
                 changes the mount options of what is seen at the directory; without a line in fstab(5), give source and type as well \
                 (mount -t dvdcli -o remount,ro loop/db /srv/db), or mount(8) changes the volume's own file system. -f checks and mounts nothing; -n leaves umount(8) \
                 without the note that it has to call dvdcli, and the volume is then released by dvdcli unmount --target. (libmount also \
                 loses the note where something else is mounted over the directory and unmounted.)",
            ),
            (
                "",
                "umount releases the volume for that directory; it is unmounted when nobody else holds it. (mount(8) notes for umount(8) \
                 that it has to call dvdcli: helper=dvdcli in /run/mount/utab.)",
            ),
            (
                "",
                "At boot, let the mount wait for where the volumes are (x-systemd.requires-mounts-for=/var/lib/dvdcli) or for the \
                 plugin (_netdev,x-systemd.requires=rexray.service), and give explicitcreate once the volume is there, so that no \
                 empty one is made. With x-systemd.automount it is mounted when somebody looks there. The kernel shows the volume's own \
                 file system: findmnt -t dvdcli and umount -a -t dvdcli match nothing.",
            ),
            (
                "",
                "busybox's mount passes on none of the flags that it knows (ro, noexec, remount): a mount with one is refused, unless \
                 mount.dvdcli is called by its name. It remounts the volume's whole file system. Its umount calls no helper; umount.dvdcli \
                 /srv/db releases the volume, as does dvdcli unmount --target.",
            ),
            (
                "",
                "Run for a mount unit of systemd, both end after nine tenths of the unit's TimeoutSec= (x-systemd.mount-timeout= in \
                 fstab(5), 90 s unless set; systemctl is asked for it), even where --timeout is set to more: systemd would kill them, \
                 and the reason would not reach the journal.",
            ),
            (
                "",
                "The exit status is mount(8)'s: 0, 1 (wrong invocation, or not root), 32 (it failed); and 2 where the source, an \
                 option or the directory is wrong, and nothing was done.",
            ),
        ],
    ),
    (
        "TASK ENVIRONMENT",
        &[
            (
                "",
                "mount --from-env and unmount --from-env take the volumes from variables, as mesos-module-dvdi did: up to ten, \
                 which share the last digit of their variables, 0 to 9; no digit means 0. A hook or prolog of any launcher can \
                 call them for every task: where no volume is described, there is nothing to do.",
            ),
            (
                "",
                "No other variable counts then, not even PATH: those that begin with DVDCLI_, REXRAY_, LIBSTORAGE_, DOCKER_, LINUX_ \
                 or SSL_CERT_ are ignored with a warning.",
            ),
            (
                "DVDI_VOLUME_NAME, DVDI_VOLUME_NAME1 to DVDI_VOLUME_NAME9",
                "The volume. Where it is empty or not set, the other variables of that digit have no effect.",
            ),
            (
                "DVDI_VOLUME_DRIVER",
                "As --volumedriver; rexray unless set, which may be an alias.",
            ),
            (
                "DVDI_VOLUME_OPTS",
                "As --volumeopts, quotes included; a comma too many does not matter.",
            ),
            (
                "DVDI_VOLUME_EXPLICITCREATE",
                "true: fail where the volume is absent, instead of creating it; false unless set.",
            ),
            (
                "DVDI_VOLUME_CONTAINERPATH",
                "The directory at which the volume is to appear, absolute and without . and ..; it is printed instead of the \
                 volume's own. It lies below a directory that dvdcli.allow.containerpaths names, /tmp unless set. Below /tmp/ it is \
                 made where it is missing, in a user's directory as that user's; elsewhere it has to exist. No symbolic link is \
                 followed, and the directories on the way are root's or those of the last one's owner, and root's are not for everybody to write, \
                 unless they have the sticky bit. A volume \
                 takes over its owner and mode once, while it is new (root's, and empty), and the same directory's are no matter later, \
                 whatever the volume's users have changed; another owner or mode is refused with exit status 4, unless it is root's with \
                 mode 755, as one that is made, or --chown is given. What is mounted inside the volume does not appear there. A path inside another volume's comes after \
                 that one and is looked for in that volume. Unlike mesos-module-dvdi, which bound volumes in the container's mount \
                 namespace, dvdcli binds them on the host.",
            ),
            ("DVDI_VOLUME_DVDCLI", "Ignored."),
            (
                "",
                "But for the container path, no value may hold % / : ; < > | ` $ ' ? ^ & { \" } [ ] \\, a blank or a control \
                 character. A variable that begins with DVDI_VOLUME_ and is none of these is refused, as is anything else that \
                 breaks the rules: exit status 2, the variable named, nothing mounted.",
            ),
            (
                "",
                "The volumes are mounted side by side, all or none: where one fails, what this call has mounted is unmounted \
                 again, directories that were made are removed, and the first failure in the order of the digits is reported. \
                 A fifth of the time, at most 20 s, is kept for that. A signal that would end dvdcli meanwhile counts as a failure, too. The paths are printed in that order, one a line; a volume \
                 that is named twice is printed once, and may not have a container path the second time. --id names the holder \
                 of all of them.",
            ),
            (
                "",
                "unmount goes on where a volume fails, and names each that did; the exit status is that of the first.",
            ),
        ],
    ),
];
