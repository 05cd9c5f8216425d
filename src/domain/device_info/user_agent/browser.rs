//! The browser of a User-Agent, in listed values.
//!
//! The list of browsers is short, and that of their vendors is longer: Amazon, Samsung and others ship Chrome under their own
//! names. A browser is therefore reported as the listed browser that it is built from, with that browser's version and the
//! vendor who built it. The vendor is absent if it is not listed.

use ua_parser::user_agent::ValueRef;

use super::{super::Version, after};

/// The browser that a User-Agent names.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct BrowserFacts {
    pub(in super::super) name: &'static str,
    pub(in super::super) vendor: Option<&'static str>,
    pub(in super::super) version: Version,
}

/// Browsers by the first words of their names in `uap-core`.
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

/// Vendors that ship Chrome under their own name, by the browser's name in `uap-core`.
const BUILDERS: &[(&str, &str)] =
    &[("Amazon Silk", "Amazon"), ("Samsung Internet", "Samsung"), ("Tizen Browser", "Samsung")];

/// Returns the vendor of a listed browser; `None` if the vendor is not listed.
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

/// Maps the result of `uap-core` for `text`, a User-Agent of a system of `family`.
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
        // Sony builds the browser that its consoles call Safari, and is not in the list of vendors.
        Some("PlayStation OS") => None,
        _ => vendor_of(name),
    };
    listed(named, text).map_or_else(
        || chrome(text, vendor_of("Chrome")),
        |name| Some(BrowserFacts { name, vendor: vendor(name), version }),
    )
}

/// Returns the listed name of the browser that `uap-core` calls `named`.
fn listed(named: &str, text: &str) -> Option<&'static str> {
    // Applications also name their Android version; only a browser names its engine.
    if named == "Android" && text.contains("AppleWebKit") {
        return Some("Android Browser");
    }
    let mut known = FAMILIES.iter().filter(|(family, _)| {
        named.strip_prefix(family).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    });
    known.next().map(|(_, name)| *name)
}

/// Returns the Chrome that the browser of `vendor` is built from, according to `text`.
fn chrome(text: &str, vendor: Option<&'static str>) -> Option<BrowserFacts> {
    let version = Version::parse(after(text, "Chrome/")?);
    Some(BrowserFacts { name: "Chrome", vendor, version })
}

/// Returns the browser of a Samsung TV. Since Tizen 3 it is Chrome, but the User-Agent omits the name: `… like Gecko)
/// 76.0.3809.146/6.0 TV Safari/537.36`. Earlier ones are not Chrome.
fn tizen(text: &str) -> Option<BrowserFacts> {
    let vendor = Some("Samsung");
    let engine = after(text, "like Gecko) ")?;
    let version = Version::parse(engine.split('/').next().unwrap_or_default());
    if version.is_known() {
        return Some(BrowserFacts { name: "Chrome", vendor, version });
    }
    text.contains("Safari/").then(|| BrowserFacts { name: "Safari", vendor, version: Version::default() })
}
