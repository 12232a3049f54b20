//! The certificates of a service on TCP: its own, and whose clients it answers.

use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::crypto::ring;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

use crate::protocol::tls::{certificates, private_key};

/// Files in PEM form.
#[derive(Debug, Clone)]
pub struct ServerFiles {
    pub cert: String,
    pub key: String,
    /// The authority that clients' certificates come from.
    pub client_ca: String,
}

/// Only clients with a certificate of that authority are answered.
///
/// # Errors
///
/// A file that cannot be read, or holds no certificate or key; a key that does not fit.
pub fn config(files: &ServerFiles) -> Result<Arc<ServerConfig>> {
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    for root in certificates(&files.client_ca)? {
        roots
            .add(root)
            .with_context(|| format!("using {}", files.client_ca))?;
    }
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone())
        .build()
        .with_context(|| format!("using {}", files.client_ca))?;
    let (chain, key) = (certificates(&files.cert)?, private_key(&files.key)?.1);
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("setting TLS up")?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain, key)
        .with_context(|| format!("using {} with the key {}", files.cert, files.key))?;
    Ok(Arc::new(config))
}
