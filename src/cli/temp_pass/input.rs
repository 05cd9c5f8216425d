//! Reads the input file line by line: parses each line into a reset, or reports why it cannot.

use std::{
    fmt,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use csv::{ReaderBuilder, StringRecord};
use serde::Deserialize;

use super::reset::FileFormat;

/// The maximum length of a line, in bytes.
const LINE_MAX: u64 = 64 * 1024;

/// The allowed columns and fields.
const COLUMNS: [&str; 6] = ["device_id", "generic_key", "user_identifier", "app_id", "device_user", "error"];

/// The fields of a line. An earlier run may have added `error`, which is ignored.
#[derive(Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RowFields {
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

/// The fields identify people and devices, so `Debug` omits them.
impl fmt::Debug for RowFields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fields(…)")
    }
}

/// A line of the file.
#[derive(Clone)]
pub(super) struct InputRow {
    /// The line number, starting at 1.
    pub line: u64,
    /// The parsed fields, or the reason that the line is invalid.
    pub fields: Result<RowFields, String>,
    /// The unparsed content: the values of a CSV record, or one line of JSON.
    pub raw: Vec<String>,
}

/// Reads a file line by line.
pub(super) struct InputRows {
    reader: BufReader<CountingReader>,
    line: u64,
    /// The columns of a CSV file; `None` for JSON.
    header: Option<StringRecord>,
}

/// Counts the bytes read, for the progress bar.
struct CountingReader {
    inner: Box<dyn Read + Send>,
    count: Arc<AtomicU64>,
}

impl Read for CountingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// A physical line without its line terminator, or the error that it is too long.
type PhysicalLine = Result<Vec<u8>, String>;

impl InputRows {
    /// Opens a file, or standard input for `-`, and adds the bytes read to `count`. Also returns the file's size, if it
    /// has one.
    pub(super) fn open(
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
        let reader = BufReader::new(CountingReader { inner, count: Arc::clone(count) });
        let mut rows = Self { reader, line: 0, header: None };
        if format == FileFormat::Csv {
            let line = rows.next_line().map_err(|error| failed(&error))?;
            let header = line.unwrap_or_else(|| Ok(Vec::new())).and_then(|line| header(&line));
            rows.header = Some(header.map_err(|error| failed(&error))?);
        }
        Ok((rows, size))
    }

    /// The column names. Empty for JSON.
    pub(super) fn header(&self) -> Vec<String> {
        self.header.iter().flatten().map(str::to_owned).collect()
    }

    /// The next nonempty line.
    ///
    /// # Errors
    /// If reading the file fails.
    pub(super) fn next_row(&mut self) -> io::Result<Option<InputRow>> {
        loop {
            let Some(line) = self.next_line()? else { return Ok(None) };
            if line.as_ref().is_ok_and(|line| line.trim_ascii().is_empty()) {
                continue;
            }
            let text =
                line.as_ref().map(|line| String::from_utf8_lossy(line).into_owned()).unwrap_or_default();
            let (fields, raw) = match (&self.header, line) {
                (_, Err(error)) => (Err(error), Vec::new()),
                (None, Ok(line)) => (json(&line).and_then(check), vec![text]),
                (Some(header), Ok(line)) => match values(&line) {
                    Ok(record) => {
                        let fields = fields(header, &record).and_then(check);
                        (fields, record.iter().map(str::to_owned).collect())
                    }
                    Err(error) => (Err(error), vec![text]),
                },
            };
            return Ok(Some(InputRow { line: self.line, fields, raw }));
        }
    }

    fn next_line(&mut self) -> io::Result<Option<PhysicalLine>> {
        let mut line = Vec::new();
        if self.reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        self.line += 1;
        if line.len() as u64 == LINE_MAX && !line.ends_with(b"\n") {
            self.reader.skip_until(b'\n')?;
            return Ok(Some(Err(format!("has more than {LINE_MAX} bytes"))));
        }
        let end = line.strip_suffix(b"\n").unwrap_or(&line);
        let end = end.strip_suffix(b"\r").unwrap_or(end);
        Ok(Some(Ok(end.to_vec())))
    }
}

/// Parses the header. Errors name a column by its number, because the first line of a file without a header contains
/// personal identifiers.
fn header(line: &[u8]) -> Result<StringRecord, String> {
    let mut header = values(line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line))?;
    header.trim();
    let known = |name: &str| COLUMNS.contains(&name);
    if let Some(index) = header.iter().position(|name| !known(name)) {
        return Err(format!(
            "column {} of the header is not one of {}; the first line must name the columns",
            index + 1,
            COLUMNS.join(", ")
        ));
    }
    Ok(header)
}

/// The byte order mark that Windows programs write at the start of a text file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Parses one CSV line. A value cannot span lines: otherwise an unclosed quote would consume the rest of the file.
fn values(line: &[u8]) -> Result<StringRecord, String> {
    if line.iter().filter(|byte| **byte == b'"').count() % 2 == 1 {
        return Err("has an unclosed quote".to_owned());
    }
    if line.contains(&b'\r') {
        return Err("contains a carriage return; end lines with a line feed".to_owned());
    }
    let mut record = StringRecord::new();
    let mut reader = ReaderBuilder::new().has_headers(false).from_reader(line);
    match reader.read_record(&mut record) {
        Ok(_) => Ok(record),
        Err(_) => Err("is not UTF-8".to_owned()),
    }
}

fn fields(header: &StringRecord, record: &StringRecord) -> Result<RowFields, String> {
    if record.len() != header.len() {
        return Err(format!("has {} values, but the header has {} columns", record.len(), header.len()));
    }
    record.deserialize(Some(header)).map_err(|_| "cannot be read".to_owned())
}

/// Parses one JSON line. Errors omit the values, which may be personal identifiers.
fn json(line: &[u8]) -> Result<RowFields, String> {
    let object: serde_json::Map<_, _> = serde_json::from_slice(line)
        .map_err(|error| format!("is not a JSON object; see column {}", error.column()))?;
    serde_json::from_value(object.into())
        .map_err(|_| format!("must have only the fields {}, with string values", COLUMNS.join(", ")))
}

/// Checks that a line identifies exactly one trial. A generic key has no app_id or device_user to narrow it down.
fn check(fields: RowFields) -> Result<RowFields, String> {
    let named = [&fields.device_id, &fields.generic_key, &fields.user_identifier];
    match named.into_iter().filter(|text| !text.is_empty()).count() {
        0 => Err("names no device_id, generic_key or user_identifier".to_owned()),
        1 if fields.device_id.is_empty() && !(fields.app_id.is_empty() && fields.device_user.is_empty()) => {
            Err("has app_id or device_user, which only go with a device_id".to_owned())
        }
        1 => Ok(fields),
        _ => Err("names more than one of device_id, generic_key and user_identifier".to_owned()),
    }
}
