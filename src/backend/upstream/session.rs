//! Calls with an access token, and the reactions to 401 and 403 (reference, sections 3 and 5).

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, StatusCode, header::AUTHORIZATION};

use super::{
    UpstreamDependencies,
    call::{ProviderCall, ProviderResponse},
    credentials::{ProviderToken, RegisteredStatement},
    device_clients::DeviceClients,
    failure::{error_details, is_code_unknown, refusal, refuses_client, refuses_token},
    http::HttpClient,
    token::TokenSource,
};
use crate::domain::{
    address::Address,
    authentication::AuthenticationProblem,
    call::{CallContext, RelayedToken},
    clock::SharedClock,
    error::{Error, Result},
    randomness::{SharedRandomness, up_to},
};

/// The wait before a reset is retried after 403, and its jitter. 403 may also mean too many fast requests, and the
/// resets of a batch must not be retried at the same time.
const FORBIDDEN_PAUSE: Duration = Duration::from_secs(2);
const FORBIDDEN_SPREAD: Duration = Duration::from_secs(1);

/// Makes the calls of one environment, with its own credentials or with a caller's token.
pub(super) struct UpstreamSession {
    http: Arc<HttpClient>,
    tokens: TokenSource,
    /// The devices' clients, with `per_device`.
    devices: Option<DeviceClients>,
    clock: SharedClock,
    randomness: SharedRandomness,
}

impl UpstreamSession {
    pub(super) fn new(
        http: Arc<HttpClient>,
        tokens: TokenSource,
        devices: Option<DeviceClients>,
        parts: &UpstreamDependencies,
    ) -> Self {
        Self { http, tokens, devices, clock: parts.clock.clone(), randomness: parts.randomness.clone() }
    }

    pub(super) fn is_of(&self, statement: &RegisteredStatement) -> bool {
        self.tokens.registrar().is_of(statement)
    }

    /// Returns the token source of the server's client.
    pub(super) fn tokens(&self) -> &TokenSource {
        &self.tokens
    }

    /// Returns the error for an error response to a call of this device.
    pub(super) async fn refusal(&self, answer: &ProviderResponse, device: Option<Address>) -> Error {
        refusal(answer, self.http.was_fast(device).await)
    }

    /// Makes a call with the caller's token if it has to be used, otherwise with ours. A refused token of ours is renewed once.
    pub(super) async fn send(
        &self,
        context: &CallContext,
        mut call: ProviderCall,
    ) -> Result<ProviderResponse> {
        if let Some(token) = &context.relayed_token {
            return self.send_relayed(context, &mut call, token).await;
        }
        self.send_own(context, &mut call).await.map(|(answer, _)| answer)
    }

    /// Makes a call about a code. `None` if the provider does not know the code.
    pub(super) async fn ask(
        &self,
        context: &CallContext,
        call: ProviderCall,
    ) -> Result<Option<ProviderResponse>> {
        let device = call.device;
        let answer = self.send(context, call).await?;
        match answer.status.is_success() {
            true => Ok(Some(answer)),
            false if is_code_unknown(&answer) => Ok(None),
            false => Err(self.refusal(&answer, device).await),
        }
    }

    async fn send_own(
        &self,
        context: &CallContext,
        call: &mut ProviderCall,
    ) -> Result<(ProviderResponse, Arc<ProviderToken>)> {
        let tokens = match &self.devices {
            Some(devices) => devices.of(call).await?,
            None => self.tokens.clone(),
        };
        let token = tokens.get(&call.scope).await?;
        let answer = self.send_with(context, call, token.access_token.reveal()).await?;
        if !refuses_token(&answer) {
            tokens.record_accepted(&call.scope);
            return Ok((answer, token));
        }
        let refused = |call: &ProviderCall, answer: &ProviderResponse| {
            let error = Error::UpstreamCredentialsRefused { answer: error_details(answer) };
            tokens.record_refused_new(&call.scope, &error);
            error
        };
        let Some(token) = tokens.replacement_for(&token).await? else { return Err(refused(call, &answer)) };
        let answer = self.send_with(context, call, token.access_token.reveal()).await?;
        if refuses_token(&answer) {
            return Err(refused(call, &answer));
        }
        tokens.record_accepted(&call.scope);
        Ok((answer, token))
    }

    async fn send_relayed(
        &self,
        context: &CallContext,
        call: &mut ProviderCall,
        token: &RelayedToken,
    ) -> Result<ProviderResponse> {
        let answer = self.send_with(context, call, token.reveal()).await?;
        if refuses_token(&answer) || refuses_client(&answer) {
            return Err(Error::NotAuthenticated(AuthenticationProblem::TokenRefusedUpstream));
        }
        Ok(answer)
    }

    /// Makes a call to the reset API. It answers 403 both to credentials that it no longer accepts and to too many fast
    /// requests. So the call is retried first after a pause with a new token, and only then with a new registration, at
    /// most once a day.
    pub(super) async fn send_reset(
        &self,
        context: &CallContext,
        mut call: ProviderCall,
    ) -> Result<ProviderResponse> {
        if let Some(token) = &context.relayed_token {
            return self.send_relayed(context, &mut call, token).await;
        }
        let (answer, token) = self.send_own(context, &mut call).await?;
        let pause = FORBIDDEN_PAUSE + up_to(&*self.randomness, FORBIDDEN_SPREAD);
        if answer.status != StatusCode::FORBIDDEN || !context.outlasts(pause) {
            return Ok(answer);
        }
        self.clock.sleep(pause).await;
        let token = self.tokens.replacement_for(&token).await?.unwrap_or(token);
        let answer = self.send_with(context, &mut call, token.access_token.reveal()).await?;
        if answer.status != StatusCode::FORBIDDEN || answer.is_html() {
            return Ok(answer);
        }
        match self.tokens.get_for_new_client(&token).await {
            Ok(Some(token)) => self.send_with(context, &mut call, token.access_token.reveal()).await,
            // The 403 tells the caller more than the failure of the registration.
            Ok(None) | Err(_) => Ok(answer),
        }
    }

    async fn send_with(
        &self,
        context: &CallContext,
        call: &mut ProviderCall,
        token: &str,
    ) -> Result<ProviderResponse> {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}"))
            .map_err(|_| Error::NotAuthenticated(AuthenticationProblem::Unreadable))?;
        value.set_sensitive(true);
        call.headers.insert(AUTHORIZATION, value);
        self.http.send(context, call).await
    }
}
