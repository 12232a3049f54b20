//! The man page's section on who may do what.

/// A title, and what stands below it. An empty term makes a paragraph.
pub const SECTIONS: &[(&str, &[(&str, &str)])] = &[(
    "SECURITY",
    &[(
        "Secrets",
        "Every user of a host sees the arguments of its processes. -o KEY=@FILE reads a value from a file, without its last \
         newline, and --opts-file reads options from a file or from stdin; a value of --opt that begins with an @ itself is \
         written with two. Both files must be regular, belong to root or to who calls, and be readable by nobody else (mode \
         0600), in a directory that others cannot write to. A value of -o KEY=@FILE is masked whatever its name is. \
         --volumeopts, fstab and variables take an @ as it stands.",
    )],
)];
