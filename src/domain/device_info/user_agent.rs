//! The facts about a device in its User-Agent, cached by its text.
//!
//! `ua-parser` parses the text with the data of `uap-core`, and the modules below map its result to the listed values of
//! device information. The data has few televisions, and takes them for the browsers that they imitate, so words that are
//! specific to televisions are checked first.

mod browser;
mod device;
mod system;
mod television;

use std::sync::{Arc, OnceLock};

use quick_cache::{Weighter, sync::Cache};
use ua_parser::{Extractor, Regexes};

pub(super) use browser::{BrowserFacts, vendor_of};
pub(super) use device::DeviceFacts;
pub(super) use system::SystemFacts;

/// The patterns of `uap-core` as JSON, which takes half a millisecond to parse and requires no YAML parser.
const PATTERNS: &str = include_str!("../../../third_party/uap-core/regexes.json");

/// The maximum length of a User-Agent that is parsed, in bytes. Both faces refuse longer ones.
const TEXT_MAX: usize = 2048;

/// The maximum size of the cache, in bytes.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// The weight of an entry without its texts. It is larger than the real size, so that the limit in bytes is also a limit of
/// 16 384 entries.
const ENTRY_BYTES: u64 = 512;

/// The expected number of entries, for the initial size of the tables.
const EXPECTED_ENTRIES: usize = 4096;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct UserAgentFacts {
    /// The browser or web view; absent for an application without one.
    pub(super) browser: Option<BrowserFacts>,
    /// The operating system.
    pub(super) system: Option<SystemFacts>,
    /// The hardware.
    pub(super) device: DeviceFacts,
}

/// The compiled patterns, shared by the process. `None` if they do not compile; a test verifies that they do.
static EXTRACTOR: OnceLock<Option<Extractor<'static>>> = OnceLock::new();

/// A cache of User-Agents' facts.
pub(super) struct UserAgents {
    remembered: Cache<Box<str>, Arc<UserAgentFacts>, EntryWeight>,
}

impl UserAgents {
    /// Creates an empty cache, which is cheap: the patterns are compiled on first use.
    pub(super) fn new() -> Self {
        Self { remembered: Cache::with_weighter(EXPECTED_ENTRIES, CACHE_BYTES, EntryWeight) }
    }

    /// Returns the facts of `text`.
    pub(super) fn read(&self, text: &str) -> Arc<UserAgentFacts> {
        let text = &text[..text.floor_char_boundary(TEXT_MAX)];
        if let Some(facts) = self.remembered.get(text) {
            return facts;
        }
        let facts = Arc::new(self.parse(text));
        self.remembered.insert(text.into(), Arc::clone(&facts));
        facts
    }

    /// Returns the number of cached entries and their weight in bytes.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> (usize, u64) {
        (self.remembered.len(), self.remembered.weight())
    }

    fn parse(&self, text: &str) -> UserAgentFacts {
        let Some(extractor) = extractor() else { return UserAgentFacts::default() };
        let found_system = || system::read(extractor.os.extract(text).as_ref());
        let television = television::read(text);
        let system = match &television {
            Some(television) => television.system(text, found_system),
            None => found_system(),
        };
        let family = system.as_ref().and_then(|system| system.family);
        UserAgentFacts {
            browser: browser::read(extractor.ua.extract(text).as_ref(), family, text),
            device: match television {
                Some(television) => television.into(),
                None => device::read(extractor.dev.extract(text), family, text),
            },
            system,
        }
    }
}

/// Compiles the patterns once, which takes about 0.1 s and 25 MB. Concurrent callers wait.
pub(super) fn warm_up() {
    extractor();
}

fn extractor() -> Option<&'static Extractor<'static>> {
    EXTRACTOR.get_or_init(compile).as_ref()
}

/// Compiles the embedded patterns. Input cannot make this fail; if it did, devices would still be normalized by their
/// explicit values.
fn compile() -> Option<Extractor<'static>> {
    let patterns: Regexes<'static> = serde_json::from_str(PATTERNS)
        .inspect_err(|error| tracing::error!(%error, "the User-Agent patterns cannot be read"))
        .ok()?;
    Extractor::try_from(patterns)
        .inspect_err(|error| tracing::error!(%error, "the User-Agent patterns cannot be compiled"))
        .ok()
}

/// Returns the text after the first `mark`.
fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

#[derive(Debug, Clone)]
struct EntryWeight;

impl Weighter<Box<str>, Arc<UserAgentFacts>> for EntryWeight {
    fn weight(&self, text: &Box<str>, facts: &Arc<UserAgentFacts>) -> u64 {
        ENTRY_BYTES + (text.len() + facts.device.text_len()) as u64
    }
}
