//! Codes, and the values that they identify until they expire.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
};

use serde::{Serialize, Serializer};

use crate::random;

/// The maximum number of codes of one kind: enough for any test, and a limit for long benchmarks. Beyond it, a new code
/// replaces the one that would expire first.
const CAPACITY: usize = 50_000;

/// A code as the TV shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Code([u8; 7]);

/// Values by code.
#[derive(Debug)]
pub(crate) struct Codes<T> {
    held: HashMap<Code, Held<T>>,
    /// The expiry of each code, including codes that were already deleted.
    expiries: BinaryHeap<Reverse<(i64, Code)>>,
}

#[derive(Debug)]
struct Held<T> {
    expires: i64,
    value: T,
}

impl Code {
    /// Generates a code.
    pub(crate) fn random() -> Self {
        const LETTERS: &[u8; 36] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        Self(random::bytes().map(|byte: u8| LETTERS[usize::from(byte) % LETTERS.len()]))
    }

    /// Parses a sent code. A code of another length is not one of ours.
    fn parse(text: &str) -> Option<Self> {
        text.as_bytes().try_into().ok().map(Self)
    }

    /// The code as text.
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<T> Default for Codes<T> {
    fn default() -> Self {
        Self { held: HashMap::new(), expiries: BinaryHeap::new() }
    }
}

impl<T> Codes<T> {
    /// Stores the value until then.
    pub(crate) fn insert(&mut self, code: Code, expires: i64, now: i64, value: T) {
        self.held.insert(code, Held { expires, value });
        self.expiries.push(Reverse((expires, code)));
        self.drop_expired(now);
    }

    /// The value of the code.
    pub(crate) fn get_mut(&mut self, code: &str, now: i64) -> Option<&mut T> {
        let held = self.held.get_mut(&Code::parse(code)?)?;
        (held.expires > now).then_some(&mut held.value)
    }

    /// Removes and returns the value of the code.
    pub(crate) fn remove(&mut self, code: &str, now: i64) -> Option<T> {
        let held = self.held.remove(&Code::parse(code)?)?;
        (held.expires > now).then_some(held.value)
    }

    /// The number of live codes.
    pub(crate) fn count(&mut self, now: i64) -> usize {
        self.drop_expired(now);
        self.held.len()
    }

    fn drop_expired(&mut self, now: i64) {
        while let Some(&Reverse((expires, code))) = self.expiries.peek()
            && (expires <= now || self.expiries.len() > CAPACITY)
        {
            self.expiries.pop();
            if self.held.get(&code).is_some_and(|held| held.expires == expires) {
                self.held.remove(&code);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_until_it_expires() {
        let mut codes = Codes::default();
        let (short, long) = (Code::random(), Code::random());
        codes.insert(long, 200, 0, 2);
        codes.insert(short, 100, 0, 1);
        assert_eq!(codes.get_mut(short.as_str(), 99), Some(&mut 1));
        assert_eq!(codes.get_mut(short.as_str(), 100), None);
        assert_eq!(codes.count(100), 1);
        assert_eq!(codes.remove(long.as_str(), 100), Some(2));
        assert_eq!(codes.count(100), 0);
    }
}
