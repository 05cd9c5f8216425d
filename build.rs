//! Turns the contract under `proto/` into what the crate is compiled from: the Rust stubs, and the descriptor
//! set that reflection serves.
//!
//! One more `.proto` file needs no change here: the folder is walked. One more output, such as the bindings
//! of another language, is one more function that `main` hands the [`Contract`] to.

use std::{
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
};

use prost::Message as _;
use protox::Compiler;
use tonic_prost_build::FileDescriptorSet;

/// Our own protos. Cargo runs this in the package's folder, so the paths are relative to that.
const OWN: &str = "proto";

/// What they import, and what only reflection needs, from others.
const VENDORED: &str = "third_party/proto";

/// Messages that hold what must not reach a log. prost would derive a `Debug` that prints it, so
/// `src/proto.rs` gives each one that withholds it.
const REDACTED: [&str; 4] = [
    ".passbridge.v1.HashIdentifierRequest",
    ".passbridge.v1.AuthorizeTempPassRequest",
    ".passbridge.v1.GetTempPassRequest",
    ".passbridge.v1.ResetFlexibleTempPassRequest",
];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let contract = Contract::read()?;
    write_descriptor_set(&contract, &out.join("passbridge_descriptor.bin"))?;
    generate_rust(&contract)?;
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

/// Writes a Rust file per package into `OUT_DIR`, for `src/proto.rs` to include.
fn generate_rust(contract: &Contract) -> io::Result<()> {
    tonic_prost_build::configure()
        .build_server(true)
        // The tests speak to the server through it.
        .build_client(true)
        // Clients are made from a channel. A `connect` of their own would have the server depend on tonic's
        // transport for nothing.
        .build_transport(false)
        // The error details in every status are that crate's types, so a field of ours has to be as well.
        .extern_path(".google.rpc", "::tonic_types::pb")
        .skip_debug(REDACTED)
        .codec_path("crate::proto::Codec")
        .compile_fds(contract.descriptors.clone())
}
