//! Authentication of a request, and what depends on the kind of its credentials.

use http::request;

use super::RestFace;
use crate::{
    domain::{
        address::Address,
        authentication::AuthenticationProblem,
        call::CallContext,
        error::{Error, Result},
        id::EnvironmentName,
        peer::Peer,
        registration_code::{OAUTH2, SourceApplication},
    },
    service::authentication::{Carrier, Evidence, Identity, Proof},
};

/// Authenticates a request by the credentials of this carrier. Reads the store only for tokens of an upstream.
///
/// # Errors
/// [`Error::NotAuthenticated`], [`Error::StoreUnavailable`].
pub(super) async fn identify(
    face: &RestFace,
    head: &request::Parts,
    environment: &EnvironmentName,
    carrier: Carrier<'_>,
    context: CallContext,
) -> Result<Identity> {
    let peer = head.extensions.get::<Peer>();
    let peer = peer.ok_or_else(|| Error::Internal("a call without a peer".to_owned()))?;
    let evidence = Evidence { peer, environment: Some(environment), carrier };
    let identity = face.callers.identify(&evidence).await?;
    identity.in_call(context).await
}

/// Returns the identity for a path that second-screen pages call. A request without credentials has the page's identity if the
/// environment allows that. If there are credentials, only they count.
///
/// # Errors
/// As [`identify`].
pub(super) fn open_to_second_screen(
    face: &RestFace,
    environment: &EnvironmentName,
    context: CallContext,
    identified: Result<Identity>,
) -> Result<Identity> {
    match identified {
        Err(Error::NotAuthenticated(AuthenticationProblem::Missing))
            if face.policy.load().opens_second_screen(environment) =>
        {
            let Identity { caller, proof } = Identity::second_screen(environment);
            Ok(Identity { caller: caller.in_call(context), proof })
        }
        identified => identified,
    }
}

/// Records the nonce of a signed request from `client`. Called only for a valid request, right before it takes effect.
///
/// # Errors
/// [`Error::NotAuthenticated`] if another client has used the nonce, [`Error::StoreUnavailable`].
pub(super) async fn record_nonce(face: &RestFace, identity: &Identity, client: Address) -> Result<()> {
    match &identity.proof {
        Proof::Signature(nonce) => face.signed_request.count(nonce, client).await,
        Proof::Connection | Proof::Listed | Proof::AccessToken(_) | Proof::UpstreamToken(_) | Proof::Open => {
            Ok(())
        }
    }
}

/// Returns the authorization type of records: `OAUTH2`, or an empty one for a signed request.
pub(super) fn authorization_type(proof: &Proof) -> &'static str {
    match proof {
        Proof::AccessToken(_) | Proof::UpstreamToken(_) => OAUTH2,
        Proof::Connection | Proof::Listed | Proof::Signature(_) | Proof::Open => "",
    }
}

/// Returns the application of a request by a client that is registered with passbridge.
pub(super) fn application(proof: &Proof) -> Option<&SourceApplication> {
    match proof {
        Proof::AccessToken(application) => Some(application),
        Proof::Connection | Proof::Listed | Proof::UpstreamToken(_) | Proof::Signature(_) | Proof::Open => {
            None
        }
    }
}

/// Reports whether the client predates device information.
pub(super) fn is_older_than_device_information(proof: &Proof) -> bool {
    matches!(proof, Proof::Signature(_))
}
