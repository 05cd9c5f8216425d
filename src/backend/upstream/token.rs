//! Access tokens: got by one at a time however many wait, here and on every replica, and renewed before they expire.
//!
//! Getting one runs on a task of its own: who waits may leave, but credentials that the provider has issued must reach
//! the ledger. Only who has the turn begins one, so there is one task at most; who waits for the turn and leaves is gone,
//! and not more than [`WAITING_MAX`] wait.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use futures_util::TryStreamExt;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use uuid::Uuid;

use super::{
    UpstreamDependencies, call::TokenScope, credentials::ProviderToken, failure::unavailable, pause::Pauses,
    registration::Registrar,
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

/// How long somebody may renew before somebody else may: longer than all that is done meanwhile can take.
const LEASE: Duration = Duration::from_secs(120);

/// How long at least between two looks at whether somebody else is done, and at most twice that: replicas that wait do not
/// look in step.
const LEASE_LOOK: Duration = Duration::from_millis(50);

/// For so long after a refused token was replaced another one would not help.
const NEW: Duration = Duration::from_secs(10);

/// How many may wait for a token at once. Who comes over that is refused.
const WAITING_MAX: usize = 4_096;

const LEASE_KIND: LedgerKind = LedgerKind::UpstreamLease;

/// Where the tokens of a client come from. A cheap handle.
#[derive(Clone)]
pub(super) struct TokenSource {
    inner: Arc<TokenSourceState>,
    /// On behalf of which address they are got, where the client is a device's.
    device: Option<Address>,
}

struct TokenSourceState {
    environment: EnvironmentName,
    registrar: Registrar,
    parts: UpstreamDependencies,
    current: ArcSwapOption<ProviderToken>,
    turn: Arc<AsyncMutex<()>>,
    /// Who may wait for the turn: some do so on tasks that outlive their callers.
    waiting: Semaphore,
    /// The token that was got last in the place of a refused one, and when.
    replaced: Mutex<Option<(SecretText, MonotonicInstant)>>,
    /// None could be got.
    failure: Pauses<()>,
    /// One could be got, and was refused for this.
    refusal: Pauses<TokenScope>,
}

/// What somebody needs who does not have a token that works.
#[derive(Clone)]
pub(super) enum TokenRequirement {
    /// Any that is good.
    Any,
    /// Another one than this, which is refused or due.
    Another(Arc<ProviderToken>),
    /// One of new credentials: those that gave this one are refused.
    NewClient(Arc<ProviderToken>),
}

impl TokenRequirement {
    fn is_met_by(&self, token: &ProviderToken, now: MonotonicInstant) -> bool {
        token.is_good(now)
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
            turn: Arc::default(),
            waiting: Semaphore::new(WAITING_MAX),
            replaced: Mutex::default(),
            failure: Pauses::new(randomness.clone()),
            refusal: Pauses::new(randomness),
        };
        Self { inner: Arc::new(inner), device: None }
    }

    /// Those of a device's client, which has the same statement.
    pub(super) fn of_device(&self, device: &DeviceId, refusal: Arc<Pauses<()>>) -> Self {
        let TokenSourceState { environment, registrar, parts, .. } = &*self.inner;
        Self::new(environment.clone(), registrar.of_device(device, refusal), parts.clone())
    }

    /// The same on behalf of a device at this address.
    pub(super) fn on_behalf_of(self, device: Option<Address>) -> Self {
        Self { device, ..self }
    }

    /// Whether the client is known to the provider, as far as it is known here.
    pub(super) async fn are_of_known_client(&self) -> Result<bool> {
        Ok(self.inner.current.load().is_some() || self.inner.registrar.has_credentials().await?)
    }

    /// Who registers, and asks for tokens.
    pub(super) fn registrar(&self) -> &Registrar {
        &self.inner.registrar
    }

    /// A token that is good for this as far as we know.
    pub(super) async fn get(&self, scope: &TokenScope) -> Result<Arc<ProviderToken>> {
        let now = self.inner.parts.clock.instant();
        self.inner.refusal.admit(scope, now)?;
        let Some(token) = self.inner.current.load_full() else {
            return self.obtain(TokenRequirement::Any).await;
        };
        if !token.is_good(now) {
            // Its copy in the ledger may look younger, where the wall clock has gone back.
            return self.obtain(TokenRequirement::Another(token)).await;
        }
        if token.is_due(now) && self.inner.failure.is_over(&(), now) {
            self.renew_behind(&token);
        }
        Ok(token)
    }

    /// Another token than this one, which the provider has refused; `None` where one was got for that reason a moment ago, and
    /// another would not help.
    pub(super) async fn instead_of(
        &self,
        refused: &Arc<ProviderToken>,
    ) -> Result<Option<Arc<ProviderToken>>> {
        let last = self.inner.replaced.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_replacement = last.as_ref().is_some_and(|(token, _)| *token == refused.access_token);
        let now = self.inner.parts.clock.instant();
        if is_replacement && last.is_some_and(|(_, at)| now.since(at) < NEW) {
            return Ok(None);
        }
        let token = self.obtain(TokenRequirement::Another(Arc::clone(refused))).await?;
        let replaced = Some((token.access_token.clone(), now));
        *self.inner.replaced.lock().unwrap_or_else(PoisonError::into_inner) = replaced;
        Ok(Some(token))
    }

    /// A token of a new registration, where there was none for this reason within a day.
    pub(super) async fn of_new_client(
        &self,
        refused: &Arc<ProviderToken>,
    ) -> Result<Option<Arc<ProviderToken>>> {
        if self.inner.registrar.has_registered_again().await? {
            return Ok(None);
        }
        self.obtain(TokenRequirement::NewClient(Arc::clone(refused))).await.map(Some)
    }

    /// A token was taken for this.
    pub(super) fn works(&self, scope: &TokenScope) {
        self.inner.refusal.end(scope);
    }

    /// Another token would not help: for a while nobody calls for this.
    pub(super) fn is_refused_although_new(&self, scope: &TokenScope, error: &Error) {
        self.inner.refusal.begin(scope, error, self.inner.parts.clock.instant());
    }

    fn renew_behind(&self, due: &Arc<ProviderToken>) {
        // Whoever has the turn gets another one.
        let Ok(turn) = Arc::clone(&self.inner.turn).try_lock_owned() else { return };
        let (inner, due, device) = (Arc::clone(&self.inner), Arc::clone(due), self.device);
        self.spawn(async move {
            let _turn = turn;
            // Where it fails that is logged; the token is good still.
            let _ = inner.obtain(&TokenRequirement::Another(due), device).await;
        });
    }

    async fn obtain(&self, want: TokenRequirement) -> Result<Arc<ProviderToken>> {
        let waiting = self.inner.waiting.try_acquire();
        let _waiting =
            waiting.map_err(|_| unavailable("too many calls wait for an access token already", None))?;
        let turn = Arc::clone(&self.inner.turn).lock_owned().await;
        let (inner, device) = (Arc::clone(&self.inner), self.device);
        let obtained = self.spawn(async move {
            let _turn = turn;
            inner.obtain(&want, device).await
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
    /// Gets a token. Only who has the turn may.
    async fn obtain(&self, want: &TokenRequirement, device: Option<Address>) -> Result<Arc<ProviderToken>> {
        let now = self.parts.clock.instant();
        if let Some(token) = self.current.load_full().filter(|token| want.is_met_by(token, now)) {
            return Ok(token);
        }
        self.failure.admit(&(), now)?;
        let obtained = match self.token_of_others_or_lease(want).await {
            Ok(Ok(token)) => Ok(token),
            Ok(Err(lease)) => {
                let as_new_client = matches!(want, TokenRequirement::NewClient(_));
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

    /// A token that somebody else has got meanwhile, or the right to get one.
    async fn token_of_others_or_lease(
        &self,
        want: &TokenRequirement,
    ) -> Result<std::result::Result<ProviderToken, Uuid>> {
        let vault = self.registrar.vault();
        let key = vault.key(LEASE_KIND);
        let own = self.parts.randomness.uuid()?;
        loop {
            let now = self.parts.clock.instant();
            if let Some(token) = vault.token().await?.filter(|token| want.is_met_by(token, now)) {
                return Ok(Ok(token));
            }
            if self.parts.ledger.lease(&key, &IdV1::encode(own), LEASE).await? {
                return Ok(Err(own));
            }
            let look = LEASE_LOOK + up_to(&*self.parts.randomness, LEASE_LOOK);
            self.parts.clock.sleep(look).await;
        }
    }

    /// What fails for one device may fail for many: they share a line.
    fn report_failure(&self, error: &Error) {
        static OF_DEVICES: SparseLine = SparseLine::new();
        let (environment, error) = (&self.environment, error.operator_message());
        if !self.registrar.vault().is_of_device() {
            tracing::error!(%environment, %error, "no access token");
        } else if let Some(others) = OF_DEVICES.permit() {
            tracing::error!(%environment, %error, others_since_last_line = others, "no access token for a device");
        }
    }

    async fn release(&self, lease: Uuid) {
        let key = self.registrar.vault().key(LEASE_KIND);
        if let Err(error) = self.parts.ledger.swap(&key, Some(&IdV1::encode(lease)), None).await {
            tracing::warn!(%error, "a lease could not be given back, and ends by itself");
        }
    }
}

/// Ends every lease: for a store that nobody else has, whose leases are those of a process that was killed.
///
/// # Errors
/// Those of the store.
pub async fn end_leases(ledger: &dyn Ledger) -> Result<()> {
    let leases: Vec<_> = ledger.scan(LEASE_KIND).try_collect().await?;
    for (name, entry) in leases {
        let key = LedgerKey { kind: LEASE_KIND, name };
        ledger.swap(&key, Some(&entry.value), None).await?;
    }
    Ok(())
}
