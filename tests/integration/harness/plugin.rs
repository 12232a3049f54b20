//! A volume plugin that a test plays: it records every request, keeps volumes as real plugins do, and answers otherwise
//! where it is told to.

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

use crate::harness::env::Env;
use crate::harness::fs;
use crate::harness::http::{Answer, Request, Stream, converse, from_tcp, from_unix};
use crate::harness::real::RealPlugin;
use crate::harness::volume_driver::{Kind, State, Volume};
use crate::harness::waiting::eventually;

pub struct FakePlugin {
    pub(super) state: Arc<State>,
    /// `unix:///...`, or a host and a port.
    pub address: String,
    acceptor: Option<JoinHandle<()>>,
}

impl FakePlugin {
    /// A counting plugin at the first place where a plugin of this name is looked for.
    pub fn start(env: &Env, name: &str) -> FakePlugin {
        FakePlugin::start_kind(env, name, Kind::Counting)
    }

    pub fn start_kind(env: &Env, name: &str, kind: Kind) -> FakePlugin {
        FakePlugin::at(env, kind, &format!("run/docker/plugins/{name}.sock"))
    }

    /// A counting plugin `fake` that has a volume `db`, and its environment.
    pub fn with_db() -> (Env, FakePlugin) {
        FakePlugin::of_kind_with_db(Kind::Counting)
    }

    pub fn of_kind_with_db(kind: Kind) -> (Env, FakePlugin) {
        let env = Env::new();
        let plugin = FakePlugin::start_kind(&env, "fake", kind).with_volume("db");
        (env, plugin)
    }

    /// The same where tests may mount. `None` where the test does not run as root.
    pub fn isolated_with_db() -> Option<(Env, FakePlugin)> {
        let env = Env::isolated()?;
        let plugin = FakePlugin::start(&env, "fake").with_volume("db");
        Some((env, plugin))
    }

    /// At a socket anywhere in the environment.
    pub fn at(env: &Env, kind: Kind, socket: &str) -> FakePlugin {
        FakePlugin::on_socket(env, kind, None, socket)
    }

    pub(super) fn on_socket(
        env: &Env,
        kind: Kind,
        plays: Option<Box<dyn RealPlugin>>,
        socket: &str,
    ) -> FakePlugin {
        let socket = env.path(socket);
        fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let listener = UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        FakePlugin::serve(
            env,
            kind,
            plays,
            format!("unix://{}", socket.display()),
            move || {
                let (stream, _) = listener.accept()?;
                Ok(Box::new(from_unix(stream)?))
            },
        )
    }

    pub fn tcp(env: &Env) -> FakePlugin {
        FakePlugin::on_port(env, |stream| Box::new(stream))
    }

    pub fn tls(env: &Env, config: ServerConfig) -> FakePlugin {
        let config = Arc::new(config);
        FakePlugin::on_port(env, move |stream| {
            let connection = ServerConnection::new(config.clone()).unwrap();
            Box::new(StreamOwned::new(connection, stream))
        })
    }

    fn on_port(
        env: &Env,
        wrap: impl Fn(std::net::TcpStream) -> Box<dyn Stream> + Send + 'static,
    ) -> FakePlugin {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        FakePlugin::serve(env, Kind::Counting, None, address, move || {
            let (stream, _) = listener.accept()?;
            Ok(wrap(from_tcp(stream)?))
        })
    }

    fn serve(
        env: &Env,
        kind: Kind,
        plays: Option<Box<dyn RealPlugin>>,
        address: String,
        accept: impl Fn() -> io::Result<Box<dyn Stream>> + Send + 'static,
    ) -> FakePlugin {
        let directory = env.dir("volumes");
        let state = Arc::new(State {
            kind,
            plays: plays.map(Mutex::new),
            said: Mutex::new(directory.clone()),
            directory,
            volumes: Mutex::default(),
            script: Mutex::default(),
            gathered: Mutex::default(),
            requests: Mutex::default(),
            connections: AtomicUsize::new(0),
            open: AtomicUsize::new(0),
            disks: Mutex::default(),
            is_serial: AtomicBool::new(false),
            stopped: AtomicBool::new(false),
        });
        let serving = state.clone();
        let acceptor = thread::spawn(move || {
            thread::scope(|scope| {
                while !serving.stopped.load(SeqCst) {
                    let is_busy = serving.is_serial.load(SeqCst) && serving.open.load(SeqCst) > 0;
                    let stream = (!is_busy).then(&accept).and_then(Result::ok);
                    let Some(stream) = stream else {
                        thread::sleep(Duration::from_millis(1));
                        continue;
                    };
                    let connection = serving.connections.fetch_add(1, SeqCst) + 1;
                    let state = &serving;
                    state.open.fetch_add(1, SeqCst);
                    scope.spawn(move || {
                        converse(
                            connection,
                            stream,
                            &state.stopped,
                            |request| state.decide(request),
                            |request| state.act(request),
                        );
                        state.open.fetch_sub(1, SeqCst);
                    });
                }
            });
        });
        FakePlugin {
            state,
            address,
            acceptor: Some(acceptor),
        }
    }

    /// Answers this method so from now on.
    pub fn on(&self, method: &str, answer: Answer) -> &FakePlugin {
        self.on_each(method, [answer])
    }

    /// Answers this method so, in turn; the last answer stays.
    pub fn on_each(&self, method: &str, answers: impl IntoIterator<Item = Answer>) -> &FakePlugin {
        self.state
            .script
            .lock()
            .unwrap()
            .insert(method.to_owned(), answers.into_iter().collect());
        self
    }

    /// Answers no call of this method before there are so many.
    pub fn gather(&self, method: &str, calls: usize) -> &FakePlugin {
        self.hold_back(method, method, calls)
    }

    /// Carries out no call of this method before there are so many of the other.
    pub fn hold_back(&self, method: &str, other: &str, calls: usize) -> &FakePlugin {
        *self.state.gathered.lock().unwrap() = Some((method.to_owned(), other.to_owned(), calls));
        self
    }

    /// Has it from the start.
    pub fn with_volume(self, name: &str) -> FakePlugin {
        self.state
            .volumes
            .lock()
            .unwrap()
            .insert(name.to_owned(), Volume::default());
        self
    }

    /// Serves one connection after the other from now on, as a plugin without threads does.
    pub fn serves_one_at_a_time(&self) {
        self.state.is_serial.store(true, SeqCst);
    }

    /// Mounts its volumes from now on, from directories of the environment, in which tests may mount.
    pub fn mounting(self, env: &Env) -> FakePlugin {
        *self.state.disks.lock().unwrap() = Some(env.dir("disks"));
        self
    }

    /// Calls its directory so, as a managed plugin does.
    pub fn says(self, directory: &str) -> FakePlugin {
        *self.state.said.lock().unwrap() = directory.into();
        self
    }

    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// The methods that were called, in their order, since they were last taken.
    pub fn take_calls(&self) -> Vec<String> {
        let requests = std::mem::take(&mut *self.state.requests.lock().unwrap());
        requests.into_iter().map(|request| request.method).collect()
    }

    /// The bodies of all calls of a method.
    pub fn bodies(&self, method: &str) -> Vec<Value> {
        let requests = self
            .requests()
            .into_iter()
            .filter(|request| request.method == method);
        requests.map(|request| request.body).collect()
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(SeqCst)
    }

    /// Waits until it has carried out what it was asked by callers that are gone.
    #[track_caller]
    pub fn settle(&self) {
        eventually("the plugin", || self.state.open.load(SeqCst) == 0);
    }

    /// How many mounts it still has of a volume.
    pub fn mounts(&self, volume: &str) -> usize {
        self.state
            .volumes
            .lock()
            .unwrap()
            .get(volume)
            .map_or(0, |volume| volume.mounts.len())
    }

    /// The names of its volumes.
    pub fn volumes(&self) -> Vec<String> {
        self.state.volumes.lock().unwrap().keys().cloned().collect()
    }

    /// The options that a volume was created with.
    pub fn options(&self, volume: &str) -> Value {
        self.state.volumes.lock().unwrap()[volume].options.clone()
    }

    #[track_caller]
    pub fn wait_for(&self, method: &str) {
        eventually(method, || {
            self.requests()
                .iter()
                .any(|request| request.method == method)
        });
    }
}

impl Drop for FakePlugin {
    fn drop(&mut self) {
        self.state.stopped.store(true, SeqCst);
        let ended = self.acceptor.take().unwrap().join();
        if let Some(socket) = self.address.strip_prefix("unix://") {
            let _ = fs::remove_file(socket);
        }
        assert!(ended.is_ok() || thread::panicking(), "the plugin panicked");
    }
}
