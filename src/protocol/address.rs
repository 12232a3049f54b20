//! The addresses of plugins, and how spec files write them (protocol: Finding a plugin).

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;

use anyhow::{Result, anyhow, bail};
use serde::Deserialize;
use ureq::http::Uri;

use crate::base::secrets::mask::MASK;
use crate::protocol::json;

/// How to reach a plugin.
#[derive(Debug, PartialEq, Eq)]
pub enum Address {
    /// An absolute path.
    Unix(PathBuf),
    /// Plain HTTP to `host:port`.
    Tcp {
        authority: String,
        /// Whether the spec has TLS settings all the same.
        has_tls_config: bool,
    },
    /// TLS to `host:port`.
    Tls(String, TlsFiles),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Address::Unix(path) => write!(f, "unix://{}", path.display()),
            Address::Tcp { authority, .. } => write!(f, "tcp://{authority}"),
            Address::Tls(authority, _) => write!(f, "https://{authority}"),
        }
    }
}

/// The `TLSConfig` of a `.json` spec; paths of PEM files, empty where it names none. Without `CAFile` the host's own
/// authorities are trusted.
#[derive(Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "PascalCase", default)]
pub struct TlsFiles {
    pub insecure_skip_verify: bool,
    #[serde(rename = "CAFile")]
    pub ca_file: String,
    pub cert_file: String,
    pub key_file: String,
}

/// Reads a `.spec` file: a URL, with white space around it.
///
/// # Errors
///
/// What is wrong with the URL.
pub fn parse_spec(text: &[u8]) -> Result<Address> {
    let text = str::from_utf8(text).map_err(|_| anyhow!("it is not UTF-8"))?;
    parse_address(text.trim(), TlsFiles::default())
}

/// Reads a `.json` file: `Addr` and `TLSConfig`; other keys do not matter.
///
/// # Errors
///
/// What is wrong with the JSON or the URL.
pub fn parse_json(text: &[u8]) -> Result<Address> {
    #[derive(Deserialize)]
    struct Spec {
        #[serde(rename = "Addr", default)]
        addr: String,
        #[serde(rename = "TLSConfig")]
        tls: Option<TlsFiles>,
    }
    let spec: Spec = json::read(text)?;
    parse_address(&spec.addr, spec.tls.unwrap_or_default())
}

/// Reads `unix:///path`, or `tcp://`, `http://`, `https://` with a host. As in Docker, a path after the host is ignored.
fn parse_address(url: &str, tls: TlsFiles) -> Result<Address> {
    if url.is_empty() {
        bail!("it holds no address");
    }
    let shown = shown(url);
    let Some((scheme, rest)) = url.split_once("://") else {
        bail!(
            "address '{shown}' has no scheme; write unix://, tcp://, http:// or https:// in front"
        );
    };
    // A scheme is the same in any case (RFC 3986, section 3.1).
    let scheme = scheme.to_ascii_lowercase();
    if scheme == "unix" {
        if !rest.starts_with('/') || rest.contains(['\0', '\n']) {
            bail!("address '{shown}' has no absolute path");
        }
        return Ok(Address::Unix(PathBuf::from(rest)));
    }
    let authority = parse_authority(rest, &shown)?;
    match scheme.as_str() {
        "tcp" | "http" => Ok(Address::Tcp {
            authority,
            has_tls_config: tls != TlsFiles::default(),
        }),
        "https" => Ok(Address::Tls(authority, tls)),
        _ => bail!("address '{shown}' has an unknown scheme; unix, tcp, http and https are known"),
    }
}

/// An address as errors show it: without a user and a password.
fn shown(url: &str) -> String {
    let (scheme, rest) = match url.find("://") {
        Some(at) => url.split_at(at + 3),
        None => ("", url),
    };
    let shown = match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}{MASK}@{host}"),
        None => url.to_owned(),
    };
    shown.escape_debug().to_string()
}

/// Reads `host:port`, or a host alone. `shown` is the whole address, for errors.
fn parse_authority(text: &str, shown: &str) -> Result<String> {
    if text.is_empty() || text.starts_with(['/', '?', '#']) {
        bail!("address '{shown}' has no host");
    }
    let uri: Uri = format!("http://{text}")
        .parse()
        .map_err(|error| anyhow!("address '{shown}': {error}"))?;
    let authority = uri
        .authority()
        .filter(|authority| !authority.host().is_empty())
        .ok_or_else(|| anyhow!("address '{shown}' has no host"))?;
    let (whole, host) = (authority.as_str(), authority.host());
    if whole.contains('@') {
        bail!("address '{shown}' holds a user, which plugins do not know");
    }
    let in_brackets = host.strip_prefix('[').map(|it| it.trim_end_matches(']'));
    if in_brackets.is_some_and(|it| it.parse::<Ipv6Addr>().is_err()) {
        bail!("address '{shown}' has no IPv6 address in its brackets");
    }
    // The http crate takes a port that it cannot read for none, and the options would go to port 80.
    let port = whole.strip_prefix(host).unwrap_or_default();
    if !port.is_empty() && !is_port(port) {
        bail!("address '{shown}' has no port from 1 to 65535 behind the host");
    }
    Ok(authority.to_string())
}

/// Whether the text is a colon and a port.
fn is_port(text: &str) -> bool {
    let digits = text.strip_prefix(':').unwrap_or_default();
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number && digits.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let parsed = |text: &str| {
            parse_spec(text.as_bytes())
                .map(|address| address.to_string())
                .map_err(|error| error.to_string())
        };
        for (text, expected) in [
            ("unix:///run/x.sock\n", Ok("unix:///run/x.sock")),
            ("tcp://[::1]:80/path", Ok("tcp://[::1]:80")),
            ("http://host:1", Ok("tcp://host:1")),
            (" https://host ", Ok("https://host")),
            ("HTTPS://Host", Ok("https://Host")),
            ("Unix:///Run/x.sock", Ok("unix:///Run/x.sock")),
            ("", Err("it holds no address")),
            (
                "host:80",
                Err(
                    "address 'host:80' has no scheme; write unix://, tcp://, http:// or https:// in front",
                ),
            ),
            (
                "ftp://host",
                Err(
                    "address 'ftp://host' has an unknown scheme; unix, tcp, http and https are known",
                ),
            ),
            (
                "unix://relative",
                Err("address 'unix://relative' has no absolute path"),
            ),
            ("tcp://", Err("address 'tcp://' has no host")),
            ("https:///p", Err("address 'https:///p' has no host")),
            ("tcp://:80", Err("address 'tcp://:80' has no host")),
            ("tcp://h:65535", Ok("tcp://h:65535")),
            (
                "tcp://h:70080",
                Err("address 'tcp://h:70080' has no port from 1 to 65535 behind the host"),
            ),
            (
                "tcp://h:",
                Err("address 'tcp://h:' has no port from 1 to 65535 behind the host"),
            ),
            (
                "https://[::1]:0",
                Err("address 'https://[::1]:0' has no port from 1 to 65535 behind the host"),
            ),
            (
                "tcp://h:8080x",
                Err("address 'tcp://h:8080x' has no port from 1 to 65535 behind the host"),
            ),
            (
                "tcp://h:-1",
                Err("address 'tcp://h:-1' has no port from 1 to 65535 behind the host"),
            ),
            (
                "tcp://h:1:2",
                Err("address 'tcp://h:1:2': invalid authority"),
            ),
            (
                "tcp://[::1]1",
                Err("address 'tcp://[::1]1' has no port from 1 to 65535 behind the host"),
            ),
            (
                "tcp://[]:1",
                Err("address 'tcp://[]:1' has no IPv6 address in its brackets"),
            ),
            (
                "tcp://[fe80::1%lo]",
                Err("address 'tcp://[fe80::1%lo]' has no IPv6 address in its brackets"),
            ),
            ("tcp://::1", Err("address 'tcp://::1': invalid authority")),
            (
                "tcp://h :1",
                Err("address 'tcp://h :1': invalid uri character"),
            ),
            ("unix://", Err("address 'unix://' has no absolute path")),
            (
                "unix:///a\0b",
                Err("address 'unix:///a\\0b' has no absolute path"),
            ),
            ("unix:///a b", Ok("unix:///a b")),
            (
                "tcp://a\nb",
                Err("address 'tcp://a\\nb': invalid uri character"),
            ),
            (
                "tcp://u:p@host",
                Err("address 'tcp://****@host' holds a user, which plugins do not know"),
            ),
            (
                "tcp://u:p q@host",
                Err("address 'tcp://****@host': invalid uri character"),
            ),
            (
                "u:p@host",
                Err(
                    "address '****@host' has no scheme; write unix://, tcp://, http:// or https:// in front",
                ),
            ),
        ] {
            assert_eq!(
                parsed(text),
                expected.map(str::to_owned).map_err(str::to_owned),
                "{text}"
            );
        }
    }

    #[test]
    fn a_json_spec_carries_its_tls_files() {
        let text = r#"{"Name": "x", "Addr": "https://h:1/p", "TLSConfig": {"CAFile": "/ca", "Other": 1}, "More": []}"#;
        let tls = TlsFiles {
            ca_file: "/ca".into(),
            ..TlsFiles::default()
        };
        assert_eq!(
            parse_json(text.as_bytes()).expect("a spec"),
            Address::Tls("h:1".into(), tls)
        );
    }
}
