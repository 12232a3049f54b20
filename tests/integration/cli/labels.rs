//! Labels: given with a new volume, kept by built-in drivers, shown, and asked for by filters.

use pretty_assertions::assert_eq;
use serde_json::json;

use crate::harness::env::Env;
use crate::harness::plugin::FakePlugin;

#[test]
fn a_new_volume_gets_labels_and_keeps_them() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d local -n db --label team=web --label a=b=c --label keep")
        .succeeds();
    let labels = json!({ "team": "web", "a": "b=c", "keep": "" });
    assert_eq!(env.json("inspect -d local -n db")[0]["Labels"], labels);
    env.dvdcli("create -d local -n db --label team=web")
        .succeeds();
    env.dvdcli("create -d local -n db --label team=db --label b")
        .warns("dvdcli: warning: creating volume db: it exists already with another label b, label team\n")
        .succeeds();
    env.dvdcli("create -d local -n db --strict --label b")
        .fails(
            1,
            "dvdcli: creating volume db: it exists already with another label b\n",
        );
    assert_eq!(env.json("inspect -d local -n db")[0]["Labels"], labels);
    env.dvdcli("mount -d local -n new --label x=1")
        .prints("$ROOT/var/lib/dvdcli/local/new/_data\n")
        .succeeds();
    assert_eq!(
        env.json("inspect -d local -n new")[0]["Labels"],
        json!({ "x": "1" })
    );
    env.dvdcli("unmount -d local -n new").succeeds();
    env.dvdcli("run -d loop -n lp -o size=16MiB --label y=2 -- true")
        .succeeds();
    assert_eq!(
        env.json("inspect -d loop -n lp")[0]["Labels"],
        json!({ "y": "2" })
    );
}

#[test]
fn a_volume_made_before_there_were_labels_has_none() {
    let Some(env) = Env::isolated() else { return };
    env.dvdcli("create -d local -n db").succeeds();
    let record = env.path("var/lib/dvdcli/local/db/volume.json");
    let text = std::fs::read_to_string(record).unwrap();
    assert!(!text.contains("label"), "{text}");
    assert_eq!(env.json("inspect -d local -n db")[0]["Labels"], json!({}));
}

#[test]
fn labels_are_refused_where_they_cannot_be_kept() {
    let (env, plugin) = FakePlugin::with_db();
    let why = "dvdcli: --label: plugin fake keeps no labels, only the built-in drivers do\n";
    for verb in [
        "create -d fake -n db --label a=b",
        "mount -d fake -n new --label a=b",
        "run -d fake -n new --label a=b -- true",
    ] {
        env.dvdcli(verb).fails(2, why);
    }
    assert_eq!(plugin.take_calls(), Vec::<String>::new());
    env.dvdcli("create -d local -n db --label =b").fails(
        2,
        "dvdcli: --label: a label without a name; write KEY=VALUE\n",
    );
    let long = "x".repeat(20_000);
    env.dvdcli(&format!("create -d local -n db --label {long}"))
        .fails(
            2,
            "dvdcli: --label: 20000 bytes of labels are more than the 16384 that a volume can have\n",
        );
    env.dvdcli("exists -d local -n db").fails(3, "");
}

#[test]
fn filters_choose_volumes() {
    let Some(env) = Env::isolated() else { return };
    for line in [
        "create -d local -n web-db --label team=web",
        "create -d local -n web --label team=web --label tmp",
        "create -d local -n other --label team=db",
        "create -d loop -n db -o size=16MiB",
    ] {
        env.dvdcli(line).succeeds();
    }
    env.dvdcli("mount -d local -n web --id t1")
        .prints("$ROOT/var/lib/dvdcli/local/web/_data\n")
        .succeeds();
    for (filters, names) in [
        ("--filter label=team", "other\nweb\nweb-db\n"),
        ("--filter label=team=web", "web\nweb-db\n"),
        ("-f label=team=web -f label=tmp", "web\n"),
        ("-f name=db", "web-db\ndb\n"),
        ("-f name=oth -f name=b-", "other\nweb-db\n"),
        ("-f driver=loop", "db\n"),
        ("-f driver=loop -f driver=local -f name=b-d", "web-db\n"),
        ("-f held=yes", "web\n"),
        ("-f held=no -f driver=local", "other\nweb-db\n"),
        ("-f dangling=true", "other\nweb-db\ndb\n"),
        ("-f dangling=false", "web\n"),
        ("-f label=none", ""),
    ] {
        env.dvdcli(&format!("list --format names {filters}"))
            .prints(names)
            .succeeds();
    }
    env.dvdcli("unmount -d local -n web --id t1").succeeds();
    env.dvdcli("list -d local -f helt=yes").fails(
        2,
        "dvdcli: --filter: there is no filter 'helt', only label, name, driver, held, dangling; did you mean held?\n",
    );
}
