//! How a folder becomes a store.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    engine::Engine,
    free_space::{FileSystemSpace, FreeSpace},
    journal_repair, private_files,
};
use crate::domain::clock::SharedClock;

/// The format that this version writes. It reads no other yet.
const FORMAT: u32 = 1;

/// Tells the format, in decimal digits.
const FORMAT_FILE: &str = "format";

/// The engine's own folder in the data folder, apart from what others keep there.
const ENGINE_FOLDER: &str = "store";

/// How much is to stay free on the file system: more than what the engine still has to write for what it has
/// acknowledged.
const DEFAULT_RESERVE: u64 = 256 * 1024 * 1024;

/// How to open a store.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The data folder; made where it does not exist.
    pub path: PathBuf,
    /// The store's time.
    pub clock: SharedClock,
    /// Below so many free bytes on the folder's file system writes are refused. Default 256 MiB.
    pub free_space_reserve: u64,
    /// Who tells how many bytes are free.
    pub free_space: Arc<dyn FreeSpace>,
}

impl EmbeddedOptions {
    /// The defaults, for this folder and clock.
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

/// Why a store could not be opened. The text is for the operator.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process, or another part of this one, has the folder open.
    #[error(
        "the data folder {} is in use by another passbridge server; stop that one, or give this one a folder \
         of its own (store.path)", .0.display()
    )]
    InUse(PathBuf),
    /// There is something else of that name.
    #[error("{} is not a folder; set store.path to a folder, which is made where it does not exist", .0.display())]
    NotAFolder(PathBuf),
    /// The folder cannot be made, or not be written to.
    #[error(
        "the data folder {} cannot be written: {source}; give the server's user write permission there, or \
         set store.path to another folder", path.display()
    )]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The folder was written by a newer version.
    #[error(
        "the data folder {} has format {found}, and this version of passbridge knows none after {FORMAT}; \
         start the version that wrote it, or a newer one", path.display()
    )]
    NewerFormat {
        /// The folder.
        path: PathBuf,
        /// The format that it has.
        found: u32,
    },
    /// The folder is not what a passbridge server left there.
    #[error(
        "the data folder {} cannot be read: {reason}; restore it from a backup, or move it away to begin with \
         an empty store", path.display()
    )]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// Whether the data folder `path` has a store, which was opened at least once.
pub(super) fn is_store(path: &Path) -> bool {
    path.join(ENGINE_FOLDER).join(FORMAT_FILE).is_file()
}

/// Opens the engine in the data folder `path`.
pub(super) fn open_engine(path: &Path) -> Result<Engine, OpenError> {
    make_folder(path)?;
    let folder = path.join(ENGINE_FOLDER);
    make_folder(&folder)?;
    private_files::make_private(&folder);
    let format_file = folder.join(FORMAT_FILE);
    let format = read_format(path, &format_file)?;
    let engine = open_or_repair(path, &folder)?;
    if format.is_none() {
        // Written last: before, there is nothing in the folder that another version could misread.
        write_format(&format_file).map_err(|source| not_writable(path, source))?;
    }
    Ok(engine)
}

fn open_or_repair(path: &Path, folder: &Path) -> Result<Engine, OpenError> {
    if let Some(reason) = journal_repair::find_damage(folder).map_err(|error| journal_error(path, error))? {
        return Err(OpenError::Unreadable { path: path.to_owned(), reason });
    }
    let opened = match Engine::open(folder) {
        Err(refused @ fjall::Error::JournalRecovery(_)) => {
            let cut = journal_repair::cut_torn_end(folder).map_err(|error| journal_error(path, error))?;
            if cut { Engine::open(folder) } else { Err(refused) }
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
    // The store holds secrets: nobody else may look into it.
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
            reason: format!("{} does not hold a format's number", file.display()),
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
