//! Sends the resets listed in a file to the server in one stream. Only the lines in flight are in memory, so the file
//! can have any length.

use std::{
    collections::HashMap,
    error::Error,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    connection::connect,
    failed::FailedRows,
    input::{InputRow, InputRows, RowFields},
    progress::ProgressDisplay,
    reset::{FileFormat, ResetArgs},
};
use crate::{
    config::Config,
    proto::v1::{
        BatchResetTempPassRequest, BatchResetTempPassResponse, ResetFlexibleTempPassRequest,
        ResetTempPassRequest, batch_reset_temp_pass_request::Item,
        reset_flexible_temp_pass_request::Target as FlexibleTarget, reset_temp_pass_request::Target,
    },
};

/// The extension of the file of failed lines.
const FAILED: &str = "failed";

/// The number of lines read ahead of the stream.
const READ_AHEAD: usize = 256;

/// The lines sent and not yet answered, by item id.
type PendingRows = Arc<Mutex<HashMap<String, InputRow>>>;

pub(super) async fn run(config: &Config, reset: ResetArgs) -> Result<(), Box<dyn Error>> {
    let file = reset.what.file.clone().unwrap_or_default();
    let format = reset.format.unwrap_or_else(|| format_of(&file));
    let bytes_read = Arc::default();
    let (rows, size) = InputRows::open(&file, format, &bytes_read)?;
    if reset.dry_run {
        return dry_run(rows);
    }
    let path = reset.failed.clone().unwrap_or_else(|| failed_path(&file));
    if is_same(&path, &file) {
        return Err("--failed: must differ from the input file".into());
    }
    let mut failed = FailedRows::new(path, format, rows.header());
    let mut progress = ProgressDisplay::new(size, bytes_read);
    let broken = send(config, reset, rows, &mut failed, &mut progress).await?;
    progress.finish();
    println!("{}", progress.summary());
    if let Some(path) = failed.finish()? {
        println!("failed lines written to {}", path.display());
    }
    match broken {
        Some(reason) => Err(reason.into()),
        None if progress.failed > 0 => Err("some lines failed".into()),
        None => Ok(()),
    }
}

/// Sends every line and processes every response. Returns the reason if the stream was interrupted.
async fn send(
    config: &Config,
    reset: ResetArgs,
    mut rows: InputRows,
    failed: &mut FailedRows,
    progress: &mut ProgressDisplay,
) -> Result<Option<String>, Box<dyn Error>> {
    let ResetArgs { url, requestor, mvpd, environment, dial, .. } = reset;
    let mut client = connect(config, url, &dial).await?;
    let in_flight = PendingRows::default();
    let (items, receiver) = mpsc::channel(READ_AHEAD);
    let (unreadable, mut unreadable_rows) = mpsc::channel::<(InputRow, String)>(READ_AHEAD);
    let to_item = move |fields| item(fields, &requestor, &mvpd, &environment);
    let reading = tokio::task::spawn_blocking({
        let in_flight = Arc::clone(&in_flight);
        move || read(&mut rows, to_item, &in_flight, &items, &unreadable)
    });
    let mut broken = None;
    let answers = client.batch_reset_temp_pass(ReceiverStream::new(receiver)).await;
    let mut answers = match answers {
        Ok(answers) => Some(answers.into_inner()),
        Err(status) => {
            broken = Some(format!("the server refused the stream: {}", status.message()));
            None
        }
    };
    let mut lines_come = true;
    while answers.is_some() || lines_come {
        tokio::select! {
            row = unreadable_rows.recv(), if lines_come => match row {
                Some((row, error)) => {
                    failed.write(&row, &error)?;
                    progress.fail(row.line, &error);
                }
                None => lines_come = false,
            },
            answer = next(&mut answers), if answers.is_some() => match answer {
                Ok(Some(answer)) => process(answer, &in_flight, failed, progress)?,
                Ok(None) => answers = None,
                Err(status) => {
                    broken = Some(format!("the stream was interrupted: {}", status.message()));
                    // The reader then reports the remaining lines as failed.
                    answers = None;
                }
            },
        }
    }
    reading.await??;
    let rest = std::mem::take(&mut *in_flight.lock().unwrap_or_else(PoisonError::into_inner));
    for row in rest.into_values() {
        let error = "got no response; the trial may have been reset nevertheless";
        failed.write(&row, error)?;
        progress.fail(row.line, error);
    }
    Ok(broken)
}

/// Reads every line and sends it to the stream, or to the failed lines if it cannot be sent.
fn read(
    rows: &mut InputRows,
    item: impl Fn(RowFields) -> Item,
    in_flight: &PendingRows,
    items: &mpsc::Sender<BatchResetTempPassRequest>,
    failed: &mpsc::Sender<(InputRow, String)>,
) -> std::io::Result<()> {
    while let Some(row) = rows.next_row()? {
        let outcome = match row.fields.clone() {
            _ if items.is_closed() => Err("was not sent".to_owned()),
            Ok(fields) => {
                let item_id = row.line.to_string();
                in_flight.lock().unwrap_or_else(PoisonError::into_inner).insert(item_id.clone(), row.clone());
                // If sending fails, the line stays in the map and is reported as unanswered.
                Ok(items.blocking_send(BatchResetTempPassRequest { item_id, item: Some(item(fields)) }))
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome
            && failed.blocking_send((row, error)).is_err()
        {
            break;
        }
    }
    Ok(())
}

async fn next(
    answers: &mut Option<tonic::Streaming<BatchResetTempPassResponse>>,
) -> Result<Option<BatchResetTempPassResponse>, tonic::Status> {
    match answers {
        Some(answers) => answers.message().await,
        None => Ok(None),
    }
}

fn process(
    answer: BatchResetTempPassResponse,
    in_flight: &PendingRows,
    failed: &mut FailedRows,
    progress: &mut ProgressDisplay,
) -> std::io::Result<()> {
    let row = in_flight.lock().unwrap_or_else(PoisonError::into_inner).remove(&answer.item_id);
    let Some(row) = row else { return Ok(()) };
    let status = answer.status.unwrap_or_default();
    if status.code == 0 {
        progress.answer(answer.reset_count.unwrap_or_default());
    } else {
        failed.write(&row, &status.message)?;
        progress.fail(row.line, &status.message);
    }
    Ok(())
}

fn item(fields: RowFields, requestor: &str, mvpd: &str, environment: &str) -> Item {
    let RowFields { device_id, generic_key, user_identifier, app_id, device_user, .. } = fields;
    let (requestor_id, mvpd_id, environment) =
        (requestor.to_owned(), mvpd.to_owned(), environment.to_owned());
    if !device_id.is_empty() {
        let target = Some(Target::DeviceId(device_id));
        return Item::TempPass(ResetTempPassRequest {
            requestor_id,
            mvpd_id,
            environment,
            target,
            app_id,
            device_user,
        });
    }
    let target = if generic_key.is_empty() {
        FlexibleTarget::UserIdentifier(user_identifier)
    } else {
        FlexibleTarget::GenericKey(generic_key)
    };
    Item::FlexibleTempPass(ResetFlexibleTempPassRequest {
        requestor_id,
        mvpd_id,
        environment,
        target: Some(target),
        hash_algorithm: 0,
    })
}

fn dry_run(mut rows: InputRows) -> Result<(), Box<dyn Error>> {
    let (mut devices, mut users, mut unreadable) = (0_u64, 0_u64, 0_u64);
    while let Some(row) = rows.next_row()? {
        match row.fields {
            Ok(fields) if fields.device_id.is_empty() => users += 1,
            Ok(_) => devices += 1,
            Err(error) => {
                unreadable += 1;
                eprintln!("line {}: {error}", row.line);
            }
        }
    }
    println!("would reset the trials of {devices} devices and {users} users; {unreadable} lines are invalid");
    Ok(())
}

/// Whether two paths refer to the same file.
fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
    one == other || identity(one).is_some_and(|one| identity(other) == Some(one))
}

/// The format implied by the extension. For a `.failed` file, the extension before it counts.
fn format_of(file: &Path) -> FileFormat {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some(FAILED) => format_of(&file.with_extension("")),
        Some("jsonl" | "ndjson" | "json") => FileFormat::Jsonl,
        _ => FileFormat::Csv,
    }
}

fn failed_path(file: &Path) -> PathBuf {
    let mut path = if file == Path::new("-") { "stdin".into() } else { file.as_os_str().to_owned() };
    path.push(".");
    path.push(FAILED);
    path.into()
}
