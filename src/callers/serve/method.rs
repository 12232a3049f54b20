//! What engines can ask for (protocol: Volume plugins).

use std::time::Duration;

use crate::invocation::TIMEOUT;

/// How long Docker waits for what neither creates nor mounts is 60 s.
const SHORT: Duration = Duration::from_secs(55);

/// What an engine can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Activate,
    Capabilities,
    List,
    Create,
    Remove,
    Mount,
    Unmount,
    Path,
    Get,
}

/// The path of each, how long it may take, and whether it means something without a body. One that came without the body that it needs
/// is a repetition (protocol: Engines), and never acts.
pub const METHODS: [(&str, Method, Duration, bool); 9] = [
    ("/Plugin.Activate", Method::Activate, SHORT, true),
    (
        "/VolumeDriver.Capabilities",
        Method::Capabilities,
        SHORT,
        true,
    ),
    ("/VolumeDriver.List", Method::List, SHORT, true),
    ("/VolumeDriver.Create", Method::Create, TIMEOUT, false),
    ("/VolumeDriver.Remove", Method::Remove, SHORT, false),
    ("/VolumeDriver.Mount", Method::Mount, TIMEOUT, false),
    ("/VolumeDriver.Unmount", Method::Unmount, SHORT, false),
    ("/VolumeDriver.Path", Method::Path, SHORT, false),
    ("/VolumeDriver.Get", Method::Get, SHORT, false),
];
