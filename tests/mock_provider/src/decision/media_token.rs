//! Media tokens, which players present for a resource: they look signed and have the documented elements. The signature is
//! fictitious, and the first element is closed, which it is not in the documents (assumption).

use base64::{Engine, prelude::BASE64_STANDARD};

use crate::{
    attribute::identifier,
    owner::Owner,
    random,
    xml::{element, parent},
};

/// A new, unique token.
pub(super) fn serialized(owner: &Owner, mvpd: &str, resource: &str, now: i64, not_after: i64) -> String {
    let signature = BASE64_STANDARD.encode(random::bytes::<256>());
    let claims = [
        element("sessionGUID", identifier(&owner.device)),
        element("requestorID", &owner.service_provider),
        element("resourceID", resource),
        element("ttl", not_after.saturating_sub(now)),
        // The pages do not show its format (assumption).
        element("issueTime", now),
        element("mvpdId", mvpd),
    ];
    let claims = parent("shortAuthorizationToken", &claims.concat());
    BASE64_STANDARD.encode(parent("signatureInfo", &signature) + &claims)
}
