//! The browser behind a User-Agent, in the words of the lists.
//!
//! The list of browsers has few words, and that of their vendors has more: Amazon, Samsung and others ship
//! Chrome under names of their own. So a browser is named by the listed one it is built from, with the vendor
//! who built it and the version of what it is named by. Where the list has no vendor, there is none.

use ua_parser::user_agent::ValueRef;

use super::{super::Version, after};

/// The browser that a User-Agent names.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct BrowserFacts {
    pub(in super::super) name: &'static str,
    pub(in super::super) vendor: Option<&'static str>,
    pub(in super::super) version: Version,
}

/// Browsers by the first words of what `uap-core` calls them.
const FAMILIES: &[(&str, &str)] = &[
    ("Firefox", "Firefox"),
    ("Edge", "Edge"),
    ("IE", "Internet Explorer"),
    ("Opera", "Opera"),
    ("Mobile Safari", "Safari"),
    ("Safari", "Safari"),
    ("SeaMonkey", "SeaMonkey"),
    ("Chromium", "Chrome"),
    ("HeadlessChrome", "Chrome"),
    ("Chrome", "Chrome"),
    ("Nokia Browser", "Symbian Browser"),
    ("Nokia OSS Browser", "Symbian Browser"),
];

/// Vendors who build Chrome under their own name, by what `uap-core` calls the result.
const BUILDERS: &[(&str, &str)] =
    &[("Amazon Silk", "Amazon"), ("Samsung Internet", "Samsung"), ("Tizen Browser", "Samsung")];

/// Who makes a listed browser; none where the list of vendors has no word for them.
pub(in super::super) fn vendor_of(name: &str) -> Option<&'static str> {
    match name {
        "Android Browser" | "Chrome" => Some("Google"),
        "Edge" | "Internet Explorer" => Some("Microsoft"),
        "Firefox" | "SeaMonkey" => Some("Mozilla"),
        "Safari" => Some("Apple"),
        "Symbian Browser" => Some("Nokia"),
        _ => None,
    }
}

/// Reads what `uap-core` found in `text`, a User-Agent of a system of `family`.
pub(super) fn read(found: Option<&ValueRef<'_>>, family: Option<&str>, text: &str) -> Option<BrowserFacts> {
    if family == Some("Tizen") && !text.contains("Chrome/") {
        return tizen(text);
    }
    let Some(found) = found else { return chrome(text, vendor_of("Chrome")) };
    let named: &str = &found.family;
    if let Some((_, vendor)) = BUILDERS.iter().find(|(name, _)| *name == named) {
        return chrome(text, Some(vendor));
    }
    let version = Version::from_parts(found.major, found.minor, found.patch);
    let vendor = |name| match family {
        // Sony's consoles build the browser that they call Safari; the list has no word for this vendor.
        Some("PlayStation OS") => None,
        _ => vendor_of(name),
    };
    listed(named, text).map_or_else(
        || chrome(text, vendor_of("Chrome")),
        |name| Some(BrowserFacts { name, vendor: vendor(name), version }),
    )
}

/// The listed name of what `uap-core` calls `named`.
fn listed(named: &str, text: &str) -> Option<&'static str> {
    // Applications name the Android they run on as well; only a browser names its engine.
    if named == "Android" && text.contains("AppleWebKit") {
        return Some("Android Browser");
    }
    let mut known = FAMILIES.iter().filter(|(family, _)| {
        named.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    });
    known.next().map(|(_, name)| *name)
}

/// The Chrome that `text` says it is built from, as its `vendor` ships it.
fn chrome(text: &str, vendor: Option<&'static str>) -> Option<BrowserFacts> {
    let version = Version::parse(after(text, "Chrome/")?);
    Some(BrowserFacts { name: "Chrome", vendor, version })
}

/// Samsung's TVs. From Tizen 3 on they are Chrome, and leave the name away: `… like Gecko) 76.0.3809.146/6.0
/// TV Safari/537.36`; those before are not.
fn tizen(text: &str) -> Option<BrowserFacts> {
    let vendor = Some("Samsung");
    let engine = after(text, "like Gecko) ")?;
    let version = Version::parse(engine.split('/').next().unwrap_or_default());
    if version.is_known() {
        return Some(BrowserFacts { name: "Chrome", vendor, version });
    }
    text.contains("Safari/").then(|| BrowserFacts { name: "Safari", vendor, version: Version::default() })
}
