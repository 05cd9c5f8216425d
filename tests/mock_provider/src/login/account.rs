//! The accounts of viewers with operators.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A viewer's account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// The operator.
    pub mvpd: String,
    pub user_name: String,
    /// The password; if absent, any password is accepted.
    #[serde(default)]
    pub password: Option<String>,
    /// Whether the operator refuses this viewer despite the right password.
    #[serde(default)]
    pub is_refused: bool,
    /// Attributes in addition to the usual ones.
    #[serde(default)]
    pub attributes: Map<String, Value>,
}

/// All accounts, by operator and user name.
#[derive(Debug, Default)]
pub(crate) struct Accounts(HashMap<(String, String), Account>);

/// The result of a login attempt.
#[derive(Debug, Clone)]
pub(crate) enum Admission {
    /// The password is wrong, so the page is shown again.
    WrongPassword,
    /// The viewer is known but refused.
    Refused,
    /// The viewer is logged in, with these attributes.
    Admitted(Map<String, Value>),
}

impl Accounts {
    /// Adds an account, or replaces it.
    pub(crate) fn insert(&mut self, account: Account) {
        self.0.insert((account.mvpd.clone(), account.user_name.clone()), account);
    }

    /// Checks a login. A viewer without an account is logged in with any password, so that most tests need no account.
    pub(crate) fn admit(&self, mvpd: &str, user_name: &str, password: &str) -> Admission {
        if user_name.is_empty() || password.is_empty() {
            return Admission::WrongPassword;
        }
        let Some(account) = self.0.get(&(mvpd.to_owned(), user_name.to_owned())) else {
            return Admission::Admitted(Map::new());
        };
        if account.password.as_ref().is_some_and(|expected| expected != password) {
            Admission::WrongPassword
        } else if account.is_refused {
            Admission::Refused
        } else {
            Admission::Admitted(account.attributes.clone())
        }
    }
}
