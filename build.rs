//! Generates code from the contract in `proto/`: the Rust stubs, and the descriptor set that reflection
//! serves. On request, it also writes or checks the bindings of other languages.
//!
//! A new `.proto` file needs no change here, because the folder is searched. To add an output, add a function
//! that `main` passes the [`Contract`] to.

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

/// Our own protos. Cargo runs this program in the folder of the package, so paths are relative to that.
const OWN: &str = "proto";

/// Protos of others: imports of ours, and those that only reflection needs.
const VENDORED: &str = "third_party/proto";

/// The package of our own protos.
const PACKAGE: &str = "passbridge.v1";

/// Words in the names of fields whose values must not be logged: secrets, and values that identify a person.
const WITHHELD: [&str; 8] =
    ["secret", "token", "password", "credential", "signature", "user_identifier", "generic_key", "digest"];

/// Further such fields, whose names do not tell.
const WITHHELD_TOO: [(&str, &str); 5] = [
    ("HashIdentifierRequest", "value"),
    ("MediaToken", "value"),
    ("StartLoginResponse", "login_url"),
    ("Profile", "user_id"),
    ("GetUserMetadataResponse", "attributes"),
];

/// `google.protobuf.FieldDescriptorProto.Type` of strings and bytes.
const TEXT_TYPES: [i32; 2] = [9, 12];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let contract = Contract::read()?;
    write_descriptor_set(&contract, &out.join("passbridge_descriptor.bin"))?;
    let withheld = withheld(&contract);
    fs::write(out.join("withheld.rs"), debug_macro(&withheld))?;
    generate_rust(&contract, &withheld)?;
    write_or_check_bindings(&contract);
    Ok(())
}

/// The compiled protos.
struct Contract {
    /// Our own files, the vendored ones and all imports, each after its imports, with comments.
    descriptors: FileDescriptorSet,
}

impl Contract {
    /// Compiles every proto in the two folders, and has Cargo run this program again when one changes, which
    /// tonic-prost-build does not do.
    fn read() -> Result<Self, Box<dyn Error>> {
        let folders = [OWN, VENDORED];
        let mut files = Vec::new();
        for folder in folders {
            find_protos(Path::new(folder), &mut files)?;
        }
        // The order of directory entries depends on the file system; the outputs must not.
        files.sort();

        let mut compiler = Compiler::new(folders)?;
        compiler
            // For rustdoc and reflection.
            .include_source_info(true)
            // Reflection clients request imports by name.
            .include_imports(true)
            .open_files(files)?;
        Ok(Self { descriptors: compiler.file_descriptor_set() })
    }

    /// Our own files.
    fn own(&self) -> impl Iterator<Item = &FileDescriptorProto> {
        self.descriptors.file.iter().filter(|file| file.package() == PACKAGE)
    }
}

/// Adds the protos in `folder` and its subfolders.
///
/// Folders are watched as well as files, because a new file changes only its folder.
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

/// Writes the descriptor set that reflection serves. It contains the vendored error details although none of
/// our messages refers to them: they are sent in trailers, as `Any`, and command-line clients need reflection
/// to print them.
fn write_descriptor_set(contract: &Contract, path: &Path) -> io::Result<()> {
    fs::write(path, contract.descriptors.encode_to_vec())
}

/// The messages with values that must not be logged.
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

/// The code that gives these messages and their oneofs a `Debug` with only their names.
fn debug_macro(messages: &[&DescriptorProto]) -> String {
    let mut types = String::new();
    for message in messages {
        types += &format!("v1::{},\n", message.name());
        // An optional field has a synthetic oneof in the descriptor, and none in Rust.
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

/// Writes one Rust file per package into `OUT_DIR`, for `src/proto.rs` to include.
fn generate_rust(contract: &Contract, withheld: &[&DescriptorProto]) -> io::Result<()> {
    tonic_prost_build::configure()
        .build_server(true)
        // For the tests.
        .build_client(true)
        // Clients are created from a channel. A `connect` method would make the server depend on tonic's
        // transport.
        .build_transport(false)
        // Error details use the types of this crate, so fields of our messages must too.
        .extern_path(".google.rpc", "::tonic_types::pb")
        .skip_debug(withheld.iter().map(|message| format!(".{PACKAGE}.{}", message.name())))
        .codec_path("crate::proto::Codec")
        .compile_fds(contract.descriptors.clone())
}

/// Writes or checks the bindings of other languages, if the environment variable requests it.
fn write_or_check_bindings(contract: &Contract) {
    // For the test of this program.
    if let Ok(program) = env::current_exe() {
        println!("cargo:rustc-env=PASSBRIDGE_BUILD_SCRIPT={}", program.display());
    }
    let names: Vec<_> = contract.own().map(|file| file.name().to_owned()).collect();
    if let Err(error) = bindings::run(&contract.descriptors, &names) {
        // Not returned from `main`, which would print it on one line with escaped line breaks.
        eprintln!("{error}");
        process::exit(1);
    }
}
