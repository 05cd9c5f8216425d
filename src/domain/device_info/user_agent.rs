//! What a User-Agent tells of a device, remembered by its text.
//!
//! `ua-parser` with the data of `uap-core` takes the text apart; the modules below put its answer into the
//! words of the device information's lists. The data knows few televisions, and believes the browsers that
//! these pretend to be: their own words are looked for first.

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

/// The patterns of `uap-core`, as JSON: half a millisecond to read, and no parser for YAML in the program.
const PATTERNS: &str = include_str!("../../../third_party/uap-core/regexes.json");

/// The longest part of a User-Agent that is looked at, in bytes. Both faces refuse longer ones.
const TEXT_MAX: usize = 2048;

/// What the remembered User-Agents may weigh together, in bytes.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// What an entry weighs beside its texts: more than it takes, so that the bound in bytes is at the same time
/// one in entries, of 16 384.
const ENTRY_BYTES: u64 = 512;

/// How many entries are expected, for the first size of the tables; they grow.
const EXPECTED_ENTRIES: usize = 4096;

/// What one User-Agent tells.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    /// The browser, or the web view; none for an application without one.
    pub(super) browser: Option<BrowserFacts>,
    /// The operating system.
    pub(super) system: Option<SystemFacts>,
    /// The hardware.
    pub(super) device: DeviceFacts,
}

/// The compiled patterns, the same for the whole process. None inside where they don't compile; a test sees to
/// it that they do.
static EXTRACTOR: OnceLock<Option<Extractor<'static>>> = OnceLock::new();

/// Reads User-Agents, and remembers what it read.
pub(super) struct UserAgents {
    remembered: Cache<Box<str>, Arc<Facts>, EntryWeight>,
}

impl UserAgents {
    /// Cheap: the patterns are compiled on first use.
    pub(super) fn new() -> Self {
        Self { remembered: Cache::with_weighter(EXPECTED_ENTRIES, CACHE_BYTES, EntryWeight) }
    }

    /// What `text` tells.
    pub(super) fn read(&self, text: &str) -> Arc<Facts> {
        let text = &text[..text.floor_char_boundary(TEXT_MAX)];
        if let Some(facts) = self.remembered.get(text) {
            return facts;
        }
        let facts = Arc::new(self.parse(text));
        self.remembered.insert(text.into(), Arc::clone(&facts));
        facts
    }

    /// How many entries are remembered, and what they weigh in bytes.
    #[cfg(test)]
    pub(super) fn remembered(&self) -> (usize, u64) {
        (self.remembered.len(), self.remembered.weight())
    }

    fn parse(&self, text: &str) -> Facts {
        let Some(extractor) = extractor() else { return Facts::default() };
        let found_system = || system::read(extractor.os.extract(text).as_ref());
        let television = television::read(text);
        let system = match &television {
            Some(television) => television.system(text, found_system),
            None => found_system(),
        };
        let family = system.as_ref().and_then(|system| system.family);
        Facts {
            browser: browser::read(extractor.ua.extract(text).as_ref(), family, text),
            device: match television {
                Some(television) => television.into(),
                None => device::read(extractor.dev.extract(text), family, text),
            },
            system,
        }
    }
}

/// Compiles the patterns unless they are: about 0.1 s and 25 MB, once. Callers that come meanwhile wait.
pub(super) fn warm_up() {
    extractor();
}

fn extractor() -> Option<&'static Extractor<'static>> {
    EXTRACTOR.get_or_init(compile).as_ref()
}

/// Part of the program, not of any input, decides whether this works; if it ever doesn't, devices are still
/// normalized by what they say themselves.
fn compile() -> Option<Extractor<'static>> {
    let patterns: Regexes<'static> = serde_json::from_str(PATTERNS)
        .inspect_err(|error| tracing::error!(%error, "the User-Agent patterns cannot be read"))
        .ok()?;
    Extractor::try_from(patterns)
        .inspect_err(|error| tracing::error!(%error, "the User-Agent patterns cannot be compiled"))
        .ok()
}

/// The text after the first `mark` in `text`.
fn after<'a>(text: &'a str, mark: &str) -> Option<&'a str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

#[derive(Debug, Clone)]
struct EntryWeight;

impl Weighter<Box<str>, Arc<Facts>> for EntryWeight {
    fn weight(&self, text: &Box<str>, facts: &Arc<Facts>) -> u64 {
        ENTRY_BYTES + (text.len() + facts.device.text_len()) as u64
    }
}
