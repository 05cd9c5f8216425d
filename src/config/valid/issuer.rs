//! The issuers of JWTs, checked.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use reqwest::{Certificate, Url};

use crate::{
    auth::key_set::KeySet,
    config::{Files, Jwt},
    domain::error::{Violation, Violations},
    outbound::is_loopback,
};

/// An issuer whose JWTs are accepted.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ValidIssuer {
    /// The claim `iss` of its tokens.
    pub(crate) name: String,
    /// The required claim `aud`.
    pub(crate) audience: String,
    /// Its keys.
    pub(crate) keys: IssuerKeys,
}

/// The source of an issuer's keys.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum IssuerKeys {
    /// A file, which has been read.
    Read(KeySet),
    /// A URL.
    At(KeySetLocation),
}

/// The URL of an issuer's keys, and how to fetch it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeySetLocation {
    /// The URL.
    pub(crate) url: Url,
    /// The CA certificates for the server, in PEM; if `None`, those that the machine trusts.
    pub(crate) ca: Option<String>,
    /// The file with the bearer token that the server requires.
    pub(crate) token_file: Option<PathBuf>,
}

/// `[[grpc.jwt]]`.
pub(super) fn issuers(config: &[Jwt], files: &Files) -> Result<Vec<ValidIssuer>, Vec<Violation>> {
    let mut violations = Violations::default();
    let mut names = HashSet::new();
    let mut issuers = Vec::new();
    for (index, jwt) in config.iter().enumerate() {
        let path = format!("grpc.jwt[{index}]");
        if !jwt.issuer.is_empty() && !names.insert(&jwt.issuer) {
            violations
                .add(&format!("{path}.issuer"), format!("must be unique, but {:?} occurs twice", jwt.issuer));
        }
        issuers.extend(violations.take_all(issuer(&path, jwt, files)));
    }
    violations.none_or(issuers)
}

fn issuer(path: &str, config: &Jwt, files: &Files) -> Result<ValidIssuer, Vec<Violation>> {
    let mut violations = Violations::default();
    let Jwt { issuer, audience, jwks, jwks_ca, jwks_token_file } = config;
    for (key, text, meaning) in [
        ("issuer", issuer, "the claim `iss` of the tokens"),
        ("audience", audience, "the claim `aud` of tokens for this server"),
        ("jwks", jwks, "the file or URL with the issuer's public keys"),
    ] {
        if text.is_empty() {
            violations.add(&format!("{path}.{key}"), format!("is required: {meaning}"));
        }
    }
    let field = format!("{path}.jwks");
    let keys = if is_url(jwks) {
        let ca = jwks_ca.as_ref().and_then(|file| {
            let pem = violations.take(certificates(&format!("{path}.jwks_ca"), file, files));
            pem.map(str::to_owned)
        });
        if let Some(file) = jwks_token_file
            && let Err(text) = files.content(file)
        {
            violations.add(&format!("{path}.jwks_token_file"), format!("{} {text}", file.display()));
        }
        let url = violations.take(url(&field, jwks));
        url.map(|url| IssuerKeys::At(KeySetLocation { url, ca, token_file: jwks_token_file.clone() }))
    } else {
        for (key, file) in [("jwks_ca", jwks_ca), ("jwks_token_file", jwks_token_file)] {
            if file.is_some() {
                violations.add(
                    &format!("{path}.{key}"),
                    "requires a URL in jwks, but that is a file; remove this key",
                );
            }
        }
        let set = files.content(Path::new(jwks)).and_then(|text| KeySet::parse(text.as_bytes()));
        let set = set.map_err(|text| Violation::new(&field, format!("{jwks} {text}")));
        // An empty key has already been reported.
        if jwks.is_empty() { None } else { violations.take(set).map(IssuerKeys::Read) }
    };
    let issuer = keys.map(|keys| ValidIssuer { name: issuer.clone(), audience: audience.clone(), keys });
    violations.none_or(issuer)?.ok_or_else(Vec::new)
}

/// Whether `jwks` is a URL, as opposed to a file.
pub(in crate::config) fn is_url(jwks: &str) -> bool {
    jwks.contains("://")
}

fn url(field: &str, text: &str) -> Result<Url, Violation> {
    let url = Url::parse(text).map_err(|error| Violation::new(field, format!("must be a URL: {error}")))?;
    let is_safe = url.scheme() == "https" || url.scheme() == "http" && is_loopback(&url);
    if !is_safe {
        let text =
            "must be an https URL, because plain http can be tampered with; http is allowed only on loopback";
        return Err(Violation::new(field, text));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Violation::new(
            field,
            "must not contain credentials, which errors would show; use jwks_token_file",
        ));
    }
    Ok(url)
}

/// The content of a file with certificates.
fn certificates<'a>(field: &str, file: &Path, files: &'a Files) -> Result<&'a str, Violation> {
    let pem = files.content(file);
    let pem = pem.and_then(|pem| match Certificate::from_pem_bundle(pem.as_bytes()) {
        Ok(certificates) if !certificates.is_empty() => Ok(pem),
        Ok(_) => Err("contains no PEM certificate".to_owned()),
        Err(error) => Err(format!("contains no valid PEM certificates: {error}")),
    });
    pem.map_err(|text| Violation::new(field, format!("{} {text}", file.display())))
}

#[cfg(test)]
mod tests;
