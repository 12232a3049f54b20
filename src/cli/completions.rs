//! The completion scripts of shells, made from the command line's own types.

use clap::{Arg, ArgAction, Command, CommandFactory};
use clap_complete::{Generator, generate, shells};

use crate::cli::Cli;
use crate::cli::question::ASKED;
use crate::cli::shells::Shell;

/// A shell's completion script.
pub fn script(shell: Shell) -> String {
    let flags = flags_of_all_verbs();
    match shell {
        Shell::Bash => for_bash(&generated(shells::Bash, &flags)),
        Shell::Zsh => for_zsh(&generated(shells::Zsh, &flags), &flags),
        Shell::Fish => for_fish(&generated(shells::Fish, &flags), &flags),
    }
}

/// The flags of every verb may stand before it: a shell has to know them there, too, so that it offers the verb after them. A verb that
/// only these scripts call is not offered.
fn generated(generator: impl Generator, flags: &[Arg]) -> String {
    let mut script = Vec::new();
    let whole = Cli::command();
    let is_offered = |verb: &&Command| {
        let mut verb = (*verb).clone();
        verb.build();
        !verb.is_hide_set()
    };
    let verbs = whole.get_subcommands().filter(is_offered).cloned();
    let mut command = Command::new("dvdcli")
        .version("")
        .args(flags)
        .subcommands(verbs);
    command = command.long_about(whole.get_long_about().cloned().unwrap_or_default());
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

/// Behind `--`, where the command of `run` stands, bash would go on to offer flags. The values that the program knows are quoted by it,
/// and are lines of text to bash; without one, no file is offered instead.
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

    local found
    if found=$(printf '%s\0' "$2" "${COMP_LINE:0:COMP_POINT}" | command dvdcli complete bash 2>/dev/null)
    then
        compopt +o default +o bashdefault 2>/dev/null
        if [[ "${found}" == *= ]]; then
            compopt -o nospace 2>/dev/null
        fi
        if [[ -n "${found}" ]]; then
            mapfile -t COMPREPLY <<<"${found}"
        fi
        return 0
    fi

"#;
    script.replacen(LOOP, &format!("{BEFORE}{LOOP}"), 1)
}

/// zsh asks the program for values, and quotes them. The words are kept, because `_arguments` leaves only those behind the verb.
fn for_zsh(script: &str, flags: &[Arg]) -> String {
    const ANY: &str = ":_default'";
    const FIRST: &str = "    typeset -A opt_args\n";
    const KEEP: &str = r#"    local -a dvdcli_words
    dvdcli_words=("${(@Q)words[2,CURRENT-1]}")
"#;
    const ASK: &str = r#"_dvdcli_values() {
    local -a found
    found=("${(@f)$(printf '%s\0' "$argv[-1]" "${dvdcli_words[@]}" | command dvdcli complete zsh 2>/dev/null)}")
    found=("${(@)found:#}")
    compadd "${(@)argv[1,-2]}" -S '' -- "${(@M)found:#*=}"
    compadd "${(@)argv[1,-2]}" -- "${(@)found:#*=}"
}

_dvdcli() {
"#;
    let asked: Vec<_> = asked_of(flags)
        .map(|(name, flag)| (name, starts_for_zsh(flag)))
        .collect();
    let line = |line: &str| {
        let words = line.trim_start_matches(['\'', '*']);
        let is_meant = |start: &String| words.starts_with(start);
        let found = asked.iter().find(|(_, starts)| starts.iter().any(is_meant));
        let values = |(name, _): &(&str, _)| format!(":_dvdcli_values {name}'");
        let action = found.map_or_else(|| ANY.to_owned(), values);
        line.replace(ANY, &action) + "\n"
    };
    let script: String = script.lines().map(line).collect();
    let script = script.replacen(FIRST, &format!("{FIRST}{KEEP}"), 1);
    script.replacen("_dvdcli() {\n", ASK, 1)
}

/// The flags whose values the program knows.
fn asked_of(flags: &[Arg]) -> impl Iterator<Item = (&str, &Arg)> {
    let named = flags
        .iter()
        .filter_map(|flag| Some((flag.get_long()?, flag)));
    named.filter(|(name, _)| ASKED.contains(name))
}

/// What the lines of a flag begin with.
fn starts_for_zsh(flag: &Arg) -> Vec<String> {
    let longs = flag.get_long_and_visible_aliases().unwrap_or_default();
    let longs = longs.into_iter().map(|long| format!("--{long}=["));
    let short = flag.get_short().map(|short| format!("-{short}+["));
    longs.chain(short).collect()
}

/// To find the verb, fish reads the flags before it by a list that clap_complete makes without their second names, and without
/// values that may be missing. fish asks the program for values, and quotes them.
fn for_fish(script: &str, flags: &[Arg]) -> String {
    const LIST: &str = "    string join \\n ";
    const ASK: &str = r"
function __fish_dvdcli_values
    set -l words (commandline -opc)
    printf '%s\0' $argv[1] $words[2..] | command dvdcli complete fish 2>/dev/null
end
";
    let specs: Vec<String> = flags.iter().flat_map(specs_for_fish).collect();
    let line = |line: &str| {
        // The last flag's value is what is being typed.
        if line == "    or return" {
            return format!("{line} 0\n");
        }
        if line.starts_with(LIST) {
            return format!("{LIST}{} h/help V/version\n", specs.join(" "));
        }
        let mut asked = asked_of(flags).map(|(name, _)| name);
        let found = asked.find(|name| line.contains(&format!(" -l {name} ")));
        match found.filter(|_| line.ends_with(" -r")) {
            Some(name) => format!("{line} -f -a \"(__fish_dvdcli_values {name})\"\n"),
            None => format!("{line}\n"),
        }
    };
    let script: String = script.lines().map(line).collect();
    script + ASK
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
