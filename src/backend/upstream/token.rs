//! Access tokens: got by one at a time however many wait, here and on every replica, and renewed before they expire.
//!
//! Getting one runs on a task of its own: who waits may leave, but credentials that the provider has issued must reach
//! the ledger.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwapOption;
use http::{HeaderName, Method};
use serde_json::{Value, json};
use tokio::sync::Mutex as AsyncMutex;
use uuid::Uuid;

use super::{
    UpstreamOptions, UpstreamParts,
    credentials::{Credentials, Statement, Token, Vault},
    failure::{refusal, said, unreadable},
    http::{Answer, Call, HttpClient},
    json::{number, text},
};
use crate::domain::{
    call::CallContext,
    clock::Timestamp,
    device_info::DeviceInfo,
    error::{Error, Result, UpstreamAnswer},
    id::EnvironmentName,
    port::LedgerEntry,
};

/// How long somebody may renew before somebody else may: longer than its calls can take.
const LEASE: Duration = Duration::from_secs(45);

/// How long between two looks at whether somebody else is done.
const LEASE_LOOK: Duration = Duration::from_millis(50);

/// How long nobody tries again after a failure, at first and at most.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);
const FAILURE_PAUSE_MAX: Duration = Duration::from_secs(32);

/// Credentials as young as this that are refused never worked: to register again would not help.
const YOUNG: Duration = Duration::from_secs(600);

/// How long after registering because of a 403 nobody does so again.
const REREGISTRATION: Duration = Duration::from_secs(24 * 60 * 60);

/// How long a token lasts whose answer does not say.
const EXPIRES_IN_DEFAULT: u64 = 3600;

const LEASE_KIND: &str = "upstream_lease";
const REREGISTRATION_KIND: &str = "upstream_reregistration";

const X_DEVICE_INFO: HeaderName = HeaderName::from_static("x-device-info");

/// Where tokens come from. A cheap handle.
#[derive(Clone)]
pub(super) struct Tokens {
    inner: Arc<Inner>,
}

struct Inner {
    environment: EnvironmentName,
    redirect_uri: String,
    statement: Statement,
    http: Arc<HttpClient>,
    parts: UpstreamParts,
    vault: Vault,
    current: ArcSwapOption<Token>,
    turn: AsyncMutex<()>,
    renewing: AtomicBool,
    failure: Mutex<Option<Failure>>,
}

/// The last attempt has failed.
struct Failure {
    error: Error,
    until: Timestamp,
    pause: Duration,
}

/// What somebody needs who does not have a token that works.
#[derive(Clone)]
enum Want {
    /// Any that is good.
    Any,
    /// Another one than this, which is refused or due.
    Another(Arc<Token>),
    /// One of new credentials: those that gave this one are refused.
    NewClient(Arc<Token>),
}

impl Want {
    fn is_met_by(&self, token: &Token, now: Timestamp) -> bool {
        token.is_good(now)
            && match self {
                Self::Any => true,
                Self::Another(refused) | Self::NewClient(refused) => {
                    token.access_token != refused.access_token
                }
            }
    }
}

impl Tokens {
    pub fn new(
        environment: &EnvironmentName,
        options: &UpstreamOptions,
        statement: Statement,
        http: Arc<HttpClient>,
        parts: &UpstreamParts,
    ) -> Self {
        let inner = Inner {
            environment: environment.clone(),
            redirect_uri: options.redirect_uri.clone(),
            vault: Vault::new(environment, &statement, parts),
            statement,
            http,
            parts: parts.clone(),
            current: ArcSwapOption::empty(),
            turn: AsyncMutex::new(()),
            renewing: AtomicBool::new(false),
            failure: Mutex::new(None),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Whether this is the statement that they are got with.
    pub fn is_of(&self, statement: &Statement) -> bool {
        self.inner.statement == *statement
    }

    /// When we registered, if we have.
    pub async fn registered(&self) -> Result<Option<Timestamp>> {
        Ok(self.inner.vault.credentials().await?.map(|credentials| credentials.registered))
    }

    /// A token that is good as far as we know.
    pub async fn get(&self) -> Result<Arc<Token>> {
        let now = self.inner.parts.clock.now();
        if let Some(token) = self.inner.current.load_full().filter(|token| token.is_good(now)) {
            if token.is_due(now) {
                self.renew_behind(&token);
            }
            return Ok(token);
        }
        self.obtain(Want::Any).await
    }

    /// Another token than this one, which the provider has refused.
    pub async fn instead_of(&self, refused: &Arc<Token>) -> Result<Arc<Token>> {
        self.obtain(Want::Another(Arc::clone(refused))).await
    }

    /// A token of a new registration, where there was none for this reason within a day.
    pub async fn of_new_client(&self, refused: &Arc<Token>) -> Result<Option<Arc<Token>>> {
        let parts = &self.inner.parts;
        let end = parts.clock.now() + REREGISTRATION;
        let mark = LedgerEntry { value: Vec::new(), expire_time: Some(end) };
        if parts.ledger.put_if_absent(&self.inner.vault.key(REREGISTRATION_KIND), mark).await?.is_some() {
            return Ok(None);
        }
        self.obtain(Want::NewClient(Arc::clone(refused))).await.map(Some)
    }

    fn renew_behind(&self, due: &Arc<Token>) {
        if self.inner.renewing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (tokens, due) = (self.clone(), Arc::clone(due));
        self.inner.parts.runtime.spawn(async move {
            if let Err(error) = tokens.inner.obtain(&Want::Another(due)).await {
                tracing::warn!(%error, "an access token could not be renewed before its end");
            }
            tokens.inner.renewing.store(false, Ordering::Release);
        });
    }

    async fn obtain(&self, want: Want) -> Result<Arc<Token>> {
        let inner = Arc::clone(&self.inner);
        let obtained = self.inner.parts.runtime.spawn(async move { inner.obtain(&want).await }).await;
        obtained.unwrap_or_else(|failed| Err(Error::Internal(failed.to_string())))
    }
}

impl Inner {
    async fn obtain(&self, want: &Want) -> Result<Arc<Token>> {
        let _turn = self.turn.lock().await;
        let now = self.parts.clock.now();
        if let Some(token) = self.current.load_full().filter(|token| want.is_met_by(token, now)) {
            return Ok(token);
        }
        if let Some(error) = self.recent_failure(now) {
            return Err(error);
        }
        let obtained = match self.token_of_others_or_lease(want).await {
            Ok(Ok(token)) => Ok(token),
            Ok(Err(lease)) => {
                let fetched = self.fetch(want).await;
                self.release(lease).await;
                fetched
            }
            Err(error) => Err(error),
        };
        match obtained {
            Ok(token) => {
                let token = Arc::new(token);
                self.current.store(Some(Arc::clone(&token)));
                self.note(None);
                Ok(token)
            }
            Err(error) => {
                tracing::error!(environment = %self.environment, error = %error.operator_message(), "no access token");
                self.note(Some(error.clone()));
                Err(error)
            }
        }
    }

    /// A token that somebody else has got meanwhile, or the right to get one.
    async fn token_of_others_or_lease(&self, want: &Want) -> Result<std::result::Result<Token, Uuid>> {
        let key = self.vault.key(LEASE_KIND);
        let own = self.parts.randomness.uuid()?;
        loop {
            let now = self.parts.clock.now();
            if let Some(token) = self.vault.token().await?.filter(|token| want.is_met_by(token, now)) {
                return Ok(Ok(token));
            }
            let lease = LedgerEntry { value: own.as_bytes().to_vec(), expire_time: Some(now + LEASE) };
            if self.parts.ledger.put_if_absent(&key, lease).await?.is_none() {
                return Ok(Err(own));
            }
            self.parts.clock.sleep_until(now + LEASE_LOOK).await;
        }
    }

    async fn release(&self, lease: Uuid) {
        let key = self.vault.key(LEASE_KIND);
        if let Err(error) = self.parts.ledger.swap(&key, Some(lease.as_bytes()), None).await {
            tracing::warn!(%error, "a lease could not be given back, and ends by itself");
        }
    }

    async fn fetch(&self, want: &Want) -> Result<Token> {
        let kept = self.vault.credentials().await?;
        let credentials = match (kept, want) {
            (Some(credentials), Want::Any | Want::Another(_)) => credentials,
            (None, _) | (_, Want::NewClient(_)) => self.register().await?,
        };
        match self.ask_for_token(&credentials).await? {
            Ok(token) => self.kept(token).await,
            Err(refused) => {
                let is_young = self.parts.clock.now().since(credentials.registered) < YOUNG;
                if refused.code.as_deref() != Some("invalid_client") || is_young {
                    return Err(Error::UpstreamCredentialsRefused { answer: refused });
                }
                tracing::warn!(environment = %self.environment, "the provider has forgotten this client: it registers again");
                let credentials = self.register().await?;
                let token = self.ask_for_token(&credentials).await?;
                self.kept(token.map_err(|answer| Error::UpstreamCredentialsRefused { answer })?).await
            }
        }
    }

    async fn kept(&self, token: Token) -> Result<Token> {
        self.vault.keep_token(&token).await?;
        Ok(token)
    }

    async fn register(&self) -> Result<Credentials> {
        let body = json!({
            "software_statement": self.statement.reveal(),
            "redirect_uri": self.redirect_uri,
        });
        let call = Call::new(Method::POST, "/o/client/register".to_owned()).json(&body);
        let answer = self.send(call).await?;
        let Some(body) = body_of(&answer) else { return Err(self.refused(&answer)) };
        let (Some(client_id), Some(client_secret)) = (text(&body, "client_id"), text(&body, "client_secret"))
        else {
            return Err(unreadable(&answer, "its answer to a registration holds no credentials"));
        };
        let credentials = Credentials { client_id, client_secret, registered: self.parts.clock.now() };
        self.keep_whatever_happens(&credentials).await;
        tracing::info!(environment = %self.environment, "registered with the provider");
        Ok(credentials)
    }

    /// The provider has issued them: a store that fails for a moment must not lose them.
    async fn keep_whatever_happens(&self, credentials: &Credentials) {
        let mut pause = FAILURE_PAUSE;
        while let Err(error) = self.vault.keep_credentials(credentials).await {
            tracing::error!(environment = %self.environment, error = %error.operator_message(),
                "new credentials could not be kept, which is tried again");
            if pause > FAILURE_PAUSE_MAX {
                return;
            }
            self.parts.clock.sleep_until(self.parts.clock.now() + pause).await;
            pause *= 2;
        }
    }

    /// A token, or why the credentials are refused.
    async fn ask_for_token(
        &self,
        credentials: &Credentials,
    ) -> Result<std::result::Result<Token, UpstreamAnswer>> {
        let pairs = [
            ("grant_type", "client_credentials"),
            ("client_id", credentials.client_id.as_str()),
            ("client_secret", credentials.client_secret.as_str()),
        ];
        // The pages have these in a form, the OpenAPI file in the query.
        let call = Call::new(Method::POST, "/o/client/token".to_owned()).form(&pairs).query(&pairs);
        let call = Call { repeatable: true, ..call };
        let received = self.parts.clock.now();
        let answer = self.send(call).await?;
        let Some(body) = body_of(&answer) else {
            return match self.refused(&answer) {
                Error::UpstreamCredentialsRefused { answer } => Ok(Err(answer)),
                error => Err(error),
            };
        };
        let Some(access_token) = text(&body, "access_token") else {
            return Err(unreadable(&answer, "its answer to a request for a token holds none"));
        };
        let expires_in = number(&body, "expires_in").filter(|seconds| *seconds > 0);
        Ok(Ok(Token { access_token, received, expires_in: expires_in.unwrap_or(EXPIRES_IN_DEFAULT) }))
    }

    async fn send(&self, call: Call) -> Result<Answer> {
        let call =
            call.header(X_DEVICE_INFO, &own_device_info()).header(http::header::ACCEPT, "application/json");
        self.http.send(&CallContext::default(), &call).await
    }

    /// An answer that is not the one that was asked for: a code of OAuth's is about the credentials.
    fn refused(&self, answer: &Answer) -> Error {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        match text(&body, "error") {
            Some(code) if answer.status.is_client_error() => {
                let code = Some(super::json::plain(&code, 64));
                Error::UpstreamCredentialsRefused { answer: UpstreamAnswer { code, ..said(answer) } }
            }
            _ if answer.status.is_success() => {
                unreadable(answer, "its answer about credentials cannot be read")
            }
            _ => refusal(answer, false),
        }
    }

    fn recent_failure(&self, now: Timestamp) -> Option<Error> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.as_ref().filter(|failure| now < failure.until).map(|failure| failure.error.clone())
    }

    fn note(&self, error: Option<Error>) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = failure.as_ref().map_or(FAILURE_PAUSE, |before| before.pause * 2).min(FAILURE_PAUSE_MAX);
        *failure = error.map(|error| Failure { error, until: self.parts.clock.now() + pause, pause });
    }
}

/// The body of an answer that is as it should be.
fn body_of(answer: &Answer) -> Option<Value> {
    answer.status.is_success().then(|| serde_json::from_slice(&answer.body).ok())?
}

/// What this server says of itself where a device would say what it is.
fn own_device_info() -> String {
    let text = |text: &str| Some(text.to_owned());
    DeviceInfo {
        primary_hardware_type: text("Unknown"),
        model: text("passbridge"),
        version: text(env!("CARGO_PKG_VERSION")),
        os_name: text("Linux"),
        ..DeviceInfo::default()
    }
    .encode()
}
