use std::collections::BTreeMap;

use super::*;
use crate::domain::randomness::{OsRandomness, ScriptedRandomness};

fn default_format() -> CodeFormat {
    CodeFormat::new(DEFAULT_ALPHABET, DEFAULT_LENGTH, 1_000_000).expect("the default is valid")
}

fn fold(typed: &str) -> Option<String> {
    default_format().fold(typed).map(|code| code.as_str().to_owned())
}

#[test]
fn a_drawn_code_has_the_format_and_folds_to_itself() {
    let format = default_format();
    for _ in 0..1000 {
        let code = format.draw(&OsRandomness).expect("randomness");
        assert_eq!(code.as_str().len(), DEFAULT_LENGTH);
        assert!(code.as_str().chars().all(|symbol| DEFAULT_ALPHABET.contains(symbol)));
        assert_eq!(format.fold(code.as_str()), Some(code));
    }
}

#[test]
fn every_symbol_is_equally_likely() {
    // All 256 byte values, once each. Those that would favor some symbols must be discarded.
    let every_byte: Vec<u8> = (0..=255).collect();
    let format = CodeFormat::new(DEFAULT_ALPHABET, 24, 1).expect("valid");
    let source = ScriptedRandomness::new(every_byte);
    let mut seen = BTreeMap::new();
    for _ in 0..2 {
        for symbol in format.draw(&*source).expect("randomness").as_str().chars() {
            *seen.entry(symbol).or_insert(0) += 1;
        }
    }
    assert_eq!(seen.len(), 24, "every symbol is drawn: {seen:?}");
    assert!(seen.values().all(|count| *count == 2), "all symbols are drawn equally often: {seen:?}");
}

#[test]
fn typed_codes_are_folded() {
    assert_eq!(fold("bcd-fghj").as_deref(), Some("BCDFGHJ"));
    assert_eq!(fold(" B C D F G H J ").as_deref(), Some("BCDFGHJ"));
    assert_eq!(fold("BCD\u{2013}FGHJ").as_deref(), Some("BCDFGHJ"));
    assert_eq!(fold("8cdf6hj").as_deref(), Some("BCDFGHJ"), "8 looks like B, 6 like G");
    for invisible in ['\u{AD}', '\u{200B}', '\u{200C}', '\u{200D}', '\u{2060}', '\u{FEFF}'] {
        assert_eq!(fold(&format!("BCD{invisible}FGHJ{invisible}")).as_deref(), Some("BCDFGHJ"));
        assert!(check_typed("code", &invisible.to_string()).is_err(), "only invisible characters");
    }
    assert_eq!(fold("ｂｃｄ－ｆｇｈｊ").as_deref(), Some("BCDFGHJ"));
    assert_eq!(fold("ＢＣＤ　３４７９").as_deref(), Some("BCD3479"));
    assert_eq!(
        fold_upstream("ｑｗｅ\u{200B}１２３").map(|code| code.as_str().to_owned()).as_deref(),
        Some("QWE123")
    );
    assert!(check_typed("code", &"Ａ－".repeat(32)).is_ok(), "the longest that an upstream issues");
    assert_eq!(fold("1i2o05u").as_deref(), Some("LLZQQSV"));
}

#[test]
fn texts_that_cannot_be_codes_are_refused() {
    for typed in ["", "BCDFGH", "BCDFGHJK", "BCDFGHA", "BCDFGH\0", "ÄCDFGHJ", "BCDFGH\u{10FFFF}"] {
        assert_eq!(fold(typed), None, "{typed:?}");
    }
}

#[test]
fn an_ambiguous_look_alike_is_not_guessed() {
    let format = CodeFormat::new("0OABCDEF", 8, 1).expect("valid");
    assert_eq!(format.fold("QABCDEF0"), None, "Q might be 0 or O");
    assert_eq!(format.fold("0ABCDEFO").expect("both are symbols").as_str(), "0ABCDEFO");
}

#[test]
fn a_format_with_too_few_codes_is_refused_with_a_remedy() {
    let violations = CodeFormat::new(DEFAULT_ALPHABET, 6, 1_000_000).expect_err("24^6 is too few");
    assert_eq!(violations.len(), 1);
    assert_eq!(violations[0].field, "codes.length");
    assert!(violations[0].description.contains("max_live_codes"), "{}", violations[0].description);
    assert!(CodeFormat::new(DEFAULT_ALPHABET, 6, 100_000).is_ok());
}

#[test]
fn invalid_alphabets_are_refused() {
    for alphabet in ["", "A", "abc", "AAB", "ÄÖ", "AB C"] {
        assert!(CodeFormat::new(alphabet, 32, 1).is_err(), "{alphabet:?}");
    }
}

#[test]
fn typed_codes_are_bounded_and_have_no_control_characters() {
    assert!(check_typed("code", "bcd fghj").is_ok());
    for typed in ["", "  ", "ABC\0DEF", &"A".repeat(257)] {
        assert_eq!(check_typed("code", typed).expect_err("refused").field, "code", "{typed:?}");
    }
}
