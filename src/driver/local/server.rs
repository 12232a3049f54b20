//! The server of a network file system: its host in `device`, and its address among the mount options.

use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, bail};

use crate::base::text::plain;
use crate::sys::mount::mountopts;
use crate::sys::process::limit;

/// The types for which the kernel has to be given the server's address, and what stands before and after the host in `device`.
const NETWORK: [(&str, &str, &str); 3] =
    [("nfs", "", ":/"), ("nfs4", "", ":/"), ("cifs", "//", "/")];

/// The server of a source with a network type.
pub struct Server<'a> {
    /// `None` where `device` names no host.
    host: Option<&'a str>,
}

impl<'a> Server<'a> {
    /// `None` for a type without a server, or one whose own program talks to the server.
    pub fn of(fs_type: &str, device: &'a str) -> Option<Server<'a>> {
        let (_, before, after) = NETWORK.iter().find(|(known, ..)| *known == fs_type)?;
        let host = device.strip_prefix(before).and_then(|rest| {
            let end = rest.find(after).unwrap_or(rest.len());
            Some(&rest[..end]).filter(|host| !host.is_empty())
        });
        Some(Server { host })
    }

    /// Whether a port follows the host. The colons of an IPv6 address are in brackets.
    pub fn has_port(&self) -> bool {
        let after = self.host.and_then(|host| host.rsplit(']').next());
        after.is_some_and(|after| after.contains(':'))
    }

    /// The mount options with the server's address in `addr=`, which the kernel needs because it asks no name server. `None`
    /// where they can stay as they are. With a program for the type (`helper`), a missing `addr=` is the program's task.
    ///
    /// # Errors
    ///
    /// The host has no address, or none was found before `ends`.
    pub fn with_address(
        &self,
        options: &str,
        helper: bool,
        ends: Instant,
    ) -> Result<Option<String>> {
        if let Some(given) = mountopts::value_of(options, "addr") {
            let address = resolve(given, ends)?;
            let replace = |word: &str| match word.trim().split_once('=') {
                Some(("addr", _)) => format!("addr={address}"),
                _ => word.to_owned(),
            };
            let words: Vec<String> = options.split(',').map(replace).collect();
            return Ok(Some(words.join(",")));
        }
        let Some(host) = self.host.filter(|_| !helper) else {
            return Ok(None);
        };
        let address = resolve(host, ends)?;
        let separator = if options.is_empty() { "" } else { "," };
        Ok(Some(format!("{options}{separator}addr={address}")))
    }
}

/// The address of a host, which may be an address itself. IPv4 is preferred, as in Docker.
fn resolve(host: &str, ends: Instant) -> Result<IpAddr> {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = bare.parse() {
        return Ok(address);
    }
    let name = bare.to_owned();
    limit::within(ends, move || look_up(&name)).with_context(|| format!("resolving {bare}"))
}

fn look_up(name: &str) -> Result<IpAddr> {
    // Before the last colon, the library only says that it was looking up an address.
    let reason = |error: io::Error| {
        let words = plain(&error);
        let reason = words.rsplit(": ").next().unwrap_or_default();
        anyhow!(reason.to_lowercase())
    };
    let found = (name, 0).to_socket_addrs().map_err(reason)?;
    let found: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    let preferred = found.iter().find(|address| address.is_ipv4());
    match preferred.or(found.first()) {
        Some(address) => Ok(*address),
        None => bail!("it has no address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn addresses_are_resolved_and_derived() {
        let ends = Instant::now() + Duration::from_secs(5);
        for (fs_type, device, options, helper, expected) in [
            ("nfs", "127.0.0.1:/x", "", false, Some("addr=127.0.0.1")),
            ("nfs", "127.0.0.1:/x", "", true, None),
            (
                "nfs4",
                "x:/y",
                "soft,addr=localhost,ro",
                true,
                Some("soft,addr=127.0.0.1,ro"),
            ),
            (
                "nfs",
                "[fd00::1]:/x",
                "soft",
                false,
                Some("soft,addr=fd00::1"),
            ),
            (
                "cifs",
                "//10.0.0.9/share",
                "username=a",
                false,
                Some("username=a,addr=10.0.0.9"),
            ),
            ("nfs", ":/x", "soft", false, None),
        ] {
            let server = Server::of(fs_type, device).expect("a network type");
            let found = server.with_address(options, helper, ends);
            assert_eq!(found.expect("resolved").as_deref(), expected, "{device}");
        }
        assert!(Server::of("ext4", "/dev/x").is_none());
    }

    #[test]
    fn a_port_is_not_a_part_of_an_address() {
        for (device, has_port) in [
            ("//host/share", false),
            ("//host:445/share", true),
            ("//[fd00::1]/share", false),
            ("//[fd00::1]:445/share", true),
            ("share", false),
        ] {
            let server = Server::of("cifs", device).expect("a network type");
            assert_eq!(server.has_port(), has_port, "{device}");
        }
    }
}
