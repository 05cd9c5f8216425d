//! The beginning and the end of a login.

use std::fmt;

use crate::domain::{address::Address, id::MvpdId, registration::CodeKey};

/// The longest domain name of an app or page, in bytes.
pub(crate) const DOMAIN_NAME_MAX: usize = 253;

/// The longest URL that a browser comes back to, in bytes.
pub(crate) const REDIRECT_URL_MAX: usize = 2_048;

/// A viewer's wish to log in with a code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginRequest {
    /// The code.
    pub key: CodeKey,
    /// With which operator; that which was named with the code where absent.
    pub mvpd: Option<MvpdId>,
    /// From which domain. The next one is for where the upstream refuses the one before; none where that was named with the
    /// code.
    pub domain_names: Vec<String>,
    /// Where the browser comes back to; empty where that was named with the code.
    pub redirect_url: String,
    /// On behalf of which address.
    pub address: Option<Address>,
}

/// What comes next for a viewer who wants to log in.
#[derive(Clone, PartialEq, Eq)]
pub enum LoginStart {
    /// A browser goes here, to the upstream, which sends it on to the operator.
    Login {
        /// Absolute.
        url: String,
    },
    /// Nothing: the device is logged in, or needs no login.
    AlreadyAuthenticated {
        /// With which operator, where the upstream says so.
        mvpd: Option<MvpdId>,
    },
    /// The login needs more than was named with the code and here.
    Incomplete {
        /// What is missing, by its name in our API, as far as it has one.
        missing: Vec<String>,
    },
}

/// Its URL lets whoever has it log in on somebody else's device, so it shows itself to no log.
impl fmt::Debug for LoginStart {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Login { .. } => "Login(…)",
            Self::AlreadyAuthenticated { .. } => "AlreadyAuthenticated(…)",
            Self::Incomplete { .. } => "Incomplete(…)",
        })
    }
}

/// What became of a logout: the upstream has forgotten the login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogoutAction {
    /// With which operator the device was logged in.
    pub mvpd: MvpdId,
    /// Where a browser goes to end the viewer's session with the operator too, where there is such a place.
    pub url: Option<String>,
}
