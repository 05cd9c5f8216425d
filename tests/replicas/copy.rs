//! `passbridge store copy`: from the embedded store to Redis and back, interrupted, and rejected.

use std::{fs, process::Output};

use futures_util::{StreamExt, stream};
use passbridge::proto::v1::{
    AuthorizeTempPassRequest, Decision, GetTempPassRequest, RegistrationCode, ResetTempPassRequest, TempPass,
    WatchRegistrationCodeRequest,
    authorize_temp_pass_request::{self, Identity},
    get_temp_pass_request, registration_code, reset_temp_pass_request, temp_pass,
    temp_pass_service_client::TempPassServiceClient,
};
use test_engine::{Cluster, ClusterOptions, Reply, Server, ServerOptions};
use tonic::Code;

use crate::{
    PATIENCE, status,
    support::{
        Installation, key,
        request::{REQUESTOR, create, delete, get, roku, watch},
        server_process::{Program, ServerProcess},
    },
    texts,
};

const BASIC: &str = "TempPass";
const PROMOTIONAL: &str = "TempPassREF";

/// A reset schedule that runs once a year.
const SCHEDULE: &str = "[[temp_pass_schedules]]\nname = \"yearly\"\nschedule = \"0 0 1 1 *\"\nrequestor = \"REF\"\n\
                        mvpd = \"TempPass\"\ntarget = { all = true }\n";

/// Runs `passbridge store copy` from one installation to another.
fn copy(from: &Installation, to: &Installation) -> Program {
    let program = Program::new(&["store", "copy", "--from"]).argument(from.path("passbridge.toml"));
    program.argument("--to").argument(to.path("passbridge.toml"))
}

/// Returns the counts that a copy, which must succeed, reports.
#[track_caller]
fn copied(from: &Installation, to: &Installation) -> CopyOutput {
    let Output { status, stdout, stderr } = copy(from, to).output();
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    CopyOutput(String::from_utf8(stdout).expect("UTF-8"))
}

/// Parses the table that a copy prints.
struct CopyOutput(String);

impl CopyOutput {
    /// How many of these were copied, were there already, and expired meanwhile.
    #[track_caller]
    fn counts(&self, of: &str) -> [usize; 3] {
        let line = self.0.lines().find_map(|line| line.strip_prefix(of));
        let line = line.unwrap_or_else(|| panic!("no {of} in:\n{}", self.0));
        let counts: Vec<_> = line.split_whitespace().map(|count| count.parse().expect("a number")).collect();
        counts.try_into().expect("three")
    }
}

fn trials(server: &ServerProcess) -> TempPassServiceClient<tonic::transport::Channel> {
    TempPassServiceClient::new(server.channel())
}

async fn authorize(server: &ServerProcess, mvpd: &str, device: &str, user: &str, resource: &str) -> Decision {
    let request = AuthorizeTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: mvpd.to_owned(),
        device_id: device.to_owned(),
        identity: (!user.is_empty()).then(|| Identity::UserIdentifier(user.to_owned())),
        resource_id: resource.to_owned(),
        device: Some(authorize_temp_pass_request::Device::DeviceInfo(roku())),
        ..AuthorizeTempPassRequest::default()
    };
    let answer = trials(server).authorize_temp_pass(request).await.expect("authorizes").into_inner();
    answer.decision()
}

async fn trial(server: &ServerProcess, mvpd: &str, device: &str, user: &str) -> TempPass {
    let identity = get_temp_pass_request::Identity::UserIdentifier(user.to_owned());
    let request = GetTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: mvpd.to_owned(),
        device_id: device.to_owned(),
        identity: (!user.is_empty()).then_some(identity),
        ..GetTempPassRequest::default()
    };
    let answer = trials(server).get_temp_pass(request).await.expect("answers").into_inner();
    answer.temp_pass.expect("a trial")
}

async fn reset(server: &ServerProcess, mvpd: &str, target: reset_temp_pass_request::Target) {
    let request = ResetTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: mvpd.to_owned(),
        target: Some(target),
        ..ResetTempPassRequest::default()
    };
    trials(server).reset_temp_pass(request).await.expect("resets");
}

async fn created(server: &ServerProcess, request_id: &str) -> RegistrationCode {
    let mut request = create();
    request.request_id = request_id.to_owned();
    let created = server.codes().create_registration_code(request).await.expect("creates").into_inner();
    created.registration_code.expect("a code")
}

/// The state of viewers and devices at an installation, as they received it.
struct Life {
    live: RegistrationCode,
    released: RegistrationCode,
    repeated: RegistrationCode,
    request_id: String,
    token: String,
    revoked_token: String,
}

impl Life {
    async fn begin(installation: &Installation, server: &ServerProcess) -> Self {
        let token = || installation.command(&["token", "--url", &format!("http://{}", server.rest)]);
        let revoked_token = token();
        installation.command(&["revoke", "--issued-before", "now"]);
        let request_id = uuid::Uuid::from_u128(7).to_string();
        let life = Self {
            live: created(server, "").await,
            released: created(server, "").await,
            repeated: created(server, &request_id).await,
            request_id,
            token: token(),
            revoked_token,
        };
        server.codes().delete_registration_code(delete(&life.released.code)).await.expect("deletes");

        // Two basic trials are reset, and one of them begins again.
        for device in ["before", "again"] {
            authorize(server, BASIC, device, "", "one").await;
        }
        reset(server, BASIC, reset_temp_pass_request::Target::AllDevices(true)).await;
        for device in ["again", "stays"] {
            authorize(server, BASIC, device, "", "one").await;
        }
        reset(server, BASIC, reset_temp_pass_request::Target::DeviceId("again".to_owned())).await;

        // Three devices of one user with all five resources, and another device whose trial meets that user's.
        for (device, resource) in [("tv", "1"), ("phone", "2"), ("box", "3"), ("tv", "4"), ("tv", "5")] {
            authorize(server, PROMOTIONAL, device, "viewer", resource).await;
        }
        authorize(server, PROMOTIONAL, "tablet", "guest", "1").await;
        authorize(server, PROMOTIONAL, "tablet", "viewer", "1").await;
        life
    }

    /// Reads everything without changes, and returns a comparable value.
    async fn goes_on(&self, server: &ServerProcess) -> Vec<TempPass> {
        for code in [&self.live, &self.repeated] {
            let read = server.codes().get_registration_code(get(&code.code)).await.expect("is there");
            assert_eq!(read.into_inner().registration_code.as_ref(), Some(code));
        }
        assert_eq!(created(server, &self.request_id).await, self.repeated, "no second code");
        let gone = server.codes().get_registration_code(get(&self.released.code)).await.expect_err("is gone");
        assert_eq!(gone.code(), Code::NotFound);
        let end =
            WatchRegistrationCodeRequest { id: Some(self.released.id.clone()), ..watch(&self.released.code) };
        let mut end = server.codes().watch_registration_code(end).await.expect("watches").into_inner();
        let end = end.next().await.expect("a message").expect("a message").registration_code;
        assert_eq!(end.expect("a code").state(), registration_code::State::Released);

        assert_eq!(status(server, &self.token).await, 404, "the token is good, and there is no such code");
        assert_eq!(status(server, &self.revoked_token).await, 401);

        let mut seen = Vec::new();
        for device in ["before", "again", "stays"] {
            seen.push(trial(server, BASIC, device, "").await);
        }
        let states: Vec<_> = seen.iter().map(TempPass::state).collect();
        let (not_started, active) = (temp_pass::State::NotStarted, temp_pass::State::Active);
        assert_eq!(states, [not_started, not_started, active]);
        for (device, user) in [
            ("tv", "viewer"),
            ("phone", "viewer"),
            ("box", "viewer"),
            ("tablet", "guest"),
            ("tablet", "viewer"),
        ] {
            seen.push(trial(server, PROMOTIONAL, device, user).await);
        }
        for device in ["tv", "phone", "box", "tablet"] {
            let (old, new) = (
                authorize(server, PROMOTIONAL, device, "viewer", "1").await,
                authorize(server, PROMOTIONAL, device, "viewer", "6").await,
            );
            assert_eq!((old, new), (Decision::Permit, Decision::Deny), "{device}");
        }
        seen
    }
}

#[tokio::test]
async fn a_store_copy_moves_everything_to_redis_and_to_another_folder() {
    let (single, cluster) = (Server::start(ServerOptions::default()), ClusterOptions::default());
    let cluster = Cluster::start(&ClusterOptions { primaries: 3, replicas: 1, ..cluster });
    let stream = format!("[audit]\nto = \"stream\"\n{SCHEDULE}");
    let installations = [
        Installation::embedded(SCHEDULE),
        Installation::over(&[single.url()], &stream),
        Installation::over(&cluster.urls(), SCHEDULE),
        Installation::embedded(SCHEDULE),
    ];
    let mut server = installations[0].server().start();
    let life = Life::begin(&installations[0], &server).await;
    let before = life.goes_on(&server).await;
    server.terminate().await;
    for [from, to] in installations.windows(2).map(|pair| [&pair[0], &pair[1]]) {
        let said = copied(from, to);
        for (part, count) in [
            ("signing_key", 1),
            ("revocation", 1),
            ("request_id", 1),
            ("temp_pass_schedule", 1),
            ("codes", 2),
            ("released codes", 1),
            ("trials", 3),
            ("bindings to trials", 4),
            ("all", 14),
        ] {
            assert_eq!(said.counts(part), [count, 0, 0], "{part}\n{}", said.0);
        }
        let mut server = to.server().start();
        assert_eq!(life.goes_on(&server).await, before);
        let live = server.page("/metrics").1;
        assert!(live.contains("passbridge_live_codes{environment=\"default\"} 2"), "{live}");
        server.terminate().await;
    }
    let entries = texts(single.command(&["XRANGE", "pb:audit", "-", "+"])).join(" ");
    assert!(entries.contains("\"event\":\"store_copied\"") && entries.contains("\"copied\":14"), "{entries}");
    let entries = fs::read_to_string(installations[3].path("data").join("audit.log")).expect("readable");
    assert!(entries.contains("\"event\":\"store_copied\""), "{entries}");
}

#[tokio::test]
async fn an_interrupted_copy_is_resumed_and_blocks_servers_until_it_completes() {
    const CODES: usize = 3_000;
    let from = Installation::embedded("");
    let mut server = from.server().start();
    let codes = server.codes();
    let creates = stream::iter(0..CODES).map(|_| {
        let mut codes = codes.clone();
        async move { codes.create_registration_code(create()).await.expect("creates") }
    });
    creates.buffer_unordered(64).for_each(|_| async {}).await;
    server.terminate().await;

    let options = ServerOptions { append_only: true, max_memory: Some(2 << 20), ..ServerOptions::default() };
    let engine = Server::start(options);
    let to = Installation::over(&[engine.url()], "[codes]\nmax_live_codes = 3000\n");
    let error = copy(&from, &to).failure();
    assert!(
        error.contains("the store's engine is out of memory") && error.contains("the code of REF in default"),
        "{error}"
    );
    assert!(error.contains("run the same command again to resume"), "{error}");
    let held = keys(&engine);
    assert!(held > 100, "{held} keys");
    let error = to.server().failure();
    assert!(error.contains("the target of an interrupted copy"), "{error}");
    let error = copy(&to, &Installation::embedded("")).failure();
    assert!(error.contains("--from: the store is the target of an interrupted copy"), "{error}");

    // The copy of another store does not resume this interrupted copy.
    let another = Installation::embedded("");
    another.command(&["statement", "--requestor", REQUESTOR]);
    let error = copy(&another, &to).failure();
    assert!(error.contains("the target is an interrupted copy of another store"), "{error}");

    engine.command(&["CONFIG", "SET", "maxmemory", "0"]);
    let more = held.midpoint(CODES);
    let mut second = copy(&from, &to).begin();
    let half = async {
        while keys(&engine) < more {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, half).await.expect("it goes on");
    engine.kill();
    assert_eq!(second.ended().await.code(), Some(1), "{}", second.rest_of_log());
    engine.restart();
    engine.command(&["CONFIG", "SET", "maxmemory", "0"]);

    let said = copied(&from, &to);
    let [copied, present, ended] = said.counts("codes");
    assert!(copied > 0 && present > 100 && ended == 0, "{}", said.0);
    assert_eq!(copied + present, CODES);
    let mut server = to.server().start();
    let live = server.page("/metrics").1;
    assert!(live.contains("passbridge_live_codes{environment=\"default\"} 3000"), "{live}");
    let full = server.codes().create_registration_code(create()).await.expect_err("is full");
    assert_eq!(full.code(), Code::ResourceExhausted, "{full}");
    server.terminate().await;
    let error = copy(&from, &to).failure();
    assert!(error.contains("the target is not empty"), "{error}");
}

/// Returns the number of keys of the engine.
fn keys(engine: &Server) -> usize {
    match engine.command(&["DBSIZE"]) {
        Reply::Integer(count) => usize::try_from(count).expect("a count"),
        other => panic!("{}", other.text()),
    }
}

#[tokio::test]
async fn an_impossible_copy_is_rejected_before_any_write() {
    let (one, other) = (Server::start(ServerOptions::default()), Server::start(ServerOptions::default()));
    let (from, to) = (Installation::over(&[one.url()], ""), Installation::over(&[other.url()], ""));
    let folder = Installation::embedded("");
    for unused in [&from, &folder] {
        let error = copy(unused, &to).failure();
        assert!(
            error.contains("--from: no passbridge server has ever used this configuration's store"),
            "{error}"
        );
    }
    assert!(!folder.path("data").exists(), "a source is not made");

    from.command(&["statement", "--requestor", REQUESTOR]);
    let ring = fs::read_to_string(from.path("ring")).expect("the ring");
    from.write_ring(&[&key("another")]);
    for to in [&to, &folder] {
        let error = copy(&from, to).failure();
        assert!(
            error.contains("--from") && error.contains("signing key") && error.contains("\"first\""),
            "{error}"
        );
    }
    from.write_ring(&[&ring]);
    assert_eq!(keys(&other), 0);
    assert!(!folder.path("data").exists());

    // A target that is in use, and one that was in use.
    let mut server = folder.server().start();
    let error = copy(&from, &folder).failure();
    assert!(error.contains("--to") && error.contains("is in use by another passbridge server"), "{error}");
    let error = copy(&folder, &to).failure();
    assert!(error.contains("--from") && error.contains("is in use by another passbridge server"), "{error}");
    server.terminate().await;
    to.command(&["statement", "--requestor", REQUESTOR]);
    let before = keys(&other);
    for to in [&to, &folder, &from] {
        let error = copy(&from, to).failure();
        assert!(error.contains("the target is not empty") && error.contains("signing_key"), "{error}");
    }
    assert_eq!(keys(&other), before);

    let with_config = copy(&from, &to).argument("--config").argument(from.path("passbridge.toml"));
    assert!(with_config.failure().contains("--config"));
}
