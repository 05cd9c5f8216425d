//! Registration codes: their alphabet, how they are drawn, and how typed codes are folded.

use std::{fmt, sync::Arc};

use unicode_normalization::UnicodeNormalization;

use super::{
    error::Violation,
    randomness::{Randomness, RandomnessUnavailable},
};

/// 24 symbols: the consonants except Y, and the digits that look like none of them. Codes spell no words, and do not
/// contain the pairs 0/O, 1/I, 2/Z, 5/S, 6/G and 8/B.
pub const DEFAULT_ALPHABET: &str = "BCDFGHJKLMNPQRSTVWXZ3479";

/// Seven characters of the default alphabet give 4.6 · 10⁹ codes.
pub const DEFAULT_LENGTH: usize = 7;

/// The maximum length of a typed code in bytes, including separators. A full-width letter has three bytes.
pub const TYPED_MAX: usize = 256;

/// The minimum ratio of possible codes to live codes. A guess then hits with a probability of at most 1/1000, even when
/// the environment is full. For a caller that may read several environments, one guess tests all of them.
const CODES_PER_LIVE_CODE: u128 = 1000;

/// Characters that look alike on a TV screen. A typed character that is not in the alphabet is replaced by the symbol
/// of its class that is, if there is exactly one.
const LOOK_ALIKES: [&str; 7] = ["0OQ", "1IL", "2Z", "5S", "6G", "8B", "UV"];

/// A registration code in its canonical form: upper case, without separators.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(Arc<str>);

impl Code {
    /// Creates a code from canonical text: a stored code, or one that an upstream issued.
    #[must_use]
    pub fn from_canonical(text: &str) -> Self {
        Self(text.into())
    }

    /// Returns the code's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Does not show the code, which is a bearer credential until it is used.
impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Code(…)")
    }
}

/// The format of the codes that this installation issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeFormat {
    alphabet: Box<[u8]>,
    length: usize,
    /// The symbol for each typed ASCII character; 0 if there is none.
    folding: Box<[u8; 128]>,
}

impl CodeFormat {
    /// Creates a format of `length` symbols from `alphabet`, for at most `max_live` live codes.
    ///
    /// # Errors
    /// The alphabet is not 2 to 36 distinct upper-case letters or digits, the length is not 4 to 32, or there are fewer
    /// than 1000 possible codes for each live one.
    pub fn new(alphabet: &str, length: usize, max_live: u64) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        if let Err(description) = check_alphabet(alphabet) {
            violations.push(Violation::new("codes.alphabet", description));
        }
        if !(4..=32).contains(&length) {
            violations.push(Violation::new("codes.length", format!("must be 4 to 32, but is {length}")));
        }
        if !violations.is_empty() {
            return Err(violations);
        }
        check_entropy(alphabet.len(), length, max_live).map_err(|violation| vec![violation])?;
        let folding = Box::new(folding(alphabet.as_bytes()));
        Ok(Self { alphabet: alphabet.as_bytes().into(), length, folding })
    }

    /// Draws a code. All codes are equally likely.
    ///
    /// # Errors
    /// No randomness is available.
    pub fn draw(&self, randomness: &dyn Randomness) -> Result<Code, RandomnessUnavailable> {
        let symbols = self.alphabet.len();
        // Bytes at or above the largest multiple of the alphabet's size are discarded. Taking them modulo the size would
        // make the first symbols more likely.
        let fair = 256 - 256 % symbols;
        let mut code = String::with_capacity(self.length);
        let mut bytes = [0; 16];
        loop {
            randomness.fill(&mut bytes)?;
            for byte in bytes {
                if usize::from(byte) < fair {
                    code.push(char::from(self.alphabet[usize::from(byte) % symbols]));
                    if code.len() == self.length {
                        return Ok(Code(code.into()));
                    }
                }
            }
        }
    }

    /// Folds a typed code to its canonical form. Ignores case, width, white space and dashes, and replaces look-alikes that
    /// are not in the alphabet. `None` if the text cannot be a code of this format.
    #[must_use]
    pub fn fold(&self, typed: &str) -> Option<Code> {
        let mut code = String::with_capacity(self.length);
        for character in letters(typed) {
            let folded = *self.folding.get(usize::try_from(u32::from(character)).ok()?)?;
            if folded == 0 || code.len() == self.length {
                return None;
            }
            code.push(char::from(folded));
        }
        (code.len() == self.length).then(|| Code(code.into()))
    }
}

/// The longest code that an upstream may issue, in characters.
const UPSTREAM_LENGTH_MAX: usize = 32;

/// Folds a typed code that an upstream issued. Its alphabet is unknown, so only separators, case and width are ignored.
/// `None` if the text cannot be a code.
#[must_use]
pub fn fold_upstream(typed: &str) -> Option<Code> {
    let folded: String = letters(typed).map(|character| character.to_ascii_uppercase()).collect();
    upstream_code(&folded)
}

/// Parses a code as an upstream issues it: 1 to 32 upper-case letters and digits (reference, section 2).
#[must_use]
pub fn upstream_code(text: &str) -> Option<Code> {
    let is_code = (1..=UPSTREAM_LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_code.then(|| Code(text.into()))
}

/// Checks the size and the characters of a typed code.
///
/// # Errors
/// The text is empty, is longer than [`TYPED_MAX`] bytes, or contains control characters.
pub fn check_typed(field: &str, typed: &str) -> Result<(), Violation> {
    if typed.chars().all(is_separator) {
        return Err(Violation::new(field, "is required: the registration code as the viewer typed it"));
    }
    if typed.len() > TYPED_MAX {
        return Err(Violation::too_long(field, typed, TYPED_MAX));
    }
    match typed.chars().find(|character| character.is_control() && !character.is_whitespace()) {
        None => Ok(()),
        Some(other) => Err(Violation::new(
            field,
            format!("must not contain control characters, but contains U+{:04X}", u32::from(other)),
        )),
    }
}

/// Returns the typed characters without separators, in compatibility form (NFKC): East Asian input methods produce
/// full-width letters.
fn letters(typed: &str) -> impl Iterator<Item = char> {
    // ASCII is already normalized, and nearly every code is ASCII: skip the cost of normalization.
    let (ascii, other) = if typed.is_ascii() { (typed, "") } else { ("", typed) };
    ascii.chars().chain(other.nfkc()).filter(|character| !is_separator(*character))
}

fn is_separator(character: char) -> bool {
    // Includes the dashes that phones substitute for a typed hyphen (U+2010 to U+2015, the minus sign).
    let is_dash = matches!(character, '-' | '_' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    // Invisible characters that are pasted along with a code.
    let is_invisible = matches!(character, '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}');
    is_dash || is_invisible || character.is_whitespace()
}

fn check_alphabet(alphabet: &str) -> Result<(), &'static str> {
    let symbols = alphabet.as_bytes();
    if !(2..=36).contains(&symbols.len()) {
        return Err("must have 2 to 36 symbols");
    }
    if !symbols.iter().all(|symbol| symbol.is_ascii_uppercase() || symbol.is_ascii_digit()) {
        return Err(
            "must contain only upper-case letters A-Z and digits, because typed codes are folded to those",
        );
    }
    if symbols.iter().enumerate().any(|(index, symbol)| symbols[..index].contains(symbol)) {
        return Err("must not repeat a symbol, which would make it more likely than the others");
    }
    Ok(())
}

fn check_entropy(symbols: usize, length: usize, max_live: u64) -> Result<(), Violation> {
    let codes = (0..length).try_fold(1_u128, |codes, _| codes.checked_mul(symbols as u128));
    let needed = u128::from(max_live) * CODES_PER_LIVE_CODE;
    match codes {
        Some(codes) if codes < needed => Err(Violation::new(
            "codes.length",
            format!(
                "must be larger, or codes.max_live_codes smaller: {length} symbols from an alphabet of {symbols} give \
                 {codes} codes, but {max_live} live codes require at least {needed} to make guessing hopeless"
            ),
        )),
        _ => Ok(()),
    }
}

fn folding(alphabet: &[u8]) -> [u8; 128] {
    let mut table = [0; 128];
    for class in LOOK_ALIKES {
        let mut present = class.bytes().filter(|symbol| alphabet.contains(symbol));
        if let (Some(only), None) = (present.next(), present.next()) {
            for symbol in class.bytes() {
                table[usize::from(symbol)] = only;
            }
        }
    }
    for symbol in alphabet {
        table[usize::from(*symbol)] = *symbol;
    }
    for letter in b'a'..=b'z' {
        table[usize::from(letter)] = table[usize::from(letter.to_ascii_uppercase())];
    }
    table
}

#[cfg(test)]
mod tests;
