//! Start: starts a viewer's login with a code.

use super::EntitlementService;
use crate::{
    domain::{
        caller::{Caller, Permission},
        entitlement::{LoginRequest, LoginStart},
        error::{Error, Result, Violations},
        id::MvpdId,
        secret::SecretText,
    },
    service::{policy::Place, registration::Lookup},
};

/// The code and the operator of a login.
#[derive(Debug, Clone)]
pub struct StartLogin {
    /// The code as the viewer typed it.
    pub lookup: Lookup,
    /// The operator; `None` for the one given when the code was created.
    pub mvpd: Option<MvpdId>,
    /// The domain where the login starts; empty if the caller does not name one.
    pub domain_name: String,
    /// Where the browser returns to; empty for the URL given when the code was created.
    pub redirect_url: String,
    /// What identifies the viewer to a promotional TempPass, beside the device: a JSON object.
    pub temp_pass_identity: Option<SecretText>,
}

impl EntitlementService {
    /// Starts a login with a code.
    ///
    /// # Errors
    /// `PermissionMissing`, `Unsupported`, `CodeNotFound`, `LookupBudgetExhausted`, `StoreUnavailable` and those of an
    /// upstream of [`Error`]; `InvalidFields` if the upstream requires further fields.
    pub async fn start_login(&self, caller: &Caller, request: StartLogin) -> Result<LoginStart> {
        let StartLogin { lookup, mvpd, domain_name, redirect_url, temp_pass_identity } = request;
        let place = &lookup.place;
        caller.require(Permission::EntitlementsLogin, &place.environment, &place.requestor)?;
        let connection = self.connect(caller, place)?;
        let registration = &self.parts.registration;
        let code = registration.code_to_log_in(caller, &lookup).await?;
        let request = LoginRequest {
            key: code.key.clone(),
            mvpd: mvpd.clone(),
            domain_names: self.domain_names(place, domain_name),
            redirect_url,
            address: code.address,
        };
        let started = code.backend.entitlements()?.start_login(&code.context, &request).await;
        match registration.known(caller, &lookup, started).await? {
            Some(LoginStart::Incomplete { missing }) => Err(incomplete(&missing)),
            Some(start @ LoginStart::Login { .. }) => {
                self.parts
                    .memory
                    .login_started(&code.key, mvpd.as_ref(), temp_pass_identity.as_ref())
                    .await?;
                Ok(start)
            }
            Some(start) => {
                let begun = match &mvpd {
                    // Boxed, because few logins take this path and its state would enlarge them all.
                    Some(mvpd) => {
                        Box::pin(self.begin_by_code(&connection, &code.key, mvpd, temp_pass_identity)).await?
                    }
                    None => false,
                };
                if !begun {
                    self.parts.memory.code_used(&code.key).await?;
                }
                Ok(start)
            }
            None => Err(registration.no_login(caller, &lookup, &code).await),
        }
    }

    /// The domain that the caller names, followed by the configured one.
    fn domain_names(&self, place: &Place, named: String) -> Vec<String> {
        let policy = self.parts.policy.load();
        let configured = policy.login_defaults(place).and_then(|login| login.domain_name.clone());
        let mut names: Vec<_> = [named].into_iter().filter(|name| !name.is_empty()).collect();
        names.extend(configured.filter(|configured| !names.contains(configured)));
        names
    }
}

fn incomplete(missing: &[String]) -> Error {
    let mut violations = Violations::default();
    for field in missing {
        violations.add(field, "is required, because it was not given when the code was created");
    }
    if missing.is_empty() {
        violations.add("", "the upstream requires further fields for the login, but does not name them");
    }
    violations.into_error()
}
