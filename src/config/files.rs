//! The files that a configuration names. They are read apart from it, so that its check needs only values.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{Config, valid::is_url};

/// The contents of the files that a configuration names, or why they cannot be read. They may be secrets, so
/// this type is not `Debug`.
pub struct Files(BTreeMap<PathBuf, io::Result<String>>);

/// A digest of the paths and contents of files, to detect changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FilesDigest([u8; 32]);

impl Files {
    /// Reads the files that `config` names. Blocks.
    #[must_use]
    pub fn read(config: &Config) -> Self {
        Self::of(named(config))
    }

    /// Reads the files at `paths`. Blocks.
    pub(crate) fn of<'a, P: AsRef<Path> + ?Sized + 'a>(paths: impl Iterator<Item = &'a P>) -> Self {
        Self(paths.map(|path| (path.as_ref().to_owned(), fs::read_to_string(path))).collect())
    }

    /// A digest of the contents, and of which files cannot be read.
    pub(crate) fn digest(&self) -> FilesDigest {
        let mut digest = Sha256::new();
        for (path, content) in &self.0 {
            let (mark, bytes) = match content {
                Ok(text) => (0_u8, text.as_bytes()),
                Err(_) => (1, [].as_slice()),
            };
            for part in [path.as_os_str().as_encoded_bytes(), &[mark], bytes] {
                digest.update(part.len().to_be_bytes());
                digest.update(part);
            }
        }
        FilesDigest(digest.finalize().into())
    }

    /// The content of a file, or why it is unavailable. The text continues a sentence that starts with the
    /// path.
    pub(super) fn content(&self, path: &Path) -> Result<&str, String> {
        match self.0.get(path) {
            Some(Ok(text)) => Ok(text),
            Some(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err("is not UTF-8 text".to_owned())
            }
            Some(Err(error)) => Err(format!("cannot be read: {error}")),
            None => Err("cannot be read: it was not loaded".to_owned()),
        }
    }
}

impl<P: Into<PathBuf>, T: Into<String>> FromIterator<(P, T)> for Files {
    fn from_iter<I: IntoIterator<Item = (P, T)>>(files: I) -> Self {
        Self(files.into_iter().map(|(path, text)| (path.into(), Ok(text.into()))).collect())
    }
}

/// The files with secrets that a configuration names, each with its key. TLS keys are left out, because the
/// running server reloads them.
pub(crate) fn secret_files(config: &Config) -> Vec<(String, &Path)> {
    let store = &config.store;
    let engine = [
        ("store.key_ring", &store.key_ring),
        ("store.password_file", &store.password_file),
        ("store.tls.key", &store.tls.key),
    ];
    let ring = engine.into_iter().filter_map(|(key, file)| Some((key.to_owned(), file.as_ref()?)));
    let statements = config.environments.iter().filter_map(|(name, environment)| {
        let file = environment.software_statement_file.as_ref()?;
        Some((format!("environments.{name}.software_statement_file"), file))
    });
    let keys = config.rest.legacy_keys.iter().enumerate().filter_map(|(index, key)| {
        Some((format!("rest.legacy_keys[{index}].secret_key_file"), key.secret_key_file.as_ref()?))
    });
    let tokens = config.grpc.jwt.iter().enumerate().filter_map(|(index, jwt)| {
        Some((format!("grpc.jwt[{index}].jwks_token_file"), jwt.jwks_token_file.as_ref()?))
    });
    ring.chain(statements).chain(keys).chain(tokens).map(|(key, file)| (key, file.as_path())).collect()
}

pub(super) fn named(config: &Config) -> impl Iterator<Item = &Path> {
    let statements =
        config.environments.values().filter_map(|environment| environment.software_statement_file.as_ref());
    let secret_keys = config.rest.legacy_keys.iter().filter_map(|key| key.secret_key_file.as_ref());
    let others = [&config.store.key_ring, &config.store.password_file, &config.rest.statement_jwks]
        .into_iter()
        .flatten();
    let tls = config.grpc.tls.files().chain(config.rest.tls.files()).chain(config.store.tls.files());
    let issuers = config.grpc.jwt.iter();
    let key_sets = issuers.clone().map(|jwt| &jwt.jwks).filter(|jwks| !jwks.is_empty() && !is_url(jwks));
    let of_issuers = issuers.flat_map(|jwt| [&jwt.jwks_ca, &jwt.jwks_token_file]).flatten();
    let files =
        others.chain(secret_keys).chain(statements).chain(of_issuers).chain(tls).map(PathBuf::as_path);
    files.chain(key_sets.map(Path::new))
}
