//! What is refused or warned of before a plugin is called: files that others could have written, and connections that others can
//! read or answer.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use anyhow::Result;

use crate::driver::plugin::discovery::Endpoint;
use crate::invocation::log::Log;
use crate::invocation::trust;
use crate::protocol::address::{Address, TlsFiles};
use crate::sys::files::trusted;

/// Looks at all that tells where the plugin is and who it is. `label` is `plugin NAME`.
///
/// # Errors
///
/// As root: others could have written or replaced it.
pub fn check(log: &Log, label: &str, endpoint: &Endpoint) -> Result<()> {
    if let Some(spec) = &endpoint.spec {
        trust::check(log, "reading", spec)?;
    }
    if let Some(plugin) = &endpoint.managed {
        trust::check(log, "reading", &plugin.config_file())?;
    }
    match &endpoint.address {
        // Nobody but the plugin can make a socket in its own directory, and it may run as any user.
        Address::Unix(socket) if endpoint.managed.is_some() => {
            trust::check(log, "using", socket.parent().unwrap_or(socket))
        }
        Address::Unix(socket) => trust::check(log, "connecting to", socket),
        Address::Tcp {
            authority,
            has_tls_config,
        } => {
            warn_of_plain_text(log, label, authority, *has_tls_config);
            Ok(())
        }
        Address::Tls(authority, files) => check_files(log, label, authority, files),
    }
}

fn warn_of_plain_text(log: &Log, label: &str, authority: &str, has_tls_config: bool) {
    if has_tls_config {
        log.warn_once(&format!(
            "{label}: its TLSConfig has no effect beside tcp://; write https://{authority}"
        ));
    }
    if !is_this_host(authority) {
        log.warn_once(&format!(
            "{label}: all that goes to {authority}, passwords too, can be read on the way; give the plugin an https:// address"
        ));
    }
}

fn check_files(log: &Log, label: &str, authority: &str, files: &TlsFiles) -> Result<()> {
    let named = [&files.ca_file, &files.cert_file, &files.key_file].into_iter();
    for file in named.filter(|file| !file.is_empty()) {
        trust::check(log, "reading", Path::new(file))?;
    }
    let key = fs::metadata(&files.key_file).ok();
    if let Some(flaw) = key.as_ref().and_then(trusted::readable_by_all) {
        log.warn_once(&format!("{label}: its key {}: {flaw}", files.key_file));
    }
    if files.insecure_skip_verify {
        log.warn_once(&format!(
            "{label}: whoever answers at {authority} is believed, because of InsecureSkipVerify; name a CAFile instead"
        ));
    }
    Ok(())
}

/// Whether what is sent there stays on this host.
fn is_this_host(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => authority.split(':').next().unwrap_or(authority),
    };
    let host = host.to_ascii_lowercase();
    let is_name = host == "localhost" || host.ends_with(".localhost");
    is_name
        || host
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_on_this_host() {
        for authority in [
            "localhost",
            "LOCALHOST:80",
            "a.localhost",
            "127.0.0.1:1",
            "127.8.0.1",
            "[::1]:80",
        ] {
            assert!(is_this_host(authority), "{authority}");
        }
        for authority in [
            "host",
            "localhost.example:80",
            "10.0.0.1:1",
            "[2001:db8::1]:80",
            "128.0.0.1",
        ] {
            assert!(!is_this_host(authority), "{authority}");
        }
    }
}
