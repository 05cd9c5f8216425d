//! How deep a payload nests, found without recursion: a stranger's brackets must not cost stack.

use serde_json::Value;

use super::NESTING_MAX;

/// What is said of a payload that nests too deep.
pub(super) const TOO_DEEP: &str = "must not nest deeper than 16 levels; the object itself is the first level, \
    and each object or array in it is one more";

/// Whether JSON `text` nests deeper than allowed. Asked before the text is parsed, because `serde_json`
/// recurses (up to 128 levels), and so would the drop of what it built. Brackets in strings don't count.
/// The answer for text that is not JSON does not matter: the parser refuses it anyway.
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

/// Whether a device information object with these values of unknown keys nests deeper than allowed.
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
