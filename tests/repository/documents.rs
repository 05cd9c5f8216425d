//! Every Markdown document: its links, its fenced blocks, and that a reader finds it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::{Deserializer, Value};

use crate::markdown::{Block, Document, ROOT, documents, find};

/// The index of the pages below `docs/`.
const INDEX: &str = "README.md";

/// What a Mermaid diagram may begin with.
const DIAGRAMS: [&str; 6] =
    ["flowchart", "graph", "sequenceDiagram", "stateDiagram-v2", "erDiagram", "gantt"];

/// The kinds of source files that name documents.
const SOURCES: [&str; 8] = ["rs", "proto", "go", "kt", "java", "toml", "yaml", "sh"];

/// Fails with all complaints, one a line.
#[track_caller]
fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

/// What is wrong with the target of a link, if anything.
fn complaint(
    document: &Document,
    target: &str,
    anchors: &BTreeMap<String, BTreeSet<String>>,
) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
    let path = if path.is_empty() { document.path.clone() } else { document.resolve(path) };
    if !Path::new(ROOT).join(&path).exists() {
        return Some(format!("there is no {path}"));
    }
    if fragment.is_empty() {
        return None;
    }
    match anchors.get(&path) {
        // Lines of a source file.
        None if fragment.starts_with('L') => None,
        None => Some(format!("{path} has no anchors")),
        Some(anchors) if anchors.contains(fragment) => None,
        Some(_) => Some(format!("{path} has no heading for #{fragment}")),
    }
}

#[test]
fn relative_links_and_their_anchors_resolve() {
    let documents = documents();
    let anchors = documents.iter().map(|one| (one.path.clone(), one.anchors.clone())).collect();
    let complaints = documents.iter().flat_map(|document| {
        document.links.iter().filter_map(|(line, target)| {
            let complaint = complaint(document, target, &anchors)?;
            Some(format!("{}:{line}: {target}: {complaint}", document.path))
        })
    });
    none(&complaints.collect::<Vec<_>>());
}

#[test]
fn sources_name_documents_that_exist() {
    let mut complaints = Vec::new();
    find(Path::new(ROOT), &mut |path| {
        if !path.extension().is_some_and(|extension| SOURCES.iter().any(|known| extension == *known)) {
            return;
        }
        let text = fs::read_to_string(path).unwrap_or_default();
        let is_part = |character: char| character.is_ascii_alphanumeric() || "-_./".contains(character);
        for (start, _) in text.match_indices("docs/") {
            let name = text[start..].split(|character| !is_part(character)).next().unwrap_or_default();
            if name.ends_with(".md") && !text[..start].ends_with('/') && !Path::new(ROOT).join(name).exists()
            {
                complaints.push(format!("{}: there is no {name}", path.display()));
            }
        }
    });
    none(&complaints);
}

#[test]
fn pages_are_listed_in_the_index_of_their_folder() {
    let documents = documents();
    let listed: BTreeSet<_> = documents
        .iter()
        .filter(|document| document.path.starts_with("docs/") && document.path.ends_with(INDEX))
        .flat_map(|index| {
            let targets = index.links.iter().map(|(_, target)| target.split('#').next().unwrap_or_default());
            targets.map(|target| index.resolve(target)).collect::<Vec<_>>()
        })
        .collect();
    let pages = documents.iter().map(|document| &document.path).filter(|path| path.starts_with("docs/"));
    let unlisted = pages.filter(|path| !listed.contains(*path) && *path != "docs/README.md");
    none(&unlisted.map(|path| format!("{path}: no {INDEX} links to it")).collect::<Vec<_>>());
}

/// What is wrong with the content of a block, if anything.
fn block_complaint(block: &Block) -> Option<String> {
    let first_word = block.text.split_whitespace().next().unwrap_or_default();
    match block.language.as_str() {
        "" => Some("the fence names no language; `text` is one".to_owned()),
        "json" => {
            let values: Result<Vec<Value>, _> = Deserializer::from_str(&block.text).into_iter().collect();
            values.err().map(|error| format!("it is no JSON: {error}"))
        }
        "mermaid" if !DIAGRAMS.contains(&first_word) => {
            Some(format!("{first_word} is no diagram of Mermaid"))
        }
        _ => None,
    }
}

#[test]
fn fenced_blocks_name_their_language_and_hold_it() {
    let complaints = documents().into_iter().flat_map(|document| {
        let path = document.path;
        document.blocks.into_iter().filter_map(move |block| {
            block_complaint(&block).map(|complaint| format!("{path}:{}: {complaint}", block.line))
        })
    });
    none(&complaints.collect::<Vec<_>>());
}

#[test]
fn rust_in_documents_is_quoted_from_sources() {
    let in_one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut sources = String::new();
    find(Path::new(ROOT), &mut |path| {
        if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push_str(&in_one_line(&fs::read_to_string(path).expect("readable")));
        }
    });
    let complaints = documents().into_iter().flat_map(|document| {
        let blocks = document.blocks.into_iter().filter(|block| block.language == "rust");
        let unknown: Vec<_> = blocks.filter(|block| !sources.contains(&in_one_line(&block.text))).collect();
        unknown.into_iter().map(move |block| format!("{}:{}: no source has this", document.path, block.line))
    });
    none(&complaints.collect::<Vec<_>>());
}

#[test]
fn anchors_follow_the_rules_of_github() {
    let text = "# Many servers on Redis, or Valkey\n## `[[callers]]`\n## `store.wait_replicas`\n## TLS\n## TLS\n\
                <a id=\"own\"></a>\n";
    let anchors = Document::parse("page.md", text).anchors;
    let expected =
        ["callers", "many-servers-on-redis-or-valkey", "own", "storewait_replicas", "tls", "tls-1"];
    assert_eq!(anchors.iter().map(String::as_str).collect::<Vec<_>>(), expected);
}
