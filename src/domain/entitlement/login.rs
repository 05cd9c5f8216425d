//! Login and logout.

use std::fmt;

use crate::domain::{address::Address, id::MvpdId, registration_code::CodeKey};

/// The maximum length of the domain name of an application or page, in bytes.
pub(crate) const DOMAIN_NAME_MAX: usize = 253;

/// The maximum length of a redirect URL, in bytes.
pub(crate) const REDIRECT_URL_MAX: usize = 2_048;

/// A request to log in with a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRequest {
    /// The code.
    pub key: CodeKey,
    /// The operator; absent if it was sent with the code.
    pub mvpd: Option<MvpdId>,
    /// The domains to try in order, until the upstream accepts one; empty if the domain was sent with the code.
    pub domain_names: Vec<String>,
    /// The URL that the browser returns to; empty if it was sent with the code.
    pub redirect_url: String,
    /// The address on whose behalf the upstream is called.
    pub address: Option<Address>,
}

/// The next step of a login.
#[derive(Clone, PartialEq, Eq)]
pub enum LoginStart {
    /// The browser opens this URL of the upstream, which redirects it to the operator.
    Login {
        /// The absolute URL.
        url: String,
    },
    /// No step is left: the device is logged in, or needs no login.
    AlreadyAuthenticated {
        /// The operator, if the upstream says so.
        mvpd: Option<MvpdId>,
    },
    /// Parameters are missing, both in the request and in those sent with the code.
    Incomplete {
        /// The missing parameters, by their names in our API if they have one.
        missing: Vec<String>,
    },
}

/// Does not show the URL, with which anyone can log in on the device.
impl fmt::Debug for LoginStart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Login { .. } => "Login(…)",
            Self::AlreadyAuthenticated { .. } => "AlreadyAuthenticated(…)",
            Self::Incomplete { .. } => "Incomplete(…)",
        })
    }
}

/// The outcome of a logout. The upstream has deleted the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutAction {
    /// The operator of the login.
    pub mvpd: MvpdId,
    /// The URL at which a browser also ends the session with the operator, if there is one.
    pub url: Option<String>,
}
