//! `[codes]`

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::domain::code::{DEFAULT_ALPHABET, DEFAULT_LENGTH};

/// The codes that passbridge draws itself, and how many wrong ones may be tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct CodesConfig {
    /// How many symbols a code has: 4 to 32. After a change of this or of `alphabet`, codes of the former shape are
    /// not found any more.
    pub length: usize,
    /// The symbols that codes are made of: upper-case letters and digits, each once.
    pub alphabet: String,
    /// How many codes may live at once in an environment. There must be 1000 possible codes for each, or the
    /// server does not start, since guessing would be worth trying. Each takes up to 64 bytes of memory: where those of all
    /// environments together could take more than half of what there is (the control group's limit, else the machine's
    /// memory), the server does not start either.
    pub max_live_codes: u64,
    /// How many codes that do not exist one viewer (`viewer_ip`) may look up in a minute: 1 to 60000. Over it all of that
    /// viewer's lookups are RESOURCE_EXHAUSTED for a while, or guessing would not be limited. A viewer is an IPv4 address or
    /// an IPv6 /64; all of an IPv6 /56 together have 4 times as many, and all of a /48 have 16 times as many.
    pub misses_per_viewer: u32,
    /// The same for a caller that does not say who the viewer is.
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
