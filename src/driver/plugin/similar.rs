//! The plugin that somebody may have meant by a name that no plugin has.

use crate::base::suggest;
use crate::driver::plugin::managed::with_tag;

/// The most similar of the names, as it has to be written: the same with another tag, else one that is mistyped. Names that mean
/// the plugin that was asked for are left out: it may have come just now.
pub fn most_similar(asked: &str, names: &[&str]) -> Option<String> {
    let others = names
        .iter()
        .filter(|name| with_tag(name) != with_tag(asked));
    let written = |name: &&str| name.strip_suffix(":latest").unwrap_or(name).to_owned();
    others
        .filter_map(|name| Some((mistakes(asked, name)?, written(name))))
        .min()
        .map(|(_, name)| name)
}

/// How many letters are mistyped, whatever the tags; `None` where it is another name. Each part has to be near by itself:
/// `rexray/efs` is not `rexray/ebs`.
fn mistakes(asked: &str, name: &str) -> Option<usize> {
    let (asked, name) = (without_tag(asked), without_tag(name));
    if asked.matches('/').count() != name.matches('/').count() {
        return None;
    }
    let parts = asked.split('/').zip(name.split('/'));
    parts.map(|(asked, name)| of_part(asked, name)).sum()
}

fn without_tag(name: &str) -> &str {
    let name = name.strip_prefix("docker.io/").unwrap_or(name);
    let last = name.rfind('/').map_or(0, |slash| slash + 1);
    let colon = name[last..].find(':').map(|colon| last + colon);
    colon.map_or(name, |colon| &name[..colon])
}

/// In a short part, another letter makes another name; there, only the order of the letters may be wrong. So it is with digits
/// everywhere.
fn of_part(asked: &str, name: &str) -> Option<usize> {
    const SHORT: usize = 3;
    let (asked, name) = (asked.to_lowercase(), name.to_lowercase());
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    let is_short = name.chars().count() <= SHORT;
    if digits(&asked) != digits(&name) || (is_short && sorted(&asked) != sorted(&name)) {
        return None;
    }
    suggest::mistakes(&asked, &name)
}

fn sorted(text: &str) -> Vec<char> {
    let mut letters: Vec<char> = text.chars().collect();
    letters.sort_unstable();
    letters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_meant_is_found() {
        for (asked, names, expected) in [
            ("me/x", &["me/x:v1"][..], Some("me/x:v1")),
            ("me/x:v2", &["me/x:latest", "me/y:v2"], Some("me/x")),
            ("docker.io/me/x", &["me/x:v2", "me/x:v1"], Some("me/x:v1")),
            ("ME/X", &["me/x:v1"], Some("me/x:v1")),
            (
                "rexary/ebs",
                &["rexray/efs:latest", "rexray/ebs:latest"],
                Some("rexray/ebs"),
            ),
            ("rexray/esb", &["rexray/ebs:1"], Some("rexray/ebs:1")),
            ("rexry", &["rclone", "rexray"], Some("rexray")),
            (
                "host:5000/me/x",
                &["host:5000/me/x:v1"],
                Some("host:5000/me/x:v1"),
            ),
        ] {
            assert_eq!(most_similar(asked, names).as_deref(), expected, "{asked}");
        }
    }

    #[test]
    fn neither_the_same_name_nor_another_drivers_is_suggested() {
        for (asked, names) in [
            ("me/x", &["me/x:latest"][..]),
            ("me/x:latest", &["me/x:latest"]),
            ("fake", &["fake"]),
            ("me/x", &["me/y:v1", "you/x:v1", "x", "me/x/y"]),
            ("rexray/ebs", &["rexray/efs:latest", "rexray/s3fs:latest"]),
            ("ebs", &["efs", "rexray/ebs:latest"]),
            ("nfs4", &["nfs3", "nfs"]),
            ("rexray", &["rclone"]),
        ] {
            assert_eq!(most_similar(asked, names), None, "{asked}");
        }
    }
}
