//! Every form of answer that plugins give, and what is made of an answer that is none.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::http::{Answer, chunked, close, json, no_length, refuses, response, status};
use crate::harness::plugin::FakePlugin;

/// Whatever form an answer has, the text after it is what the user reads.
fn refusals() -> Vec<(Answer, &'static str)> {
    let text = |kind: &str, code, body: &str| {
        Answer::Bytes(response(code, &format!("Content-Type: {kind}\r\n"), body))
    };
    vec![
        (refuses("boom"), "boom"),
        (json(json!({ "Err": "boom" })), "boom"),
        (json(json!({ "Mountpoint": "", "Err": "boom" })), "boom"),
        (json(json!({ "Error": "boom" })), "boom"),
        (json(json!({ "Err": "", "Error": "boom" })), "boom"),
        (status(500, &json!({ "Error": "boom" }).to_string()), "boom"),
        (status(404, &json!({ "Err": "boom" }).to_string()), "boom"),
        (
            text(
                "application/vnd.docker.plugins.v1.1+json",
                500,
                r#"{"Err":"boom"}"#,
            ),
            "boom",
        ),
        (
            text(
                "application/json; charset=utf-8",
                400,
                "{\"Err\":\"boom\"}\n",
            ),
            "boom",
        ),
        (
            Answer::Bytes(response(500, "", r#"{"Err":"boom"}"#)),
            "boom",
        ),
        (no_length(json!({ "Err": "boom" })), "boom"),
        (chunked(json!({ "Err": "boom" })), "boom"),
        (status(500, "boom\n"), "boom (HTTP status 500)"),
        (refuses("two\nlines\u{1b}[31m\r\n"), "two lines [31m"),
        (
            refuses("no space: \u{e9} \u{1f4be}"),
            "no space: \u{e9} \u{1f4be}",
        ),
        (json(json!({ "Err": { "Code": 7 } })), "{\"Code\":7}"),
        (json(json!({ "Err": "\n" })), "an error without words"),
    ]
}

/// 4 KiB of it, in whole words.
#[test]
fn a_refusal_without_end_is_cut() {
    let (env, plugin) = FakePlugin::with_db();
    let shown = format!("{} ...", "backend ".repeat(512).trim_end());
    let long = "backend ".repeat(100_000);
    for (answer, status) in [
        (refuses(&long), ""),
        (json(json!({ "Error": long })), ""),
        (status(500, &long), " (HTTP status 500)"),
    ] {
        plugin.on("Mount", answer);
        env.dvdcli("mount -d fake -n db").fails(
            1,
            &format!(
                "dvdcli: mounting volume db: plugin fake: VolumeDriver.Mount: {shown}{status}\n"
            ),
        );
    }
    plugin.on("Mount", json(json!({ "Mountpoint": long })));
    env.dvdcli("mount -d fake -n db").fails(
        1,
        &format!(
            "dvdcli: mounting volume db: plugin fake: mount point '{shown}' is no absolute path\n"
        ),
    );
    plugin.on("Activate", json(json!({ "Implements": [long] })));
    env.dvdcli("mount -d fake -n db").fails(
        1,
        &format!("dvdcli: mounting volume db: plugin fake: Plugin.Activate: it is no volume driver, it implements {shown}\n"),
    );
}

#[test]
fn a_refusal_is_shown_in_the_words_of_the_plugin() {
    let (env, plugin) = FakePlugin::with_db();
    for (answer, words) in refusals() {
        plugin.on("Mount", answer);
        env.dvdcli("mount -d fake -n db").fails(
            1,
            &format!("dvdcli: mounting volume db: plugin fake: VolumeDriver.Mount: {words}\n"),
        );
        assert_eq!(plugin.bodies("Mount").len(), 1);
        plugin.take_calls();
    }
}

/// What stands between `VolumeDriver.Mount: ` and the end of the line, for answers that are none; `[..]` where the wording
/// is a library's.
fn no_answers() -> Vec<(Answer, &'static str)> {
    let html = "<!DOCTYPE html><html><body>It works!</body></html>";
    let deep = format!(
        "{{\"Mountpoint\":{}{}}}",
        "[".repeat(1000),
        "]".repeat(1000)
    );
    let mib = |length: usize| " ".repeat(length << 20);
    vec![
        (
            status(200, html),
            "HTTP status 200 and an HTML page; is this the address of a plugin?",
        ),
        (
            status(502, html),
            "HTTP status 502 and an HTML page; is this the address of a plugin?",
        ),
        (
            Answer::Bytes(response(302, "Location: http://127.0.0.1:1/\r\n", "")),
            "HTTP status 302 and an empty answer",
        ),
        (
            Answer::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
            "HTTP status 204 and an empty answer",
        ),
        (status(200, ""), "HTTP status 200 and an empty answer"),
        (
            status(500, r#"{"Mountpoint":"/tmp","Err":""}"#),
            "[..]HTTP status 500[..]",
        ),
        (status(500, ""), "HTTP status 500 and an empty answer"),
        (status(503, "try later"), "try later (HTTP status 503)"),
        (
            status(200, "ok"),
            "the answer is not as the protocol has it: expected value at line 1 column 1",
        ),
        (
            status(200, "[]"),
            "the answer is not as the protocol has it[..]",
        ),
        (
            status(200, "{\"Mountpoint\":"),
            "the answer is not as the protocol has it: EOF while parsing a value at line 1 column 14",
        ),
        (
            status(200, "{\"Mountpoint\":7}"),
            "the answer is not as the protocol has it: Mountpoint: invalid type: integer `7`, expected a string",
        ),
        (
            status(200, &deep),
            "the answer is not as the protocol has it[..]",
        ),
        (
            status(200, &deep.replace("Mountpoint", "Err")),
            "the answer is not as the protocol has it: Err: recursion limit exceeded[..]",
        ),
        (status(200, &mib(20)), "the answer is longer than 10 MiB"),
        (
            Answer::BytesAndClose(
                [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), mib(20).into_bytes()].concat(),
            ),
            "the answer is longer than 10 MiB",
        ),
        (
            Answer::Bytes(response(
                200,
                &format!("X: {}\r\n", "x".repeat(20_000)),
                "{}",
            )),
            "the head of the answer is longer than 16 KiB",
        ),
        (
            Answer::BytesAndHang(format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(20_000)).into()),
            "the head of the answer is longer than 16 KiB",
        ),
        (
            close(),
            "the plugin closed the connection before it answered; look at its log",
        ),
        (
            Answer::BytesAndClose(b"HTTP/1.1 2".to_vec()),
            "the plugin closed the connection before it answered; look at its log",
        ),
        (
            Answer::BytesAndClose(b"HTTP/1.1 200 OK\r\nContent-".to_vec()),
            "the plugin closed the connection before it answered; look at its log",
        ),
        (
            Answer::BytesAndClose(
                b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"Mount".to_vec(),
            ),
            "the plugin closed the connection before it answered; look at its log",
        ),
        (
            Answer::BytesAndClose(b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n".to_vec()),
            "the answer is no HTTP: [..]",
        ),
        (
            Answer::BytesAndClose(b"HTTP/1.1 999999 ?\r\n\r\n".to_vec()),
            "the answer is no HTTP: [..]",
        ),
    ]
}

#[test]
fn an_answer_that_is_none_fails_in_one_line() {
    let (env, plugin) = FakePlugin::with_db();
    let start = "dvdcli: mounting volume db: plugin fake: VolumeDriver.Mount: ";
    for (answer, message) in no_answers() {
        plugin.on("Mount", answer);
        env.dvdcli("mount -d fake -n db")
            .fails(1, &format!("{start}{message}\n"));
        assert_eq!(plugin.bodies("Mount").len(), 1, "{message}");
        plugin.take_calls();
    }
}

#[test]
fn a_redirect_is_not_followed() {
    let (env, plugin) = FakePlugin::with_db();
    let elsewhere = FakePlugin::tcp(&env).with_volume("db");
    let location = format!(
        "Location: http://{}/VolumeDriver.Get\r\n",
        elsewhere.address
    );
    for code in [301, 302, 307, 308] {
        plugin.on("Get", Answer::Bytes(response(code, &location, "")));
        env.dvdcli("get -d fake -n db").fails(
            1,
            &format!("dvdcli: looking up volume db: plugin fake: VolumeDriver.Get: HTTP status {code} and an empty answer\n"),
        );
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_success_has_many_forms() {
    let env = Env::new();
    let path = env.dir("volumes/db");
    let body = json!({ "Mountpoint": path });
    let typed = |kind: &str| {
        Answer::Bytes(response(
            200,
            &format!("Content-Type: {kind}\r\n"),
            &body.to_string(),
        ))
    };
    for answer in [
        typed("application/json"),
        typed("application/vnd.docker.plugins.v1+json"),
        typed("application/vnd.docker.plugins.v1.1+json"),
        typed("application/vnd.docker.plugins.v1.2+json; charset=utf-8"),
        typed("text/plain; charset=utf-8"),
        typed("text/html"),
        Answer::Bytes(response(200, "", &body.to_string())),
        Answer::Bytes(response(
            200,
            "Connection: close\r\n",
            &format!("\n {body} \n"),
        )),
        Answer::Bytes(
            [
                b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
                response(200, "", &body.to_string()),
            ]
            .concat(),
        ),
        chunked(body.clone()),
        no_length(body.clone()),
        json(json!({ "Mountpoint": path, "Err": "" })),
        json(json!({ "Mountpoint": path, "Err": null })),
        json(json!({ "Mountpoint": path, "Err": "", "Error": null })),
        json(json!({ "Mountpoint": path, "More": [{ "a": 1 }], "Status": null })),
    ] {
        let plugin = FakePlugin::start(&env, "fake").with_volume("db");
        plugin.on("Mount", answer);
        env.mount_db();
        env.dvdcli("unmount -d fake -n db --force").succeeds();
    }
}

#[test]
fn all_calls_work_in_forms_that_end_the_connection() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    let path = env.dir("volumes/db");
    plugin.on(
        "Activate",
        no_length(json!({ "Implements": ["VolumeDriver"] })),
    );
    plugin.on("Get", no_length(json!({ "Volume": null })));
    plugin.on(
        "Create",
        Answer::BytesAndClose(response(200, "Connection: close\r\n", "{}")),
    );
    plugin.on("Path", no_length(json!({})));
    plugin.on("Mount", no_length(json!({ "Mountpoint": path })));
    env.mount_db();
    assert_eq!(plugin.connections(), 5);
}
