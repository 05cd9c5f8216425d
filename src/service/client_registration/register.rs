//! Registration: exchanges a software statement for a client id and a secret.

use iri_string::types::UriStr;

use super::{
    ClientRegistrationService,
    claims::ClientClaims,
    error::{OAuthError, OAuthErrorCode, server_error},
};
use crate::{
    auth::Purpose,
    domain::{caller::Permission, id::EnvironmentName, secret::SecretText},
};

/// The maximum length of a software statement, in bytes.
pub(super) const STATEMENT_MAX: usize = 8 * 1024;

/// The maximum number of redirect URIs, and the maximum length of each in bytes.
const REDIRECT_URIS_MAX: usize = 16;
const REDIRECT_URI_MAX: usize = 2048;

/// A request to register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterClient {
    /// The environment to register in.
    pub environment: EnvironmentName,
    pub software_statement: SecretText,
    /// The redirect URIs of logins. They are checked and returned, but not otherwise used.
    pub redirect_uris: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredClient {
    /// The client id, which carries the client's grants.
    pub client_id: String,
    /// The client's secret.
    pub client_secret: SecretText,
    /// When it was registered, in seconds since the Unix epoch.
    pub issued_at: u64,
    /// The redirect URIs as received.
    pub redirect_uris: Vec<String>,
    /// The grants of the client.
    pub permissions: Vec<Permission>,
}

impl ClientRegistrationService {
    /// Registers a client. The server stores nothing.
    ///
    /// # Errors
    /// `invalid_request`, `invalid_redirect_uri`, `invalid_software_statement` and `unapproved_software_statement`.
    pub fn register(&self, request: RegisterClient) -> Result<RegisteredClient, OAuthError> {
        let RegisterClient { environment, software_statement, redirect_uris } = request;
        if software_statement.reveal().len() > STATEMENT_MAX {
            let text = format!("software_statement has more than {STATEMENT_MAX} bytes");
            return Err(OAuthErrorCode::InvalidRequest.because(text));
        }
        check_redirect_uris(&redirect_uris)?;
        let grant = self.verify_statement(software_statement.reveal())?;
        let unapproved = || {
            OAuthErrorCode::UnapprovedSoftwareStatement
                .because("the statement is not valid for this environment")
        };
        let rights = grant.rights(&self.parts().policy.load()).ok_or_else(unapproved)?;
        if !rights.environments.contains(&environment) {
            return Err(unapproved());
        }
        let iat = self.parts().clock.now().as_millis();
        let claims = ClientClaims { jti: self.parts().randomness.uuid()?, iat, grant };
        let client_id = self.inner.keys.sign(Purpose::ClientId, &claims).map_err(server_error)?;
        Ok(RegisteredClient {
            client_secret: self.inner.keys.client_secret(&client_id).into(),
            client_id,
            issued_at: claims.iat / 1000,
            redirect_uris,
            permissions: rights.permissions,
        })
    }
}

fn check_redirect_uris(uris: &[String]) -> Result<(), OAuthError> {
    let is_right = |uri: &String| {
        uri.len() <= REDIRECT_URI_MAX && UriStr::new(uri).is_ok_and(|uri| uri.fragment().is_none())
    };
    if uris.len() <= REDIRECT_URIS_MAX && uris.iter().all(is_right) {
        return Ok(());
    }
    Err(OAuthErrorCode::InvalidRedirectUri.because(format!(
        "redirect URIs must be absolute URIs without a fragment, at most {REDIRECT_URIS_MAX} of them and of \
         {REDIRECT_URI_MAX} bytes each"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        admin::{OperatorCommand, OperatorResponse, RevokeCommand},
        auth::{KeyRing, SignedRequest},
        backend::upstream::RegisteredStatement,
        config::{Config, LegacyKey, Secret},
        domain::{
            call::RelayedToken,
            clock::Timestamp,
            secret::assert_withheld,
            temp_pass::{GenericKey, MediaToken, UserIdentifier},
        },
        proto::v1,
        service::client_registration::{IssueToken, access_token::AccessToken},
    };

    /// Hexadecimal digits, so that it is also a valid generic key.
    const SECRET: &str = "5ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2e75ec2";

    fn secret() -> SecretText {
        SecretText::from(SECRET.to_owned())
    }

    #[test]
    fn debug_output_reveals_no_secret() {
        let environment = EnvironmentName::parse("environment", "default").expect("valid");
        let register = RegisterClient {
            environment: environment.clone(),
            software_statement: secret(),
            redirect_uris: Vec::new(),
        };
        let registered = RegisteredClient {
            client_id: "client".to_owned(),
            client_secret: secret(),
            issued_at: 1,
            redirect_uris: Vec::new(),
            permissions: Vec::new(),
        };
        let issue = IssueToken { environment, client_id: "client".to_owned(), client_secret: secret() };
        let issued = AccessToken {
            id: uuid::Uuid::nil(),
            token: secret(),
            create_time: Timestamp::from_millis(1),
            expires_in: 1,
        };
        let media_token = MediaToken { value: SECRET.to_owned(), start_time: None, expire_time: None };
        let key = format!("{}AAAAAAA=", &SECRET[..36]);
        let key_ring = KeyRing::parse(&format!("id:{key}")).expect("a key");
        assert_withheld(&key, &[&key_ring]);
        assert_withheld(
            SECRET,
            &[
                &secret(),
                &Secret::from(SECRET),
                &register,
                &registered,
                &issue,
                &issued,
                &OperatorCommand::Revoke(RevokeCommand::Statement(secret())),
                &OperatorResponse::Statement(secret()),
                &GenericKey::parse("generic_key", SECRET).expect("valid"),
                &UserIdentifier::new(SECRET),
                &media_token,
                &RegisteredStatement::from(&secret()),
                &RelayedToken::new(SECRET.into(), true),
            ],
        );
    }

    #[test]
    fn debug_output_reveals_no_legacy_secret() {
        let header = format!(
            "POST requestor_id=REF, nonce=n, signature_method=HMAC-SHA1, request_time=1, request_uri=/, \
             public_key=pk, signature={SECRET}"
        );
        let request = SignedRequest::parse(&header).expect("readable");
        let mut config = Config::default();
        config.rest.legacy_keys =
            vec![LegacyKey { secret_key: Secret::from(SECRET), ..LegacyKey::default() }];
        assert_withheld(SECRET, &[&request, &config]);
    }

    #[test]
    fn debug_output_of_messages_reveals_no_secret() {
        let text = || SECRET.to_owned();
        let authorize = v1::AuthorizeTempPassRequest {
            identity: Some(v1::authorize_temp_pass_request::Identity::UserIdentifier(text())),
            ..Default::default()
        };
        let look = v1::GetTempPassRequest {
            identity: Some(v1::get_temp_pass_request::Identity::GenericKey(text())),
            ..Default::default()
        };
        let target = v1::reset_flexible_temp_pass_request::Target::GenericKey(text());
        let reset = v1::ResetFlexibleTempPassRequest { target: Some(target), ..Default::default() };
        let item = v1::BatchResetTempPassRequest {
            item: Some(v1::batch_reset_temp_pass_request::Item::FlexibleTempPass(reset.clone())),
            ..Default::default()
        };
        let media_token = v1::MediaToken { value: text(), ..Default::default() };
        let decided =
            v1::AuthorizeTempPassResponse { media_token: Some(media_token.clone()), ..Default::default() };
        let hash = v1::HashIdentifierRequest { value: text(), ..Default::default() };
        let hashed = v1::HashIdentifierResponse { digest: text() };
        assert_withheld(SECRET, &[&authorize, &look, &reset, &item, &media_token, &decided, &hash, &hashed]);
    }
}
