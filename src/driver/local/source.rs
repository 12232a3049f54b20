//! What a `local` volume with `type` and `device` is mounted from: the rules of its options, and the mounting.

use std::fs;
use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use crate::base::failure::Failure;
use crate::driver::shared::options::{self, NormalOptions};
use crate::sys::files::id::FileId;
use crate::sys::mount::mountinfo::Mount;
use crate::sys::mount::mountopts::{self, MountOptions};
use crate::sys::mount::{by_program, calls};
use crate::sys::process::limit;

/// Which option is nothing without which other one (Docker's rules).
const NEEDS: [(&str, &str); 4] = [
    ("device", "type"),
    ("type", "device"),
    ("o", "type"),
    ("o", "device"),
];

/// Types whose server the kernel wants as an address, and what stands around the host in their `device`.
const NETWORK: [(&str, &str, &str); 3] =
    [("nfs", "", ":/"), ("nfs4", "", ":/"), ("cifs", "//", "/")];

/// Options that are the volume's, and which a file system that lives in memory takes when it is mounted.
const IN_MEMORY: &str = "tmpfs";
const OWNERSHIP: [&str; 3] = ["uid", "gid", "mode"];

#[derive(Debug)]
pub struct Source {
    fs_type: String,
    device: String,
    /// As the user wrote them, with what follows from other options.
    options: String,
    parsed: MountOptions,
}

impl Source {
    /// `None` for a plain directory. Options that do not go together are wrong usage.
    pub fn of(normal: &NormalOptions) -> Result<Option<Source>> {
        let option = |name| options::get(normal, name).filter(|value| !value.is_empty());
        for (one, other) in NEEDS {
            if option(one).is_some() && option(other).is_none() {
                return Err(
                    Failure::usage(format!("option {one} needs option {other} as well")).into(),
                );
            }
        }
        if option("size").is_some() {
            return Err(Failure::usage(match option("type") {
                None => {
                    "option size: a directory has none; the driver loop makes volumes of a size"
                        .to_owned()
                }
                Some(IN_MEMORY) => {
                    "option size: tmpfs takes it among its own, as o=size=100m".to_owned()
                }
                Some(_) => {
                    "option size: the device has its own; the driver loop makes volumes of a size"
                        .to_owned()
                }
            })
            .into());
        }
        let (Some(fs_type), Some(device)) = (option("type"), option("device")) else {
            return Ok(None);
        };
        let mut words: Vec<String> = option("o").map(str::to_owned).into_iter().collect();
        if fs_type == IN_MEMORY {
            let given = OWNERSHIP
                .iter()
                .filter_map(|name| Some(format!("{name}={}", option(name)?)));
            words.extend(given);
        }
        let options = words.join(",");
        let parsed = MountOptions::parse(&options);
        let source = Source {
            fs_type: fs_type.to_owned(),
            device: device.to_owned(),
            options,
            parsed,
        };
        source.check_words()?;
        Ok(Some(source))
    }

    /// What can be judged by the words alone.
    fn check_words(&self) -> Result<()> {
        if self.parsed.is_bind() && !Path::new(&self.device).is_absolute() {
            return Err(Failure::usage(format!(
                "option device: a bind needs an absolute path, not {}",
                self.device
            ))
            .into());
        }
        if self.fs_type == "none" && !self.parsed.is_bind() {
            return Err(Failure::usage(
                "option type: none is for o=bind; name the type of the file system",
            )
            .into());
        }
        if self.fs_type == "cifs" && self.host().is_some_and(has_port) {
            return Err(Failure::usage(
                "option device: a port cannot stand in it; give it as o=port=PORT",
            )
            .into());
        }
        Ok(())
    }

    /// What has to be there before it can be mounted.
    pub fn check(&self) -> Result<()> {
        if !self.parsed.is_bind() {
            return Ok(());
        }
        match fs::metadata(&self.device) {
            Ok(_) => Ok(()),
            Err(error) => Err(error)
                .with_context(|| format!("binding {}: the source, option device", self.device)),
        }
    }

    pub fn fs_type(&self) -> &str {
        &self.fs_type
    }

    pub fn is_read_only(&self) -> bool {
        self.parsed.read_only()
    }

    pub fn is_recursive(&self) -> bool {
        self.parsed.is_recursive()
    }

    /// Whether owner and mode of its root are a matter of its mount options.
    pub fn sets_ownership(&self) -> bool {
        self.fs_type == IN_MEMORY
    }

    /// Whether a mount is one of this source.
    pub fn is_mounted_as(&self, mount: &Mount) -> bool {
        if !self.parsed.is_bind() {
            return mount.source == self.device;
        }
        let id = |path: &Path| FileId::at(path).ok();
        id(Path::new(&self.device)).is_some_and(|found| id(&mount.mount_point) == Some(found))
    }

    /// Mounts by mount(8) where the type has a program of its own, else by system call.
    pub fn mount(&self, place: &Path, read_only: bool, ends: Instant) -> Result<()> {
        let helper = by_program::helper(&self.fs_type).is_some();
        let address = self.address(helper, ends)?;
        if helper && !self.parsed.is_bind() {
            let mut options = address.unwrap_or_else(|| self.options.clone());
            if read_only {
                options = if options.is_empty() {
                    "ro".to_owned()
                } else {
                    format!("{options},ro")
                };
            }
            return by_program::mount(&self.device, place, &self.fs_type, &options, ends);
        }
        let mut parsed = address.map_or_else(
            || self.parsed.clone(),
            |options| MountOptions::parse(&options),
        );
        parsed.set_read_only(read_only);
        let (device, fs_type, place) =
            (self.device.clone(), self.fs_type.clone(), place.to_owned());
        let mount = move || calls::mount(&device, &place, &fs_type, &parsed);
        if self.network().is_some() {
            limit::within(ends, mount)
        } else {
            mount()
        }
    }

    fn network(&self) -> Option<&'static (&'static str, &'static str, &'static str)> {
        NETWORK
            .iter()
            .find(|(fs_type, ..)| *fs_type == self.fs_type)
    }

    /// The host in `device`.
    fn host(&self) -> Option<&str> {
        let (_, before, after) = self.network()?;
        let rest = self.device.strip_prefix(before)?;
        let end = rest.find(after).unwrap_or(rest.len());
        Some(&rest[..end]).filter(|host| !host.is_empty())
    }

    /// The options with the server's address in `addr=`, where the kernel needs one: it asks no name server. A helper finds
    /// out by itself what is left out.
    fn address(&self, helper: bool, ends: Instant) -> Result<Option<String>> {
        if self.network().is_none() {
            return Ok(None);
        }
        if let Some(given) = mountopts::value_of(&self.options, "addr") {
            let address = resolve(given, ends)?;
            let words = self
                .options
                .split(',')
                .map(|word| match word.trim().split_once('=') {
                    Some(("addr", _)) => format!("addr={address}"),
                    _ => word.to_owned(),
                });
            return Ok(Some(words.collect::<Vec<_>>().join(",")));
        }
        let Some(host) = self.host().filter(|_| !helper) else {
            return Ok(None);
        };
        let address = resolve(host, ends)?;
        let separator = if self.options.is_empty() { "" } else { "," };
        Ok(Some(format!("{}{separator}addr={address}", self.options)))
    }
}

/// Brackets belong to an IPv6 address, which is full of colons itself.
fn has_port(host: &str) -> bool {
    host.rsplit(']')
        .next()
        .is_some_and(|after| after.contains(':'))
}

/// The address of a host, IPv4 where it has one, as Docker chooses.
fn resolve(host: &str, ends: Instant) -> Result<IpAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(address);
    }
    let name = bare.to_owned();
    let find = move || {
        // The library's own words before the last colon say only what was attempted.
        let reason = |error: std::io::Error| {
            anyhow!(
                error
                    .to_string()
                    .rsplit(": ")
                    .next()
                    .unwrap_or_default()
                    .to_lowercase()
            )
        };
        let found = (name.as_str(), 0).to_socket_addrs().map_err(reason)?;
        let found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
        let first = found
            .iter()
            .find(|address| address.is_ipv4())
            .or(found.first());
        match first {
            Some(address) => Ok(*address),
            None => bail!("it has no address"),
        }
    };
    limit::within(ends, find).with_context(|| format!("resolving {bare}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn source(options: &[(&str, &str)]) -> Result<Option<Source>> {
        Source::of(
            &options
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into()))
                .collect(),
        )
    }

    fn refusal(options: &[(&str, &str)]) -> String {
        source(options).expect_err("refused").to_string()
    }

    #[test]
    fn which_options_need_which() {
        assert!(source(&[]).expect("a directory").is_none());
        assert_eq!(
            refusal(&[("type", "tmpfs")]),
            "option type needs option device as well"
        );
        assert_eq!(
            refusal(&[("device", "/x")]),
            "option device needs option type as well"
        );
        assert_eq!(
            refusal(&[("o", "bind")]),
            "option o needs option type as well"
        );
        assert_eq!(
            refusal(&[("o", "bind"), ("type", "none")]),
            "option type needs option device as well"
        );
        assert!(refusal(&[("size", "5")]).contains("driver loop"));
        assert!(refusal(&[("size", "5"), ("type", "tmpfs"), ("device", "x")]).contains("o=size="));
        assert!(refusal(&[("type", "none"), ("device", "x"), ("o", "bind")]).contains("absolute"));
        assert!(refusal(&[("type", "none"), ("device", "/x")]).contains("o=bind"));
        assert!(
            refusal(&[("type", "cifs"), ("device", "//h:445/s"), ("o", "ro")]).contains("port")
        );
    }

    #[test]
    fn a_missing_source_of_a_bind_is_named() {
        let bind =
            source(&[("type", "none"), ("device", "/no/such"), ("o", "bind")]).expect("good rules");
        let error = bind.expect("a source").check().expect_err("missing");
        assert!(
            error.to_string().contains("binding /no/such: the source"),
            "{error}"
        );
    }

    #[test]
    fn addresses_are_resolved_and_derived() {
        let ends = Instant::now() + Duration::from_secs(5);
        let address = |options: &[(&str, &str)], helper| {
            source(options)
                .expect("good rules")
                .expect("a source")
                .address(helper, ends)
                .expect("resolved")
        };
        let nfs = [("type", "nfs"), ("device", "127.0.0.1:/x")];
        assert_eq!(address(&nfs, false).as_deref(), Some("addr=127.0.0.1"));
        assert_eq!(address(&nfs, true), None);
        let named = [
            ("type", "nfs4"),
            ("device", "x:/y"),
            ("o", "soft,addr=localhost,ro"),
        ];
        assert_eq!(
            address(&named, true).as_deref(),
            Some("soft,addr=127.0.0.1,ro")
        );
        let v6 = [("type", "nfs"), ("device", "[fd00::1]:/x"), ("o", "soft")];
        assert_eq!(address(&v6, false).as_deref(), Some("soft,addr=fd00::1"));
        let cifs = [
            ("type", "cifs"),
            ("device", "//10.0.0.9/share"),
            ("o", "username=a"),
        ];
        assert_eq!(
            address(&cifs, false).as_deref(),
            Some("username=a,addr=10.0.0.9")
        );
        assert_eq!(
            address(&[("type", "ext4"), ("device", "/dev/x")], false),
            None
        );
    }
}
