//! Fuzz targets: tokens that this server signs and devices send.

use std::{fmt::Debug, sync::LazyLock};

use serde::{Serialize, de::DeserializeOwned};

use super::claims::{AccessTokenClaims, ClientClaims, StatementClaims};
use crate::{
    auth::{Purpose, SigningKeys},
    fuzzing::FuzzTarget,
};

pub(crate) const TARGETS: &[FuzzTarget] = &[
    ("software_statement", |input| signed::<StatementClaims>(Purpose::SoftwareStatement, input)),
    ("client_id", |input| signed::<ClientClaims>(Purpose::ClientId, input)),
    ("access_token", |input| signed::<AccessTokenClaims>(Purpose::AccessToken, input)),
];

static KEYS: LazyLock<SigningKeys> = LazyLock::new(|| SigningKeys::derive(&[1; 32]));

/// Verifies a text as a client sends it, and claims signed here.
fn signed<T: Serialize + DeserializeOwned + Debug + PartialEq>(purpose: Purpose, input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let taken = KEYS.verify::<T>(purpose, &text);
    let claims = taken.or_else(|| serde_json::from_slice(input).ok());
    assert!(!KEYS.is_client_secret("client", &text), "the secret is not public");
    let Some(claims) = claims else { return };
    let token = KEYS.sign(purpose, &claims).expect("signs");
    assert_eq!(KEYS.verify::<T>(purpose, &token), Some(claims));
    let others = [Purpose::SoftwareStatement, Purpose::ClientId, Purpose::AccessToken];
    for other in others.into_iter().filter(|other| *other != purpose) {
        assert_eq!(KEYS.verify::<serde_json::Value>(other, &token), None, "accepted as {other:?}");
    }
}
