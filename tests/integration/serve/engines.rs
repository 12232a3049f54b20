//! Docker and Podman themselves, with `serve` as their plugin.

use std::path::PathBuf;

use pretty_assertions::assert_eq;
use serde_json::Value;

use crate::harness::engines::{Docker, IMAGE, Podman, are_installed};
use crate::harness::env::Env;
use crate::harness::run::holders;
use crate::harness::served::Served;
use crate::harness::volumes::LOOP;

/// An environment in which the engines find the plugin where it is on a host.
fn host() -> Option<Env> {
    let env = Env::isolated()?;
    env.pose_as_host();
    Some(env)
}

fn held(env: &Env, volume: &str) -> usize {
    holders(env, &format!("-d loop -n {volume}")).len()
}

#[test]
fn docker() {
    if !are_installed(&["dockerd", "docker", "busybox"]) {
        return;
    }
    let Some(env) = host() else { return };
    let served = Served::start(&env, "loop");
    let mut docker = Docker::start(&env);
    docker.run("volume create -d loop -o size=20MiB vol");
    assert_eq!(
        docker.run("volume ls --format {{.Driver}}/{{.Name}}"),
        "loop/vol\n"
    );
    let inspected: Value = serde_json::from_str(&docker.run("volume inspect vol")).unwrap();
    assert_eq!(inspected[0]["Status"]["FsType"], "ext4");
    let with = format!("run --rm --network none -v vol:/data --volume-driver loop {IMAGE}");
    docker.run(&format!("{with} sh -c printf${{IFS}}kept>/data/file"));
    // Two containers and a shell.
    docker.container("c1", "vol");
    docker.container("c2", "vol");
    let kept = env.dvdcli("run -d loop -n vol -- sh -c cat${IFS}$DVDCLI_MOUNTPOINT/file");
    kept.prints("kept").succeeds();
    assert_eq!(held(&env, "vol"), 2);
    docker.run("rm -f c1");
    assert_eq!(held(&env, "vol"), 1);
    // The service is killed while a container runs, which goes on.
    served.kill();
    let served = Served::start(&env, "loop");
    assert_eq!(docker.run("exec c2 cat /data/file"), "kept");
    docker.container("c3", "vol");
    assert_eq!(held(&env, "vol"), 2);
    docker.run("rm -f c2 c3");
    assert_eq!(held(&env, "vol"), 0);
    // The daemon is killed while a container runs, and forgets that it has mounted the volume.
    docker.container("c4", "vol");
    docker.kill();
    assert_eq!(held(&env, "vol"), 1);
    docker.go_on();
    docker.run("rm -f c4");
    assert_eq!(held(&env, "vol"), 1);
    env.dvdcli("unmount -d loop -n vol --force").succeeds();
    assert_eq!(held(&env, "vol"), 0);
    // With the volumes that a container has made for itself.
    docker.run(&format!(
        "run -d --name c5 --network none -v /data --volume-driver loop {IMAGE} sleep 1000"
    ));
    assert_eq!(env.names(LOOP).len(), 2);
    docker.run("rm -f -v c5");
    assert_eq!(env.names(LOOP), ["vol"]);
    docker.run("volume rm vol");
    drop(docker);
    assert_eq!(env.names(LOOP), [""; 0]);
    assert_eq!(served.stop().code, 0);
    // Docker's own mounts are its own.
    let volumes = env.path(LOOP);
    let is_volume = |mount: &PathBuf| mount.starts_with(&volumes);
    assert!(!env.mounts().iter().any(is_volume), "{:?}", env.mounts());
}

#[test]
fn podman() {
    if !are_installed(&["podman", "conmon", "busybox"]) {
        return;
    }
    let Some(env) = host() else { return };
    let served = Served::start(&env, "loop");
    let podman = Podman::new(&env, &served.engine().socket);
    podman.run("volume create --driver loop --opt size=20MiB vol");
    assert_eq!(
        podman.run("volume ls --format {{.Driver}}/{{.Name}}"),
        "loop/vol\n"
    );
    podman.container("c1", "vol");
    podman.container("c2", "vol");
    let written =
        env.dvdcli("run -d loop -n vol -- sh -c printf${IFS}kept>$DVDCLI_MOUNTPOINT/file");
    written.succeeds();
    assert_eq!(podman.run("exec c2 cat /data/file"), "kept");
    // It has one ID for all its containers, and counts itself.
    assert_eq!(held(&env, "vol"), 1);
    served.kill();
    let served = Served::start(&env, "loop");
    podman.run("rm -f -t 0 c1");
    assert_eq!(held(&env, "vol"), 1);
    podman.run("rm -f -t 0 c2");
    assert_eq!(held(&env, "vol"), 0);
    podman.run("volume rm vol");
    assert_eq!(env.names(LOOP), [""; 0]);
    drop(podman);
    assert_eq!(served.stop().code, 0);
}
