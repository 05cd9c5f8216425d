//! The listeners' TLS in a running server. Reloads the files when they change.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio_rustls::rustls::ServerConfig;

use super::private_file::others_can_read;
use crate::{
    config::{Config, ConfigError, Files, FilesDigest, ListenersTls, Tls},
    domain::{
        clock::{SharedClock, Timestamp},
        error::{Violation, Violations},
    },
    server::SharedTls,
    telemetry::Metrics,
    tls::{ALPN_GRPC, ALPN_REST, ServerTls, Validity},
};

/// The interval between two checks of the files. Comparing contents, instead of modification times or file system
/// events, also detects renames, swapped symbolic links and changes on network file systems.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// The interval between two checks of the certificates' expiry.
const EXPIRY_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// How long before a certificate's expiry the log warns.
const WARNING: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The divisor for short-lived certificates: the log warns in the last sixth of the validity period, if that is
/// shorter.
const WARNING_PART: u32 = 6;

/// The TLS settings of both listeners.
#[derive(Debug)]
pub(super) struct TlsListeners {
    /// The TLS configuration of new gRPC connections.
    pub grpc: SharedTls,
    /// The TLS configuration of new REST connections.
    pub rest: SharedTls,
    clock: SharedClock,
    metrics: Arc<Metrics>,
    taken: Mutex<LoadedTls>,
}

/// The TLS settings in effect.
#[derive(Debug)]
struct LoadedTls {
    sections: Arc<TlsSections>,
    tls: ListenersTls,
    /// The digest of their files.
    files: FilesDigest,
    /// The digest of changed files that were unusable, once that was logged.
    refused: Option<FilesDigest>,
}

/// The `tls` sections of both listeners.
#[derive(Debug)]
pub(super) struct TlsSections {
    pub grpc: Tls,
    pub rest: Tls,
}

/// The sections and the content of their files.
#[derive(Debug, Clone)]
pub(super) struct PresentTls {
    pub sections: Arc<TlsSections>,
    pub tls: ListenersTls,
}

impl PresentTls {
    /// Reads the files of a configuration. The certificates may be expired. Blocks.
    ///
    /// # Errors
    /// Every error in the sections and their files.
    pub(super) fn read(config: &Config) -> Result<Self, Vec<Violation>> {
        let sections = Arc::new(TlsSections::of(config));
        let tls = ListenersTls::new(&sections.grpc, &sections.rest, &sections.files())?;
        Ok(Self { sections, tls })
    }
}

impl TlsSections {
    fn of(config: &Config) -> Self {
        Self { grpc: config.grpc.tls.clone(), rest: config.rest.tls.clone() }
    }

    fn files(&self) -> Files {
        Files::of(self.grpc.files().chain(self.rest.files()))
    }
}

/// TLS settings that are ready to be applied.
#[derive(Debug)]
pub(super) struct ReadyTls {
    taken: LoadedTls,
    grpc: Option<Arc<ServerConfig>>,
    rest: Option<Arc<ServerConfig>>,
}

impl TlsListeners {
    /// The TLS settings of `config`. Blocks.
    ///
    /// # Errors
    /// Every error in the settings.
    pub(super) fn new(
        config: &Config,
        clock: SharedClock,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Vec<Violation>> {
        let sections = Arc::new(TlsSections::of(config));
        let files = sections.files();
        let ReadyTls { taken, grpc, rest } = ready(sections, &files, None, &clock)?;
        let listeners = Self {
            grpc: Arc::new(grpc.into()),
            rest: Arc::new(rest.into()),
            clock,
            metrics,
            taken: Mutex::new(taken),
        };
        listeners.report();
        Ok(listeners)
    }

    /// Prepares the TLS settings of a new `config`, to be applied once the rest of it is valid. Blocks.
    ///
    /// # Errors
    /// Every error in the settings.
    pub(super) fn prepare(&self, config: &Config) -> Result<ReadyTls, Vec<Violation>> {
        let sections = Arc::new(TlsSections::of(config));
        let files = sections.files();
        ready(sections, &files, Some(&self.lock().tls), &self.clock)
    }

    /// The settings in effect.
    pub(super) fn present(&self) -> PresentTls {
        let taken = self.lock();
        PresentTls { sections: Arc::clone(&taken.sections), tls: taken.tls.clone() }
    }

    /// Applies settings to new connections. Open connections are not affected.
    pub(super) fn apply(&self, ready: ReadyTls) {
        let ReadyTls { taken, grpc, rest } = ready;
        self.grpc.store(grpc);
        self.rest.store(rest);
        *self.lock() = taken;
        self.report();
    }

    /// Reloads changed files, and warns before certificates expire, for as long as it is polled.
    pub(super) async fn watch(&self) {
        let mut reported = self.clock.instant();
        loop {
            self.clock.sleep(CHECK_INTERVAL).await;
            self.reload_changed().await;
            if self.clock.instant().since(reported) >= EXPIRY_INTERVAL {
                reported = self.clock.instant();
                self.report_expiry();
            }
        }
    }

    /// Reloads the files if they have changed and are usable. Unusable files are checked again each time, since a
    /// certificate may become valid with time, but logged once.
    async fn reload_changed(&self) {
        let sections = Arc::clone(&self.lock().sections);
        let read = Arc::clone(&sections);
        // A network file system may be slow.
        let Ok(files) = tokio::task::spawn_blocking(move || read.files()).await else { return };
        let digest = files.digest();
        let ready = {
            let taken = self.lock();
            // A reload may have applied other settings meanwhile.
            if taken.files == digest || !Arc::ptr_eq(&taken.sections, &sections) {
                return;
            }
            ready(sections, &files, Some(&taken.tls), &self.clock)
        };
        match ready {
            Ok(ready) => {
                self.apply(ready);
                self.metrics.tls_reloaded("done");
                tracing::info!("TLS files reloaded");
            }
            Err(violations) => {
                if self.lock().refused.replace(digest) != Some(digest) {
                    self.metrics.tls_reloaded("refused");
                    let error = ConfigError::of_values(violations);
                    tracing::error!(%error, "TLS files rejected; the previous files stay in effect");
                }
            }
        }
    }

    /// Reports the applied settings in the log and the metrics.
    fn report(&self) {
        let taken = self.lock();
        for (key, section) in [("grpc.tls.key", &taken.sections.grpc), ("rest.tls.key", &taken.sections.rest)]
        {
            if let Some(file) = section.key.as_ref().filter(|file| others_can_read(file)) {
                let file = file.display();
                tracing::warn!(key, %file, "private key file is readable by every user; run chmod 600 on it");
            }
        }
        for (listener, tls) in taken.tls.each() {
            self.metrics.tls_certificate_expires(listener, tls.map(|tls| tls.validity().end));
        }
        drop(taken);
        self.report_expiry();
    }

    /// Warns of expired certificates and of those about to expire.
    fn report_expiry(&self) {
        let now = self.clock.now();
        for (listener, tls) in self.lock().tls.each() {
            let Some(validity) = tls.map(ServerTls::validity) else { continue };
            let ends = at(validity.end);
            if now > validity.end {
                tracing::error!(listener, ends, "TLS certificate has expired");
            } else if expires_soon(validity, now) {
                tracing::warn!(listener, ends, "TLS certificate expires soon");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, LoadedTls> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks the certificates of `config` against a clock, beside the checks that every configuration gets. Blocks.
///
/// # Errors
/// Every error in the settings.
pub(super) fn check(config: &Config, clock: &SharedClock) -> Result<(), Vec<Violation>> {
    let sections = Arc::new(TlsSections::of(config));
    let files = sections.files();
    ready(sections, &files, None, clock).map(drop)
}

/// Builds settings from `sections` and their `files`. A certificate that differs from the `former` one must be valid
/// now: clients reject any other, so a mistake fails here instead. An unchanged certificate may expire without blocking
/// the reload of the rest.
fn ready(
    sections: Arc<TlsSections>,
    files: &Files,
    former: Option<&ListenersTls>,
    clock: &SharedClock,
) -> Result<ReadyTls, Vec<Violation>> {
    let tls = ListenersTls::new(&sections.grpc, &sections.rest, files)?;
    let now = clock.now();
    let same = |tls: &ServerTls, former: Option<&Arc<ServerTls>>| {
        former.is_some_and(|former| former.certificate() == tls.certificate())
    };
    let of = |key: &str, tls: Option<&Arc<ServerTls>>, former: Option<&Arc<ServerTls>>, alpn| {
        let Some(tls) = tls else { return Ok(None) };
        if !same(tls, former) {
            valid_now(key, tls.validity(), now)?;
        }
        let config = tls.for_connections(alpn, Arc::clone(clock));
        config.map(Arc::new).map(Some).map_err(|error| Violation::new(key, error.to_string()))
    };
    let mut violations = Violations::default();
    let grpc = violations.take(of(
        "grpc.tls.certificate",
        tls.grpc.as_ref(),
        former.and_then(|former| former.grpc.as_ref()),
        ALPN_GRPC,
    ));
    let rest = violations.take(of(
        "rest.tls.certificate",
        tls.rest.as_ref(),
        former.and_then(|former| former.rest.as_ref()),
        ALPN_REST,
    ));
    let taken = LoadedTls { sections, tls, files: files.digest(), refused: None };
    let whole = grpc.zip(rest).map(|(grpc, rest)| ReadyTls { taken, grpc, rest });
    // The violations include the reason for a missing value.
    violations.none_or(whole)?.ok_or_else(Vec::new)
}

fn valid_now(key: &str, Validity { start, end }: Validity, now: Timestamp) -> Result<(), Violation> {
    let wrong = if now < start {
        format!("is not valid before {}; this machine's clock says {}", at(start), at(now))
    } else if now > end {
        format!("expired at {}; this machine's clock says {}", at(end), at(now))
    } else {
        return Ok(());
    };
    Err(Violation::new(
        key,
        format!("must be valid now, but {wrong}: correct the clock, or use another certificate"),
    ))
}

/// Whether a certificate is due for renewal.
pub(super) fn expires_soon(Validity { start, end }: Validity, now: Timestamp) -> bool {
    end.since(now) < WARNING.min(end.since(start) / WARNING_PART)
}

/// A time in RFC 3339, or its milliseconds since the Unix epoch if it is outside the calendar.
pub(super) fn at(moment: Timestamp) -> String {
    let millis = moment.as_millis();
    let date = i64::try_from(millis).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    date.map_or_else(|| format!("{millis} ms"), |date| date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests;
