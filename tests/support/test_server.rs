//! The real application in this process, with a clock and randomness that the test controls.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
};

use passbridge::{
    app::{App, AppDependencies, Reload, StartError},
    config::{Config, ConfigError, EnvironmentConfig, HumanDuration, RequestorConfig},
    domain::{
        clock::{ManualClock, Timestamp},
        code::DEFAULT_ALPHABET,
        randomness::{OsRandomness, Randomness, RandomnessUnavailable},
    },
    proto::v1::{
        RegistrationCode, device_info_service_client::DeviceInfoServiceClient,
        registration_code_service_client::RegistrationCodeServiceClient,
        temp_pass_service_client::TempPassServiceClient,
    },
};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tonic::transport::{Channel, Endpoint};

use super::request;

/// The initial time of the clock, in milliseconds.
pub const START: u64 = 1_700_000_000_123;

/// The memory limit that the server is given, in bytes.
pub const MEMORY: u64 = 4 << 30;

/// A server. It stops with the test.
pub struct TestServer {
    /// The server's clock.
    pub clock: Arc<ManualClock>,
    /// The randomness of codes.
    pub randomness: Arc<SteeredRandomness>,
    address: SocketAddr,
    rest: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), StartError>>>,
    config: Config,
    reload: Reload,
    _folder: TempDir,
}

impl TestServer {
    /// Starts a server with the defaults.
    pub fn start() -> Self {
        Self::configured(|_| {})
    }

    /// Starts a server with the default configuration as modified by `change`.
    pub fn configured(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = Config::default();
        config.grpc.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.rest.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.operations.listen = SocketAddr::from(([127, 0, 0, 1], 0));
        config.store.path = folder.path().join("data");
        config.store.free_space_reserve = 0;
        config.runtime.threads = 1;
        // The end of a test does not wait for connections.
        config.runtime.drain_timeout = HumanDuration::from_secs(0);
        change(&mut config);
        let started_with = config.clone();
        let clock = ManualClock::new(Timestamp::from_millis(START));
        let randomness = Arc::new(SteeredRandomness::default());
        let dependencies =
            AppDependencies { clock: clock.clone(), randomness: randomness.clone(), memory: Some(MEMORY) };
        let (stop, stopped) = oneshot::channel();
        let (say, started) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let app = App::build(config, dependencies, None).await?;
                let started = (app.grpc_address()?, app.rest_address()?, app.reload_handle());
                say.send(started).expect("the test waits for it");
                // Also ends when the test drops the sender.
                app.serve(async { stopped.await.unwrap_or_default() }).await
            })
        });
        let Ok((address, rest, reload)) = started.recv() else {
            panic!("the server did not start: {:?}", thread.join());
        };
        Self {
            clock,
            randomness,
            address,
            rest,
            stop: Some(stop),
            thread: Some(thread),
            config: started_with,
            reload,
            _folder: folder,
        }
    }

    /// The gRPC address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The data folder.
    pub fn data(&self) -> PathBuf {
        self.config.store.path.clone()
    }

    pub fn rest_address(&self) -> SocketAddr {
        self.rest
    }

    /// Reloads the initial configuration as modified by `change`.
    pub fn reload(&self, change: impl FnOnce(&mut Config)) -> Result<bool, ConfigError> {
        let mut config = self.config.clone();
        change(&mut config);
        self.reload.apply(config)
    }

    /// Opens a separate connection.
    pub fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).expect("a URI").connect_lazy()
    }

    /// Creates a client with a separate connection.
    pub fn codes(&self) -> RegistrationCodeServiceClient<Channel> {
        RegistrationCodeServiceClient::new(self.channel())
    }

    /// Creates a client with a separate connection.
    pub fn devices(&self) -> DeviceInfoServiceClient<Channel> {
        DeviceInfoServiceClient::new(self.channel())
    }

    /// Creates a client with a separate connection.
    pub fn temp_passes(&self) -> TempPassServiceClient<Channel> {
        TempPassServiceClient::new(self.channel())
    }

    /// Creates a code for the default requestor.
    pub async fn created(&self) -> RegistrationCode {
        self.created_by(request::create()).await
    }

    /// Returns the code of a create request's response.
    pub async fn created_by(
        &self,
        request: passbridge::proto::v1::CreateRegistrationCodeRequest,
    ) -> RegistrationCode {
        let answer = self.codes().create_registration_code(request).await.expect("creates");
        answer.into_inner().registration_code.expect("has a code")
    }

    /// Starts the shutdown without waiting for it.
    pub fn begin_stop(&mut self) {
        self.stop = None;
    }

    /// Waits until the server has stopped.
    pub async fn ended(mut self) {
        self.begin_stop();
        let thread = self.thread.take().expect("runs");
        let ended = tokio::task::spawn_blocking(move || thread.join()).await.expect("joins");
        ended.expect("does not panic").expect("stops without an error");
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.begin_stop();
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(!matches!(ended, Some(Err(_))), "the server has panicked");
        }
    }
}

/// Adds an environment with these requestors to a configuration; an empty list means all.
pub fn environment(config: &mut Config, name: &str, requestors: &[&str]) {
    let requestors = requestors.iter().map(|id| ((*id).to_owned(), RequestorConfig::default())).collect();
    config
        .environments
        .insert(name.to_owned(), EnvironmentConfig { requestors, ..EnvironmentConfig::default() });
}

/// The system's randomness, except for codes that a test sets.
#[derive(Debug, Default)]
pub struct SteeredRandomness {
    next: Mutex<VecDeque<[u8; 16]>>,
}

impl SteeredRandomness {
    /// Makes the next create draw this code first. A create draws its id, then its code, 16 bytes at a time.
    pub fn draw_next(&self, code: &str) {
        let mut id = [0; 16];
        OsRandomness.fill(&mut id).expect("randomness");
        self.draw_record(id, code, DEFAULT_ALPHABET);
    }

    /// Makes the next create use this id, and draw this code of the alphabet first.
    pub fn draw_record(&self, id: [u8; 16], code: &str, alphabet: &str) {
        let mut block = [0; 16];
        for (byte, symbol) in block.iter_mut().zip(code.bytes()) {
            let index = alphabet.bytes().position(|other| other == symbol).expect("in the alphabet");
            *byte = u8::try_from(index).expect("few symbols");
        }
        self.next.lock().expect("not poisoned").extend([id, block]);
    }
}

impl Randomness for SteeredRandomness {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomnessUnavailable> {
        match self.next.lock().expect("not poisoned").pop_front() {
            Some(block) => bytes.copy_from_slice(&block[..bytes.len()]),
            None => OsRandomness.fill(bytes)?,
        }
        Ok(())
    }
}
