//! The plan of `src/`: which rooms there are, who may import whom, and how long a function or a file may be.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From top to bottom. Each room imports only from those below it.
const ROOMS: [&str; 10] = [
    "main.rs",
    "commands",
    "callers",
    "cli",
    "volume",
    "driver",
    "protocol",
    "invocation",
    "base",
    "sys",
];

/// Crates that only one room knows, so that another can take their place.
const CRATES: [(&str, &str); 6] = [
    ("clap", "cli"),
    ("indicatif", "cli"),
    ("tar_core", "sys"),
    ("ureq", "protocol"),
    ("sys_mount", "sys"),
    ("rustix", "sys"),
];

/// Of code: blank lines, comments and unit tests do not count.
const LONGEST_FUNCTION: usize = 40;
const LONGEST_FILE: usize = 300;

/// A file below `src/`.
struct Source {
    /// From `src/` on.
    path: PathBuf,
    /// Without comments and unit tests.
    code: Vec<String>,
}

impl Source {
    /// The module that the file is: `["volume", "bind", "view"]`.
    fn module(&self) -> Vec<String> {
        let path = self.path.with_extension("");
        let parts = path.iter().map(|part| part.to_str().unwrap().to_owned());
        parts.filter(|part| part != "mod").collect()
    }

    fn room(&self) -> String {
        self.path
            .iter()
            .next()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// The paths that the file names, as they begin behind `crate::`.
    fn imports(&self) -> Vec<Vec<String>> {
        let code = self.code.join(" ");
        let mut imports = Vec::new();
        for (at, _) in code.match_indices("crate::") {
            expand(&mut Vec::new(), &code[at + "crate::".len()..], &mut imports);
        }
        // What is named by way of a module that is imported, or declared here.
        let children = self.code.iter().filter_map(|line| {
            let name = line.trim_start_matches("pub ").strip_prefix("mod ")?;
            let mut path = self.module();
            path.retain(|part| part != "main");
            path.push(name.strip_suffix(';')?.to_owned());
            Some(path)
        });
        let mut near: Vec<Vec<String>> = imports.clone();
        near.iter_mut()
            .for_each(|path| path.retain(|part| part != "self"));
        near.extend(children);
        for path in near {
            let name = format!("{}::", path[path.len() - 1]);
            for (at, _) in code.match_indices(&name) {
                if !code[..at].ends_with(|c: char| is_of_name(c) || c == ':') {
                    let mut above = path.clone();
                    expand(&mut above, &code[at + name.len()..], &mut imports);
                }
            }
        }
        imports
    }
}

/// Takes a tree of paths apart, such as `driver::{self, interface::Volume}`; returns what follows it.
fn expand<'t>(above: &mut Vec<String>, text: &'t str, found: &mut Vec<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start_matches([' ', ',']);
            match rest.strip_prefix('}') {
                Some(after) => return after,
                None if rest.is_empty() => return rest,
                None => rest = expand(above, rest, found),
            }
        }
    }
    let end = text.find(|c| !is_of_name(c)).unwrap_or(text.len());
    if end == 0 {
        // A star: all of the module above.
        if text.starts_with('*') {
            found.push(above.clone());
        }
        return text.get(1..).unwrap_or_default();
    }
    let (name, rest) = text.split_at(end);
    above.push(name.to_owned());
    let rest = match rest.strip_prefix("::") {
        Some(below) => expand(above, below, found),
        None => {
            found.push(above.clone());
            rest.strip_prefix(" as ")
                .map_or(rest, |rest| rest.trim_start_matches(is_of_name))
        }
    };
    above.pop();
    rest
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else {
                files.push((path.clone(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    files.sort();
    let for_tests: Vec<PathBuf> = files
        .iter()
        .flat_map(|(path, text)| modules_for_tests(path, text))
        .collect();
    files.retain(|(path, _)| {
        let module = path.with_extension("");
        !for_tests.iter().any(|tests| module.starts_with(tests))
    });
    let source = |(path, text): (PathBuf, String)| {
        let code = without_tests(&text, &path);
        let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
        Source {
            code: code.lines().filter(is_code).map(str::to_owned).collect(),
            path: path.strip_prefix(&root).unwrap().to_owned(),
        }
    };
    files.into_iter().map(source).collect()
}

/// The modules that a file declares for tests only, as paths without `.rs`.
fn modules_for_tests(path: &Path, text: &str) -> Vec<PathBuf> {
    let directory = match path.file_stem().unwrap().to_str().unwrap() {
        "mod" | "main" => path.parent().unwrap().to_owned(),
        _ => path.with_extension(""),
    };
    let lines: Vec<&str> = text.lines().collect();
    let declared = lines.windows(2).filter(|pair| pair[0] == "#[cfg(test)]");
    let names = declared.filter_map(|pair| {
        let line = pair[1].strip_prefix("pub ").unwrap_or(pair[1]);
        line.strip_prefix("mod ")?.strip_suffix(';')
    });
    names.map(|name| directory.join(name)).collect()
}

/// Modules of tests that are files of their own are left out, and so are the unit tests, which have to come last: nothing behind
/// them would be looked at.
fn without_tests(text: &str, path: &Path) -> String {
    let mut code = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line != "#[cfg(test)]" {
            code.push(line);
            continue;
        }
        let next = lines.next().unwrap_or_default();
        if next.starts_with("mod tests {") {
            // Texts in tests may begin at the margin as well.
            let heads = [
                "use ", "pub ", "fn ", "impl", "mod ", "const ", "struct ", "enum ",
            ];
            let is_code = |line: &str| heads.iter().any(|head| line.starts_with(head));
            assert!(
                !lines.any(is_code),
                "{}: code behind the unit tests",
                path.display()
            );
        } else {
            assert!(
                next.ends_with(';'),
                "{}: tests outside of a module",
                path.display()
            );
        }
    }
    code.join("\n")
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn there_are_these_rooms() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = fs::read_dir(root).unwrap();
    let entries: BTreeSet<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(entries, ROOMS.iter().map(Into::into).collect());
}

#[test]
fn imports_point_down() {
    let depth = |room: &str| ROOMS.iter().position(|known| *known == room);
    let mut wrong = Vec::new();
    for source in sources() {
        let room = source.room();
        for import in source.imports() {
            if depth(&import[0]) < depth(&room) {
                wrong.push(format!(
                    "src/{}: {room} is below {}, and must not import crate::{}",
                    source.path.display(),
                    import[0],
                    import.join("::")
                ));
            }
        }
    }
    assert_none(&wrong);
}

/// The other tests see a path only where it begins with `crate::`, so nothing of another module may be named in another way.
#[test]
fn no_path_is_hidden() {
    const HIDING: [&str; 13] = [
        "super as ",
        "use self::",
        "include!",
        "/*",
        "super::",
        "crate as ",
        "{self as ",
        "crate::*",
        "crate ::",
        "extern crate",
        "pub use ",
        "macro_rules!",
        "#[path",
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        let code = source.code.join(" ");
        let code = code.split_whitespace().collect::<Vec<_>>().join(" ");
        for form in HIDING.into_iter().filter(|form| code.contains(form)) {
            wrong.push(format!("src/{}: {form}", source.path.display()));
        }
    }
    assert_none(&wrong);
}

/// No module imports itself by way of others.
#[test]
fn there_is_no_circle() {
    let sources = sources();
    let modules: BTreeSet<Vec<String>> = sources.iter().map(Source::module).collect();
    let mut arrows: BTreeMap<Vec<String>, BTreeSet<Vec<String>>> = BTreeMap::new();
    for source in &sources {
        let module = source.module();
        for import in source.imports() {
            let imported = (1..=import.len()).rev().map(|end| &import[..end]);
            let Some(imported) = imported.into_iter().find(|part| modules.contains(*part)) else {
                continue;
            };
            if module != imported {
                arrows
                    .entry(module.clone())
                    .or_default()
                    .insert(imported.to_vec());
            }
        }
    }
    let mut done = BTreeSet::new();
    for module in &modules {
        if let Some(circle) = circle_from(module, &arrows, &mut Vec::new(), &mut done) {
            let circle: Vec<_> = circle.iter().map(|module| module.join("::")).collect();
            panic!("\na circle of imports: {}\n", circle.join(" -> "));
        }
    }
}

fn circle_from(
    module: &Vec<String>,
    arrows: &BTreeMap<Vec<String>, BTreeSet<Vec<String>>>,
    path: &mut Vec<Vec<String>>,
    done: &mut BTreeSet<Vec<String>>,
) -> Option<Vec<Vec<String>>> {
    if let Some(at) = path.iter().position(|known| known == module) {
        let mut circle = path[at..].to_vec();
        circle.push(module.clone());
        return Some(circle);
    }
    if done.contains(module) {
        return None;
    }
    path.push(module.clone());
    for imported in arrows.get(module).into_iter().flatten() {
        if let Some(circle) = circle_from(imported, arrows, path, done) {
            return Some(circle);
        }
    }
    path.pop();
    done.insert(module.clone());
    None
}

#[test]
fn crates_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for source in sources() {
        for (name, room) in CRATES {
            let words = |line: &String| line.split(|c| !is_of_name(c)).any(|word| word == name);
            let is_used = |line: &String| {
                line.contains(&format!("{name}::"))
                    || line.trim_start().starts_with("use ") && words(line)
            };
            if source.room() != room && source.code.iter().any(is_used) {
                wrong.push(format!(
                    "src/{}: {name} is for {room} only",
                    source.path.display()
                ));
            }
        }
    }
    assert_none(&wrong);
}

/// `base::text::chain` is the one place that puts an error into words: others would let "EBUSY:" or "(os error 16)" through.
#[test]
fn errors_are_put_into_words_in_one_place() {
    let mut wrong = Vec::new();
    for source in sources() {
        for line in &source.code {
            if line.contains("error:#}") || line.contains("err:#}") {
                wrong.push(format!("src/{}: {}", source.path.display(), line.trim()));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn files_and_functions_are_short() {
    let mut wrong = Vec::new();
    for source in sources() {
        let path = source.path.display();
        if source.code.len() > LONGEST_FILE {
            wrong.push(format!("src/{path}: {} lines", source.code.len()));
        }
        for (name, lines) in functions(&source.code) {
            if lines > LONGEST_FUNCTION {
                wrong.push(format!("src/{path}: {name}: {lines} lines"));
            }
        }
    }
    assert_none(&wrong);
}

/// Each function, from its `fn` to the brace that closes it at the same indentation.
fn functions(code: &[String]) -> Vec<(String, usize)> {
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    for (at, line) in code.iter().enumerate() {
        let Some((before, after)) = line.split_once("fn ") else {
            continue;
        };
        let is_head = before.split_whitespace().all(|word| {
            word.starts_with("pub")
                || matches!(
                    word,
                    "const" | "unsafe" | "extern" | "\"C\"" | "in" | "super)"
                )
        });
        if !is_head || line.trim_end().ends_with([';', '}']) {
            continue;
        }
        let name: String = after
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let ends = |other: &String| {
            indentation(other) == indentation(line) && other.trim_start().starts_with(['}', ';'])
        };
        let lines = code[at..].iter().position(ends).map_or(0, |end| end + 1);
        found.push((name, lines));
    }
    found
}

/// The tour of the README names every room, and no file that is not there.
#[test]
fn the_readme_shows_the_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (_, tour) = readme
        .split_once("\n## Find your way in the code\n")
        .unwrap();
    let tour = tour.split("\n## ").next().unwrap();
    assert!(tour.lines().count() <= 30, "the tour has at most 30 lines");
    for room in ROOMS {
        assert!(
            tour.contains(&format!("`{room}")),
            "the tour does not name {room}"
        );
    }
    let named = tour.split('`').skip(1).step_by(2);
    for path in named.filter(|name| name.contains('/')) {
        let below_src = root.join("src").join(path);
        assert!(
            below_src.exists() || root.join(path).exists(),
            "the tour names {path}, which is not there"
        );
    }
}
