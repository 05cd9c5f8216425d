//! Scheduled resets of trials.

use std::{fs, time::Duration};

use passbridge::{
    admin::{OperatorCommand, OperatorResponse},
    config::{ScheduleTarget, TempPassSchedule},
    proto::v1::{GetTempPassRequest, temp_pass::State},
};

use super::temp_pass::authorize;
use crate::support::{request::REQUESTOR, rest::operate, test_server::TestServer};

/// The time from the start of the tests' clock, 22:13:20.123, to the next midnight.
const TO_MIDNIGHT: Duration = Duration::from_millis(6_399_877);

async fn state(server: &TestServer) -> State {
    let request = GetTempPassRequest {
        requestor_id: REQUESTOR.to_owned(),
        mvpd_id: "TempPass".to_owned(),
        device_id: "a".to_owned(),
        ..GetTempPassRequest::default()
    };
    let answer = server.temp_passes().get_temp_pass(request).await.expect("answers").into_inner();
    answer.temp_pass.expect("present").state()
}

#[tokio::test]
async fn a_schedule_resets_every_trial_at_midnight_and_is_named_in_the_audit_log() {
    let server = TestServer::configured(|config| {
        config.temp_pass_schedules = vec![TempPassSchedule {
            name: "nightly".to_owned(),
            schedule: "0 0 * * *".to_owned(),
            requestor: REQUESTOR.to_owned(),
            mvpd: "TempPass".to_owned(),
            target: ScheduleTarget { all: Some(true), ..ScheduleTarget::default() },
            ..TempPassSchedule::default()
        }];
    });
    let list = async || match operate(&server, OperatorCommand::ListSchedules).await {
        OperatorResponse::Schedules(lines) => lines,
        other => panic!("{other:?}"),
    };
    // Listing a schedule counts as its first sighting: it executes the runs that are due from then on.
    let first = list().await;
    assert_eq!((first[0].name.as_str(), first[0].result.as_str()), ("nightly", "not run yet"));
    let request = authorize("TempPass", "a", None, "1");
    server.temp_passes().authorize_temp_pass(request).await.expect("authorizes");
    server.clock.advance(TO_MIDNIGHT - Duration::from_millis(1));
    assert_eq!(state(&server).await, State::Active);
    server.clock.advance(Duration::from_millis(1));
    while state(&server).await == State::Active {
        tokio::task::yield_now().await;
    }
    while list().await[0].result == "running" {
        tokio::task::yield_now().await;
    }
    let line = &list().await[0];
    let midnight = 1_700_006_400_000;
    assert_eq!((line.last, line.result.as_str()), (Some(midnight), "done"));
    assert_eq!(line.next, Some(midnight + 24 * 3_600_000));
    let log = fs::read_to_string(server.data().join("audit.log")).expect("readable");
    let entry: serde_json::Value = serde_json::from_str(log.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&entry["caller"], &entry["face"]), (&"schedule nightly".into(), &"schedule".into()));
    assert_eq!((&entry["target"], log.lines().count()), (&"all".into(), 1));
}
