//! Passwords among mount options reach the programs that mount(8) starts, but not through their arguments.

use pretty_assertions::assert_eq;

use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::volumes::{LOCAL, local_data, mounts, unmounts_and_removes};

/// A host with programs for some types: scripts that write down their own arguments, those of mount(8), and what they can read on
/// stdin.
fn with_programs() -> Option<Host> {
    let host = Host::new()?;
    let script = "#!/bin/sh\n\
        { echo \"$@\"; tr '\\0' ' ' </proc/$PPID/cmdline; } >$ROOT/arguments\n\
        cat /proc/self/fd/0 >$ROOT/read\n\
        exec mount -i -t tmpfs none \"$2\"\n";
    for fs_type in ["cifs", "ceph", "odd"] {
        host.write(&format!("/usr/sbin/mount.{fs_type}"), script);
    }
    Some(host)
}

#[test]
fn a_password_is_in_no_arguments() {
    let Some(host) = with_programs() else { return };
    for (fs_type, device, options, read, named) in [
        (
            "cifs",
            "//127.0.0.1/share",
            "username=joe,password=hunter2,vers=3.0",
            "password=hunter2\n",
            "username=joe,vers=3.0,",
        ),
        (
            "ceph",
            "127.0.0.1:/",
            "name=joe,secret=hunter2==",
            "hunter2==\n",
            "name=joe,secretfile=/proc/self/fd/0",
        ),
    ] {
        let options = format!("--opt type={fs_type} --opt device={device} --opt o={options}");
        mounts(&host.env, "db", &options);
        let at = |name: &str| fs::read_to_string(host.env.path(name)).unwrap();
        assert_eq!(at("read"), read, "{fs_type}");
        let arguments = at("arguments");
        assert!(
            arguments.contains(named) && !arguments.contains("hunter2"),
            "{arguments}"
        );
        unmounts_and_removes(&host.env, "db");
    }
}

#[test]
fn a_password_that_only_arguments_could_pass_on_is_refused() {
    let Some(host) = with_programs() else { return };
    let env = &host.env;
    env.dvdcli("create -d local -n db --opt type=odd --opt device=x --opt o=ro,password=hunter2")
        .succeeds();
    env.dvdcli("mount -d local -n db").fails(
        1,
        "dvdcli: mounting volume db: option o: every user of this host would see password in the arguments of mount; write it where mount.odd reads it from a file\n",
    );
    assert!(!env.path("arguments").exists());
    assert_eq!(env.names(&format!("{LOCAL}/db/_data")), [""; 0]);
    env.dvdcli("remove -d local -n db").succeeds();
    env.dvdcli("create -d local -n db --opt type=odd --opt device=https://joe:hunter2@host/x")
        .succeeds();
    env.dvdcli("mount -d local -n db").fails(
        1,
        "dvdcli: mounting volume db: option device: every user of this host would see its password in the arguments of mount; write it where mount.odd reads it from a file\n",
    );
    env.dvdcli("remove -d local -n db").succeeds();
    // What names a file is no secret.
    mounts(
        env,
        "db",
        "--opt type=odd --opt device=x --opt o=passwd_file=/etc/x",
    );
    assert!(local_data(env, "db").exists());
    unmounts_and_removes(env, "db");
}
