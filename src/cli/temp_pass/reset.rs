//! `passbridge temp-pass reset`

use std::{
    error::Error,
    io::{IsTerminal, Write, stderr, stdin},
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};

use super::{connection::connect, reset_file};
use crate::{
    cli::{dial::Dial, operate::operate},
    config::Config,
    proto::v1::{
        ResetFlexibleTempPassRequest, ResetTempPassRequest,
        reset_flexible_temp_pass_request::Target as FlexibleTarget, reset_temp_pass_request::Target,
    },
};

#[derive(Debug, Args)]
pub(in crate::cli) struct Reset {
    /// The server's gRPC address, such as `https://passbridge.example.com:50051`; the local server's where left out.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// The requestor of the TempPass.
    #[arg(long, value_name = "ID")]
    pub requestor: String,
    /// The TempPass.
    #[arg(long, value_name = "ID")]
    pub mvpd: String,
    /// The environment; the default one where left out.
    #[arg(long, value_name = "NAME", default_value = "")]
    pub environment: String,
    #[command(flatten)]
    pub what: What,
    /// How the file is written; by its extension (.csv, .jsonl, .ndjson) where left out, and CSV on standard input.
    #[arg(long, value_enum, requires = "file")]
    pub format: Option<FileFormat>,
    /// Where to write the lines that failed, so that they can be fed in again; the file's name with `.failed` where left out.
    #[arg(long, value_name = "FILE", requires = "file")]
    pub failed: Option<PathBuf>,
    /// Only say what would be reset.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before all trials are reset.
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub dial: Dial,
}

/// What to reset: exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct What {
    /// What a file lists, or standard input (`-`): CSV with a header, or JSON lines, with `device_id`, `generic_key` or
    /// `user_identifier`, and with `app_id` and `device_user` where wanted.
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The trial of this device.
    #[arg(long, value_name = "ID")]
    pub device: Option<String>,
    /// The trial of this user, by generic key.
    #[arg(long = "generic-key", value_name = "KEY")]
    pub key: Option<String>,
    /// Every trial of the TempPass.
    #[arg(long)]
    pub all: bool,
}

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum FileFormat {
    /// Comma-separated values with a header.
    Csv,
    /// A JSON object a line.
    Jsonl,
}

pub(super) fn run(reset: Reset, file: Option<&Path>) -> Result<(), Box<dyn Error>> {
    operate(file, |config| async move {
        if reset.what.file.is_some() {
            reset_file::run(&config, reset).await
        } else {
            one(&config, reset).await
        }
    })
}

/// One call: a device, a user, or all.
async fn one(config: &Config, reset: Reset) -> Result<(), Box<dyn Error>> {
    let Reset { url, requestor, mvpd, environment, what, dry_run, yes, dial, .. } = reset;
    let whose = match (&what.device, &what.key) {
        (Some(_), _) => "the trial of that device",
        (None, Some(_)) => "the trial of that user",
        (None, None) => "EVERY trial",
    };
    let what_for = format!("{whose} of {mvpd} for {requestor}");
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
        client.reset_flexible_temp_pass(request).await.map_err(told)?.into_inner().reset_count
    } else {
        let target = Some(what.device.map_or(Target::AllDevices(true), Target::DeviceId));
        let request = ResetTempPassRequest {
            requestor_id: requestor,
            mvpd_id: mvpd,
            environment,
            target,
            ..ResetTempPassRequest::default()
        };
        client.reset_temp_pass(request).await.map_err(told)?.into_inner().reset_count
    };
    if reset_count == Some(0) {
        println!("there was no trial to reset");
    } else {
        println!("reset {what_for}");
    }
    Ok(())
}

/// An error as the server words it.
fn told(status: tonic::Status) -> String {
    status.message().to_owned()
}

fn confirm(what: &str) -> Result<(), Box<dyn Error>> {
    if !stdin().is_terminal() {
        return Err("--all asks first, and there is no terminal to ask at; say --yes".into());
    }
    write!(stderr(), "This resets {what}. Type all to go on: ")?;
    stderr().flush()?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    if answer.trim() == "all" { Ok(()) } else { Err("nothing was reset".into()) }
}
