//! Planted values, and the search for them in every encoding.

use aho_corasick::AhoCorasick;
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE},
};

/// Named values that must not be found.
#[derive(Default)]
pub struct Planted {
    names: Vec<String>,
    forms: Vec<Vec<u8>>,
}

impl Planted {
    /// Plants a value. Short values are rejected because they would occur by chance.
    #[track_caller]
    pub fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        let value = value.as_ref();
        assert!(value.len() >= 7, "{name} is too short");
        for form in forms(value) {
            self.names.push(name.to_owned());
            self.forms.push(form);
        }
    }

    /// Returns the names of the planted values in a text, each with its context.
    pub fn found_in(&self, haystack: &[u8]) -> Vec<String> {
        let automaton = AhoCorasick::new(&self.forms).expect("is made");
        let mut found: Vec<_> = automaton.find_iter(haystack).collect();
        found.dedup_by_key(|hit| hit.pattern());
        let around = |start: usize, end: usize| {
            let (start, end) = (start.saturating_sub(150), haystack.len().min(end + 50));
            String::from_utf8_lossy(&haystack[start..end]).into_owned()
        };
        let mut found_patterns: Vec<(usize, String)> = Vec::new();
        for hit in found {
            let pattern = hit.pattern().as_usize();
            if !found_patterns.iter().any(|(other, _)| self.names[*other] == self.names[pattern]) {
                let name = &self.names[pattern];
                found_patterns.push((pattern, format!("{name}: …{}…", around(hit.start(), hit.end()))));
            }
        }
        found_patterns.into_iter().map(|(_, text)| text).collect()
    }
}

/// Returns a value in plain, hexadecimal, base64 and percent-encoded form, and as a list of numbers.
fn forms(value: &[u8]) -> Vec<Vec<u8>> {
    let digits = |digit: fn(&u8) -> String| value.iter().map(digit).collect::<String>().into_bytes();
    let mut forms = vec![value.to_vec()];
    forms.push(digits(|byte| format!("{byte:02x}")));
    forms.push(digits(|byte| format!("{byte:02X}")));
    forms.push(value.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ").into_bytes());
    forms
        .push(percent_encoding::percent_encode(value, percent_encoding::NON_ALPHANUMERIC).to_string().into());
    for offset in 0..3 {
        let shifted = [vec![0; offset], value.to_vec()].concat();
        // The first and last characters may contain bits of the adjacent data.
        let (start, end) = ((offset * 8).div_ceil(6), shifted.len() * 8 / 6);
        for encoded in [BASE64_STANDARD.encode(&shifted), BASE64_URL_SAFE.encode(&shifted)] {
            forms.push(encoded.into_bytes()[start..end].to_vec());
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

#[test]
fn planted_values_are_found_in_every_encoding() {
    let mut planted = Planted::default();
    planted.add("it", "a secret/value?");
    let text = b"a secret/value?";
    for hidden in [
        "x a secret/value? x".to_owned(),
        format!("{text:?}"),
        text.iter().map(|byte| format!("{byte:02x}")).collect(),
        BASE64_STANDARD.encode("x a secret/value? x"),
        BASE64_STANDARD.encode("xy a secret/value?"),
        BASE64_URL_SAFE.encode("xyz a secret/value?xyz"),
        "q=a%20secret%2Fvalue%3F".to_owned(),
    ] {
        assert_eq!(planted.found_in(hidden.as_bytes()).len(), 1, "{hidden}");
    }
    assert!(planted.found_in(b"a secret").is_empty());
}
