//! Opens a folder as a store.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    engine::EmbeddedEngine,
    free_space::{FileSystemSpace, FreeSpace},
    journal_repair, private_files,
};
use crate::domain::clock::SharedClock;

/// The format that this version reads and writes.
const FORMAT: u32 = 1;

/// The file that contains the format, in decimal digits.
const FORMAT_FILE: &str = "format";

/// The engine's subfolder of the data folder. Other components keep their files beside it.
const ENGINE_FOLDER: &str = "store";

/// The default reserve of free space, in bytes: more than the engine still has to write for acknowledged data.
const DEFAULT_RESERVE: u64 = 256 * 1024 * 1024;

/// The options of a store.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The data folder. It is created if it does not exist.
    pub path: PathBuf,
    /// The clock that the store uses.
    pub clock: SharedClock,
    /// The reserve of free bytes on the folder's file system, below which writes are refused. Default 256 MiB.
    pub free_space_reserve: u64,
    /// The source of the free space.
    pub free_space: Arc<dyn FreeSpace>,
}

impl EmbeddedOptions {
    /// Creates the default options for a folder and a clock.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, clock: SharedClock) -> Self {
        Self {
            path: path.into(),
            clock,
            free_space_reserve: DEFAULT_RESERVE,
            free_space: Arc::new(FileSystemSpace),
        }
    }
}

/// An error from opening a store. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another part of this process, has the folder open.
    #[error(
        "the data folder {} is in use by another passbridge server; stop that server, or set store.path to \
         another folder", .0.display()
    )]
    InUse(PathBuf),
    /// The path exists and is not a folder.
    #[error("{} is not a folder; set store.path to a folder (it is created if it does not exist)", .0.display())]
    NotAFolder(PathBuf),
    /// The folder cannot be created or written to.
    #[error(
        "cannot write to the data folder {}: {source}; grant the server's user write permission, or set \
         store.path to another folder", path.display()
    )]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// The error from the operating system.
        source: io::Error,
    },
    /// The folder was written by a newer version.
    #[error(
        "the data folder {} has format {found}, but this version of passbridge supports formats up to {FORMAT}; \
         start the version that wrote the folder, or a newer one", path.display()
    )]
    NewerFormat {
        /// The folder.
        path: PathBuf,
        /// The format of the folder.
        found: u32,
    },
    /// The folder is damaged, or was not written by passbridge.
    #[error(
        "cannot read the data folder {}: {reason}; restore it from a backup, or move it elsewhere to start with \
         an empty store", path.display()
    )]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Whether the data folder `path` contains a store that was opened at least once.
pub(super) fn is_store(path: &Path) -> bool {
    path.join(ENGINE_FOLDER).join(FORMAT_FILE).is_file()
}

/// Opens the engine in the data folder `path`.
pub(super) fn open_engine(path: &Path) -> Result<EmbeddedEngine, OpenError> {
    make_folder(path)?;
    let folder = path.join(ENGINE_FOLDER);
    make_folder(&folder)?;
    private_files::make_private(&folder);
    let format_file = folder.join(FORMAT_FILE);
    let format = read_format(path, &format_file)?;
    let engine = open_or_repair(path, &folder)?;
    if format.is_none() {
        // Written last: until then, the folder contains nothing that another version could misread.
        write_format(&format_file).map_err(|source| not_writable(path, source))?;
    }
    Ok(engine)
}

fn open_or_repair(path: &Path, folder: &Path) -> Result<EmbeddedEngine, OpenError> {
    if let Some(reason) = journal_repair::find_damage(folder).map_err(|error| journal_error(path, error))? {
        return Err(OpenError::Unreadable { path: path.to_owned(), reason });
    }
    let opened = match EmbeddedEngine::open(folder) {
        Err(refused @ fjall::Error::JournalRecovery(_)) => {
            let cut = journal_repair::cut_torn_end(folder).map_err(|error| journal_error(path, error))?;
            if cut { EmbeddedEngine::open(folder) } else { Err(refused) }
        }
        opened => opened,
    };
    opened.map_err(|error| engine_error(path, error))
}

fn make_folder(path: &Path) -> Result<(), OpenError> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => return Ok(()),
        Ok(_) => return Err(OpenError::NotAFolder(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(OpenError::NotAFolder(path.to_owned()));
        }
        Err(_) => {}
    }
    // The store contains secrets: other users must not have access.
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| not_writable(path, source))
}

fn read_format(path: &Path, file: &Path) -> Result<Option<u32>, OpenError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(OpenError::Unreadable { path: path.to_owned(), reason: error.to_string() });
        }
    };
    match text.trim().parse() {
        Ok(found) if found > FORMAT => Err(OpenError::NewerFormat { path: path.to_owned(), found }),
        Ok(FORMAT) => Ok(Some(FORMAT)),
        _ => Err(OpenError::Unreadable {
            path: path.to_owned(),
            reason: format!("{} does not contain a supported format number", file.display()),
        }),
    }
}

fn write_format(file: &Path) -> io::Result<()> {
    let draft = file.with_extension("new");
    let mut written = fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    written.write_all(format!("{FORMAT}\n").as_bytes())?;
    written.sync_all()?;
    fs::rename(&draft, file)?;
    file.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all())
}

fn not_writable(path: &Path, source: io::Error) -> OpenError {
    OpenError::NotWritable { path: path.to_owned(), source }
}

fn journal_error(path: &Path, error: io::Error) -> OpenError {
    match error.kind() {
        // The engine's lock is held.
        io::ErrorKind::WouldBlock => OpenError::InUse(path.to_owned()),
        _ => not_writable(path, error),
    }
}

fn engine_error(path: &Path, error: fjall::Error) -> OpenError {
    match error {
        fjall::Error::Locked => OpenError::InUse(path.to_owned()),
        fjall::Error::Io(source) | fjall::Error::Storage(fjall::LsmError::Io(source)) => {
            not_writable(path, source)
        }
        other => OpenError::Unreadable { path: path.to_owned(), reason: other.to_string() },
    }
}
