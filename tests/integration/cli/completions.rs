//! The completion scripts, read by the shells that they are for. Where a shell is not installed, its test is left out.

use std::path::Path;

use pretty_assertions::assert_eq;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::programs::program_at;
use crate::harness::scenario::note;

/// Words before the cursor, what must be offered, and what must not.
const OFFERED: &[(&str, &[&str], &[&str])] = &[
    ("", &["mount", "umount", "rm", "ls", "help"], &["none"]),
    ("m", &["mount", "man"], &["unmount", "path"]),
    ("--volumed", &["--volumedriver"], &["--volumename"]),
    ("-d fake m", &["mount", "man"], &["unmount"]),
    ("--driver fake m", &["mount", "man"], &["unmount"]),
    (
        "--explicitcreate --opt a=b --verbose m",
        &["mount"],
        &["unmount"],
    ),
    ("-d fake mount --read", &["--read-only"], &["--strict"]),
    ("unmount --l", &["--lazy"], &["--strict"]),
    ("umount --l", &["--lazy"], &["--strict"]),
    ("-n db umount --l", &["--lazy"], &["--strict"]),
    ("rm --f", &["--force"], &["--from-env"]),
    ("ls --format t", &["table"], &["names"]),
    ("run --re", &["--read-only"], &["--strict"]),
    ("run -d fake -- --", &[], &["--read-only", "--volumename"]),
    (
        "run -d fake -- ls --",
        &[],
        &["--read-only", "--volumename"],
    ),
    (
        "run -d fake -- mount --",
        &[],
        &["--read-only", "--volumename"],
    ),
];

/// What a shell's script offers for each line is compared with [`OFFERED`]. The script prints what is offered for `$LINE`.
fn offers(shell: &str, file: &str, script: &str) {
    if !Path::new(&program_at(shell)).is_file() {
        note(&format!("left out: {shell} is not installed"));
        return;
    }
    let env = Env::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    env.write("completions", fs::read_to_string(file).unwrap());
    for (line, offered, others) in OFFERED {
        let run = env.program(shell, ["-c", script]);
        let found = run.env("LINE", &format!("dvdcli {line}")).output();
        assert_eq!((found.code, found.stderr.as_str()), (0, ""), "{line}");
        let found: Vec<&str> = found
            .stdout
            .lines()
            .filter_map(|line| line.split('\t').next())
            .collect();
        let missing: Vec<_> = offered.iter().filter(|it| !found.contains(it)).collect();
        let wrong: Vec<_> = others.iter().filter(|it| found.contains(it)).collect();
        assert_eq!((missing, wrong), (vec![], vec![]), "{line}: {found:?}");
    }
}

#[test]
fn bash_offers_verbs_and_flags() {
    // As readline calls it.
    offers(
        "bash",
        "completions/dvdcli.bash",
        r#"
        . ./completions
        read -r -a COMP_WORDS <<<"$LINE"
        case $LINE in *' ') COMP_WORDS+=('') ;; esac
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        name=$(complete -p dvdcli) name=${name##*-F } name=${name%% *}
        "$name" dvdcli "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}"
        "#,
    );
}

#[test]
fn bash_offers_commands_to_run() {
    let env = Env::new();
    let run = env.program(
        "bash",
        [
            "-c",
            r#"
            . "$0"
            COMP_WORDS=(dvdcli run -d fake -- prin) COMP_CWORD=5
            _dvdcli dvdcli prin --
            printf '%s\n' "${COMPREPLY[@]}" | sort -u | grep -Fx printf
            "#,
            concat!(env!("CARGO_MANIFEST_DIR"), "/completions/dvdcli.bash"),
        ],
    );
    run.prints("printf\n").succeeds();
}

#[test]
fn fish_offers_verbs_and_flags() {
    offers(
        "fish",
        "completions/dvdcli.fish",
        r#"set -x HOME $PWD; source ./completions; complete -C "$LINE""#,
    );
}
