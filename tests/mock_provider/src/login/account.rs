//! The viewers that operators know.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value};

/// A viewer's account.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Account {
    /// The operator that it is with.
    pub mvpd: String,
    /// What the viewer types.
    pub user_name: String,
    /// What the viewer types too; anything will do, when this is absent.
    #[serde(default)]
    pub password: Option<String>,
    /// Whether the operator does not let this viewer in, who is known all the same.
    #[serde(default)]
    pub is_refused: bool,
    /// What the operator tells of the viewer, beside the usual.
    #[serde(default)]
    pub attributes: Map<String, Value>,
}

/// All accounts, by operator and user name.
#[derive(Debug, Default)]
pub(crate) struct Accounts(HashMap<(String, String), Account>);

/// What the operator makes of a viewer's attempt.
#[derive(Debug, Clone)]
pub(crate) enum Admission {
    /// The password is wrong: the page is shown again.
    WrongPassword,
    /// The viewer is known, and not let in.
    Refused,
    /// The viewer is let in, with these attributes.
    Admitted(Map<String, Value>),
}

impl Accounts {
    /// Adds an account, or replaces it.
    pub(crate) fn insert(&mut self, account: Account) {
        self.0.insert((account.mvpd.clone(), account.user_name.clone()), account);
    }

    /// What the operator makes of the viewer. One without an account is let in with any password, so that most tests need
    /// none.
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
