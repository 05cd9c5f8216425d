//! Compact XML documents without a namespace: deployed parsers take white space between elements for an element.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{
    domain::error::{Error, Result},
    rest::record::{XML_DECLARATION, only_xml},
};

/// Renders a document with this content under `root`.
pub(in crate::rest) fn document(root: &str, content: &impl Serialize) -> Result<Vec<u8>> {
    let mut text = XML_DECLARATION.to_owned();
    let serializer = quick_xml::se::Serializer::with_root(&mut text, Some(root));
    serializer
        .and_then(|serializer| content.serialize(serializer))
        .map_err(|error| Error::Internal(error.to_string()))?;
    Ok(only_xml(text).into_bytes())
}

/// Renders JSON as a document: an object's fields become elements with their names, a list becomes a repeated element.
pub(super) fn of_json(root: &str, content: &Map<String, Value>) -> Vec<u8> {
    let mut text = XML_DECLARATION.to_owned();
    object(&mut text, root, content);
    only_xml(text).into_bytes()
}

fn element(text: &mut String, name: &str, value: &Value) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| element(text, name, item)),
        Value::Object(fields) => object(text, name, fields),
        Value::Null => plain(text, name, ""),
        Value::Bool(value) => plain(text, name, if *value { "true" } else { "false" }),
        Value::Number(number) => plain(text, name, &number.to_string()),
        Value::String(value) => plain(text, name, value),
    }
}

fn object(text: &mut String, name: &str, fields: &Map<String, Value>) {
    let name = element_name(name);
    text.extend(["<", &name, ">"]);
    for (name, value) in fields {
        element(text, name, value);
    }
    text.extend(["</", &name, ">"]);
}

fn plain(text: &mut String, name: &str, value: &str) {
    let name = element_name(name);
    text.extend(["<", &name, ">", &quick_xml::escape::escape(value), "</", &name, ">"]);
}

/// Converts a name to an element name (XML 1.0, section 2.3): invalid characters become `_`.
fn element_name(name: &str) -> String {
    let is_inner = |character: char| character.is_ascii_alphanumeric() || "-._".contains(character);
    let mut name: String =
        name.chars().map(|character| if is_inner(character) { character } else { '_' }).collect();
    if !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') {
        name.insert(0, '_');
    }
    name
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn any_json_renders_as_a_document() {
        let content = json!({
            "updated": 1, "encrypted": ["zip", "a"],
            "data": { "zip": ["1", "2"], "maxRating": { "MPAA": "PG-13" }, "a b<": true, "1": null, "": "<&>" },
        });
        let Value::Object(content) = content else { panic!("an object") };
        let text = String::from_utf8(of_json("userMetadata", &content)).expect("UTF-8");
        let expected = "<userMetadata><updated>1</updated><encrypted>zip</encrypted><encrypted>a</encrypted>\
                        <data><zip>1</zip><zip>2</zip><maxRating><MPAA>PG-13</MPAA></maxRating>\
                        <a_b_>true</a_b_><_1></_1><_>&lt;&amp;&gt;</_></data></userMetadata>";
        assert_eq!(text.strip_prefix(XML_DECLARATION), Some(expected));
    }
}
