//! Secrets among a volume's options are shown nowhere: not in errors, warnings or `--verbose`.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::http::{json, refuses};
use crate::harness::plugin::FakePlugin;

const SECRET: &str = "hunter2.0";

#[test]
fn a_secret_that_a_plugin_repeats_is_masked_in_the_error() {
    for key in [
        "password",
        "pass",
        "sshPassword",
        "secret",
        "token",
        "key",
        "apiKey",
        "access_key",
        "passphrase",
        "PASSWORD",
        "pwd",
        "psk",
        "pin",
        "passcode",
        "auth",
        "cred",
        "sas",
        "bearer",
        "Cookie",
        "signature",
        "keyData",
    ] {
        let env = Env::new();
        let plugin = FakePlugin::start(&env, "fake");
        plugin.on(
            "Create",
            refuses(&format!("mount -o {key}={SECRET} failed")),
        );
        env.dvdcli(&format!("mount -d fake -n db --volumeopts=size=5,{key}={SECRET}")).fails(
            1,
            &format!("dvdcli: mounting volume db: plugin fake: VolumeDriver.Create: mount -o {key}=**** failed\n"),
        );
        assert_eq!(
            plugin.bodies("Create")[0]["Opts"],
            json!({ "size": "5", key: SECRET })
        );
    }
}

#[test]
fn a_secret_in_a_list_of_options_or_in_a_name_is_masked_too() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    plugin.on(
        "Create",
        refuses(&format!("cifs: user joe, {SECRET}: denied")),
    );
    env.dvdcli(&format!("create -d fake -n db --opt=o=username=joe,password={SECRET},ro"))
        .fails(1, "dvdcli: creating volume db: plugin fake: VolumeDriver.Create: cifs: user joe, ****: denied\n");
    env.dvdcli(&format!("create -d fake -n name=db,passphrase={SECRET}")).fails(
        1,
        "dvdcli: creating volume name=db,passphrase=****: plugin fake: VolumeDriver.Create: cifs: user joe, ****: denied\n",
    );
}

#[test]
fn a_wrong_option_does_not_show_its_secret() {
    let env = Env::new();
    for options in [
        format!("--volumeopts=password={SECRET},"),
        format!("--volumeopts=password=\"{SECRET}"),
        format!("--volumeopts=password=\"other\"{SECRET}"),
        format!("--volumeopts=password=5,{SECRET} --volumeopts=size=5,"),
        format!("--volumeopts=password={SECRET} --volumeopts=size"),
    ] {
        let found = env
            .dvdcli(&format!("create -d fake -n db {options}"))
            .output();
        assert_eq!((found.code, found.stdout.as_str()), (2, ""));
        assert!(
            !found.stderr.contains(SECRET) && !found.stderr.contains("other"),
            "{found:?}"
        );
    }
}

#[test]
fn a_secret_that_is_given_twice_is_not_shown() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    let options = format!("--volumeopts=password={SECRET} --volumeopts=password=other");
    env.dvdcli(&format!("create -d fake -n db {options}"))
        .warns("dvdcli: warning: --volumeopts: option 'password' is given twice, with different values; the last one counts\n")
        .succeeds();
    assert_eq!(plugin.options("db"), json!({ "password": "other" }));
}

#[test]
fn verbose_shows_each_step_with_its_secrets_masked() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    let status = json!({ "Name": "db", "Status": { "Token": SECRET, "Text": format!("logged in with {SECRET}") } });
    let found = env
        .dvdcli(&format!(
            "mount -d fake -n db --volumeopts=password={SECRET},size=5 --verbose"
        ))
        .output();
    assert_eq!(
        (found.code, found.stdout.as_str()),
        (0, "$ROOT/volumes/db\n")
    );
    for part in [
        "Plugin.Activate",
        "VolumeDriver.Get",
        "VolumeDriver.Create",
        "VolumeDriver.Mount",
        "\"size\":\"5\"",
        "\"password\":\"****\"",
        "\"Mountpoint\":",
    ] {
        assert!(found.stderr.contains(part), "{part}: {}", found.stderr);
    }
    assert!(!found.stderr.contains(SECRET), "{}", found.stderr);
    assert!(
        found
            .stderr
            .lines()
            .all(|line| line.starts_with("dvdcli: ")),
        "{}",
        found.stderr
    );
    plugin.on("Get", json(json!({ "Volume": status })));
    let found = env.dvdcli("inspect -d fake -n db --verbose").output();
    assert!(
        found.stderr.contains("\"Token\":\"****\""),
        "{}",
        found.stderr
    );
}

#[test]
fn without_verbose_a_success_is_silent() {
    let env = Env::new();
    let _plugin = FakePlugin::start(&env, "fake");
    env.dvdcli("mount -d fake -n db --volumeopts=password=x")
        .prints("$ROOT/volumes/db\n")
        .succeeds();
}

/// Values that hold a secret, what the plugin repeats, and how that is shown.
const REPEATED: &[(&str, &str, &str)] = &[
    (
        "url=https://joe:hunter2@host/x",
        "joe: hunter2 is wrong",
        "joe: **** is wrong",
    ),
    (
        "size=5",
        "https://joe:hunter2@host/x",
        "https://****@host/x",
    ),
    ("password=hunter2", "uhunter2x", "u****x"),
    (
        "password=a<b>",
        "{\"p\":\"a\\u003cb\\u003e\"}",
        "{\"p\":\"****\"}",
    ),
    (
        "password=a\"b\"c",
        "{\"p\":\"a\\\"b\\\"c\"}",
        "{\"p\":\"****\"}",
    ),
    (
        "key=-----BEGIN-----\nMIIEpAIBAAKC\n-----END-----\n",
        "no: -----BEGIN-----\nMIIEpAIBAAKC\n-----END-----\n: bad",
        "no: **** : bad",
    ),
    (
        "key=-----BEGIN-----\nMIIEpAIBAAKC\n-----END-----\n",
        "line 2, MIIEpAIBAAKC",
        "line 2, ****",
    ),
    (
        "key=-----BEGIN-----\nMIIEpAIBAAKC\n-----END-----\n",
        "{\"key\":\"-----BEGIN-----\\nMIIEpAIBAAKC\\n-----END-----\\n\"}",
        "{\"key\":\"****\"}",
    ),
    (
        "conf={\"client\":{\"secret\":\"hunter2\"}}",
        "client hunter2",
        "client ****",
    ),
];

#[test]
fn a_secret_is_masked_in_every_form_in_which_it_comes_back() {
    for (option, words, shown) in REPEATED {
        let env = Env::new();
        let plugin = FakePlugin::start(&env, "fake");
        plugin.on("Create", refuses(words));
        env.dvdcli_with(["create", "-d", "fake", "-n", "db", "--opt", option])
            .fails(
                1,
                &format!("dvdcli: creating volume db: plugin fake: VolumeDriver.Create: {shown}\n"),
            );
        let found = env
            .dvdcli_with([
                "create",
                "-d",
                "fake",
                "-n",
                "db",
                "--verbose",
                "--opt",
                option,
            ])
            .output();
        for secret in ["hunter2", "MIIEpAIBAAKC", "a\\\"b", "a\\u003c", "a<b"] {
            assert!(!found.stderr.contains(secret), "{}", found.stderr);
        }
    }
}

/// As plugins pass them on to others: in URLs, in headers and in keys.
#[test]
fn a_secret_is_masked_where_it_is_encoded() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    for (option, words, shown) in [
        (
            "password=p@ss/word 1",
            "GET /x?p=p%40ss%2Fword+1&q=p%40ss%2fword%201",
            "GET /x?p=****&q=****",
        ),
        (
            "password=hunter2.0",
            "aHVudGVyMi4w, Basic am9lOmh1bnRlcjIuMA==, 68756e746572322e30",
            "****, Basic am9lOm****A==, ****",
        ),
        (
            "source=joe:hunter2.0@nas:/x",
            "joe:hunter2.0@nas:/x and hunter2.0",
            "joe:****@nas:/x and ****",
        ),
        ("x=1", "mount joe:hunter2.0@nas:/x", "mount joe:****@nas:/x"),
        (
            "dsn=Server=nas;Pwd=hunter2.0;Database=x",
            "nas hunter2.0; Server=nas;Pwd=hunter2.0;Database=x",
            "nas ****; ****",
        ),
        (
            "luks=hunter2.0",
            "cryptsetup: hunter2.0",
            "cryptsetup: ****",
        ),
        ("connection_string=h2", "login h2", "login ****"),
    ] {
        plugin.on("Create", refuses(words));
        env.dvdcli_with(["create", "-d", "fake", "-n", "db", "--opt", option])
            .fails(
                1,
                &format!("dvdcli: creating volume db: plugin fake: VolumeDriver.Create: {shown}\n"),
            );
    }
}

/// Each would take minutes, or for ever, if it was read anew for each of its parts.
#[test]
fn words_without_end_are_masked_in_one_go() {
    let (env, plugin) = FakePlugin::with_db();
    for part in [
        "://",
        "a://b:",
        "pass=VALUE",
        "password=hunter2.0;",
        "\u{e9}",
    ] {
        let words = part.repeat(1_000_000 / part.len());
        plugin.on("Get", refuses(&words));
        for flag in ["", "--verbose"] {
            let found = env
                .dvdcli(&format!("mount -d fake -n db --timeout 50s {flag}"))
                .output();
            assert_eq!((found.code, found.stdout.as_str()), (1, ""), "{part}");
            assert!(!found.stderr.contains("hunter2"), "{part}");
            let last = found.stderr.lines().last().unwrap();
            assert!(last.len() < 5_000, "{part}: {}", last.len());
        }
    }
}

/// Of a volume that was made long ago, its options are not known any more.
#[test]
fn a_secret_is_known_by_the_name_before_it() {
    let (env, plugin) = FakePlugin::with_db();
    plugin.on(
        "Remove",
        refuses("umount: o=user=joe,password=hunter2,ro; {\"apiKey\": \"x y\"}: write pin=VALUE"),
    );
    env.dvdcli("remove -d fake -n db").fails(
        1,
        "dvdcli: removing volume db: plugin fake: VolumeDriver.Remove: umount: o=user=joe,password=****,ro; {\"apiKey\": \"****\"}: write pin=VALUE\n",
    );
}

#[test]
fn what_is_wrong_in_a_task_s_environment_repeats_no_secret() {
    let env = Env::new();
    let run = env.dvdcli("mount --from-env");
    let run = run
        .env("DVDI_VOLUME_NAME", "db")
        .env("DVDI_VOLUME_DRIVER", "fake");
    let found = run
        .env("DVDI_VOLUME_OPTS", "password=hunter2,more=\"x")
        .output();
    assert_eq!((found.code, found.stdout.as_str()), (2, ""));
    assert!(!found.stderr.contains("hunter2"), "{found:?}");
}

#[test]
fn the_status_of_a_volume_is_shown_without_secrets() {
    let (env, plugin) = FakePlugin::with_db();
    let status = json!({
        "password": SECRET, "mode": 5, "options": { "Auth": { "a": SECRET }, "psk": [SECRET] }, "auth": true, "keyfile": "/k",
        "o": format!("user=joe,password={SECRET},ro"), "url": format!("https://joe:{SECRET}@host/x"),
    });
    plugin.on(
        "Get",
        json(json!({ "Volume": { "Name": "db", "Status": status } })),
    );
    let shown = env.json("inspect -d fake -n db");
    assert_eq!(
        shown[0]["Status"],
        json!({
            "password": "****", "mode": 5, "options": { "Auth": "****", "psk": "****" }, "auth": true, "keyfile": "/k",
            "o": "user=joe,password=****,ro", "url": "https://****@host/x",
        })
    );
}

#[test]
fn a_usage_error_repeats_no_secret() {
    let env = Env::new();
    for (line, error) in [
        (
            format!("mount -d fake -n db password={SECRET}"),
            "unexpected argument 'password=****' found",
        ),
        (
            format!("mount -d fake -n db --opt password {SECRET}"),
            "unexpected argument '****' found",
        ),
        (
            format!("mount -d fake -n db --timeout=a=1,password={SECRET}"),
            "invalid value 'a=1,password=****' for '--timeout <TIME>': 'a=1,password=****' is no duration such as 90s, 2m or 500ms",
        ),
        (
            format!("mount -d fake -n db --volumeopts size=5 token={SECRET}"),
            "unexpected argument 'token=****' found",
        ),
    ] {
        env.dvdcli(&line).fails(2, &format!("dvdcli: {error}\n"));
    }
}

#[test]
fn the_errors_of_drivers_are_shown_without_secrets() {
    let env = Env::new();
    let plugin = FakePlugin::start(&env, "fake");
    plugin.on("Activate", refuses("login: password=hunter2 is wrong"));
    for format in ["table", "json"] {
        let found = env.dvdcli(&format!("drivers --format {format}")).output();
        assert!(
            found.stdout.contains("password=**** is wrong") && !found.stdout.contains("hunter2"),
            "{found:?}"
        );
    }
}
