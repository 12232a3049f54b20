//! Where the host's owner lets a task's volumes be bound (setting `allow.containerpaths`).

use std::path::Path;

use anyhow::{Result, bail};

use crate::base::failure::Failure;
use crate::invocation::config::allow::Allow;
use crate::sys::files::system;
use crate::sys::mount::mountinfo::MountTable;

const SETTING: &str = "dvdcli.allow.containerpaths";

/// Refuses a container path that is not below an allowed directory, or would hide a part of the system, whatever is allowed.
///
/// # Errors
///
/// Wrong usage, with the name of the setting.
pub fn refuse_elsewhere(allow: &Allow, path: &Path) -> Result<()> {
    let shown = path.display();
    if let Some(system) = system::directory_at(path) {
        let system = system.display();
        bail!(Failure::usage(format!(
            "{shown}: it would hide {system} or a part of it, whatever {SETTING} says"
        )));
    }
    let is_below = |allowed: &Path| path != allowed && path.starts_with(allowed);
    let allowed = &allow.container_paths;
    if allowed.iter().any(|allowed| is_below(allowed)) {
        return Ok(());
    }
    let allowed: Vec<_> = allowed.iter().map(|it| it.display().to_string()).collect();
    let places = match allowed.is_empty() {
        true => "nothing may be bound here".to_owned(),
        false => format!("it is not below {}", allowed.join(" or ")),
    };
    bail!(Failure::usage(format!(
        "{shown}: {places} (setting {SETTING})"
    )))
}

/// Refuses a container path on a file system that a user serves: it says of its directories whatever he likes, and answers when he
/// likes.
///
/// # Errors
///
/// Wrong usage, with the user's number.
pub fn refuse_users_file_system(path: &Path, table: &MountTable) -> Result<()> {
    let Some(mount) = table.covering(path) else {
        return Ok(());
    };
    let is_fuse = mount.fs_type.split('.').next() == Some("fuse");
    let mut options = mount.fs_options.split(',');
    let user = options.find_map(|option| option.strip_prefix("user_id="));
    match user.filter(|user| is_fuse && *user != "0") {
        Some(user) => bail!(Failure::usage(format!(
            "{}: it lies on a file system of user {user}",
            path.display()
        ))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::text::chain;

    fn refusal(allowed: &[&str], path: &str) -> Option<String> {
        let allow = Allow {
            container_paths: allowed.iter().map(Into::into).collect(),
            ..Allow::default()
        };
        let checked = refuse_elsewhere(&allow, Path::new(path));
        checked.err().map(|error| chain(&error))
    }

    #[test]
    fn below_what_is_allowed_and_nowhere_else() {
        for path in ["/tmp/a", "/srv/scratch/7", "/tmp/a/b"] {
            assert_eq!(refusal(&["/tmp", "/srv/scratch"], path), None, "{path}");
        }
        assert_eq!(refusal(&["/"], "/srv"), None);
        for path in ["/tmp", "/srv/scratchy", "/srv", "/mnt/tmp"] {
            let words = format!(
                "{path}: it is not below /tmp or /srv/scratch (setting dvdcli.allow.containerpaths)"
            );
            assert_eq!(refusal(&["/tmp", "/srv/scratch"], path), Some(words));
        }
        let words = "/tmp/a: nothing may be bound here (setting dvdcli.allow.containerpaths)";
        assert_eq!(refusal(&[], "/tmp/a").as_deref(), Some(words));
    }

    #[test]
    fn the_system_is_never_hidden() {
        for (path, system) in [
            ("/usr/local/bin", "/usr"),
            ("/", "/usr"),
            ("/var", "/var/lib"),
        ] {
            let words = format!(
                "{path}: it would hide {system} or a part of it, whatever dvdcli.allow.containerpaths says"
            );
            assert_eq!(refusal(&["/", "/usr"], path), Some(words));
        }
    }

    #[test]
    fn what_a_user_serves_is_not_believed() {
        let table = MountTable::parse(
            b"20 1 0:1 / / rw - ext4 /dev/vda1 rw\n\
              21 20 0:2 / /tmp/a rw - fuse.sshfs x rw,user_id=1000,group_id=1000\n\
              22 20 0:3 / /tmp/b rw - fuse x rw,user_id=65534\n\
              23 20 0:4 / /tmp/c rw - fuse.rclone x rw,user_id=0,group_id=0\n\
              24 20 0:5 / /tmp/d rw - ext4 /dev/x rw,user_id=7\n",
        );
        let refused = |path: &str| {
            let checked = refuse_users_file_system(Path::new(path), &table);
            checked.err().map(|error| chain(&error))
        };
        for (path, user) in [("/tmp/a/x/new", 1000), ("/tmp/b/x", 65534)] {
            let words = format!("{path}: it lies on a file system of user {user}");
            assert_eq!(refused(path), Some(words));
        }
        for path in ["/tmp/x", "/tmp/c/x", "/tmp/d/x"] {
            assert_eq!(refused(path), None, "{path}");
        }
    }
}
