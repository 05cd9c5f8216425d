//! XML output for responses, without white space between elements.

use std::fmt::Write;

/// A document with this root element.
pub(crate) fn root(name: &str, namespace: &str, children: &str) -> String {
    let declaration = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
    format!(r#"{declaration}<ns2:{name} xmlns:ns2="{namespace}">{children}</ns2:{name}>"#)
}

/// An element with these children.
pub(crate) fn parent(name: &str, children: &str) -> String {
    format!("<{name}>{children}</{name}>")
}

pub(crate) fn element(name: &str, text: impl ToString) -> String {
    parent(name, &escaped(&text.to_string()))
}

/// The escaped text, also for attribute values.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for char in text.chars() {
        match char {
            '<' | '>' | '&' | '"' => {
                write!(escaped, "&#{};", u32::from(char)).expect("writing to a string succeeds")
            }
            _ => escaped.push(char),
        }
    }
    escaped
}
