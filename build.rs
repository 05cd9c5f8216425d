//! Turns the contract under `proto/` into what the crate is compiled from: the Rust stubs, and the descriptor
//! set that reflection serves. Where it is asked, it also keeps the bindings of other languages.
//!
//! One more `.proto` file needs no change here: the folder is walked. One more output is one more function that
//! `main` hands the [`Contract`] to.

#![forbid(unsafe_code)]

#[path = "build/bindings.rs"]
mod bindings;

use std::{
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process,
};

use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorProto};
use protox::Compiler;
use tonic_prost_build::FileDescriptorSet;

/// Our own protos. Cargo runs this in the package's folder, so the paths are relative to that.
const OWN: &str = "proto";

/// What they import, and what only reflection needs, from others.
const VENDORED: &str = "third_party/proto";

/// The package of our own protos.
const PACKAGE: &str = "passbridge.v1";

/// Words in the names of fields whose content must not reach a log: secrets, and what tells a person.
const WITHHELD: [&str; 8] =
    ["secret", "token", "password", "credential", "signature", "user_identifier", "generic_key", "digest"];

/// The same where the name says nothing.
const WITHHELD_TOO: [(&str, &str); 5] = [
    ("HashIdentifierRequest", "value"),
    ("MediaToken", "value"),
    ("StartLoginResponse", "login_url"),
    ("Profile", "user_id"),
    ("GetUserMetadataResponse", "attributes"),
];

/// `google.protobuf.FieldDescriptorProto.Type` of text and of bytes.
const TEXT_TYPES: [i32; 2] = [9, 12];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let contract = Contract::read()?;
    write_descriptor_set(&contract, &out.join("passbridge_descriptor.bin"))?;
    let withheld = withheld(&contract);
    fs::write(out.join("withheld.rs"), withholding(&withheld))?;
    generate_rust(&contract, &withheld)?;
    keep_bindings(&contract);
    Ok(())
}

/// The compiled protos.
struct Contract {
    /// Our files, the vendored ones, and all that they import, each after its imports, with comments.
    descriptors: FileDescriptorSet,
}

impl Contract {
    /// Compiles every proto in the two folders, and tells Cargo to come back when one changes, which
    /// tonic-prost-build doesn't.
    fn read() -> Result<Self, Box<dyn Error>> {
        let folders = [OWN, VENDORED];
        let mut files = Vec::new();
        for folder in folders {
            find_protos(Path::new(folder), &mut files)?;
        }
        // The order of a folder's entries is the file system's whim, and the outputs shouldn't be.
        files.sort();

        let mut compiler = Compiler::new(folders)?;
        compiler
            // Comments become rustdoc, and reflection shows them.
            .include_source_info(true)
            // A reflection client asks for imports by name.
            .include_imports(true)
            .open_files(files)?;
        Ok(Self { descriptors: compiler.file_descriptor_set() })
    }

    /// Our own files.
    fn own(&self) -> impl Iterator<Item = &FileDescriptorProto> {
        self.descriptors.file.iter().filter(|file| file.package() == PACKAGE)
    }
}

/// Adds the protos in `folder` and below.
///
/// Folders are watched as well as files: a new file changes nothing but the folder that it is put in.
fn find_protos(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    println!("cargo:rerun-if-changed={}", folder.display());
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find_protos(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            println!("cargo:rerun-if-changed={}", path.display());
            files.push(path);
        }
    }
    Ok(())
}

/// Writes what reflection serves. The vendored error details are in it although no message of ours refers to
/// them: they travel in trailers, as `Any`, and a command line client asks reflection how to print them.
fn write_descriptor_set(contract: &Contract, path: &Path) -> io::Result<()> {
    fs::write(path, contract.descriptors.encode_to_vec())
}

/// The messages that hold what must not reach a log.
fn withheld(contract: &Contract) -> Vec<&DescriptorProto> {
    let is_withheld = |message: &&DescriptorProto| {
        message.field.iter().any(|field| {
            let is_text = field.r#type.is_some_and(|kind| TEXT_TYPES.contains(&kind));
            let is_named = WITHHELD.iter().any(|word| field.name().contains(word));
            is_text && is_named || WITHHELD_TOO.contains(&(message.name(), field.name()))
        })
    };
    contract.own().flat_map(|file| &file.message_type).filter(is_withheld).collect()
}

/// Gives these messages and their oneofs a `Debug` that shows their names alone.
fn withholding(messages: &[&DescriptorProto]) -> String {
    let mut types = String::new();
    for message in messages {
        types += &format!("v1::{},\n", message.name());
        // A field that is optional has a oneof of its own in the descriptor, and none in Rust.
        let oneofs = message.oneof_decl.iter().filter(|oneof| !oneof.name().starts_with('_'));
        for oneof in oneofs {
            types += &format!("v1::{}::{},\n", snake_case(message.name()), pascal_case(oneof.name()));
        }
    }
    format!("withhold!(\n{types});\n")
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn pascal_case(name: &str) -> String {
    let word = |word: &str| word.get(..1).map(|first| first.to_ascii_uppercase() + &word[1..]);
    name.split('_').filter_map(word).collect()
}

/// Writes a Rust file per package into `OUT_DIR`, for `src/proto.rs` to include.
fn generate_rust(contract: &Contract, withheld: &[&DescriptorProto]) -> io::Result<()> {
    tonic_prost_build::configure()
        .build_server(true)
        // The tests speak to the server through it.
        .build_client(true)
        // Clients are made from a channel. A `connect` of their own would have the server depend on tonic's
        // transport for nothing.
        .build_transport(false)
        // The error details in every status are that crate's types, so a field of ours has to be as well.
        .extern_path(".google.rpc", "::tonic_types::pb")
        .skip_debug(withheld.iter().map(|message| format!(".{PACKAGE}.{}", message.name())))
        .codec_path("crate::proto::Codec")
        .compile_fds(contract.descriptors.clone())
}

/// Writes or checks the bindings of other languages, where the environment asks for it.
fn keep_bindings(contract: &Contract) {
    // By which the test of this program finds it.
    if let Ok(program) = env::current_exe() {
        println!("cargo:rustc-env=PASSBRIDGE_BUILD_SCRIPT={}", program.display());
    }
    let names: Vec<_> = contract.own().map(|file| file.name().to_owned()).collect();
    if let Err(error) = bindings::keep(&contract.descriptors, &names) {
        // Not returned to `main`, since an error of it is shown on one line, with its line breaks escaped.
        eprintln!("{error}");
        process::exit(1);
    }
}
