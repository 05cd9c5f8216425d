//! passbridge over the mock provider, with logged-in devices.

use std::path::Path;

use bytes::Bytes;

use super::workload::{Call, Requests};
use crate::{
    http_client,
    provider::Provider,
    support::{
        Result, Setting,
        load::Client as _,
        process::{Face, Server},
    },
    token,
    workload::REQUESTOR,
};

/// The server and the devices.
pub struct Scene {
    /// passbridge.
    pub server: Server,
    /// An access token of the devices.
    pub token: String,
    /// The device ids.
    pub devices: Vec<String>,
}

/// The configuration of the measurements: no limit for the one address of the load, and logins cached for the whole run.
const ENVIRONMENT: [(&str, &str); 5] = [
    ("PASSBRIDGE_REST__ADDRESS_LIMIT__PER_SECOND", "1000000"),
    ("PASSBRIDGE_REST__ADDRESS_LIMIT__BURST", "1000000"),
    ("PASSBRIDGE_ENVIRONMENTS__DEFAULT__BACKEND", "v2"),
    ("PASSBRIDGE_ENVIRONMENTS__DEFAULT__REGISTRATION", "own"),
    ("PASSBRIDGE_ENVIRONMENTS__DEFAULT__PROFILE_CACHE__POSITIVE", "10m"),
];

impl Scene {
    /// Starts with this many logged-in devices, each of which has checked its login once.
    pub fn start(setting: &Setting, folder: &Path, provider: &Provider, devices: usize) -> Result<Self> {
        let statement = folder.join("statement");
        std::fs::write(&statement, "passbridge's own")?;
        let (url, data) = (format!("http://{}", provider.address), folder.join("data"));
        let mut environment = ENVIRONMENT.to_vec();
        environment.push(("PASSBRIDGE_ENVIRONMENTS__DEFAULT__URL", &url));
        let statement = statement.to_str().ok_or("not UTF-8")?;
        environment.push(("PASSBRIDGE_ENVIRONMENTS__DEFAULT__SOFTWARE_STATEMENT_FILE", statement));
        let face = Face { name: "rest", environment: &environment, configuration: None };
        let server = Server::passbridge(&setting.server, &data, &face)?;
        server.wait_until_ready()?;
        let token = token::fetch(&setting.server, &data, server.address, REQUESTOR)?;
        let devices: Vec<_> = (0..devices).map(|number| format!("device{number:06}")).collect();
        for device in &devices {
            // For the client of the direct calls, which has already registered.
            provider.log_in(device)?;
        }
        let scene = Self { server, token, devices };
        scene.log_in(provider)?;
        Ok(scene)
    }

    /// Logs each device in and checks its login. The mock provider binds logins to clients, and passbridge registers its own with
    /// the first call.
    fn log_in(&self, provider: &Provider) -> Result<()> {
        let first =
            format!("GET /api/v1/config/{REQUESTOR}.json HTTP/1.1\r\nHost: {}\r\n\r\n", self.server.address);
        self.ask([first.into()])?;
        for device in &self.devices {
            provider.log_in(device)?;
        }
        let requests = Requests::bridged(self, Call::CheckLogin)?;
        self.ask((0..self.devices.len()).map(|device| requests.of_device(device)))
    }

    /// Makes calls sequentially. All must succeed.
    pub fn ask(&self, requests: impl IntoIterator<Item = Bytes>) -> Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let mut clients = http_client::Client::connect(self.server.address, &200, 1).await?;
            let client = clients.first_mut().ok_or("no client was opened")?;
            for request in requests {
                client.call(request).await?;
            }
            Ok(())
        })
    }
}
