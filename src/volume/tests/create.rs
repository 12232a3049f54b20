//! Creating: what the driver knows of the volume, times the options that are given, times what `create` finds.

use pretty_assertions::assert_eq;

use crate::base::failure::ErrorKind;
use crate::driver::interface::{Chooser, Created, Next};
use crate::volume::Locked;
use crate::volume::holders::record::Holder;
use crate::volume::tests::Scene;
use crate::volume::tests::fake_driver::Getting;

const FOUND: Getting = Getting::Found {
    tells_options: true,
};
const FOUND_BARE: Getting = Getting::Found {
    tells_options: false,
};

/// What `get` says, whether options are given, what `create` finds; and what is asked and said, by `create` and before a mount.
struct Row(
    Getting,
    bool,
    Result<Created, ErrorKind>,
    (&'static str, &'static str),
    (&'static str, &'static str),
);

const OTHER_SIZE: &str = "it exists already with another size, fs";
const UNTOLD: &str = "it exists already, and driver fake does not tell its options to compare";

/// A line per entry.
#[rustfmt::skip]
fn rows() -> Vec<Row> {
    let other = || Ok(Created::Otherwise(vec!["size".into(), "fs".into()]));
    let both = |words| (("get create", words), ("get create", words));
    let row = |getting, options, created, (create, mount)| Row(getting, options, created, create, mount);
    vec![
        row(FOUND_BARE, false, Ok(Created::New), (("get", ""), ("get", ""))),
        row(FOUND_BARE, true, Ok(Created::New), (("get", UNTOLD), ("get", ""))),
        row(FOUND, false, Ok(Created::Same), (("get create", ""), ("get", ""))),
        row(FOUND, true, Ok(Created::Same), both("")),
        row(FOUND, true, other(), both(OTHER_SIZE)),
        row(FOUND, true, Ok(Created::Existed), (("get create", UNTOLD), ("get create", ""))),
        row(FOUND, true, Err(ErrorKind::InUse), both("InUse: create: InUse")),
        row(Getting::Absent, false, Ok(Created::New), both("")),
        row(Getting::Absent, true, Ok(Created::New), both("")),
        row(Getting::Absent, true, Err(ErrorKind::Unsure), both("Unsure: create: Unsure")),
        row(Getting::CannotSay, false, Ok(Created::Existed), both("")),
        row(Getting::CannotSay, true, Ok(Created::Existed), (("get create", UNTOLD), ("get create", ""))),
        row(Getting::CannotSay, true, other(), both(OTHER_SIZE)),
        row(Getting::Fails(ErrorKind::Refused), false, Ok(Created::New), (("get", "Refused: get: Refused"), ("get", "Refused: get: Refused"))),
        row(Getting::Fails(ErrorKind::Other), true, Ok(Created::New), (("get", "Other: get: Other"), ("get", "Other: get: Other"))),
        row(Getting::Fails(ErrorKind::Unsure), true, Ok(Created::New), (("get", "Unsure: get: Unsure"), ("get", "Unsure: get: Unsure"))),
    ]
}

#[test]
fn what_is_there_already_is_compared_where_its_options_are_known() {
    let mut scene = Scene::new();
    for Row(getting, has_options, created, by_create, by_mount) in rows() {
        let case = format!("{getting:?}, options: {has_options}, {created:?}");
        for (is_mount, (calls, words)) in [(false, by_create), (true, by_mount)] {
            scene.again();
            scene.plan().getting = getting;
            scene.plan().has_options = has_options;
            scene.plan().creating = created.clone();
            let volume = scene.volume();
            let seen = scene.see(|| {
                let locked = Locked::lock(&scene.invocation, volume.as_ref(), Holder::default())?;
                match is_mount {
                    true => locked
                        .create_if_absent(Chooser::Caller, Next::Unknown)
                        .map(|_| String::new()),
                    false => Ok(locked.create()?.unwrap_or_default()),
                }
            });
            assert_eq!(
                seen.calls.join(" "),
                calls,
                "{case}, for a mount: {is_mount}"
            );
            let warned: String = seen.warnings.concat();
            let warned = warned.trim_start_matches("mounting volume db: ");
            assert_eq!(
                format!("{}{warned}", seen.result),
                words,
                "{case}, for a mount: {is_mount}"
            );
        }
    }
}
