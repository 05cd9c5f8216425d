//! The bindings of other languages that are kept in the repository, made from the very descriptors that the server is
//! compiled from, without protoc.
//!
//! Who builds the server needs no tools of other languages, so nothing runs unless [`VARIABLE`] asks for it. One more
//! language is one more entry of [`LANGUAGES`]; `docs/bindings.md` tells how to choose it.

use std::{
    collections::BTreeMap,
    env,
    error::Error,
    fmt, fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use prost::Message as _;
use prost_types::{
    FileDescriptorSet,
    compiler::{CodeGeneratorRequest, CodeGeneratorResponse, code_generator_response::Feature},
};

/// `write`: files that differ are written. `check`: they fail the build. Not set: nothing is generated.
const VARIABLE: &str = "PASSBRIDGE_BINDINGS";

/// The languages whose bindings are in the repository: those that have no way to generate when they build.
const LANGUAGES: &[Language] = &[Language {
    folder: "clients/go",
    generated: "passbridge/v1",
    pins: &["tools/go.mod", "tools/go.sum"],
    plugins: &[
        Plugin {
            program: "go",
            arguments: &["tool", "-modfile=tools/go.mod", "protoc-gen-go"],
            parameter: "module=github.com/passbridge/passbridge/clients/go",
        },
        Plugin {
            program: "go",
            arguments: &["tool", "-modfile=tools/go.mod", "protoc-gen-go-grpc"],
            parameter: "module=github.com/passbridge/passbridge/clients/go",
        },
    ],
}];

/// A language with committed bindings.
struct Language {
    /// Where its client lives. Plug-ins run there, and the names of their files are relative to it.
    folder: &'static str,
    /// The folder below it that holds generated files alone: anything else in there is left over from former protos.
    generated: &'static str,
    /// The files below `folder` that pin the versions of the plug-ins.
    pins: &'static [&'static str],
    /// What generates, in this order.
    plugins: &'static [Plugin],
}

/// A program that speaks the protocol of protoc's plug-ins on its standard input and output.
struct Plugin {
    program: &'static str,
    arguments: &'static [&'static str],
    /// What protoc would take as `--NAME_opt`.
    parameter: &'static str,
}

/// The content of files by their paths, which are relative to the package's folder.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Writes or checks the bindings of the files with these names, as [`VARIABLE`] asks.
pub fn keep(descriptors: &FileDescriptorSet, names: &[String]) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let Some(task) = Task::asked()? else { return Ok(()) };
    let mut differences = Vec::new();
    for language in LANGUAGES {
        language.watch();
        let made = language.generate(descriptors, names)?;
        differences.extend(language.differences(made)?);
    }
    match task {
        Task::Write => differences.iter().try_for_each(Difference::mend),
        Task::Check if differences.is_empty() => Ok(()),
        Task::Check => Err(complaint(&differences).into()),
    }
}

/// What is asked of a build.
enum Task {
    Write,
    Check,
}

impl Task {
    fn asked() -> Result<Option<Self>, String> {
        let Some(value) = env::var_os(VARIABLE) else { return Ok(None) };
        match value.to_str() {
            Some("write") => Ok(Some(Self::Write)),
            Some("check") => Ok(Some(Self::Check)),
            _ => Err(format!("{VARIABLE} is {value:?}: it takes \"write\" or \"check\", or is left unset")),
        }
    }
}

fn complaint(differences: &[Difference]) -> String {
    let mut text = String::from("the committed bindings are not those of proto/:\n");
    for difference in differences {
        text += &format!("  {difference}\n");
    }
    text + &format!("regenerate them, and commit what changes: {VARIABLE}=write cargo build")
}

impl Language {
    /// Has Cargo come back when somebody edits what is generated, or what generates it.
    fn watch(&self) {
        for path in self.pins.iter().chain([&self.generated]) {
            println!("cargo:rerun-if-changed={}/{path}", self.folder);
        }
    }

    /// Everything that the plug-ins make.
    fn generate(&self, descriptors: &FileDescriptorSet, names: &[String]) -> Result<Files, Box<dyn Error>> {
        let mut files = Files::new();
        for plugin in self.plugins {
            let request = CodeGeneratorRequest {
                file_to_generate: names.to_vec(),
                parameter: Some(plugin.parameter.to_owned()),
                proto_file: descriptors.file.clone(),
                // Generators write it into the headers of their files, where it would only say that this isn't protoc.
                compiler_version: None,
            };
            let response = plugin.run(Path::new(self.folder), &request)?;
            self.take(response, &mut files).map_err(|error| format!("{plugin}: {error}"))?;
        }
        Ok(files)
    }

    /// Adds the files of a plug-in's answer.
    fn take(&self, response: CodeGeneratorResponse, files: &mut Files) -> Result<(), String> {
        if let Some(error) = response.error {
            return Err(error);
        }
        // One that has never heard of `optional` would generate something else for it without a word.
        if response.supported_features() & Feature::Proto3Optional as u64 == 0 {
            return Err("does not support fields that are `optional`".to_owned());
        }
        let generated = Path::new(self.folder).join(self.generated);
        let mut path = PathBuf::new();
        for file in response.file {
            if file.insertion_point.is_some() {
                return Err("inserts into files of others, which is not supported here".to_owned());
            }
            // Without a name it goes on with the file before.
            if let Some(name) = &file.name {
                path = Path::new(self.folder).join(name);
            }
            if !path.starts_with(&generated) {
                return Err(format!("makes {}, outside of {}", path.display(), generated.display()));
            }
            files.entry(path.clone()).or_default().extend_from_slice(file.content().as_bytes());
        }
        Ok(())
    }

    /// How the files in the repository differ from these.
    fn differences(&self, made: Files) -> io::Result<Vec<Difference>> {
        let mut committed = Files::new();
        read_files(&Path::new(self.folder).join(self.generated), &mut committed)?;
        let mut differences = Vec::new();
        for (path, content) in made {
            match committed.remove(&path) {
                Some(same) if same == content => {}
                Some(_) => differences.push(Difference::Content(path, content)),
                None => differences.push(Difference::Missing(path, content)),
            }
        }
        differences.extend(committed.into_keys().map(Difference::LeftOver));
        Ok(differences)
    }
}

/// Adds the files in `folder` and below. There are none where it does not exist.
fn read_files(folder: &Path, files: &mut Files) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            read_files(&path, files)?;
        } else {
            files.insert(path.clone(), fs::read(&path)?);
        }
    }
    Ok(())
}

impl Plugin {
    /// Asks the plug-in in this folder. What it says on standard error is shown only where it fails: tools that are
    /// downloaded first say so at length.
    fn run(&self, folder: &Path, request: &CodeGeneratorRequest) -> Result<CodeGeneratorResponse, String> {
        let failure = |error: &dyn fmt::Display| format!("{self}, in {}: {error}", folder.display());
        let mut child = Command::new(self.program)
            .args(self.arguments)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failure(&error))?;
        // A plug-in reads its request to the end before it answers. One that ends without reading it says why.
        let asked = child.stdin.take().map(|mut input| input.write_all(&request.encode_to_vec()));
        let output = child.wait_with_output().map_err(|error| failure(&error))?;
        if !output.status.success() {
            return Err(failure(&format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr))));
        }
        asked.unwrap_or(Ok(())).map_err(|error| failure(&error))?;
        CodeGeneratorResponse::decode(&*output.stdout).map_err(|error| failure(&error))
    }
}

impl fmt::Display for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.program, self.arguments.join(" "))
    }
}

/// A file that is not what the plug-ins make, and where there is one the content that they make.
enum Difference {
    Content(PathBuf, Vec<u8>),
    Missing(PathBuf, Vec<u8>),
    LeftOver(PathBuf),
}

impl Difference {
    fn mend(&self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Content(path, content) | Self::Missing(path, content) => {
                path.parent().map_or(Ok(()), fs::create_dir_all)?;
                fs::write(path, content)?;
            }
            Self::LeftOver(path) => fs::remove_file(path)?,
        }
        Ok(())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Content(path, _) => write!(f, "{}: differs", path.display()),
            Self::Missing(path, _) => write!(f, "{}: is missing", path.display()),
            Self::LeftOver(path) => write!(f, "{}: is left over", path.display()),
        }
    }
}
