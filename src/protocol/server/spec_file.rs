//! The file by which Docker finds a service on TCP (protocol: Finding a plugin).

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::json;

use crate::base::failure::Failure;
use crate::protocol::server::tls::ServerFiles;
use crate::sys::files::small;

/// Removed when the service ends, unless something else stands in it by then.
#[derive(Debug)]
pub struct SpecFile {
    path: PathBuf,
    text: Vec<u8>,
}

impl SpecFile {
    /// Writes `NAME.spec`, or `NAME.json` where the service asks for certificates. Docker on this host shows the service's own.
    ///
    /// # Errors
    ///
    /// In use: there is one that says something else.
    pub fn write(
        directory: &Path,
        name: &str,
        authority: &str,
        tls: Option<&ServerFiles>,
    ) -> Result<SpecFile> {
        let (extension, text) = match tls {
            None => ("spec", format!("tcp://{authority}\n")),
            Some(files) => ("json", json_spec(name, authority, files)),
        };
        let spec = SpecFile {
            path: directory.join(format!("{name}.{extension}")),
            text: text.into_bytes(),
        };
        let doing = || format!("writing {}", spec.path.display());
        match small::read(&spec.path) {
            // Of a service that was killed.
            Ok(found) if found == spec.text => return Ok(spec),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            _ => bail!(Failure::in_use(format!(
                "{} is there already; remove it, or name the driver by another alias",
                spec.path.display()
            ))),
        }
        fs::create_dir_all(directory).with_context(doing)?;
        let aside = directory.join(format!(".{name}.{extension}.new"));
        small::replace(&spec.path, &aside, &spec.text).with_context(doing)?;
        Ok(spec)
    }
}

fn json_spec(name: &str, authority: &str, files: &ServerFiles) -> String {
    let spec = json!({
        "Name": name,
        "Addr": format!("https://{authority}"),
        "TLSConfig": {
            "InsecureSkipVerify": false,
            "CAFile": files.client_ca,
            "CertFile": files.cert,
            "KeyFile": files.key,
        },
    });
    format!("{spec:#}\n")
}

impl Drop for SpecFile {
    fn drop(&mut self) {
        if small::read(&self.path).is_ok_and(|found| found == self.text) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
