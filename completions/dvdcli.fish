# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_dvdcli_global_optspecs
    string join \n 'd/volumedriver=' 'driver=' 'n/volumename=' 'name=' 'timeout=' 'wait=' 'config=' 'verbose' 'volumeopts=+' 'o/opt=+' 'opts-file=+' 'label=+' 'strict' 'explicitcreate=?' 'explicitCreate=?' 'explicit-create=?' 'id=' 'target=' 'read-only' 'from-env' 'chown' 'force' 'lazy' 'clone' 'size=' 'snapshotname=' 'format=' 'f/filter=+' 'dry-run' 'y/yes' 'O/output=' 'fix' 'listen=+' 'tls-cert=' 'tls-key=' 'tls-client-ca=' h/help V/version
end

function __fish_dvdcli_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_dvdcli_global_optspecs) -- $cmd 2>/dev/null
    or return 0
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_dvdcli_using_subcommand
    set -l cmd (__fish_dvdcli_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c dvdcli -n "__fish_dvdcli_needs_command" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_needs_command" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l volumeopts -d 'Options of the volume, KEY=VALUE; a comma starts the next one where KEY= follows' -r
complete -c dvdcli -n "__fish_dvdcli_needs_command" -s o -l opt -d 'An option of the volume, KEY=VALUE or KEY alone, never split at commas; KEY=@FILE reads it from a file that only its owner can read (@@ is an @)' -r
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l opts-file -d 'A file with options of the volume, KEY=VALUE on each line, that only its owner can read; - is stdin' -r -F
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l label -d 'A label of a new volume, KEY=VALUE (built-in drivers only)' -r
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l explicitcreate -l explicitCreate -l explicit-create -d 'Fail where the volume is absent, instead of creating it' -r -f -a "true\t''
false\t''"
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l id -d 'The holder; without it the anonymous one, or with --target that path' -r
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l target -d 'A directory where the volume appears as well' -r -F
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l size -d 'The size that it is to have: 20 (GiB), 500MiB, 1.5T' -r
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l snapshotname -d 'The snapshot' -r -f -a "(__fish_dvdcli_values snapshotname)"
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l format -d 'How to list them: table, names, json, or a template such as \'{{.ID}}\'' -r -f -a "names\t''
table\t''
json\t''"
complete -c dvdcli -n "__fish_dvdcli_needs_command" -s f -l filter -d 'Only volumes with label=KEY[=VALUE], name=PART, driver=NAME, held=yes|no or dangling=true|false' -r -f -a "(__fish_dvdcli_values filter)"
complete -c dvdcli -n "__fish_dvdcli_needs_command" -s O -l output -d 'The file to write, which gets its name when it is complete; - is stdout [default: stdout]' -r -F
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l listen -d 'Where to listen: unix:///PATH or tcp://HOST:PORT; may be repeated [default: the driver\'s socket in /run/docker/plugins, unless systemd hands one over]' -r
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l tls-cert -d 'The certificate that is shown on TCP, in PEM form' -r
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l tls-key -d 'Its private key' -r
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l tls-client-ca -d 'The authority that the certificates of clients on TCP come from' -r
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l strict -d 'Fail where the volume exists with other options, instead of warning'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l read-only -d 'Make it read-only: the view at --target, or the mount of a built-in driver'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l from-env -d 'Mount the volumes that DVDI_VOLUME_NAME, DVDI_VOLUME_DRIVER and so on describe'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l chown -d 'With --from-env: give volumes owner and mode of their container paths again, even if they are another\'s'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l force -d 'Release it for every holder; unmount what nobody here holds, or without its driver'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l lazy -d 'Detach a busy mount now, and let the kernel clean up when it is free (plugins cannot do so), and what is mounted over it'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l clone -d 'Give the command a throw-away copy of the volume, which is removed when it ends (driver loop)'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l dry-run -d 'Show what would be removed, and remove nothing'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -s y -l yes -d 'Do not ask first'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -l fix -d 'Repair what can be repaired without any risk, and say so'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -s V -l version -d 'Print version'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "create" -d 'Create a volume'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "mount" -d 'Mount a volume and print its path'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "unmount" -d 'Unmount a volume: release it, and unmount it when nobody holds it any more'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "umount" -d 'Unmount a volume: release it, and unmount it when nobody holds it any more'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "run" -d 'Run a command with a volume mounted, and unmount it when the command ends'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "remove" -d 'Remove a volume and its data, unless it is held or mounted'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "rm" -d 'Remove a volume and its data, unless it is held or mounted'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "resize" -d 'Let a volume grow, mounted or not, while data is being written (driver loop)'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "snapshot" -d 'Keep what a volume holds at a moment, list and remove such snapshots, or go back to one (driver loop)'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "trim" -d 'Give back to the disk what the file system in a volume does not use any more, and print how much (driver loop)'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "prune" -d 'Remove the volumes that nobody holds and whose labels allow it'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "export" -d 'Write the content of a volume as a tar archive'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "import" -d 'Fill an empty volume from a tar archive'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "path" -d 'Print where a volume is mounted, or nothing where it is not'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "get" -d 'Print a volume\'s name, if it exists'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "list" -d 'List the volumes of one driver, or of all'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "ls" -d 'List the volumes of one driver, or of all'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "inspect" -d 'Print all that is known of a volume, as a JSON array with Docker\'s keys'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "exists" -d 'Tell by the exit code whether a volume exists: 0 yes, 3 no, 1 cannot say'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "drivers" -d 'List every driver found, where it is, and whether it answers'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "doctor" -d 'Look for what is wrong on this host, and say what to do'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "serve" -d 'Serve a driver to Docker, Podman and other engines, as a volume plugin'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "version" -d 'Print the version and how the program was built'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "completions" -d 'Print a shell\'s completion script'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "man" -d 'Print the man page'
complete -c dvdcli -n "__fish_dvdcli_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand create" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand create" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand create" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand create" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand create" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand create" -l volumeopts -d 'Options of the volume, KEY=VALUE; a comma starts the next one where KEY= follows' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand create" -s o -l opt -d 'An option of the volume, KEY=VALUE or KEY alone, never split at commas; KEY=@FILE reads it from a file that only its owner can read (@@ is an @)' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand create" -l opts-file -d 'A file with options of the volume, KEY=VALUE on each line, that only its owner can read; - is stdin' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand create" -l label -d 'A label of a new volume, KEY=VALUE (built-in drivers only)' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand create" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand create" -l strict -d 'Fail where the volume exists with other options, instead of warning'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand create" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l volumeopts -d 'Options of the volume, KEY=VALUE; a comma starts the next one where KEY= follows' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -s o -l opt -d 'An option of the volume, KEY=VALUE or KEY alone, never split at commas; KEY=@FILE reads it from a file that only its owner can read (@@ is an @)' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l opts-file -d 'A file with options of the volume, KEY=VALUE on each line, that only its owner can read; - is stdin' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l label -d 'A label of a new volume, KEY=VALUE (built-in drivers only)' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l explicitcreate -l explicitCreate -l explicit-create -d 'Fail where the volume is absent, instead of creating it' -r -f -a "true\t''
false\t''"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l id -d 'The holder; without it the anonymous one, or with --target that path' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l target -d 'A directory where the volume appears as well' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l read-only -d 'Make it read-only: the view at --target, or the mount of a built-in driver'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l from-env -d 'Mount the volumes that DVDI_VOLUME_NAME, DVDI_VOLUME_DRIVER and so on describe'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -l chown -d 'With --from-env: give volumes owner and mode of their container paths again, even if they are another\'s'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand mount" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand unmount" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand unmount" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand unmount" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand unmount" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand unmount" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand unmount" -l id -d 'The holder; without it the anonymous one, or with --target that path' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand unmount" -l target -d 'A directory where the volume appears as well' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand unmount" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand unmount" -l force -d 'Release it for every holder; unmount what nobody here holds, or without its driver'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand unmount" -l lazy -d 'Detach a busy mount now, and let the kernel clean up when it is free (plugins cannot do so), and what is mounted over it'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand unmount" -l from-env -d 'Unmount the volumes that DVDI_VOLUME_NAME, DVDI_VOLUME_DRIVER and so on describe'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand unmount" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand umount" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand umount" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand umount" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand umount" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand umount" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand umount" -l id -d 'The holder; without it the anonymous one, or with --target that path' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand umount" -l target -d 'A directory where the volume appears as well' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand umount" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand umount" -l force -d 'Release it for every holder; unmount what nobody here holds, or without its driver'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand umount" -l lazy -d 'Detach a busy mount now, and let the kernel clean up when it is free (plugins cannot do so), and what is mounted over it'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand umount" -l from-env -d 'Unmount the volumes that DVDI_VOLUME_NAME, DVDI_VOLUME_DRIVER and so on describe'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand umount" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -l volumeopts -d 'Options of the volume, KEY=VALUE; a comma starts the next one where KEY= follows' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -s o -l opt -d 'An option of the volume, KEY=VALUE or KEY alone, never split at commas; KEY=@FILE reads it from a file that only its owner can read (@@ is an @)' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -l opts-file -d 'A file with options of the volume, KEY=VALUE on each line, that only its owner can read; - is stdin' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -l label -d 'A label of a new volume, KEY=VALUE (built-in drivers only)' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -l explicitcreate -l explicitCreate -l explicit-create -d 'Fail where the volume is absent, instead of creating it' -r -f -a "true\t''
false\t''"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -l id -d 'What the run is called among the holders' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -l target -d 'A directory where the volume appears as well, and the path that the command gets' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -l read-only -d 'Make it read-only: the view at --target, or the mount of a built-in driver'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -l clone -d 'Give the command a throw-away copy of the volume, which is removed when it ends (driver loop)'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand remove" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand remove" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand remove" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand remove" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand remove" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand remove" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand remove" -l force -d 'Let a volume that does not exist be no error'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand remove" -s h -l help -d 'Print help'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand rm" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand rm" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand rm" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand rm" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand rm" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand rm" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand rm" -l force -d 'Let a volume that does not exist be no error'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand rm" -s h -l help -d 'Print help'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand resize" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand resize" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand resize" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand resize" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand resize" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand resize" -l size -d 'The size that it is to have: 20 (GiB), 500MiB, 1.5T' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand resize" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand resize" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand snapshot" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand snapshot" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand snapshot" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand snapshot" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand snapshot" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand snapshot" -l snapshotname -d 'The snapshot' -r -f -a "(__fish_dvdcli_values snapshotname)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand snapshot" -l format -d 'How to list them: table, names, json, or a template such as \'{{.ID}}\'' -r -f -a "names\t''
table\t''
json\t''"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand snapshot" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand snapshot" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand trim" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand trim" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand trim" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand trim" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand trim" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand trim" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand trim" -s h -l help -d 'Print help'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand prune" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand prune" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand prune" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand prune" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand prune" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand prune" -s f -l filter -d 'Only volumes with label=KEY[=VALUE], name=PART, driver=NAME, held=yes|no or dangling=true|false' -r -f -a "(__fish_dvdcli_values filter)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand prune" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand prune" -l dry-run -d 'Show what would be removed, and remove nothing'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand prune" -s y -l yes -d 'Do not ask first'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand prune" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand export" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand export" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand export" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand export" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand export" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand export" -s O -l output -d 'The file to write, which gets its name when it is complete; - is stdout [default: stdout]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand export" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand import" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand import" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand import" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand import" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand import" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand import" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand path" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand path" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand path" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand path" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand path" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand path" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand path" -s h -l help -d 'Print help'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand get" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand get" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand get" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand get" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand get" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand get" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand get" -s h -l help -d 'Print help'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand list" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand list" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand list" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand list" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand list" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand list" -s f -l filter -d 'Only volumes with label=KEY[=VALUE], name=PART, driver=NAME, held=yes|no or dangling=true|false' -r -f -a "(__fish_dvdcli_values filter)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand list" -l format -d 'How to print them: names, table, json, or a template such as \'{{.Name}} {{.Mountpoint}}\' [default: names for one driver, else a table]' -r -f -a "names\t''
table\t''
json\t''"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand list" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand list" -l size -d 'Show what each was given, takes on the disk, and has used and free inside; and what all take together'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand list" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand ls" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand ls" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand ls" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand ls" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand ls" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand ls" -s f -l filter -d 'Only volumes with label=KEY[=VALUE], name=PART, driver=NAME, held=yes|no or dangling=true|false' -r -f -a "(__fish_dvdcli_values filter)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand ls" -l format -d 'How to print them: names, table, json, or a template such as \'{{.Name}} {{.Mountpoint}}\' [default: names for one driver, else a table]' -r -f -a "names\t''
table\t''
json\t''"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand ls" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand ls" -l size -d 'Show what each was given, takes on the disk, and has used and free inside; and what all take together'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand ls" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand inspect" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand inspect" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand inspect" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand inspect" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand inspect" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand inspect" -s f -l format -d 'How to print it: json, names, table, or a template such as \'{{.Mountpoint}}\'' -r -f -a "names\t''
table\t''
json\t''"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand inspect" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand inspect" -s h -l help -d 'Print help'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand exists" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand exists" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand exists" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand exists" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand exists" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand exists" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand exists" -s h -l help -d 'Print help'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand drivers" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand drivers" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand drivers" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand drivers" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand drivers" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand drivers" -l format -d 'How to print them: table, json, names, or a template such as \'{{.Name}} {{.Address}}\'' -r -f -a "names\t''
table\t''
json\t''"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand drivers" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand drivers" -s h -l help -d 'Print help'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand doctor" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand doctor" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand doctor" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand doctor" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand doctor" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand doctor" -l format -d 'How to print it: table, json, names, or a template such as \'{{.Subject}}: {{.Problem}}\' [default: a line for each]' -r -f -a "names\t''
table\t''
json\t''"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand doctor" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand doctor" -l fix -d 'Repair what can be repaired without any risk, and say so'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand serve" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand serve" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand serve" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand serve" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand serve" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand serve" -l listen -d 'Where to listen: unix:///PATH or tcp://HOST:PORT; may be repeated [default: the driver\'s socket in /run/docker/plugins, unless systemd hands one over]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand serve" -l tls-cert -d 'The certificate that is shown on TCP, in PEM form' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand serve" -l tls-key -d 'Its private key' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand serve" -l tls-client-ca -d 'The authority that the certificates of clients on TCP come from' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand serve" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand serve" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand version" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand version" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand version" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand version" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand version" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand version" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand version" -s h -l help -d 'Print help'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand completions" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand completions" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand completions" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand completions" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand completions" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand completions" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand completions" -s h -l help -d 'Print help'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand man" -s d -l volumedriver -l driver -d 'The driver: a plugin\'s name, NAME:TAG or ID, or an alias from the configuration [default: the configured one]' -r -f -a "(__fish_dvdcli_values volumedriver)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand man" -s n -l volumename -l name -d 'The volume' -r -f -a "(__fish_dvdcli_values volumename)"
complete -c dvdcli -n "__fish_dvdcli_using_subcommand man" -l timeout -d 'How long the whole command may take [default: 110s; 590s for unmount]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand man" -l wait -d 'How long to wait for a plugin that is not there yet [default: 15s]' -r
complete -c dvdcli -n "__fish_dvdcli_using_subcommand man" -l config -d 'The configuration file [default: /etc/dvdcli/config.yml, else /etc/rexray/config.yml]' -r -F
complete -c dvdcli -n "__fish_dvdcli_using_subcommand man" -l verbose -d 'Show each step, request and answer on stderr, secrets masked'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand man" -s h -l help -d 'Print help'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "create" -d 'Create a volume'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "mount" -d 'Mount a volume and print its path'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "unmount" -d 'Unmount a volume: release it, and unmount it when nobody holds it any more'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "run" -d 'Run a command with a volume mounted, and unmount it when the command ends'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "remove" -d 'Remove a volume and its data, unless it is held or mounted'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "resize" -d 'Let a volume grow, mounted or not, while data is being written (driver loop)'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "snapshot" -d 'Keep what a volume holds at a moment, list and remove such snapshots, or go back to one (driver loop)'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "trim" -d 'Give back to the disk what the file system in a volume does not use any more, and print how much (driver loop)'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "prune" -d 'Remove the volumes that nobody holds and whose labels allow it'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "export" -d 'Write the content of a volume as a tar archive'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "import" -d 'Fill an empty volume from a tar archive'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "path" -d 'Print where a volume is mounted, or nothing where it is not'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "get" -d 'Print a volume\'s name, if it exists'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "list" -d 'List the volumes of one driver, or of all'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "inspect" -d 'Print all that is known of a volume, as a JSON array with Docker\'s keys'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "exists" -d 'Tell by the exit code whether a volume exists: 0 yes, 3 no, 1 cannot say'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "drivers" -d 'List every driver found, where it is, and whether it answers'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "doctor" -d 'Look for what is wrong on this host, and say what to do'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "serve" -d 'Serve a driver to Docker, Podman and other engines, as a volume plugin'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "version" -d 'Print the version and how the program was built'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "completions" -d 'Print a shell\'s completion script'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "man" -d 'Print the man page'
complete -c dvdcli -n "__fish_dvdcli_using_subcommand help; and not __fish_seen_subcommand_from create mount unmount run remove resize snapshot trim prune export import path get list inspect exists drivers doctor serve version completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'

function __fish_dvdcli_values
    set -l words (commandline -opc)
    printf '%s\0' $argv[1] $words[2..] | command dvdcli complete fish 2>/dev/null
end
