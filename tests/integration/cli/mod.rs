//! The command line and what is printed.

mod answers;
mod completed;
mod completions;
mod docs;
mod doctor;
mod flags;
mod formats;
mod go_flags;
mod labels;
mod names;
mod option_files;
mod output;
mod readers;
mod readme;
mod usage;
