//! `complete`, which the completion scripts call: what a flag's value can be.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::cli::question::Question;
use crate::cli::shells::CompleteArgs;
use crate::cli::stdout::print;
use crate::driver::{self, overview};
use crate::invocation::budget::Budget;
use crate::invocation::log::Log;
use crate::invocation::{Invocation, Limits};
use crate::sys::process::limit;

/// The time for all of it: somebody waits at a prompt. The process needs a few milliseconds more to start and to end.
const LIMIT: Duration = Duration::from_millis(150);

/// The filters, but for `driver`.
const FILTERS: [&str; 6] = [
    "label=",
    "name=",
    "held=yes",
    "held=no",
    "dangling=true",
    "dangling=false",
];

/// Exit code 1 where the cursor stands at nothing of which values are known: the script goes on by itself. What fails, or takes
/// longer, is not offered, without a word.
pub fn complete(args: &CompleteArgs) -> Result<u8> {
    let budget = Budget::new(LIMIT);
    let shell = args.shell;
    let config = args.common.config.clone();
    let ask = move || {
        let mut text = Vec::new();
        io::stdin().read_to_end(&mut text).context("reading")?;
        let Some(question) = Question::read(shell, &text) else {
            return Ok(None);
        };
        let config = question.given("config").map(Into::into).or(config);
        let limits = Limits {
            // The drivers' part, so that one that does not answer costs none of the others' answers.
            timeout: Some(LIMIT * 2 / 3),
            default_timeout: LIMIT,
            wait: Some(Duration::ZERO),
        };
        let found = Invocation::new(config.as_deref(), limits, Log::default());
        let found = found.and_then(|invocation| values(&invocation, &question));
        Ok(Some(question.answer(&found.unwrap_or_default())))
    };
    match limit::within(Instant::now() + LIMIT, ask) {
        Ok(None) => Ok(1),
        Ok(Some(answer)) => print(&answer, &budget).map(|()| 0),
        Err(_) => Ok(0),
    }
}

fn values(invocation: &Invocation, question: &Question) -> Result<Vec<String>> {
    match question.flag.as_str() {
        "volumedriver" => overview::names(invocation),
        "volumename" => volumes(invocation, question.given("volumedriver")),
        "snapshotname" => {
            let driver = driver::open_or_configured(invocation, question.given("volumedriver"))?;
            let snapshots = driver.snapshots(question.given("volumename"))?;
            Ok(sorted(snapshots.into_iter().map(|it| it.name).collect()))
        }
        "filter" => {
            let drivers = overview::names(invocation)?.into_iter();
            let drivers = drivers.map(|name| format!("driver={name}"));
            let filters = FILTERS.into_iter().map(str::to_owned);
            Ok(filters.chain(drivers).collect())
        }
        _ => Ok(Vec::new()),
    }
}

/// The names of a driver's volumes: of the one that is named, else of the configured one, else of all that answer.
fn volumes(invocation: &Invocation, driver: Option<&str>) -> Result<Vec<String>> {
    if driver.is_some() || invocation.config.driver.is_some() {
        let driver = driver::open_or_configured(invocation, driver)?;
        return Ok(sorted(driver.names()?));
    }
    let answers = overview::ask_all(invocation, |driver| driver.names())?;
    let answers = answers.into_iter().filter_map(|(_, answer)| answer.ok());
    Ok(sorted(answers.flatten().collect()))
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names.dedup();
    names
}
