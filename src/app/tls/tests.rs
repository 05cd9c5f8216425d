use std::path::Path;

use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

use super::*;
use crate::{
    domain::clock::ManualClock,
    telemetry::{CapturedLog, StoreReadings},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The first of January 2024.
const NEW_YEAR: Timestamp = Timestamp::from_millis(1_704_067_200_000);

/// Writes a certificate that is valid for `days` days from that day on, and its key, to a folder. Returns a
/// configuration with both for the REST listener.
fn written(folder: &Path, days: u8) -> Config {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    params.distinguished_name.push(DnType::CommonName, "ours");
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2024, 1, 1 + days);
    let key = KeyPair::generate().expect("a key");
    let mut config = Config::default();
    let file = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).expect("written");
        Some(path)
    };
    config.rest.tls.certificate = file("tls.crt", params.self_signed(&key).expect("signs").pem());
    config.rest.tls.key = file("tls.key", key.serialize_pem());
    config
}

fn listeners(config: &Config, clock: &Arc<ManualClock>) -> Result<TlsListeners, Vec<Violation>> {
    TlsListeners::new(
        config,
        clock.clone(),
        Arc::new(Metrics::new(|| std::future::ready(StoreReadings::default()))),
    )
}

#[test]
fn certificates_about_to_expire_log_warnings_and_expired_ones_log_errors() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = ManualClock::new(NEW_YEAR);
    let log = CapturedLog::of_this_thread();
    let listeners = listeners(&written(folder.path(), 30), &clock).expect("is right");
    clock.advance(DAY * 24);
    listeners.report_expiry();
    assert!(!log.text().contains("expire"), "{}", log.text());
    clock.advance(DAY * 2);
    listeners.report_expiry();
    assert!(log.text().contains("WARN") && log.text().contains("expires soon"), "{}", log.text());
    assert!(log.text().contains("2024-01-31T00:00:00Z"), "{}", log.text());
    clock.advance(DAY * 5);
    listeners.report_expiry();
    assert!(log.text().contains("ERROR") && log.text().contains("has expired"), "{}", log.text());
}

#[test]
fn an_expired_certificate_may_stay_on_reload_but_another_expired_one_is_rejected() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = ManualClock::new(NEW_YEAR);
    let config = written(folder.path(), 10);
    let listeners = listeners(&config, &clock).expect("is right");
    clock.advance(DAY * 11);
    listeners.prepare(&config).expect("the same may stay");
    let refused = listeners.prepare(&written(folder.path(), 9)).expect_err("expired");
    assert_eq!(refused[0].field, "rest.tls.certificate");
    assert!(refused[0].description.contains("expired at 2024-01-10T00:00:00Z"), "{refused:?}");
}

#[tokio::test]
async fn a_certificate_is_applied_once_it_becomes_valid() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = ManualClock::new(NEW_YEAR);
    let config = written(folder.path(), 10);
    let log = CapturedLog::of_this_thread();
    let listeners = listeners(&config, &clock).expect("is right");
    let first = listeners.lock().files;
    clock.step_to(Timestamp::from_millis(NEW_YEAR.as_millis() - 1_000));
    written(folder.path(), 20);
    for _ in 0..3 {
        listeners.reload_changed().await;
    }
    assert_eq!(listeners.lock().files, first);
    assert_eq!(log.text().matches("TLS files rejected").count(), 1, "{}", log.text());
    assert!(log.text().contains("is not valid before 2024-01-01T00:00:00Z"), "{}", log.text());
    clock.step_to(NEW_YEAR);
    listeners.reload_changed().await;
    assert_ne!(listeners.lock().files, first);
    let end = listeners.lock().tls.rest.as_ref().map(|tls| tls.validity().end);
    assert_eq!(end, Some(NEW_YEAR + DAY * 20));
}
