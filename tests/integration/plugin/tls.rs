//! TLS: whom we trust, who we are, and what is said where a certificate, a name or a key does not fit.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use pretty_assertions::assert_eq;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, date_time_ymd,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Issuer {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key.
struct Pair {
    certificate: rcgen::Certificate,
    key: KeyPair,
}

fn pair(authority: &Issuer, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Pair {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    Pair {
        certificate: params.signed_by(&key, authority).unwrap(),
        key,
    }
}

fn good(authority: &Issuer) -> Pair {
    pair(authority, &["127.0.0.1", "localhost"], |_| {})
}

/// A server of that certificate, which asks for a client's where it is given an authority for them.
fn server(pair: &Pair, clients: Option<&Issuer>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = match clients {
        None => config.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            config.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
                    .build()
                    .unwrap(),
            )
        }
    };
    let key = PrivateKeyDer::try_from(pair.key.serialize_der()).unwrap();
    let chain = vec![pair.certificate.der().clone()];
    config.with_single_cert(chain, key).unwrap()
}

/// What is said where no certificate is looked at.
fn unverified(address: &str) -> String {
    format!(
        "dvdcli: warning: plugin fake: whoever answers at {address} is believed, because of InsecureSkipVerify; name a CAFile instead\n"
    )
}

/// A TLS plugin named `fake`, and what its spec file says beside its address.
struct Tls {
    env: Env,
    plugin: FakePlugin,
}

impl Tls {
    fn new(config: ServerConfig) -> Tls {
        let env = Env::new();
        let plugin = FakePlugin::tls(&env, config).with_volume("db");
        Tls { env, plugin }
    }

    fn spec(&self, tls: Value) {
        let address = format!("https://{}", self.plugin.address);
        self.env.write(
            "etc/docker/plugins/fake.json",
            json!({ "Addr": address, "TLSConfig": tls }).to_string(),
        );
    }

    #[track_caller]
    fn answers(&self) {
        self.env.dvdcli("list -d fake").prints("db\n").succeeds();
    }

    /// It answers, and that anybody else could have done so is said.
    #[track_caller]
    fn answers_unverified(&self) {
        let warning = unverified(&self.plugin.address);
        let run = self.env.dvdcli("list -d fake").prints("db\n");
        run.warns(&warning).succeeds();
    }

    /// A file with a key, which only its owner can read.
    fn key(&self, name: &str, text: String) -> PathBuf {
        let path = self.env.write(name, text);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    #[track_caller]
    fn fails(&self, message: &str) {
        let line = format!("dvdcli: listing volumes: plugin fake: {message}\n");
        self.env
            .dvdcli("list -d fake --wait 0 --timeout 20s")
            .fails(1, &line);
        assert_eq!(self.plugin.requests().len(), 0);
    }

    /// Where the wording is a library's, only its gist is compared.
    #[track_caller]
    fn refuses(&self, gist: &str) {
        self.fails(&format!("Plugin.Activate: [..]{gist}[..]"));
    }
}

#[test]
fn a_private_authority_is_trusted_where_the_spec_names_it() {
    let ca = authority("ours");
    let tls = Tls::new(server(&good(&ca), None));
    let file = tls.env.write("ca.pem", ca.pem());
    tls.spec(json!({ "CAFile": file }));
    tls.answers();
    tls.env
        .dvdcli("mount -d fake -n db")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
    assert_eq!(tls.plugin.connections(), 3);
    // Among others, too.
    tls.env.write(
        "ca.pem",
        format!("# mine\n{}\n{}", authority("another").pem(), ca.pem()),
    );
    tls.answers();
}

#[test]
fn a_name_is_verified_like_an_address() {
    let ca = authority("ours");
    let tls = Tls::new(server(&pair(&ca, &["localhost"], |_| {}), None));
    let file = tls.env.write("ca.pem", ca.pem());
    let port = tls.plugin.address.rsplit(':').next().unwrap();
    let spec = json!({ "Addr": format!("https://localhost:{port}/path"), "TLSConfig": { "CAFile": file } });
    tls.env
        .write("etc/docker/plugins/fake.json", spec.to_string());
    tls.answers();
    tls.plugin.take_calls();
    tls.spec(json!({ "CAFile": file }));
    tls.refuses("certificate not valid for name \"127.0.0.1\"");
}

#[test]
fn verification_may_be_switched_off() {
    let tls = Tls::new(server(
        &pair(&authority("another"), &["elsewhere"], |_| {}),
        None,
    ));
    tls.spec(json!({ "InsecureSkipVerify": true }));
    tls.answers_unverified();
}

#[test]
fn without_an_authority_those_of_the_system_count() {
    let tls = Tls::new(server(&good(&authority("another")), None));
    for spec in [json!(null), json!({}), json!({ "CAFile": "" })] {
        tls.spec(spec);
        tls.fails("[..]");
    }
    tls.env.write("etc/docker/plugins/fake.json", "{}");
    tls.env.write(
        "etc/docker/plugins/fake.spec",
        format!("https://{}", tls.plugin.address),
    );
    tls.fails("[..]");
}

#[test]
fn a_certificate_that_does_not_hold_is_refused() {
    let ca = authority("ours");
    let names = ["127.0.0.1"];
    let expired = |params: &mut CertificateParams| {
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(2001, 1, 1);
    };
    let early = |params: &mut CertificateParams| params.not_before = date_time_ymd(4000, 1, 1);
    for (pair, message) in [
        (pair(&ca, &names, expired), "certificate expired"),
        (pair(&ca, &names, early), "certificate not valid yet"),
        (
            pair(&ca, &["elsewhere.example"], |_| {}),
            "certificate not valid for name \"127.0.0.1\"",
        ),
        (good(&authority("another")), "UnknownIssuer"),
    ] {
        let tls = Tls::new(server(&pair, None));
        let file = tls.env.write("ca.pem", ca.pem());
        tls.spec(json!({ "CAFile": file }));
        tls.refuses(message);
    }
}

#[test]
fn a_client_certificate_is_shown_where_the_spec_names_one() {
    let ca = authority("ours");
    let clients = authority("of the clients");
    let tls = Tls::new(server(&good(&ca), Some(&clients)));
    let file = tls.env.write("ca.pem", ca.pem());
    let client = good(&clients);
    let certificate = tls.env.write("client.pem", client.certificate.pem());
    let key = tls.key("client.key", client.key.serialize_pem());
    tls.spec(json!({ "CAFile": file, "CertFile": certificate, "KeyFile": key }));
    tls.answers();
    tls.spec(json!({ "InsecureSkipVerify": true, "CertFile": certificate, "KeyFile": key }));
    tls.answers_unverified();
    tls.plugin.take_calls();
    // None, and one of another authority.
    let stranger = good(&authority("another"));
    tls.env.write("stranger.pem", stranger.certificate.pem());
    tls.key("stranger.key", stranger.key.serialize_pem());
    let other = json!({ "CAFile": file, "CertFile": tls.env.path("stranger.pem"), "KeyFile": tls.env.path("stranger.key") });
    for spec in [json!({ "CAFile": file }), other] {
        tls.spec(spec);
        tls.refuses("fatal alert");
    }
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let ca = authority("ours");
    let tls = Tls::new(server(&good(&ca), None));
    let client = good(&ca);
    let other = good(&ca);
    let file = tls.env.write("ca.pem", ca.pem());
    let cert = tls.key("client.pem", client.certificate.pem());
    let key = tls.key("client.key", client.key.serialize_pem());
    let wrong = tls.key("wrong.key", other.key.serialize_pem());
    let empty = tls.env.write("empty.pem", "");
    let broken = tls.env.write(
        "broken.pem",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    );
    let none = tls.env.path("none.pem");
    for (spec, message) in [
        (
            json!({ "CAFile": none }),
            "reading $ROOT/none.pem: no such file or directory",
        ),
        (
            json!({ "CAFile": empty }),
            "reading $ROOT/empty.pem: it holds no certificate in PEM form",
        ),
        (
            json!({ "CAFile": key }),
            "reading $ROOT/client.key: it holds no certificate in PEM form",
        ),
        (
            json!({ "CAFile": tls.env.dir("directory") }),
            "reading $ROOT/directory: is a directory",
        ),
        (
            json!({ "CAFile": file, "CertFile": cert }),
            "TLSConfig has a CertFile without a KeyFile",
        ),
        (
            json!({ "CAFile": file, "KeyFile": key }),
            "TLSConfig has a KeyFile without a CertFile",
        ),
        (
            json!({ "CAFile": file, "CertFile": none, "KeyFile": key }),
            "reading $ROOT/none.pem: no such file or directory",
        ),
        (
            json!({ "CAFile": file, "CertFile": cert, "KeyFile": none }),
            "reading $ROOT/none.pem: no such file or directory",
        ),
        (
            json!({ "CAFile": file, "CertFile": cert, "KeyFile": cert }),
            "reading $ROOT/client.pem: it holds no private key in PEM form",
        ),
        (
            json!({ "CAFile": file, "CertFile": cert, "KeyFile": wrong }),
            "using the client certificate $ROOT/client.pem with the key $ROOT/wrong.key: [..]",
        ),
        (json!({ "CAFile": broken }), "[..]"),
    ] {
        tls.spec(spec);
        tls.fails(message);
    }
}

#[test]
fn plain_and_tls_do_not_mix() {
    let ca = authority("ours");
    let tls = Tls::new(server(&good(&ca), None));
    tls.env.write(
        "etc/docker/plugins/plain.spec",
        format!("tcp://{}", tls.plugin.address),
    );
    tls.env.dvdcli("list -d plain --wait 0 --timeout 5s").fails(
        1,
        "dvdcli: listing volumes: plugin plain: Plugin.Activate: [..]\n",
    );
    let plain = FakePlugin::tcp(&tls.env);
    plain.on("Activate", crate::harness::http::hang());
    let spec = json!({ "Addr": format!("https://{}", plain.address), "TLSConfig": { "InsecureSkipVerify": true } });
    tls.env
        .write("etc/docker/plugins/fake.json", spec.to_string());
    tls.env.dvdcli("list -d fake --wait 0 --timeout 2s").fails(
        1,
        &format!(
            "{}dvdcli: listing volumes: plugin fake: Plugin.Activate: [..]\n",
            unverified(&plain.address)
        ),
    );
}

#[test]
fn a_server_that_never_shakes_hands_is_given_up_in_time() {
    let env = Env::new();
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let spec = json!({ "Addr": format!("https://{}", listener.local_addr().unwrap()), "TLSConfig": { "InsecureSkipVerify": true } });
    env.write("etc/docker/plugins/fake.json", spec.to_string());
    env.dvdcli("list -d fake --timeout 1s").fails(
        1,
        &format!(
            "{}dvdcli: listing volumes: plugin fake: Plugin.Activate: no answer within 1s (--timeout)\n",
            unverified(&listener.local_addr().unwrap().to_string())
        ),
    );
}

#[test]
fn a_key_that_every_user_can_read_is_told_of() {
    let ca = authority("ours");
    let tls = Tls::new(server(&good(&ca), Some(&ca)));
    let file = tls.env.write("ca.pem", ca.pem());
    let client = good(&ca);
    let cert = tls.env.write("client.pem", client.certificate.pem());
    let key = tls.env.write("client.key", client.key.serialize_pem());
    tls.spec(json!({ "CAFile": file, "CertFile": cert, "KeyFile": key }));
    let run = tls.env.dvdcli("list -d fake").prints("db\n");
    run.warns("dvdcli: warning: plugin fake: its key $ROOT/client.key: other users can read it (mode 0644); run chmod 600 on it\n")
        .succeeds();
}
