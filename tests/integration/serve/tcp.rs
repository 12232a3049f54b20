//! Services on TCP, and the files by which Docker finds them.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;

use pretty_assertions::assert_eq;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use serde_json::{Value, json};

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::run::holders;
use crate::harness::served::{read, request};
use crate::harness::waiting::eventually;

/// A port of the loopback device that nobody has.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

const SPEC: &str = "etc/docker/plugins/dvdcli";

#[test]
fn docker_finds_a_service_on_tcp_by_a_file() {
    let env = Env::new();
    env.dvdcli("create -d local -n db").succeeds();
    let port = free_port();
    let line = format!("serve -d local --listen tcp://127.0.0.1:{port}");
    let running = env.dvdcli(&line).start();
    let spec = env.path(&format!("{SPEC}.spec"));
    eventually("the file", || spec.exists());
    assert_eq!(
        fs::read_to_string(&spec).unwrap(),
        format!("tcp://127.0.0.1:{port}\n")
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream
        .write_all(&request("VolumeDriver.List", "{}"))
        .unwrap();
    let (status, listed) = read(stream).unwrap();
    assert_eq!(
        (status, &listed["Volumes"][0]["Name"]),
        (200, &Value::from("db"))
    );
    // There is no other socket, and the file counts once as well.
    assert!(!env.path("run/docker").exists());
    env.dvdcli("list")
        .prints("DRIVER  VOLUME NAME\nlocal   db\n")
        .succeeds();
    // After a kill the file is there still, and is taken over.
    running.kill();
    let running = env.dvdcli(&line).start();
    eventually("the service", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    // Who hangs up has mounted nothing.
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mount = json!({"Name": "db", "ID": "gone"}).to_string();
    stream
        .write_all(&request("VolumeDriver.Mount", &mount))
        .unwrap();
    drop(stream);
    let pid = nix::unistd::Pid::from_raw(running.child.id().cast_signed());
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
    let output = running.output();
    let taken_back = "dvdcli: warning: mounting volume db: the engine has gone without its answer, so it is taken back\n";
    assert_eq!(output.parts(), (0, "", taken_back));
    assert_eq!(holders(&env, "-d local -n db"), [""; 0]);
    assert!(!spec.exists());
    // Somebody else's is not.
    env.write(&format!("{SPEC}.spec"), "tcp://127.0.0.1:1\n");
    env.dvdcli(&line).fails(
        4,
        "dvdcli: serving driver local: $ROOT/etc/docker/plugins/dvdcli.spec is there already; remove it, or name the driver by another \
         alias\n",
    );
}

/// An authority, and a certificate of it for a host and its clients, in files.
fn certificates(env: &Env, name: &str) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.extended_key_usages = vec![
        ExtendedKeyUsagePurpose::ServerAuth,
        ExtendedKeyUsagePurpose::ClientAuth,
    ];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority).unwrap();
    env.write(&format!("{name}.ca"), authority.pem());
    env.write(&format!("{name}.cert"), certificate.pem());
    let key = env.write(&format!("{name}.key"), key.serialize_pem());
    fs::set_permissions(key, fs::Permissions::from_mode(0o600)).unwrap();
}

/// Whoever has no certificate of the right authority is not answered. That our own client is told who it speaks to shows that the file
/// is good, and that both have shown their certificates.
#[test]
fn only_clients_with_a_certificate_are_answered() {
    let env = Env::new();
    for name in ["ours", "theirs"] {
        certificates(&env, name);
    }
    let port = free_port();
    let tls = "--tls-cert $ROOT/ours.cert --tls-key $ROOT/ours.key --tls-client-ca $ROOT/ours.ca";
    let _running = env
        .dvdcli(&format!(
            "serve -d local --listen tcp://127.0.0.1:{port} {tls}"
        ))
        .start();
    let spec = env.path(&format!("{SPEC}.json"));
    eventually("the file", || spec.exists());
    let text = fs::read_to_string(&spec).unwrap();
    let served = "dvdcli: looking up volume db: plugin dvdcli: Plugin.Activate: it is dvdcli serving driver local; give that name\n";
    env.dvdcli("get -d dvdcli -n db").fails(2, served);
    let theirs = text
        .replace("ours.cert", "theirs.cert")
        .replace("ours.key", "theirs.key");
    env.write("etc/docker/plugins/theirs.json", theirs);
    let refused = env.dvdcli("get -d theirs -n db --wait 0").output();
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.stderr.contains("UnknownCA") || refused.stderr.contains("fatal alert"),
        "{refused:?}"
    );
    env.write(
        "etc/docker/plugins/plain.spec",
        format!("tcp://127.0.0.1:{port}\n"),
    );
    let refused = env.dvdcli("get -d plain -n db --wait 0").output();
    assert_eq!(refused.code, 1, "{refused:?}");
}
