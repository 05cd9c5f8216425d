//! The two calls by which passbridge becomes a client of the provider: register, once and for ever, and token.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::Method;
use serde_json::{Value, json};

use super::{
    TokenParameters, UpstreamDependencies, UpstreamOptions,
    call::{ProviderCall, ProviderResponse, X_DEVICE_INFO},
    credentials::{
        ClientCredentials, CredentialVault, EXPIRES_IN_DEFAULT, ProviderToken, RegisteredStatement,
        StoredCredentials,
    },
    failure::{refusal, said, unavailable, unreadable},
    http::HttpClient,
    json::{number, plain, text},
    pause::Pauses,
};
use crate::{
    domain::{
        address::Address,
        call::{CallContext, Deadline},
        device_info::DeviceInfo,
        error::{Error, Result, UpstreamAnswer},
        id::{DeviceId, EnvironmentName},
        ledger_kind::LedgerKind,
        port::LedgerEntry,
    },
    format::MarkV1,
    telemetry::SparseLine,
};

/// How long each of the two calls may take with its repeats. The lease is longer than all of them together.
const CALL_MAX: Duration = Duration::from_secs(12);

/// How long to wait between tries to keep new credentials: the provider has issued them, and a store that fails for a moment
/// must not lose them.
const KEEP_PAUSES: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Credentials as young as this that are refused never worked: to register again would not help.
const YOUNG: Duration = Duration::from_secs(600);

/// How long after registering because of a 403 nobody does so again.
const REREGISTRATION: Duration = Duration::from_secs(24 * 60 * 60);
const REREGISTRATION_KIND: LedgerKind = LedgerKind::UpstreamReregistration;

/// The longest code of an error of OAuth's that is passed on.
const CODE_MAX: usize = 64;

/// Credentials that were issued, and what they are to take the place of.
#[derive(Clone)]
struct UnsavedCredentials {
    credentials: ClientCredentials,
    before: Option<StoredCredentials>,
}

/// Registers, and asks for tokens. Only who has the lease may use it.
pub(super) struct Registrar {
    environment: EnvironmentName,
    redirect_uri: String,
    token_parameters: TokenParameters,
    statement: RegisteredStatement,
    http: Arc<HttpClient>,
    parts: UpstreamDependencies,
    vault: CredentialVault,
    /// Credentials that were issued, but could not be kept yet.
    unkept: Mutex<Option<UnsavedCredentials>>,
    /// That the statement was refused to one device is so for all: they do not all try.
    refusal: Option<Arc<Pauses<()>>>,
}

impl Registrar {
    pub(super) fn new(
        environment: &EnvironmentName,
        options: &UpstreamOptions,
        statement: RegisteredStatement,
        http: Arc<HttpClient>,
        parts: &UpstreamDependencies,
    ) -> Self {
        Self {
            environment: environment.clone(),
            redirect_uri: options.redirect_uri.clone(),
            token_parameters: options.token_parameters,
            vault: CredentialVault::new(environment, options, &statement, parts),
            statement,
            http,
            parts: parts.clone(),
            unkept: Mutex::default(),
            refusal: None,
        }
    }

    /// Who registers a client of the provider's for one device.
    pub(super) fn of_device(&self, device: &DeviceId, refusal: Arc<Pauses<()>>) -> Self {
        Self {
            environment: self.environment.clone(),
            redirect_uri: self.redirect_uri.clone(),
            token_parameters: self.token_parameters,
            vault: self.vault.of_device(device),
            statement: self.statement.clone(),
            http: Arc::clone(&self.http),
            parts: self.parts.clone(),
            unkept: Mutex::default(),
            refusal: Some(refusal),
        }
    }

    /// Whether there are credentials.
    pub(super) async fn has_credentials(&self) -> Result<bool> {
        let has_unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        Ok(has_unkept || self.vault.credentials().await?.is_some())
    }

    /// Where what it gets is kept.
    pub(super) fn vault(&self) -> &CredentialVault {
        &self.vault
    }

    /// Whether this is the statement that it registers with.
    pub(super) fn is_of(&self, statement: &RegisteredStatement) -> bool {
        self.statement == *statement
    }

    /// Whether it has registered again within a day because of a 403.
    pub(super) async fn has_registered_again(&self) -> Result<bool> {
        Ok(self.parts.ledger.get(&self.vault.key(REREGISTRATION_KIND)).await?.is_some())
    }

    /// A token, of a new registration where the former one is known to be refused. On behalf of the device at this address,
    /// where the client is a device's.
    pub(super) async fn fetch(&self, as_new_client: bool, device: Option<Address>) -> Result<ProviderToken> {
        let kept = match self.credentials().await? {
            Some(kept) if as_new_client => self.register_again(kept, device).await?,
            Some(kept) => kept,
            None => self.register(None, device).await?,
        };
        let refused = match self.ask_for_token(&kept.credentials, device).await? {
            Ok(token) => return self.keep(token).await,
            Err(refused) => refused,
        };
        let is_young = self.parts.clock.now().since(kept.credentials.registered) < YOUNG;
        if refused.code.as_deref() != Some("invalid_client") || is_young {
            return Err(Error::UpstreamCredentialsRefused { answer: refused });
        }
        self.report_forgotten();
        let kept = self.register(Some(&kept), device).await?;
        let token = self.ask_for_token(&kept.credentials, device).await?;
        self.keep(token.map_err(|answer| Error::UpstreamCredentialsRefused { answer })?).await
    }

    /// The credentials that there are, in the ledger by now if they were not before.
    async fn credentials(&self) -> Result<Option<StoredCredentials>> {
        let unkept = self.unkept.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match unkept {
            Some(unkept) => self.keep_credentials(&unkept).await.map(Some),
            None => self.vault.credentials().await,
        }
    }

    async fn keep(&self, token: ProviderToken) -> Result<ProviderToken> {
        self.vault.keep_token(&token).await?;
        Ok(token)
    }

    /// Registers in the place of these credentials, unless that was tried within a day: then they stay.
    ///
    /// The mark comes first: whoever ends in between, or never hears the answer, does not register twice on that day.
    async fn register_again(
        &self,
        former: StoredCredentials,
        device: Option<Address>,
    ) -> Result<StoredCredentials> {
        let key = self.vault.key(REREGISTRATION_KIND);
        let end = self.parts.clock.now() + REREGISTRATION;
        let mark = LedgerEntry { value: MarkV1::encode(), expire_time: Some(end) };
        if self.parts.ledger.put_if_absent(&key, mark).await?.is_some() {
            return Ok(former);
        }
        let registered = self.register(Some(&former), device).await;
        if registered.as_ref().is_err_and(was_not_done) {
            self.parts.ledger.swap(&key, Some(&MarkV1::encode()), None).await?;
        }
        registered
    }

    /// Registers: the credentials that are kept then, which are another one's where that one was first.
    async fn register(
        &self,
        before: Option<&StoredCredentials>,
        device: Option<Address>,
    ) -> Result<StoredCredentials> {
        if let Some(refusal) = &self.refusal {
            refusal.admit(&(), self.parts.clock.instant())?;
        }
        let registered = self.register_now(before, device).await;
        if let Some(refusal) = &self.refusal {
            match &registered {
                Err(error @ Error::UpstreamCredentialsRefused { .. }) => {
                    refusal.begin(&(), error, self.parts.clock.instant());
                }
                _ => refusal.end(&()),
            }
        }
        registered
    }

    async fn register_now(
        &self,
        before: Option<&StoredCredentials>,
        device: Option<Address>,
    ) -> Result<StoredCredentials> {
        let body = json!({
            "software_statement": self.statement.reveal(),
            "redirect_uri": self.redirect_uri,
        });
        let call = ProviderCall::new(Method::POST, "/o/client/register".to_owned()).json(&body);
        let answer = self.send(call.on_behalf_of(device)).await?;
        let Some(body) = body_of(&answer) else { return Err(refused(&answer)) };
        let (Some(client_id), Some(client_secret)) = (text(&body, "client_id"), text(&body, "client_secret"))
        else {
            return Err(unreadable(&answer, "its answer to a registration holds no credentials"));
        };
        let credentials = ClientCredentials {
            client_id,
            client_secret: client_secret.into(),
            registered: self.parts.clock.now(),
        };
        let unkept = UnsavedCredentials { credentials, before: before.cloned() };
        *self.unkept.lock().unwrap_or_else(PoisonError::into_inner) = Some(unkept.clone());
        let kept = self.keep_credentials(&unkept).await?;
        if !self.vault.is_of_device() {
            tracing::info!(environment = %self.environment, "registered with the provider");
        }
        Ok(kept)
    }

    /// Keeps what was issued, and says what is kept now. Where somebody else has kept others meanwhile, those are taken, and
    /// ours forgotten.
    async fn keep_credentials(&self, unkept: &UnsavedCredentials) -> Result<StoredCredentials> {
        let mut pauses = KEEP_PAUSES.into_iter();
        loop {
            match (
                self.vault.keep_credentials(unkept.before.as_ref(), &unkept.credentials).await,
                pauses.next(),
            ) {
                (Ok(kept), _) => {
                    *self.unkept.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    if kept.credentials != unkept.credentials {
                        tracing::warn!(environment = %self.environment,
                            "another replica has registered meanwhile, and its credentials are used");
                    }
                    return Ok(kept);
                }
                (Err(error), Some(pause)) => {
                    tracing::error!(environment = %self.environment, error = %error.operator_message(),
                        "new credentials could not be kept, which is tried again");
                    self.parts.clock.sleep(pause).await;
                }
                (Err(error), None) => return Err(error),
            }
        }
    }

    /// A provider that forgets many devices' clients would make each a line.
    fn report_forgotten(&self) {
        static OF_DEVICES: SparseLine = SparseLine::new();
        let environment = &self.environment;
        if !self.vault.is_of_device() {
            tracing::warn!(%environment, "the provider has forgotten this client, which registers again");
        } else if let Some(others) = OF_DEVICES.permit() {
            tracing::warn!(%environment, others_since_last_line = others,
                "the provider has forgotten the client of a device, which registers again: its viewer has to log in again");
        }
    }

    /// A token, or why the credentials are refused.
    async fn ask_for_token(
        &self,
        credentials: &ClientCredentials,
        device: Option<Address>,
    ) -> Result<std::result::Result<ProviderToken, UpstreamAnswer>> {
        let pairs = [
            ("grant_type", "client_credentials"),
            ("client_id", credentials.client_id.as_str()),
            ("client_secret", credentials.client_secret.reveal()),
        ];
        let call = ProviderCall::new(Method::POST, "/o/client/token".to_owned()).form(&pairs);
        // The pages have these in a form, the OpenAPI file in the query, which access logs keep.
        let call = match self.token_parameters {
            TokenParameters::Form => call,
            TokenParameters::FormAndQuery => call.query(&pairs),
        };
        let call = ProviderCall { repeatable: true, ..call }.on_behalf_of(device);
        let received = self.parts.clock.instant();
        let answer = self.send(call).await?;
        let Some(body) = body_of(&answer) else {
            return match refused(&answer) {
                Error::UpstreamCredentialsRefused { answer } => Ok(Err(answer)),
                error => Err(error),
            };
        };
        let Some(access_token) = text(&body, "access_token") else {
            return Err(unreadable(&answer, "its answer to a request for a token holds none"));
        };
        let expires_in = number(&body, "expires_in").filter(|seconds| *seconds > 0);
        Ok(Ok(ProviderToken {
            access_token: access_token.into(),
            client_id: credentials.client_id.clone(),
            received,
            expires_in: expires_in.unwrap_or(EXPIRES_IN_DEFAULT),
        }))
    }

    async fn send(&self, call: ProviderCall) -> Result<ProviderResponse> {
        let call =
            call.header(X_DEVICE_INFO, &own_device_info()).header(http::header::ACCEPT, "application/json");
        let context = CallContext { deadline: Some(Deadline::after(CALL_MAX)), ..CallContext::default() };
        let answer = self.http.send(&context, &call).await;
        // Nobody who hears of it has set this deadline.
        answer.map_err(|error| match error {
            Error::DeadlineExceeded => unavailable("it does not answer in time", None),
            // A client of all devices is none that has called too fast.
            Error::UpstreamThrottled { retry_after, .. } if call.device.is_none() => {
                unavailable("it issues no more access tokens at the moment", Some(retry_after))
            }
            error => error,
        })
    }
}

/// Whether an attempt to register has certainly registered nobody: the provider said no, or was not even asked.
fn was_not_done(error: &Error) -> bool {
    let status = error.upstream_answer().and_then(|answer| answer.status);
    status.is_some_and(|status| status >= 400) || error.retry_after().is_some()
}

/// An answer that is not the one that was asked for: a code of OAuth's is about the credentials.
fn refused(answer: &ProviderResponse) -> Error {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match text(&body, "error") {
        Some(code) if answer.status.is_client_error() => {
            let code = Some(plain(&code, CODE_MAX));
            Error::UpstreamCredentialsRefused { answer: UpstreamAnswer { code, ..said(answer) } }
        }
        _ if answer.status.is_success() => unreadable(answer, "its answer about credentials cannot be read"),
        _ => refusal(answer, false),
    }
}

/// The body of an answer that is as it should be.
fn body_of(answer: &ProviderResponse) -> Option<Value> {
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
