//! Writes the lines that failed to a file that can be used as input again.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufWriter, Write},
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
};

use super::{input::InputRow, reset::FileFormat};

/// The column or field for the error message.
const ERROR: &str = "error";

/// The output file. It is created when the first line fails.
pub(super) struct FailedRows {
    path: PathBuf,
    format: FileFormat,
    header: Vec<String>,
    writer: Option<BufWriter<File>>,
}

impl FailedRows {
    pub(super) fn new(path: PathBuf, format: FileFormat, header: Vec<String>) -> Self {
        Self { path, format, header, writer: None }
    }

    /// Writes a failed line with its error.
    pub(super) fn write(&mut self, row: &InputRow, error: &str) -> io::Result<()> {
        match self.format {
            FileFormat::Csv => self.write_csv(row, error),
            FileFormat::Jsonl => self.write_json(row, error),
        }
    }

    /// Moves the finished file to its path, if any line failed. Until then, a file already at that path stays
    /// unchanged.
    pub(super) fn finish(mut self) -> io::Result<Option<PathBuf>> {
        let Some(mut writer) = self.writer.take() else { return Ok(None) };
        writer.flush()?;
        fs::rename(self.draft(), &self.path)?;
        Ok(Some(self.path))
    }

    fn draft(&self) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(".part");
        path.into()
    }

    fn write_csv(&mut self, row: &InputRow, error: &str) -> io::Result<()> {
        let has_error = self.header.iter().any(|name| name == ERROR);
        let is_first = self.writer.is_none();
        let mut header = self.header.clone();
        if !has_error {
            header.push(ERROR.to_owned());
        }
        let mut values = row.raw.clone();
        values.resize(header.len(), String::new());
        if let Some(index) = header.iter().position(|name| name == ERROR) {
            error.clone_into(&mut values[index]);
        }
        let mut lines = csv::Writer::from_writer(self.open()?);
        if is_first {
            lines.write_record(&header)?;
        }
        lines.write_record(&values)?;
        lines.flush()
    }

    fn write_json(&mut self, row: &InputRow, error: &str) -> io::Result<()> {
        let text = row.raw.first().map(String::as_str).unwrap_or_default();
        let line = match serde_json::from_str::<serde_json::Map<_, _>>(text) {
            Ok(mut object) => {
                object.insert(ERROR.to_owned(), error.into());
                serde_json::Value::from(object).to_string()
            }
            // The line is not a JSON object: keep it unchanged, to be corrected by hand.
            Err(_) => text.to_owned(),
        };
        writeln!(self.open()?, "{line}")
    }

    /// The file may contain personal identifiers, so only its owner may read it.
    fn open(&mut self) -> io::Result<&mut BufWriter<File>> {
        if self.writer.is_none() {
            let draft = self.draft();
            match fs::remove_file(&draft) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(draft)?;
            self.writer = Some(BufWriter::new(file));
        }
        self.writer.as_mut().ok_or_else(|| io::Error::other("the file was not opened"))
    }
}
