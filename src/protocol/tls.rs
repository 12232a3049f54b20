//! The TLS settings of a plugin: which certificates are trusted, and which one the client shows.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

use crate::protocol::address::TlsFiles;
use crate::sys::files::small as files;

/// The settings that a spec file's `TLSConfig` asks for (protocol: Finding a plugin).
///
/// # Errors
///
/// A file that cannot be read, or holds no certificate or key; a certificate of the client without a key, or with one that
/// does not fit.
pub fn config(files: &TlsFiles) -> Result<TlsConfig> {
    let provider = Arc::new(ring::default_provider());
    let mut config = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(provider.clone())
        .disable_verification(files.insecure_skip_verify);
    if !files.insecure_skip_verify {
        config = config.root_certs(RootCerts::from(trusted(files)?));
    }
    Ok(config.client_cert(client(files, &provider)?).build())
}

/// The authorities that a server's certificate may come from: those of `CAFile`, else the host's.
fn trusted(files: &TlsFiles) -> Result<Vec<Certificate<'static>>> {
    let roots = if files.ca_file.is_empty() {
        rustls_native_certs::load_native_certs().certs
    } else {
        certificates(&files.ca_file)?
    };
    if roots.is_empty() {
        bail!(
            "this host trusts no certificate authority; install ca-certificates, or name a CAFile in the spec"
        );
    }
    Ok(roots
        .iter()
        .map(|root| Certificate::from_der(root).to_owned())
        .collect())
}

/// The client's certificate and key, where the spec names them.
fn client(files: &TlsFiles, provider: &CryptoProvider) -> Result<Option<ClientCert>> {
    let (cert_file, key_file) = match (files.cert_file.as_str(), files.key_file.as_str()) {
        ("", "") => return Ok(None),
        ("", _) => bail!("TLSConfig has a KeyFile without a CertFile"),
        (_, "") => bail!("TLSConfig has a CertFile without a KeyFile"),
        pair => pair,
    };
    let chain = certificates(cert_file)?;
    let (pem, key) = private_key(key_file)?;
    // Checked here, because ureq panics on a key that does not fit its certificate.
    CertifiedKey::from_der(chain.clone(), key, provider).with_context(|| {
        format!("using the client certificate {cert_file} with the key {key_file}")
    })?;
    let chain: Vec<_> = chain
        .iter()
        .map(|link| Certificate::from_der(link).to_owned())
        .collect();
    let key = PrivateKey::from_pem(&pem).with_context(|| format!("reading {key_file}"))?;
    Ok(Some(ClientCert::new_with_certs(&chain, key)))
}

/// The private key in a file, which is returned as it is too.
pub fn private_key(file: &str) -> Result<(Vec<u8>, PrivateKeyDer<'static>)> {
    let reading = || format!("reading {file}");
    let pem = files::read(Path::new(file)).with_context(reading)?;
    let key = PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| anyhow!("it holds no private key in PEM form"))
        .with_context(reading)?;
    Ok((pem, key))
}

pub fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>> {
    let reading = || format!("reading {file}");
    let pem = files::read(Path::new(file)).with_context(reading)?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let certificates = certificates
        .map_err(|error| anyhow!("{error}"))
        .with_context(reading)?;
    if certificates.is_empty() {
        return Err(anyhow!("it holds no certificate in PEM form")).with_context(reading);
    }
    Ok(certificates)
}
