//! `doctor`.

use std::path::Path;

use anyhow::{Result, bail};
use serde_json::{Map, Value};

use crate::base::failure::{ErrorKind, Failure};
use crate::base::finding::{Care, Finding, Remedy};
use crate::base::secrets::values::Secrets;
use crate::base::text::escape_unprintable;
use crate::cli::arguments::DoctorArgs;
use crate::cli::format::Row;
use crate::cli::keys::FOUND;
use crate::cli::stdout::print;
use crate::commands::opening::{begin_overview, begin_overview_with, catch_signals, reading};
use crate::invocation::Invocation;
use crate::invocation::config::Config;
use crate::invocation::log::Log;
use crate::volume::examine::examine;

pub fn doctor(args: &DoctorArgs, log: &mut Log) -> Result<u8> {
    if args.common.volumename.is_some() {
        bail!(Failure::usage(
            "doctor takes no --volumename; --volumedriver limits it to one driver"
        ));
    }
    if let Some(format) = &args.format {
        format.check(FOUND)?;
    }
    let found = find(args, log)?;
    let all_is_well = found.iter().all(Finding::is_fixed);
    print(&shown(args, found)?, &reading(&args.common))?;
    Ok(match all_is_well {
        true => 0,
        false => ErrorKind::Other.exit_code(),
    })
}

fn find(args: &DoctorArgs, log: &Log) -> Result<Vec<Finding>> {
    let mut found = Vec::new();
    let invocation = match begin_overview(&args.common, log) {
        Ok(invocation) => invocation,
        Err(error) => {
            found.push(Finding::of("configuration", &error));
            // Without one, as far as that goes.
            match begin_overview_with(Some(Path::new("/dev/null")), &args.common, log) {
                Ok(invocation) => invocation,
                Err(_) => return Ok(found),
            }
        }
    };
    let care = match args.fix && found.is_empty() {
        true => Care::Fix,
        false => Care::Look,
    };
    if args.fix {
        catch_signals()?;
        if care == Care::Look {
            log.warn("nothing is fixed before the configuration is");
        }
    }
    if found.is_empty() {
        found.extend(misspelt(args, &invocation));
    }
    let only = args.common.volumedriver.as_deref();
    found.extend(examine(&invocation, only, care)?);
    Ok(found)
}

fn misspelt(args: &DoctorArgs, invocation: &Invocation) -> Vec<Finding> {
    let asked = args.common.config.as_deref();
    let misspelt = Config::misspelt(asked, &invocation.paths.configs);
    let words = misspelt.unwrap_or_default().into_iter();
    let finding = |words| Finding::new("configuration", words, "");
    words.map(finding).collect()
}

fn shown(args: &DoctorArgs, found: Vec<Finding>) -> Result<String> {
    const HEAD: [&str; 3] = ["SUBJECT", "PROBLEM", "REPAIR"];
    let Some(format) = &args.format else {
        let line = |finding: &Finding| escape_unprintable(&masked(&finding.line())) + "\n";
        return Ok(found.iter().map(line).collect());
    };
    format.show(HEAD, found.into_iter().map(row).collect())
}

/// What plugins say may repeat secrets that nobody here knows.
fn masked(text: &str) -> String {
    Secrets::default().mask(text)
}

fn row(finding: Finding) -> Row<3> {
    let Finding {
        subject,
        problem,
        repair,
        remedy,
    } = finding;
    let [subject, problem, repair] = [subject, problem, repair].map(|text| masked(&text));
    let is_fixable = remedy != Remedy::ByHand;
    let done = match remedy {
        Remedy::Fixed(done) => Some(done),
        Remedy::ByHand | Remedy::Fixable => None,
    };
    let known = Some(repair.as_str()).filter(|repair| !repair.is_empty());
    let values: [Value; 5] = [
        subject.as_str().into(),
        problem.as_str().into(),
        known.into(),
        is_fixable.into(),
        done.as_deref().into(),
    ];
    let keys: Map<String, Value> = FOUND
        .iter()
        .map(|(key, _)| (*key).to_owned())
        .zip(values)
        .collect();
    let repair = done.map_or(repair, |done| format!("fixed: {done}"));
    Row {
        name: subject.clone(),
        cells: [subject, problem, repair],
        keys,
    }
}
