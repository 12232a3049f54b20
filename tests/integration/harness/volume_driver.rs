//! What a plugin that a test plays does when it is asked: it keeps volumes as real plugins do.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};

use serde_json::{Value, json};

use crate::harness::fs;
use crate::harness::http::{Answer, Request, response};
use crate::harness::mounts::{bind, mount_image, unmount};
use crate::harness::real::RealPlugin;
use crate::harness::waiting::eventually;

/// What the real plugins differ in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Counts its mounts, whoever mounts (REX-Ray).
    Counting,
    /// Refuses a second mount under one ID, and an unmount under an ID that has not mounted (rclone).
    Refusing,
}

pub const KINDS: [Kind; 2] = [Kind::Counting, Kind::Refusing];

pub struct State {
    pub kind: Kind,
    /// The real plugin that it plays, where it plays one.
    pub plays: Option<Mutex<Box<dyn RealPlugin>>>,
    /// Where its volumes have their directories.
    pub directory: PathBuf,
    /// What that directory is called in its answers.
    pub said: Mutex<PathBuf>,
    pub volumes: Mutex<BTreeMap<String, Volume>>,
    pub script: Mutex<HashMap<String, VecDeque<Answer>>>,
    /// A method, and how many calls of another, or of itself, have to be there before one of it is carried out.
    pub gathered: Mutex<Option<(String, String, usize)>>,
    pub requests: Mutex<Vec<Request>>,
    pub connections: AtomicUsize,
    /// Those that have not ended.
    pub open: AtomicUsize,
    /// What it mounts a volume from, in a directory of the volume's name; without it, it hands out plain directories.
    pub disks: Mutex<Option<PathBuf>>,
    /// Whether it serves one connection after the other.
    pub is_serial: AtomicBool,
    pub stopped: AtomicBool,
}

#[derive(Default)]
pub struct Volume {
    pub options: Value,
    /// The ID of each mount that was not taken back.
    pub mounts: Vec<String>,
}

impl State {
    pub fn decide(&self, request: &Request) -> Answer {
        self.requests.lock().unwrap().push(request.clone());
        let gathered = self.gathered.lock().unwrap().clone();
        if let Some((_, other, calls)) = gathered.filter(|(method, ..)| *method == request.method) {
            eventually("the other calls", || {
                let requests = self.requests.lock().unwrap();
                let found = requests.iter().filter(|found| found.method == other);
                found.count() >= calls || self.stopped.load(SeqCst)
            });
        }
        match self.script.lock().unwrap().get_mut(&request.method) {
            None => Answer::Act,
            Some(answers) if answers.len() > 1 => answers.pop_front().unwrap(),
            Some(answers) => answers[0].clone(),
        }
    }

    pub fn act(&self, request: &Request) -> Vec<u8> {
        let (status, body) = match &self.plays {
            Some(real) => real.lock().unwrap().answer(&request.method, &request.body),
            None => match self.carry_out(request) {
                Ok(body) => (200, body),
                Err(words) => (500, json!({ "Err": words })),
            },
        };
        let headers = "Content-Type: application/vnd.docker.plugins.v1.2+json\r\n";
        response(status, headers, &body.to_string())
    }

    fn disk(&self, name: &str) -> Option<PathBuf> {
        let disk = self.disks.lock().unwrap().as_ref()?.join(name);
        fs::create_dir_all(&disk).unwrap();
        Some(disk)
    }

    fn carry_out(&self, request: &Request) -> Result<Value, &'static str> {
        let name = request.body["Name"].as_str().unwrap_or_default();
        let id = request.body["ID"].as_str().unwrap_or_default();
        let done = json!({ "Err": "" });
        let said = self.said.lock().unwrap();
        let mountpoint = |name: &str, volume: &Volume| match volume.mounts.len() {
            0 => PathBuf::new(),
            _ => said.join(name),
        };
        let shown = |name: &str, volume: &Volume| json!({ "Name": name, "Mountpoint": mountpoint(name, volume) });
        let mut volumes = self.volumes.lock().unwrap();
        let volume = volumes.get_mut(name);
        Ok(match (request.method.as_str(), volume) {
            ("Activate", _) => json!({ "Implements": ["VolumeDriver"] }),
            ("Capabilities", _) => json!({ "Capabilities": { "Scope": "local" } }),
            ("List", _) => {
                json!({ "Volumes": volumes.iter().map(|(name, volume)| shown(name, volume)).collect::<Vec<_>>() })
            }
            ("Create", Some(_)) => return Err("volume already exists"),
            ("Create", None) => {
                let options = request.body["Opts"].clone();
                volumes.insert(
                    name.to_owned(),
                    Volume {
                        options,
                        mounts: Vec::new(),
                    },
                );
                done
            }
            (_, None) => return Err("volume not found"),
            ("Get", Some(volume)) => json!({ "Volume": shown(name, volume), "Err": "" }),
            ("Path", Some(volume)) => json!({ "Mountpoint": mountpoint(name, volume), "Err": "" }),
            ("Mount", Some(volume)) => {
                if self.kind == Kind::Refusing && volume.mounts.iter().any(|known| known == id) {
                    return Err("volume is already mounted by this id");
                }
                fs::create_dir_all(self.directory.join(name)).unwrap();
                if volume.mounts.is_empty()
                    && let Some(disk) = self.disk(name)
                {
                    let (image, place) = (disk.join("image"), self.directory.join(name));
                    match image.exists() {
                        true => mount_image(&image, &place),
                        false => bind(&disk, &place),
                    }
                }
                volume.mounts.push(id.to_owned());
                json!({ "Mountpoint": mountpoint(name, volume), "Err": "" })
            }
            ("Unmount", Some(volume)) if volume.mounts.is_empty() => {
                return Err("volume is not mounted");
            }
            ("Unmount", Some(volume)) => {
                let of_id = volume.mounts.iter().position(|known| known == id);
                let at = if self.kind == Kind::Counting {
                    Some(0)
                } else {
                    of_id
                };
                volume
                    .mounts
                    .remove(at.ok_or("volume is not mounted by this id")?);
                if volume.mounts.is_empty() && self.disk(name).is_some() {
                    unmount(&self.directory.join(name));
                }
                done
            }
            ("Remove", Some(volume)) if !volume.mounts.is_empty() => {
                return Err("volume is in use");
            }
            ("Remove", Some(_)) => {
                volumes.remove(name);
                done
            }
            _ => return Err("Handler not found"),
        })
    }
}
