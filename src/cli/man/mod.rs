//! The man page, made from the command line's own types and the sections below.

use std::io;

use clap::builder::Resettable;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::Cli;
use crate::cli::man::sections::SECTIONS;

mod sections;

/// One page with every verb and its flags, in roff.
pub fn page() -> io::Result<Vec<u8>> {
    let mut command = Cli::command();
    command.build();
    let global = |id: &str| {
        command
            .get_subcommands()
            .all(|verb| verb.get_name() == "help" || has(verb, id))
    };
    let first = command.get_subcommands().next();
    let common: Vec<_> = first
        .map(|verb| {
            verb.get_arguments()
                .filter(|arg| global(arg.get_id().as_str()))
                .cloned()
                .collect()
        })
        .unwrap_or_default();

    let mut text = Vec::new();
    let man = Man::new(command.clone()).section("8");
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    synopsis.text([
        bold("dvdcli"),
        roman(" VERB [--volumedriver DRIVER] [--volumename NAME] [OPTIONS]"),
    ]);
    synopsis.to_writer(&mut text)?;
    man.render_description_section(&mut text)?;

    heading(&mut text, "SH", "VERBS")?;
    for verb in command
        .get_subcommands()
        .filter(|verb| verb.get_name() != "help")
    {
        let own = verb
            .get_arguments()
            .filter(|arg| !common.iter().any(|known| known.get_id() == arg.get_id()));
        heading(&mut text, "SS", verb.get_name())?;
        let about = verb
            .get_long_about()
            .or(verb.get_about())
            .map(ToString::to_string)
            .unwrap_or_default();
        paragraphs(
            &mut text,
            &about
                .split("\n\n")
                .map(|paragraph| ("", paragraph))
                .collect::<Vec<_>>(),
        )?;
        flags(&mut text, &Command::new("verb").args(own.cloned()))?;
    }
    heading(&mut text, "SH", "OPTIONS OF EVERY VERB")?;
    paragraphs(
        &mut text,
        &[("", "They may stand before or after the verb.")],
    )?;
    flags(&mut text, &Command::new("verb").args(common))?;
    for (title, entries) in SECTIONS {
        heading(&mut text, "SH", title)?;
        paragraphs(&mut text, entries)?;
    }
    Ok(text)
}

fn has(verb: &Command, id: &str) -> bool {
    verb.get_arguments().any(|arg| arg.get_id() == id)
}

fn heading(text: &mut Vec<u8>, level: &str, title: &str) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control(level, [title]);
    roff.to_writer(text)
}

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

/// The flags of a command, as clap_mangen lays them out, without its heading.
fn flags(text: &mut Vec<u8>, command: &Command) -> io::Result<()> {
    // What they do not go with may be missing here.
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
