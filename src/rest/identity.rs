//! Who sent a request, and what follows from the way by which that is known.

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

/// Who sent a request that carries its credentials there. Asks the store only for tokens of an upstream.
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

/// Who sent a request to a path that second-screen pages call: one that carries no credentials is such a page's, where the
/// environment lets them call so. Credentials that are there decide alone.
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

/// Lets a request count that is signed by itself, and came from `client`. Called when nothing else stands in the way of what
/// it asks for.
///
/// # Errors
/// [`Error::NotAuthenticated`] where its nonce came from another client before, [`Error::StoreUnavailable`].
pub(super) async fn count(face: &RestFace, identity: &Identity, client: Address) -> Result<()> {
    match &identity.proof {
        Proof::Signature(nonce) => face.signed_request.count(nonce, client).await,
        Proof::Connection | Proof::Listed | Proof::AccessToken(_) | Proof::UpstreamToken(_) | Proof::Open => {
            Ok(())
        }
    }
}

/// What records say of how the device's client is known: `OAUTH2`, or nothing for a request that is signed by itself.
pub(super) fn authorization_type(proof: &Proof) -> &'static str {
    match proof {
        Proof::AccessToken(_) | Proof::UpstreamToken(_) => OAUTH2,
        Proof::Connection | Proof::Listed | Proof::Signature(_) | Proof::Open => "",
    }
}

/// The application, where a client that is registered here sent the request.
pub(super) fn application(proof: &Proof) -> Option<&SourceApplication> {
    match proof {
        Proof::AccessToken(application) => Some(application),
        Proof::Connection | Proof::Listed | Proof::UpstreamToken(_) | Proof::Signature(_) | Proof::Open => {
            None
        }
    }
}

/// Whether the client is older than device information.
pub(super) fn is_older_than_device_information(proof: &Proof) -> bool {
    matches!(proof, Proof::Signature(_))
}
