//! The bindings of other languages that are committed to the repository. They are generated, without protoc,
//! from the same descriptors that the server is compiled from.
//!
//! Building the server requires no tools of other languages, so nothing runs unless [`VARIABLE`] requests it.
//! To add a language, add an entry to [`LANGUAGES`]; `docs/bindings.md` explains how to choose it.

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

/// `write`: write files that differ. `check`: fail the build if files differ. Unset: generate nothing.
const VARIABLE: &str = "PASSBRIDGE_BINDINGS";

/// The languages with committed bindings: those that cannot generate code when they are built.
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
    /// The folder of its client. Plug-ins run there, and the names of their files are relative to it.
    folder: &'static str,
    /// The folder below it with only generated files: any other file in it is left over from former protos.
    generated: &'static str,
    /// The files below `folder` that pin the versions of the plug-ins.
    pins: &'static [&'static str],
    /// The plug-ins, in order.
    plugins: &'static [Plugin],
}

/// A program that implements the plug-in protocol of protoc on standard input and output.
struct Plugin {
    program: &'static str,
    arguments: &'static [&'static str],
    /// What protoc takes as `--NAME_opt`.
    parameter: &'static str,
}

/// The content of files, by path relative to the folder of the package.
type Files = BTreeMap<PathBuf, Vec<u8>>;

/// Writes or checks the bindings of the files with these names, as [`VARIABLE`] requests.
pub fn run(descriptors: &FileDescriptorSet, names: &[String]) -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-env-changed={VARIABLE}");
    let Some(task) = Task::from_environment()? else { return Ok(()) };
    let mut differences = Vec::new();
    for language in LANGUAGES {
        language.watch();
        let made = language.generate(descriptors, names)?;
        differences.extend(language.differences(made)?);
    }
    match task {
        Task::Write => differences.iter().try_for_each(Difference::fix),
        Task::Check if differences.is_empty() => Ok(()),
        Task::Check => Err(mismatch(&differences).into()),
    }
}

enum Task {
    Write,
    Check,
}

impl Task {
    fn from_environment() -> Result<Option<Self>, String> {
        let Some(value) = env::var_os(VARIABLE) else { return Ok(None) };
        match value.to_str() {
            Some("write") => Ok(Some(Self::Write)),
            Some("check") => Ok(Some(Self::Check)),
            _ => Err(format!("{VARIABLE} must be \"write\" or \"check\", or unset, but is {value:?}")),
        }
    }
}

fn mismatch(differences: &[Difference]) -> String {
    let mut text = String::from("the committed bindings differ from proto/:\n");
    for difference in differences {
        text += &format!("  {difference}\n");
    }
    text + &format!("regenerate them and commit the changes: {VARIABLE}=write cargo build")
}

impl Language {
    /// Has Cargo run this program again when the generated files or the pins change.
    fn watch(&self) {
        for path in self.pins.iter().chain([&self.generated]) {
            println!("cargo:rerun-if-changed={}/{path}", self.folder);
        }
    }

    /// Everything that the plug-ins generate.
    fn generate(&self, descriptors: &FileDescriptorSet, names: &[String]) -> Result<Files, Box<dyn Error>> {
        let mut files = Files::new();
        for plugin in self.plugins {
            let request = CodeGeneratorRequest {
                file_to_generate: names.to_vec(),
                parameter: Some(plugin.parameter.to_owned()),
                proto_file: descriptors.file.clone(),
                // Generators write it into file headers, where it would only say that this is not protoc.
                compiler_version: None,
            };
            let response = plugin.run(Path::new(self.folder), &request)?;
            self.take(response, &mut files).map_err(|error| format!("{plugin}: {error}"))?;
        }
        Ok(files)
    }

    /// Adds the files of a plug-in's response.
    fn take(&self, response: CodeGeneratorResponse, files: &mut Files) -> Result<(), String> {
        if let Some(error) = response.error {
            return Err(error);
        }
        // A plug-in that does not know `optional` would silently generate wrong code.
        if response.supported_features() & Feature::Proto3Optional as u64 == 0 {
            return Err("does not support `optional` fields".to_owned());
        }
        let generated = Path::new(self.folder).join(self.generated);
        let mut path = PathBuf::new();
        for file in response.file {
            if file.insertion_point.is_some() {
                return Err("uses insertion points, which are not supported here".to_owned());
            }
            // A file without a name continues the previous one.
            if let Some(name) = &file.name {
                path = Path::new(self.folder).join(name);
            }
            if !path.starts_with(&generated) {
                return Err(format!("generates {}, outside {}", path.display(), generated.display()));
            }
            files.entry(path.clone()).or_default().extend_from_slice(file.content().as_bytes());
        }
        Ok(())
    }

    /// The differences between the committed files and the generated ones.
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

/// Adds the files in `folder` and its subfolders; none if it does not exist.
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
    /// Runs the plug-in in this folder. Its standard error is shown only if it fails, because tools that are
    /// downloaded first report that at length.
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
        // A plug-in reads its whole request before it responds. If it exits early, its status and standard
        // error say why.
        let sent = child.stdin.take().map(|mut input| input.write_all(&request.encode_to_vec()));
        let output = child.wait_with_output().map_err(|error| failure(&error))?;
        if !output.status.success() {
            return Err(failure(&format!("{}\n{}", output.status, String::from_utf8_lossy(&output.stderr))));
        }
        sent.unwrap_or(Ok(())).map_err(|error| failure(&error))?;
        CodeGeneratorResponse::decode(&*output.stdout).map_err(|error| failure(&error))
    }
}

impl fmt::Display for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.program, self.arguments.join(" "))
    }
}

/// A file that differs from the generated one, with the generated content if there is any.
enum Difference {
    Content(PathBuf, Vec<u8>),
    Missing(PathBuf, Vec<u8>),
    LeftOver(PathBuf),
}

impl Difference {
    fn fix(&self) -> Result<(), Box<dyn Error>> {
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
