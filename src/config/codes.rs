//! `[codes]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::code::{DEFAULT_ALPHABET, DEFAULT_LENGTH};

/// The format of the codes that passbridge generates, and the rate limits on failed lookups of codes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CodesConfig {
    /// The number of symbols in a code: 4 to 32. After a change of this key or of `alphabet`, existing codes
    /// in the old format are no longer found.
    pub length: usize,
    /// The symbols that codes consist of: distinct upper-case letters and digits.
    pub alphabet: String,
    /// The maximum number of live codes in an environment, at least 1. `length` and `alphabet` must allow at
    /// least 1000 possible codes for each live one, which makes guessing impractical; otherwise the server
    /// does not start. A live code takes up to 64 bytes of memory. The server also does not start if the
    /// codes of all environments together could take more than half of the available memory (the limit of the
    /// control group, or else the memory of the machine).
    pub max_live_codes: u64,
    /// How many lookups of nonexistent codes one viewer (`viewer_ip`) may make per minute: 1 to 60000. Once
    /// over this limit, all lookups of that viewer fail with RESOURCE_EXHAUSTED until the budget refills;
    /// otherwise guessing would not be limited. A viewer is an IPv4 address or an IPv6 /64. An IPv6 /56 as a
    /// whole has 4 times this budget, and a /48 has 16 times.
    pub misses_per_viewer: u32,
    /// How many lookups of nonexistent codes a caller that sends no `viewer_ip` may make per minute: 1 to
    /// 60000.
    pub misses_per_caller: u32,
}

impl Default for CodesConfig {
    fn default() -> Self {
        Self {
            length: DEFAULT_LENGTH,
            alphabet: DEFAULT_ALPHABET.to_owned(),
            max_live_codes: 1_000_000,
            misses_per_viewer: 10,
            misses_per_caller: 600,
        }
    }
}
