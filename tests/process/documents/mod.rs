//! The documents' commands, run as a reader runs them: the `sh` blocks of a page are pasted into one shell, in their order.
//!
//! A page needs no test of its own. This is what its blocks mean:
//!
//! - `sh` is run and must succeed. The `json` and `text` blocks directly after it are what it prints; a command that is
//!   followed by `text` may fail. `…` stands for the rest of a text, and codes, times and UUIDs for any other.
//! - `console` is not run: it needs the network, another machine, root, a build, or hours.
//! - `toml` is a configuration that `passbridge config check` accepts. With a first line such as `# upstream.toml` it is also
//!   the file of that name for the commands below it.
//! - `passbridge serve`, the mock provider and Redis are started by the test, on free ports; their addresses are replaced
//!   everywhere on the page. A page that only calls the default addresses gets a server with the default configuration.
//! - The comment `<!-- test: after operations.md#in-production -->` runs the blocks of that section before the page's own.

mod answer;
mod machine;
mod shell;

use std::{collections::BTreeSet, fs, thread};

use self::{
    answer::{Outcome, complaints},
    machine::Machine,
};
use crate::{
    markdown::{Block, Document, documents},
    support::server_process::Program,
};

/// The programs that a block of `sh` must not start: the test command runs them once, and not for each page.
const BUILDS: [&str; 5] = ["cargo", "./tests/run", "tests/run", "go", "mvn"];

/// Commands of a page, and what it says that they print.
struct Recipe<'a> {
    /// Where they are, for messages.
    place: String,
    commands: &'a Block,
    answers: Vec<&'a Block>,
}

/// The blocks that are to be run for a page, with the path of the page that each is on.
fn blocks(document: &Document) -> Vec<(String, Block)> {
    let directives = document.comments.iter().filter_map(|comment| comment.strip_prefix("test: "));
    let mut blocks = Vec::new();
    for directive in directives {
        let (path, section) = directive
            .strip_prefix("after ")
            .and_then(|target| target.split_once('#'))
            .unwrap_or_else(|| panic!("{}: `{directive}` is not `after PAGE#SECTION`", document.path));
        let path = document.resolve(path);
        let first = Document::read(&path);
        let before = blocks.len();
        blocks.extend(first.section(section).map(|block| (path.clone(), block.clone())));
        assert!(blocks.len() > before, "{}: {path}#{section} has no blocks", document.path);
    }
    blocks.extend(document.blocks.iter().map(|block| (document.path.clone(), block.clone())));
    blocks
}

/// What is wrong with the commands of a page; nothing where all of them did as it says.
fn run(document: &Document) -> Vec<String> {
    let blocks = blocks(document);
    let mut machine = Machine::new();
    let mut complaints_so_far = Vec::new();
    let mut blocks = blocks.iter().peekable();
    while let Some((path, block)) = blocks.next() {
        match block.language.as_str() {
            "sh" => {
                let mut recipe =
                    Recipe { place: format!("{path}:{}", block.line), commands: block, answers: Vec::new() };
                while let Some((_, answer)) =
                    blocks.next_if(|(_, next)| matches!(next.language.as_str(), "json" | "text"))
                {
                    recipe.answers.push(answer);
                }
                complaints_so_far.extend(check(&recipe, &mut machine));
            }
            "toml" => machine.write_file(&block.text),
            _ => {}
        }
    }
    complaints_so_far
}

fn check(recipe: &Recipe<'_>, machine: &mut Machine) -> Vec<String> {
    let place = &recipe.place;
    let is_build = |line: &&str| {
        BUILDS.contains(&line.split(' ').next().unwrap_or_default()) && !machine::starts_something(line)
    };
    let build = recipe.commands.text.lines().find(is_build);
    if let Some(line) = build {
        return vec![format!("{place}: the tests do not run `{line}`: mark the block `console`")];
    }
    let outcome = machine.run(&recipe.commands.text);
    let answers = recipe.answers.iter().map(|block| (block.language.as_str(), machine.replaced(&block.text)));
    let Outcome { output, error, .. } = &outcome;
    let found = complaints(&answers.collect::<Vec<_>>(), &outcome);
    found.into_iter().map(|complaint| format!("{place}: {complaint}\n{output}{error}")).collect()
}

#[test]
fn commands_of_every_document_work_as_pasted() {
    let documents = documents();
    let pages: Vec<_> = documents
        .iter()
        .filter(|document| document.blocks.iter().any(|block| block.language == "sh"))
        .collect();
    assert!(pages.len() >= 5, "only {} pages have commands", pages.len());
    let complaints: Vec<_> = thread::scope(|scope| {
        let runs: Vec<_> = pages.iter().map(|page| (page, scope.spawn(move || run(page)))).collect();
        let outcomes = runs.into_iter().map(|(page, run)| {
            run.join().unwrap_or_else(|_| vec![format!("{}: the test failed; see above", page.path)])
        });
        outcomes.flatten().collect()
    });
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn configurations_of_every_document_are_accepted() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("passbridge.toml");
    let mut complaints = Vec::new();
    for document in documents() {
        for block in document.blocks.iter().filter(|block| block.language == "toml") {
            fs::write(&file, &block.text).expect("writes");
            let output = Program::new(&["config", "check", "--config"]).argument(&file).output();
            let said = String::from_utf8(output.stderr).expect("UTF-8");
            // Certificates and secrets that the page only names.
            let is_absent = |line: &&str| line.contains("No such file or directory");
            let wrong: Vec<_> =
                said.lines().filter(|line| line.starts_with("  ") && !is_absent(line)).collect();
            if !wrong.is_empty() || (!output.status.success() && !said.contains("No such file")) {
                complaints.push(format!("{}:{}: {said}", document.path, block.line));
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn documents_have_a_command_for_every_method_of_a_server() {
    let documents = documents();
    let commands =
        documents.iter().flat_map(|document| &document.blocks).filter(|block| block.language == "sh");
    let called: BTreeSet<_> = commands
        .flat_map(|block| block.text.split_whitespace())
        .filter_map(|word| word.split_once('/'))
        .map(|(service, method)| format!("{service}.{method}"))
        .collect();
    let mut machine = Machine::new();
    let mut list = |of: &str| {
        let outcome = machine.run(&format!("grpcurl -plaintext 127.0.0.1:50051 list {of}\n"));
        assert!(outcome.is_success, "{}", outcome.error);
        outcome.output
    };
    let mut methods = 0;
    for service in list("").lines() {
        for method in list(service).lines() {
            assert!(called.contains(method), "no document has a command for {method}");
            methods += 1;
        }
    }
    assert!(methods >= 16, "{methods}");
}
