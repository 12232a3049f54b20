//! The completion scripts of shells, made from the command line's own types.

use clap::{Arg, ArgAction, Command, CommandFactory};
use clap_complete::{Generator, generate, shells};

use crate::cli::Cli;
use crate::cli::arguments::Shell;

/// A shell's completion script.
pub fn script(shell: Shell) -> String {
    let flags = flags_of_all_verbs();
    match shell {
        Shell::Bash => for_bash(&generated(shells::Bash, &flags)),
        Shell::Zsh => generated(shells::Zsh, &flags),
        Shell::Fish => for_fish(&generated(shells::Fish, &flags), &flags),
    }
}

/// The flags of every verb may stand before it: a shell has to know them there, too, so that it offers the verb after them.
fn generated(generator: impl Generator, flags: &[Arg]) -> String {
    let mut script = Vec::new();
    let mut command = Cli::command().args(flags);
    generate(generator, &mut command, "dvdcli", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

/// Each flag once, but for those that the command line has without a verb as well.
fn flags_of_all_verbs() -> Vec<Arg> {
    let mut command = Cli::command();
    command.build();
    let own: Vec<_> = command.get_arguments().map(Arg::get_id).collect();
    let mut flags: Vec<Arg> = Vec::new();
    for flag in command.get_subcommands().flat_map(Command::get_arguments) {
        let is_known = flags.iter().any(|known| known.get_id() == flag.get_id());
        if !flag.is_positional() && !is_known && !own.contains(&flag.get_id()) {
            flags.push(flag.clone());
        }
    }
    flags
}

/// Behind `--`, where the command of `run` stands, bash would go on to offer flags.
fn for_bash(script: &str) -> String {
    const LOOP: &str = "    for i in \"${COMP_WORDS[@]:0:COMP_CWORD}\"\n";
    const BEFORE: &str = r#"    for ((i = 1; i < COMP_CWORD; i++))
    do
        if [[ "${COMP_WORDS[i]}" == -- ]]; then
            if ((i + 1 == COMP_CWORD)); then
                COMPREPLY=( $(compgen -c -- "${cur}") )
            fi
            return 0
        fi
    done

"#;
    script.replacen(LOOP, &format!("{BEFORE}{LOOP}"), 1)
}

/// To find the verb, fish reads the flags before it by a list that clap_complete makes without their second names, and without
/// values that may be missing.
fn for_fish(script: &str, flags: &[Arg]) -> String {
    const LIST: &str = "    string join \\n ";
    let specs: Vec<String> = flags.iter().flat_map(specs_for_fish).collect();
    let line = |line: &str| match line.starts_with(LIST) {
        true => format!("{LIST}{} h/help V/version\n", specs.join(" ")),
        false => format!("{line}\n"),
    };
    script.lines().map(line).collect()
}

/// A flag in the form of fish's argparse, and its second names.
fn specs_for_fish(flag: &Arg) -> Vec<String> {
    let is_valued = flag
        .get_num_args()
        .is_some_and(|number| number.takes_values());
    let value = match (is_valued, flag.get_action()) {
        (false, _) => "",
        (true, _) if flag.is_require_equals_set() => "=?",
        (true, ArgAction::Append) => "=+",
        (true, _) => "=",
    };
    let short = flag.get_short().map(|short| format!("{short}/"));
    let first = flag.get_long().map(|long| short.unwrap_or_default() + long);
    let others = flag.get_visible_aliases().unwrap_or_default().into_iter();
    let names = first.into_iter().chain(others.map(str::to_owned));
    // In quotes, because a question mark is a pattern for files.
    names.map(|name| format!("'{name}{value}'")).collect()
}
