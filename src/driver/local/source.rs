//! What a `local` volume with `type` and `device` is mounted from: the rules of its options, and the mounting.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::driver::local::credentials::{self, Parted};
use crate::driver::local::server::Server;
use crate::driver::shared::options::NormalOptions;
use crate::sys::files::id::FileId;
use crate::sys::mount::mountinfo::Mount;
use crate::sys::mount::mountopts::{MountOptions, UNBINDABLE};
use crate::sys::mount::{apart, by_program, calls};
use crate::sys::process::{interruption, limit};

/// Options that need another one beside them (Docker's rules).
const NEEDS: [(&str, &str); 4] = [
    ("device", "type"),
    ("type", "device"),
    ("o", "type"),
    ("o", "device"),
];

/// The type of a file system in memory. It takes owner and mode of its root when it is mounted, each time anew.
const IN_MEMORY: &str = "tmpfs";
const OWNERSHIP: [&str; 3] = ["uid", "gid", "mode"];

/// What is mounted, and how.
#[derive(Debug)]
pub struct Source {
    fs_type: String,
    device: String,
    /// The mount options as the user wrote them, followed by those that other options imply.
    options: String,
    /// The same, parsed.
    parsed: MountOptions,
}

impl Source {
    /// The source that the options name; `None` for a plain directory.
    ///
    /// # Errors
    ///
    /// Wrong usage: options that do not go together.
    pub fn of(options: &NormalOptions) -> Result<Option<Source>> {
        check_needs(options)?;
        refuse_size(options)?;
        let (Some(fs_type), Some(device)) = (given(options, "type"), given(options, "device"))
        else {
            return Ok(None);
        };
        let options = mount_options(fs_type, options);
        let source = Source {
            fs_type: fs_type.to_owned(),
            device: device.to_owned(),
            parsed: MountOptions::parse(&options),
            options,
        };
        source.check_words()?;
        Ok(Some(source))
    }

    /// Refuses what can be seen to be wrong without looking at the host.
    fn check_words(&self) -> Result<()> {
        if self.parsed.is_bind() && !Path::new(&self.device).is_absolute() {
            bail!(Failure::usage(format!(
                "option device: a bind needs an absolute path, not {}",
                self.device
            )));
        }
        if self.fs_type == "none" && !self.parsed.is_bind() {
            bail!(Failure::usage(
                "option type: none is for o=bind; name the type of the file system",
            ));
        }
        if self.parsed.is_recursive() && self.parsed.propagation.contains(UNBINDABLE) {
            bail!(Failure::usage(
                "option o: rbind cannot be unbindable, as it could not be taken away in other mount namespaces",
            ));
        }
        if self.fs_type == "cifs" && self.server().is_some_and(|server| server.has_port()) {
            bail!(Failure::usage(
                "option device: a port cannot stand in it; give it as o=port=PORT",
            ));
        }
        Ok(())
    }

    /// Refuses a bind whose source does not exist. Other sources are looked at when they are mounted.
    pub fn check_exists(&self) -> Result<()> {
        if self.parsed.is_bind() {
            let found = fs::metadata(&self.device);
            found.with_context(|| format!("binding {}: the source, option device", self.device))?;
        }
        Ok(())
    }

    /// The same, where it may be on a server that does not answer.
    pub fn check_exists_before(&self, ends: Instant) -> Result<()> {
        let device = self.device.clone();
        let found = limit::within(ends, move || Ok(fs::metadata(device).map(drop)?));
        found.with_context(|| format!("binding {}: the source, option device", self.device))
    }

    pub fn fs_type(&self) -> &str {
        &self.fs_type
    }

    pub fn device(&self) -> &str {
        &self.device
    }

    /// The mount options, with those that other options imply.
    pub fn words(&self) -> &str {
        &self.options
    }

    pub fn is_bind(&self) -> bool {
        self.parsed.is_bind()
    }

    /// The program that mounts it, if its type has one.
    pub fn program(&self) -> Option<PathBuf> {
        by_program::program_for(&self.fs_type).filter(|_| !self.is_bind())
    }

    pub fn is_read_only(&self) -> bool {
        self.parsed.read_only()
    }

    pub fn is_recursive(&self) -> bool {
        self.parsed.is_recursive()
    }

    /// The directory that is bound with the mounts below it, if this is such a source.
    pub fn bound_recursively(&self) -> Option<&Path> {
        self.parsed.is_recursive().then(|| Path::new(&self.device))
    }

    /// Whether owner and mode of the root are set by mounting.
    pub fn sets_ownership(&self) -> bool {
        self.fs_type == IN_MEMORY
    }

    /// Refuses an owner or mode for what somebody else has made. It is looked at when a volume is created: those of earlier versions
    /// may have them, which have no effect.
    pub fn refuse_ownership(&self, options: &NormalOptions) -> Result<()> {
        let mut given = OWNERSHIP
            .iter()
            .filter(|name| options.shown(name).is_some());
        match given.next() {
            Some(name) if !self.sets_ownership() => bail!(Failure::usage(format!(
                "option {name}: a device keeps its own; only a directory and tmpfs are given an owner and a mode"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether a mount can be one of this source, which a call has made that was cut off. A program may mount anything.
    pub fn may_be(&self, mount: &Mount) -> bool {
        if by_program::program_for(&self.fs_type).is_some() {
            return true;
        }
        if !self.parsed.is_bind() {
            return mount.source == self.device;
        }
        let id = |path: &Path| FileId::at(path).ok();
        id(Path::new(&self.device)).is_some_and(|found| id(&mount.mount_point) == Some(found))
    }

    /// Mounts it by mount(8) if the type has a program of its own, else by the system call. It forbids the words of `guard` unless its
    /// options take them back.
    ///
    /// # Errors
    ///
    /// It cannot be mounted, or its server did not answer before `ends`.
    pub fn mount(&self, place: &Path, guard: &str, read_only: bool, ends: Instant) -> Result<()> {
        let helper = by_program::program_for(&self.fs_type).is_some();
        let server = self.server();
        let address = match &server {
            Some(server) => server.with_address(&self.options, helper, ends)?,
            None => None,
        };
        let options = address.as_ref().unwrap_or(&self.options);
        if helper && !self.parsed.is_bind() {
            let words = [guard, options.as_str(), if read_only { "ro" } else { "" }];
            let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
            let (device, fs_type) = (&self.device, &self.fs_type);
            let Parted { options, file } = credentials::part(fs_type, device, &words.join(","))?;
            return by_program::mount(device, place, fs_type, &options, file.as_ref(), ends);
        }
        let mut parsed = MountOptions::guarded(guard, options);
        parsed.set_read_only(read_only);
        let (device, fs_type, place) =
            (self.device.clone(), self.fs_type.clone(), place.to_owned());
        let mount = move || match parsed.is_bind() {
            true => apart::bind(&device, &place, &parsed),
            false => calls::mount(&device, &place, &fs_type, &parsed),
        };
        match server {
            Some(_) => interruption::finishing(|| limit::within(ends, mount)),
            None => mount(),
        }
    }

    fn server(&self) -> Option<Server<'_>> {
        Server::of(&self.fs_type, &self.device)
    }
}

/// The value of an option that is text; an empty one counts as none.
fn given<'a>(options: &'a NormalOptions, name: &str) -> Option<&'a str> {
    options.text(name).filter(|value| !value.is_empty())
}

fn check_needs(options: &NormalOptions) -> Result<()> {
    for (one, other) in NEEDS {
        if given(options, one).is_some() && given(options, other).is_none() {
            bail!(Failure::usage(format!(
                "option {one} needs option {other} as well"
            )));
        }
    }
    Ok(())
}

/// Refuses `size`, and says what can be done instead.
fn refuse_size(options: &NormalOptions) -> Result<()> {
    if given(options, "size").is_none() {
        return Ok(());
    }
    bail!(Failure::usage(match given(options, "type") {
        None => "option size: a directory has none; the driver loop makes volumes of a size",
        Some(IN_MEMORY) => "option size: tmpfs takes it among its own, as o=size=100m",
        Some(_) => "option size: the device has its own; the driver loop makes volumes of a size",
    }))
}

/// `o`, with owner and mode for a file system in memory.
fn mount_options(fs_type: &str, options: &NormalOptions) -> String {
    let mut words: Vec<String> = given(options, "o").map(str::to_owned).into_iter().collect();
    if fs_type == IN_MEMORY {
        let ownership = OWNERSHIP
            .iter()
            .filter_map(|name| Some(format!("{name}={}", options.shown(name)?)));
        words.extend(ownership);
    }
    words.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::failure::ErrorKind;
    use crate::base::text::chain;
    use crate::driver::local::options::OPTIONS;
    use crate::driver::shared::options;

    fn normal(list: &[(&str, &str)]) -> NormalOptions {
        let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        options::read(OPTIONS, &list.iter().map(own).collect()).expect("good values")
    }

    fn source(list: &[(&str, &str)]) -> Result<Option<Source>> {
        Source::of(&normal(list))
    }

    #[test]
    fn without_a_source_it_is_a_directory() {
        for list in [&[][..], &[("uid", "1"), ("mode", "700")], &[("type", "")]] {
            assert!(source(list).expect("a directory").is_none());
        }
    }

    #[test]
    fn options_are_read_in_any_case() {
        let found = source(&[("Type", "tmpfs"), ("DEVICE", "x")]);
        assert!(found.expect("good rules").is_some());
    }

    #[test]
    fn which_options_do_not_go_together() {
        let bind_needs_path = "option device: a bind needs an absolute path, not source";
        let none_is_for_bind = "option type: none is for o=bind; name the type of the file system";
        let port = "option device: a port cannot stand in it; give it as o=port=PORT";
        let tmpfs_size = "option size: tmpfs takes it among its own, as o=size=100m";
        let directory_size =
            "option size: a directory has none; the driver loop makes volumes of a size";
        let device_size =
            "option size: the device has its own; the driver loop makes volumes of a size";
        let cases: [(&[(&str, &str)], &str); 12] = [
            (
                &[("type", "tmpfs")],
                "option type needs option device as well",
            ),
            (
                &[("device", "/x")],
                "option device needs option type as well",
            ),
            (&[("o", "ro")], "option o needs option type as well"),
            (
                &[("o", "bind"), ("type", "none")],
                "option type needs option device as well",
            ),
            (
                &[("o", "bind"), ("device", "/x")],
                "option device needs option type as well",
            ),
            (
                &[("type", ""), ("device", "/x")],
                "option device needs option type as well",
            ),
            (&[("size", "5")], directory_size),
            (
                &[("size", "5"), ("type", "tmpfs"), ("device", "x")],
                tmpfs_size,
            ),
            (
                &[("size", "5"), ("type", "ext4"), ("device", "/dev/x")],
                device_size,
            ),
            (
                &[("type", "none"), ("device", "source"), ("o", "bind")],
                bind_needs_path,
            ),
            (&[("type", "none"), ("device", "/x")], none_is_for_bind),
            (
                &[("type", "cifs"), ("device", "//h:445/s"), ("o", "ro")],
                port,
            ),
        ];
        for (list, refusal) in cases {
            let error = source(list).expect_err("refused");
            assert_eq!(ErrorKind::of(&error), ErrorKind::Usage, "{list:?}");
            assert_eq!(chain(&error), refusal);
        }
    }

    #[test]
    fn only_what_is_made_here_is_given_an_owner() {
        for (name, value) in [("uid", "0"), ("gid", "5"), ("mode", "0755")] {
            let owned = |list: &[(&str, &str)]| {
                let options = normal(&[list, &[(name, value)]].concat());
                let source = Source::of(&options).expect("good rules").expect("a source");
                source.refuse_ownership(&options)
            };
            owned(&[("type", "tmpfs"), ("device", "x")]).expect("made anew each time");
            for list in [
                [("type", "none"), ("device", "/x"), ("o", "bind")],
                [("type", "nfs4"), ("device", "h:/x"), ("o", "ro")],
            ] {
                let error = owned(&list).expect_err("a device");
                assert_eq!(ErrorKind::of(&error), ErrorKind::Usage);
                let words = format!(
                    "option {name}: a device keeps its own; only a directory and tmpfs are given an owner and a mode"
                );
                assert_eq!(chain(&error), words);
            }
        }
    }

    #[test]
    fn a_missing_source_of_a_bind_is_named() {
        let bind = source(&[("type", "none"), ("device", "/no/such"), ("o", "bind")]);
        let bind = bind.expect("good rules").expect("a source");
        let error = bind.check_exists().expect_err("missing");
        assert_eq!(
            chain(&error),
            "binding /no/such: the source, option device: no such file or directory"
        );
    }

    #[test]
    fn a_file_system_in_memory_is_mounted_with_owner_and_mode() {
        let ownership = [("uid", "7"), ("mode", "700")];
        let list = [&[("o", "size=1m")][..], &ownership].concat();
        assert_eq!(
            mount_options("tmpfs", &normal(&list)),
            "size=1m,uid=7,mode=0700"
        );
        assert_eq!(
            mount_options("tmpfs", &normal(&ownership)),
            "uid=7,mode=0700"
        );
        assert_eq!(mount_options("ext4", &normal(&list)), "size=1m");
    }
}
