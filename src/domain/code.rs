//! Registration codes: their alphabet, how one is drawn, and how what a person types is folded.

use std::{fmt, sync::Arc};

use unicode_normalization::UnicodeNormalization;

use super::{
    error::Violation,
    randomness::{Randomness, RandomnessUnavailable},
};

/// Consonants without Y, and the digits that none of them looks like: no words, no 0/O, 1/I, 2/Z, 5/S, 6/G,
/// 8/B. 24 symbols.
pub const DEFAULT_ALPHABET: &str = "BCDFGHJKLMNPQRSTVWXZ3479";

/// Seven characters of the default alphabet are 4.6 · 10⁹ codes.
pub const DEFAULT_LENGTH: usize = 7;

/// The longest text that is looked at as a typed code, in bytes, separators included. A full-width letter has three.
pub const TYPED_MAX: usize = 256;

/// How many codes there must be for each one that may live: a guess then hits with one chance in a thousand
/// at most even when the environment is full; a caller who may read several environments learns of all of them at once.
const CODES_PER_LIVE_CODE: u128 = 1000;

/// Characters that people take for each other on a TV screen. A typed character that the alphabet lacks
/// stands for the one of its class that the alphabet has, if that is only one.
const LOOK_ALIKES: [&str; 7] = ["0OQ", "1IL", "2Z", "5S", "6G", "8B", "UV"];

/// A registration code in its canonical form: upper case, without separators.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(Arc<str>);

impl Code {
    /// Takes a code that somebody else issued, or that a store kept, as it is.
    #[must_use]
    pub fn from_canonical(text: &str) -> Self {
        Self(text.into())
    }

    /// The code's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A code is a bearer's proof until it has been used, so it shows itself to no log.
impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Code(…)")
    }
}

/// The shape of the codes that this installation issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeFormat {
    alphabet: Box<[u8]>,
    length: usize,
    /// What each typed ASCII character stands for; 0 where it stands for nothing.
    folding: Box<[u8; 128]>,
}

impl CodeFormat {
    /// A format of `length` symbols out of `alphabet`, of which `max_live` codes may live at once.
    ///
    /// # Errors
    /// Where the alphabet is not 2 to 36 different upper-case letters or digits, the length is not 4 to 32,
    /// or there are fewer than 1000 codes for each live one.
    pub fn new(alphabet: &str, length: usize, max_live: u64) -> Result<Self, Vec<Violation>> {
        let mut violations = Vec::new();
        if let Err(description) = check_alphabet(alphabet) {
            violations.push(Violation::new("codes.alphabet", description));
        }
        if !(4..=32).contains(&length) {
            violations.push(Violation::new("codes.length", format!("is {length}; 4 to 32 are allowed")));
        }
        if !violations.is_empty() {
            return Err(violations);
        }
        check_entropy(alphabet.len(), length, max_live).map_err(|violation| vec![violation])?;
        let folding = Box::new(folding(alphabet.as_bytes()));
        Ok(Self { alphabet: alphabet.as_bytes().into(), length, folding })
    }

    /// Draws a code; every one is equally likely.
    ///
    /// # Errors
    /// Where there is no randomness to draw from.
    pub fn draw(&self, randomness: &dyn Randomness) -> Result<Code, RandomnessUnavailable> {
        let symbols = self.alphabet.len();
        // Bytes at or above the largest multiple of the alphabet's size are thrown away: to take them modulo
        // the size would make the first symbols likelier.
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

    /// What a person meant who typed `typed`: case, width, white space and dashes do not matter, and look-alikes of
    /// characters that the alphabet left out are taken for the ones that it has. `None` where no code of this
    /// format can be meant.
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

/// What a person meant who typed a code that somebody else issued: its alphabet is not known, so that only separators,
/// case and width do not matter. `None` where no code can be meant.
#[must_use]
pub fn fold_upstream(typed: &str) -> Option<Code> {
    let folded: String = letters(typed).map(|character| character.to_ascii_uppercase()).collect();
    upstream_code(&folded)
}

/// A code as an upstream issues it: 1 to 32 upper-case letters and digits (reference, section 2).
#[must_use]
pub fn upstream_code(text: &str) -> Option<Code> {
    let is_code = (1..=UPSTREAM_LENGTH_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_code.then(|| Code(text.into()))
}

/// What a person typed, checked for size and for characters that no keyboard types.
///
/// # Errors
/// Where it is empty, longer than [`TYPED_MAX`] bytes or holds control characters.
pub fn check_typed(field: &str, typed: &str) -> Result<(), Violation> {
    if typed.chars().all(is_separator) {
        return Err(Violation::new(field, "is required: the registration code as the viewer typed it"));
    }
    if typed.len() > TYPED_MAX {
        return Err(Violation::new(
            field,
            format!("has {} bytes; at most {TYPED_MAX} are allowed", typed.len()),
        ));
    }
    match typed.chars().find(|character| character.is_control() && !character.is_whitespace()) {
        None => Ok(()),
        Some(other) => Err(Violation::new(
            field,
            format!("holds the control character U+{:04X}; a code has letters and digits", u32::from(other)),
        )),
    }
}

/// What was typed without separators, in compatibility form (NFKC): input methods of East Asia give full-width letters.
fn letters(typed: &str) -> impl Iterator<Item = char> {
    // ASCII is normalized as it is, and nearly every code is: a read need not pay for what changes nothing.
    let (ascii, other) = if typed.is_ascii() { (typed, "") } else { ("", typed) };
    ascii.chars().chain(other.nfkc()).filter(|character| !is_separator(*character))
}

fn is_separator(character: char) -> bool {
    // The dashes that phones put where a person typed a hyphen (U+2010 to U+2015, the minus sign) included.
    let is_dash = matches!(character, '-' | '_' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}');
    // They come along when a code is pasted, and nobody sees them.
    let is_invisible = matches!(character, '\u{AD}' | '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}');
    is_dash || is_invisible || character.is_whitespace()
}

fn check_alphabet(alphabet: &str) -> Result<(), &'static str> {
    let symbols = alphabet.as_bytes();
    if !(2..=36).contains(&symbols.len()) {
        return Err("needs 2 to 36 symbols");
    }
    if !symbols.iter().all(|symbol| symbol.is_ascii_uppercase() || symbol.is_ascii_digit()) {
        return Err(
            "may hold only upper-case letters A-Z and digits, because typed codes are folded to those",
        );
    }
    if symbols.iter().enumerate().any(|(index, symbol)| symbols[..index].contains(symbol)) {
        return Err("holds a symbol twice, which would make it likelier than the others");
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
                "{length} symbols out of {symbols} are only {codes} codes; {max_live} live ones \
                 (codes.max_live_codes) need at least {needed}, so that guessing is hopeless: \
                 make codes.length larger, or codes.max_live_codes smaller"
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
