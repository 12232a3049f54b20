//! What each method does, through the same code as the verbs.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::base::options::Options;
use crate::base::secrets::fields;
use crate::base::secrets::values::Secrets;
use crate::callers::serve::method::Method;
use crate::callers::serve::service::Service;
use crate::driver::interface::{Volume, VolumeInfo};
use crate::invocation::Invocation;
use crate::protocol::json;
use crate::protocol::messages::Server;
use crate::protocol::server::answer::Answer;
use crate::protocol::server::messages::{
    Activated, Capable, CreateRequest, Done, Got, Listed, MountRequest, Mounted, NameRequest,
    Scoped, Shown,
};
use crate::sys::process::host;
use crate::volume::Locked;
use crate::volume::holders::record::Holder;
use crate::volume::request::Release;
use crate::volume::{lookup, release};

/// The secrets in the options of a Create, for the log.
pub fn secrets(body: &[u8]) -> Secrets {
    let request = json::read::<CreateRequest>(body).ok();
    let secrets = request.map(|it| Secrets::of(&options(it.opts), &it.name));
    secrets.unwrap_or_default()
}

fn options(sent: Option<BTreeMap<String, String>>) -> Options {
    sent.unwrap_or_default().into_iter().collect()
}

/// Carries out any method but Mount.
pub fn answer(
    service: &Service,
    invocation: &Invocation,
    method: Method,
    body: &[u8],
) -> Result<Answer> {
    Ok(match method {
        Method::Activate => activate(service, invocation)?,
        Method::Capabilities => {
            let scope = service.open(invocation)?.capabilities()?.as_str();
            Answer::done(&Capable {
                capabilities: Scoped { scope },
            })
        }
        Method::List => list(service, invocation)?,
        Method::Create => create(service, invocation, body)?,
        Method::Unmount => unmount(service, invocation, body)?,
        Method::Remove | Method::Path | Method::Get | Method::Mount => {
            let NameRequest { name } = json::read(body)?;
            let volume = open(service, invocation, &name, &Options::new())?;
            let (of, doing) = match method {
                Method::Remove => (remove as OfVolume, "removing"),
                Method::Get => (get as OfVolume, "looking up"),
                _ => (path as OfVolume, "looking up"),
            };
            of(invocation, volume.as_ref()).with_context(|| format!("{doing} volume {name}"))?
        }
    })
}

/// A method that is told no more than the volume's name.
type OfVolume = fn(&Invocation, &dyn Volume) -> Result<Answer>;

fn activate(service: &Service, invocation: &Invocation) -> Result<Answer> {
    Ok(Answer::done(&Activated {
        implements: vec!["VolumeDriver".to_owned()],
        dvdcli: Server {
            driver: service.open(invocation)?.name().to_owned(),
            boot: host::boot_id()?,
        },
    }))
}

fn list(service: &Service, invocation: &Invocation) -> Result<Answer> {
    let mut volumes = service
        .open(invocation)?
        .list()
        .context("listing volumes")?;
    volumes.retain(|volume| !volume.is_half_removed);
    let shown = |volume: VolumeInfo| Shown {
        mountpoint: text(volume.mountpoint.as_deref()),
        name: volume.name,
        created_at: None,
        status: serde_json::Map::new(),
    };
    Ok(Answer::done(&Listed {
        volumes: volumes.into_iter().map(shown).collect(),
    }))
}

/// Docker's word is root's. What exists is fine, as Docker creates again what it cannot look up.
fn create(service: &Service, invocation: &Invocation, body: &[u8]) -> Result<Answer> {
    let CreateRequest { name, opts } = json::read(body)?;
    let options = options(opts);
    let doing = || format!("creating volume {name}");
    if options.iter().any(|(key, _)| key.is_empty()) {
        bail!(Failure::usage(format!(
            "{}: an option has no name",
            doing()
        )));
    }
    let volume = open(service, invocation, &name, &options)?;
    let created = Locked::lock(invocation, volume.as_ref(), Holder::default())
        .and_then(|locked| locked.create())
        .with_context(doing)?;
    if let Some(difference) = created {
        invocation.log.warn(&format!("{}: {difference}", doing()));
    }
    Ok(Answer::done(&Done {}))
}

fn unmount(service: &Service, invocation: &Invocation, body: &[u8]) -> Result<Answer> {
    let MountRequest { name, id } = json::read(body)?;
    let volume = open(service, invocation, &name, &Options::new())?;
    let holder = holder(service, &id)?;
    release::unmount(invocation, volume.as_ref(), holder, Release::ONE)
        .with_context(|| format!("unmounting volume {name}"))?;
    Ok(Answer::done(&Done {}))
}

fn remove(invocation: &Invocation, volume: &dyn Volume) -> Result<Answer> {
    Locked::lock(invocation, volume, Holder::default())?.remove()?;
    Ok(Answer::done(&Done {}))
}

fn path(invocation: &Invocation, volume: &dyn Volume) -> Result<Answer> {
    let path = lookup::path(invocation, volume)?;
    let mountpoint = &path.unwrap_or_default();
    Ok(Answer::done(&Mounted { mountpoint }))
}

fn get(invocation: &Invocation, volume: &dyn Volume) -> Result<Answer> {
    let found = lookup::find(invocation, volume)?;
    let mountpoint = lookup::place(invocation, volume, &found)?;
    let mut status = found.status.unwrap_or_default();
    status.extend(found.details);
    let mut status = status.into();
    fields::mask(&mut status);
    Ok(Answer::done(&Got {
        volume: Shown {
            name: found.name,
            mountpoint: text(mountpoint.as_deref()),
            created_at: found.created_at.filter(|at| is_rfc_3339(at)),
            status: status.as_object().cloned().unwrap_or_default(),
        },
    }))
}

fn text(path: Option<&Path>) -> String {
    path.map(|path| path.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Whether Go reads it as a time: `2024-01-02T03:04:05.678Z`, or with `+01:00` in place of the `Z`.
fn is_rfc_3339(text: &str) -> bool {
    let is_offset = |offset: &str| {
        let bytes = offset.as_bytes();
        matches!(
            bytes,
            [
                b'+' | b'-',
                b'0'..=b'2',
                b'0'..=b'9',
                b':',
                b'0'..=b'5',
                b'0'..=b'9'
            ]
        )
    };
    let time = match text
        .len()
        .checked_sub(6)
        .and_then(|at| text.split_at_checked(at))
    {
        Some((time, offset)) if is_offset(offset) => format!("{time}Z"),
        _ => text.to_owned(),
    };
    time.ends_with('Z') && humantime::parse_rfc3339(&time).is_ok()
}

/// The volume of exactly that name. Options in a name are for command lines.
pub fn open<'a>(
    service: &Service,
    invocation: &'a Invocation,
    name: &str,
    options: &Options,
) -> Result<Box<dyn Volume + 'a>> {
    let volume = service.open(invocation)?.volume(name, options)?;
    if volume.name() != name {
        bail!(Failure::usage(format!(
            "'{}' is no name of a volume",
            name.escape_debug()
        )));
    }
    Ok(volume)
}

pub fn holder(service: &Service, id: &str) -> Result<Holder> {
    if id.is_empty() {
        bail!(Failure::usage("the request has no ID"));
    }
    Ok(Holder {
        id: Some(id.to_owned()),
        server: Some(service.process),
        ..Holder::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_that_go_reads_are_told() {
        for (text, expected) in [
            ("2024-01-02T03:04:05Z", true),
            ("2024-01-02T03:04:05.678901234Z", true),
            ("2024-01-02T03:04:05+01:00", true),
            ("2024-01-02T03:04:05.6-11:30", true),
            ("", false),
            ("2024-01-02 03:04:05Z", false),
            ("2024-01-02T03:04:05", false),
            ("2024-01-02T03:04:05+0100", false),
            ("yesterday", false),
            ("+01:00", false),
            ("ä01:00", false),
        ] {
            assert_eq!(is_rfc_3339(text), expected, "{text}");
        }
    }
}
