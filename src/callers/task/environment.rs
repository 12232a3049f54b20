//! With `--from-env`, the environment is that of a task, whose author is not root: no variable counts but `DVDI_VOLUME_*`.

use std::ffi::{OsStr, OsString};

use crate::base::text::shorten;
use crate::callers::task::variables::PREFIX;
use crate::sys::process::environment;

/// What the names of variables begin with that change what dvdcli or a program started by it does.
const POWERFUL: [&str; 6] = [
    "DVDCLI_",
    "REXRAY_",
    "LIBSTORAGE_",
    "DOCKER_",
    "LINUX_",
    "SSL_CERT_",
];

/// Where a command line has `--from-env`, takes all variables but `DVDI_VOLUME_*` out of this process, before anything reads
/// them. Returns the names of those that would have meant something without the flag.
pub fn keep_volumes_only(args: &[OsString]) -> Vec<String> {
    // Flags are refused where they are not known, and none is taken for the value of another.
    let mut flags = args.iter().take_while(|word| *word != "--");
    if !flags.any(|word| word == "--from-env") {
        return Vec::new();
    }
    let gone = environment::keep(|name| begins_with(name, PREFIX));
    ignored(gone)
}

/// How much of the names is said, in characters.
const SHOWN: usize = 500;

/// A warning that names what was ignored, if anything was.
pub fn warning(ignored: &[String]) -> Option<String> {
    let names = shorten(&ignored.join(", "), SHOWN);
    let words =
        "--from-env takes volumes from a task's environment, and nothing else; pass flags instead";
    (!ignored.is_empty()).then(|| format!("ignored: {names}: {words}"))
}

fn ignored(gone: Vec<OsString>) -> Vec<String> {
    let is_powerful = |name: &OsString| POWERFUL.iter().any(|prefix| begins_with(name, prefix));
    let named = gone.into_iter().filter(is_powerful);
    let mut names: Vec<String> = named
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn begins_with(name: &OsStr, prefix: &str) -> bool {
    name.as_encoded_bytes().starts_with(prefix.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_would_have_meant_something_are_named_once() {
        let gone = ["PATH", "REXRAY_X", "DVDCLI_ROOT", "REXRAY_X", "XDOCKER_Y"];
        let names = ignored(gone.map(OsString::from).to_vec());
        assert_eq!(names, ["DVDCLI_ROOT", "REXRAY_X"]);
        let words = "ignored: DVDCLI_ROOT, REXRAY_X: --from-env takes volumes from a task's environment, and nothing else; pass \
                     flags instead";
        assert_eq!(warning(&names).as_deref(), Some(words));
        assert_eq!(warning(&[]), None);
    }
}
