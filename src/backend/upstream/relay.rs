//! Relays REST clients' calls to the provider's `/o/client`, and records the access tokens that it issues this way. A
//! token on a call that the provider does not receive must have been recorded here before.

use std::time::Duration;

use async_trait::async_trait;
use http::{
    Method, StatusCode,
    header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
};
use quick_cache::sync::Cache;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    Upstream,
    call::{ProviderCall, ProviderOrigin, TokenScope},
    credentials::EXPIRES_IN_DEFAULT,
    json::{number, text},
};
use crate::{
    domain::{
        backend::{RegistrationRelay, RelayedCall, RelayedResponse},
        call::CallContext,
        clock::MonotonicInstant,
        error::{Error, Result, UpstreamAnswer},
        id::RequestorId,
        ledger_kind::LedgerKind,
        port::{LedgerEntry, LedgerKey},
        secret::SecretText,
    },
    format::MarkV1,
};

const KIND: LedgerKind = LedgerKind::RelayedToken;

/// The number of tokens that are cached in memory.
const REMEMBERED: usize = 100_000;

/// The longest time for which a token is recorded, in seconds, whatever its `expires_in`.
const EXPIRES_IN_MAX: u64 = 7 * 24 * 60 * 60;

/// Forwards registrations and records tokens.
pub(super) struct Relay {
    upstream: Upstream,
}

/// The expiry of recorded tokens, by digest.
pub(super) struct SeenTokens(Cache<[u8; 32], MonotonicInstant>);

impl Default for SeenTokens {
    fn default() -> Self {
        Self(Cache::new(REMEMBERED))
    }
}

#[async_trait]
impl RegistrationRelay for Relay {
    async fn send(&self, context: &CallContext, call: RelayedCall) -> Result<RelayedResponse> {
        let RelayedCall { path, query, headers, body, device } = call;
        let is_token = path.ends_with("/token");
        let call = ProviderCall::new(Method::POST, path.to_owned()).on_behalf_of(device);
        let call = ProviderCall { query, headers, body, retryable: is_token, ..call };
        let received = self.upstream.inner.parts.clock.instant();
        let answer = self.upstream.inner.http.send(context, &call).await?;
        if is_token && answer.status.is_success() {
            self.remember(&answer.body, received).await?;
        }
        let headers = [CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE];
        let headers =
            headers.into_iter().filter_map(|name| Some((name.clone(), answer.headers.get(name)?.clone())));
        Ok(RelayedResponse { status: answer.status, headers: headers.collect(), body: answer.body })
    }

    async fn has_issued(&self, token: &str) -> Result<bool> {
        let digest: [u8; 32] = Sha256::digest(token).into();
        let inner = &self.upstream.inner;
        let SeenTokens(seen) = &inner.seen_tokens;
        if let Some(end) = seen.get(&digest) {
            return Ok(inner.parts.clock.instant() < end);
        }
        let Some(entry) = inner.parts.ledger.get(&self.key(&digest)).await? else { return Ok(false) };
        if let Some(end) = entry.expire_time {
            seen.insert(digest, inner.parts.clock.instant_until(end));
        }
        Ok(true)
    }

    async fn own_token(
        &self,
        requestor: Option<&RequestorId>,
        refused: Option<&SecretText>,
    ) -> Result<SecretText> {
        let tokens = self.upstream.inner.session.tokens();
        let scope =
            requestor.map(|requestor| TokenScope::of(ProviderOrigin::Api, requestor)).unwrap_or_default();
        let token = tokens.get(&scope).await?;
        if refused != Some(&token.access_token) {
            return Ok(token.access_token.clone());
        }
        let other = tokens.replacement_for(&token).await?;
        let other = other.ok_or_else(|| Error::UpstreamCredentialsRefused {
            answer: UpstreamAnswer {
                status: Some(StatusCode::UNAUTHORIZED.as_u16()),
                ..UpstreamAnswer::default()
            },
        })?;
        Ok(other.access_token.clone())
    }
}

impl Relay {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self { upstream }
    }

    async fn remember(&self, body: &[u8], received: MonotonicInstant) -> Result<()> {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let Some(token) = text(&body, "access_token") else { return Ok(()) };
        let seconds = number(&body, "expires_in").unwrap_or(EXPIRES_IN_DEFAULT).min(EXPIRES_IN_MAX);
        let (inner, life) = (&self.upstream.inner, Duration::from_secs(seconds));
        let digest: [u8; 32] = Sha256::digest(&token).into();
        let end = inner.parts.clock.moment_of(received) + life;
        let entry = LedgerEntry { value: MarkV1::encode(), expire_time: Some(end) };
        // Before the client receives it, so that every replica accepts its next call.
        inner.parts.ledger.put_if_absent(&self.key(&digest), entry).await?;
        let SeenTokens(seen) = &inner.seen_tokens;
        seen.insert(digest, received + life);
        Ok(())
    }

    fn key(&self, digest: &[u8; 32]) -> LedgerKey {
        let inner = &self.upstream.inner;
        let name = [inner.environment.as_str().as_bytes(), inner.options.url.as_str().as_bytes(), digest];
        LedgerKey { kind: KIND, name: name.join(&0) }
    }
}
