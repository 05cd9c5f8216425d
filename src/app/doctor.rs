//! Checks what precedes the use cases: how gRPC callers authenticate, the keys that this requires, and the listeners'
//! TLS.

use async_trait::async_trait;

use super::{
    issuers::IssuerFactory,
    tls::{self, PresentTls, TlsListeners},
};
use crate::{
    config::{
        Auth, CallerPolicy, ClientCertificate, ConfigError, IssuerKeys, Tls, TlsMode, ValidConfig,
        ValidIssuer,
    },
    domain::{
        backend::{Finding, FindingStatus},
        clock::SharedClock,
    },
    jwks_client::JwksClient,
    service::{
        authentication::{Issuers, KeySource},
        operator::{ExaminationReport, FaceDoctor},
        policy::SharedPolicy,
    },
    tls::ServerTls,
};

/// The settings in effect.
#[derive(Clone)]
pub(super) struct AccessSettings {
    auth: Auth,
    issuers: Vec<ValidIssuer>,
    /// The issuers with the keys already fetched, in a running server.
    known: Issuers,
    tls: PresentTls,
}

impl AccessSettings {
    /// The settings of a configuration, for an installation whose server does not run. Blocks.
    ///
    /// # Errors
    /// If a file of the configuration has become invalid since it was read.
    pub(super) fn of(valid: &ValidConfig) -> Result<Self, ConfigError> {
        let tls = PresentTls::read(&valid.written).map_err(ConfigError::of_values)?;
        let known = Issuers::default();
        Ok(Self { auth: valid.written.grpc.auth, issuers: valid.issuers.clone(), known, tls })
    }

    /// The settings in effect in a running server.
    pub(super) fn present(auth: Auth, issuers: &IssuerFactory, tls: &TlsListeners) -> Self {
        Self { auth, issuers: issuers.configured(), known: issuers.known().clone(), tls: tls.present() }
    }
}

/// Checks both faces.
pub(super) struct AccessDoctor {
    /// Returns the settings in effect. A reload may change them.
    pub access: Box<dyn Fn() -> AccessSettings + Send + Sync>,
    pub policy: SharedPolicy,
    pub clock: SharedClock,
}

#[async_trait]
impl FaceDoctor for AccessDoctor {
    async fn examine(&self) -> Vec<ExaminationReport> {
        let access = (self.access)();
        let PresentTls { sections, tls } = &access.tls;
        let policy = self.policy.load_full();
        let mut grpc = vec![
            callers(access.auth, policy.callers()),
            self.tls("grpc.tls", &sections.grpc, tls.grpc.as_deref()),
        ];
        for issuer in &access.issuers {
            grpc.push(examine_issuer(issuer, &access.known, policy.callers()).await);
        }
        let rest = vec![self.tls("rest.tls", &sections.rest, tls.rest.as_deref())];
        let examined = |subject: &str, findings| ExaminationReport { subject: subject.to_owned(), findings };
        vec![examined("gRPC", grpc), examined("REST", rest)]
    }
}

impl AccessDoctor {
    fn tls(&self, key: &str, section: &Tls, tls: Option<&ServerTls>) -> Finding {
        let Some(tls) = tls else {
            let seen = match section.mode() {
                TlsMode::TerminatedElsewhere => {
                    "terminated by a proxy; make sure that only the proxy can connect"
                }
                TlsMode::Off | TlsMode::On => "off: plain text, on loopback addresses only",
            };
            return finding("tls", FindingStatus::Fine, seen, None);
        };
        let clients = match (&section.client_ca, section.client_certificate()) {
            (None, _) => "no client certificates are requested",
            (Some(_), ClientCertificate::Optional) => "client certificates are optional",
            (Some(_), ClientCertificate::Required) => "client certificates are required",
        };
        let end = tls.validity().end;
        let (condition, state, remedy) = if self.clock.now() > end {
            (FindingStatus::Broken, "expired", Some("Renew the certificate; clients reject it"))
        } else if tls::expires_soon(tls.validity(), self.clock.now()) {
            (FindingStatus::Odd, "expires soon", Some("Renew the certificate before clients reject it"))
        } else {
            (FindingStatus::Fine, "valid", None)
        };
        let remedy = remedy
            .map(|remedy| format!("{remedy}. A new file at {key}.certificate takes effect within seconds."));
        finding("tls", condition, &format!("certificate {state}, expiry {}; {clients}", tls::at(end)), remedy)
    }
}

fn callers(auth: Auth, callers: &CallerPolicy) -> Finding {
    let counts = callers.counts();
    let (certificates, subjects, tokens) = (counts.certificates, counts.subjects, counts.tokens);
    match auth {
        Auth::None => {
            finding("callers", FindingStatus::Fine, "authentication is off, on loopback addresses only", None)
        }
        Auth::Callers if certificates + subjects + tokens == 0 => {
            let remedy = "Add a caller: create a token with passbridge caller new, or list a certificate or a JWT subject (docs/callers.md).";
            let seen = "no callers are configured; only health checks are answered";
            finding("callers", FindingStatus::Odd, seen, Some(remedy.to_owned()))
        }
        Auth::Callers => {
            let seen = format!(
                "entries: {} ({certificates} by certificate, {subjects} by JWT, {tokens} by token)",
                certificates + subjects + tokens
            );
            finding("callers", FindingStatus::Fine, &seen, None)
        }
    }
}

/// Fetches the keys, regardless of the keys that the server has already.
async fn examine_issuer(issuer: &ValidIssuer, known: &Issuers, callers: &CallerPolicy) -> Finding {
    let name = &issuer.name;
    let read = match &issuer.keys {
        IssuerKeys::Read(set) => Ok((set.len(), "a file".to_owned())),
        IssuerKeys::At(place) => match JwksClient::new(place.clone()) {
            Ok(client) => client.read().await.map(|served| (served.set.len(), place.url.to_string())),
            Err(problem) => Err(problem),
        },
    };
    match read {
        Ok((keys, place)) if callers.has_issuer(name) => {
            finding("issuer", FindingStatus::Fine, &format!("{name}: {keys} keys from {place}"), None)
        }
        Ok(_) => {
            let remedy = format!(
                "Add a caller with jwt = {{ issuer = {name:?}, subject = \"…\" }}, or remove the issuer."
            );
            finding(
                "issuer",
                FindingStatus::Odd,
                &format!("{name}: no configured caller uses its tokens"),
                Some(remedy),
            )
        }
        Err(problem) => {
            let kept = known.get(name).and_then(|issuer| issuer.keys()).map(|keys| keys.len());
            let until_then = match kept {
                Some(kept) => format!("the {kept} keys fetched before stay in use for a day"),
                None => "calls with its tokens fail with UNAVAILABLE".to_owned(),
            };
            let remedy = "Check jwks, jwks_ca and jwks_token_file in its [[grpc.jwt]] entry, and whether this machine can connect.";
            let seen = format!("{name}: {problem}; {until_then}");
            finding("issuer", FindingStatus::Broken, &seen, Some(remedy.to_owned()))
        }
    }
}

fn finding(step: &str, condition: FindingStatus, seen: &str, remedy: Option<String>) -> Finding {
    let causes = remedy.into_iter().map(|remedy| (String::new(), remedy)).collect();
    Finding { step: step.to_owned(), condition, seen: seen.to_owned(), causes }
}
