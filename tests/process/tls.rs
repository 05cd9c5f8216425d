//! TLS for operators: errors that prevent the start, log lines and metrics, and certificates that
//! are renewed under load.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use passbridge::proto::v1::registration_code::State;
use rustix::process::Signal;

use crate::support::{
    certificates::{Authority, Identity, Kind, TlsClient, replace, shown},
    http::call,
    raw::RawChannel,
    request::{create, delete, watch},
    server_process::{Program, ServerProcess},
};

/// A server with TLS on both faces. Its certificate and key are in this folder.
fn program(folder: &Path, data: &Path) -> Program {
    let (certificate, key) = (folder.join("tls.crt"), folder.join("tls.key"));
    let mut program = Program::server(data);
    for face in ["GRPC", "REST"] {
        program = program
            .env(&format!("PASSBRIDGE_{face}__TLS__CERTIFICATE"), certificate.to_str().expect("UTF-8"))
            .env(&format!("PASSBRIDGE_{face}__TLS__KEY"), key.to_str().expect("UTF-8"));
    }
    program
}

#[test]
fn an_unusable_certificate_prevents_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::named("ours");
    let right = authority.server();
    for (identity, field, part) in [
        (authority.identity("127.0.0.1", Kind::Expired), "certificate", "expired at 2020-01-01T00:00:00Z"),
        (
            authority.identity("127.0.0.1", Kind::NotValidYet),
            "certificate",
            "is not valid before 2200-01-01T00:00:00Z",
        ),
        (
            Identity { key: authority.server().key, ..right.clone() },
            "key",
            "does not belong to the certificate",
        ),
        (Identity { key: right.certificate.clone(), ..right.clone() }, "key", "contains no private key"),
    ] {
        identity.written_to(folder.path());
        let error = program(folder.path(), &folder.path().join("data")).failure();
        for face in ["grpc", "rest"] {
            assert!(error.contains(&format!("{face}.tls.{field}: ")), "{error}");
        }
        assert!(error.contains(part), "{error}");
    }
    fs::remove_file(folder.path().join("tls.key")).expect("removed");
    let error = program(folder.path(), &folder.path().join("data")).failure();
    assert!(error.contains("grpc.tls.key: ") && error.contains("tls.key cannot be read"), "{error}");
    fs::write(folder.path().join("tls.key"), [0x30, 0x82, 0xff, 0x00]).expect("written");
    let error = program(folder.path(), &folder.path().join("data")).failure();
    assert!(error.contains("it must be a PEM file with"), "{error}");
}

#[test]
fn a_public_address_without_callers_and_tls_names_the_keys_to_set() {
    let folder = tempfile::tempdir().expect("a folder");
    let public =
        |face: &str| Program::server(folder.path()).env(&format!("PASSBRIDGE_{face}__LISTEN"), "0.0.0.0:0");
    let error = public("GRPC").failure();
    for part in ["grpc.listen: ", "grpc.auth = \"callers\"", "grpc.tls.certificate and grpc.tls.key"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let error = public("REST").failure();
    for part in ["rest.listen: ", "rest.tls.certificate and rest.tls.key", "\"terminated_elsewhere\""] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let error = public("GRPC").env("PASSBRIDGE_GRPC__TLS__MODE", "terminated_elsewhere").failure();
    assert!(error.contains("grpc.auth = \"callers\"") && !error.contains("tls.certificate"), "{error}");
}

#[tokio::test]
async fn world_readable_keys_cause_a_warning_and_certificate_expiry_is_a_metric() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::named("ours");
    authority.server().written_to(folder.path());
    let key = folder.path().join("tls.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("set");
    let mut server = program(folder.path(), &folder.path().join("data")).begin();
    let line = server.wait_for_line("private key file is readable by every user");
    assert!(line.contains("grpc.tls.key") && line.contains("WARN"), "{line}");
    server.wait_until_serving();
    let (_, metrics) = server.page("/metrics");
    // The 1st of January 4096.
    let end = "passbridge_tls_certificate_end_seconds{listener=\"rest\"} 67090118400\n";
    assert!(metrics.contains(end), "{metrics}");
}

#[tokio::test]
async fn rejected_client_certificates_are_logged_and_counted_by_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let (authority, other) = (Authority::named("ours"), Authority::named("another"));
    authority.server().written_to(folder.path());
    let ca = folder.path().join("ca.pem");
    fs::write(&ca, &authority.certificate).expect("written");
    let mut server = program(folder.path(), &folder.path().join("data"))
        .env("PASSBRIDGE_GRPC__TLS__CLIENT_CA", ca.to_str().expect("UTF-8"))
        .start();
    for (identity, reason) in [
        (authority.identity("tv.example.com", Kind::Expired), "certificate_expired"),
        (authority.identity("tv.example.com", Kind::NotValidYet), "certificate_not_valid_yet"),
        (authority.identity("tv.example.com", Kind::ForServersOnly), "certificate_not_for_clients"),
        (other.identity("tv.example.com", Kind::Right), "certificate_of_unknown_issuer"),
    ] {
        let client = authority.client().wanting("h2").showing(&identity);
        let served = match client.connect(server.grpc).await {
            Ok(stream) => match RawChannel::over(stream).await {
                Ok(channel) => channel.codes().create_registration_code(create()).await.is_ok(),
                Err(_) => false,
            },
            Err(_) => false,
        };
        assert!(!served, "{reason}");
        let line = server.wait_for_line("TLS handshake failed");
        assert!(line.contains(&format!("\"reason\":\"{reason}\"")), "{line}");
        let (_, metrics) = server.page("/metrics");
        let count = format!("passbridge_tls_handshakes_total{{listener=\"grpc\",result=\"{reason}\"}} 1\n");
        assert!(metrics.contains(&count), "{metrics}");
    }
}

#[tokio::test]
async fn unusable_files_are_reported_once_with_their_key_and_change_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let authority = Authority::named("ours");
    let first = authority.server();
    first.written_to(folder.path());
    let mut server = program(folder.path(), &folder.path().join("data")).start();
    let next = authority.server();
    replace(&folder.path().join("tls.crt"), &next.certificate);
    let line = server.wait_for_line("TLS files rejected");
    assert!(line.contains("grpc.tls.key: ") && line.contains("does not belong"), "{line}");
    server.signal(Signal::HUP);
    let line = server.wait_for_line("configuration reload rejected");
    assert!(line.contains("rest.tls.key: "), "{line}");
    for address in [server.grpc, server.rest] {
        let stream = authority.client().connect(address).await.expect("shakes hands");
        assert_eq!(shown(&stream), first.der());
    }
    replace(&folder.path().join("tls.key"), &next.key);
    server.wait_for_line("TLS files reloaded");
    let stream = authority.client().connect(server.grpc).await.expect("shakes hands");
    assert_eq!(shown(&stream), next.der());
    let (_, metrics) = server.page("/metrics");
    for result in ["done", "refused"] {
        let count = format!("passbridge_tls_reloads_total{{result=\"{result}\"}} 1\n");
        assert!(metrics.contains(&count), "{metrics}");
    }
}

/// Calls that continue until stopped, and the number of successful ones.
struct Load {
    goes_on: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    callers: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    /// Starts callers that keep one connection each, and callers that open one for each call.
    fn on(server: &ServerProcess, client: &TlsClient) -> Self {
        let (goes_on, answered) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (grpc, rest) = (server.grpc, server.rest);
        let mut callers = Vec::new();
        for keeps in [true, true, false] {
            let (goes_on, answered) = (Arc::clone(&goes_on), Arc::clone(&answered));
            let client = client.clone();
            callers.push(tokio::spawn(async move {
                let mut kept = None;
                while goes_on.load(Ordering::Relaxed) {
                    if !keeps || kept.is_none() {
                        let stream = client.clone().wanting("h2").connect(grpc).await.expect("shakes hands");
                        kept = Some(RawChannel::over(stream).await.expect("speaks HTTP/2").codes());
                        let stream = client.connect(rest).await.expect("shakes hands");
                        let call = call(rest, "GET", "/reggie/v1/REF/regcode/BCDFGHJ.json");
                        assert_eq!(call.send_over(stream).await.expect("answers").status, 401);
                    }
                    let codes = kept.as_mut().expect("is connected");
                    codes.create_registration_code(create()).await.expect("creates");
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }));
        }
        Self { goes_on, answered, callers }
    }

    /// Waits for further successful calls.
    async fn further(&self) {
        let before = self.answered.load(Ordering::Relaxed);
        crate::support::server_process::until("further calls", async || {
            let failed = self.callers.iter().any(tokio::task::JoinHandle::is_finished);
            failed || self.answered.load(Ordering::Relaxed) > before + 10
        })
        .await;
    }

    /// Stops the calls. Panics if any has failed.
    async fn end(self) {
        self.goes_on.store(false, Ordering::Relaxed);
        for caller in self.callers {
            caller.await.expect("no call has failed");
        }
    }
}

/// Updates files as Kubernetes does: it atomically replaces a symbolic link to a folder.
fn project(volume: &Path, generation: &str, identity: &Identity) {
    let folder = volume.join(generation);
    fs::create_dir(&folder).expect("made");
    identity.written_to(&folder);
    let next = volume.join("..data_tmp");
    symlink(generation, &next).expect("linked");
    fs::rename(&next, volume.join("..data")).expect("swapped");
    for name in ["tls.crt", "tls.key"] {
        let link = volume.join(name);
        if !link.exists() {
            symlink(Path::new("..data").join(name), link).expect("linked");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn certificates_are_renewed_under_load_with_no_failed_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let volume = folder.path().join("volume");
    fs::create_dir(&volume).expect("made");
    let authority = Authority::named("ours");
    project(&volume, "..first", &authority.server());
    let mut server = program(&volume, &folder.path().join("data")).start();
    let client = authority.client();
    let stream = client.clone().wanting("h2").connect(server.grpc).await.expect("shakes hands");
    let mut codes = RawChannel::over(stream).await.expect("speaks HTTP/2").codes();
    let created = codes.create_registration_code(create()).await.expect("creates").into_inner();
    let code = created.registration_code.expect("a code").code;
    let mut watch = codes.watch_registration_code(watch(&code)).await.expect("watches").into_inner();
    watch.message().await.expect("answers").expect("a state");
    let load = Load::on(&server, &client);
    load.further().await;

    let second = authority.server();
    project(&volume, "..second", &second);
    server.wait_for_line("TLS files reloaded");
    assert_eq!(shown(&client.connect(server.grpc).await.expect("shakes hands")), second.der());
    load.further().await;

    let third = authority.server();
    project(&volume, "..third", &third);
    server.signal(Signal::HUP);
    server.wait_for_line("configuration reloaded");
    for address in [server.grpc, server.rest] {
        assert_eq!(shown(&client.connect(address).await.expect("shakes hands")), third.der());
    }
    load.further().await;

    load.end().await;
    codes.delete_registration_code(delete(&code)).await.expect("deletes");
    let last = watch.message().await.expect("goes on").expect("a state");
    assert_eq!(last.registration_code.expect("a code").state(), State::Released);
}

/// Returns the output of a command, which must succeed.
#[track_caller]
fn printed(program: Program) -> String {
    let output = program.output();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn commands_use_tls_and_a_client_certificate() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let (authority, other) = (Authority::named("ours"), Authority::named("another"));
    authority.server().written_to(folder.path());
    let own = authority.identity("operator.example.com", Kind::Right);
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("written");
        path.to_str().expect("UTF-8").to_owned()
    };
    let (ca, wrong_ca) = (file("ca.pem", &authority.certificate), file("other.pem", &other.certificate));
    let (cert, key) = (file("own.crt", &own.certificate), file("own.key", &own.key));
    let required = |program: Program| {
        program
            .env("PASSBRIDGE_GRPC__TLS__CLIENT_CA", &ca)
            .env("PASSBRIDGE_GRPC__TLS__CLIENT_CERTIFICATE", "required")
    };
    let server = required(program(folder.path(), &data)).start();
    let (grpc, rest) = (format!("https://{}", server.grpc), format!("https://{}", server.rest));

    let here = |arguments: &[&str]| {
        let mut program =
            Program::new(arguments).env("PASSBRIDGE_STORE__PATH", data.to_str().expect("UTF-8"));
        for (face, address) in [("GRPC", server.grpc), ("REST", server.rest)] {
            for (name, file) in [("CERTIFICATE", "tls.crt"), ("KEY", "tls.key")] {
                let path = folder.path().join(file);
                let variable = format!("PASSBRIDGE_{face}__TLS__{name}");
                program = program.env(&variable, path.to_str().expect("UTF-8"));
            }
            program = program.env(&format!("PASSBRIDGE_{face}__LISTEN"), &address.to_string());
        }
        required(program)
    };
    let reset = ["temp-pass", "reset", "--requestor", "REF", "--mvpd", "TempPass", "--device", "a"];

    // The command trusts the certificate that the configuration names.
    assert!(!printed(here(&["token", "--requestor", "REF"])).trim().is_empty());
    let answer = printed(here(&reset).arguments(&["--cert", &cert, "--key", &key]));
    assert!(answer.contains("no trial to reset"), "{answer}");
    here(&reset).failure();

    let token = ["token", "--requestor", "REF", "--url", &rest, "--ca"];
    assert!(!printed(here(&token).argument(&ca)).trim().is_empty());
    let error = here(&token).argument(&wrong_ca).failure();
    assert!(error.contains("UnknownIssuer"), "{error}");

    let elsewhere = |ca: &str, url: &str| {
        Program::new(&reset).arguments(&["--url", url, "--ca", ca, "--cert", &cert, "--key", &key])
    };
    let answer = printed(elsewhere(&ca, &grpc));
    assert!(answer.contains("no trial to reset"), "{answer}");
    let error = elsewhere(&wrong_ca, &grpc).failure();
    assert!(error.contains("UnknownIssuer"), "{error}");
    let error = elsewhere(&key, &grpc).failure();
    assert!(
        error.contains("--ca: ") && error.contains("contains no certificate, but a private key"),
        "{error}"
    );
    let error = elsewhere(&ca, "http://127.0.0.1:1").failure();
    assert!(error.contains("--ca: has no effect"), "{error}");
    let secret = file("token", "two words");
    let error = Program::new(&reset).arguments(&["--token-file", &secret]).failure();
    assert!(error.contains("--token-file: ") && error.contains("contains no token"), "{error}");
    fs::write(&secret, "one\n").expect("written");
    let error = Program::new(&reset)
        .arguments(&["--url", "http://passbridge.example.com", "--token-file", &secret])
        .failure();
    assert!(error.contains("would expose the token"), "{error}");
}
