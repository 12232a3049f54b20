//! Nomad's agent, as far as it calls plugins for dynamic host volumes.

use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::process::Run;

pub const ID: &str = "02eb1d8e-945e-50ee-7640-68b92f622870";

/// Where volumes of `loop` are.
pub const LOOP: &str = "/var/lib/dvdcli/loop";

const PLUGINS: &str = "/srv/plugins";

/// A call of the link that is named after a driver, with no other variables than Nomad sets: some that it always sets, and these, without
/// `DHV_`.
pub fn call<'h>(
    host: &'h Host,
    driver: &str,
    operation: &str,
    variables: &[(&str, &str)],
) -> Run<'h> {
    let link = Path::new(PLUGINS).join(driver);
    if !link.exists() {
        fs::create_dir_all(PLUGINS).unwrap();
        symlink("/usr/bin/dvdcli", &link).unwrap();
    }
    let mut run = host.env.program(link.to_str().unwrap(), [operation]);
    run.command.env_clear();
    let usual = match operation {
        "fingerprint" => &[][..],
        _ => &[
            ("VOLUMES_DIR", "/srv/volumes"),
            ("PLUGIN_DIR", PLUGINS),
            ("NAMESPACE", "default"),
            ("VOLUME_NAME", "db"),
            ("VOLUME_ID", ID),
            ("NODE_ID", "d87c86d7-d22b-f811-c329-09e263995e86"),
            ("NODE_POOL", "default"),
            ("PARAMETERS", "null"),
        ],
    };
    let set = [("OPERATION", operation)];
    let all = set.iter().chain(usual).chain(variables);
    all.fold(run, |run, (name, value)| {
        run.env(&format!("DHV_{name}"), value)
    })
}

/// What `create` answers with for a volume of `loop`.
pub fn made(id: &str, bytes: u64) -> String {
    format!("{{\"path\":\"{LOOP}/{id}/mnt/data\",\"bytes\":{bytes}}}\n")
}

/// It fails with that code, and says the same on stdout and stderr.
#[track_caller]
pub fn is_refused(run: Run, code: i32, why: &str) {
    let answer = json!({ "error": why });
    run.prints(&format!("{answer}\n"))
        .fails(code, &format!("dvdcli: {why}\n"));
}

/// What `dvdcli` prints as JSON on that host.
#[track_caller]
pub fn shown(host: &Host, line: &str) -> Value {
    let words: Vec<&str> = line.split_whitespace().collect();
    let found = host.daemon("dvdcli", &words).output();
    assert_eq!((found.code, found.stderr.as_str()), (0, ""), "{line}");
    serde_json::from_str(&found.stdout).unwrap()
}

/// Unmounts all volumes and forgets their holders, as a restart of the host does.
#[track_caller]
pub fn reboot(host: &Host) {
    for mount in host.daemons_volumes() {
        nix::mount::umount(&mount).unwrap();
    }
    fs::remove_dir_all("/run/dvdcli").unwrap();
}
