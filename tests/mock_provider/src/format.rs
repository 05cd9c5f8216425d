//! The format of a v1 response (reference, section 2).

use crate::call::Call;

/// JSON or XML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Xml,
}

impl Format {
    /// The requested format: by the path's extension, by `format` or by `Accept`. The default is XML for a registration code,
    /// as old clients expect it, and JSON otherwise.
    pub(crate) fn of(call: &Call) -> Self {
        let extension = Self::split(&call.path).1;
        let parameter = || call.parameters().get("format").and_then(Self::find);
        let accepted = || call.header("accept").and_then(Self::find);
        let default = if call.path.starts_with("/reggie/") { Self::Xml } else { Self::Json };
        extension.or_else(parameter).or_else(accepted).unwrap_or(default)
    }

    /// The path without its extension, and the format of the extension.
    pub(crate) fn split(path: &str) -> (&str, Option<Self>) {
        let json = path.strip_suffix(".json").map(|path| (path, Some(Self::Json)));
        json.or_else(|| path.strip_suffix(".xml").map(|path| (path, Some(Self::Xml)))).unwrap_or((path, None))
    }

    /// The first format in the text.
    fn find(text: &str) -> Option<Self> {
        let json = text.find("json").map(|at| (at, Self::Json));
        let xml = text.find("xml").map(|at| (at, Self::Xml));
        json.into_iter().chain(xml).min_by_key(|&(at, _)| at).map(|(_, format)| format)
    }
}
