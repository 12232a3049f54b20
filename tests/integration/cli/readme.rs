//! The README's blocks for each caller, run as they stand there; where the caller is not on the machine, what it runs.

use std::path::Path;

use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use crate::harness::fs;
use crate::harness::host::Host;
use crate::harness::mounts::mount_fuse;
use crate::harness::process::is_warnings;
use crate::harness::volumes::user_of;

/// A fenced block below a heading, the first being number 0.
fn block(heading: &str, number: usize) -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, section) = readme
        .split_once(&format!("# {heading}\n"))
        .unwrap_or_else(|| panic!("README.md has no section {heading}"));
    let section = section.split("\n## ").next().unwrap();
    let section = section.split("\n### ").next().unwrap();
    let fenced = section.split("\n```").skip(1).step_by(2).nth(number);
    let fenced = fenced.unwrap_or_else(|| panic!("{heading} has no block {number}"));
    fenced.split_once('\n').unwrap().1.to_owned() + "\n"
}

const DATA: &str = "/var/lib/dvdcli/loop/db/mnt/data";

#[test]
fn the_mesos_agent_finds_what_is_installed() {
    let Some(host) = Host::new() else { return };
    let block = block("Mesos: the isolator `docker/volume`", 0);
    let (install, agent) = block.trim().split_once('\n').unwrap();
    fs::remove_file("/usr/bin/dvdcli").unwrap();
    host.env.write("dvdcli", "#!/bin/sh\necho a program\n");
    host.run(install).succeeds();
    host.daemon("dvdcli", &[""; 0])
        .prints("a program\n")
        .succeeds();
    let isolation = agent
        .split_whitespace()
        .find_map(|flag| flag.strip_prefix("--isolation="))
        .unwrap();
    assert!(isolation.split(',').any(|name| name == "docker/volume"));
}

#[test]
fn marathons_volume_becomes_the_call_that_is_shown() {
    let Some(host) = Host::new() else { return };
    let app: Value = serde_json::from_str(&block("Marathon and DC/OS", 0)).unwrap();
    let external = &app["container"]["volumes"][0]["external"];
    assert_eq!(external["provider"], "dvdi");
    let options = external["options"].as_object().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mut call = vec![
        "dvdcli".to_owned(),
        "mount".to_owned(),
        format!("--volumedriver={}", text(&options["dvdi/driver"])),
        format!("--volumename={}", text(&external["name"])),
        format!("--volumeopts=size={}", external["size"]),
    ];
    for (key, value) in options.iter().filter(|(key, _)| *key != "dvdi/driver") {
        let key = key.strip_prefix("dvdi/").unwrap();
        call.push(format!("--volumeopts={key}={}", text(value)));
    }
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    assert!(
        readme.contains(&format!("`{}`", call.join(" "))),
        "{call:?}"
    );
    host.daemon("dvdcli", &call[1..])
        .prints(&format!("{DATA}\n"))
        .succeeds();
    host.daemon("findmnt", &["-n", "-o", "FSTYPE", "-T", DATA])
        .prints("xfs\n")
        .succeeds();
    host.daemon("dvdcli", &["unmount", "-d", "loop", "-n", "db"])
        .succeeds();
    host.assert_no_volume();
}

/// The command isolator's three files, and what the agent says of a container.
fn hook(host: &Host, verb: &str, container: &str, variables: &[(&str, &str)]) -> (i32, String) {
    let variables = variables
        .iter()
        .map(|(name, value)| json!({"type": "VALUE", "name": name, "value": value}));
    let input = json!({
        "container_id": {"value": container},
        "container_config": {
            "command_info": {"value": "sleep 1000", "environment": {"variables": variables.collect::<Vec<_>>()}}
        }
    });
    let input = host.env.write("input", input.to_string());
    let (output, error) = (host.env.write("output", ""), host.env.write("error", ""));
    let done = host
        .daemon(
            &format!("/etc/mesos/dvdcli-{verb}"),
            &[&input, &output, &error],
        )
        .output();
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
    assert_eq!(fs::read_to_string(output).unwrap(), "");
    (done.code, fs::read_to_string(error).unwrap())
}

#[test]
fn a_launcher_passes_on_the_tasks_environment() {
    let Some(host) = Host::new() else { return };
    // Below /tmp as well, but nobody else's.
    let script = block("Any launcher: the task's environment", 0);
    assert!(script.contains("/tmp/job7"));
    let script = script.replace("/tmp/job7", "$ROOT/job7");
    host.daemon("sh", &["-ec", &script])
        .prints("$ROOT/job7/db\n/var/lib/dvdcli/local/logs/_data\n")
        .succeeds();
    assert_eq!(
        host.daemons_volumes(),
        [
            Path::new("/var/lib/dvdcli/loop/db/mnt"),
            &host.env.path("job7/db")
        ]
    );
    let undo = script.replace("mount --from-env", "unmount --from-env");
    host.daemon("sh", &["-ec", &undo]).succeeds();
    host.assert_no_volume();
}

#[test]
fn the_mesos_hook_mounts_a_tasks_volumes() {
    let Some(host) = Host::new() else { return };
    let script = block("A Mesos hook", 0);
    for verb in ["prepare", "cleanup"] {
        host.write(&format!("/etc/mesos/dvdcli-{verb}"), &script);
    }
    fs::create_dir("/srv/a b").unwrap();
    let allowed = block("Any launcher: the task's environment", 1);
    host.write("/etc/dvdcli/config.yml", &allowed);
    let variables = [
        ("PATH", "/nowhere"),
        ("DVDI_VOLUME_NAME", "db"),
        ("DVDI_VOLUME_DRIVER", "loop"),
        ("DVDI_VOLUME_OPTS", "size=1,newfstype=ext4"),
        ("DVDI_VOLUME_CONTAINERPATH", "/srv/a b"),
        ("DVDI_VOLUME_NAME1", "plain"),
        ("DVDI_VOLUME_DRIVER1", "local"),
    ];
    let fine = (0, String::new());
    assert_eq!(hook(&host, "prepare", "one", &variables), fine);
    assert_eq!(
        host.daemons_volumes(),
        [
            Path::new("/var/lib/dvdcli/loop/db/mnt"),
            Path::new("/srv/a b")
        ]
    );
    assert_eq!(hook(&host, "prepare", "two", &variables[5..]), fine);
    assert_eq!(hook(&host, "cleanup", "one", &variables).0, 0);
    host.assert_no_volume();
    assert_eq!(hook(&host, "cleanup", "two", &variables[5..]), fine);
    // A task without volumes, and one that tries to have its name run.
    assert_eq!(hook(&host, "prepare", "none", &variables[..1]), fine);
    let (code, error) = hook(
        &host,
        "prepare",
        "bad",
        &[("DVDI_VOLUME_NAME", "$(touch /srv/x)")],
    );
    assert_eq!(code, 2);
    assert!(error.contains("DVDI_VOLUME_NAME"), "{error}");
    let (code, _) = hook(
        &host,
        "prepare",
        "bad",
        &[("DVDI_VOLUME_$(touch /srv/x)", "db")],
    );
    assert_ne!(code, 0);
    assert!(!Path::new("/srv/x").exists());
}

#[test]
fn slurms_jobs_have_their_volumes() {
    let Some(host) = Host::new() else { return };
    host.write("/etc/slurm/prolog.d/50-volumes", &block("Slurm", 0));
    host.write("/etc/slurm/epilog.d/50-volumes", &block("Slurm", 1));
    host.write("/etc/slurm/volumes/batch", &block("Slurm", 2));
    host.write("/etc/dvdcli/config.yml", &block("Slurm", 3));
    // slurmd sets no PATH.
    let run = |script: &str, job: &str, partition: &str| {
        let path = format!("/etc/slurm/{script}.d/50-volumes");
        let run = host.daemon(&path, &[""; 0]).env("SLURM_JOB_ID", job);
        let mut run = run
            .env("SLURM_JOB_USER", "nobody")
            .env("SLURM_JOB_UID", "65534")
            .env("SLURM_JOB_PARTITION", partition);
        run.command.env_remove("PATH");
        run
    };
    run("prolog", "7", "other").succeeds();
    run("epilog", "7", "other").succeeds();
    run("prolog", "8", "batch").succeeds();
    run("prolog", "9", "batch").succeeds();
    fs::write("/srv/scratch/8/file", "text").unwrap();
    assert_eq!(fs::read_to_string("/srv/scratch/9/file").unwrap(), "text");
    host.daemon("stat", &["-c", "%U %a", "/srv/scratch/9"])
        .prints("nobody 700\n")
        .succeeds();
    run("epilog", "8", "batch")
        .warns("dvdcli: warning: volume scratch-nobody stays mounted, it is held by slurm-9\n")
        .succeeds();
    // A job's user covers the directory, and keeps the volume busy.
    let _fuse = mount_fuse(Path::new("/srv/scratch/9"));
    let user = user_of(Path::new("/var/lib/dvdcli/loop/scratch-nobody/mnt/data"));
    let ended = run("epilog", "9", "batch").output();
    assert!(ended.code == 0 && is_warnings(&ended.stderr), "{ended:?}");
    drop(user);
    host.assert_no_volume();
    assert_eq!(fs::names("/srv/scratch").len(), 0);
}

#[test]
fn fstab_mounts_and_umount_releases() {
    let Some(host) = Host::new() else { return };
    for helper in ["/sbin/mount.dvdcli", "/sbin/umount.dvdcli"] {
        fs::remove_file(helper).unwrap();
    }
    host.daemon("sh", &["-ec", &block("fstab", 0)]).succeeds();
    host.fstab(&block("fstab", 1));
    let place = Path::new("/srv/db");
    fs::create_dir(place).unwrap();
    for mount in [&["-a"][..], &["/srv/db"]] {
        host.daemon("mount", mount).succeeds();
        assert!(
            host.options(place)
                .unwrap()
                .starts_with("rw,nosuid,nodev,noexec")
        );
        host.daemon("findmnt", &["-n", "-o", "FSTYPE", "/srv/db"])
            .prints("xfs\n")
            .succeeds();
        host.daemon("umount", &["/srv/db"]).succeeds();
        host.assert_no_volume();
    }
}

#[test]
fn a_unit_of_systemd_mounts() {
    let Some(host) = Host::new() else { return };
    let unit = block("systemd", 0);
    host.write("/etc/systemd/system/srv-db.mount", &unit);
    let value = |key: &str| {
        let mut lines = unit.lines();
        lines
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .unwrap()
    };
    host.daemon("systemd-escape", &["-p", "--suffix=mount", value("Where")])
        .prints("srv-db.mount\n")
        .succeeds();
    fs::create_dir(value("Where")).unwrap();
    // systemd.mount(5), and what systemctl status shows of it.
    let mount = [
        value("What"),
        value("Where"),
        "-t",
        value("Type"),
        "-o",
        value("Options"),
    ];
    host.daemon("mount", &mount).succeeds();
    assert!(
        host.options(Path::new("/srv/db"))
            .unwrap()
            .starts_with("rw,nosuid,nodev,noexec")
    );
    host.daemon("umount", &[value("Where"), "-c"]).succeeds();
    host.assert_no_volume();
}

#[test]
fn a_shell_script_keeps_its_copy() {
    let Some(host) = Host::new() else { return };
    let hostname = fs::read_to_string("/etc/hostname").unwrap();
    for number in 0..2 {
        host.write("/srv/script", &block("Shell scripts", number));
        host.daemon("sh", &["/srv/script"]).succeeds();
        host.assert_no_volume();
        let read = [
            "run",
            "-d",
            "loop",
            "-n",
            "backup",
            "--",
            "sh",
            "-c",
            "cat $DVDCLI_MOUNTPOINT/hostname; rm $DVDCLI_MOUNTPOINT/hostname",
        ];
        host.daemon("dvdcli", &read).prints(&hostname).succeeds();
    }
    host.assert_no_volume();
}

#[test]
fn a_shell_script_that_is_ended_leaves_nothing() {
    let Some(host) = Host::new() else { return };
    let script =
        block("Shell scripts", 1).replace("cp -a /etc/hostname", "kill $$; cp -a /etc/hostname");
    host.write("/srv/script", &script);
    host.daemon("sh", &["/srv/script"]).fails(143, "");
    host.assert_no_volume();
}

#[test]
fn a_volume_has_its_day() {
    let Some(host) = Host::new() else { return };
    let day = block("A day in the life of a volume", 0);
    let (day, doctor) = day.trim_end().rsplit_once('\n').unwrap();
    let done = host.daemon("sh", &["-ec", day]).output();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""), "{done:?}");
    let lines: Vec<_> = done.stdout.lines().collect();
    let mounted = "/var/lib/dvdcli/loop/wiki/mnt/data";
    let [path, trimmed, _, grown, _, page, _, pruned, _, head, left] = lines[..] else {
        panic!("{lines:#?}");
    };
    assert_eq!((path, page), (mounted, "the first page"));
    assert!(trimmed.ends_with('B'), "{trimmed}");
    let words = |line: &str| {
        line.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(words(grown)[..4], ["loop", "wiki", "2", "GiB"]);
    assert_eq!(words(pruned)[..2], ["loop", "wiki"]);
    assert_eq!(
        (words(head)[0].as_str(), words(left)),
        ("DRIVER", words("local wiki"))
    );
    host.assert_no_volume();
    // It sees the machine that the test runs on as well.
    let found = host.run(doctor).output();
    assert!(
        found.code <= 1 && !found.stdout.contains("wiki"),
        "{found:?}"
    );
}
