//! The nesting depth of a payload, computed without recursion, so that untrusted input cannot exhaust the stack.

use serde_json::Value;

use super::NESTING_MAX;

/// The violation of a payload that nests too deep.
pub(super) const TOO_DEEP: &str = "must not nest deeper than 16 levels; the object itself is the first level, \
    and each object or array in it is one more";

/// Whether JSON `text` nests deeper than allowed. Must be checked before parsing, because `serde_json` recurses (up to 128
/// levels), and so does dropping its result. Ignores brackets in strings. The result for text that is not JSON does not
/// matter, because the parser refuses it.
pub(super) fn text_is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > NESTING_MAX {
            return true;
        }
    }
    false
}

/// Whether device information with these values of unknown keys nests deeper than allowed.
pub(super) fn values_are_too_deep<'a>(values: impl Iterator<Item = &'a Value>) -> bool {
    let mut open: Vec<(&Value, usize)> = values.map(|value| (value, 1)).collect();
    while let Some((value, around)) = open.pop() {
        let depth = around + usize::from(value.is_object() || value.is_array());
        if depth > NESTING_MAX {
            return true;
        }
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth))),
            Value::Object(entries) => open.extend(entries.values().map(|entry| (entry, depth))),
            _ => {}
        }
    }
    false
}
