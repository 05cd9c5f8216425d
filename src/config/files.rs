//! The files that a configuration names, read apart from it, so that checking it needs nothing but values.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::Config;

/// What the files that a configuration names hold, or why they cannot be read. It may hold secrets, and shows itself to no
/// log.
pub struct Files(BTreeMap<PathBuf, io::Result<String>>);

impl Files {
    /// Reads the files that `config` names. Blocks.
    #[must_use]
    pub fn read(config: &Config) -> Self {
        Self(named(config).map(|path| (path.clone(), fs::read_to_string(path))).collect())
    }

    /// The content of a file, or why there is none, in words that follow its path.
    pub(super) fn content(&self, path: &Path) -> Result<&str, String> {
        match self.0.get(path) {
            Some(Ok(text)) => Ok(text),
            Some(Err(error)) => Err(format!("cannot be read: {error}")),
            None => Err("cannot be read: nobody has tried".to_owned()),
        }
    }
}

impl<P: Into<PathBuf>, T: Into<String>> FromIterator<(P, T)> for Files {
    fn from_iter<I: IntoIterator<Item = (P, T)>>(files: I) -> Self {
        Self(files.into_iter().map(|(path, text)| (path.into(), Ok(text.into()))).collect())
    }
}

fn named(config: &Config) -> impl Iterator<Item = &PathBuf> {
    let statements =
        config.environments.values().filter_map(|environment| environment.software_statement_file.as_ref());
    let secret_keys = config.rest.legacy_keys.iter().filter_map(|key| key.secret_key_file.as_ref());
    let others = [&config.store.key_ring, &config.rest.statement_jwks].into_iter().flatten();
    others.chain(secret_keys).chain(statements)
}
