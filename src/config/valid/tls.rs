//! The `tls` sections of the listeners and the contents of their files, checked.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    config::{ClientCertificate, Files, Tls, TlsMode},
    domain::error::{Violation, Violations},
    tls::{ServerTls, ServerTlsError},
};

/// The TLS of each listener; `None` for plain text.
#[derive(Debug, Clone)]
pub struct ListenersTls {
    /// The gRPC listener's.
    pub grpc: Option<Arc<ServerTls>>,
    /// The REST listener's.
    pub rest: Option<Arc<ServerTls>>,
}

impl ListenersTls {
    /// Checks `grpc.tls` and `rest.tls`, and the files that they name.
    ///
    /// # Errors
    /// Every violation, with its key.
    pub(crate) fn new(grpc: &Tls, rest: &Tls, files: &Files) -> Result<Self, Vec<Violation>> {
        let mut violations = Violations::default();
        let grpc = violations.take_all(of_listener("grpc.tls", grpc, files));
        let rest = violations.take_all(of_listener("rest.tls", rest, files));
        let whole = grpc.zip(rest).map(|(grpc, rest)| Self { grpc, rest });
        // Whatever is missing has already been reported.
        violations.none_or(whole)?.ok_or_else(Vec::new)
    }

    /// Each listener's TLS, with the name of the listener in metrics and in the log.
    pub(crate) fn each(&self) -> [(&'static str, Option<&ServerTls>); 2] {
        [("grpc", self.grpc.as_deref()), ("rest", self.rest.as_deref())]
    }
}

fn of_listener(key: &str, tls: &Tls, files: &Files) -> Result<Option<Arc<ServerTls>>, Vec<Violation>> {
    match tls.mode() {
        TlsMode::On => on(key, tls, files).map(Arc::new).map(Some),
        mode @ (TlsMode::Off | TlsMode::TerminatedElsewhere) => unused(key, tls, mode),
    }
}

/// Reports keys that have no effect because this listener does not terminate TLS.
fn unused<T>(key: &str, tls: &Tls, mode: TlsMode) -> Result<Option<T>, Vec<Violation>> {
    let mode = match mode {
        TlsMode::TerminatedElsewhere => "mode = \"terminated_elsewhere\"",
        TlsMode::Off if tls.mode.is_some() => "mode = \"off\"",
        TlsMode::Off | TlsMode::On => "no certificate",
    };
    let given = [
        ("certificate", tls.certificate.is_some()),
        ("key", tls.key.is_some()),
        ("client_ca", tls.client_ca.is_some()),
        ("client_certificate", tls.client_certificate.is_some()),
    ];
    let wrong = given.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| {
        let text = format!(
            "has no effect with {mode}; set {key}.certificate, {key}.key and {key}.mode = \"on\", or remove this key"
        );
        Violation::new(format!("{key}.{name}"), text)
    });
    let mut violations = Violations::default();
    violations.extend(wrong);
    violations.none_or(None)
}

fn on(key: &str, tls: &Tls, files: &Files) -> Result<ServerTls, Vec<Violation>> {
    let mut violations = Violations::default();
    let own = violations.take_all(own_identity(key, tls, files));
    if tls.client_ca.is_none() && tls.client_certificate.is_some() {
        let text = format!("requires CAs to verify certificates; set {key}.client_ca, or remove this key");
        violations.add(&format!("{key}.client_certificate"), text);
    }
    let Some(path) = &tls.client_ca else { return violations.none_or(own)?.ok_or_else(Vec::new) };
    let field = format!("{key}.client_ca");
    let roots = violations.take(content(&field, path, "the CAs of the clients' certificates", files));
    let required = tls.client_certificate() == ClientCertificate::Required;
    let whole = own.zip(roots).and_then(|(own, roots)| {
        let verifying = own.with_client_ca(roots, required);
        violations.take(verifying.map_err(|text| wrong_file(&field, path, &text)))
    });
    // Whatever is missing has already been reported.
    violations.none_or(whole)?.ok_or_else(Vec::new)
}

/// The listener's certificate with its key.
fn own_identity(key: &str, tls: &Tls, files: &Files) -> Result<ServerTls, Vec<Violation>> {
    let mut violations = Violations::default();
    let mut named = |name: &str, path: &Option<PathBuf>, meaning: &str| {
        let field = format!("{key}.{name}");
        let missing = || Violation::new(&field, format!("is required: the PEM file with {meaning}"));
        let path = path.clone().ok_or_else(missing);
        let found = path.and_then(|path| {
            let text = content(&field, &path, meaning, files)?;
            Ok((path, text))
        });
        violations.take(found).map(|(path, text)| (field, path, text))
    };
    let certificate =
        named("certificate", &tls.certificate, "the server certificate, followed by the intermediate CAs");
    let private = named("key", &tls.key, "the private key of the certificate");
    let (certificate, private) =
        violations.none_or(certificate.zip(private))?.ok_or_else(Vec::<Violation>::new)?;
    let located = |error| {
        let ((field, path, _), text) = match error {
            ServerTlsError::Certificate(text) => (&certificate, text),
            ServerTlsError::Key(text) => (&private, text),
        };
        wrong_file(field, path, &text)
    };
    ServerTls::new(certificate.2, private.2).map_err(|errors| errors.into_iter().map(located).collect())
}

fn content<'a>(field: &str, path: &Path, meaning: &str, files: &'a Files) -> Result<&'a str, Violation> {
    let unreadable = |text| wrong_file(field, path, &format!("{text}; it must be a PEM file with {meaning}"));
    files.content(path).map_err(unreadable)
}

fn wrong_file(field: &str, path: &Path, text: &str) -> Violation {
    Violation::new(field, format!("{} {text}", path.display()))
}

#[cfg(test)]
mod tests;
