//! The man page's section on Nomad.

/// A title, and what stands below it, as in the other sections.
pub const SECTIONS: &[(&str, &[(&str, &str)])] = &[(
    "NOMAD",
    &[
        (
            "",
            "Called with the single argument fingerprint, create or delete, which DHV_OPERATION repeats, by a link to dvdcli that has \
                 the name of a driver or an alias, it is a plugin for Nomad's dynamic host volumes: DHV_VOLUME_ID is the volume, the \
                 labels nomad.name and nomad.namespace of a built-in driver's volume tell DHV_VOLUME_NAME and DHV_NAMESPACE, and \
                 DHV_PARAMETERS has its options. Those are a tenant's words: the volume may have what one may have that is made by mount \
                 (SECURITY), also where it grows.",
        ),
        (
            "",
            "create makes the volume where it is absent, and mounts it for the holder nomad ID, once however often it is called. \
                 The option size has to lie between DHV_CAPACITY_MIN_BYTES and DHV_CAPACITY_MAX_BYTES; without it a new volume gets the \
                 first of the two that is not 0. One that is smaller than size or the minimum grows. Volumes without a size of \
                 their own are 0 bytes long, and a minimum is ignored with a warning. A new volume of a built-in driver of which \
                 Nomad cannot be told goes again.",
        ),
        (
            "",
            "delete unmounts and removes it; where it is absent, nothing is left to do. Where others hold it, or it is mounted \
                 elsewhere than DHV_CREATED_PATH says, nothing is done.",
        ),
        (
            "",
            "An answer is a JSON object on stdout; an error is one with the key error, beside the line on stderr, and the exit status \
                 is as usual. create and delete end after 55 s, fingerprint after 4 s, before Nomad ends them.",
        ),
    ],
)];
