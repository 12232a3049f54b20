//! `serve`.

use std::path;

use anyhow::{Context, Result, bail};

use crate::base::failure::Failure;
use crate::base::options::Options;
use crate::callers::serve;
use crate::callers::serve::service::{Service, Settings};
use crate::cli::arguments::ServeArgs;
use crate::commands::opening::begin;
use crate::driver::{self, allowed};
use crate::invocation::log::Log;
use crate::invocation::{Invocation, TIMEOUT};
use crate::protocol::address::{Address, parse_spec};
use crate::protocol::server::listener::Listener;
use crate::protocol::server::spec_file::SpecFile;
use crate::protocol::server::tls::{self, ServerFiles};
use crate::sys::process::{activation, inherited, interruption};

/// What engines call the driver `local`: Docker keeps that name for itself.
const FOR_LOCAL: &str = "dvdcli";

pub fn serve(args: &ServeArgs, log: &mut Log) -> Result<u8> {
    let stop = interruption::catch_for_service().context("taking over the signals")?;
    let invocation = begin(&args.common, &Options::new(), TIMEOUT, log)?;
    let mut named = args.common.volumedriver.clone();
    if named.as_deref() == Some(FOR_LOCAL) {
        named = Some("local".to_owned());
    }
    let opened = driver::open_or_configured(&invocation, named.as_deref())?;
    let label = opened.label();
    let doing = || format!("serving {label}");
    allowed::refuse(&invocation, opened.as_ref()).with_context(doing)?;
    let name = named
        .or(invocation.config.driver.clone())
        .unwrap_or_default();
    if args.listen.is_empty() && opened.is_shared() && opened.name() == name {
        bail!(Failure::usage(format!(
            "{}: its own name would lead to this service; give --listen unix:///run/docker/plugins/NAME.sock with another name",
            doing()
        )));
    }
    let (listeners, _spec) = listen(args, &name, &invocation).with_context(doing)?;
    let config = args.common.config.as_deref().map(path::absolute);
    inherited::leave_directory();
    let service = Service::new(Settings {
        driver: opened.name().to_owned(),
        config: config.transpose().with_context(doing)?,
        timeout: args.common.timeout,
        wait: args.common.wait,
        verbose: args.common.verbose,
    })?;
    serve::serve(&service, listeners, &stop).with_context(doing)?;
    Ok(0)
}

/// All listeners, and the file by which Docker finds the first one on TCP.
fn listen(
    args: &ServeArgs,
    name: &str,
    invocation: &Invocation,
) -> Result<(Vec<Listener>, Option<SpecFile>)> {
    let files = tls_files(args);
    let config = files.as_ref().map(tls::config).transpose()?;
    let mut listeners = Vec::new();
    for socket in activation::sockets().context("taking over the sockets of systemd")? {
        listeners.push(Listener::handed(socket, config.as_ref())?);
    }
    for text in &args.listen {
        let address = parse_spec(text.as_bytes())
            .map_err(|error| Failure::usage(format!("--listen: {error}")))?;
        let listener = Listener::open(&address, config.as_ref());
        listeners.push(listener.with_context(|| format!("listening on {address}"))?);
    }
    if listeners.is_empty() {
        let socket = format!("{}.sock", plugin_name(name)?);
        let address = Address::Unix(invocation.paths.plugin_sockets.join(socket));
        let listener = Listener::open(&address, None);
        listeners.push(listener.with_context(|| format!("listening on {address}"))?);
    }
    let mut authorities = listeners.iter().filter_map(Listener::authority);
    let spec = authorities.next().map(|authority| {
        let directory = &invocation.paths.plugin_specs[0];
        SpecFile::write(directory, plugin_name(name)?, &authority, files.as_ref())
    });
    Ok((listeners, spec.transpose()?))
}

/// clap sees to it that there are all or none.
fn tls_files(args: &ServeArgs) -> Option<ServerFiles> {
    Some(ServerFiles {
        cert: args.tls_cert.clone()?,
        key: args.tls_key.clone()?,
        client_ca: args.tls_client_ca.clone()?,
    })
}

/// The name by which engines know the driver.
///
/// # Errors
///
/// Wrong usage: its name is none of a file.
fn plugin_name(driver: &str) -> Result<&str> {
    match driver {
        "local" => Ok(FOR_LOCAL),
        name if name.contains(['/', ':']) => bail!(Failure::usage(
            "engines cannot find it by its name; give --listen unix:///run/docker/plugins/NAME.sock, or an alias without / and :"
        )),
        name => Ok(name),
    }
}
