//! Registers passbridge as a client of the provider, once, and requests access tokens.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::Method;
use serde_json::{Value, json};

use super::{
    TokenParameters, UpstreamDependencies, UpstreamOptions,
    backoff::Backoffs,
    call::{ProviderCall, ProviderResponse, X_DEVICE_INFO},
    credentials::{
        ClientCredentials, CredentialVault, EXPIRES_IN_DEFAULT, ProviderToken, RegisteredStatement,
        StoredCredentials,
    },
    failure::{error_details, refusal, unavailable, unreadable},
    http::HttpClient,
    json::{number, plain, text},
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

/// The deadline of each of the two calls, including retries. The lease is longer than all of them together.
const CALL_MAX: Duration = Duration::from_secs(12);

/// The waits between attempts to store new credentials: the provider has issued them, and a short failure of the store must not
/// lose them.
const STORE_RETRY_PAUSES: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4)];

/// Rejected credentials that are younger than this have never worked, so registering again would not help.
const NEW_CREDENTIALS: Duration = Duration::from_secs(600);

/// The minimum time between two registrations because of a 403.
const REREGISTRATION: Duration = Duration::from_secs(24 * 60 * 60);
const REREGISTRATION_KIND: LedgerKind = LedgerKind::UpstreamReregistration;

/// The maximum length of an OAuth error code that is passed on.
const CODE_MAX: usize = 64;

/// Issued credentials, and the ones that they replace.
#[derive(Clone)]
struct UnsavedCredentials {
    credentials: ClientCredentials,
    before: Option<StoredCredentials>,
}

/// Registers the client and requests tokens. Only the holder of the lease may use it.
pub(super) struct Registrar {
    environment: EnvironmentName,
    redirect_uri: String,
    token_parameters: TokenParameters,
    statement: RegisteredStatement,
    http: Arc<HttpClient>,
    parts: UpstreamDependencies,
    vault: CredentialVault,
    /// Issued credentials that are not stored yet.
    unsaved: Mutex<Option<UnsavedCredentials>>,
    /// The backoff after the statement was refused for a device, shared by all devices.
    refusal: Option<Arc<Backoffs<()>>>,
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
            unsaved: Mutex::default(),
            refusal: None,
        }
    }

    /// Returns the registrar of a device's client.
    pub(super) fn of_device(&self, device: &DeviceId, refusal: Arc<Backoffs<()>>) -> Self {
        Self {
            environment: self.environment.clone(),
            redirect_uri: self.redirect_uri.clone(),
            token_parameters: self.token_parameters,
            vault: self.vault.of_device(device),
            statement: self.statement.clone(),
            http: Arc::clone(&self.http),
            parts: self.parts.clone(),
            unsaved: Mutex::default(),
            refusal: Some(refusal),
        }
    }

    /// Reports whether there are credentials.
    pub(super) async fn has_credentials(&self) -> Result<bool> {
        let has_unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        Ok(has_unsaved || self.vault.credentials().await?.is_some())
    }

    /// Returns the storage of its credentials and tokens.
    pub(super) fn vault(&self) -> &CredentialVault {
        &self.vault
    }

    /// Reports whether it registers with this statement.
    pub(super) fn is_of(&self, statement: &RegisteredStatement) -> bool {
        self.statement == *statement
    }

    /// Reports whether it has registered again because of a 403 within the last day.
    pub(super) async fn has_registered_again(&self) -> Result<bool> {
        Ok(self.parts.ledger.get(&self.vault.key(REREGISTRATION_KIND)).await?.is_some())
    }

    /// Requests a token. With `as_new_client`, registers again first, because the provider refuses the previous client.
    /// `device` is the address on whose behalf a device's client calls.
    pub(super) async fn fetch(&self, as_new_client: bool, device: Option<Address>) -> Result<ProviderToken> {
        let stored = match self.credentials().await? {
            Some(stored) if as_new_client => self.register_again(stored, device).await?,
            Some(stored) => stored,
            None => self.register(None, device).await?,
        };
        let refused = match self.ask_for_token(&stored.credentials, device).await? {
            Ok(token) => return self.store_token(token).await,
            Err(refused) => refused,
        };
        let are_new = self.parts.clock.now().since(stored.credentials.registered) < NEW_CREDENTIALS;
        if refused.code.as_deref() != Some("invalid_client") || are_new {
            return Err(Error::UpstreamCredentialsRefused { answer: refused });
        }
        self.report_deleted();
        let stored = self.register(Some(&stored), device).await?;
        let token = self.ask_for_token(&stored.credentials, device).await?;
        self.store_token(token.map_err(|answer| Error::UpstreamCredentialsRefused { answer })?).await
    }

    /// Returns the credentials, if there are any. Unsaved ones are stored first.
    async fn credentials(&self) -> Result<Option<StoredCredentials>> {
        let unsaved = self.unsaved.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match unsaved {
            Some(unsaved) => self.store_credentials(&unsaved).await.map(Some),
            None => self.vault.credentials().await,
        }
    }

    async fn store_token(&self, token: ProviderToken) -> Result<ProviderToken> {
        self.vault.store_token(&token).await?;
        Ok(token)
    }

    /// Registers again to replace these credentials. Keeps them if that was tried within a day.
    ///
    /// The mark is written first: after a crash, or a lost response, the server does not register twice on that day.
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
        if registered.as_ref().is_err_and(did_not_register) {
            self.parts.ledger.swap(&key, Some(&MarkV1::encode()), None).await?;
        }
        registered
    }

    /// Registers, and returns the stored credentials, which are another replica's if it was first.
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
            return Err(unreadable(&answer, "its registration response has no credentials"));
        };
        let credentials = ClientCredentials {
            client_id,
            client_secret: client_secret.into(),
            registered: self.parts.clock.now(),
        };
        let unsaved = UnsavedCredentials { credentials, before: before.cloned() };
        *self.unsaved.lock().unwrap_or_else(PoisonError::into_inner) = Some(unsaved.clone());
        let stored = self.store_credentials(&unsaved).await?;
        if !self.vault.is_of_device() {
            tracing::info!(environment = %self.environment, "registered with the provider");
        }
        Ok(stored)
    }

    /// Stores issued credentials, and returns the stored ones. If another replica has stored others in the meantime,
    /// those are used and ours discarded.
    async fn store_credentials(&self, unsaved: &UnsavedCredentials) -> Result<StoredCredentials> {
        let mut pauses = STORE_RETRY_PAUSES.into_iter();
        loop {
            match (
                self.vault.store_credentials(unsaved.before.as_ref(), &unsaved.credentials).await,
                pauses.next(),
            ) {
                (Ok(stored), _) => {
                    *self.unsaved.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    if stored.credentials != unsaved.credentials {
                        tracing::warn!(environment = %self.environment,
                            "another replica has registered in the meantime, using its credentials");
                    }
                    return Ok(stored);
                }
                (Err(error), Some(pause)) => {
                    tracing::error!(environment = %self.environment, error = %error.operator_message(),
                        "cannot store new credentials, retrying");
                    self.parts.clock.sleep(pause).await;
                }
                (Err(error), None) => return Err(error),
            }
        }
    }

    /// Logs that the provider has deleted the client. Lines about devices' clients are limited, since many may be affected.
    fn report_deleted(&self) {
        static OF_DEVICES: SparseLine = SparseLine::new();
        let environment = &self.environment;
        if !self.vault.is_of_device() {
            tracing::warn!(%environment, "client deleted by the provider, registering again");
        } else if let Some(others) = OF_DEVICES.permit() {
            tracing::warn!(%environment, others_since_last_line = others,
                "client of a device deleted by the provider, registering again, its viewer must log in again");
        }
    }

    /// Requests a token. The inner error is the provider's refusal of the credentials.
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
        // The provider's pages have these in a form, its OpenAPI file in the query, which access logs record.
        let call = match self.token_parameters {
            TokenParameters::Form => call,
            TokenParameters::FormAndQuery => call.query(&pairs),
        };
        let call = ProviderCall { retryable: true, ..call }.on_behalf_of(device);
        let received = self.parts.clock.instant();
        let answer = self.send(call).await?;
        let Some(body) = body_of(&answer) else {
            return match refused(&answer) {
                Error::UpstreamCredentialsRefused { answer } => Ok(Err(answer)),
                error => Err(error),
            };
        };
        let Some(access_token) = text(&body, "access_token") else {
            return Err(unreadable(&answer, "its token response has no access token"));
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
        // The deadline is ours, not the caller's.
        answer.map_err(|error| match error {
            Error::DeadlineExceeded => unavailable("it did not respond in time", None),
            // The server's client calls for all devices, so no single device was too fast.
            Error::UpstreamThrottled { retry_after, .. } if call.device.is_none() => {
                unavailable("it limits the rate of access tokens", Some(retry_after))
            }
            error => error,
        })
    }
}

/// Reports whether a failed registration certainly registered no client: the provider refused it, or was not called.
fn did_not_register(error: &Error) -> bool {
    let status = error.upstream_answer().and_then(|answer| answer.status);
    status.is_some_and(|status| status >= 400) || error.retry_after().is_some()
}

/// Returns the error for an error response. An OAuth error code means that the credentials are refused.
pub(super) fn refused(answer: &ProviderResponse) -> Error {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    match text(&body, "error") {
        Some(code) if answer.status.is_client_error() => {
            let code = Some(plain(&code, CODE_MAX));
            Error::UpstreamCredentialsRefused { answer: UpstreamAnswer { code, ..error_details(answer) } }
        }
        _ if answer.status.is_success() => unreadable(answer, "its response about credentials is not JSON"),
        _ => refusal(answer, false),
    }
}

/// Returns the JSON body of a successful response.
fn body_of(answer: &ProviderResponse) -> Option<Value> {
    answer.status.is_success().then(|| serde_json::from_slice(&answer.body).ok())?
}

/// Returns the device information of this server, for calls on behalf of no device.
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
