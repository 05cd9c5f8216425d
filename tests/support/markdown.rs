//! The repository's Markdown documents as tests read them: fenced blocks, headings with their anchors, links and comments.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::Path,
};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The repository.
pub const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Folders that hold what builds and tests write.
const GENERATED: [&str; 3] = ["target", "node_modules", "artifacts"];

/// A Markdown document.
pub struct Document {
    /// Its path in the repository, such as `docs/redis.md`.
    pub path: String,
    /// The fenced blocks, in order.
    pub blocks: Vec<Block>,
    /// The targets of links and images, each with its line.
    pub links: Vec<(usize, String)>,
    /// Every fragment that a link may have: of headings by GitHub's rules, and of `id` attributes.
    pub anchors: BTreeSet<String>,
    /// The texts of HTML comments.
    pub comments: Vec<String>,
}

/// A fenced block.
#[derive(Debug, Clone)]
pub struct Block {
    /// The line of its opening fence, from 1.
    pub line: usize,
    /// The word after the fence, such as `sh`; empty where there is none.
    pub language: String,
    pub text: String,
    /// The anchors of the headings that it is below, outermost first.
    pub sections: Vec<String>,
}

/// Every document of the repository, in the order of their paths.
pub fn documents() -> Vec<Document> {
    let mut paths = Vec::new();
    find(Path::new(ROOT), &mut |path| {
        if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path.strip_prefix(ROOT).expect("below").to_str().expect("UTF-8").to_owned());
        }
    });
    paths.sort();
    paths.iter().map(|path| Document::read(path)).collect()
}

/// Calls `visit` with every file of the repository that is below `folder`, but for generated and hidden ones.
pub fn find(folder: &Path, visit: &mut impl FnMut(&Path)) {
    for entry in fs::read_dir(folder).expect("readable") {
        let entry = entry.expect("readable");
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_str().expect("UTF-8");
        // A link may lead out of the repository, or in a circle.
        let kind = entry.file_type().expect("readable");
        if name.starts_with('.') || GENERATED.contains(&name) || kind.is_symlink() {
            continue;
        }
        if kind.is_dir() { find(&path, visit) } else { visit(&path) }
    }
}

impl Document {
    /// The document at this path in the repository.
    pub fn read(path: &str) -> Self {
        let text = fs::read_to_string(Path::new(ROOT).join(path))
            .unwrap_or_else(|error| panic!("{path} cannot be read: {error}"));
        Self::parse(path, &text)
    }

    /// A document with this text.
    pub fn parse(path: &str, text: &str) -> Self {
        let mut document = Self {
            path: path.to_owned(),
            blocks: Vec::new(),
            links: Vec::new(),
            anchors: BTreeSet::new(),
            comments: Vec::new(),
        };
        let mut slugs = HashMap::new();
        let mut sections: Vec<(HeadingLevel, String)> = Vec::new();
        // The text of the heading that is being read.
        let mut heading: Option<String> = None;
        let mut in_block = false;
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let line = text[..range.start].matches('\n').count() + 1;
            match event {
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                    let language = info.split_whitespace().next().unwrap_or_default().to_owned();
                    let sections = sections.iter().map(|(_, anchor)| anchor.clone()).collect();
                    document.blocks.push(Block { line, language, text: String::new(), sections });
                    in_block = true;
                }
                Event::End(TagEnd::CodeBlock) => in_block = false,
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(level)) => {
                    let anchor = slug(&heading.take().unwrap_or_default(), &mut slugs);
                    sections.retain(|(above, _)| *above < level);
                    sections.push((level, anchor.clone()));
                    document.anchors.insert(anchor);
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push((line, dest_url.into_string()));
                }
                Event::Text(part) if in_block => {
                    document.blocks.last_mut().expect("has begun").text.push_str(&part);
                }
                Event::Text(part) | Event::Code(part) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&part);
                    }
                }
                Event::Html(html) | Event::InlineHtml(html) => document.read_html(line, &html),
                _ => {}
            }
        }
        document
    }

    fn read_html(&mut self, line: usize, html: &str) {
        let values = |name: &str| {
            let beginning = format!("{name}=\"");
            let values = html.split(&beginning).skip(1).filter_map(|rest| rest.split_once('"'));
            values.map(|(value, _)| value.to_owned()).collect::<Vec<_>>()
        };
        self.anchors.extend(values("id"));
        self.links.extend(["href", "src"].into_iter().flat_map(values).map(|target| (line, target)));
        let comments = html.split("<!--").skip(1).filter_map(|rest| rest.split_once("-->"));
        self.comments.extend(comments.map(|(comment, _)| comment.trim().to_owned()));
    }

    /// The blocks below the heading with this anchor.
    pub fn section(&self, anchor: &str) -> impl Iterator<Item = &Block> {
        self.blocks.iter().filter(move |block| block.sections.iter().any(|section| section == anchor))
    }

    /// The path in the repository that a relative link of this document leads to.
    pub fn resolve(&self, link: &str) -> String {
        let mut parts: Vec<_> = self.path.split('/').collect();
        parts.pop();
        for part in link.split('/') {
            match part {
                "." | "" => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        parts.join("/")
    }
}

/// The anchor of a heading: lower case, without punctuation, spaces as hyphens, and a number for the second of the same name.
fn slug(heading: &str, seen: &mut HashMap<String, usize>) -> String {
    let kept = |character: &char| character.is_alphanumeric() || matches!(character, ' ' | '-' | '_');
    let slug: String = heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-");
    let count = seen.entry(slug.clone()).or_insert(0);
    *count += 1;
    if *count == 1 { slug } else { format!("{slug}-{}", *count - 1) }
}
