//! The man page's section on formats, filters and the keys of JSON.

use crate::cli::keys::{DRIVERS, FOUND, INSPECTED, Key, LISTED, SNAPSHOTS};

/// What stands below the title, in the form of the other sections.
pub const FORMATS: &[(&str, &str)] = &[
    (
        "",
        "--format is names, table, json (an array with an object for each), or a template, which is printed with a line end for each. A \
         template is written as for docker: {{.Name}} is a key's value, {{.Labels.team}} or {{.Label \"team\"}} a label, {{json .}} \
         everything, {{upper .Name}}, {{lower .Name}} and {{len .Holders}} functions; \\t and \\n are a tab and a line end. What is not \
         there is empty. {{if .Mountpoint}} {{else}} {{end}}, with eq, ne, not, and, or, and {{range $key, $value := .Labels}} {{end}} \
         are understood.",
    ),
    (
        "",
        "--filter may be repeated. Of names and drivers one has to fit, of labels all. name=PART is a part of the name. held is whether \
         anybody holds the volume on this host; dangling whether nobody does and it is not mounted.",
    ),
    (
        "",
        "These are the keys of the JSON. Further keys may be added; none goes away or changes its shape. Those of sizes are there with \
         list --size, and always with inspect.",
    ),
];

/// The keys, a term for each verb.
pub fn keys() -> [(&'static str, String); 5] {
    [
        ("list", LISTED),
        ("inspect", INSPECTED),
        ("drivers", DRIVERS),
        ("doctor", FOUND),
        ("snapshot", SNAPSHOTS),
    ]
    .map(|(verb, keys)| (verb, list(keys)))
}

fn list(keys: &[Key]) -> String {
    let shown = keys.iter().map(|(key, shape)| format!("{key} ({shape})"));
    shown.collect::<Vec<_>>().join(", ") + "."
}
