//! Examines an upstream in the order in which a call depends on its parts: name resolution, connection, TLS, clock,
//! credentials, token, and then the API itself.

mod login;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use http::Method;
use reqwest::Url;
use tokio::net::{TcpStream, lookup_host};

use super::{
    Upstream,
    call::{ProviderCall, ProviderOrigin, ProviderResponse, TokenScope},
    circuit::CircuitState,
    failure::refusal,
};
use crate::domain::{
    backend::{Deletion, Doctor, Examination, Finding, FindingStatus, Issuance},
    call::CallContext,
    clock::Timestamp,
    device_info::DeviceInfo,
    error::{Error, UpstreamAnswer},
    id::{DeviceId, Place},
    probable_cause::probable_causes,
    registration_code::{RegistrationRequest, UpstreamApi},
};

/// The timeout of a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum number of addresses in a finding: the name of a gateway may have many.
const ADDRESSES_SHOWN: usize = 8;

/// The difference of the two clocks from which the examination warns.
const SKEW: Duration = Duration::from_secs(60);

/// The device address for the code that the examination creates: one reserved for documentation (RFC 5737).
const DEVICE_ADDRESS: [u8; 4] = [192, 0, 2, 1];

/// Examines one upstream.
pub(super) struct UpstreamDoctor(Upstream);

impl UpstreamDoctor {
    pub(super) fn new(upstream: Upstream) -> Self {
        Self(upstream)
    }

    /// Checks name resolution, connection, TLS and clock of an origin. Returns whether its API can be examined.
    async fn reach(&self, findings: &mut Vec<Finding>, origin: ProviderOrigin, url: &Url) -> bool {
        let name = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let addresses: Vec<SocketAddr> = match lookup_host((name.as_str(), port)).await {
            Ok(addresses) => addresses.collect(),
            Err(error) => {
                let remedy = "Resolve the name on this machine, and check environments.NAME.url.";
                findings.push(broken("name", format!("{name} does not resolve: {error}"), remedy));
                return false;
            }
        };
        // The addresses reveal an entry of the hosts file that points elsewhere.
        let shown: Vec<_> =
            addresses.iter().take(ADDRESSES_SHOWN).map(|address| address.ip().to_string()).collect();
        findings.push(fine("name", format!("{name} resolves to {}", shown.join(", "))));
        let Some(address) = connected(&addresses).await else {
            let remedy = "Check for a firewall between this machine and the provider, and for a proxy that must be used.";
            findings.push(broken(
                "connection",
                format!("none of its addresses accepts connections on port {port}"),
                remedy,
            ));
            return false;
        };
        findings.push(fine("connection", format!("{address} accepts connections")));
        match self.0.inner.http.probe(origin).await {
            Ok(answer) => {
                let how =
                    if url.scheme() == "https" { "TLS and HTTP work" } else { "HTTP works, without TLS" };
                findings.push(fine("tls", how.to_owned()));
                findings.push(self.clock(&answer));
                true
            }
            Err(problem) => {
                let remedy = "It accepts connections but does not respond over them. Check the scheme of the URL, and whether this \
                     machine trusts its certificate.";
                findings.push(broken("tls", problem, remedy));
                false
            }
        }
    }

    fn clock(&self, answer: &ProviderResponse) -> Finding {
        let now = self.0.inner.parts.clock.now();
        let provider_time = answer.date().and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        let provider_time =
            provider_time.and_then(|date| u64::try_from(date.timestamp().as_millisecond()).ok());
        let Some(provider_time) = provider_time.map(Timestamp::from_millis) else {
            return fine("clock", "the response has no Date header to compare with".to_owned());
        };
        let skew = now.since(provider_time).max(provider_time.since(now));
        if skew < SKEW {
            return fine("clock", format!("the clocks differ by less than {} s", skew.as_secs() + 1));
        }
        let causes = vec![(
            "The clock of this machine, or the provider's, is wrong.".to_owned(),
            "Synchronize the clock of this machine by NTP. Codes that have already expired are rejected."
                .to_owned(),
        )];
        let seen = format!("the clocks differ by {} s", skew.as_secs());
        Finding { step: "clock".to_owned(), condition: FindingStatus::Odd, seen, causes }
    }

    /// Checks that there are credentials, and that the provider issues a token for them.
    async fn identify(&self, findings: &mut Vec<Finding>) -> bool {
        let tokens = self.0.inner.session.tokens();
        let before = match tokens.registrar().vault().credentials().await {
            Ok(before) => before,
            Err(error) => {
                findings.push(failed("credentials", &error));
                return false;
            }
        };
        let token = tokens.get(&TokenScope::default()).await;
        let seen = match before {
            Some(_) => "registered before, and stored".to_owned(),
            None => "none were stored: this server must register".to_owned(),
        };
        findings.push(fine("credentials", seen));
        match token {
            Ok(token) => {
                let left = token.time_left(self.0.inner.parts.clock.instant()).as_secs();
                findings.push(fine("token", format!("valid for another {left} s")));
                true
            }
            Err(error) => {
                findings.push(failed("token", &error));
                false
            }
        }
    }

    /// Checks the reset API without a reset: it resets only on DELETE (assumption 15).
    async fn check_reset(&self) -> Finding {
        let call = ProviderCall {
            origin: ProviderOrigin::Reset,
            ..ProviderCall::new(Method::GET, "/reset-tempass/v3/reset".to_owned())
        };
        match self.0.inner.session.send(&CallContext::default(), call).await {
            Ok(answer) if answer.status.as_u16() == 403 || answer.status.is_server_error() => {
                failed("reset", &refusal(&answer, false))
            }
            Ok(answer) if answer.status.as_u16() == 404 => Finding {
                condition: FindingStatus::Odd,
                ..broken(
                    "reset",
                    "responds with 404, as if this API did not exist".to_owned(),
                    "Check environments.NAME.reset_url.",
                )
            },
            Ok(answer) => fine(
                "reset",
                format!("responds with {} to a request that resets nothing", answer.status.as_u16()),
            ),
            Err(error) => failed("reset", &error),
        }
    }

    /// Creates a code, starts a login with it (version 2 only), and deletes it.
    async fn create(&self, api: UpstreamApi, place: Place, domain_name: Option<&str>) -> Vec<Finding> {
        let backend = Arc::clone(self.0.backends().of(api));
        let context = CallContext::default();
        let issued = match backend.codes().issue(&context, Box::new(request(place)), None).await {
            Ok(Issuance::Issued(issued)) => issued.registration,
            // Impossible without an idempotency key.
            Ok(Issuance::Repeated(_)) => return Vec::new(),
            Err(error) => return vec![failed("create", &error)],
        };
        let seen = format!("a code of {} characters was created", issued.code.as_str().len());
        let mut findings = vec![fine("create", seen)];
        if api == UpstreamApi::V2 {
            findings.extend(self.log_in(issued.key(), domain_name).await);
        }
        findings.push(match backend.codes().delete(&context, &issued).await {
            Ok(Deletion::Released { upstream_deleted: Some(false) }) => fine(
                "delete",
                "passbridge deleted its record; at the provider the code stays until it expires".to_owned(),
            ),
            Ok(Deletion::Released { .. }) => fine("delete", "the code was deleted".to_owned()),
            Ok(Deletion::NotFound) => {
                broken("delete", "the code no longer exists".to_owned(), "Run the command again.")
            }
            Err(error) => failed("delete", &error),
        });
        findings
    }
}

#[async_trait]
impl Doctor for UpstreamDoctor {
    async fn examine(&self, examination: &Examination) -> Vec<Finding> {
        let mut findings = Vec::new();
        if self.0.circuit() == CircuitState::Open {
            findings.push(Finding {
                step: "circuit".to_owned(),
                condition: FindingStatus::Odd,
                seen: "the circuit breaker is open after repeated failures".to_owned(),
                causes: Vec::new(),
            });
        }
        let (url, reset_url) = (&self.0.inner.options.url, &self.0.inner.options.reset_url);
        if !self.reach(&mut findings, ProviderOrigin::Api, url).await || !self.identify(&mut findings).await {
            return findings;
        }
        let mut of_reset = Vec::new();
        if url == reset_url || self.reach(&mut of_reset, ProviderOrigin::Reset, reset_url).await {
            of_reset.push(self.check_reset().await);
        }
        findings.extend(of_reset);
        if let Some(place) = &examination.create_for {
            let domain_name = examination.domain_name.as_deref();
            findings.extend(self.create(examination.api, place.clone(), domain_name).await);
        }
        findings
    }
}

async fn connected(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    for address in addresses {
        if let Ok(Ok(_)) = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            return Some(*address);
        }
    }
    None
}

fn request(place: Place) -> RegistrationRequest {
    RegistrationRequest {
        device_id: DeviceId::parse("device_id", "passbridge doctor").ok(),
        device_info: Some(DeviceInfo {
            model: Some("passbridge".to_owned()),
            os_name: Some("Linux".to_owned()),
            ..DeviceInfo::default()
        }),
        device_ip: Some(IpAddr::from(DEVICE_ADDRESS).into()),
        ..RegistrationRequest::new(place)
    }
}

fn fine(step: &str, seen: String) -> Finding {
    Finding { step: step.to_owned(), condition: FindingStatus::Fine, seen, causes: Vec::new() }
}

fn broken(step: &str, seen: String, remedy: &str) -> Finding {
    let causes = vec![(String::new(), remedy.to_owned())];
    Finding { step: step.to_owned(), condition: FindingStatus::Broken, seen, causes }
}

fn failed(step: &str, error: &Error) -> Finding {
    let causes = probable_causes(error);
    let causes =
        causes.into_iter().map(|cause| (cause.cause.into_owned(), cause.remedy.to_owned())).collect();
    let details = error.upstream_answer().map(details_text).unwrap_or_default();
    let seen = format!("{}{details}", error.operator_message());
    Finding { step: step.to_owned(), condition: FindingStatus::Broken, seen, causes }
}

fn details_text(answer: &UpstreamAnswer) -> String {
    let status = answer.status.map(|status| format!("status {status}"));
    let code = answer.code.as_ref().map(|code| format!("code {code}"));
    let trace = answer.trace.as_ref().map(|trace| format!("trace {trace}"));
    let details: Vec<_> = [status, code, trace].into_iter().flatten().collect();
    if details.is_empty() { String::new() } else { format!(" ({})", details.join(", ")) }
}
