//! Finds unknown keys by the schema that is generated from the types.

use serde_json::{Map, Value as Json};
use toml::{Table, Value};

use super::Config;
use crate::domain::error::Violation;

/// Former keys, each with its current key.
const MOVED: [(&str, &str); 1] = [("rest.passthrough", "environments.NAME.passthrough")];

/// The keys of `table` that the configuration does not have, each with its current key or the nearest known
/// one.
pub(super) fn unknown_keys(table: &Table) -> Vec<Violation> {
    let schema = schemars::schema_for!(Config).to_value();
    let mut found = Vec::new();
    visit(table, &schema, &schema, "", &mut found);
    found.sort_by(|one, other| one.field.cmp(&other.field));
    found
}

fn visit(table: &Table, schema: &Json, root: &Json, path: &str, found: &mut Vec<Violation>) {
    let schema = resolve(schema, root);
    let properties = schema.get("properties").and_then(Json::as_object);
    let anything = schema.get("additionalProperties").filter(|rest| rest.is_object());
    for (key, value) in table {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let known = properties.and_then(|properties| properties.get(key)).or(anything);
        match (known, value) {
            (Some(schema), Value::Table(inner)) => visit(inner, schema, root, &path, found),
            (Some(schema), Value::Array(elements)) => {
                let Some(element_schema) = resolve(schema, root).get("items") else { continue };
                for (index, element) in elements.iter().enumerate() {
                    if let Value::Table(inner) = element {
                        visit(inner, element_schema, root, &format!("{path}[{index}]"), found);
                    }
                }
            }
            (Some(_), _) => {}
            (None, _) => {
                let text = moved(&path).unwrap_or_else(|| describe(key, properties));
                found.push(Violation::new(path, text));
            }
        }
    }
}

/// Resolves a schema: follows references, which the generator uses for each named type, and takes the
/// non-null alternative of an optional type.
pub(super) fn resolve<'a>(schema: &'a Json, root: &'a Json) -> &'a Json {
    let alternatives = schema.get("anyOf").and_then(Json::as_array).into_iter().flatten();
    let mut present = alternatives.filter(|one| one.get("type").is_none_or(|kind| kind != "null"));
    let schema = present.next().unwrap_or(schema);
    schema
        .get("$ref")
        .and_then(Json::as_str)
        .and_then(|reference| root.pointer(reference.trim_start_matches('#')))
        .unwrap_or(schema)
}

fn moved(path: &str) -> Option<String> {
    let (_, place) = MOVED.into_iter().find(|(former, _)| *former == path)?;
    Some(format!("has moved; set `{place}` instead"))
}

fn describe(key: &str, known: Option<&Map<String, Json>>) -> String {
    let nearest = known
        .into_iter()
        .flat_map(Map::keys)
        .max_by(|one, other| strsim::jaro_winkler(key, one).total_cmp(&strsim::jaro_winkler(key, other)));
    match nearest {
        Some(nearest) => format!("is not a known key; did you mean `{nearest}`?"),
        None => "is not a known key: its parent is a value, not a section".to_owned(),
    }
}
