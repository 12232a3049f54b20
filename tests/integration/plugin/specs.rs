//! Spec files: what `.spec` and `.json` may hold, and what is said of those that are broken.

use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::plugin::FakePlugin;
use crate::harness::volume_driver::Kind;

#[test]
fn every_scheme_and_form_is_understood() {
    let env = Env::new();
    let tcp = FakePlugin::tcp(&env).with_volume("of-tcp");
    let unix = FakePlugin::at(&env, Kind::Counting, "somewhere/else.sock").with_volume("of-unix");
    let port = tcp.address.rsplit(':').next().unwrap();
    let specs = [
        ("fake.spec", unix.address.clone(), "of-unix\n"),
        (
            "fake.spec",
            format!("\n \t{}  \r\n\n", unix.address),
            "of-unix\n",
        ),
        ("fake.spec", format!("tcp://{}", tcp.address), "of-tcp\n"),
        ("fake.spec", format!("http://{}", tcp.address), "of-tcp\n"),
        (
            "fake.spec",
            format!("tcp://{}/some/path", tcp.address),
            "of-tcp\n",
        ),
        ("fake.spec", format!("tcp://localhost:{port}"), "of-tcp\n"),
        (
            "fake.json",
            format!(r#"{{"Addr":"{}"}}"#, unix.address),
            "of-unix\n",
        ),
        (
            "fake.json",
            format!(r#"{{"Name":"another","Addr":"tcp://{}"}}"#, tcp.address),
            "of-tcp\n",
        ),
        (
            "fake.json",
            format!(
                r#"{{"Addr":"http://{}/path","TLSConfig":null}}"#,
                tcp.address
            ),
            "of-tcp\n",
        ),
        (
            "fake.json",
            format!(
                r#"{{"Addr":"tcp://{}","TLSConfig":{{"CAFile":"/none"}},"More":[1]}}"#,
                tcp.address
            ),
            "of-tcp\n",
        ),
        (
            "fake.json",
            format!(
                "\n{{\n\t\"Name\": \"fake\",\n\t\"Addr\": \"{}\"\n}}\n",
                unix.address
            ),
            "of-unix\n",
        ),
    ];
    for (file, text, volumes) in specs {
        let path = env.write(&format!("etc/docker/plugins/{file}"), text);
        let mut run = env.dvdcli("list -d fake").prints(volumes);
        if text_has_tls(&path) {
            let address = &tcp.address;
            run = run.warns(&format!("dvdcli: warning: plugin fake: its TLSConfig has no effect beside tcp://; write https://{address}\n"));
        }
        run.succeeds();
        fs::remove_file(path).unwrap();
    }
}

fn text_has_tls(path: &Path) -> bool {
    fs::read_to_string(path).unwrap().contains("CAFile")
}

/// A file's name, its content, and what is said of it.
const BROKEN: &[(&str, &[u8], &str)] = &[
    ("fake.spec", b"", "it holds no address"),
    ("fake.spec", b" \n\n", "it holds no address"),
    (
        "fake.spec",
        b"127.0.0.1:80",
        "address '127.0.0.1:80' has no scheme; write unix://, tcp://, http:// or https:// in front",
    ),
    (
        "fake.spec",
        b"/run/fake.sock",
        "address '/run/fake.sock' has no scheme; write unix://, tcp://, http:// or https:// in front",
    ),
    (
        "fake.spec",
        b"ftp://127.0.0.1",
        "address 'ftp://127.0.0.1' has an unknown scheme; unix, tcp, http and https are known",
    ),
    (
        "fake.spec",
        b"unix://",
        "address 'unix://' has no absolute path",
    ),
    (
        "fake.spec",
        b"unix://fake.sock",
        "address 'unix://fake.sock' has no absolute path",
    ),
    (
        "fake.spec",
        b"tcp://u:p@127.0.0.1:1",
        "address 'tcp://****@127.0.0.1:1' holds a user, which plugins do not know",
    ),
    (
        "fake.spec",
        b"tcp://[localhost]:80",
        "address 'tcp://[localhost]:80' has no IPv6 address in its brackets",
    ),
    (
        "fake.spec",
        b"tcp://127.0.0.1:1\ntcp://127.0.0.1:2",
        "address 'tcp://127.0.0.1:1\\ntcp://127.0.0.1:2': invalid uri character",
    ),
    ("fake.spec", b"unix:///run/\xff\xfe", "it is not UTF-8"),
    (
        "fake.json",
        b"",
        "EOF while parsing a value at line 1 column 0",
    ),
    (
        "fake.json",
        b"{",
        "EOF while parsing an object at line 1 column 1",
    ),
    (
        "fake.json",
        b"not json",
        "expected ident at line 1 column 2",
    ),
    ("fake.json", b"{}", "it holds no address"),
    ("fake.json", b"null", "it holds no address"),
    ("fake.json", b"[]", "it is no object"),
    (
        "fake.json",
        b"{\"Addr\":7}",
        "Addr: invalid type: integer `7`, expected a string",
    ),
    ("fake.json", b"{\"Addr\":\"\"}", "it holds no address"),
    (
        "fake.json",
        b"{\"Addr\":\"127.0.0.1:80\"}",
        "address '127.0.0.1:80' has no scheme; write unix://, tcp://, http:// or https:// in front",
    ),
    (
        "fake.json",
        b"{\"Addr\":\"tcp://h\",\"TLSConfig\":true}",
        "TLSConfig: it is no object",
    ),
    (
        "fake.json",
        b"\xff\xfe{\x00}\x00",
        "expected value at line 1 column 1",
    ),
];

#[test]
fn a_broken_file_is_an_error_and_no_reason_to_look_further() {
    for (name, text, message) in BROKEN {
        let env = Env::new();
        let good = FakePlugin::at(&env, Kind::Counting, "good.sock").with_volume("db");
        env.write(
            "usr/lib/docker/plugins/fake/fake.json",
            format!("{{\"Addr\":\"{}\"}}", good.address),
        );
        env.write(&format!("etc/docker/plugins/{name}"), text);
        env.dvdcli("mount -d fake -n db").fails(
            1,
            &format!("dvdcli: mounting volume db: plugin fake: reading $ROOT/etc/docker/plugins/{name}: {message}\n"),
        );
        assert_eq!(good.connections(), 0);
    }
}

#[test]
fn deep_nesting_is_an_error_like_any_other() {
    for key in ["TLSConfig", "More"] {
        for (open, close) in [("[", "]"), ("{\"Addr\":", "}")] {
            let env = Env::new();
            let (open, close) = (open.repeat(20_000), close.repeat(20_000));
            let deep = format!("{{\"Addr\":\"tcp://h\",\"{key}\":{open}1{close}}}");
            env.write("etc/docker/plugins/fake.json", deep);
            env.dvdcli("list -d fake").fails(
                1,
                "dvdcli: listing volumes: plugin fake: reading $ROOT/etc/docker/plugins/fake.json: it is nested more than 100 deep\n",
            );
        }
    }
}

#[test]
fn a_directory_in_place_of_a_file_is_named() {
    for name in ["fake.spec", "fake.json"] {
        let env = Env::new();
        env.dir(&format!("etc/docker/plugins/{name}"));
        env.dvdcli("list -d fake").fails(
            1,
            &format!("dvdcli: listing volumes: plugin fake: reading $ROOT/etc/docker/plugins/{name}: is a directory\n"),
        );
    }
}

#[test]
fn a_pipe_in_place_of_a_file_does_not_hang() {
    let env = Env::new();
    env.dir("etc/docker/plugins");
    nix::unistd::mkfifo(
        &env.path("etc/docker/plugins/fake.spec"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    env.dvdcli("list -d fake --timeout 2s").fails(
        1,
        "dvdcli: listing volumes: plugin fake: [..]$ROOT/etc/docker/plugins/fake.spec[..]\n",
    );
}

#[test]
fn an_address_that_cannot_be_used_fails_in_one_line() {
    let env = Env::new();
    let long = format!("unix:///{}", "x".repeat(200));
    let plain = "dvdcli: warning: plugin fake: all that goes to no-such-host.invalid:80, passwords too, can be read on the way; give the plugin an https:// address\n";
    for (address, warning, message) in [
        (long.as_str(), "", "[..]name too long"),
        // Whatever the resolver says, it is about this host.
        (
            "tcp://no-such-host.invalid:80",
            plain,
            "[..]no-such-host.invalid[..]",
        ),
    ] {
        env.write("etc/docker/plugins/fake.spec", address);
        env.dvdcli("list -d fake --wait 0 --timeout 20s").fails(
            1,
            &format!("{warning}dvdcli: listing volumes: plugin fake: {message}\n"),
        );
    }
}

#[test]
fn paths_that_a_file_names_are_taken_as_they_stand() {
    let env = Env::new();
    let plugin = FakePlugin::at(&env, Kind::Counting, "run/fake.sock").with_volume("db");
    env.write("etc/docker/plugins/below.spec", "unix:///run/fake.sock");
    env.write("etc/docker/plugins/whole.spec", &plugin.address);
    env.dvdcli("list -d whole").prints("db\n").succeeds();
    env.dvdcli("list -d below --wait 0").fails(
        1,
        "dvdcli: listing volumes: plugin below: unix:///run/fake.sock: no such file or directory\n",
    );
}

#[test]
fn a_proxy_in_the_environment_is_not_used() {
    let env = Env::new();
    let _unix = FakePlugin::start(&env, "unix").with_volume("db");
    let tcp = FakePlugin::tcp(&env).with_volume("db");
    env.write(
        "etc/docker/plugins/tcp.spec",
        format!("tcp://{}", tcp.address),
    );
    for driver in ["unix", "tcp"] {
        let mut run = env.dvdcli(&format!("list -d {driver}"));
        for name in [
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "HTTPS_PROXY",
            "ALL_PROXY",
            "all_proxy",
        ] {
            run = run.env(name, "http://127.0.0.1:1");
        }
        run.prints("db\n").succeeds();
    }
}
