//! The callers of the gRPC API, checked.

use std::{collections::HashMap, sync::Arc};

use super::Environments;
use crate::{
    config::{CallerEntry, Grpc, Jwt, JwtSubject, Tls, TlsMode},
    domain::{
        authentication::AuthenticationProblem,
        caller::{Caller, Permission, Scope},
        credential::{Credential, SubjectPattern, TokenHash},
        error::{Violation, Violations},
        id::{EnvironmentName, RequestorId},
        subject_alt_name::SubjectAltName,
    },
};

/// The violation of an entry without a credential.
const NEEDS_PROOF: &str = "must have a credential: one of san, jwt and token_hash";

/// The violation of an entry with several credentials.
const ONE_PROOF: &str = "must have only one of san, jwt and token_hash; add an entry with the same name for each other credential";

/// The maximum length of a caller's name, in bytes.
const NAME_MAX: usize = 128;

/// The configured callers, by credential.
#[derive(Debug, Clone, Default)]
pub struct CallerPolicy {
    names: HashMap<SubjectAltName, Caller>,
    tokens: HashMap<TokenHash, Caller>,
    /// By issuer.
    subjects: HashMap<Box<str>, Subjects>,
}

/// The number of entries of each kind of credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CallerCounts {
    /// Certificates.
    pub(crate) certificates: usize,
    /// JWTs.
    pub(crate) subjects: usize,
    /// Static tokens.
    pub(crate) tokens: usize,
}

/// The callers that an issuer's JWTs identify.
#[derive(Debug, Clone, Default)]
struct Subjects {
    exact: HashMap<Box<str>, Caller>,
    /// The patterns do not overlap.
    patterns: Vec<(SubjectPattern, Caller)>,
}

/// The index of the entry of each credential, so that an error about a duplicate can name the earlier entry.
#[derive(Default)]
struct CallerIndex<'a> {
    names: HashMap<SubjectAltName, usize>,
    tokens: HashMap<TokenHash, usize>,
    subjects: HashMap<(&'a str, &'a str), usize>,
    patterns: Vec<(&'a str, SubjectPattern, usize)>,
}

impl CallerPolicy {
    pub(super) fn new(
        config: &[CallerEntry],
        grpc: &Grpc,
        environments: &Environments,
    ) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        let mut policy = Self::default();
        let mut listed = CallerIndex::default();
        for (index, entry) in config.iter().enumerate() {
            let path = format!("callers[{index}]");
            let caller = violations.take_all(caller(&path, entry, environments));
            let known = match (&entry.san, &entry.jwt, &entry.token_hash) {
                (Some(san), None, None) => policy.add_name(&path, index, san, caller, &grpc.tls, &mut listed),
                (None, Some(jwt), None) => {
                    policy.add_subject(&path, index, jwt, caller, &grpc.jwt, &mut listed)
                }
                (None, None, Some(hash)) => policy.add_token(&path, index, hash, caller, &mut listed),
                (None, None, None) => Err(Violation::new(&path, NEEDS_PROOF)),
                _ => Err(Violation::new(&path, ONE_PROOF)),
            };
            violations.take(known);
        }
        violations.none_or(policy)
    }

    fn add_name(
        &mut self,
        path: &str,
        index: usize,
        text: &str,
        caller: Option<Caller>,
        tls: &Tls,
        listed: &mut CallerIndex<'_>,
    ) -> Result<(), Violation> {
        let field = format!("{path}.san");
        let name = SubjectAltName::parse(&field, text)?;
        check_certificates(&field, tls)?;
        if let Some(other) = listed.names.insert(name.clone(), index) {
            return Err(Violation::new(field, duplicate(other)));
        }
        self.names.extend(caller.map(|caller| (name, caller)));
        Ok(())
    }

    fn add_token(
        &mut self,
        path: &str,
        index: usize,
        text: &str,
        caller: Option<Caller>,
        listed: &mut CallerIndex<'_>,
    ) -> Result<(), Violation> {
        let field = format!("{path}.token_hash");
        let hash = TokenHash::parse(&field, text)?;
        if let Some(other) = listed.tokens.insert(hash, index) {
            return Err(Violation::new(field, duplicate(other)));
        }
        self.tokens.extend(caller.map(|caller| (hash, caller)));
        Ok(())
    }

    fn add_subject<'a>(
        &mut self,
        path: &str,
        index: usize,
        jwt: &'a JwtSubject,
        caller: Option<Caller>,
        issuers: &[Jwt],
        listed: &mut CallerIndex<'a>,
    ) -> Result<(), Violation> {
        let JwtSubject { issuer, subject } = jwt;
        let field = format!("{path}.jwt.issuer");
        check_issuer(&field, issuer, issuers)?;
        let field = format!("{path}.jwt.subject");
        let pattern = SubjectPattern::parse(&field, subject)?;
        if let Some(other) = listed.subjects.insert((issuer, subject), index) {
            return Err(Violation::new(field, duplicate(other)));
        }
        let subjects = self.subjects.entry(issuer.as_str().into()).or_default();
        if pattern.is_exact() {
            subjects.exact.extend(caller.map(|caller| (subject.as_str().into(), caller)));
            return Ok(());
        }
        let overlaps =
            |(other, listed, _): &&(&str, SubjectPattern, usize)| other == issuer && pattern.overlaps(listed);
        if let Some((_, _, other)) = listed.patterns.iter().find(overlaps) {
            let text = format!(
                "must not match subjects that callers[{other}] matches too: a subject identifies one caller"
            );
            return Err(Violation::new(field, text));
        }
        listed.patterns.push((issuer, pattern.clone(), index));
        subjects.patterns.extend(caller.map(|caller| (pattern, caller)));
        Ok(())
    }

    /// The caller that the credential identifies.
    ///
    /// # Errors
    /// If it identifies no caller, or more than one.
    pub(crate) fn caller(&self, credential: Arc<Credential>) -> Result<Caller, AuthenticationProblem> {
        let caller = match &*credential {
            Credential::Certificate(names) => self.certified(names)?,
            Credential::Token(hash) => self.tokens.get(hash).ok_or(AuthenticationProblem::CallerUnknown)?,
            Credential::Subject { issuer, subject } => {
                let subjects = self.subjects.get(&**issuer);
                let caller = subjects.and_then(|subjects| subjects.caller(subject));
                caller.ok_or(AuthenticationProblem::CallerUnknown)?
            }
        };
        Ok(caller.clone().known_by(credential))
    }

    /// The number of entries of each kind.
    pub(crate) fn counts(&self) -> CallerCounts {
        let subjects = self.subjects.values().map(|subjects| subjects.exact.len() + subjects.patterns.len());
        CallerCounts { certificates: self.names.len(), subjects: subjects.sum(), tokens: self.tokens.len() }
    }

    /// Whether a caller authenticates with tokens of this issuer.
    pub(crate) fn has_issuer(&self, name: &str) -> bool {
        self.subjects.contains_key(name)
    }

    /// The caller that a certificate with these names identifies.
    fn certified(&self, names: &[SubjectAltName]) -> Result<&Caller, AuthenticationProblem> {
        let mut meant = names.iter().filter_map(|name| self.names.get(name));
        match (meant.next(), meant.next()) {
            (Some(caller), None) => Ok(caller),
            (Some(_), Some(_)) => Err(AuthenticationProblem::CertificateOfSeveral),
            (None, _) if names.is_empty() => Err(AuthenticationProblem::CertificateWithoutName),
            (None, _) => Err(AuthenticationProblem::CertificateUnknown),
        }
    }
}

impl Subjects {
    fn caller(&self, subject: &str) -> Option<&Caller> {
        self.exact.get(subject).or_else(|| {
            let mut patterns = self.patterns.iter();
            patterns.find(|(pattern, _)| pattern.matches(subject)).map(|(_, caller)| caller)
        })
    }
}

/// Checks that the listener requests client certificates.
fn check_certificates(field: &str, tls: &Tls) -> Result<(), Violation> {
    let text = match tls.mode() {
        TlsMode::On if tls.client_ca.is_some() => return Ok(()),
        TlsMode::On => {
            "requires client certificates, which the listener does not request; set grpc.tls.client_ca to the CAs that issue them"
        }
        TlsMode::Off => {
            "requires client certificates; set grpc.tls.certificate and grpc.tls.key, and set grpc.tls.client_ca to the CAs \
             that issue client certificates"
        }
        TlsMode::TerminatedElsewhere => {
            "requires client certificates, which stop at the proxy with grpc.tls.mode = \"terminated_elsewhere\"; terminate \
             TLS here (grpc.tls.certificate, grpc.tls.key and grpc.tls.client_ca), or authenticate this caller by jwt or \
             token_hash"
        }
    };
    Err(Violation::new(field, text))
}

fn check_issuer(field: &str, issuer: &str, issuers: &[Jwt]) -> Result<(), Violation> {
    if issuers.iter().any(|jwt| jwt.issuer == issuer) {
        return Ok(());
    }
    let known: Vec<_> = issuers.iter().map(|jwt| format!("{:?}", jwt.issuer)).collect();
    let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
    Err(Violation::new(field, format!("must be the issuer of a [[grpc.jwt]] ({known}), but is {issuer:?}")))
}

fn duplicate(other: usize) -> String {
    format!("must be unique, but callers[{other}] has it too; each credential identifies one caller")
}

/// The caller of an entry, with its permissions.
fn caller(path: &str, entry: &CallerEntry, environments: &Environments) -> Result<Caller, Vec<Violation>> {
    let mut violations = Violations::default();
    let CallerEntry { name, requestors, environments: named, permissions, .. } = entry;
    if name.is_empty() {
        violations.add(&format!("{path}.name"), "is required: the caller's name in the audit log");
    }
    violations.check_text(&format!("{path}.name"), name, NAME_MAX);
    let field = format!("{path}.environments");
    let parse = |text: &String| violations.take(known_environment(&field, text, environments));
    let named: Vec<EnvironmentName> = named.iter().filter_map(parse).collect();
    let field = format!("{path}.requestors");
    let parse = |text: &String| violations.take(known_requestor(&field, text, &named, environments));
    let requestors: Vec<RequestorId> = requestors.iter().filter_map(parse).collect();
    let field = format!("{path}.permissions");
    let parse = |text: &String| violations.take(Permission::parse(&field, text));
    let permissions: Vec<Permission> = permissions.iter().filter_map(parse).collect();
    let caller = Caller::new(name.as_str(), scope(requestors), scope(named), permissions);
    violations.none_or(caller)
}

fn scope<T: Ord>(names: Vec<T>) -> Scope<T> {
    if names.is_empty() { Scope::Any } else { Scope::Only(names.into_iter().collect()) }
}

fn known_environment(
    field: &str,
    text: &str,
    environments: &Environments,
) -> Result<EnvironmentName, Violation> {
    let name = EnvironmentName::parse(field, text)?;
    if environments.get(&name).is_some() {
        return Ok(name);
    }
    let known: Vec<_> = environments.names().map(EnvironmentName::as_str).collect();
    Err(Violation::new(field, format!("must be one of {}, but is {text:?}", known.join(", "))))
}

/// Parses a requestor id, and checks that one of the named environments accepts it, or any environment if
/// none is named.
fn known_requestor(
    field: &str,
    text: &str,
    named: &[EnvironmentName],
    environments: &Environments,
) -> Result<RequestorId, Violation> {
    let requestor = RequestorId::parse(field, text)?;
    let mut meant = environments.iter().filter(|(name, _)| named.is_empty() || named.contains(name));
    if meant.any(|(_, environment)| environment.accepts(&requestor)) {
        return Ok(requestor);
    }
    let text = format!(
        "must be a requestor of one of the caller's environments, but is {text:?}; add it there \
         (environments.NAME.requestors.{text}), or use one that is listed"
    );
    Err(Violation::new(field, text))
}

#[cfg(test)]
mod tests;
