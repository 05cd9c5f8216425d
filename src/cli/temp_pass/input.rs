//! The lines of a file, one after the other: what each asks for, or why that cannot be told.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use csv::{ReaderBuilder, StringRecord, Trim};
use serde::Deserialize;

use super::reset::FileFormat;

/// The longest line of JSON, in bytes.
const LINE_MAX: u64 = 64 * 1024;

/// What a line may say. `error` is what an earlier run added.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    #[serde(default)]
    pub device_id: String,
    #[serde(default)]
    pub generic_key: String,
    #[serde(default)]
    pub user_identifier: String,
    #[serde(default)]
    pub app_id: String,
    #[serde(default)]
    pub device_user: String,
    #[serde(default, rename = "error")]
    _error: String,
}

/// A line of the file.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its number, the first line being 1.
    pub line: u64,
    /// What it says, or what is wrong with it.
    pub fields: Result<Fields, String>,
    /// As it stands in the file: the values of CSV, or one line of JSON.
    pub raw: Vec<String>,
}

/// A file that is read line by line.
pub(super) enum Rows {
    Csv { reader: csv::Reader<Counted>, header: StringRecord },
    Jsonl { reader: BufReader<Counted>, line: u64 },
}

/// Counts what was read, for the progress bar.
pub(super) struct Counted {
    inner: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

impl Rows {
    /// Opens a file, or standard input for `-`; `count` then tells how many bytes were read. With the file's size, where it
    /// has one.
    pub fn open(
        path: &Path,
        format: FileFormat,
        count: &Arc<AtomicU64>,
    ) -> Result<(Self, Option<u64>), String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let (inner, size): (Box<dyn Read + Send>, _) = if path == Path::new("-") {
            (Box::new(io::stdin()), None)
        } else {
            let file = File::open(path).map_err(|error| failed(&error))?;
            let size = file.metadata().map_err(|error| failed(&error))?.len();
            (Box::new(file), Some(size))
        };
        let input = Counted { inner, count: Arc::clone(count) };
        let rows = match format {
            FileFormat::Jsonl => Self::Jsonl { reader: BufReader::new(input), line: 0 },
            FileFormat::Csv => {
                let mut reader = ReaderBuilder::new().flexible(true).trim(Trim::All).from_reader(input);
                let header = reader.headers().map_err(|error| failed(&error))?.clone();
                let empty = StringRecord::from(vec![""; header.len()]);
                empty.deserialize::<Fields>(Some(&header)).map_err(|error| {
                    failed(&format!(
                        "the header must name device_id, generic_key or user_identifier, and may name app_id and \
                         device_user: {error}"
                    ))
                })?;
                Self::Csv { reader, header }
            }
        };
        Ok((rows, size))
    }

    /// The names of the columns; none of JSON.
    pub fn header(&self) -> Vec<String> {
        match self {
            Self::Csv { header, .. } => header.iter().map(str::to_owned).collect(),
            Self::Jsonl { .. } => Vec::new(),
        }
    }

    /// The next line.
    ///
    /// # Errors
    /// Where the file cannot be read any further.
    pub fn next_row(&mut self) -> io::Result<Option<Row>> {
        match self {
            Self::Csv { reader, header } => next_csv(reader, header),
            Self::Jsonl { reader, line } => next_json(reader, line),
        }
    }
}

fn next_csv(reader: &mut csv::Reader<Counted>, header: &StringRecord) -> io::Result<Option<Row>> {
    let mut record = StringRecord::new();
    let line = |reader: &csv::Reader<Counted>| reader.position().line();
    match reader.read_record(&mut record) {
        Ok(false) => Ok(None),
        Ok(true) => {
            let line = record.position().map_or_else(|| line(reader), csv::Position::line);
            let fields = if record.len() == header.len() {
                record.deserialize(Some(header)).map_err(|error| error.to_string()).and_then(check)
            } else {
                Err(format!("has {} values, and the header has {}", record.len(), header.len()))
            };
            Ok(Some(Row { line, fields, raw: record.iter().map(str::to_owned).collect() }))
        }
        Err(error) if error.is_io_error() => Err(io::Error::other(error)),
        Err(error) => {
            let line = error.position().map_or_else(|| line(reader), csv::Position::line);
            Ok(Some(Row { line, fields: Err("is not UTF-8".to_owned()), raw: Vec::new() }))
        }
    }
}

fn next_json(reader: &mut BufReader<Counted>, line: &mut u64) -> io::Result<Option<Row>> {
    loop {
        let mut bytes = Vec::new();
        if reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        *line += 1;
        let is_long = bytes.len() as u64 == LINE_MAX && !bytes.ends_with(b"\n");
        if is_long {
            reader.skip_until(b'\n')?;
        }
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        if text.is_empty() {
            continue;
        }
        let fields = match serde_json::from_slice(&bytes) {
            _ if is_long => Err(format!("has more than {LINE_MAX} bytes")),
            Ok(fields) => check(fields),
            Err(error) => Err(error.to_string()),
        };
        return Ok(Some(Row { line: *line, fields, raw: vec![text] }));
    }
}

/// A line names one trial: to leave it out means nothing.
fn check(fields: Fields) -> Result<Fields, String> {
    let named = [&fields.device_id, &fields.generic_key, &fields.user_identifier];
    match named.into_iter().filter(|text| !text.is_empty()).count() {
        1 => Ok(fields),
        0 => Err("names no device_id, generic_key or user_identifier".to_owned()),
        _ => Err("names more than one of device_id, generic_key and user_identifier".to_owned()),
    }
}
