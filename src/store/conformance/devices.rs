//! Known devices, over the ledger of each store.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use futures_util::TryStreamExt;

use super::{
    Harness,
    sample::{TTL, environment, known_device, race, resource},
};
use crate::{
    auth::{KeyRing, SealedLedger, SecretKind},
    domain::{
        clock::Timestamp,
        code::Code,
        id::{DeviceId, Place, RequestorId},
        known_device::{DeviceKey, KnownDevice},
        ledger_kind::LedgerKind,
        port::{Devices, LedgerEntry, LedgerKey, StoredDevice},
        randomness::OsRandomness,
        registration_code::CodeKey,
    },
    store::known_devices::KnownDevices,
    telemetry::CapturedLog,
};

const MILLISECOND: Duration = Duration::from_millis(1);

/// A ring with one key, and its successor.
const RING: &str = "one:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
const NEXT_RING: &str = "two:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// A server with its own view of the devices in a harness's store.
struct Server {
    secrets: Arc<SealedLedger>,
    devices: KnownDevices,
}

impl Server {
    fn over(harness: &impl Harness) -> Self {
        Self::with_ring(harness, RING)
    }

    fn with_ring(harness: &impl Harness, ring: &str) -> Self {
        let (ledger, ring) = (harness.store().ledger, KeyRing::parse(ring).expect("a ring"));
        let secrets =
            Arc::new(SealedLedger::new(Arc::clone(&ledger), Arc::new(ring), Arc::new(OsRandomness)));
        Self { devices: KnownDevices::new(Arc::clone(&secrets), ledger), secrets }
    }

    async fn get(&self, key: &DeviceKey) -> Option<StoredDevice> {
        self.devices.get(key).await.expect("the store works")
    }

    async fn device(&self, key: &DeviceKey) -> Option<KnownDevice> {
        self.get(key).await.map(|kept| KnownDevice::clone(&kept.device))
    }

    async fn replace(
        &self,
        key: &DeviceKey,
        before: Option<&StoredDevice>,
        after: Option<(&KnownDevice, Timestamp)>,
    ) -> bool {
        let before = before.map(|kept| &kept.revision);
        self.devices.replace(key, before, after).await.expect("the store works")
    }

    async fn keep_code(&self, code: &CodeKey, device_id: &DeviceId, end: Timestamp) {
        self.devices.keep_code(code, device_id, end).await.expect("the store works");
    }

    async fn of_code(&self, code: &CodeKey) -> Option<DeviceId> {
        self.devices.of_code(code).await.expect("the store works")
    }

    async fn requestor_of(&self, of: &str, device_id: &DeviceId) -> Option<RequestorId> {
        self.devices.requestor_of(&environment(of), device_id).await.expect("the store works")
    }
}

fn device_id(text: &str) -> DeviceId {
    DeviceId::parse("device_id", text).expect("valid")
}

fn requestor(text: &str) -> RequestorId {
    RequestorId::parse("requestor", text).expect("valid")
}

fn key_of(environment_name: &str, requestor_id: &str, device: &str) -> DeviceKey {
    let place = Place { environment: environment(environment_name), requestor: requestor(requestor_id) };
    DeviceKey { place, device_id: device_id(device) }
}

fn key() -> DeviceKey {
    key_of("default", "REF", "a personal device")
}

fn code(text: &str) -> CodeKey {
    key().code(Code::from_canonical(text))
}

/// The raw ledger entries of a kind.
async fn raw(harness: &impl Harness, kind: LedgerKind) -> Vec<(Vec<u8>, LedgerEntry)> {
    harness.store().ledger.scan(kind).try_collect().await.expect("the store works")
}

/// Every server reads a device completely, also after it is changed and after it is deleted.
pub(crate) async fn every_server_reads_a_device_as_it_was_stored(harness: &impl Harness) {
    let now = harness.time().read();
    let (one, other) = (Server::over(harness), Server::over(harness));
    assert!(one.get(&key()).await.is_none());
    assert!(one.replace(&key(), None, None).await, "deleting an absent device succeeds");
    let device = known_device(now);
    assert!(one.replace(&key(), None, Some((&device, now + TTL))).await);
    for server in [&one, &other] {
        assert!(server.device(&key()).await.as_ref() == Some(&device));
        assert!(server.device(&key()).await.as_ref() == Some(&device), "from the cache");
    }
    let changed = KnownDevice { user_agent: "another".to_owned(), ..device };
    let before = one.get(&key()).await;
    assert!(one.replace(&key(), before.as_ref(), Some((&changed, now + TTL))).await);
    for server in [&one, &other] {
        assert!(server.device(&key()).await.as_ref() == Some(&changed));
    }
    assert!(!one.replace(&key(), None, None).await, "it exists");
    assert!(!one.replace(&key(), before.as_ref(), None).await, "it has changed");
    let before = other.get(&key()).await;
    assert!(other.replace(&key(), before.as_ref(), None).await);
    for server in [&one, &other] {
        assert!(server.get(&key()).await.is_none());
    }
    assert!(!one.replace(&key(), before.as_ref(), Some((&changed, now + TTL))).await, "it was deleted");
}

/// Of several callers that have read the same state, only one can replace it.
pub(crate) async fn one_of_many_concurrent_replacements_succeeds(harness: &impl Harness) {
    let end = harness.time().read() + TTL;
    let server = Arc::new(Server::over(harness));
    for round in 0..2 {
        let before = server.get(&key()).await;
        assert_eq!(before.is_some(), round > 0);
        let racing = Arc::clone(&server);
        let outcomes = race(16, move |index| {
            let (server, before) = (Arc::clone(&racing), before.clone());
            let device = KnownDevice { user_agent: format!("{round} {index}"), ..KnownDevice::default() };
            async move { server.replace(&key(), before.as_ref(), Some((&device, end))).await }
        })
        .await;
        let winner = outcomes.iter().position(|replaced| *replaced).expect("one succeeds");
        assert_eq!(outcomes.iter().filter(|replaced| **replaced).count(), 1);
        let user_agent = server.device(&key()).await.map(|device| device.user_agent);
        assert_eq!(user_agent, Some(format!("{round} {winner}")));
    }
}

/// A media token is handed out once, under concurrency and across servers.
pub(crate) async fn a_media_token_is_handed_out_once(harness: &impl Harness) {
    let now = harness.time().read();
    let servers = [Arc::new(Server::over(harness)), Arc::new(Server::over(harness))];
    assert!(servers[0].replace(&key(), None, Some((&known_device(now), now + TTL))).await);
    let outcomes = race(16, move |index| {
        let server = Arc::clone(&servers[index % 2]);
        async move {
            loop {
                let kept = server.get(&key()).await.expect("is known");
                let mut device = KnownDevice::clone(&kept.device);
                let token = device.take_media_token(resource(), now)?;
                if server.replace(&key(), Some(&kept), Some((&device, now + TTL))).await {
                    return Some(token);
                }
            }
        }
    })
    .await;
    assert_eq!(outcomes.iter().flatten().count(), 1);
}

/// A device and the device of a code expire to the millisecond. The requestor of a device expires much later.
pub(crate) async fn records_of_a_device_expire_on_time(harness: &impl Harness) {
    let (server, now) = (Server::over(harness), harness.time().read());
    let device = known_device(now);
    assert!(server.replace(&key(), None, Some((&device, now + TTL))).await);
    server.keep_code(&code("CODE"), &key().device_id, now + TTL).await;
    let month = TTL * 2 * 24 * 30;
    harness.time().pass(TTL - MILLISECOND).await;
    assert!(server.get(&key()).await.is_some() && server.of_code(&code("CODE")).await.is_some());
    harness.time().pass(MILLISECOND).await;
    assert!(server.get(&key()).await.is_none() && server.of_code(&code("CODE")).await.is_none());
    let end = harness.time().read() + month;
    assert!(server.replace(&key(), None, Some((&device, end))).await, "an expired device can be replaced");
    harness.time().pass(month - MILLISECOND).await;
    assert!(server.device(&key()).await.as_ref() == Some(&device));
    assert_eq!(server.requestor_of("default", &key().device_id).await, Some(requestor("REF")));
    harness.time().pass(MILLISECOND).await;
    assert!(server.get(&key()).await.is_none());
    harness.time().pass(month * 12).await;
    assert_eq!(server.requestor_of("default", &key().device_id).await, None);
}

/// A code refers to the last device that it was stored for, until it is forgotten.
pub(crate) async fn the_device_of_a_code_is_found_until_it_is_forgotten(harness: &impl Harness) {
    let (server, end) = (Server::over(harness), harness.time().read() + TTL);
    assert_eq!(server.of_code(&code("CODE")).await, None);
    server.keep_code(&code("CODE"), &device_id("one"), end).await;
    server.keep_code(&code("OTHER"), &device_id("other"), end).await;
    assert_eq!(server.of_code(&code("CODE")).await, Some(device_id("one")));
    server.keep_code(&code("CODE"), &device_id("two"), end).await;
    assert_eq!(Server::over(harness).of_code(&code("CODE")).await, Some(device_id("two")));
    for _ in 0..2 {
        server.devices.forget_code(&code("CODE")).await.expect("the store works");
        assert_eq!(server.of_code(&code("CODE")).await, None);
    }
    assert_eq!(server.of_code(&code("OTHER")).await, Some(device_id("other")));
}

/// The requestor of a device's last code is known. A code with an earlier expiry does not shorten the entry's lifetime.
pub(crate) async fn a_device_has_the_requestor_of_its_last_code(harness: &impl Harness) {
    let (server, end) = (Server::over(harness), harness.time().read() + TTL);
    let device = device_id("a personal device");
    assert_eq!(server.requestor_of("default", &device).await, None);
    for (index, name) in ["REF", "REF", "OTHER", "REF"].into_iter().enumerate() {
        let code =
            key_of("default", name, "a personal device").code(Code::from_canonical(&format!("CODE{index}")));
        server.keep_code(&code, &device, end).await;
        assert_eq!(server.requestor_of("default", &device).await, Some(requestor(name)));
    }
    assert_eq!(server.requestor_of("default", &device_id("another")).await, None);
    assert_eq!(server.requestor_of("staging", &device).await, None);
    let ends = |entries: Vec<(Vec<u8>, LedgerEntry)>| entries[0].1.expire_time.expect("it ends");
    let before = ends(raw(harness, LedgerKind::DeviceRequestor).await);
    server.keep_code(&code("SOON"), &device, end + MILLISECOND).await;
    assert_eq!(ends(raw(harness, LedgerKind::DeviceRequestor).await), before, "it is not rewritten");
    let later = end + TTL * 2 * 24 * 200;
    server.keep_code(&code("LATER"), &device, later).await;
    assert!(ends(raw(harness, LedgerKind::DeviceRequestor).await) > before.max(later));
}

/// The name is separate by environment, requestor and device id.
pub(crate) async fn a_device_is_found_by_the_id_that_its_client_sends_without_an_application(
    harness: &impl Harness,
) {
    let (server, end) = (Server::over(harness), harness.time().read() + TTL);
    let named = key_of("default", "REF", "tv");
    let of_name = async |key: &DeviceKey| server.devices.of_name(key).await.expect("the store works");
    assert_eq!(of_name(&named).await, None);
    for device in ["tv|one", "tv|two"] {
        server.devices.keep_name(&named, &device_id(device), end).await.expect("the store works");
        assert_eq!(of_name(&named).await, Some(device_id(device)));
    }
    for other in
        [key_of("staging", "REF", "tv"), key_of("default", "OTHER", "tv"), key_of("default", "REF", "t")]
    {
        assert_eq!(of_name(&other).await, None);
    }
    assert_eq!(server.of_code(&code("tv")).await, None, "a name is not a code");
    assert_eq!(server.requestor_of("default", &named.device_id).await, Some(requestor("REF")));
    harness.time().pass(TTL + MILLISECOND).await;
    assert_eq!(of_name(&named).await, Some(device_id("tv|two")), "a login may last longer than its code");
}

pub(crate) async fn records_of_devices_are_separate_by_environment_requestor_and_device(
    harness: &impl Harness,
) {
    let (server, end) = (Server::over(harness), harness.time().read() + TTL);
    let keys = [
        key_of("default", "REF", "one"),
        key_of("staging", "REF", "one"),
        key_of("default", "OTHER", "one"),
        key_of("default", "REF", "two"),
        // A device id may contain any character.
        key_of("default", "REF", "OTHER\0one"),
    ];
    for (index, key) in keys.iter().enumerate() {
        let device = KnownDevice { user_agent: index.to_string(), ..KnownDevice::default() };
        assert!(server.replace(key, None, Some((&device, end))).await);
        server.keep_code(&key.code(Code::from_canonical("CODE")), &device_id(&index.to_string()), end).await;
    }
    for (index, key) in keys.iter().enumerate() {
        let device = server.device(key).await.expect("is known");
        assert_eq!(device.user_agent, index.to_string());
    }
    for (index, key) in keys.iter().enumerate().take(3).skip(1) {
        let code = key.code(Code::from_canonical("CODE"));
        assert_eq!(server.of_code(&code).await, Some(device_id(&index.to_string())));
    }
}

/// The store's files reveal nothing about a viewer.
pub(crate) async fn the_ledger_contains_no_personal_data_of_a_device(harness: &impl Harness) {
    let (server, now) = (Server::over(harness), harness.time().read());
    assert!(server.replace(&key(), None, Some((&known_device(now), now + TTL))).await);
    server.keep_code(&code("PERSONAL"), &key().device_id, now + TTL).await;
    let mut seen = 0;
    for kind in [LedgerKind::Device, LedgerKind::DeviceCode, LedgerKind::DeviceRequestor] {
        for (name, entry) in raw(harness, kind).await {
            seen += 1;
            let bytes = [name, entry.value].concat().to_ascii_lowercase();
            assert!(!bytes.windows(8).any(|window| window == b"personal"), "{kind}");
        }
    }
    assert_eq!(seen, 3);
}

/// Known devices outlive the server.
pub(crate) async fn known_devices_survive_a_reopen(harness: &impl Harness) {
    let (server, now) = (Server::over(harness), harness.time().read());
    let device = known_device(now);
    // One with a short lifetime and one with a long one.
    let lasting = key_of("default", "REF", "another");
    assert!(server.replace(&key(), None, Some((&device, now + TTL))).await);
    assert!(server.replace(&lasting, None, Some((&device, now + TTL * 2 * 24 * 30))).await);
    server.keep_code(&code("CODE"), &key().device_id, now + TTL).await;
    drop(server);
    if !harness.reopen().await {
        return;
    }
    let server = Server::over(harness);
    for key in [&key(), &lasting] {
        assert!(server.device(key).await.as_ref() == Some(&device));
    }
    assert_eq!(server.of_code(&code("CODE")).await, Some(key().device_id));
    assert_eq!(server.requestor_of("default", &key().device_id).await, Some(requestor("REF")));
}

/// A replacement based on a state before the rotation fails, and a server with the next ring reads every device. A server that does
/// not have the new key yet gets an error, and does not treat the device as absent.
pub(crate) async fn a_rotation_of_the_key_ring_loses_no_device(harness: &impl Harness) {
    let now = harness.time().read();
    let (server, other) = (Server::over(harness), Server::over(harness));
    let device = known_device(now);
    let keys: Vec<_> = (0..40).map(|index| key_of("default", "REF", &index.to_string())).collect();
    for key in &keys {
        assert!(server.replace(key, None, Some((&device, now + TTL))).await);
    }
    server.keep_code(&code("CODE"), &key().device_id, now + TTL).await;
    let before = server.get(&keys[0]).await;
    let next = KeyRing::parse(&format!("{NEXT_RING}\n{RING}")).expect("a ring");
    let rotation = server.secrets.rotate(next).await.expect("rotates");
    assert_eq!((rotation.resealed, rotation.secrets), (41, 41));
    assert!(!server.replace(&keys[0], before.as_ref(), None).await, "it was resealed in the meantime");
    for server in [&server, &Server::with_ring(harness, NEXT_RING)] {
        for key in &keys {
            assert!(server.device(key).await.as_ref() == Some(&device));
        }
        assert_eq!(server.of_code(&code("CODE")).await, Some(key().device_id));
    }
    assert!(other.devices.get(&keys[0]).await.is_err());
    assert!(other.devices.replace(&keys[0], None, Some((&device, now + TTL))).await.is_err());
    assert!(other.devices.of_code(&code("CODE")).await.is_err());
}

/// A damaged record costs one device its login. It is logged, without its content.
pub(crate) async fn an_unreadable_device_is_treated_as_absent_and_can_be_replaced(harness: &impl Harness) {
    let (server, ledger, now) = (Server::over(harness), harness.store().ledger, harness.time().read());
    let (device, end) = (known_device(now), now + TTL);
    let log = CapturedLog::of_this_thread();
    let mut names = BTreeSet::new();
    for damage in 0..4 {
        let key = key_of("default", "REF", &damage.to_string());
        let code = key.code(Code::from_canonical(&format!("CODE{damage}")));
        assert!(server.replace(&key, None, Some((&device, end))).await);
        server.keep_code(&code, &key.device_id, end).await;
        let before = server.get(&key).await;
        for kind in [LedgerKind::Device, LedgerKind::DeviceCode, LedgerKind::DeviceRequestor] {
            for (name, entry) in raw(harness, kind).await {
                if !names.insert((kind, name.clone())) {
                    continue;
                }
                let mut value = entry.value.clone();
                match damage {
                    // Truncated; one bit flipped; never sealed; sealed, but in an unknown format.
                    0 => value.truncate(value.len() - 1),
                    1 => *value.last_mut().expect("not empty") ^= 1,
                    2 => value = vec![7],
                    _ => value = sealed_nonsense(&server, kind, &name, &entry).await,
                }
                let (key, damaged) = (LedgerKey { kind, name }, LedgerEntry { value, ..entry.clone() });
                let present = ledger.get(&key).await.expect("the store works").map(|entry| entry.value);
                assert!(ledger.swap(&key, present.as_deref(), Some(damaged)).await.expect("works"));
            }
        }
        let lines = log.text().matches("is treated as absent").count();
        for _ in 0..2 {
            assert!(server.get(&key).await.is_none(), "damage {damage}");
        }
        assert_eq!(
            log.text().matches("is treated as absent").count(),
            lines + 1,
            "logged once: {}",
            log.text()
        );
        assert_eq!(server.of_code(&code).await, None, "damage {damage}");
        if damage != 1 {
            // With a flipped bit, the value may be another valid requestor.
            assert_eq!(server.requestor_of("default", &key.device_id).await, None, "damage {damage}");
        }
        assert!(!server.replace(&key, before.as_ref(), Some((&device, end))).await, "it has changed");
        assert!(server.replace(&key, None, Some((&device, end))).await, "damage {damage}");
        assert!(!server.replace(&key, None, Some((&device, end))).await, "it exists again");
        server.keep_code(&code, &key.device_id, end).await;
        assert!(server.device(&key).await.as_ref() == Some(&device));
        assert_eq!(server.of_code(&code).await, Some(key.device_id.clone()));
        assert_eq!(server.requestor_of("default", &key.device_id).await, Some(requestor("REF")));
    }
    assert!(!log.text().to_lowercase().contains("personal"), "{}", log.text());
}

/// Replaces a sealed entry by bytes of an unknown version, sealed in the same way. Returns the sealed bytes, or the plain bytes if
/// the kind is not sealed.
async fn sealed_nonsense(server: &Server, kind: LedgerKind, name: &[u8], entry: &LedgerEntry) -> Vec<u8> {
    let nonsense = b"\xff\xff".to_vec();
    match SecretKind::of(kind) {
        None => nonsense,
        Some(kind) => {
            let sealed = server.secrets.swap(kind, name, Some(&entry.value), &nonsense, entry.expire_time);
            sealed.await.expect("the store works").expect("is as it was")
        }
    }
}
