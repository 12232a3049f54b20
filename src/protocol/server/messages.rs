//! What clients send (protocol: Volume plugins), and what they are answered. Keys that are not known do not matter.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::protocol::messages::Server;

/// To `VolumeDriver.Create`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateRequest {
    pub name: String,
    /// Absent, null and `{}` are the same.
    #[serde(default)]
    pub opts: Option<BTreeMap<String, String>>,
}

/// To `VolumeDriver.Remove`, `Path` and `Get`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct NameRequest {
    pub name: String,
}

/// To `VolumeDriver.Mount` and `Unmount`.
#[derive(Debug, Deserialize)]
pub struct MountRequest {
    #[serde(rename = "Name")]
    pub name: String,
    #[serde(rename = "ID")]
    pub id: String,
}

/// From `VolumeDriver.Create`, `Remove` and `Unmount`: `{}`.
#[derive(Debug, Serialize)]
pub struct Done {}

/// From `Plugin.Activate`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Activated {
    pub implements: Vec<String>,
    /// For ourselves; Docker does not look at it.
    pub dvdcli: Server,
}

/// From `VolumeDriver.Mount` and `Path`; the path is empty where it is not mounted.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Mounted<'a> {
    pub mountpoint: &'a Path,
}

/// From `VolumeDriver.Get`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Got {
    pub volume: Shown,
}

/// From `VolumeDriver.List`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Listed {
    pub volumes: Vec<Shown>,
}

/// A volume in an answer.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Shown {
    pub name: String,
    /// Empty where it is not mounted.
    pub mountpoint: String,
    /// RFC 3339: Docker fails on any other text, also on an empty one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_at: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub status: Map<String, Value>,
}

/// From `VolumeDriver.Capabilities`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Capable {
    pub capabilities: Scoped,
}

/// `local` or `global`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Scoped {
    pub scope: &'static str,
}
