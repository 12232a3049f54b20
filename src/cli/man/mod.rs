//! The man page, made from the command line's own types and the sections below.

use std::io;

use clap::builder::Resettable;
use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::Cli;

mod formats;
mod nomad;
mod sections;
mod security;
mod settings;

const WHERE_FLAGS_STAND: &str = "All options may stand before or after the verb. The word after one that needs a value is its \
    value, even if it begins with a hyphen. Of an option that is given twice the last one counts, and a warning says so where \
    the values differ.";

/// One page with every verb and its flags, in roff.
///
/// # Errors
///
/// None in practice: the text is written to memory, and roff's writers return what writing there returns.
pub fn page() -> io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let common = common_flags(&command);
    let mut text = Vec::new();
    introduction(&mut text, &command)?;
    heading(&mut text, "SH", "VERBS")?;
    for verb in verbs(&command) {
        verb_section(&mut text, verb, &common)?;
    }
    heading(&mut text, "SH", "OPTIONS OF EVERY VERB")?;
    paragraphs(&mut text, &[("", WHERE_FLAGS_STAND)])?;
    flags(&mut text, &Command::new("verb").args(common))?;
    for (title, entries) in sections::SECTIONS
        .iter()
        .chain(nomad::SECTIONS)
        .chain(settings::SECTIONS)
        .chain(security::SECTIONS)
    {
        heading(&mut text, "SH", title)?;
        paragraphs(&mut text, entries)?;
    }
    heading(&mut text, "SH", "FORMATS AND FILTERS")?;
    paragraphs(&mut text, formats::FORMATS)?;
    for (verb, keys) in &formats::keys() {
        paragraphs(&mut text, &[(verb, keys)])?;
    }
    Ok(text)
}

/// All verbs but clap's own `help`, and what only scripts call.
fn verbs(command: &Command) -> impl Iterator<Item = &Command> {
    command
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help" && !verb.is_hide_set())
}

/// The flags that every verb has.
fn common_flags(command: &Command) -> Vec<Arg> {
    let has = |verb: &Command, flag: &Arg| {
        verb.get_arguments()
            .any(|other| other.get_id() == flag.get_id())
    };
    let is_common = |flag: &&Arg| verbs(command).all(|verb| has(verb, flag));
    let first = verbs(command).next().into_iter();
    first
        .flat_map(|verb| verb.get_arguments().filter(is_common))
        .cloned()
        .collect()
}

/// Title, name, synopsis and description.
fn introduction(text: &mut Vec<u8>, command: &Command) -> io::Result<()> {
    let man = Man::new(command.clone()).section("8");
    man.render_title(text)?;
    man.render_name_section(text)?;
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    synopsis.text([
        bold("dvdcli"),
        roman(" VERB [--volumedriver DRIVER] [--volumename NAME] [OPTIONS]"),
    ]);
    synopsis.to_writer(text)?;
    man.render_description_section(text)
}

/// What a verb does, and the flags that not every verb has.
fn verb_section(text: &mut Vec<u8>, verb: &Command, common: &[Arg]) -> io::Result<()> {
    heading(text, "SS", verb.get_name())?;
    let about = verb.get_long_about().or(verb.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let about: Vec<_> = about
        .split("\n\n")
        .map(|paragraph| ("", paragraph))
        .collect();
    paragraphs(text, &about)?;
    let own = verb
        .get_arguments()
        .filter(|flag| !common.iter().any(|known| known.get_id() == flag.get_id()));
    flags(text, &Command::new("verb").args(own.cloned()))
}

/// `level` is roff's request: `SH` for a section, `SS` for one inside it.
fn heading(text: &mut Vec<u8>, level: &str, title: &str) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control(level, [title]);
    roff.to_writer(text)
}

/// Pairs of a term and its text; an empty term makes a plain paragraph.
fn paragraphs(text: &mut Vec<u8>, entries: &[(&str, &str)]) -> io::Result<()> {
    let mut roff = Roff::new();
    for (term, paragraph) in entries {
        if term.is_empty() {
            roff.control("PP", []);
        } else {
            roff.control("TP", []).text([bold(*term)]);
        }
        roff.text([roman(*paragraph)]);
    }
    roff.to_writer(text)
}

/// The flags of a command, as clap_mangen formats them, without the heading of its section.
fn flags(text: &mut Vec<u8>, command: &Command) -> io::Result<()> {
    // clap panics on a conflict with a flag that the command does not have, as here, where some were left out.
    let command = command
        .clone()
        .mut_args(|arg| arg.conflicts_with(Resettable::Reset))
        .disable_help_flag(true)
        .disable_version_flag(true);
    if command.get_arguments().next().is_none() {
        return Ok(());
    }
    let mut section = Vec::new();
    Man::new(command).render_options_section(&mut section)?;
    let without_heading = section
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b".SH"));
    for line in without_heading.filter(|line| !line.is_empty()) {
        text.extend_from_slice(line);
        text.push(b'\n');
    }
    Ok(())
}
