//! Slow, broken and full disks. Killing a process reveals little about the disk, so these tests preload a
//! library between the server and the disk: `tests/support/sync_shim.c`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use passbridge::proto::v1::{CreateRegistrationCodeResponse, registration_code::State};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::support::{
    raw::RawChannel,
    request::{create, delete, get, watch},
    server_process::{Program, ServerProcess, until},
    status::{probable_causes, refused},
};

/// A server with a disk that the test controls.
struct Disk {
    folder: TempDir,
    shim: PathBuf,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let shim = folder.path().join("sync_shim.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/sync_shim.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&shim)
            .args([source, "-ldl"])
            .status()
            .expect("a C compiler called cc");
        assert!(compiled.success());
        let disk = Self { folder, shim };
        disk.does("go");
        disk
    }

    fn data(&self) -> PathBuf {
        // With symbolic links resolved, because the kernel reports resolved names of open files.
        self.folder.path().canonicalize().expect("is there").join("data")
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    /// The shim lists the modes. The file is replaced atomically, because the shim may read it at any time.
    fn does(&self, what: &str) {
        let next = self.folder.path().join("control.next");
        fs::write(&next, what).expect("written");
        fs::rename(next, self.control()).expect("renamed");
    }

    /// Waits until a sync is blocked.
    async fn is_held(&self) {
        let held = self.folder.path().join("control.held");
        until("a sync on hold", async || Path::exists(&held)).await;
    }

    /// A server that keeps running after a failed write, so that the test can examine it.
    fn start(&self) -> ServerProcess {
        self.server().env("PASSBRIDGE_STORE__ON_WRITE_FAILURE", "stay").start()
    }

    fn server(&self) -> Program {
        let text = |path: &Path| path.to_str().expect("UTF-8").to_owned();
        Program::server(&self.data())
            .env("LD_PRELOAD", &text(&self.shim))
            .env("SYNC_SHIM_CONTROL", &text(&self.control()))
            .env("SYNC_SHIM_FOLDER", &text(&self.data()))
    }
}

async fn created(server: &ServerProcess) -> String {
    let answer = server.codes().create_registration_code(create()).await.expect("creates").into_inner();
    answer.registration_code.expect("a code").code
}

fn creating(server: &ServerProcess) -> JoinHandle<Result<Response<CreateRegistrationCodeResponse>, Status>> {
    let mut codes = server.codes();
    tokio::spawn(async move { codes.create_registration_code(create()).await })
}

async fn health(server: &ServerProcess, service: &str) -> ServingStatus {
    let mut client = HealthClient::new(server.channel());
    let answer = client.check(HealthCheckRequest { service: service.to_owned() }).await.expect("answers");
    answer.into_inner().status()
}

#[tokio::test]
async fn a_server_survives_the_deletion_of_its_working_directory() {
    let (data, started_in) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let server = Program::server(data.path()).in_folder(started_in.path()).start();
    drop(started_in);
    server.codes().create_registration_code(create()).await.expect("creates");
}

#[tokio::test]
async fn a_create_is_acknowledged_after_its_sync() {
    let disk = Disk::new();
    let server = disk.start();
    let before = created(&server).await;
    disk.does("hold");
    let waiting: Vec<_> = (0..8).map(|_| creating(&server)).collect();
    disk.is_held().await;
    // Calls that need no sync are answered meanwhile, so a response to the create would have arrived too.
    for _ in 0..20 {
        server.codes().get_registration_code(get(&before)).await.expect("reads");
    }
    assert!(waiting.iter().all(|create| !create.is_finished()), "acknowledged before it was on disk");
    disk.does("go");
    for create in waiting {
        let answer = create.await.expect("runs").expect("creates").into_inner();
        let code = answer.registration_code.expect("a code").code;
        server.codes().get_registration_code(get(&code)).await.expect("reads");
    }
}

#[tokio::test]
async fn a_delete_is_visible_after_its_sync() {
    let disk = Disk::new();
    let server = disk.start();
    let code = created(&server).await;
    let mut watch = server.codes().watch_registration_code(watch(&code)).await.expect("watches").into_inner();
    watch.message().await.expect("answers").expect("a state");
    disk.does("hold");
    let mut codes = server.codes();
    let request = delete(&code);
    let deleting = tokio::spawn(async move { codes.delete_registration_code(request).await });
    disk.is_held().await;
    for _ in 0..20 {
        server.codes().get_registration_code(get(&code)).await.expect("is still there");
    }
    assert!(!deleting.is_finished(), "acknowledged before it was on disk");
    disk.does("go");
    deleting.await.expect("runs").expect("deletes");
    let last = watch.message().await.expect("answers").expect("a state");
    assert_eq!(last.registration_code.expect("a code").state(), State::Released);
}

#[tokio::test]
async fn a_call_blocked_on_the_disk_ends_at_its_deadline() {
    let disk = Disk::new();
    let server = disk.start();
    disk.does("hold");
    let mut codes = RawChannel::connect(server.grpc).await.codes();
    let mut request = Request::new(create());
    request.set_timeout(Duration::from_millis(50));
    refused(codes.create_registration_code(request).await, Code::DeadlineExceeded, "DEADLINE_EXCEEDED");
    disk.does("go");
    created(&server).await;
}

#[tokio::test]
async fn a_write_pending_at_a_kill_was_not_acknowledged() {
    let disk = Disk::new();
    let mut server = disk.start();
    let before = created(&server).await;
    disk.does("hold");
    let waiting = creating(&server);
    disk.is_held().await;
    server.kill();
    let status = waiting.await.expect("runs").expect_err("no acknowledgement");
    assert_ne!(status.code(), Code::Ok);
    disk.does("go");
    let server = disk.start();
    server.codes().get_registration_code(get(&before)).await.expect("reads");
    created(&server).await;
}

#[tokio::test]
async fn calls_that_share_a_sync_share_its_failure() {
    let disk = Disk::new();
    let server = disk.start();
    disk.does("hold");
    let waiting: Vec<_> = (0..8).map(|_| creating(&server)).collect();
    disk.is_held().await;
    disk.does("error");
    for create in waiting {
        refused(create.await.expect("runs"), Code::Unavailable, "STORE_UNAVAILABLE");
    }
}

/// Holds for every kind of disk failure: writes are rejected with our error, health reports it, reads still
/// work, and no acknowledged write is lost.
async fn assert_survives(failure: &str) {
    let disk = Disk::new();
    let mut server = disk.start();
    let (kept, released) = (created(&server).await, created(&server).await);
    server.codes().delete_registration_code(delete(&released)).await.expect("deletes");
    assert_eq!(health(&server, "").await, ServingStatus::Serving);
    disk.does(failure);

    let refusal = server.codes().create_registration_code(create()).await;
    let status = refused(refusal, Code::Unavailable, "STORE_UNAVAILABLE");
    assert!(probable_causes(&status).is_some());
    let refusal = server.codes().delete_registration_code(delete(&kept)).await;
    refused(refusal, Code::Unavailable, "STORE_UNAVAILABLE");

    server.codes().get_registration_code(get(&kept)).await.expect("reads go on");
    until("503", async || server.page("/readyz").0 == 503).await;
    assert_eq!(server.page("/livez").0, 200, "only the operator restarts the server");
    for service in ["", "passbridge.v1.RegistrationCodeService"] {
        until("NOT_SERVING", async || health(&server, service).await == ServingStatus::NotServing).await;
    }
    assert_eq!(health(&server, "passbridge.v1.DeviceInfoService").await, ServingStatus::Serving);

    // After the repair, writes work again at the latest after a restart.
    disk.does("go");
    server.kill();
    let server = disk.start();
    server.codes().get_registration_code(get(&kept)).await.expect("is found after the restart");
    let gone = server.codes().get_registration_code(get(&released)).await;
    refused(gone, Code::NotFound, "REGISTRATION_CODE_NOT_FOUND");
    created(&server).await;
}

#[tokio::test]
async fn a_failed_sync_is_unavailable_and_loses_no_acknowledged_write() {
    assert_survives("error").await;
}

#[tokio::test]
async fn a_full_disk_is_unavailable_and_loses_no_acknowledged_write() {
    assert_survives("full").await;
}

#[tokio::test]
async fn a_server_with_a_failed_disk_still_terminates() {
    let disk = Disk::new();
    let mut server = disk.start();
    disk.does("error");
    refused(server.codes().create_registration_code(create()).await, Code::Unavailable, "STORE_UNAVAILABLE");
    server.terminate().await;
    assert!(!server.rest_of_log().contains("panicked"));
}

#[tokio::test]
async fn a_server_with_a_failed_write_drains_and_exits_with_an_error() {
    for failure in ["error", "full"] {
        let disk = Disk::new();
        let mut server = disk.server().start();
        let kept = created(&server).await;
        disk.does(failure);
        refused(
            server.codes().create_registration_code(create()).await,
            Code::Unavailable,
            "STORE_UNAVAILABLE",
        );
        assert_eq!(server.ended().await.code(), Some(1), "a supervisor sees that it failed");
        let log = server.rest_of_log();
        assert_eq!(log.matches("store write failed; shutting down").count(), 1, "{log}");
        assert!(!log.contains("panicked"), "{log}");

        disk.does("go");
        let server = disk.server().start();
        server.codes().get_registration_code(get(&kept)).await.expect("is found after the restart");
        created(&server).await;
    }
}
