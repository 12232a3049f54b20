//! The man page's section on who may do what.

/// A title, and what stands below it, as in the other sections.
pub const SECTIONS: &[(&str, &[(&str, &str)])] = &[(
    "SECURITY",
    &[
        (
            "",
            "dvdcli runs as root, and is told what to do by people who are not: users of a framework, authors of a task's \
             environment, plugins, other hosts. Each gets volumes, and nothing else of the host.",
        ),
        (
            "dvdcli.allow",
            "What they may have is said by the host's owner, in the section allow of the configuration. It counts only in a file that \
             is root's and that nobody else can write, or the file is refused; no variable stands for it.",
        ),
        (
            "The author of a task's environment (--from-env)",
            "Chooses volumes by DVDI_VOLUME_*; all other variables are dropped before anything reads them. A launcher should pass on \
             no others all the same: LD_PRELOAD works before dvdcli begins.",
        ),
        (
            "allow.containerpaths: [/tmp]",
            "The directories below which --from-env may bind volumes. Whatever it says, no volume is bound in or above /usr, /bin, \
             /sbin, /lib*, /etc, /root, /boot, /dev, /proc, /sys or /var/lib, nor in what services keep in /tmp. A container path \
             leads over no symbolic link, over no FUSE file system of a user, and only through directories of root and of the owner \
             of the last one, who alone could move it. In /tmp, any user can make a task's directory before the task does: where \
             users are not to be trusted, allow a directory that is root's instead.",
        ),
        (
            "Owner and mode of a volume",
            "Are set only on what dvdcli has made (a directory, a loop volume's data, a tmpfs) and on what a plugin has mounted for it: \
             by uid, gid and mode, which are refused for any other device, and once by a container path, while the volume is root's and \
             empty. What was taken over is remembered with the volume (of a plugin's, until the host restarts); a container path of \
             another owner or mode is refused then. A directory that a plugin hands out without a mount keeps its owner, with a \
             warning, as does what root keeps in a plugin's volume. mount \
             --from-env --chown overrides what was before, and is for root to say: no variable stands for it.",
        ),
        (
            "Who only mounts",
            "chooses no device. A volume that mount, run or mount --from-env makes on the way, also by options within its name, is of \
             local without type and device, or of loop with size, file system, type, iops, zone, uid, gid and mode (overwriteFs \
             changes nothing without a copy). Anything else is refused (exit 2) with the names of option and setting, unless create \
             has made the volume before (the same options may be repeated then), a line of fstab makes it, or a setting below allows \
             it. The mount options ro, rw, nosuid, nodev, noexec and nosymfollow are for all.",
        ),
        (
            "Nobody, whatever is allowed",
            "has a volume of the kernel's own state (proc, sysfs, devtmpfs, cgroup, debugfs, tracefs, bpf, securityfs, configfs and \
             the like), of fuse without a subtype, whose device is a command line, or with errors=panic. One that was made before can \
             be unmounted and removed.",
        ),
        (
            "allow.drivers: ['*']",
            "The drivers that create, mount and run may use: their own names, not aliases, or patterns in which * stands for any text \
             (a tag :latest may be left out). What others have made is looked at, unmounted and removed; drivers says which are not \
             allowed.",
        ),
        (
            "allow.local.types: [], allow.local.devices: []",
            "The types (none for a bind) and the devices with which local volumes are made on the way, both of them: whole names, \
             //server/share, host:/path, or directories; what is below is allowed as well. A path is refused if there is a symbolic \
             link in it, or if others than root could replace a part of it.",
        ),
        (
            "allow.local.helpers: false",
            "Whether a type may be one that /sbin/mount.TYPE mounts, which runs as root with the options given.",
        ),
        (
            "allow.local.mountopts, allow.loop.mountopts: [noatime, relatime, discard, nodiratime, lazytime]",
            "The words of o and mountOpts, or patterns such as 'vers=*'. addr lets a mount go to another server than the device names.",
        ),
        (
            "allow.loop.maxsize: 0",
            "The largest volume made on the way, 0 for any, also where its size is a default; create is not bound by it. A size that is given on the way is \
             no more than what is free, either, unless overcommit is true.",
        ),
        (
            "allow.loop.reserve: 10%",
            "What stays free of the file system below, as a part or a size: every volume that is made, also by create, takes no space of it. \
             A volume that is there already grows into it as it is written: nothing stops it when dvdcli has ended, and where the disk is full, \
             writing to all of them fails. mount warns of that where less is free than this; \
             volumeType=thick, which has all its space from the beginning, is the one guarantee.",
        ),
        (
            "allow.loop.overcommit: warn",
            "Whether volumes may be promised more than the file system below holds: the sizes of all volumes of loop there, less what they have \
             taken (copies that share space seem to have taken theirs), against what is free, less the reserve. It is asked once, when a \
             volume is made. warn says so and makes it. false refuses it to who only mounts (exit 2), also where its size is a default, \
             and warns of what create or a line of fstab makes. true says and asks nothing.",
        ),
        (
            "allow.loop.copies: false",
            "Whether volumeName, volumeID, snapshotName and snapshotID may copy a volume on the way: names keep nobody's data apart.",
        ),
        (
            "Programs",
            "mkfs.ext4, mount, fsck and the like are looked for in /usr/sbin, /usr/bin, /sbin, /bin, /usr/local/sbin and \
             /usr/local/bin only, whatever PATH says, and get no variable but PATH and LC_ALL.",
        ),
        (
            "allow.views: nosuid,nodev",
            "What every mount of a built-in driver forbids, and every place where a volume appears (--target, a container path, fstab): \
             some of nosuid, nodev, noexec and nosymfollow (Linux 5.10), or [] for nothing. It counts when a volume is mounted: until \
             its last release, a volume of a built-in driver, also where it appears anew, forbids what it did before. A plain directory \
             of local is no mount: only the places where it appears forbid anything. suid, dev, exec and symfollow among a volume's own \
             mount options (o, mountopts) take it back, and where it appears by fstab those of the line; mount(8) may keep them to \
             itself, and then mountopts=suid in the line that makes the volume does it.",
        ),
        (
            "Places where volumes appear",
            "also forbid what the mount forbids in which the place lies, but for ro, and what the volume's own mount does, whatever \
             allow.views says.",
        ),
        (
            "Paths that are printed",
            "Nobody but root can reach a volume by the path that is printed: whoever can may bind it elsewhere, in a namespace of \
             his own, and keep it from being unmounted. A volume that was made with uid, gid or mode is for a user: he can reach \
             it, as all users can as far as its modes let them, and can keep it busy.",
        ),
        (
            "Unmounting",
            "A place where a volume appears is found by the mount itself, wherever its directory was renamed or exchanged for another one or \
             a link, and nothing else is unmounted. What somebody has mounted over it is named (exit 4), and taken away with it by \
             unmount --lazy; over a directory above, and over a volume's own mount, only what a user has mounted by FUSE. A \
             volume whose file system stays mounted after the last release, as in a user's own namespace, is an error (exit 4); of a \
             plugin's volume, that is told of what was bound since it was mounted, and in other namespaces of a disk that it has \
             for itself. It is a warning with --lazy, and where a caller without --id has mounted the volume by another name as \
             well (db and name=db,size=5), under which an agent has still to unmount it.",
        ),
        (
            "set-user-ID",
            "dvdcli refuses to run where a set-user-ID or set-group-ID bit or a file capability gave it its rights: whoever can \
             call it would have them.",
        ),
        (
            "Memory",
            "It leaves no core dump, and other users cannot read its memory: options may be secret.",
        ),
        (
            "Plugins",
            "A path that a plugin hands out is refused, and unmounted again, where it is /, /home, /opt, /run, /tmp, /var, /var/lib or \
         another directory that only holds those of others, or is or lies in /usr, /bin, /sbin, /lib*, /etc, /root, /boot, /dev \
         (but for /dev/shm), /proc, /sys, /run/systemd, /run/dvdcli or /run/docker/plugins, by its name, by a link, or because one \
         or a part of it is bound there; so is one in the directories of the built-in drivers. What a managed plugin says is looked up in its own root: no link and no .. leads out of it.",
        ),
        (
            "Files of others",
            "Root acts on the configuration, daemon.json, a plugin's spec, socket, config.json and TLS files, /run/dvdcli, the built-in \
             drivers' directories, volume.json and images only where each of them, and the directory that it is in, belongs to root and others \
             cannot write to it; a directory above may have the sticky bit, and a socket any mode. Another user is warned where they \
             are neither root's nor his. On a network file system where root's files get another owner, the owner of the directory counts. Of a private key that every user can read, both are warned.",
        ),
        (
            "Plugins on other hosts",
            "A warning says so where all that is sent can be read on the way (tcp:// to another host), where a TLSConfig has no effect \
             beside tcp://, and where InsecureSkipVerify believes whoever answers.",
        ),
        (
            "Secrets",
            "Every user of a host sees the arguments of its processes. -o KEY=@FILE reads a value from a file, without its last \
             newline, and --opts-file reads options from a file or from stdin, which a command of run then finds at its end; a value of --opt that begins with an @ itself is \
             written with two. Both files must be regular, belong to root or to who calls, and be readable by nobody else (mode \
             0600), in a directory that others cannot write to. A value of -o KEY=@FILE is masked whatever its name is. \
             --volumeopts, fstab and variables take an @ as it stands. A local volume's password for cifs, smb3 or ceph reaches \
             their programs in a file in memory; where another type has a program, a mount option that is secret is refused.",
        ),
    ],
)];
