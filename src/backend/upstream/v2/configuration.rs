//! The provider's configuration of requestors: a single-flight cache with a TTL of two minutes.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::Method;
use serde_json::Value;
use tokio::sync::Mutex as AsyncMutex;

use super::{call, object, send};
use crate::{
    backend::upstream::{
        Upstream,
        call::ProviderResponse,
        failure::unreadable,
        json::{shown, text},
    },
    domain::{
        call::CallContext,
        clock::MonotonicInstant,
        entitlement::{Mvpd, PlatformSso, RequestorConfiguration},
        error::Result,
        id::{MvpdId, RequestorId},
    },
};

/// The TTL of a cached configuration: the longest that the documents permit (reference of the device flow, section 3).
const CACHE_TTL: Duration = Duration::from_secs(2 * 60);

/// The maximum number of cached requestors. If none are configured, callers can name any.
const REQUESTORS_MAX: usize = 1_000;

/// The maximum length of a name and of a logo URL, in bytes, and the maximum numbers of operators and domains.
const TEXT_MAX: usize = 2_048;
const MVPDS_MAX: usize = 10_000;
const DOMAINS_MAX: usize = 1_000;

/// Fetches and caches configurations.
pub(super) struct Configurations {
    upstream: Upstream,
    cached: Mutex<HashMap<RequestorId, Arc<ConfigurationSlot>>>,
}

/// The cached configuration of a requestor. Locked during a call to the provider.
type ConfigurationSlot = AsyncMutex<Option<CachedConfiguration>>;

struct CachedConfiguration {
    since: MonotonicInstant,
    configuration: Arc<RequestorConfiguration>,
}

impl Configurations {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self { upstream, cached: Mutex::default() }
    }

    /// Returns the requestor's configuration, which may be up to two minutes old.
    pub(super) async fn of(
        &self,
        context: &CallContext,
        requestor: &RequestorId,
    ) -> Result<Arc<RequestorConfiguration>> {
        let slot = self.slot(requestor);
        let mut cached = slot.lock().await;
        let now = self.upstream.inner.parts.clock.instant();
        if let Some(cached) = cached.as_ref().filter(|cached| now.since(cached.since) < CACHE_TTL) {
            return Ok(Arc::clone(&cached.configuration));
        }
        let answer = send(&self.upstream, context, call(Method::GET, requestor, "configuration")).await?;
        let configuration = Arc::new(read(&answer)?);
        *cached = Some(CachedConfiguration { since: now, configuration: Arc::clone(&configuration) });
        Ok(configuration)
    }

    fn slot(&self, requestor: &RequestorId) -> Arc<ConfigurationSlot> {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.len() >= REQUESTORS_MAX && !cached.contains_key(requestor) {
            // Slots with waiting callers stay.
            cached.retain(|_, slot| Arc::strong_count(slot) > 1);
        }
        Arc::clone(cached.entry(requestor.clone()).or_default())
    }
}

fn read(answer: &ProviderResponse) -> Result<RequestorConfiguration> {
    let body = object(answer)?;
    let requestor = body.get("requestor").filter(|requestor| requestor.is_object());
    let requestor = requestor.ok_or_else(|| unreadable(answer, "its response has no requestor"))?;
    let list = |key: &str, limit: usize| {
        let items = requestor.get(key).and_then(Value::as_array).into_iter().flatten();
        items.take(limit)
    };
    Ok(RequestorConfiguration {
        id: word(requestor, "id").unwrap_or_default(),
        name: word(requestor, "name").unwrap_or_default(),
        domains: list("domains", DOMAINS_MAX).filter_map(|domain| word(domain, "name")).collect(),
        mvpds: list("mvpds", MVPDS_MAX).filter_map(mvpd).collect(),
    })
}

/// Reads an operator. One with an invalid id is skipped, since no viewer could log in with it.
fn mvpd(mvpd: &Value) -> Option<Mvpd> {
    let id = MvpdId::parse("id", &text(mvpd, "id")?).ok()?;
    let flag = |key: &str| mvpd.get(key).and_then(Value::as_bool);
    Some(Mvpd {
        display_name: word(mvpd, "displayName").unwrap_or_else(|| id.to_string()),
        id,
        logo_url: word(mvpd, "logoUrl").unwrap_or_default(),
        is_temp_pass: flag("isTempPass").unwrap_or_default(),
        is_proxy: flag("isProxy").unwrap_or_default(),
        auth_per_aggregator: flag("authPerAggregator").unwrap_or_default(),
        passive_authn_enabled: flag("passiveAuthnEnabled").unwrap_or(true),
        auth_per_browser_session: flag("authPerBrowserSession").unwrap_or_default(),
        platform_sso: PlatformSso {
            is_enabled: flag("enablePlatformServices"),
            boarding_status: word(mvpd, "boardingStatus"),
            in_picker: flag("displayInPlatformPicker"),
            mapping_id: word(mvpd, "platformMappingId"),
            enforces_permissions: flag("enforcePlatformPermissions"),
        },
    })
}

fn word(object: &Value, key: &str) -> Option<String> {
    text(object, key).map(|text| shown(&text, TEXT_MAX))
}
