mod decisions;
pub(in crate::service) mod fake;
mod logins;
mod polling;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::*;
use crate::{
    backend::{LocalBackend, LocalDependencies},
    config::{Config, ValidConfig},
    domain::{
        clock::{ManualClock, SharedClock, Timestamp},
        code::Code,
        entitlement::Resource,
        known_device::KnownLogin,
        limit::LimitedResource,
        randomness::OsRandomness,
        registration_code::{CodeKey, RegistrationRequest},
    },
    service::{
        budget::LookupBudget,
        policy::{Policy, PresentPolicy},
        quota::Quota,
        registration::{self, Lookup},
    },
    store::embedded::{EmbeddedOptions, EmbeddedStore},
};
use fake::{FakeDevices, FakeProvider};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const MONTH: Duration = Duration::from_secs(30 * 24 * 3_600);

/// Two servers that share devices and codes.
struct EntitlementFixture {
    service: EntitlementService,
    other: EntitlementService,
    registration: RegistrationService,
    memory: DeviceMemory,
    provider: Arc<FakeProvider>,
    clock: Arc<ManualClock>,
    counted: Arc<QueryCounts>,
    _folder: tempfile::TempDir,
}

/// The number of checks answered from memory and by the upstream.
#[derive(Default)]
struct QueryCounts(Mutex<[usize; 2]>);

impl EntitlementObserver for QueryCounts {
    fn login_seen(&self, _: &EnvironmentName) {}
    fn decision_made(&self, _: &EnvironmentName, _: bool) {}
    fn login_checked(&self, _: &EnvironmentName, is_from_memory: bool) {
        self.0.lock().expect("not poisoned")[usize::from(!is_from_memory)] += 1;
    }
}

fn fixture() -> EntitlementFixture {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = ManualClock::new(Timestamp::from_millis(1_700_000_000_000));
    let shared: SharedClock = clock.clone();
    let options =
        EmbeddedOptions { free_space_reserve: 0, ..EmbeddedOptions::new(folder.path(), clock.clone()) };
    let store = EmbeddedStore::open(options).expect("opens").ports();
    let config = toml::from_str::<Config>("").expect("deserializes");
    let policy = Policy::new(&ValidConfig::read(config).expect("valid"));
    let normalizer = Arc::new(Normalizer::new());
    let local = LocalBackend::over(LocalDependencies {
        store: store.clone(),
        code_format: policy.code_format.clone(),
        max_live_codes: policy.max_live_codes,
        clock: shared.clone(),
        randomness: Arc::new(OsRandomness),
        normalizer: Arc::clone(&normalizer),
    });
    let provider = FakeProvider::new(shared.clone(), local);
    let backends = Backends::new(Arc::new(Arc::clone(&provider)));
    let policy: SharedPolicy = Arc::new(PresentPolicy::new(policy));
    let memory = DeviceMemory::new(FakeDevices::new(shared.clone()), shared.clone());
    let budget = LookupBudget::new(Arc::clone(&store.limits), 10, 600);
    let registration = RegistrationService::new(registration::RegistrationDependencies {
        store,
        policy: Arc::clone(&policy),
        clock: shared.clone(),
        randomness: Arc::new(OsRandomness),
        backends: backends.clone(),
        memory: memory.clone(),
        budget,
        on_miss: Arc::new(|_| {}),
        watches: Quota::new(LimitedResource::Watches, 1, 100),
        tasks: tokio_util::task::TaskTracker::new(),
    });
    let counted = Arc::new(QueryCounts::default());
    let server = || {
        EntitlementService::new(EntitlementDependencies {
            backends: backends.clone(),
            policy: Arc::clone(&policy),
            clock: shared.clone(),
            registration: registration.clone(),
            memory: memory.clone(),
            normalizer: Arc::clone(&normalizer),
            count: counted.clone(),
        })
    };
    let (service, other) = (server(), server());
    EntitlementFixture { service, other, registration, memory, provider, clock, counted, _folder: folder }
}

impl EntitlementFixture {
    fn place(&self) -> Place {
        let policy = self.service.policy().load();
        policy.place(("environment", ""), ("requestor_id", "REF")).expect("valid")
    }

    fn device(&self, id: &str) -> DeviceContext {
        let key =
            DeviceKey { place: self.place(), device_id: DeviceId::parse("device_id", id).expect("valid") };
        let address = "203.0.113.7".parse().expect("an address");
        DeviceContext { user_agent: "TestTV/1.0".to_owned(), ..DeviceContext::known(&key, Some(address)) }
    }

    /// Creates a code of the device, as an upstream issues it.
    async fn code(&self, device: &str) -> CodeKey {
        let id = DeviceId::parse("device_id", device).expect("valid");
        let request = RegistrationRequest { device_id: Some(id), ..RegistrationRequest::new(self.place()) };
        let created = self.registration.create(&Caller::anonymous(), Box::new(request), None).await;
        let record = created.expect("creates").view.registration;
        let facts = ReportedDevice { user_agent: "TestTV/1.0".to_owned(), ..ReportedDevice::default() };
        self.memory.code_made(&record, &facts).await.expect("works");
        self.provider.state().codes.insert(record.code.clone(), None);
        record.key()
    }

    /// Logs a viewer in with a code, after the login was started.
    fn log_in_with(&self, code: &CodeKey, device: &str) {
        let profile = self.provider.log_in(device, "Cable", MONTH);
        self.provider.state().codes.insert(code.code.clone(), Some((device.to_owned(), profile.mvpd)));
    }

    async fn start(&self, code: &CodeKey) {
        let request = StartLogin {
            lookup: self.lookup(code),
            mvpd: Some(mvpd("Cable")),
            domain_name: "example.com".to_owned(),
            redirect_url: "https://example.com/back".to_owned(),
            temp_pass_identity: None,
        };
        self.service.start_login(&Caller::anonymous(), request).await.expect("starts");
    }

    fn lookup(&self, code: &CodeKey) -> Lookup {
        let viewer = "198.51.100.9".parse().ok();
        Lookup { place: code.place(), typed: code.code.as_str().to_owned(), viewer }
    }

    async fn check(&self, device: &str) -> Result<KnownLogin> {
        self.service.check_login(&Caller::anonymous(), self.device(device)).await
    }

    async fn log_out(&self, device: &str) -> Result<LoggedOut> {
        self.service.log_out(&Caller::anonymous(), self.device(device)).await
    }

    fn take_calls(&self) -> Vec<&'static str> {
        self.provider.take_calls()
    }
}

fn mvpd(text: &str) -> MvpdId {
    MvpdId::parse("mvpd", text).expect("valid")
}

fn is_not_found<T>(answer: &Result<T>) -> bool {
    matches!(answer, Err(Error::ProfileNotFound))
}
