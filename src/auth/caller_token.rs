//! Static tokens of callers.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::domain::{
    randomness::{Randomness, RandomnessUnavailable},
    secret::SecretText,
};

/// The number of random bytes of a token.
const RANDOM_BYTES: usize = 32;

/// The prefix of a token, by which secret scanners recognize one.
const PREFIX: &str = "pb_";

/// Creates a token. Only its hash is to be stored.
///
/// # Errors
/// No randomness is available.
pub(crate) fn new(randomness: &dyn Randomness) -> Result<SecretText, RandomnessUnavailable> {
    let mut bytes = [0; RANDOM_BYTES];
    randomness.fill(&mut bytes)?;
    Ok(format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes)).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::randomness::ScriptedRandomness;

    #[test]
    fn a_token_has_256_random_bits() {
        let token = new(&*ScriptedRandomness::new((0..64).collect())).expect("randomness");
        let encoded = token.reveal().strip_prefix(PREFIX).expect("begins so");
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(encoded), Ok((0..32).collect()));
    }
}
