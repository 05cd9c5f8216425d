//! `passbridge temp-pass reset`: resets trials through a server's gRPC face.

use std::{
    error::Error,
    io::{IsTerminal, Write, stderr, stdin},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};

use super::{connection::connect, reset_file};
use crate::{
    cli::{dial::DialArgs, operate::operate},
    config::Config,
    proto::v1::{
        ResetFlexibleTempPassRequest, ResetTempPassRequest,
        reset_flexible_temp_pass_request::Target as FlexibleTarget, reset_temp_pass_request::Target,
    },
};

#[derive(Debug, Args)]
pub(in crate::cli) struct ResetArgs {
    /// gRPC URL of the server, such as `https://passbridge.example.com:50051`. Default: the local server.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Requestor of the TempPass.
    #[arg(long, value_name = "ID")]
    pub requestor: String,
    /// Id of the TempPass.
    #[arg(long, value_name = "ID")]
    pub mvpd: String,
    /// Environment. Default: the default environment.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub environment: String,
    #[command(flatten)]
    pub what: ResetSelection,
    /// Format of the file. Default: by the extension (.csv, .jsonl, .ndjson); CSV for standard input.
    #[arg(long, value_enum, requires = "file")]
    pub format: Option<FileFormat>,
    /// File to write the failed lines to, as input for another run. Default: the input file's name with `.failed`
    /// appended.
    #[arg(long, value_name = "FILE", requires = "file")]
    pub failed: Option<PathBuf>,
    /// Print what would be reset, without resetting it.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask for confirmation before resetting all trials.
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub dial: DialArgs,
}

/// The trials to reset. Exactly one option is required.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct ResetSelection {
    /// Reset the trials listed in a file, or on standard input (`-`): CSV with a header, or JSON lines. Each line has
    /// one of `device_id`, `generic_key` and `user_identifier`; `app_id` and `device_user` may accompany `device_id`.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Reset the trial of this device.
    #[arg(long, value_name = "ID")]
    pub device: Option<String>,
    /// Reset the trial of the user with this generic key.
    #[arg(long = "generic-key", value_name = "KEY")]
    pub key: Option<String>,
    /// Reset every trial of the TempPass.
    #[arg(long)]
    pub all: bool,
}

/// The format of an input file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum FileFormat {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object per line.
    Jsonl,
}

pub(super) fn run(reset: ResetArgs, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    operate(file, |config| async move {
        if reset.what.file.is_some() {
            reset_file::run(&config, reset).await
        } else {
            one(&config, reset).await
        }
    })
}

/// Performs a single reset: a device, a user, or all.
async fn one(config: &Config, reset: ResetArgs) -> Result<(), Box<dyn Error>> {
    let ResetArgs { url, requestor, mvpd, environment, what, dry_run, yes, dial, .. } = reset;
    let trials = match (&what.device, &what.key) {
        (Some(_), _) => "the trial of that device",
        (None, Some(_)) => "the trial of that user",
        (None, None) => "EVERY trial",
    };
    let what_for = format!("{trials} of {mvpd} for {requestor}");
    if dry_run {
        println!("would reset {what_for}");
        return Ok(());
    }
    if what.all && !yes {
        confirm(&what_for)?;
    }
    let mut client = connect(config, url, &dial).await?;
    let reset_count = if let Some(key) = what.key {
        let target = Some(FlexibleTarget::GenericKey(key));
        let request = ResetFlexibleTempPassRequest {
            requestor_id: requestor,
            mvpd_id: mvpd,
            environment,
            target,
            ..ResetFlexibleTempPassRequest::default()
        };
        client.reset_flexible_temp_pass(request).await.map_err(message_of)?.into_inner().reset_count
    } else {
        let target = Some(what.device.map_or(Target::AllDevices(true), Target::DeviceId));
        let request = ResetTempPassRequest {
            requestor_id: requestor,
            mvpd_id: mvpd,
            environment,
            target,
            ..ResetTempPassRequest::default()
        };
        client.reset_temp_pass(request).await.map_err(message_of)?.into_inner().reset_count
    };
    if reset_count == Some(0) {
        println!("no trial to reset");
    } else {
        println!("reset {what_for}");
    }
    Ok(())
}

/// The error message of a status.
fn message_of(status: tonic::Status) -> String {
    status.message().to_owned()
}

fn confirm(what: &str) -> Result<(), Box<dyn Error>> {
    if !stdin().is_terminal() {
        return Err("--all requires a confirmation, but standard input is not a terminal; pass --yes".into());
    }
    write!(stderr(), "This resets {what}. Type \"all\" to continue: ")?;
    stderr().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    if answer.trim() == "all" { Ok(()) } else { Err("not confirmed; nothing was reset".into()) }
}
