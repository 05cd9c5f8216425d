//! Access tokens: a single-flight cache, within this process by a lock and across replicas by a lease. Tokens are
//! renewed before they expire.
//!
//! A request for a token runs on its own task, because a caller may be canceled, but credentials that the provider has
//! issued must reach the ledger. Only the holder of the lock starts the task, so there is at most one. At most
//! [`WAITING_MAX`] callers wait for the lock, and a canceled caller stops waiting.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use futures_util::TryStreamExt;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use uuid::Uuid;

use super::{
    UpstreamDependencies, backoff::Backoffs, call::TokenScope, credentials::ProviderToken,
    failure::unavailable, registration::Registrar,
};
use crate::{
    domain::{
        address::Address,
        clock::MonotonicInstant,
        error::{Error, Result},
        id::{DeviceId, EnvironmentName},
        ledger_kind::LedgerKind,
        port::{Ledger, LedgerKey},
        randomness::up_to,
        secret::SecretText,
    },
    format::IdV1,
    telemetry::SparseLine,
};

/// The lease duration: longer than a registration and a token request can take.
const LEASE: Duration = Duration::from_secs(120);

/// The minimum interval at which a waiting replica polls the lease. Jitter adds up to the same again, so that replicas
/// do not poll in step.
const LEASE_POLL: Duration = Duration::from_millis(50);

/// A token that replaced a refused one, and is refused within this time, is not replaced again: another one would not help.
const NEW_TOKEN: Duration = Duration::from_secs(10);

/// The maximum number of callers that wait for a token. Further ones are rejected.
const WAITING_MAX: usize = 4_096;

const LEASE_KIND: LedgerKind = LedgerKind::UpstreamLease;

/// Provides the access tokens of a client. Cheap to clone.
#[derive(Clone)]
pub(super) struct TokenSource {
    inner: Arc<TokenSourceState>,
    /// The address on whose behalf tokens are requested, if the client is a device's.
    device: Option<Address>,
}

struct TokenSourceState {
    environment: EnvironmentName,
    registrar: Registrar,
    parts: UpstreamDependencies,
    current: ArcSwapOption<ProviderToken>,
    /// Held while a token is requested.
    renewal: Arc<AsyncMutex<()>>,
    /// Permits to wait for the lock: some callers wait on tasks that outlive them.
    waiting: Semaphore,
    /// The last token that replaced a refused one, and the time.
    replaced: Mutex<Option<(SecretText, MonotonicInstant)>>,
    /// The backoff after a failed token request.
    failure: Backoffs<()>,
    /// The backoff for scopes for which a new token was refused.
    refusal: Backoffs<TokenScope>,
}

/// The token that a caller requires.
#[derive(Clone)]
pub(super) enum TokenRequirement {
    /// Any valid token.
    Any,
    /// A token other than this one, which was refused or is due for renewal.
    Another(Arc<ProviderToken>),
    /// A token of another client: the client of this one is refused.
    NewClient(Arc<ProviderToken>),
}

impl TokenRequirement {
    fn is_met_by(&self, token: &ProviderToken, now: MonotonicInstant) -> bool {
        token.is_valid(now)
            && match self {
                Self::Any => true,
                Self::Another(refused) => token.access_token != refused.access_token,
                Self::NewClient(refused) => token.client_id != refused.client_id,
            }
    }
}

impl TokenSource {
    pub(super) fn new(
        environment: EnvironmentName,
        registrar: Registrar,
        parts: UpstreamDependencies,
    ) -> Self {
        let randomness = parts.randomness.clone();
        let inner = TokenSourceState {
            environment,
            registrar,
            parts,
            current: ArcSwapOption::empty(),
            renewal: Arc::default(),
            waiting: Semaphore::new(WAITING_MAX),
            replaced: Mutex::default(),
            failure: Backoffs::new(randomness.clone()),
            refusal: Backoffs::new(randomness),
        };
        Self { inner: Arc::new(inner), device: None }
    }

    /// Returns the token source of a device's client, which registers with the same statement.
    pub(super) fn of_device(&self, device: &DeviceId, refusal: Arc<Backoffs<()>>) -> Self {
        let TokenSourceState { environment, registrar, parts, .. } = &*self.inner;
        Self::new(environment.clone(), registrar.of_device(device, refusal), parts.clone())
    }

    /// Sets the address on whose behalf tokens are requested.
    pub(super) fn on_behalf_of(self, device: Option<Address>) -> Self {
        Self { device, ..self }
    }

    /// Reports whether the client is registered, as far as known here.
    pub(super) async fn has_client(&self) -> Result<bool> {
        Ok(self.inner.current.load().is_some() || self.inner.registrar.has_credentials().await?)
    }

    pub(super) fn registrar(&self) -> &Registrar {
        &self.inner.registrar
    }

    /// Returns a token that is valid for this scope as far as known.
    pub(super) async fn get(&self, scope: &TokenScope) -> Result<Arc<ProviderToken>> {
        let now = self.inner.parts.clock.instant();
        self.inner.refusal.admit(scope, now)?;
        let Some(token) = self.inner.current.load_full() else {
            return self.obtain(TokenRequirement::Any).await;
        };
        if !token.is_valid(now) {
            // Not `Any`: if the wall clock was set back, the copy in the ledger may appear valid.
            return self.obtain(TokenRequirement::Another(token)).await;
        }
        if token.is_due(now) && self.inner.failure.is_over(&(), now) {
            self.renew_in_background(&token);
        }
        Ok(token)
    }

    /// Returns another token to replace a refused one. `None` if the refused one is itself such a new replacement, so
    /// that another one would not help.
    pub(super) async fn replacement_for(
        &self,
        refused: &Arc<ProviderToken>,
    ) -> Result<Option<Arc<ProviderToken>>> {
        let last = self.inner.replaced.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_replacement = last.as_ref().is_some_and(|(token, _)| *token == refused.access_token);
        let now = self.inner.parts.clock.instant();
        if is_replacement && last.is_some_and(|(_, at)| now.since(at) < NEW_TOKEN) {
            return Ok(None);
        }
        let token = self.obtain(TokenRequirement::Another(Arc::clone(refused))).await?;
        let replaced = Some((token.access_token.clone(), now));
        *self.inner.replaced.lock().unwrap_or_else(PoisonError::into_inner) = replaced;
        Ok(Some(token))
    }

    /// Returns a token of a new registration. `None` if there was one for this reason within a day.
    pub(super) async fn get_for_new_client(
        &self,
        refused: &Arc<ProviderToken>,
    ) -> Result<Option<Arc<ProviderToken>>> {
        if self.inner.registrar.has_registered_again().await? {
            return Ok(None);
        }
        self.obtain(TokenRequirement::NewClient(Arc::clone(refused))).await.map(Some)
    }

    /// Records that the provider accepted a token for this scope.
    pub(super) fn record_accepted(&self, scope: &TokenScope) {
        self.inner.refusal.end(scope);
    }

    /// Records that the provider refused a new token for this scope. Calls for it fail during a pause.
    pub(super) fn record_refused_new(&self, scope: &TokenScope, error: &Error) {
        self.inner.refusal.begin(scope, error, self.inner.parts.clock.instant());
    }

    fn renew_in_background(&self, due: &Arc<ProviderToken>) {
        // The holder of the lock is already renewing.
        let Ok(renewal) = Arc::clone(&self.inner.renewal).try_lock_owned() else { return };
        let (inner, due, device) = (Arc::clone(&self.inner), Arc::clone(due), self.device);
        self.spawn(async move {
            let _renewal = renewal;
            // A failure is logged, and the present token is still valid.
            let _ = inner.obtain(&TokenRequirement::Another(due), device).await;
        });
    }

    async fn obtain(&self, required: TokenRequirement) -> Result<Arc<ProviderToken>> {
        let waiting = self.inner.waiting.try_acquire();
        let _waiting = waiting
            .map_err(|_| unavailable("too many calls are already waiting for an access token", None))?;
        let renewal = Arc::clone(&self.inner.renewal).lock_owned().await;
        let (inner, device) = (Arc::clone(&self.inner), self.device);
        let obtained = self.spawn(async move {
            let _renewal = renewal;
            inner.obtain(&required, device).await
        });
        obtained.await.unwrap_or_else(|failed| Err(Error::Internal(failed.to_string())))
    }

    fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.inner.parts.tasks.spawn(work)
    }
}

impl TokenSourceState {
    /// Obtains a token. The caller must hold the lock.
    async fn obtain(
        &self,
        required: &TokenRequirement,
        device: Option<Address>,
    ) -> Result<Arc<ProviderToken>> {
        let now = self.parts.clock.instant();
        if let Some(token) = self.current.load_full().filter(|token| required.is_met_by(token, now)) {
            return Ok(token);
        }
        self.failure.admit(&(), now)?;
        let obtained = match self.token_of_others_or_lease(required).await {
            Ok(Ok(token)) => Ok(token),
            Ok(Err(lease)) => {
                let as_new_client = matches!(required, TokenRequirement::NewClient(_));
                let fetched = self.registrar.fetch(as_new_client, device).await;
                self.release(lease).await;
                fetched
            }
            Err(error) => Err(error),
        };
        match obtained {
            Ok(token) => {
                let token = Arc::new(token);
                self.current.store(Some(Arc::clone(&token)));
                self.failure.end(&());
                Ok(token)
            }
            Err(error) => {
                self.report_failure(&error);
                self.failure.begin(&(), &error, self.parts.clock.instant());
                Err(error)
            }
        }
    }

    /// Waits for another replica's token, or for the lease to request one.
    async fn token_of_others_or_lease(
        &self,
        required: &TokenRequirement,
    ) -> Result<std::result::Result<ProviderToken, Uuid>> {
        let vault = self.registrar.vault();
        let key = vault.key(LEASE_KIND);
        let own = self.parts.randomness.uuid()?;
        loop {
            let now = self.parts.clock.instant();
            if let Some(token) = vault.token().await?.filter(|token| required.is_met_by(token, now)) {
                return Ok(Ok(token));
            }
            if self.parts.ledger.lease(&key, &IdV1::encode(own), LEASE).await? {
                return Ok(Err(own));
            }
            let pause = LEASE_POLL + up_to(&*self.parts.randomness, LEASE_POLL);
            self.parts.clock.sleep(pause).await;
        }
    }

    /// Logs a failure. Lines about devices are limited, since many may be affected.
    fn report_failure(&self, error: &Error) {
        static OF_DEVICES: SparseLine = SparseLine::new();
        let (environment, error) = (&self.environment, error.operator_message());
        if !self.registrar.vault().is_of_device() {
            tracing::error!(%environment, %error, "cannot get an access token");
        } else if let Some(others) = OF_DEVICES.permit() {
            tracing::error!(%environment, %error, others_since_last_line = others, "cannot get an access token for a device");
        }
    }

    async fn release(&self, lease: Uuid) {
        let key = self.registrar.vault().key(LEASE_KIND);
        if let Err(error) = self.parts.ledger.swap(&key, Some(&IdV1::encode(lease)), None).await {
            tracing::warn!(%error, "cannot release a lease, it expires by itself");
        }
    }
}

/// Releases every lease. Only for a store that no other process uses: its leases are those of a killed process.
///
/// # Errors
/// The store fails.
pub async fn release_leases(ledger: &dyn Ledger) -> Result<()> {
    let leases: Vec<_> = ledger.scan(LEASE_KIND).try_collect().await?;
    for (name, entry) in leases {
        let key = LedgerKey { kind: LEASE_KIND, name };
        ledger.swap(&key, Some(&entry.value), None).await?;
    }
    Ok(())
}
