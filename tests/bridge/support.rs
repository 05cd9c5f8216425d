//! The bridge and helpers of these tests. Some modules are shared with other test binaries.

use std::{net::SocketAddr, path::Path, time::Duration};

use futures_util::future::{Either, select};
use passbridge::{
    config::{
        BackendKind, ClientRegistrationMode, Config, EnvironmentConfig, RequestorConfig, TempPassConfig,
        TempPassKind,
    },
    proto::v1::{
        AuthorizeTempPassRequest, CreateRegistrationCodeRequest, RegistrationCode,
        WatchRegistrationCodeResponse, authorize_temp_pass_request, registration_code::State,
    },
};
use tonic::Streaming;

#[path = "../support/http.rs"]
pub mod http;
#[path = "../support/prism.rs"]
pub mod prism;
#[path = "../support/provider.rs"]
pub mod provider;
#[path = "../support/raw.rs"]
pub mod raw;
#[path = "../support/replicas.rs"]
pub mod replicas;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/request.rs"]
pub mod request;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/rest.rs"]
pub mod rest;
#[path = "../support/status.rs"]
pub mod status;
#[allow(dead_code, reason = "it has more than this binary needs")]
#[path = "../support/test_server.rs"]
pub mod test_server;

use provider::Provider;
use test_server::{START, TestServer};

/// The default address of the device in requests.
pub const DEVICE_IP: &str = "203.0.113.7";

/// A server and its mock provider.
pub struct Bridge {
    pub server: TestServer,
    pub provider: Provider,
    _statement: tempfile::NamedTempFile,
}

/// The file with the software statement of the server.
pub const STATEMENT: &str = "the.software.statement";

impl Bridge {
    /// A server with this backend. The mock provider also runs for the local backend.
    pub async fn over(backend: BackendKind) -> Self {
        Self::configured(backend, |_| {}).await
    }

    /// The same with this change of the usual configuration.
    pub async fn configured(backend: BackendKind, change: impl FnOnce(&mut Config)) -> Self {
        Self::before(Provider::start(), backend, change).await
    }

    /// The same over an existing provider.
    pub async fn before(provider: Provider, backend: BackendKind, change: impl FnOnce(&mut Config)) -> Self {
        provider.set_clock(START).await;
        let statement = statement_file(STATEMENT);
        let url = provider.url();
        let server = TestServer::configured(|config| {
            environment(config, &url, backend, statement.path());
            change(config);
        });
        Self { server, provider, _statement: statement }
    }

    /// Advances both clocks.
    pub async fn advance(&self, by: Duration) {
        self.provider.advance(i64::try_from(by.as_millis()).expect("fits")).await;
        self.server.clock.advance(by);
    }

    /// Runs a future while both clocks advance quickly, for calls that wait.
    pub async fn while_time_passes<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = Box::pin(work);
        loop {
            let tick = Box::pin(tokio::time::sleep(Duration::from_millis(5)));
            match select(work, tick).await {
                Either::Left((outcome, _)) => return outcome,
                Either::Right(((), rest)) => work = rest,
            }
            self.advance(Duration::from_millis(200)).await;
        }
    }

    /// The code that a create returns.
    pub async fn created(&self) -> RegistrationCode {
        self.server.created_by(create()).await
    }

    /// A watch of a pending code, after its first message.
    pub async fn watch(&self, code: &str) -> Streaming<WatchRegistrationCodeResponse> {
        let watched = self.server.codes().watch_registration_code(request::watch(code)).await;
        let mut stream = watched.expect("watches").into_inner();
        let first = stream.message().await.expect("continues").expect("a message").registration_code;
        assert_eq!(first.expect("present").state(), State::Pending, "{code}");
        stream
    }

    /// The address of the REST face.
    pub fn rest(&self) -> SocketAddr {
        self.server.rest_address()
    }
}

/// Polls until the condition holds, for work that continues after a response.
pub async fn eventually(mut ask: impl AsyncFnMut() -> bool) {
    let asking = async {
        while !ask().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.expect("the condition never held");
}

/// A file with a software statement.
pub fn statement_file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("writes");
    file
}

/// Gives the default environment an upstream and a list of requestors.
pub fn environment(config: &mut Config, url: &str, backend: BackendKind, statement: &Path) {
    let temp_pass = |kind, max_resources| TempPassConfig { kind, max_resources, ..TempPassConfig::default() };
    let requestor = RequestorConfig {
        temp_passes: [
            ("TempPass".to_owned(), temp_pass(TempPassKind::Basic, None)),
            ("TempPassREF".to_owned(), temp_pass(TempPassKind::Promotional, Some(5))),
        ]
        .into(),
        ..RequestorConfig::default()
    };
    let environment = EnvironmentConfig {
        backend,
        registration: Some(ClientRegistrationMode::Own),
        url: Some(url.to_owned()),
        software_statement_file: Some(statement.to_owned()),
        requestors: [("REF".to_owned(), requestor), ("UNKNOWN".to_owned(), RequestorConfig::default())]
            .into(),
        ..EnvironmentConfig::default()
    };
    config.environments.insert("default".to_owned(), environment);
}

/// A create with the fields that an upstream requires.
pub fn create() -> CreateRegistrationCodeRequest {
    CreateRegistrationCodeRequest {
        device_id: Some("the device".to_owned()),
        device_ip: DEVICE_IP.to_owned(),
        ..request::create()
    }
}

/// The same from another address, because the provider limits each device separately.
pub fn create_from(device: usize) -> CreateRegistrationCodeRequest {
    CreateRegistrationCodeRequest {
        device_id: Some(format!("device {device}")),
        device_ip: format!("198.51.{}.{}", device / 250, device % 250 + 1),
        ..create()
    }
}

/// An authorization with the fields that version 2 requires, for this device.
pub fn authorize(device_id: &str, mvpd_id: &str, resource_id: &str) -> AuthorizeTempPassRequest {
    AuthorizeTempPassRequest {
        requestor_id: request::REQUESTOR.to_owned(),
        mvpd_id: mvpd_id.to_owned(),
        device_id: device_id.to_owned(),
        resource_id: resource_id.to_owned(),
        device: Some(authorize_temp_pass_request::Device::DeviceInfo(request::roku())),
        device_ip: DEVICE_IP.to_owned(),
        ..AuthorizeTempPassRequest::default()
    }
}

/// Gets a token from the provider as a device does.
pub async fn bearer(bridge: &Bridge) -> String {
    let ask = async |path: &str, body: String| -> http::Answer {
        let call =
            http::call(bridge.provider.address(), "POST", path).header("x-device-info", rest::DEVICE_INFO);
        call.header("content-type", "application/x-www-form-urlencoded").body(body).send().await
    };
    let registered =
        ask("/o/client/register", serde_json::json!({ "software_statement": "s" }).to_string()).await;
    let registered: serde_json::Value = serde_json::from_str(&registered.body).expect("JSON");
    let text = |key: &str| registered[key].as_str().expect("text").to_owned();
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        text("client_id"),
        text("client_secret")
    );
    let issued: serde_json::Value =
        serde_json::from_str(&ask("/o/client/token", form).await.body).expect("JSON");
    issued["access_token"].as_str().expect("a token").to_owned()
}
