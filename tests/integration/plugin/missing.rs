//! Methods that a plugin does not have, and refusals that only sound so.

use crate::harness::http::{missing, refuses, status};
use crate::harness::plugin::FakePlugin;
use crate::harness::process::is_warnings;

#[test]
fn a_method_is_missing_where_all_of_the_answer_says_so() {
    let (env, plugin) = FakePlugin::with_db();
    for answer in [
        missing(),
        status(404, ""),
        status(404, "<!DOCTYPE html><html><body>Cannot POST</body></html>"),
        status(405, "Method Not Allowed\n"),
        status(501, "501 not implemented\n"),
        status(500, "Handler not found\n"),
        refuses("Handler not found: POST /VolumeDriver.List"),
        refuses("not implemented"),
    ] {
        plugin.on("List", answer);
        env.dvdcli("list -d fake").fails(
            1,
            "dvdcli: listing volumes: plugin fake: it has no VolumeDriver.List\n",
        );
    }
}

#[test]
fn words_within_an_error_are_no_missing_method() {
    let (env, plugin) = FakePlugin::with_db();
    for (answer, words) in [
        (
            status(404, "pool not found\n"),
            "pool not found (HTTP status 404)",
        ),
        (
            status(501, "encryption is not implemented\n"),
            "encryption is not implemented (HTTP status 501)",
        ),
        (
            refuses("listing pool a: method not found"),
            "listing pool a: method not found",
        ),
        (
            refuses("snapshots: not implemented: skipped"),
            "snapshots: not implemented: skipped",
        ),
    ] {
        plugin.on("List", answer);
        env.dvdcli("list -d fake").fails(
            1,
            &format!("dvdcli: listing volumes: plugin fake: VolumeDriver.List: {words}\n"),
        );
    }
}

#[test]
fn a_volume_that_is_gone_need_not_be_unmounted_whatever_the_status_is() {
    let (env, plugin) = FakePlugin::with_db();
    for answer in [
        refuses("volume not found"),
        status(404, "volume not found\n"),
        status(500, "volume not found\n"),
    ] {
        env.mount_db();
        plugin.on("Unmount", answer);
        let done = env.dvdcli("unmount -d fake -n db").output();
        assert!(done.code == 0 && is_warnings(&done.stderr), "{done:?}");
    }
}
